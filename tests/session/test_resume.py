"""What a run takes over of one that did not come to its end, and what it is refused for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import PreflightError, RunFailedError, SparkpipeError
from sparkpipe.events import NodeStarted, observing
from sparkpipe.journal.resuming import NotContinuableError
from sparkpipe.session import Relation, Session

REGISTRY = """
from pathlib import Path

from sparkpipe.pipeline import node, pipeline

HERE = Path(__file__).parent


def make(number, by=1):
    return number + by


def log(number):
    return f"{number}\\n"


def end(number, lines, by=1):
    if (HERE / "fail").exists():
        raise ValueError("not yet")
    return number * by


def register_pipelines():
    return {
        "__default__": pipeline([
            node(make, "number", "more", name="make"),
            node(make, "more", "most", name="remember"),      # in memory
            node(log, "most", "lines", name="log"),
            node(end, ["most", "lines", "params:by"], "result", name="end"),
        ])
    }
"""

CATALOG = """
number: {type: json.JSONDataSet, filepath: data/number.json}
more: {type: json.JSONDataSet, filepath: data/more.json}
lines: {type: text.TextDataSet, filepath: data/lines.txt}
result: {type: json.JSONDataSet, filepath: data/result.json}
"""


class Numbers:
    """A project whose last node fails as long as there is a file ``fail``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = f"numbers_{folder.name.replace('-', '_')}"
        self.write("pyproject.toml", f'[tool.sparkpipe]\npackage_name = "{self.package}"\n')
        self.write(f"{self.package}/__init__.py", "")
        self.write(f"{self.package}/pipeline_registry.py", REGISTRY)
        self.write("conf/base/catalog.yml", CATALOG)
        self.write("conf/base/parameters.yml", "by: 2\n")
        self.write("data/number.json", "1")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def read(self, name: str) -> str:
        return (self.folder / "data" / name).read_text()

    @property
    def session(self) -> Session:
        return Session(self.folder)

    def fail(self, **options: Any) -> str:
        """Run until the last node fails; return the name of the run."""
        self.write(f"{self.package}/fail", "")
        with pytest.raises(RunFailedError, match="not yet"):
            self.session.run(**options)
        (self.folder / self.package / "fail").unlink()
        return self.session.runs.run("last").run_id

    def ran(self) -> list[str]:
        """Return what the last run has done."""
        nodes = self.session.runs.run("last").nodes.values()
        return [one.node for one in nodes if one.status == "done"]


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Numbers:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Numbers(tmp_path)


@pytest.mark.parametrize(
    "runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner", "HybridRunner"]
)
def test_a_run_goes_on_with_what_it_was_asked_for(numbers: Numbers, runner: str) -> None:
    failed = numbers.fail(runner=runner, params={"by": 5}, from_nodes="make")
    numbers.session.run(resume="last")
    last = numbers.session.runs.run("last")
    assert numbers.ran() == ["remember", "end"]
    assert numbers.read("result.json") == "15"
    assert (last.resumes, last.runner, last.extra_params) == (failed, runner, {"by": 5})
    assert last.selection == {"from_nodes": ["make"]}
    # It is over: its name stands for the run that has continued it.
    assert numbers.session.run(resume=failed) == {}
    assert numbers.ran() == []


def test_what_is_asked_for_again_takes_the_place_of_what_was(numbers: Numbers) -> None:
    numbers.fail(params={"by": 5})
    numbers.session.run(resume="last", params={"by": 7}, runner="ThreadRunner")
    assert numbers.read("result.json") == "21"
    assert numbers.session.runs.run("last").runner == "ThreadRunner"


def test_a_run_that_fails_again_is_continued_where_that_one_stopped(numbers: Numbers) -> None:
    first = numbers.fail()
    second = numbers.fail(resume="last")
    numbers.session.run(resume=first)
    assert numbers.session.runs.run("last").resumes == second
    assert numbers.ran() == ["remember", "end"]


