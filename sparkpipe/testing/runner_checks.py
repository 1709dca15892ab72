"""What every runner does alike, as checks that a runner of one's own can be put to.

Each check makes a runner, runs a small pipeline with it, and raises an ``AssertionError`` where the
runner does something else than the contract says. With pytest, one test for each::

    @pytest.mark.parametrize("check", RUNNER_CHECKS)
    def test_my_runner(check, tmp_path):
        check(MyRunner, tmp_path)

The functions of the nodes stand in :mod:`sparkpipe.testing.runner_nodes`, a module that worker
processes can import.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.events import NodeEnded, NodeRetried, RunEnded, RunObserver, RunStarted, observing
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import AbstractRunner
from sparkpipe.testing import runner_nodes as nodes

#: Makes a runner; takes the arguments of :class:`~sparkpipe.runner.AbstractRunner`.
MakeRunner: TypeAlias = Callable[..., AbstractRunner]
#: Puts a runner to a check, with an empty folder for files.
RunnerCheck: TypeAlias = Callable[[MakeRunner, Path], None]


def check_runner(make_runner: MakeRunner) -> None:
    """Put a runner to all checks of the contract.

    Args:
        make_runner: The class of the runner, or a function that makes one.

    Raises:
        AssertionError: The runner breaks the contract.
    """
    for check in RUNNER_CHECKS:
        with tempfile.TemporaryDirectory(prefix="sparkpipe-") as folder:
            check(make_runner, Path(folder))


def check_data(make_runner: MakeRunner, folder: Path) -> None:
    """Data comes as it is declared, free outputs are returned, and the rest is in the catalog."""
    pipeline = Pipeline(
        [
            *nodes.variance_nodes(),
            node(nodes.pair, "x", ["left", "right"], name="pair"),
            node(nodes.as_mapping, "x", {"right": "r", "left": "l"}, name="mapping"),
            node(nodes.add, {"y": "a", "x": "b"}, "ab", name="by_keyword"),
            node(nodes.add, ["x", "x"], "twice", name="twice"),
            node(nodes.identity, "no", "still_no", name="0"),
            node(nodes.identity, "still_no", "false", name="1"),
            node(nodes.identity, "nothing", "empty", name="empty"),
            node(nodes.scaled, ["x", "parameters"], "scaled", name="scale"),
            node(nodes.is_none, "params:limit", "limit_is", name="limit"),
            node(nodes.do_nothing, "left", None, name="no_outputs"),
        ]
    )
    feed = {
        "xs": [1, 2, 3],
        "x": 2,
        "a": "A",
        "b": "B",
        "no": False,
        "nothing": {},
        "parameters": {"factor": 1.5, "limit": None},
        "params:limit": None,
    }
    kept = {"v": MemoryDataSet(), "r": PickleDataSet(folder / "r.pkl")}
    catalog = DataCatalog(kept, feed_dict=feed)
    expected = {
        "right": 3,
        "l": 2,
        "ab": "BA",
        "twice": 4,
        "false": False,
        "empty": {},
        "scaled": 3.0,
        "limit_is": "none",
    }
    for _ in range(2):  # a second run with the same catalog gives the same
        outputs = make_runner().run(pipeline, catalog)
        assert outputs == expected, outputs
        assert abs(catalog.load("v") - 2 / 3) < 1e-9
        assert PickleDataSet(folder / "r.pkl").load() == 3
        assert set(catalog) == {*kept, *feed}, "the catalog given was changed"
        assert catalog.load("xs") == [1, 2, 3]
    assert make_runner().run(Pipeline([]), DataCatalog()) == {}


def check_forms_and_copies(make_runner: MakeRunner, folder: Path) -> None:
    """A data set may have two forms, and no node can change what another one gets."""
    (folder / "x.txt").write_text("41", encoding="utf-8")
    catalog = DataCatalog(
        {"x@text": TextDataSet(folder / "x.txt"), "x@pickle": PickleDataSet(folder / "x.pkl")},
        feed_dict={"xs": [1]},
    )
    pipeline = Pipeline(
        [
            node(nodes.add_one, "x@pickle", "more", name="after"),
            node(int, "x@text", "x@pickle", name="convert"),
            node(nodes.identity, "xs", "ys", name="make"),
            node(nodes.append_in_place, "ys", "changed", name="change"),
            node(nodes.add, ["ys", "changed"], "both", name="read_after"),
        ]
    )
    outputs = make_runner().run(pipeline, catalog)
    assert outputs == {"more": 42, "both": [1, 1, 99]}, outputs
    assert catalog.load("x@pickle") == 41


def check_generators(make_runner: MakeRunner, folder: Path) -> None:
    """A generator's chunks are saved one by one; hooks see each, and one run of the node."""
    log = nodes.LogOfCalls(folder / "log")
    pipeline = Pipeline(
        [
            node(nodes.chunks, "three", "y", name="stream"),
            node(nodes.pairs_of_chunks, "three", ["up", "down"], name="pairs"),
            node(nodes.chunks, "none", "never", name="empty"),
        ]
    )
    names = ("y", "up", "down", "never")
    kept = {name: nodes.ChunksInFile(folder, name) for name in names}
    catalog = DataCatalog(kept, feed_dict={"three": 3, "none": 0})
    make_runner().run(pipeline, catalog, create_hook_manager([log]))
    found = {name: catalog.load(name) for name in names if catalog.exists(name)}
    assert found == {"y": [[0], [1], [2]], "up": [[0], [1], [2]], "down": [[0], [-1], [-2]]}, found
    told = [line for line in log.lines if line.startswith("stream after")]
    assert told == [
        "stream after load three 3",
        *(f"stream after save y [{number}]" for number in range(3)),
        "stream after run [('y', [2])]",
    ], told


