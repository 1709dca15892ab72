"""A Spark frame in memory that more than one node reads is computed once, and let go of."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import persisted, reads_what_is_persisted

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.errors import RunFailedError
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.report.summary import RunSummary
from sparkpipe.runner import AbstractRunner, DryRunner, SequentialRunner, ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(autouse=True)
def storage_is_empty_afterwards(spark: SparkSession) -> Iterator[None]:
    spark.catalog.clearCache()
    before = persisted(spark)  # rows that a client of Connect has left to the JVM's collector
    yield
    assert persisted(spark) <= before


def counted(spark: SparkSession, rows: int = 100) -> tuple[DataFrame, Any]:
    """Return a frame, and an accumulator that counts how often a row of it is computed."""
    from pyspark.sql import functions as F

    computed = spark.sparkContext.accumulator(0)

    def look(x: int) -> int:
        computed.add(1)
        return x

    return spark.range(rows).select(F.udf(look, "long")("id").alias("id")), computed


def readers(count: int, name: str = "frame") -> list[Any]:
    return [
        node(lambda frame, n=n: frame.count() + n, name, f"count{n}", name=f"read{n}")
        for n in range(count)
    ]


@pytest.mark.classic("accumulators are of SparkContext")
def test_a_frame_that_three_nodes_read_is_computed_once(
    spark: SparkSession, runner: AbstractRunner
) -> None:
    frame, computed = counted(spark)
    pipe = pipeline(
        [
            node(lambda: frame, None, "frame", name="make"),
            *[
                node(
                    lambda f, n=n: f.agg({"id": "sum"}).first()[0] + n,
                    "frame",
                    f"s{n}",
                    name=f"r{n}",
                )
                for n in range(3)
            ],
        ]
    )
    assert runner.run(pipe, DataCatalog()) == {"s0": 4950, "s1": 4951, "s2": 4952}
    assert computed.value == 100
    assert not frame.storageLevel.useMemory


@pytest.mark.classic("accumulators are of SparkContext")
def test_a_frame_that_was_given_is_persisted_too(spark: SparkSession) -> None:
    frame, computed = counted(spark)
    given = DataCatalog({"frame": MemoryDataSet(frame)})
    pipe = pipeline(
        [node(lambda f, n=n: f.agg({"id": "sum"}).first()[0], "frame", f"s{n}") for n in range(3)]
    )
    ThreadRunner().run(pipe, given)
    assert computed.value == 100
    assert not frame.storageLevel.useMemory


@pytest.mark.classic("accumulators are of SparkContext")
def test_it_stays_persisted_when_a_node_names_it_in_sql(
    spark: SparkSession, runner: AbstractRunner
) -> None:
    frame, computed = counted(spark)

    def total(frame: DataFrame) -> int:
        found = frame.sparkSession.sql("SELECT sum(id) FROM {frame}", frame=frame)
        return int(found.first()[0])

    pipe = pipeline(
        [
            node(lambda: frame, None, "frame", name="make"),
            node(total, "frame", "a", name="first"),
            node(lambda frame, a: total(frame), ["frame", "a"], "b", name="second"),
            node(lambda frame, b: total(frame), ["frame", "b"], "c", name="third"),
            *readers(1),
        ]
    )
    assert runner.run(pipe, DataCatalog())["c"] == 4950
    assert computed.value == 100


@pytest.mark.classic("accumulators are of SparkContext")
def test_side_by_side_the_node_that_makes_it_computes_it(spark: SparkSession) -> None:
    frame, computed = counted(spark)
    found: list[int] = []
    pipe = pipeline(
        [
            node(lambda: frame, None, "frame", name="make"),
            *[
                node(lambda f, n=n: found.append(computed.value) or n, "frame", f"x{n}")
                for n in range(3)
            ],
        ]
    )
    summary = RunSummary()
    with observing(summary):
        ThreadRunner().run(pipe, DataCatalog())
    assert found == [100, 100, 100]
    assert [report.lazy_outputs for report in summary.reports] == [()] * 4
    assert summary.reports[0].spark_seconds


def test_side_by_side_its_failure_is_that_of_the_node_that_makes_it(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    def wrong(x: int) -> int:
        raise ValueError("no such unit")

    pipe = pipeline(
        [
            node(lambda: spark.range(3).select(F.udf(wrong, "long")("id")), None, "f", name="make"),
            *readers(3, "f"),
        ]
    )
    with pytest.raises(RunFailedError, match="no such unit") as failed:
        ThreadRunner().run(pipe, DataCatalog())
    assert [failure.node_name for failure in failed.value.failures] == ["make"]


def test_it_is_released_after_its_last_reader(spark: SparkSession) -> None:
    held: list[tuple[str, bool]] = []

    def look(frame: DataFrame, name: str) -> int:
        held.append((name, kept[0].storageLevel.useMemory))
        return frame.count()

    kept = [spark.range(10).groupBy("id").count()]
    pipe = pipeline(
        [
            node(lambda: kept[0], None, "frame", name="a"),
            node(lambda f: look(f, "first"), "frame", "b", name="b"),
            node(lambda f, b: look(f, "last"), ["frame", "b"], "c", name="c"),
            node(lambda c: held.append(("after", kept[0].storageLevel.useMemory)) or c, "c", "d"),
        ]
    )
    SequentialRunner().run(pipe, DataCatalog())
    assert held == [("first", True), ("last", True), ("after", False)]


@pytest.mark.classic("accumulators are of SparkContext")
def test_storage_is_empty_after_a_failure(spark: SparkSession, runner: AbstractRunner) -> None:
    frame, _ = counted(spark)

    def fail(frame: DataFrame) -> int:
        frame.count()
        raise ValueError("no")

    pipe = pipeline(
        [
            node(lambda: frame, None, "frame", name="make"),
            node(fail, "frame", "x", name="fail"),
            *readers(3),
        ]
    )
    with pytest.raises(RunFailedError):
        runner.run(pipe, DataCatalog())
    assert not frame.storageLevel.useMemory


def test_a_frame_that_one_node_reads_is_not_persisted(spark: SparkSession) -> None:
    levels: list[bool] = []
    pipe = pipeline(
        [
            node(lambda: spark.range(9).groupBy("id").count(), None, "frame"),
            node(
                lambda f: levels.append(bool(reads_what_is_persisted(f))) or f.count(), "frame", "n"
            ),
        ]
    )
    assert ThreadRunner().run(pipe, DataCatalog()) == {"n": 9}
    assert levels == [False]


@pytest.mark.parametrize("kind", ["parquet", "delta", "table"])
def test_a_bare_scan_is_left_alone(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    if kind == "table":
        spark.range(5).write.mode("overwrite").saveAsTable("bare_scan")
        frame = spark.table("bare_scan")
    else:
        path = str(tmp_path / "table")
        table = SparkDataSet(path) if kind == "parquet" else DeltaTableDataSet(path)
        table.save(spark.range(5))
        frame = table.load().filter("id > 1").selectExpr("id + 1 AS id")
    levels: list[bool] = []

    def look(frame: DataFrame) -> int:
        levels.append(bool(reads_what_is_persisted(frame)))
        return frame.count()

    pipe = pipeline([node(look, "frame", f"n{n}", name=f"n{n}") for n in range(2)])
    ThreadRunner().run(pipe, DataCatalog({"frame": MemoryDataSet(frame)}))
    assert levels == [False, False]


def test_a_stream_is_left_alone(spark: SparkSession) -> None:
    def make() -> DataFrame:
        return spark.readStream.format("rate").load().groupBy("value").count()

    pipe = pipeline(
        [
            node(make, None, "stream", name="make"),
            *[node(lambda f, n=n: f.isStreaming, "stream", f"s{n}", name=f"r{n}") for n in "ab"],
        ]
    )
    assert ThreadRunner().run(pipe, DataCatalog()) == {"sa": True, "sb": True}


def test_what_the_user_has_persisted_is_left_alone(spark: SparkSession) -> None:
    frame = spark.range(5).groupBy("id").count().persist()
    try:
        pipe = pipeline(readers(3))
        ThreadRunner().run(pipe, DataCatalog({"frame": MemoryDataSet(frame)}))
        assert frame.storageLevel.useMemory
    finally:
        frame.unpersist(blocking=True)


def test_the_catalog_may_forbid_it_or_name_a_level(spark: SparkSession) -> None:
    levels: dict[str, list[str]] = {"off": [], "disk": []}

    def look(frame: DataFrame, name: str) -> int:
        levels[name].append(reads_what_is_persisted(frame))
        return frame.count()

    catalog = DataCatalog.from_config(
        {
            "off": {"type": "MemoryDataSet", "persist": False},
            "disk": {"type": "MemoryDataSet", "persist": "DISK_ONLY"},
        }
    )
    pipe = pipeline(
        [
            node(lambda: spark.range(5).groupBy("id").count(), None, "off", name="make_off"),
            node(lambda: spark.range(6).groupBy("id").count(), None, "disk", name="make_disk"),
            *[
                node(lambda f, d=d: look(f, d), d, f"{d}{n}", name=f"{d}{n}")
                for d in levels
                for n in range(2)
            ],
        ]
    )
    ThreadRunner().run(pipe, catalog)
    assert levels["off"] == ["", ""]
    assert [level.split(",")[0] for level in levels["disk"]] == ["StorageLevel(disk"] * 2


def test_equal_frames_of_two_data_sets_are_kept_while_one_is_needed(spark: SparkSession) -> None:
    levels: list[bool] = []

    def make() -> DataFrame:
        return spark.range(7).groupBy("id").count()

    def look(frame: DataFrame, *_: Any) -> int:
        levels.append(bool(reads_what_is_persisted(frame)))
        return frame.count()

    pipe = pipeline(
        [
            node(make, None, "one", name="make_one"),
            node(make, None, "two", name="make_two"),
            node(look, "one", "a", name="a"),
            node(look, ["one", "a"], "b", name="b"),
            node(look, ["two", "b"], "c", name="c"),
            node(look, ["two", "c"], "d", name="d"),
        ]
    )
    SequentialRunner().run(pipe, DataCatalog())
    assert levels == [True] * 4


def test_frames_that_are_returned_are_not_persisted(spark: SparkSession) -> None:
    pipe = pipeline([node(lambda: spark.range(3).groupBy("id").count(), None, "frame")])
    assert not ThreadRunner().run(pipe, DataCatalog())["frame"].storageLevel.useMemory


def test_the_log_and_a_dry_run_say_what_is_persisted_and_why(
    spark: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = pipeline(
        [
            node(lambda: spark.range(8).groupBy("id").count(), None, "frame", name="make"),
            *readers(2),
        ]
    )
    with caplog.at_level(logging.INFO, "sparkpipe"):
        DryRunner().run(pipe, DataCatalog())
        assert "'frame' stays in memory and is read by 2 nodes (read0, read1)" in caplog.text
        ThreadRunner().run(pipe, DataCatalog())
        assert "Persisting 'frame' (MEMORY_AND_DISK_DESER): 2 nodes read it." in caplog.text
