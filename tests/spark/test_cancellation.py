"""Jobs that were cancelled are known as such, and nothing else is."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import NodeRunError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node
from sparkpipe.runner.task import run_node
from sparkpipe.spark.failures.judging import is_cancellation, may_pass, spark_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame, SparkSession


# What pyspark warns of, it raises as well.
pytestmark = pytest.mark.filterwarnings("ignore:toPandas attempted")


pytestmark = pytest.mark.classic("those of Connect are in test_connect_failures.py")


def _endless(spark: SparkSession) -> DataFrame:
    return spark.range(0, 10**13, 1, 2).filter("id % 7 = 8")


def _sleep(x: Any) -> Any:
    time.sleep(60)
    return x


def _sleep_in_batches(batches: Iterator[Any]) -> Iterator[Any]:
    for batch in batches:
        time.sleep(60)
        yield batch


def _broadcast_join(spark: SparkSession, path: str) -> Any:
    from pyspark.sql import functions as F

    return spark.range(9).join(F.broadcast(_endless(spark)), "id").count()


def _adaptive_join(spark: SparkSession, path: str) -> Any:
    counted = _endless(spark).groupBy("id").count()
    return counted.join(counted.withColumnRenamed("count", "other"), "id").collect()


def _python_udf(spark: SparkSession, path: str) -> Any:
    from pyspark.sql import functions as F

    return spark.range(0, 2, 1, 2).select(F.udf(_sleep, "long")("id")).collect()


def _map_in_pandas_into_delta(spark: SparkSession, path: str) -> Any:
    frame = spark.range(0, 2, 1, 2).mapInPandas(_sleep_in_batches, "id long")
    return frame.write.format("delta").mode("overwrite").save(path)


def _overwrite_delta(spark: SparkSession, path: str) -> Any:
    return _endless(spark).write.format("delta").mode("overwrite").save(path)


def _fill_cache(spark: SparkSession, path: str) -> Any:
    frame = _endless(spark).persist()
    try:
        return frame.count()
    finally:
        frame.unpersist()


JOBS: dict[str, Callable[[SparkSession, str], Any]] = {
    "count": lambda spark, path: _endless(spark).count(),
    "collect": lambda spark, path: _endless(spark).collect(),
    "toPandas": lambda spark, path: _endless(spark).toPandas(),
    "toLocalIterator": lambda spark, path: list(_endless(spark).toLocalIterator()),
    "parquet": lambda spark, path: _endless(spark).write.mode("overwrite").parquet(path),
    "delta": _overwrite_delta,
    "broadcast join": _broadcast_join,
    "adaptive join": _adaptive_join,
    "python udf": _python_udf,
    "mapInPandas": _map_in_pandas_into_delta,
    "cache": _fill_cache,
    "checkpoint": lambda spark, path: _endless(spark).localCheckpoint(),
    "foreachPartition": lambda spark, path: spark.sparkContext.parallelize(
        [1, 2], 2
    ).foreachPartition(_sleep),
    "rdd": lambda spark, path: spark.sparkContext.parallelize([1, 2], 2).map(_sleep).collect(),
}


def _cancelled(spark: SparkSession, job: Callable[[], Any], *, by_group: bool = False) -> Exception:
    """Run a job in a thread of its own, cancel it while it runs, and return what it raises."""
    context = spark.sparkContext
    name = f"cancelled-{time.monotonic_ns()}"
    raised: list[Exception] = []

    def work() -> None:
        if by_group:
            context.setJobGroup(name, name, interruptOnCancel=False)
        else:
            context.addJobTag(name)
            context.setInterruptOnCancel(True)
        try:
            job()
        except Exception as exc:
            raised.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 60
    # A job is cancelled only once it runs; what starts after a cancelled one is cancelled, too.
    while thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.3)
        if by_group:
            context.cancelJobGroup(name)
        else:
            context.cancelJobsWithTag(name)
    assert not thread.is_alive()
    (error,) = raised
    return error


@pytest.mark.parametrize("kind", JOBS)
def test_a_cancelled_job_is_known_as_cancelled(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    error = _cancelled(spark, lambda: JOBS[kind](spark, str(tmp_path / "out")))
    assert is_cancellation(error)
    assert not may_pass(error)
    assert spark_reason(error) == "its Spark job was cancelled."


@pytest.mark.parametrize("kind", ["count", "toPandas", "delta"])
def test_a_job_cancelled_by_its_group_without_an_interrupt(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    error = _cancelled(spark, lambda: JOBS[kind](spark, str(tmp_path / "out")), by_group=True)
    assert is_cancellation(error)


def test_a_cancelled_job_is_known_inside_the_error_of_its_node(spark: SparkSession) -> None:
    counting = node(lambda frame: frame.count(), "frame", "n", name="counting")
    catalog = DataCatalog(feed_dict={"frame": _endless(spark)})
    error = _cancelled(spark, lambda: run_node(counting, catalog))
    assert isinstance(error, NodeRunError)
    assert is_cancellation(error)
    assert not may_pass(error)


def test_a_cancelled_job_is_known_behind_an_error_of_the_users(spark: SparkSession) -> None:
    def count() -> None:
        try:
            _endless(spark).count()
        except Exception:
            raise RuntimeError("could not count")  # noqa: B904 - users forget the 'from'

    assert is_cancellation(_cancelled(spark, count))


def test_other_failures_are_no_cancellation(spark: SparkSession) -> None:
    for job in (
        lambda: spark.range(1).select("nothing"),
        lambda: spark.sparkContext.parallelize([1]).map(lambda x: x / 0).collect(),
        lambda: spark.sql("select raise_error('Job 1 was cancelled by a user')").collect(),
    ):
        with pytest.raises(Exception) as caught:
            job()
        assert not is_cancellation(caught.value)
    assert not is_cancellation(ValueError("cancelled"))