def check_preflight(make_runner: MakeRunner, folder: Path) -> None:
    """All that is missing is told at once, and nothing runs or is told to observers."""
    log, events = nodes.LogOfCalls(folder / "log"), _Events()
    pipeline = Pipeline(
        [
            node(nodes.identity, "orders", "a", name="first"),
            node(nodes.add, ["a", "customers"], "b", name="second"),
            node(nodes.identity, "params:limit", "c", name="third"),
            node(nodes.identity, "lost", "d", name="fourth"),
        ]
    )
    catalog = DataCatalog({"lost": PickleDataSet(folder / "lost.pkl")}, feed_dict={"order": 1})
    try:
        with observing(events):
            make_runner().run(pipeline, catalog, create_hook_manager([log]))
    except PreflightError as exc:
        told, problems = str(exc), exc.problems
    else:
        raise AssertionError("a pipeline that cannot run was not refused")
    assert len(problems) == 4, problems
    for part in ("'orders' of node 'first'", "Did you mean 'order'?", "'customers'", "lost.pkl"):
        assert part in told, told
    assert "'params:limit'" in told or "'limit'" in told, told
    assert log.lines == []
    assert events.told == []


def check_failure(make_runner: MakeRunner, folder: Path) -> None:
    """A failure names node, reason and place, keeps its cause, and tells how to go on."""
    log = nodes.LogOfCalls(folder / "log")
    pipeline = Pipeline(
        [
            node(nodes.add_one, "a", "b", name="good"),
            node(nodes.fail, "b", "c", name="bad"),
            node(nodes.add_one, "c", "d", name="never"),
        ]
    )
    error = _failed_run(
        make_runner(), pipeline, DataCatalog(feed_dict={"a": 1}), create_hook_manager([log])
    )
    (failure,) = error.failures
    assert failure.node_name == "bad"
    assert failure.message == "Node 'bad' failed: ValueError: the barrel is empty"
    assert failure.location.endswith("in fail"), failure.location
    assert 'raise ValueError("the barrel is empty")' in failure.traceback_text
    assert error.__cause__ is failure
    assert failure.__cause__ is not None
    assert (error.completed, error.total) == (1, 3)
    assert error.resume_from == ("good",), error.resume_from  # its output was only in memory
    assert "sparkpipe run --from-nodes good" in str(error)
    assert log.lines[-1] == "bad error the barrel is empty"


