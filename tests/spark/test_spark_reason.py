"""Failures in Spark, told in a few plain lines."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spark_failures import errors_of_overwriting_at_once

from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.failures.judging import spark_reason
from sparkpipe.spark.jobs.query_logs import leave_out_of_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession


def _analyzed(made: Any) -> Any:
    """Ask for the schema of a frame: only then does Spark Connect ask its server."""
    return made.schema


def _reason(make: Callable[[], Any]) -> str:
    with pytest.raises(Exception) as caught:
        _analyzed(make())
    reason = spark_reason(caught.value)
    assert len(reason.splitlines()) <= 3
    assert len(reason) <= 400
    assert not reason.startswith(("org.", "java."))
    for noise in ("SQLSTATE", "\tat ", "== SQL", "Project ["):
        assert noise not in reason
    return reason


@pytest.fixture
def orders(spark: SparkSession) -> DataFrame:
    schema = "order_id int, amount double, customer_name string, place struct<city:int,street:int>"
    return spark.createDataFrame([(1, 2.0, "a", (1, 2))], schema)


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> str:
    path = str(tmp_path / "table")
    spark.range(4).selectExpr("id", "id * 2 as value").write.format("delta").save(path)
    return path


def test_a_parameter_without_a_value_is_told_with_what_delta_has_to_do_with_it(
    spark: SparkSession,
) -> None:
    told = _reason(lambda: spark.sql("SELECT :day AS day"))
    assert told.startswith("the parameter :day of the query has no value.")
    assert "Delta's SQL extension" in told
    assert "Use a SQL node" in told
    assert "a parameter `?` of the query has no value" in _reason(lambda: spark.sql("SELECT ?"))


def test_what_is_not_of_spark_has_no_reason_here() -> None:
    assert spark_reason(ValueError("x")) == ""
    assert spark_reason(ConnectionRefusedError(111, "Connection refused")) == ""


@pytest.mark.parametrize(
    "use",
    [
        lambda frame: frame.select("ordr_id"),
        lambda frame: frame.filter("ordr_id > 1"),
        pytest.param(
            lambda frame: frame["ordr_id"], marks=pytest.mark.classic("Connect asks no server")
        ),
        lambda frame: frame.groupBy("ordr_id").count(),
        lambda frame: frame.join(frame, "ordr_id"),
        lambda frame: frame.dropDuplicates(["ordr_id"]),
    ],
    ids=["select", "filter", "item", "groupBy", "join", "dropDuplicates"],
)
def test_a_missing_column_is_named_with_its_like_and_those_there_are(
    orders: DataFrame, use: Callable[[DataFrame], Any]
) -> None:
    reason = _reason(lambda: use(orders))
    assert reason.startswith("there is no column `ordr_id`. Did you mean `order_id`? ")
    for name in ("amount", "customer_name", "place"):
        assert f"`{name}`" in reason


def test_a_qualified_column_is_compared_by_its_whole_name(orders: DataFrame) -> None:
    reason = _reason(lambda: orders.alias("o").select("o.amuont"))
    assert reason.startswith("there is no column `o.amuont`. Did you mean `o.amount`?")


def test_a_column_that_is_like_none_gets_no_proposal(orders: DataFrame) -> None:
    reason = _reason(lambda: orders.select("zzz"))
    assert reason.startswith("there is no column `zzz`. There are: ")
    assert "Did you mean" not in reason


def test_of_many_columns_only_those_alike_are_shown(spark: SparkSession) -> None:
    frame = spark.range(1).selectExpr(*(f"id as column_{number}" for number in range(40)))
    reason = _reason(lambda: frame.select("colum_3"))
    assert reason.startswith("there is no column `colum_3`. Did you mean `column_3")
    assert "Like it are: " in reason
    assert reason.count("`column_") == 6


def test_a_missing_field_of_a_struct(orders: DataFrame) -> None:
    assert _reason(lambda: orders.select("place.citty")) == (
        "there is no field `citty`. Did you mean `city`? There are: `city`, `street`."
    )


@pytest.mark.classic("Connect asks its server only when it computes")
def test_a_missing_attribute(orders: DataFrame) -> None:
    assert _reason(lambda: orders.amuont) == "there is no column `amuont`."


def test_an_ambiguous_column(orders: DataFrame) -> None:
    other = orders.select("order_id", "amount")
    joined = orders.join(other, orders.amount == other.amount)
    reason = _reason(lambda: joined.select("order_id"))
    assert reason.startswith("the column `order_id` is ambiguous")
    assert "rename" in reason


def test_missing_tables_and_paths(spark: SparkSession, tmp_path: Path) -> None:
    reason = _reason(lambda: spark.sql("select * from shop.oders"))
    assert reason.startswith("there is no table or view `shop`.`oders`.")
    reason = _reason(lambda: spark.read.parquet(str(tmp_path / "none")))
    assert reason == f"the path does not exist: file:{tmp_path / 'none'}"


def test_a_wrong_query_is_told_with_its_position(spark: SparkSession) -> None:
    reason = _reason(lambda: spark.sql("select a frm\n where x y z"))
    assert reason == (
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'y' (line 2, position 9): where x y z"
    )


def test_other_wrong_queries_keep_the_name_and_words_of_spark(
    spark: SparkSession, orders: DataFrame
) -> None:
    reason = _reason(lambda: orders.selectExpr("amount + place"))
    assert reason.startswith('[DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES] Cannot resolve "(amount')
    frame = spark.createDataFrame([("x",)], "a string")
    reason = _reason(lambda: frame.selectExpr("cast(a as int)").collect())
    assert reason.startswith("[CAST_INVALID_INPUT] The value 'x'")


@pytest.mark.filterwarnings("ignore:toPandas attempted")
@pytest.mark.parametrize("action", ["collect", "toPandas"])
def test_an_error_raised_in_a_python_worker_is_the_users_own(
    spark: SparkSession, action: str
) -> None:
    from pyspark.sql import functions as F

    @F.udf("int")
    def explode(x):  # type: ignore[no-untyped-def]
        raise ValueError("boom")

    reason = _reason(getattr(spark.range(3).select(explode("id")), action))
    assert reason == "in a Python worker: ValueError: boom"


@pytest.mark.classic("the failure is py4j's or a SparkContext's")
def test_an_error_of_ones_own_class_in_a_worker(spark: SparkSession) -> None:
    def fail(x: int) -> int:
        class LocalError(Exception):
            pass

        raise LocalError("no more: 7 left")

    reason = _reason(lambda: spark.sparkContext.parallelize([1]).map(fail).collect())
    assert reason.startswith("in a Python worker: ")
    assert "LocalError: no more: 7 left" in reason


def test_a_python_worker_that_died(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    @F.udf("int")
    def die(x):  # type: ignore[no-untyped-def]
        import os

        os._exit(9)

    reason = _reason(spark.range(1).select(die("id")).collect)
    assert reason.startswith("a Python worker died without an exception")
    assert "faulthandler" in reason


@pytest.mark.parametrize("imported", ["", "delta.exceptions"])
def test_a_writer_that_lost_against_another_is_told_what_to_do(
    spark: SparkSession, table: str, imported: str
) -> None:
    if imported:  # pyspark then raises Delta's own exceptions; not undone for the rest of the run
        pytest.importorskip(imported)
    assert _reason(lambda: _write_at_once(spark, table)).splitlines() == [
        f"another writer changed the Delta table delta.`file:{table}` at the same time "
        "(a WRITE): DELTA_CONCURRENT_APPEND.WITHOUT_HINT.",
        "Let one node wait for the other (give it the other's output as an input), "
        "or give the node retries.",
    ]


def _write_at_once(spark: SparkSession, path: str) -> None:
    """Overwrite a table from three threads, and raise the first failure."""
    frame = spark.range(9).selectExpr("id", "id as value")
    raise errors_of_overwriting_at_once(frame, path)[0]


def test_a_delta_schema_mismatch_names_the_columns(spark: SparkSession, table: str) -> None:
    frame = spark.range(1).selectExpr("id", "id as extra")
    reason = _reason(lambda: frame.write.format("delta").mode("append").save(table))
    assert reason.splitlines()[0] == (
        "the data does not have the schema of the Delta table: "
        "`extra` (long) is new; `value` is not in the data."
    )
    assert "mergeSchema: true" in reason
    assert "overwriteSchema: true" in reason


def test_a_column_of_another_type_than_in_the_delta_table(spark: SparkSession, table: str) -> None:
    frame = spark.range(1).selectExpr("id", "'x' as value")
    reason = _reason(lambda: frame.write.format("delta").mode("append").save(table))
    assert reason.startswith("the column `value` has another type than in the Delta table")
    if not is_connect(spark):  # which leaves the types out
        assert "StringType" in reason
        assert "LongType" in reason


def test_other_partitions_than_those_of_the_delta_table(spark: SparkSession, table: str) -> None:
    writer = spark.range(1).selectExpr("id", "id as value").write.format("delta").mode("append")
    reason = _reason(lambda: writer.partitionBy("value").save(table))
    assert reason.startswith("Partition columns do not match")
    assert "`value`" in reason


def test_a_file_that_cannot_be_read_is_named_with_the_cause(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_text("no parquet " * 20)
    frame = spark.read.schema("a int").parquet(str(tmp_path))
    reason = _reason(frame.collect)
    assert reason.startswith("[FAILED_READ_FILE.NO_HINT] ")
    assert "a.parquet is not a Parquet file" in reason


def test_a_folder_that_cannot_be_written(spark: SparkSession) -> None:
    reason = _reason(lambda: spark.range(1).write.parquet("/proc/nowhere"))
    assert reason.startswith("IOException: Mkdirs failed to create file:/proc/nowhere")


@pytest.mark.classic("the failure is py4j's or a SparkContext's")
def test_an_error_of_java_is_told_without_its_packages(spark: SparkSession) -> None:
    context = spark.sparkContext
    reason = _reason(lambda: context._jsc.sc().parallelize(None, 1, None))
    assert reason.startswith("NullPointerException: ")


@pytest.mark.classic("the failure is py4j's or a SparkContext's")
def test_the_root_cause_of_a_java_error_is_told(spark: SparkSession) -> None:
    from py4j.protocol import Py4JJavaError

    jvm: Any = spark._jvm
    inner = jvm.java.io.IOException("the disk is full")
    error = Py4JJavaError("An error occurred while calling o1.x.\n", jvm.RuntimeException(inner))
    assert spark_reason(error) == "IOException: the disk is full"


@pytest.mark.classic("the failure is py4j's or a SparkContext's")
def test_a_method_that_java_does_not_have_is_no_lost_connection(spark: SparkSession) -> None:
    reason = _reason(lambda: spark._jsparkSession.noSuchMethod())
    assert "noSuchMethod" in reason
    assert "lost" not in reason


@pytest.mark.classic("the failure is py4j's or a SparkContext's")
def test_a_lost_connection_says_so(spark: SparkSession) -> None:
    from py4j.protocol import Py4JError, Py4JNetworkError

    for error in (
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("An error occurred while calling o34.count"),
    ):
        assert spark_reason(error).startswith(
            "the connection to Spark's JVM is lost: it has ended or was killed."
        )


def test_a_long_reason_is_cut(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame = spark.range(1).select(F.raise_error(F.lit("x" * 5000)))
    reason = _reason(frame.collect)
    assert len(reason) == 400
    assert reason.endswith("…")


def test_a_node_that_fails_in_spark_is_told_in_a_line(spark: SparkSession) -> None:
    def choose(frame: Any) -> Any:
        return frame.select("idd").count()

    pipe = pipeline([node(choose, "frame", "chosen")])
    with pytest.raises(RunFailedError) as caught:
        SequentialRunner().run(pipe, DataCatalog(feed_dict={"frame": spark.range(3)}))
    (failure,) = caught.value.failures
    assert failure.message == (
        "Node 'choose' failed: there is no column `idd`. Did you mean `id`? There are: `id`."
    )
    assert failure.location.endswith("in choose")


def test_the_trace_that_pyspark_logs_is_left_out_of_runs_alone(spark: SparkSession) -> None:
    logs = pytest.importorskip("pyspark.logger", reason="pyspark logs none before 4.0")
    logged: list[str] = []

    class Listing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.name)

    def choose() -> None:
        spark.sql("SELECT idd FROM range(3)").collect()

    logger = logs.PySparkLogger.getLogger("SQLQueryContextLogger")
    handler = Listing()
    logger.addHandler(handler)
    try:
        with pytest.raises(RunFailedError):
            SequentialRunner().run(pipeline([node(choose, None, "chosen")]), DataCatalog())
        assert logged == []
        with pytest.raises(Exception, match="idd"):
            choose()
        assert logged == [logger.name]
    finally:
        logger.removeHandler(handler)


def test_a_trace_logger_that_was_there_before_pyspark_hides_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs = pytest.importorskip("pyspark.logger")
    logger = logging.getLogger("SQLQueryContextLogger")
    monkeypatch.setattr(logger, "disabled", False)
    logger.__class__ = logging.Logger  # as a command leaves it
    leave_out_of_runs()
    assert isinstance(logger, logs.PySparkLogger)
    logger.error("no such column", errorClass="UNRESOLVED_COLUMN")  # type: ignore[call-arg]
