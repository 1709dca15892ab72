"""Which failures may pass when the same is tried again."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import ConfigError, DataSetError, NodeRunError, PipelineError
from sparkpipe.io import LambdaDataSet
from sparkpipe.spark.failures.judging import may_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession


class ServiceBusyError(Exception):
    """As a user's client of some service would raise it."""


@pytest.mark.parametrize(
    "error",
    [
        OSError("the disk is busy"),
        ConnectionResetError("reset by peer"),
        TimeoutError("no answer"),
        RuntimeError("503"),
        ServiceBusyError("later"),
    ],
    ids=repr,
)
def test_lost_connections_and_unknown_failures_may_pass(error: Exception) -> None:
    assert may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("x"),
        ValueError("x"),
        KeyError("x"),
        IndexError("x"),
        AttributeError("x"),
        NameError("x"),
        ModuleNotFoundError("x"),
        SyntaxError("x"),
        AssertionError("x"),
        NotImplementedError("x"),
        ZeroDivisionError("x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        FileNotFoundError("x"),
        PermissionError("x"),
        IsADirectoryError("x"),
        pickle.PicklingError("x"),
        PipelineError("x"),
        ConfigError("x"),
        DataSetError("x"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=repr,
)
def test_what_the_same_call_raises_again_does_not_pass(error: BaseException) -> None:
    assert not may_pass(error)


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (ConnectionResetError("reset"), True),
        (FileNotFoundError("x"), False),
        (KeyError("x"), False),
    ],
    ids=repr,
)
def test_the_cause_of_a_data_sets_error_decides(cause: Exception, passes: bool) -> None:
    def load() -> None:
        raise cause

    with pytest.raises(DataSetError) as caught:
        LambdaDataSet(load, None).load()
    assert may_pass(caught.value) is passes
    error = NodeRunError("Node 'x' failed", "x")
    error.__cause__ = caught.value
    assert may_pass(error) is passes


def test_a_lasting_cause_behind_an_unknown_error_lasts() -> None:
    error = RuntimeError("could not fetch")
    error.__cause__ = KeyError("token")
    assert not may_pass(error)


def _failure(job: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        job()
    assert type(caught.value).__module__.startswith(("pyspark.", "py4j.", "_pickle"))
    return caught.value


def _raise(error: Exception) -> Callable[[Any], Any]:
    def fail(x: Any) -> Any:
        raise error

    return fail


LASTING: dict[str, Callable[[SparkSession, str], Any]] = {
    "missing column": lambda spark, path: spark.range(1).select("none"),
    "missing table": lambda spark, path: spark.table("none"),
    "missing path": lambda spark, path: spark.read.parquet(path),
    "wrong query": lambda spark, path: spark.sql("select from from"),
    "wrong value": lambda spark, path: spark.sql("select cast('x' as int)").collect(),
    "division by zero": lambda spark, path: spark.range(1).selectExpr("1 / id").collect(),
    "raised in SQL": lambda spark, path: spark.sql("select raise_error('bad')").collect(),
    "wrong type in Python": lambda spark, path: spark.createDataFrame([("x",)], "a int"),
    "ValueError in a worker": lambda spark, path: (
        spark.sparkContext.parallelize([1]).map(_raise(ValueError("x"))).collect()
    ),
    "unwritable folder": lambda spark, path: spark.range(1).write.parquet("/proc/nowhere"),
    "unknown format": lambda spark, path: spark.read.format("nosuch").load(path),
    "session in a closure": lambda spark, path: (
        spark.sparkContext.parallelize([1]).map(lambda x: spark).collect()
    ),
    "unknown method": lambda spark, path: spark._jsparkSession.noSuchMethod(),
}


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.classic("those of Connect are in test_connect_failures.py")
def test_wrong_queries_and_values_do_not_pass(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    assert not may_pass(_failure(lambda: LASTING[kind](spark, str(tmp_path / "none"))))


def _die(x: Any) -> Any:
    import os

    os._exit(1)


PASSING: dict[str, Callable[[SparkSession, str], Any]] = {
    "timeout in a worker": lambda spark, path: (
        spark.sparkContext.parallelize([1]).map(_raise(TimeoutError("x"))).collect()
    ),
    "a worker that died": lambda spark, path: (
        spark.sparkContext.parallelize([1]).map(_die).collect()
    ),
    "no connection from Java": lambda spark, path: spark._jvm.java.net.Socket("127.0.0.1", 1),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.classic("those of Connect are in test_connect_failures.py")
def test_lost_workers_and_connections_may_pass(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    assert may_pass(_failure(lambda: PASSING[kind](spark, str(tmp_path / "out"))))


def test_a_conflict_of_delta_writers_may_pass(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    spark.range(3).write.format("delta").save(path)
    # Not at the top: Spark's Python workers import this module for its functions, without helpers.
    from spark_failures import errors_of_overwriting_at_once

    errors = errors_of_overwriting_at_once(spark.range(9), path)
    assert errors
    assert all(map(may_pass, errors))