def check_ways_to_fail(make_runner: MakeRunner, folder: Path) -> None:
    """Whatever goes wrong in a node fails that node, and is told in its own words."""
    (folder / "torn.pkl").write_bytes(b"this is no pickle")
    catalog = DataCatalog(
        {
            "torn": PickleDataSet(folder / "torn.pkl"),
            "kept": PickleDataSet(folder / "kept.pkl"),
        },
        feed_dict={"a": 1},
    )
    ways: dict[str, tuple[Any, str, Any, str]] = {
        "leaver": (nodes.leave, "a", "b1", "'leaver' failed: its function called sys.exit(7)"),
        "long": (nodes.wait, "a", "kept", "'long' took longer than its timeout of 0.1 s"),
        "idle": (nodes.wait_for_nothing, "a", None, "'idle' took longer than its timeout"),
        "forgot": (nodes.do_nothing, "a", "b2", "'forgot' could not save 'b2'"),
        "three": (nodes.three, "a", ["b3", "b4"], "declares 2 outputs [b3,b4]; its function"),
        "one": (nodes.identity, "a", ["b5", "b6"], "must return a list or tuple of 2; it ret"),
        "lacks": (nodes.lacks_right, "a", {"left": "b7", "right": "b8"}, "lacks the keys right"),
        "no_dict": (nodes.identity, "a", {"left": "b9"}, "must return one; it returned int"),
        "half": (nodes.chunks_then_fail, "a", "b10", "the barrel is empty"),
        "reader": (nodes.identity, "torn", "b11", "Node 'reader' could not load 'torn' (Pickle"),
    }
    limits = {"long": 0.1, "idle": 0.1}
    pipeline = Pipeline(
        node(function, inputs, outputs, name=name, timeout=limits.get(name))
        for name, (function, inputs, outputs, _) in ways.items()
    )
    error = _failed_run(make_runner(continue_on_failure=True), pipeline, catalog)
    messages = {failure.node_name: failure.message for failure in error.failures}
    assert set(messages) == set(ways), set(ways) ^ set(messages)
    for name, (_, _, _, told) in ways.items():
        assert told in messages[name], messages[name]
    assert "None cannot be saved" in messages["forgot"]
    assert not (folder / "kept.pkl").exists(), "a node over its time has saved"


def check_hooks(make_runner: MakeRunner, folder: Path) -> None:
    """Hooks are called once each, in their order, may replace inputs, and may fail a node."""
    log = nodes.LogOfCalls(folder / "log")
    pipeline = Pipeline([node(nodes.pair, "a", ["b", "c"], name="n")])
    numbered = [nodes.Numbered(folder / "numbers", number) for number in range(12)]
    manager = create_hook_manager([log, *numbered])
    make_runner().run(pipeline, DataCatalog(feed_dict={"a": 1}), manager, "run-7")
    assert log.lines[:4] == [
        "n before load a",
        "n after load a 1",
        "n before run [('a', 1)] run-7",
        "n after run [('b', 1), ('c', 2)]",
    ], log.lines
    saves = [f"n {when} save {x}" for when in ("after", "before") for x in ("b 1", "c 2")]
    assert sorted(log.lines[4:]) == saves, log.lines
    assert (folder / "numbers").read_text().split() == [str(number) for number in range(12)]

    one = Pipeline([node(nodes.add_one, "x", "y", name="one")])
    catalog = DataCatalog(feed_dict={"x": 1})
    replacing = create_hook_manager([nodes.ReplaceInput()])
    assert make_runner().run(one, catalog, replacing) == {"y": 42}
    error = _failed_run(make_runner(), one, catalog, create_hook_manager([nodes.FailingHook()]))
    assert "'one' failed: RuntimeError: the hook does not like it" in str(error)


def check_release(make_runner: MakeRunner, folder: Path) -> None:
    """Data between nodes is released, ends are not; what was read is confirmed by whoever says."""
    (folder / "a").write_text("1")
    (folder / "lost").write_text("1")
    names = ("a", "b", "c", "d", "lost")
    catalog = DataCatalog({name: nodes.NumberInFile(folder, name) for name in names})
    pipeline = Pipeline(
        [
            node(nodes.add_one, "a", "b", name="1", confirms="a"),
            node(nodes.add_one, "b", "c", name="2"),
            node(nodes.add, ["b", "c"], "d", name="3"),
        ]
    )
    make_runner().run(pipeline, catalog)
    assert (folder / "released").read_text().split() == ["b", "c"]
    assert catalog.load("d") == 5
    failing = Pipeline([node(nodes.fail, "lost", "e", name="4", confirms="lost")])
    _failed_run(make_runner(), failing, catalog)
    confirmed = [name for name in names if (folder / f"{name}.confirmed").exists()]
    assert confirmed == ["a"], confirmed


