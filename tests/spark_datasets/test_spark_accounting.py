"""What a save or load tells of rows, bytes and versions: by Spark's accounting, without a job."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.databricks import ManagedTableDataSet
from sparkpipe.datasets.spark import (
    DeltaTableDataSet,
    SparkDataSet,
    SparkHiveDataSet,
    SparkJDBCDataSet,
    SparkTableDataSet,
)
from sparkpipe.io.facts import Facts, gathering
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DERBY = "org.apache.derby.iapi.jdbc.AutoloadedDriver"


def saved(data_set: Any, frame: DataFrame) -> Facts:
    with gathering() as facts:
        data_set.save(frame)
    return facts


def loaded(data_set: Any) -> Facts:
    with gathering() as facts:
        data_set.load()
    return facts


def bytes_in(folder: Path) -> int:
    """Return the bytes of data files: not those of a log or a checksum."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    names = {file: file.relative_to(folder).parts for file in files}
    return sum(
        file.stat().st_size
        for file in files
        if not any(name.startswith((".", "_")) for name in names[file])
    )


def frame_of(session: SparkSession, rows: int, start: int = 0) -> DataFrame:
    frame = session.range(start, start + rows)
    return frame.selectExpr("id", "id % 3 AS part", "cast(id AS string) AS text").repartition(2)


@pytest.fixture
def own_table(spark: SparkSession) -> Iterator[str]:
    name = f"facts_{uuid4().hex}"
    yield name
    spark.sql(f"DROP TABLE IF EXISTS {name}")


@pytest.mark.parametrize("file_format", ["parquet", "csv", "json", "orc"])
def test_an_overwrite_of_files_tells_its_rows_and_bytes(
    session: SparkSession, tmp_path: Path, file_format: str
) -> None:
    target = tmp_path / "data"
    data_set = SparkDataSet(str(target), file_format)
    for rows in (30, 20):
        facts = saved(data_set, frame_of(session, rows))
        assert facts == Facts(rows=rows, bytes=bytes_in(target))


def test_an_append_tells_the_rows_appended(session: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "data"), save_args={"mode": "append"})
    saved(data_set, frame_of(session, 30))
    before = bytes_in(tmp_path / "data")
    facts = saved(data_set, frame_of(session, 7))
    assert facts.rows == 7
    assert facts.bytes == bytes_in(tmp_path / "data") - before


def test_partitions_and_no_rows_at_all(session: SparkSession, tmp_path: Path) -> None:
    parts = SparkDataSet(str(tmp_path / "parts"), save_args={"partitionBy": "part"})
    facts = saved(parts, frame_of(session, 30))
    assert facts == Facts(rows=30, bytes=bytes_in(tmp_path / "parts"))
    empty = saved(SparkDataSet(str(tmp_path / "empty")), frame_of(session, 0))
    assert empty == Facts(rows=0, bytes=bytes_in(tmp_path / "empty"))
    csv = SparkDataSet(str(tmp_path / "csv"), "csv")
    assert saved(csv, frame_of(session, 0)) == Facts(rows=0, bytes=0)


def test_a_save_that_is_ignored_has_written_nothing(session: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "data"), save_args={"mode": "ignore"})
    saved(data_set, frame_of(session, 3))
    assert not saved(data_set, frame_of(session, 3)).rows


def test_a_delta_table_tells_rows_bytes_and_version(session: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    table = DeltaTableDataSet(path)
    facts = saved(table, frame_of(session, 30))
    assert (facts.rows, facts.version) == (30, "0")
    assert facts.bytes == bytes_in(tmp_path / "table")
    assert loaded(table).version == "0"

    appended = saved(DeltaTableDataSet(path, save_args={"mode": "append"}), frame_of(session, 7))
    assert (appended.rows, appended.version) == (7, "1")

    part = DeltaTableDataSet(path, save_args={"mode": "overwrite", "replaceWhere": "part = 1"})
    replaced = saved(part, frame_of(session, 9).where("part = 1"))
    assert (replaced.rows, replaced.version) == (3, "2")  # not those that Delta had to copy

    assert saved(table, frame_of(session, 5)).version == "3"
    assert loaded(table).version == "3"
    assert loaded(DeltaTableDataSet(path, load_args={"versionAsOf": 1})).version == "1"


def test_a_table_by_name(session: SparkSession, own_table: str) -> None:
    made = saved(SparkTableDataSet(own_table, write_mode="overwrite"), frame_of(session, 30))
    append = SparkTableDataSet(own_table, write_mode="append")
    appended = saved(append, frame_of(session, 7, start=30))
    upsert = ManagedTableDataSet(own_table, write_mode="upsert", primary_key="id")
    upserted = saved(upsert, frame_of(session, 10, start=35))
    assert (appended.rows, upserted.rows) == (7, 10)
    if not is_connect(session):  # there nobody tells, at no cost, where the table lies
        assert made.rows == 30
        assert [f.version for f in (made, appended, upserted)] == ["0", "1", "2"]
        assert made.bytes
        assert upserted.bytes
        assert loaded(upsert).version == "2"


def test_a_table_of_another_format(session: SparkSession, own_table: str) -> None:
    table = SparkTableDataSet(own_table, write_mode="append", file_format="parquet")
    for rows in (30, 7):
        facts = saved(table, frame_of(session, rows))
        assert (facts.rows, facts.version) == (rows, None)


def test_a_table_of_hive_and_of_a_database(
    session: SparkSession, database: str, tmp_path: Path
) -> None:
    hive = SparkHiveDataSet(database, "t", "append", save_args={"format": "parquet"})
    assert saved(hive, frame_of(session, 7)).rows == 7
    jdbc = SparkJDBCDataSet(
        f"jdbc:derby:memory:{uuid4().hex};create=true", "numbers", save_args={"driver": DERBY}
    )
    facts = saved(jdbc, session.range(5))
    assert (facts.rows, facts.bytes) == (5, None)


def test_a_format_that_does_not_account_for_its_rows_tells_none(session: SparkSession) -> None:
    facts = saved(SparkDataSet("unused", "noop", save_args={"mode": "append"}), session.range(5))
    assert facts.bytes is None
    assert facts.rows in (None, 5)


def test_saves_side_by_side_tell_each_its_own(session: SparkSession, tmp_path: Path) -> None:
    def save(n: int) -> Facts:
        with activated(SparkProvider(session=session)):
            if n % 2:
                data_set = SparkDataSet(str(tmp_path / f"data{n}"))
            else:
                data_set = DeltaTableDataSet(str(tmp_path / f"data{n}"))
            return saved(data_set, frame_of(session, 10 + n))

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(save, range(8)))
    assert [facts.rows for facts in told] == [10 + n for n in range(8)]
    assert [facts.bytes for facts in told] == [bytes_in(tmp_path / f"data{n}") for n in range(8)]