def test_what_was_left_out_as_it_was_there_is_left_out_again(numbers: Numbers) -> None:
    numbers.fail()
    (numbers.folder / "data/result.json").unlink(missing_ok=True)
    numbers.write("data/more.json", "10")
    numbers.fail(only_missing=True)
    for _ in range(2):
        numbers.fail(resume="last")
    numbers.session.run(resume="last")
    assert numbers.ran() == ["remember", "end"]
    assert numbers.read("result.json") == "22"


@pytest.mark.parametrize("is_needed_again", [True, False])
def test_what_would_be_added_twice_is_refused(numbers: Numbers, is_needed_again: bool) -> None:
    catalog = CATALOG.replace("data/lines.txt}", "data/lines.txt, save_args: {mode: a}}")
    catalog = catalog.replace("text.TextDataSet", f"{numbers.package}.lines.Lines")
    numbers.write(
        f"{numbers.package}/lines.py",
        """
        from pathlib import Path

        from sparkpipe.io import AbstractDataSet


        class Lines(AbstractDataSet):
            def __init__(self, filepath, save_args=None):
                self._path = filepath

            def _load(self):
                return Path(self._path).read_text()

            def _save(self, data):
                with open(self._path, "a") as file:
                    file.write(data)

            def _exists(self):
                import os
                return os.path.exists(self._path)

            def _describe(self):
                return {"filepath": self._path}

            def save_effect(self):
                return "append"
        """,
    )
    numbers.write("conf/base/catalog.yml", catalog)
    registry = numbers.folder / numbers.package / "pipeline_registry.py"
    if is_needed_again:
        text = registry.read_text()
        text = text.replace('node(make, "more", "most", name="remember")', "REMEMBER")
        text = text.replace('node(log, "most", "lines", name="log"),', "")
        text = text.replace("REMEMBER", 'node(both, "more", ["most", "lines"], name="remember")')
        text = text.replace(
            "def end(", "def both(number):\n    return number, 'a line'\n\n\ndef end("
        )
        registry.write_text(text)
    numbers.fail()
    if is_needed_again:
        with pytest.raises(PreflightError, match="'remember' adds to 'lines': it has finished"):
            numbers.session.run(resume="last")
        numbers.session.run(resume="last", force=True)
    else:
        numbers.session.run(resume="last")
        assert numbers.read("lines.txt") == "3\n"


def test_a_scheduler_that_repeats_a_run_continues_it(numbers: Numbers) -> None:
    first = numbers.fail(job_run_id="nightly/7", params={"by": 3})
    numbers.session.run(job_run_id="nightly/7", params={"by": 3})
    assert numbers.ran() == ["remember", "end"]
    assert numbers.session.runs.run("last").resumes == first
    assert numbers.read("result.json") == "9"
    numbers.session.run(job_run_id="nightly/7")
    assert numbers.ran() == []
    numbers.session.run(job_run_id="nightly/8")
    assert numbers.ran() == ["make", "remember", "log", "end"]


