"""What a run tells, to whom, and what observers cannot do to it."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import shutil
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.description import RunDescription, describing
from sparkpipe.errors import RunFailedError
from sparkpipe.events import (
    Event,
    NodeEnded,
    RunEnded,
    RunObserver,
    RunStarted,
    as_dict,
    current_observers,
    make_observers,
    observing,
)
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
    run_node,
)

CHAIN = pipeline([node(sum, "xs", "a", name="first"), node(abs, "a", "b", name="second")])


class Notes:
    """Writes down all it is told, and may fail."""

    def __init__(self, fails_at: str = "") -> None:
        self.told: list[Event] = []
        self._fails_at = fails_at

    def on_event(self, event: Event) -> None:
        self.told.append(event)
        if event.kind == self._fails_at:
            raise ValueError("no room left\nat all")

    @property
    def kinds(self) -> list[str]:
        return [f"{event.kind} {getattr(event, 'node', '')}".strip() for event in self.told]


def _run(runner: AbstractRunner | None = None, **feed: Any) -> Any:
    catalog = DataCatalog(feed_dict=feed or {"xs": [1, -3]})
    return (runner or SequentialRunner()).run(CHAIN, catalog, session_id="run 1")


_ALL = [
    "run_started",
    "node_started first",
    "node_ended first",
    "node_started second",
    "node_ended second",
    "run_ended",
]


def test_observers_watch_within_their_scope_only() -> None:
    outer, inner = Notes(), Notes()
    with observing(outer):
        with observing(inner):
            _run()
        assert len(current_observers()) == 1
    assert current_observers() == ()
    assert outer.kinds == inner.kinds == _ALL
    _run()
    assert len(outer.told) == len(_ALL)


@pytest.mark.parametrize("event", ["run_started", "node_started", "node_ended", "run_ended"])
def test_an_observer_that_fails_is_logged_once_and_disturbs_nobody(
    event: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = Notes(fails_at=event), Notes()
    with caplog.at_level(logging.WARNING), observing(failing, other):
        assert _run() == {"b": 2}
    assert failing.kinds == other.kinds == _ALL
    assert [record.getMessage() for record in caplog.records] == [
        "Notes cannot watch this run: ValueError: no room left ..."
    ]


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError()])
def test_nothing_that_an_observer_raises_ends_the_run(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    class Raising:
        def on_event(self, event: Event) -> None:
            raise error

    with observing(Raising()):
        assert _run() == {"b": 2}
    assert "Raising cannot watch this run" in caplog.text


def test_an_observer_that_cannot_say_what_it_wants_watches_all_the_same() -> None:
    class Broken(Notes):
        @property
        def wants_origins(self) -> bool:
            raise ValueError("not open yet")

    broken = Broken()
    with observing(broken):
        assert _run() == {"b": 2}
    assert broken.kinds == _ALL


def test_what_an_observer_changes_reaches_nobody_else() -> None:
    class Meddler:
        def __init__(self) -> None:
            self.refused = 0

        def on_event(self, event: Event) -> None:
            for value in vars(event).values():
                for part in (value, *value.values()) if isinstance(value, dict) else ():
                    try:
                        part.clear()
                    except TypeError:
                        self.refused += 1

    meddler, notes = Meddler(), Notes()
    description = RunDescription(params={"rates": [1], "more": {"a": 1}}, selection={"tags": ["t"]})
    with observing(meddler, notes), describing(description):
        _run()
    started = notes.told[0]
    assert isinstance(started, RunStarted)
    assert started.params == description.params == {"rates": [1], "more": {"a": 1}}
    assert as_dict(notes.told[-1])["counts"] == {"done": 2}
    assert meddler.refused > 3
    assert pickle.loads(pickle.dumps(started.params)) == started.params
    assert json.loads(json.dumps(started.params)) == started.params


def test_the_scope_ends_after_an_error_too() -> None:
    with pytest.raises(KeyboardInterrupt), observing(Notes()):
        raise KeyboardInterrupt
    assert current_observers() == ()


def test_a_subclass_writes_only_the_methods_that_it_needs() -> None:
    class Ends(RunObserver):
        def __init__(self) -> None:
            self.told: list[str] = []

        def on_node_ended(self, event: NodeEnded) -> None:
            self.told.append(event.node)

    ends = Ends()
    with observing(ends):
        _run()
    assert ends.told == ["first", "second"]


def test_the_start_of_a_run_tells_what_it_is() -> None:
    notes = Notes()
    description = RunDescription(
        "shop", "daily", {"tags": ["fast"]}, "prod", {"day": date(2026, 1, 2), "password": "***"}
    )
    with observing(notes), describing(description):
        _run(ThreadRunner(max_workers=3))
    (started,) = (event for event in notes.told if isinstance(event, RunStarted))
    assert started.run_id == "run 1"
    assert (started.project, started.pipeline, started.environment) == ("shop", "daily", "prod")
    assert started.selection == {"tags": ["fast"]}
    assert (started.runner, started.runner_options["max_workers"]) == ("ThreadRunner", 3)
    assert started.versions["python"].startswith("3.")
    told = json.loads(json.dumps(as_dict(started)))
    assert told["kind"] == "run_started"
    assert told["plan"][0] == {"name": "first", "inputs": ["xs"], "outputs": ["a"]}
    assert told["params"] == {"day": "2026-01-02", "password": "***"}


def test_every_event_can_be_written_as_json(tmp_path: Path) -> None:
    notes = Notes()
    retried = pipeline([node(nodes.refuse, "x", "y", name="n", retries=1, retry_delay=0.01)])
    with observing(notes), pytest.raises(RunFailedError):
        SequentialRunner().run(retried, DataCatalog(feed_dict={"x": 1}))
    told = [json.loads(json.dumps(as_dict(event))) for event in notes.told]
    assert [event["kind"] for event in told] == [
        "run_started",
        "node_started",
        "node_retried",
        "node_ended",
        "run_ended",
    ]
    assert told[2]["error"]["type"] == told[3]["error"]["type"] == "ConnectionError"
    assert told[3]["attempts"] == 2
    assert told[3]["data_sets"][0]["name"] == "x"
    assert told[4]["counts"] == {"failed": 1}


@pytest.mark.parametrize(
    "make",
    [
        SequentialRunner,
        lambda: SequentialRunner(is_async=True),
        ThreadRunner,
        lambda: ParallelRunner(max_workers=1),
        lambda: HybridRunner(max_workers=1, max_processes=1),
    ],
    ids=["sequential", "async", "thread", "parallel", "hybrid"],
)
def test_the_end_of_a_node_tells_each_data_set(
    make: Callable[[], AbstractRunner], tmp_path: Path
) -> None:
    catalog = DataCatalog(
        {name: PickleDataSet(tmp_path / f"{name}.pkl") for name in ("in", "out")},
        feed_dict={"more": 2},
    )
    catalog.save("in", 1)
    notes = Notes()
    pipe = pipeline([node(nodes.add, ["in", "more"], "out", name="add")])
    with observing(notes):
        make().run(pipe, catalog)
    (ended,) = (event for event in notes.told if isinstance(event, NodeEnded))
    assert [(d.name, d.direction) for d in ended.data_sets] == [
        ("in", "load"),
        ("more", "load"),
        ("out", "save"),
    ]
    read, _, written = ended.data_sets
    assert (read.type, written.type) == ("PickleDataSet", "PickleDataSet")
    assert written.location.endswith("out.pkl")
    assert written.bytes == (tmp_path / "out.pkl").stat().st_size
    assert read.bytes == (tmp_path / "in.pkl").stat().st_size
    assert 0 < sum(d.seconds for d in ended.data_sets) <= ended.seconds + 0.05
    assert ended.load_seconds > 0
    assert ended.save_seconds > 0


def test_a_failure_in_the_middle_has_its_times() -> None:
    notes = Notes()
    pipe = pipeline([node(nodes.slow_then_boom, "x", "y", name="n")])
    with observing(notes), pytest.raises(RunFailedError):
        SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}))
    (ended,) = (event for event in notes.told if isinstance(event, NodeEnded))
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error.type == "ValueError"
    assert "runner_nodes.py" in ended.error.location
    assert ended.function_seconds >= 0.05
    assert ended.save_seconds == 0


def test_runs_that_a_node_starts_are_not_told_to_its_observers() -> None:
    def start_others(x: int) -> int:
        thread = threading.Thread(target=_run)
        thread.start()
        thread.join()
        inner = Notes()
        with observing(inner):  # its own are
            _run()
        assert inner.kinds == _ALL
        return x

    notes = Notes()
    pipe = pipeline([node(start_others, "x", "y", name="outer")])
    for runner in (SequentialRunner(), ThreadRunner()):
        with observing(notes):
            runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert notes.kinds == 2 * [
        "run_started",
        "node_started outer",
        "node_ended outer",
        "run_ended",
    ]


@pytest.mark.parametrize("goes_on", [False, True])
def test_why_nodes_are_skipped_is_told(goes_on: bool) -> None:
    def fail(x: Any) -> Any:
        raise ValueError(x)

    notes = Notes()
    pipe = pipeline(
        [
            node(fail, "x", "y", name="bad"),
            node(abs, "y", "z", name="after"),
            node(abs, "z", "end", name="later"),
            node(abs, "x", "other", name="zother"),
        ]
    )
    runner = SequentialRunner(continue_on_failure=goes_on)
    with observing(notes), pytest.raises(RunFailedError):
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    ended = {one.node: (one.status, one.reason) for one in notes.told if isinstance(one, NodeEnded)}
    assert ended == {
        "bad": ("failed", ""),
        "after": ("skipped", "'bad' failed"),
        "later": ("skipped", "'bad' failed"),
        "zother": ("done", "") if goes_on else ("skipped", "the run ended as 'bad' failed"),
    }


def test_an_interrupted_run_is_told_to_its_end() -> None:
    def interrupt(x: Any) -> Any:
        raise KeyboardInterrupt

    notes = Notes()
    pipe = pipeline([node(interrupt, "x", "y", name="n"), node(abs, "y", "z", name="after")])
    with observing(notes), pytest.raises(KeyboardInterrupt):
        SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}))
    ended = {event.node: event.status for event in notes.told if isinstance(event, NodeEnded)}
    assert ended == {"n": "cancelled", "after": "skipped"}
    assert [one.reason for one in notes.told if isinstance(one, NodeEnded)] == [
        "",
        "the run was interrupted",
    ]
    last = notes.told[-1]
    assert isinstance(last, RunEnded)
    assert (last.outcome, last.counts) == ("interrupted", {"cancelled": 1, "skipped": 1})


def test_a_runner_that_calls_run_node_tells_its_nodes() -> None:
    class Kedros(AbstractRunner):
        def _run(self, pipeline: Any, catalog: Any, hook_manager: Any, session_id: Any) -> None:  # type: ignore[override]
            for one in pipeline.nodes:
                run_node(one, catalog, hook_manager, False, session_id)

    notes = Notes()
    with observing(notes):
        assert _run(Kedros()) == {"b": 2}
    assert notes.kinds == _ALL
    last = notes.told[-1]
    assert isinstance(last, RunEnded)
    assert last.counts == {"done": 2}


def test_a_session_tells_the_observers_of_its_settings(tmp_path: Path) -> None:
    from sparkpipe.session import Session

    package = tmp_path / "src" / "watched_shop"
    package.mkdir(parents=True)
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "conf" / "base" / "parameters.yml").write_text("rate: 2\napi_token: abc\n")
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "watched_shop"\n')
    (package / "__init__.py").touch()
    (package / "pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    one = node(abs, 'params:rate', 'y', name='n', tags='t')\n"
        "    return {'__default__': pipeline([one])}\n"
    )
    (package / "settings.py").write_text(
        "from sparkpipe.events import RunObserver\n"
        "class Journal(RunObserver):\n"
        "    made = []\n"
        "    def __init__(self):\n"
        "        self.told = []\n"
        "        self.made.append(self)\n"
        "    def on_event(self, event):\n"
        "        self.told.append(event)\n"
        "shared = Journal()\n"
        "OBSERVERS = (Journal, shared)\n"
    )
    session = Session(tmp_path)
    for _ in range(2):
        session.run(tags="t")
    import watched_shop.settings as settings  # type: ignore[import-not-found]

    first, *of_runs = settings.Journal.made
    assert [len(one.told) for one in of_runs] == [4, 4]  # one of its own for each run
    assert first is settings.shared
    assert len(first.told) == 8
    started = of_runs[0].told[0]
    assert (started.pipeline, started.selection) == ("__default__", {"tags": ["t"]})
    assert started.params == {"rate": 2, "api_token": "***"}


def test_a_class_of_observers_of_which_none_can_be_made_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NoDatabase(Notes):
        def __init__(self) -> None:
            raise ConnectionError("nobody answers")

    notes = Notes()
    assert make_observers([NoDatabase, notes]) == (notes,)
    assert "NoDatabase cannot watch this run: ConnectionError: nobody answers" in caplog.text


def test_settings_with_what_is_no_observer_are_refused(tmp_path: Path) -> None:
    from sparkpipe.errors import PreflightError
    from sparkpipe.session import Session

    package = tmp_path / "src" / "unwatched_shop"
    package.mkdir(parents=True)
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "unwatched_shop"\n')
    (package / "__init__.py").touch()
    (package / "settings.py").write_text("OBSERVERS = (print,)\n")
    with pytest.raises(PreflightError, match="no method 'on_event'"):
        Session(tmp_path).run()


def test_a_session_tells_the_observers_of_installed_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkpipe.errors import PreflightError
    from sparkpipe.session import Session

    def install(version: str, value: str) -> None:
        for installed in (tmp_path / "src").glob("*.dist-info"):
            shutil.rmtree(installed)
        about = tmp_path / "src" / f"journal-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Name: journal\nVersion: {version}\n")
        (about / "entry_points.txt").write_text(f"[sparkpipe.observers]\njournal = {value}\n")

    package = tmp_path / "src" / "shop_of_plugins"
    package.mkdir(parents=True)
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "conf" / "base" / "parameters.yml").write_text("rate: 2\n")
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "shop_of_plugins"\n')
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(
        "told = []\n"
        "class Journal:\n"
        "    def on_event(self, event):\n"
        "        told.append(event.kind)\n"
    )
    (package / "pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(abs, 'params:rate', 'y', name='n')])}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    Session(tmp_path).run()  # packages may come after the first look at what is installed
    install("1.0", "shop_of_plugins.plugin:Journal")
    Session(tmp_path).run()
    import shop_of_plugins.plugin as plugin  # type: ignore[import-not-found]

    assert plugin.told == ["run_started", "node_started", "node_ended", "run_ended"]
    for version, value, told in (
        ("1.1", "shop_of_plugins.plugin:told", "no method 'on_event'"),
        ("1.2", "shop_of_plugins.lost:X", "cannot be imported"),
    ):
        install(version, value)
        with pytest.raises(PreflightError, match=told):
            Session(tmp_path).run()
    (package / "settings.py").write_text('DISABLE_HOOKS_FOR_PLUGINS = ("journal",)\n')
    Session(tmp_path).run()
    assert len(plugin.told) == 4