def test_appends_to_one_table_side_by_side(session: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "table"), save_args={"mode": "append"})
    saved(table, frame_of(session, 1))

    def save(n: int) -> Facts:
        with activated(SparkProvider(session=session)):
            return saved(table, frame_of(session, 100 * n))

    with ThreadPoolExecutor(3) as pool:
        told = dict(zip((1, 2, 3), pool.map(save, (1, 2, 3)), strict=True))
    # Of two that overlapped a client of Connect cannot tell which commit is its own.
    assert all(facts.rows in (100 * n, None) for n, facts in told.items())
    if not is_connect(session):
        assert [facts.rows for facts in told.values()] == [100, 200, 300]
        assert {facts.version for facts in told.values()} == {"1", "2", "3"}


@pytest.mark.classic("jobs are counted by SparkContext")
def test_no_job_is_run_for_it(spark: SparkSession, tmp_path: Path, own_table: str) -> None:
    """Through Connect too, for the server of the fixture runs in the JVM of the session."""
    data_sets = [
        SparkDataSet(str(tmp_path / "parquet")),
        SparkDataSet(str(tmp_path / "csv"), "csv", save_args={"mode": "append"}),
        DeltaTableDataSet(str(tmp_path / "delta"), save_args={"mode": "append"}),
        SparkTableDataSet(own_table, write_mode="append", file_format="parquet"),
    ]
    frame = frame_of(spark, 10)
    with activated(SparkProvider(session=spark)):
        for data_set in data_sets:
            data_set.save(frame)  # the first save of a Delta table runs jobs of its own
            plain = _jobs_of(spark, lambda d=data_set: d.save(frame))  # type: ignore[misc]
            asked = _jobs_of(spark, lambda d=data_set: saved(d, frame))  # type: ignore[misc]
            assert asked == plain > 0


def test_no_job_is_run_for_it_through_connect(
    spark: SparkSession, connect: SparkSession, tmp_path: Path
) -> None:
    if is_connect(spark):
        pytest.skip("jobs are counted by SparkContext")
    frame = frame_of(connect, 10)
    with activated(SparkProvider(session=connect)):
        for data_set in (
            SparkDataSet(str(tmp_path / "parquet")),
            DeltaTableDataSet(str(tmp_path / "delta"), save_args={"mode": "append"}),
        ):
            data_set.save(frame)
            plain = _jobs_of(spark, lambda d=data_set: d.save(frame))  # type: ignore[misc]
            asked = _jobs_of(spark, lambda d=data_set: saved(d, frame))  # type: ignore[misc]
            assert asked == plain > 0


def _jobs_of(spark: SparkSession, run: Any) -> int:
    context: Any = spark.sparkContext._jsc.sc()  # type: ignore[union-attr]

    def started() -> int:
        context.listenerBus().waitUntilEmpty(10_000)
        # Ids count up, and jobs that are forgotten do not count back.
        jobs = context.statusStore().jobsList(None)
        return max((int(jobs.apply(i).jobId()) for i in range(jobs.size())), default=-1)

    before = started()
    run()
    return started() - before


@pytest.mark.classic("the other kind is asked in another way")
def test_an_account_that_fails_does_not_fail_the_save(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("not whitelisted")

    data_set = SparkDataSet(str(tmp_path / "data"))
    with activated(SparkProvider(session=spark)):
        monkeypatch.setattr(type(spark.sparkContext), "addJobTag", refuse)
        assert saved(data_set, frame_of(spark, 3)).rows is None
        monkeypatch.undo()
        monkeypatch.setattr(type(spark.sparkContext), "removeJobTag", refuse)
        assert saved(data_set, frame_of(spark, 4)).rows == 4
        monkeypatch.undo()
        assert data_set.load().count() == 4