class _At:
    """Calls something as soon as a node begins."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call: Callable[[], Any] | None = call

    def on_event(self, event: Any) -> None:
        if isinstance(event, NodeStarted) and self._call is not None:
            call, self._call = self._call, None
            call()


def test_the_second_of_two_that_continue_a_run_is_told(numbers: Numbers) -> None:
    run_id = numbers.fail()
    relation = Relation(resume="last")
    first, second, third = (numbers.session.prepare(relation=relation) for _ in range(3))
    told: list[str] = []

    def run_meanwhile() -> None:
        for run in (second.run, lambda: numbers.session.run(resume=run_id)):
            with pytest.raises(NotContinuableError) as refused:
                run()
            told.append(str(refused.value))

    with observing(_At(run_meanwhile)):
        first.run()
    assert told[0] == f"The run {run_id} is being continued by another process. Wait for its end."
    assert f", which continues {run_id}, goes on. Wait for its end" in told[1]
    with pytest.raises(NotContinuableError, match=r"was continued by .* meanwhile"):
        third.run()
    assert not [
        one for one in (numbers.folder / ".sparkpipe/runs").iterdir() if "claim" in one.name
    ]


def test_what_continues_a_run_is_found_though_the_clock_has_gone_back(numbers: Numbers) -> None:
    run_id = numbers.fail()
    runs = numbers.folder / ".sparkpipe/runs"
    (old,) = runs.glob("*.jsonl")
    old.with_name("2099.jsonl").write_text(old.read_text().replace(run_id, "2099"))
    old.unlink()
    numbers.session.run(resume="2099")
    assert numbers.session.run(resume="2099") == {}
    latest = max(runs.glob("*.jsonl"), key=lambda one: one.stat().st_mtime)
    assert '"status": "done"' not in latest.read_text()


def test_of_a_finished_node_that_always_runs_what_has_changed_is_told(numbers: Numbers) -> None:
    registry = numbers.folder / numbers.package / "pipeline_registry.py"
    registry.write_text(registry.read_text().replace('name="make"', 'name="make", always=True'))
    numbers.fail()
    registry.write_text(registry.read_text().replace("return number + by", "return number - by"))
    with pytest.raises(PreflightError, match="code of make changed"):
        numbers.session.run(resume="last")


def test_a_run_that_is_not_written_down_names_no_way_to_continue(numbers: Numbers) -> None:
    numbers.write("conf/base/journal.yml", "path: runs\n")
    numbers.write("runs", "a file")
    numbers.write(f"{numbers.package}/fail", "")
    with pytest.raises(RunFailedError) as failed:
        numbers.session.run()
    assert "--resume" not in str(failed.value)
    assert "--from-nodes" in str(failed.value)


def test_a_secret_that_was_given_is_to_be_given_again(numbers: Numbers) -> None:
    numbers.write("conf/base/parameters.yml", "by: 2\nlogin: {password: x}\n")
    registry = numbers.folder / numbers.package / "pipeline_registry.py"
    registry.write_text(registry.read_text().replace('"more", name="make"', '"more", name="make"'))
    numbers.write(
        f"{numbers.package}/pipeline_registry.py",
        REGISTRY.replace(
            '["most", "lines", "params:by"]', '["most", "lines", "params:by", "params:login"]'
        ).replace("def end(number, lines, by=1)", "def end(number, lines, by=1, login=None)"),
    )
    numbers.fail(params={"login": {"password": "hunter2"}})
    with pytest.raises(NotContinuableError, match="was given 'login', which is a secret"):
        numbers.session.run(resume="last")
    numbers.session.run(resume="last", params={"login": {"password": "hunter2"}})
    assert numbers.ran() == ["remember", "end"]


def test_a_filter_that_is_not_known_here_is_told(numbers: Numbers) -> None:
    run_id = numbers.fail(node_names=["make", "remember", "log", "end"])
    (file,) = (numbers.folder / ".sparkpipe/runs").glob(f"{run_id}.jsonl")
    file.write_text(file.read_text().replace('"node_names"', '"owners"', 1))
    with pytest.raises(NotContinuableError, match="was given the filter 'owners'"):
        numbers.session.run(resume="last")


def test_what_does_not_go_together_is_told(numbers: Numbers) -> None:
    numbers.fail()
    for options, told in (
        ({"resume": "last", "only_missing": True}, "are two choices of nodes"),
        ({"resume": "last", "journal": False}, "known from the journal, which is switched off"),
        ({"resume": "2001"}, "There is no run '2001'"),
    ):
        with pytest.raises(SparkpipeError, match=told):
            numbers.session.run(**options)  # type: ignore[arg-type]
    numbers.write("conf/prod/catalog.yml", "{}")
    for other in (Session(numbers.folder, env="prod"), Session(numbers.folder, defer="prod")):
        with pytest.raises(NotContinuableError, match=r"Add --env local|Leave out --defer"):
            other.run(resume="last")
