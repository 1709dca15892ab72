"""One node fails, or the run is interrupted: what runs on Spark for others is cancelled."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import endless, jobs, wait_until

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.errors import NodeTimeoutError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.runner import SequentialRunner, ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.classic("the status store is in the JVM")

# A run that is not cancelled takes hours; two seconds are what is promised, the rest is for a
# machine that is busy with other things.
SOON = 10.0


def _runs(spark: SparkSession, run_id: str, node_name: str) -> bool:
    group = f"{run_id}/{node_name}"
    return any(job.group == group and job.status == "RUNNING" for job in jobs(spark, run_id))


def _failing_once_others_run(spark: SparkSession, run_id: str, *names: str) -> Node:
    def fail(x: int) -> int:
        wait_until(lambda: all(_runs(spark, run_id, name) for name in names))
        raise ValueError("the first failure")

    return node(fail, "x", "failed", name="fail")


def _seconds_of_failing(
    pipe: Pipeline, catalog: DataCatalog, run_id: str, **options: Any
) -> tuple[RunFailedError, float]:
    started = time.monotonic()
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner(**options).run(pipe, catalog, session_id=run_id)
    return caught.value, time.monotonic() - started


def test_running_jobs_of_siblings_are_cancelled(spark: SparkSession) -> None:
    started: list[str] = []
    pipe = pipeline(
        [
            _failing_once_others_run(spark, "cancel", "long", "longer"),
            node(lambda x: endless(spark).collect(), "x", "a", name="long"),
            node(lambda x: endless(spark).toPandas(), "x", "b", name="longer"),
            *[
                node(lambda x, n=n: started.append(n) or 1, "x", f"c{n}", name=f"queued{n}")
                for n in range(5)
            ],
        ]
    )
    error, seconds = _seconds_of_failing(
        pipe, DataCatalog(feed_dict={"x": 1}), "cancel", max_workers=3
    )
    assert seconds < SOON
    assert [failure.node_name for failure in error.failures] == ["fail"]
    assert set(error.cancelled) == {"long", "longer"}
    assert started == []
    assert set(error.skipped) == {f"queued{n}" for n in range(5)}
    assert "Cancelled: " in str(error)
    assert not any(_runs(spark, "cancel", name) for name in ("long", "longer"))


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_cancelled_save_leaves_the_old_data(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    path = str(tmp_path / "table")
    table = SparkDataSet(path) if kind == "parquet" else DeltaTableDataSet(path)
    table.save(spark.range(3).withColumnRenamed("id", "total"))
    run_id = f"cancel-save-{kind}"
    pipe = pipeline(
        [
            _failing_once_others_run(spark, run_id, "save"),
            node(lambda x: endless(spark), "x", "table", name="save"),
        ]
    )
    catalog = DataCatalog({"table": table}, feed_dict={"x": 1})
    error, seconds = _seconds_of_failing(pipe, catalog, run_id)
    assert seconds < SOON
    assert error.cancelled == ("save",)
    assert table.load().count() == 3
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_a_node_that_swallows_the_error_neither_goes_on_nor_saves(spark: SparkSession) -> None:
    swallowed: list[str] = []

    def stubborn(x: int) -> str:
        for attempt in range(3):
            try:
                endless(spark).collect()
            except Exception as exc:
                swallowed.append(f"{attempt}: {type(exc).__name__}")
        return "half the truth"

    pipe = pipeline(
        [
            _failing_once_others_run(spark, "stubborn", "stubborn"),
            node(stubborn, "x", "result", name="stubborn"),
            node(lambda result: result, "result", "shown", name="show"),
        ]
    )
    error, seconds = _seconds_of_failing(pipe, DataCatalog(feed_dict={"x": 1}), "stubborn")
    assert seconds < SOON
    assert len(swallowed) == 3
    assert error.cancelled == ("stubborn",)
    assert error.completed == 0


def test_a_sibling_that_fails_by_itself_is_told_as_a_failure(spark: SparkSession) -> None:
    failing = threading.Event()

    def early(x: int) -> int:
        wait_until(lambda: _runs(spark, "both", "cancelled"))
        failing.set()
        raise ValueError("early")

    def late(x: int) -> int:
        assert failing.wait(20)
        return spark.range(3).select("missing").count()

    pipe = pipeline(
        [
            node(early, "x", "a", name="early"),
            node(late, "x", "b", name="late"),
            node(lambda x: endless(spark).collect(), "x", "c", name="cancelled"),
        ]
    )
    error, _ = _seconds_of_failing(pipe, DataCatalog(feed_dict={"x": 1}), "both")
    assert [failure.node_name for failure in error.failures] == ["early", "late"]
    assert error.cancelled == ("cancelled",)


def test_a_job_that_someone_else_cancels_is_a_failure(spark: SparkSession) -> None:
    from spark_jobs import when

    when(
        lambda: _runs(spark, "foreign", "long"),
        lambda: spark.sparkContext.cancelJobGroup("foreign/long"),
    )
    pipe = pipeline([node(lambda x: endless(spark).collect(), "x", "a", name="long")])
    error, _ = _seconds_of_failing(pipe, DataCatalog(feed_dict={"x": 1}), "foreign")
    assert [failure.node_name for failure in error.failures] == ["long"]
    assert error.cancelled == ()


def test_other_runs_are_not_disturbed(spark: SparkSession) -> None:
    """Three runs of one id at once; one fails, and the jobs of the others go on."""
    results: dict[str, Any] = {}
    go_on = threading.Event()

    def slow(frame: DataFrame) -> int:
        return frame.selectExpr("sum(id % 1000 * 7 % 11) AS total").count()

    def run(name: str, pipe: Pipeline) -> None:
        try:
            results[name] = ThreadRunner(max_workers=2).run(
                pipe,
                DataCatalog(feed_dict={"frame": spark.range(0, 3 * 10**8, 1, 4), "x": 1}),
                session_id="same",
            )
        except RunFailedError as exc:
            results[name] = exc
        finally:
            go_on.set()

    good = pipeline([node(slow, "frame", "total", name="slow")])

    def fail(x: int) -> int:
        wait_until(lambda: _runs(spark, "same", "slow"))
        raise ValueError("no")

    bad = pipeline(
        [
            node(fail, "x", "y", name="fail"),
            node(lambda x: endless(spark).collect(), "x", "z", name="slow"),
        ]
    )
    threads = [
        threading.Thread(target=run, args=(name, pipe))
        for name, pipe in (("one", good), ("two", good), ("bad", bad))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert isinstance(results["bad"], RunFailedError)
    assert results["one"] == results["two"] == {"total": 1}


def test_a_node_over_its_timeout_is_cancelled_and_fails(spark: SparkSession) -> None:
    pipe = pipeline([node(lambda x: endless(spark).collect(), "x", "a", name="long", timeout=1.5)])
    for runner in (ThreadRunner(), SequentialRunner()):
        started = time.monotonic()
        with pytest.raises(RunFailedError) as caught:
            runner.run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="timeout")
        assert time.monotonic() - started < SOON
        assert isinstance(caught.value.failures[0], NodeTimeoutError)
        assert "took longer than its timeout of 1.5 s" in str(caught.value)
        assert caught.value.cancelled == ()


def test_an_analysis_error_is_not_tried_again(spark: SparkSession) -> None:
    tried: list[int] = []

    def misspelt(x: int) -> DataFrame:
        tried.append(x)
        return spark.range(3).select("missing")

    pipe = pipeline([node(misspelt, "x", "a", retries=3, retry_delay=0.01)])
    with pytest.raises(RunFailedError, match="missing"):
        ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert tried == [1]


def test_a_cancelled_job_that_failed_once_is_tried_again(spark: SparkSession) -> None:
    tried: list[int] = []

    def flaky(x: int) -> int:
        tried.append(x)
        if len(tried) < 3:
            raise ConnectionResetError("the storage has reset the connection")
        return spark.range(3).count()

    pipe = pipeline([node(flaky, "x", "a", retries=3, retry_delay=0.01)])
    assert ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 1})) == {"a": 3}
    assert len(tried) == 3
