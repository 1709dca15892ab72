"""Streams that are judged: as they go by, and batch by batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.events import CheckReport, NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.delta

QUARANTINE = {"check": "fare >= 0", "name": "fare", "on_fail": "quarantine"}
UNIQUE = {"unique": "id", "on_fail": "warn"}


class Project:
    """A stream of JSON files into a table, judged by checks.

    Args:
        folder: Where all of it lies.
        checks: The checks of the table.
        more: What else its entry says.
        save_args: More of them.
    """

    def __init__(
        self, folder: Path, checks: list[Any], *, save_args: Any = None, **more: Any
    ) -> None:
        self._folder = folder
        (folder / "in").mkdir(exist_ok=True)
        self.taken: int | None = None
        self.entries: dict[str, Any] = {
            "in": {
                "type": "spark.SparkStreamingDataSet",
                "filepath": str(folder / "in"),
                "file_format": "json",
                "load_args": {"schema": "id INT, fare DOUBLE", "maxFilesPerTrigger": 1},
            },
            "out": {
                "type": "spark.SparkStreamingDataSet",
                "filepath": str(folder / "out"),
                "file_format": "delta",
                "save_args": {"checkpoint": str(folder / "checkpoint"), **(save_args or {})},
                "checks": checks,
                **more,
            },
            "known": {"type": "spark.SparkDataSet", "filepath": str(folder / "known")},
            "latest": {
                "type": "spark.SparkTableDataSet",
                "table": "latest",
                "write_mode": "overwrite",
            },
        }

    def write(self, name: str, *rows: tuple[int, float]) -> None:
        text = "\n".join(json.dumps({"id": key, "fare": fare}) for key, fare in rows)
        (self._folder / "in" / f"{name}.json").write_text(text)

    def run(self, change: Any = None, beside: Any = None) -> dict[str, CheckReport]:
        """Take what is new, and return what the checks have found.

        Args:
            change: What is done with the stream.
            beside: A node that runs at the same time.
        """
        kept = _Kept()
        catalog = DataCatalog.from_config(self.entries)
        catalog.add_feed_dict({"x": 1})
        nodes = [node(change or (lambda new: new), "in", "out", name="take")]
        with observing(kept):
            if beside is None:
                SequentialRunner().run(pipeline(nodes), catalog)
            else:
                ThreadRunner(max_workers=2).run(pipeline([*nodes, beside]), catalog)
        self.taken = kept.rows()
        return kept.reports()

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """Return the ids and fares of a table."""
        entry = {"type": "spark.SparkDataSet", "file_format": "delta"}
        entry["filepath"] = str(self._folder / name)
        found = DataCatalog.from_config({"t": entry}).load("t").select("id", "fare").collect()
        return sorted(map(tuple, found))

    def forget_last_batch(self) -> None:
        """Make the checkpoint what a kill leaves after a batch is saved, and before Spark knows."""
        commits = sorted((self._folder / "checkpoint/commits").glob("[0-9]*"))
        commits[-1].unlink()
        (commits[-1].parent / f".{commits[-1].name}.crc").unlink(missing_ok=True)

    def forget_last_commit(self, name: str) -> None:
        """Make a table what it is if its last save had not been."""
        from pyspark.sql import SparkSession

        commits = sorted((self._folder / name / "_delta_log").glob("[0-9]*.json"))
        for path in commits[-1].parent.glob(f"*{commits[-1].stem}*"):
            path.unlink()
        session = SparkSession.getActiveSession()
        assert session is not None
        session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


class _Kept(RunObserver):
    def __init__(self) -> None:
        self._ended: list[NodeEnded] = []

    def on_node_ended(self, event: NodeEnded) -> None:
        self._ended.append(event)

    def rows(self) -> int | None:
        (saved,) = (one for one in self._ended[-1].data_sets if one.direction == "save")
        return saved.rows

    def reports(self) -> dict[str, CheckReport]:
        return {one.check: one for one in self._ended[-1].checks}


@pytest.fixture
def classic(spark: SparkSession) -> Iterator[SparkSession]:
    if is_connect(spark):
        pytest.skip("batches are judged by classic Spark only")
    with activated(SparkProvider(session=spark)):
        yield spark


def test_each_batch_is_judged_like_a_save_and_a_batch_that_comes_again_is_not_there_twice(
    classic: SparkSession, tmp_path: Path
) -> None:
    classic.range(3).selectExpr("CAST(id AS INT) AS id").write.parquet(str(tmp_path / "known"))
    project = Project(
        tmp_path,
        [
            QUARANTINE,
            UNIQUE,
            {"rows": {"min": 1, "max": 3}},
            {"refers": {"id": "known.id"}, "on_fail": "warn"},
        ],
    )
    project.write("a", (1, 5.0), (1, 6.0), (2, -1.0))
    project.write("b", (1, 7.0), (9, -8.0))
    found = project.run()
    saved = project.rows("out"), project.rows("out_rejected")
    assert saved == ([(1, 5.0), (1, 6.0), (1, 7.0)], [(2, -1.0), (9, -8.0)])
    assert {name: (one.outcome, one.failed, one.rows) for name, one in found.items()} == {
        "fare": ("quarantined", 2, 5),
        "unique id": ("warned", 2, 5),
        "rows": ("passed", None, 5),
        "refers id": ("warned", 1, 5),
    }
    told = "in 1 of 2 batches, in the last of them: 2 of 3 rows did not pass: id is unique"
    assert found["unique id"].told == told
    assert found["fare"].quarantine.endswith("out_rejected")

    project.forget_last_batch()
    assert project.run() == {}, "of a batch that is saved no row is judged again"
    assert (project.rows("out"), project.rows("out_rejected")) == saved


MERGED = {"mode": "merge", "keys": "id"}
APPENDED: dict[str, Any] = {}


def save_rejects_only(project: Project, *rows: tuple[int, float]) -> None:
    """Leave a second batch as a kill does before it is saved: what it rejects is saved already."""
    project.write("a", (1, 5.0))
    project.run()  # the table is there
    project.write("b", *rows)
    project.run()
    project.forget_last_batch()
    project.forget_last_commit("out")


@pytest.mark.parametrize("save_args", [APPENDED, MERGED], ids=["append", "merge"])
def test_a_batch_that_comes_again_is_judged_by_what_its_checks_say_then(
    classic: SparkSession, tmp_path: Path, save_args: dict[str, Any]
) -> None:
    project = Project(tmp_path, [QUARANTINE], save_args=save_args)
    save_rejects_only(project, (2, -1.0), (3, 900.0), (4, 7.0), (5, -9.0))
    low = {"check": "fare >= -5", "name": "low", "on_fail": "quarantine"}
    high = {"check": "fare < 100", "name": "high", "on_fail": "quarantine"}
    project.entries["out"]["checks"] = [low, high]
    assert project.run()["high"].failed == 1
    # What was rejected stays so, though it would pass now.
    assert project.rows("out_rejected") == [(2, -1.0), (3, 900.0), (5, -9.0)]
    assert project.rows("out") == [(1, 5.0), (4, 7.0)]


@pytest.mark.parametrize("save_args", [APPENDED, MERGED], ids=["append", "merge"])
def test_a_batch_that_comes_again_from_other_code_loses_no_row(
    classic: SparkSession, tmp_path: Path, save_args: dict[str, Any]
) -> None:
    project = Project(tmp_path, [QUARANTINE], save_args=save_args)
    save_rejects_only(project, (2, -1.0), (3, 7.0), (4, 8.0))
    project.run(lambda new: new.selectExpr("id", "IF(id = 3, -7.0D, fare) AS fare"))
    assert project.rows("out_rejected") == [(2, -1.0), (3, -7.0)]
    assert project.rows("out") == [(1, 5.0), (4, 8.0)]


def summed(new: DataFrame) -> DataFrame:
    return new.groupBy("id").agg({"fare": "sum"}).withColumnRenamed("sum(fare)", "fare")


@pytest.mark.parametrize(
    ("save_args", "checks", "change"),
    [
        (APPENDED, [], lambda new: new.dropDuplicates(["id"])),
        (APPENDED, [QUARANTINE], lambda new: new.dropDuplicates(["id"])),
        (MERGED, [], lambda new: new.dropDuplicates(["id"])),
        ({"output_mode": "complete"}, [], summed),
    ],
)
def test_the_state_of_a_batch_that_comes_again_is_kept(
    classic: SparkSession, tmp_path: Path, save_args: dict[str, Any], checks: Any, change: Any
) -> None:
    project = Project(tmp_path, checks, save_args=save_args)
    if not checks:
        del project.entries["out"]["checks"]
    project.write("a", (1, 5.0))
    project.run(change)
    project.forget_last_batch()
    if checks:  # then none of its rows is judged again
        project.entries["out"]["checks"] = [{**QUARANTINE, "check": "fare >= -1"}]
    project.run(change)
    project.write("b", (1, 6.0), (2, 7.0))
    project.run(change)
    first = (1, 11.0) if change is summed else (1, 5.0)
    assert project.rows("out") == [first, (2, 7.0)]


@pytest.mark.parametrize("save_args", [APPENDED, MERGED], ids=["append", "merge"])
@pytest.mark.parametrize("check", [QUARANTINE, {**QUARANTINE, "check": "fare < 100"}])
def test_a_batch_that_is_saved_stays_as_it_is_when_it_comes_again(
    classic: SparkSession, tmp_path: Path, save_args: dict[str, Any], check: dict[str, Any]
) -> None:
    project = Project(tmp_path, [QUARANTINE], save_args={**save_args, "userMetadata": "theirs"})
    project.write("a", (1, 5.0), (2, -1.0), (3, 900.0))
    project.run()
    table = f"delta.`{tmp_path / 'out'}`"
    classic.sql(f"UPDATE {table} SET fare = 6.0 WHERE id = 1")
    project.forget_last_batch()
    project.entries["out"]["checks"] = [check]
    project.run()
    assert project.rows("out") == [(1, 6.0), (3, 900.0)]
    assert project.rows("out_rejected") == [(2, -1.0)]


@pytest.mark.parametrize(
    ("save_args", "change"),
    [
        ({"generated": {"cents": "CAST(fare * 100 AS INT)"}, "partition_by": "cents"}, None),
        ({"identity": ["number"]}, None),
        ({"identity": ["number"], "output_mode": "complete"}, summed),
        ({"generated": {"cents": "CAST(fare * 100 AS INT)"}, "output_mode": "complete"}, summed),
    ],
)
def test_rows_of_a_table_with_columns_of_its_own_are_counted(
    classic: SparkSession, tmp_path: Path, save_args: dict[str, Any], change: Any
) -> None:
    dropping = {"check": "fare >= 0", "name": "fare", "on_fail": "drop"}
    project = Project(tmp_path, [dropping], save_args=save_args)
    project.write("a", (1, 5.0), (2, -1.0))
    found = project.run(change)["fare"]
    assert (found.failed, found.rows) == (1, 2)
    assert project.taken == 2
    assert project.rows("out") == [(1, 5.0)]


def test_batches_are_cast_to_the_types_of_the_table(classic: SparkSession, tmp_path: Path) -> None:
    table = f"delta.`{tmp_path / 'out'}`"
    classic.sql(f"CREATE TABLE {table} (id BIGINT, fare DECIMAL(9, 2)) USING delta")
    warning = {"check": "fare >= 0", "name": "fare", "on_fail": "warn"}
    project = Project(tmp_path, [warning])
    project.write("a", (1, 5.0), (2, -1.0))
    assert project.run()["fare"].failed == 1
    project.forget_last_batch()
    project.run()
    assert [(row.id, float(row.fare)) for row in classic.table(table).orderBy("id").collect()] == [
        (1, 5.0),
        (2, -1.0),
    ]


def test_a_table_of_the_format_that_spark_takes_by_default_is_counted(
    classic: SparkSession, tmp_path: Path
) -> None:
    name = f"delta.`{tmp_path / 'out'}`"
    made = "cents INT GENERATED ALWAYS AS (CAST(fare AS INT))"
    classic.sql(f"CREATE TABLE {name} (id INT, fare DOUBLE, {made}) USING delta")
    warning = {"check": "fare >= 0", "name": "fare", "on_fail": "warn"}
    project = Project(tmp_path, [warning], file_format="")
    project.write("a", (1, 5.0), (2, -1.0))
    classic.conf.set("spark.sql.sources.default", "delta")
    try:
        assert project.run()["fare"].failed == 1
    finally:
        classic.conf.unset("spark.sql.sources.default")
    assert project.taken == 2


def test_rows_that_a_server_has_not_counted_are_not_told_as_none(
    connect: SparkSession, tmp_path: Path
) -> None:
    dropping = {"check": "fare >= 0", "name": "fare", "on_fail": "drop"}
    save_args = {"generated": {"cents": "CAST(fare * 100 AS INT)"}}
    project = Project(tmp_path, [dropping], save_args=save_args)
    project.write("a", (1, 5.0), (2, -1.0))
    with activated(SparkProvider(session=connect)):
        found = project.run()["fare"]
        assert (found.outcome, found.failed, found.rows) == ("dropped", None, None)
        assert project.taken is None
        assert project.rows("out") == [(1, 5.0)]


@pytest.mark.parametrize(
    ("save_args", "check"),
    [
        (APPENDED, QUARANTINE),
        (MERGED, QUARANTINE),
        ({"partition_by": "cents", "generated": {"cents": "CAST(fare AS INT)"}}, QUARANTINE),
        ({"identity": ["number"], **MERGED}, QUARANTINE),
        ({"identity": ["number"]}, {**QUARANTINE, "on_fail": "drop"}),
        ({"output_mode": "complete"}, {**QUARANTINE, "on_fail": "drop"}),
        (
            {"output_mode": "complete", "generated": {"cents": "CAST(fare AS INT)"}},
            {**QUARANTINE, "on_fail": "drop"},
        ),
    ],
)
def test_a_stream_into_a_table_by_its_name_is_judged_counted_and_saved_once(
    classic: SparkSession,
    tmp_path: Path,
    database: str,
    save_args: dict[str, Any],
    check: dict[str, Any],
) -> None:
    project = Project(tmp_path, [check], save_args=save_args, table=f"{database}.out")
    del project.entries["out"]["filepath"], project.entries["out"]["file_format"]
    change = summed if "output_mode" in save_args else None

    def rows(name: str) -> list[tuple[Any, ...]]:
        found = classic.table(f"{database}.{name}").select("id", "fare").collect()
        return sorted(map(tuple, found))

    project.write("a", (1, 5.0), (2, -1.0))
    found = project.run(change)["fare"]
    assert (found.failed, found.rows, project.taken) == (1, 2, 2)
    assert rows("out") == [(1, 5.0)]
    project.write("b", (3, 7.0))
    project.run(change)
    project.forget_last_batch()
    project.run(change)
    assert rows("out") == [(1, 5.0), (3, 7.0)]
    if check is QUARANTINE:
        assert rows("out_rejected") == [(2, -1.0)]
    made = set(classic.table(f"{database}.out").columns) - {"id", "fare"}
    assert made == {*save_args.get("generated", ()), *save_args.get("identity", ())}


@pytest.mark.parametrize(
    ("file_format", "is_named"), [("delta", False), ("delta", True), ("parquet", True)]
)
def test_batches_of_a_stream_that_goes_on_are_judged_by_what_is_there_then(
    classic: SparkSession, tmp_path: Path, database: str, file_format: str, is_named: bool
) -> None:
    where = f"{database}.known" if is_named else f"delta.`{tmp_path / 'known'}`"
    classic.sql(f"CREATE TABLE {where} USING {file_format} AS SELECT 1 AS id")
    save_args = {"trigger": {"processingTime": "100 milliseconds"}}
    project = Project(tmp_path, [{"refers": {"id": "known.id"}}], save_args=save_args)
    project.entries["known"] = (
        {"type": "spark.SparkTableDataSet", "table": where}
        if is_named
        else {**project.entries["known"], "file_format": "delta"}
    )
    project.write("a", (1, 5.0))
    commits = tmp_path / "checkpoint/commits"

    def change() -> None:  # as another program does: the run knows nothing of it
        wait_for((commits / "0").exists)
        classic.newSession().sql(f"INSERT INTO {where} VALUES (2)")
        project.write("b", (2, 6.0))

    def end(x: int) -> None:
        wait_for((commits / "0").exists)
        wait_for(lambda: (commits / "1").exists() or not classic.streams.active)
        raise ValueError("it is enough")

    changing = Thread(target=change)
    changing.start()
    with pytest.raises(RunFailedError, match="it is enough"):
        project.run(beside=node(end, "x", None, name="other"))
    changing.join()
    assert project.rows("out") == [(1, 5.0), (2, 6.0)]


def wait_for(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 200
    while not is_so() and time.monotonic() < ends:
        time.sleep(0.05)


def test_a_batch_that_fails_leaves_nothing_and_is_told_with_its_rows(
    classic: SparkSession, tmp_path: Path
) -> None:
    project = Project(tmp_path, [{**UNIQUE, "on_fail": "fail"}, QUARANTINE])
    project.write("a", (2, 1.0), (2, -3.0))
    with pytest.raises(RunFailedError, match=r"'unique id' failed, and nothing of its batch "):
        project.run()
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out_rejected").exists()


def test_rows_of_a_stream_are_judged_as_they_go_by(session: SparkSession, tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        [
            {"check": "id > 0", "name": "positive"},
            {"not_null": "fare", "on_fail": "warn"},
            {"between": {"fare": [0, 10]}, "on_fail": "drop"},
        ],
        file_format="parquet",
    )
    project.write("a", (1, 5.0), (2, 11.0))
    project.write("b", (3, float("nan")), (4, 12.0))
    found = project.run()
    assert {name: (one.outcome, one.failed, one.rows) for name, one in found.items()} == {
        "positive": ("passed", 0, 4),
        "not_null fare": ("warned", 1, 4),
        "between fare": ("dropped", 2, 4),
    }
    project.write("c", (-7, 1.0))
    with pytest.raises(RunFailedError, match=r"check 'positive' failed[\s\S]*id=-7"):
        project.run()
    kept = session.read.parquet(str(tmp_path / "out")).select("id").collect()
    assert sorted(row.id for row in kept) == [1, 3]


def test_merged_batches_are_judged(classic: SparkSession, tmp_path: Path) -> None:
    project = Project(tmp_path, [QUARANTINE, {"unique": "id"}], save_args=MERGED)
    project.write("a", (1, 6.0), (2, -1.0))
    assert project.run()["fare"].failed == 1
    assert project.rows("out") == [(1, 6.0)]
    assert project.rows("out_rejected") == [(2, -1.0)]


@pytest.mark.parametrize(
    ("checks", "more", "told"),
    [
        ([{"rows": {"change": 0.1}}], {}, "not compared with an earlier run"),
        (
            [{"check": "fare < hour(now())", "name": "clock", "on_fail": "quarantine"}],
            {},
            "may judge a row differently when its batch comes again",
        ),
        (
            [UNIQUE],
            {"file_format": "parquet"},
            "each batch of a stream, which cannot be: it is",
        ),
        ([QUARANTINE], {"save_args": {"output_mode": "complete"}}, "its output mode is 'complete'"),
        (
            [{"not_null": "id", "on_fail": "warn"}],
            {"save_args": {"trigger": {"continuous": "1 second"}}},
            "its trigger makes none",
        ),
        ([QUARANTINE], {"quarantine": "known"}, "its quarantine is no Delta table"),
        ([QUARANTINE], {"quarantine": "latest"}, "does not keep the rows of each batch"),
    ],
)
def test_what_has_no_meaning_for_a_stream_is_refused_before_it_starts(
    tmp_path: Path, checks: list[Any], more: dict[str, Any], told: str
) -> None:
    project = Project(tmp_path, checks, **more)
    with pytest.raises(DataSetError, match=told):
        project.run()
