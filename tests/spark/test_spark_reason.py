"""Failures in Spark, told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.errors import spark_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession


def _failure(make: Callable[[], Any]) -> str:
    with pytest.raises(Exception) as caught:
        make()
    reason = spark_reason(caught.value)
    assert "\n" not in reason
    assert len(reason) <= 400
    return reason


def test_what_is_not_of_spark_has_no_reason_here() -> None:
    assert spark_reason(ValueError("x")) == ""


def test_a_missing_column_is_named_with_those_that_are_like_it(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1,)], "distance int")
    reason = _failure(lambda: frame.select("distanc"))
    assert reason.startswith("[UNRESOLVED_COLUMN.WITH_SUGGESTION]")
    assert "`distanc`" in reason
    assert "`distance`" in reason
    assert "SQLSTATE" not in reason
    assert "Project" not in reason


def test_an_error_raised_in_a_python_worker_is_the_users_own(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    @F.udf("int")
    def explode(x):  # type: ignore[no-untyped-def]
        raise ValueError("boom")

    reason = _failure(lambda: spark.range(3).select(explode("id")).collect())
    assert reason == "in a Python worker: ValueError: boom"


def test_an_error_of_ones_own_class_in_a_worker(spark: SparkSession) -> None:
    def fail(x: int) -> int:
        class LocalError(Exception):
            pass

        raise LocalError("no more: 7 left")

    reason = _failure(lambda: spark.sparkContext.parallelize([1]).map(fail).collect())
    assert reason.startswith("in a Python worker: ")
    assert "LocalError: no more: 7 left" in reason


def test_an_error_of_java_is_told_without_its_packages(spark: SparkSession) -> None:
    context = spark.sparkContext
    reason = _failure(lambda: context._jsc.sc().parallelize(None, 1, None))
    assert reason.startswith("NullPointerException: ")
    assert "\tat" not in reason


def test_the_root_cause_of_a_java_error_is_told(spark: SparkSession) -> None:
    from py4j.protocol import Py4JJavaError

    jvm: Any = spark._jvm
    inner = jvm.java.io.IOException("the disk is full")
    error = Py4JJavaError("An error occurred while calling o1.x.\n", jvm.RuntimeException(inner))
    assert spark_reason(error) == "IOException: the disk is full"


def test_a_method_that_java_does_not_have_is_no_lost_connection(spark: SparkSession) -> None:
    reason = _failure(lambda: spark._jsparkSession.noSuchMethod())
    assert "noSuchMethod" in reason
    assert "lost" not in reason


def test_a_lost_connection_says_so(spark: SparkSession) -> None:
    from py4j.protocol import Py4JError, Py4JNetworkError

    for error in (
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("An error occurred while calling o34.count"),
    ):
        assert spark_reason(error) == (
            "the connection to Spark's JVM is lost: it has ended or was killed."
        )


def test_a_malformed_value_is_told_without_the_query(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("x",)], "a string")
    reason = _failure(lambda: frame.selectExpr("cast(a as int)").collect())
    assert reason.startswith("[CAST_INVALID_INPUT] The value 'x'")
    assert "==" not in reason


def test_a_long_reason_is_cut(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame = spark.range(1).select(F.raise_error(F.lit("x" * 5000)))
    reason = _failure(frame.collect)
    assert len(reason) == 400
    assert reason.endswith("…")


def test_a_node_that_fails_in_spark_is_told_in_a_line(spark: SparkSession) -> None:
    def choose(frame: Any) -> Any:
        return frame.select("nothing_like_it")

    pipe = pipeline([node(choose, "frame", "chosen")])
    with pytest.raises(RunFailedError) as caught:
        SequentialRunner().run(pipe, DataCatalog(feed_dict={"frame": spark.range(3)}))
    (failure,) = caught.value.failures
    assert failure.message.startswith("Node 'choose' failed: [UNRESOLVED_COLUMN")
    assert "\n" not in failure.message
    assert failure.location.endswith("in choose")
