"""Runs of what has changed, and runs that are continued, where data is in Delta tables."""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from sparkpipe.cli.main import cli
from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.delta]

REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def clean(trips, least):
    return trips.where(trips.fare >= least)


def total(cleaned):
    return cleaned.groupBy("day").sum("fare")


def report(totals):
    if FAILS:
        raise ValueError("no report")
    return {"days": totals.count()}


FAILS = False


def register_pipelines():
    return {
        "__default__": pipeline([
            node(clean, ["trips", "params:least"], "cleaned"),
            node(total, "cleaned", "totals"),
            node(report, "totals", "summary"),
        ])
    }
"""


class Trips:
    """A project with tables of Delta, whose runs are watched."""

    def __init__(self, folder: Path, spark: SparkSession) -> None:
        self.folder, self.spark = folder, spark
        self.package = f"fares_{folder.name.replace('-', '_')}"
        self.write("pyproject.toml", f'[tool.sparkpipe]\npackage_name = "{self.package}"\n')
        self.write(f"{self.package}/__init__.py", "")
        self.write(f"{self.package}/pipeline_registry.py", REGISTRY)
        self.write("conf/base/parameters.yml", "least: 1.0\n")
        self.write(
            "conf/base/catalog.yml",
            """
            trips: {type: spark.DeltaTableDataSet, filepath: data/trips}
            cleaned: {type: spark.DeltaTableDataSet, filepath: data/cleaned}
            totals: {type: spark.SparkDataSet, filepath: data/totals}
            summary: {type: json.JSONDataSet, filepath: data/summary.json}
            """,
        )
        self.add("trips", (1, 5.0), (1, 0.5), (2, 7.0))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def place(self, name: str) -> str:
        return str(self.folder / "data" / name)

    def add(self, name: str, *rows: tuple[int, float]) -> None:
        frame = self.spark.createDataFrame([*rows], "day INT, fare DOUBLE").coalesce(1)
        frame.write.format("delta").mode("append").save(self.place(name))

    def edit(self, old: str, new: str) -> None:
        path = self.folder / self.package / "pipeline_registry.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def session(self) -> Session:
        """Return a session of a project that is imported anew, as by another process."""
        for name in [one for one in sys.modules if one.partition(".")[0] == self.package]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return Session(self.folder, spark=self.spark)

    def why(self, **options: Any) -> dict[str, tuple[str, ...]]:
        """Return the nodes that would run, and why."""
        planned = self.session().plan(**options or {"changed": True})
        assert not planned.problems
        return {node.name: node.reasons for node in planned.nodes if node.runs}

    def run(self, **options: Any) -> list[str]:
        """Run what has changed, and return what ran."""
        session = self.session()
        session.run(**options or {"changed": True})
        nodes = session.runs.run("last").nodes.values()
        assert {one.status for one in nodes} <= {"done", "unchanged"}
        return [one.node for one in nodes if one.status == "done"]

    @contextmanager
    def few_tasks(self) -> Iterator[None]:
        """By itself VACUUM lists files in ten thousand tasks."""
        tasks = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
        self.spark.conf.set(tasks, "2")
        yield
        self.spark.conf.unset(tasks)

    @contextmanager
    def keeping_no_files(self) -> Iterator[None]:
        """Let VACUUM remove files that are not a week old."""
        check = "spark.databricks.delta.retentionDurationCheck.enabled"
        self.spark.conf.set(check, "false")
        yield
        self.spark.conf.unset(check)

    def let_append(self, name: str) -> None:
        """Let an output be a table of Delta to which rows are added."""
        path = self.folder / "conf/base/catalog.yml"
        entry = (
            f"{{type: spark.DeltaTableDataSet, filepath: data/{name}, save_args: {{mode: append}}}}"
        )
        lines = path.read_text().splitlines()
        changed = [f"{name}: {entry}" if one.startswith(f"{name}:") else one for one in lines]
        path.write_text("\n".join(changed))

    def forget_from(self, node: str) -> None:
        """Make the journal what a kill leaves after a node has saved, and before it is told."""
        (file,) = (self.folder / ".sparkpipe/runs").glob("2*.jsonl")
        lines = file.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines]
        ended = next(
            number
            for number, event in enumerate(events)
            if event["kind"] == "node_ended" and event["node"] == node
        )
        file.write_text("".join(lines[:ended]))

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        found = self.spark.read.format("delta").load(self.place(name)).collect()
        return sorted(map(tuple, found))


@pytest.fixture
def trips(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Trips:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Trips(tmp_path, spark)


def test_what_tables_hold_tells_what_runs(trips: Trips) -> None:
    assert trips.run(runner="ThreadRunner") == ["clean", "total", "report"]
    assert trips.run() == []
    trips.add("trips", (3, 0.1))
    assert trips.why() == {
        "clean": ("trips: Delta version 0 → 1",),
        "total": ("cleaned is made anew by clean",),
        "report": ("totals is made anew by total",),
    }
    # The row is too cheap: the sums are the same, and so what follows from them is, too.
    assert trips.run(runner="ThreadRunner", changed=True) == ["clean", "total"]
    assert trips.run() == []
    # A table that is restored has another version, whatever it holds.
    trips.spark.sql(f"RESTORE TABLE delta.`{trips.place('trips')}` TO VERSION AS OF 0")
    assert trips.why()["clean"] == ("trips: Delta version 1 → 2",)
    trips.run()
    trips.add("cleaned", (4, 9.0))
    assert trips.why()["clean"] == ("output cleaned was changed by someone else",)
    assert trips.run() == ["clean", "total"]
    assert trips.spark.read.parquet(trips.place("totals")).count() == 2


def test_versions_of_tables_are_shown_with_whose_they_are(
    trips: Trips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trips.folder)

    def told(*words: str) -> str:
        said = CliRunner().invoke(cli, ["tables", "history", *words], catch_exceptions=False)
        assert said.exit_code == 0, said.output
        return said.output

    assert "None of these tables is there yet." in told("clean*")
    trips.run()
    titles, *lines = told("trips", "c*").splitlines()
    assert titles.split()[:4] == ["Data", "set", "Version", "Time"]
    assert [line.split()[:2] for line in lines] == [["trips", "0"], ["cleaned", "0"]]
    (last,) = json.loads(told("cleaned", "--limit", "1", "--format", "json"))
    told_of_it = (last["data_set"], last["version"], last["rows"], last["node"])
    assert told_of_it == ("cleaned", 0, 2, "clean")


def test_a_table_that_is_gone_is_made_again(trips: Trips) -> None:
    import shutil

    trips.run()
    shutil.rmtree(trips.place("cleaned"))
    told = trips.why()
    assert told["clean"] == ("output cleaned is gone",)
    assert told["total"] == ("cleaned: nothing is there any more",)
    assert trips.run() == ["clean", "total"]
    with trips.few_tasks():
        trips.spark.sql(f"VACUUM delta.`{trips.place('cleaned')}`")
    assert "report" not in trips.run()


def test_a_run_that_failed_is_continued(trips: Trips) -> None:
    trips.edit("FAILS = False", "FAILS = True")
    with pytest.raises(RunFailedError):
        trips.session().run(runner="ThreadRunner", params={"least": 6.0})
    trips.edit("FAILS = True", "FAILS = False")
    assert set(trips.why(resume="last")) == {"report"}
    assert trips.run(resume="last") == ["report"]
    assert trips.session().runs.run("last").extra_params == {"least": 6.0}
    assert trips.session().catalog.load("summary") == {"days": 1}


def test_a_run_whose_tables_have_changed_is_not_continued_unseen(trips: Trips) -> None:
    trips.edit("FAILS = False", "FAILS = True")
    with pytest.raises(RunFailedError):
        trips.session().run()
    trips.edit("FAILS = True", "FAILS = False")
    trips.add("trips", (3, 8.0))
    with pytest.raises(PreflightError, match="trips: Delta version 0 → 1") as failed:
        trips.run(resume="last")
    assert "Add --changed to run what has changed, too" in str(failed.value)
    assert trips.run(resume="last", changed=True) == ["clean", "total", "report"]
    assert trips.session().catalog.load("summary") == {"days": 3}


def test_a_node_that_was_killed_after_its_save_adds_nothing_twice(trips: Trips) -> None:
    trips.let_append("totals")
    trips.edit('sum("fare")', 'sum("fare").toDF("day", "fare")')
    trips.run(runner="SequentialRunner")
    saved = trips.rows("totals")
    trips.forget_from("total")
    # What it has read is what the node before it has left: its save is known to Delta.
    assert trips.run(resume="last") == ["total", "report"]
    assert trips.rows("totals") == saved == [(1, 5.0), (2, 7.0)]


def test_a_node_that_was_killed_and_whose_input_has_changed_adds_only_by_force(
    trips: Trips,
) -> None:
    trips.let_append("cleaned")
    trips.run(runner="SequentialRunner")
    trips.forget_from("clean")
    trips.add("trips", (3, 8.0))
    for options in ({}, {"changed": True}):
        with pytest.raises(PreflightError, match="'clean' adds to 'cleaned': it had begun"):
            trips.run(resume="last", **options)
    assert trips.rows("cleaned") == [(1, 5.0), (2, 7.0)]
    # Its save is one of its own, which Delta does not pass over as that of the killed run.
    assert trips.run(resume="last", force=True) == ["clean", "total", "report"]
    assert trips.rows("cleaned") == [(1, 5.0), (1, 5.0), (2, 7.0), (2, 7.0), (3, 8.0)]


RUNNERS = pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "HybridRunner"])


@RUNNERS
def test_under_every_runner_what_has_changed_runs_and_what_is_left_is_continued(
    trips: Trips, runner: str
) -> None:
    def run(**options: Any) -> list[str]:
        return trips.run(runner=runner, **options)

    trips.edit("FAILS = False", "FAILS = True")
    with pytest.raises(RunFailedError):
        trips.session().run(runner=runner)
    trips.edit("FAILS = True", "FAILS = False")
    assert run(resume="last") == ["report"]
    assert run(changed=True) == []
    trips.add("trips", (3, 0.1))
    assert run(changed=True) == ["clean", "total"]
    trips.add("trips", (3, 8.0))
    assert run(changed=True) == ["clean", "total", "report"]
    assert trips.session().catalog.load("summary") == {"days": 3}


def test_where_nothing_is_committed_what_follows_is_left_out(trips: Trips) -> None:
    path = trips.folder / "conf/base/catalog.yml"
    merge = "{mode: merge, keys: [day, fare], update_when: 'false'}"
    entry = f"{{type: spark.DeltaTableDataSet, filepath: data/cleaned, save_args: {merge}}}"
    path.write_text(path.read_text().replace(path.read_text().splitlines()[2], f"cleaned: {entry}"))
    assert trips.run() == ["clean", "total", "report"]
    trips.add("trips", (3, 0.1))  # too cheap to be merged
    assert trips.run() == ["clean"]
    assert len([*Path(trips.place("cleaned"), "_delta_log").glob("0*.json")]) == 2
    nodes = trips.session().runs.run("last").nodes
    assert nodes["total"].status == nodes["report"].status == "unchanged"
    trips.add("trips", (3, 9.0))
    assert trips.run() == ["clean", "total", "report"]


def test_what_became_of_a_table_between_runs_is_told(trips: Trips) -> None:
    trips.run()
    place = trips.place("trips")
    trips.add("trips", (3, 8.0))
    trips.spark.sql(f"RESTORE TABLE delta.`{place}` TO VERSION AS OF 0")
    assert trips.why()["clean"] == ("trips: Delta version 0 → 2",)
    trips.run()
    # It is two commits, of which nobody looks what they hold.
    with trips.few_tasks(), trips.keeping_no_files():
        trips.spark.sql(f"VACUUM delta.`{place}` RETAIN 0 HOURS")
    assert trips.why()["clean"] == ("trips: Delta version 2 → 4",)
    assert trips.run() == ["clean", "total"]
    import shutil

    shutil.rmtree(place)
    trips.add("trips", (1, 5.0))
    trips.add("trips", (1, 6.0))
    trips.add("trips", (1, 7.0))
    assert trips.why()["clean"] == ("trips: Delta version 4 → 2",)
    assert "clean" in trips.run()
    shutil.rmtree(place)
    for fare in (5.0, 6.0, 7.0):
        trips.add("trips", (1, fare))
    assert trips.why()["clean"] == ("trips: Delta table made anew, at version 2",)
    shutil.rmtree(place)
    assert "the file does not exist" in str(trips.session().plan(changed=True).problems)


def test_a_save_of_fewer_rows_than_the_last_good_run_is_told(
    trips: Trips, caplog: pytest.LogCaptureFixture
) -> None:
    path = trips.folder / "conf/base/catalog.yml"
    text = path.read_text()
    path.write_text(text.replace("data/cleaned}", "data/cleaned, warn_below: 0.8}"))
    assert path.read_text() != text
    trips.run()
    trips.run(params={"least": 0.1})
    assert "rows of the last good run" not in caplog.text
    trips.run(params={"least": 6.0})
    told = "'cleaned' was saved with 1 row by node 'clean': fewer than 80% of the 3 rows of the"
    assert told in caplog.text