def check_events(make_runner: MakeRunner, folder: Path) -> None:
    """Events are complete and in balance, also of what failed, was tried again, or never ran."""
    pipeline = Pipeline(
        [
            node(nodes.identity, "kept", "copy", name="good"),
            node(nodes.lose_connection, "copy", "c", name="bad", retries=2, retry_delay=0.01),
            node(nodes.add_one, "c", "d", name="never"),
            node(nodes.run_another, "copy", "inner", name="nested"),
        ]
    )
    kept = PickleDataSet(folder / "kept.pkl")
    kept.save([1])
    events, broken = _Events(), _BrokenObserver()
    with observing(broken, events), _quiet("sparkpipe.events"):
        _failed_run(
            make_runner(continue_on_failure=True), pipeline, DataCatalog({"kept": kept}), None, "r1"
        )
    first, *_, last = events.told
    assert isinstance(first, RunStarted)
    assert isinstance(last, RunEnded)
    assert (first.run_id, len(first.plan.nodes)) == ("r1", 4)
    assert {"sparkpipe", "python"} <= set(first.versions)
    assert last.outcome == "failed"
    assert last.counts == {"done": 2, "failed": 1, "skipped": 1}, last.counts
    kinds = [event.kind for event in events.told]
    assert kinds.count("run_started") == kinds.count("run_ended") == 1, "an inner run was told"
    assert sorted(e.node for e in events.told if e.kind == "node_started") == [
        "bad",
        "good",
        "nested",
    ]
    ended = {event.node: event for event in events.told if isinstance(event, NodeEnded)}
    assert {name: event.status for name, event in ended.items()} == {
        "good": "done",
        "bad": "failed",
        "never": "skipped",
        "nested": "done",
    }
    retried = [event for event in events.told if isinstance(event, NodeRetried)]
    assert [(e.node, e.attempt) for e in retried] == [("bad", 1), ("bad", 2)], retried
    bad, good = ended["bad"], ended["good"]
    assert bad.attempts == 3
    assert bad.error is not None
    assert bad.error.type == "ConnectionError", bad.error
    assert bad.error.location.endswith("in lose_connection"), bad.error
    assert bad.seconds > 0
    assert bad.function_seconds > 0
    loaded, saved = good.data_sets
    assert (loaded.name, loaded.direction, loaded.type) == ("kept", "load", "PickleDataSet")
    assert loaded.location.endswith("kept.pkl"), loaded.location
    assert (saved.name, saved.direction, saved.location) == ("copy", "save", "")
    assert len(broken.told) == len(events.told), "an observer that fails is told all the same"


def check_catalog_class(make_runner: MakeRunner, folder: Path) -> None:
    """A catalog of a class of one's own stays one, wherever nodes run."""
    catalog = nodes.CountingCatalog(feed_dict={"a": 1})
    catalog.log = folder / "loads"
    pipeline = Pipeline(
        [
            node(nodes.add_one, "a", "b", name="first"),
            node(nodes.add_one, "b", "c", name="second"),
        ]
    )
    assert make_runner().run(pipeline, catalog) == {"c": 3}
    assert set(catalog.log.read_text().split()) >= {"a", "b"}


def check_logs(make_runner: MakeRunner, folder: Path) -> None:
    """The log tells once what is loaded, run, saved and done."""
    (folder / "text.txt").write_text("hello")
    catalog = DataCatalog(
        {
            "text": TextDataSet(folder / "text.txt"),
            "kept": PickleDataSet(folder / "kept.pkl"),
        }
    )
    pipeline = Pipeline(
        [
            node(nodes.identity, "text", "between", name="first"),
            node(nodes.identity, "between", "kept", name="second"),
        ]
    )
    runner = make_runner()
    with _logging("sparkpipe", type(runner).__module__) as records:
        runner.run(pipeline, catalog)
    messages = [record.getMessage() for record in records]
    for line in (
        "Loading data from 'text' (TextDataSet)...",
        "Running node: first: identity([text]) -> [between]",
        "Completed 1 out of 2 tasks",
        "Running node: second: identity([between]) -> [kept]",
        "Saving data to 'kept' (PickleDataSet)...",
        "Completed 2 out of 2 tasks",
    ):
        assert messages.count(line) == 1, f"{line!r} in {messages}"
    done = [record for record in records if record.getMessage().startswith("Completed")]
    assert {record.name for record in done} == {type(runner).__module__}


#: All checks of the contract.
RUNNER_CHECKS: tuple[RunnerCheck, ...] = (
    check_data,
    check_forms_and_copies,
    check_generators,
    check_preflight,
    check_failure,
    check_ways_to_fail,
    check_hooks,
    check_release,
    check_events,
    check_catalog_class,
    check_logs,
)


def _failed_run(
    runner: AbstractRunner, pipeline: Pipeline, catalog: DataCatalog, *arguments: Any
) -> RunFailedError:
    try:
        runner.run(pipeline, catalog, *arguments)
    except RunFailedError as exc:
        return exc
    raise AssertionError("a run whose node fails did not fail")


class _Events:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.told.append(event)


class _BrokenObserver(RunObserver):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.told.append(event)
        raise OSError("no room left")


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _logging(*names: str) -> Iterator[list[logging.LogRecord]]:
    """Collect what loggers tell, whether or not they are below one another."""
    handler = _Records()
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    root = logging.getLogger()
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.INFO)
    try:
        yield handler.records
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
