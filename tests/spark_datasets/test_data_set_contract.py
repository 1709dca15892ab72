"""Every type of data set of Spark is what it declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
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
    SparkStreamingDataSet,
    SparkTableDataSet,
)
from sparkpipe.io import CachedDataSet, PartitionedDataSet, Version
from sparkpipe.io.declared import is_single_process, save_effect, state_of
from sparkpipe.spark.session import SparkProvider, activated
from sparkpipe.testing import check_data_set

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "id INT, name STRING"
FIRST = [(1, "a"), (2, "b"), (5, "e"), (6, "f")]
SECOND = [(2, "new"), (3, "c"), (4, "d")]
MERGED = sorted([*SECOND, (1, "a"), (5, "e"), (6, "f")])
BOTH = sorted([*FIRST, *SECOND])
DRIVER = {"properties": {"driver": "org.apache.derby.jdbc.EmbeddedDriver"}}
_numbers = count(1)

pytestmark = pytest.mark.classic("what is declared is asked without a session")


@pytest.fixture(autouse=True)
def used(spark: SparkSession) -> Iterator[None]:
    with activated(SparkProvider(session=spark)):
        yield


def rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    if frame.isStreaming:
        name = f"contract_{uuid4().hex}"
        writer = frame.writeStream.format("memory").queryName(name)
        writer.trigger(availableNow=True).start().awaitTermination()
        read = sorted((row["id"], row["name"]) for row in frame.sparkSession.table(name).collect())
        frame.sparkSession.catalog.dropTempView(name)
        return read
    return sorted((row["id"], row["name"]) for row in frame.collect())


def opened(frame: DataFrame) -> Callable[[], list[tuple[Any, ...]]]:
    """Read the first of several partitions; return what reads the others."""
    assert frame.rdd.getNumPartitions() > 1
    iterator = frame.toLocalIterator()
    begun = [next(iterator)]
    return lambda: sorted((row["id"], row["name"]) for row in [*begun, *iterator])


def check(spark: SparkSession, folder: Path, make: Callable[[Path], Any], **options: Any) -> None:
    first = spark.createDataFrame(FIRST, SCHEMA).repartition(4)
    second = spark.createDataFrame(SECOND, SCHEMA)
    check_data_set(make, first, second, folder, read=rows, opened=opened, **options)


def failing(spark: SparkSession) -> DataFrame:
    return spark.sql("SELECT CAST(id AS INT), CAST(raise_error('no') AS STRING) name FROM range(9)")


def files(file_format: str, mode: str = "overwrite", **save_args: Any) -> Callable[[Path], Any]:
    schema = {"schema": SCHEMA}
    args = {"mode": mode, **save_args}
    return lambda folder: SparkDataSet(str(folder / "t"), file_format, schema, args)


def versions(folder: Path) -> SparkDataSet:
    return SparkDataSet(str(folder / "t"), version=Version(None, f"v{next(_numbers):04}"))


DYNAMIC = {"partitionBy": "id", "partitionOverwriteMode": "dynamic"}


@pytest.mark.parametrize(
    ("make", "after"),
    [
        pytest.param(files("parquet"), None, id="parquet"),
        pytest.param(files("orc"), None, id="orc"),
        pytest.param(files("csv", "append"), BOTH, id="csv, appended"),
        pytest.param(files("json", "ignore"), FIRST, id="json, kept"),
        pytest.param(files("parquet", "error"), FIRST, id="parquet, refused"),
        pytest.param(files("parquet", **DYNAMIC), MERGED, id="parquet, by partition"),
        pytest.param(versions, SECOND, id="versions"),
    ],
)
def test_files_are_what_they_declare(
    spark: SparkSession, tmp_path: Path, make: Callable[[Path], Any], after: Any
) -> None:
    check(spark, tmp_path, make, after=after)


def delta(mode: str, **save_args: Any) -> Callable[[Path], Any]:
    args = {"mode": mode, **save_args}
    return lambda folder: DeltaTableDataSet(str(folder / "t"), save_args=args)


@pytest.mark.parametrize(
    ("make", "after"),
    [
        pytest.param(delta("overwrite"), None, id="replaced"),
        pytest.param(delta("append"), BOTH, id="appended"),
        pytest.param(
            lambda folder: CachedDataSet(delta("overwrite", **DYNAMIC)(folder)),
            MERGED,
            id="cached, by partition",
        ),
    ],
)
def test_a_delta_table_is_what_it_declares(
    spark: SparkSession, tmp_path: Path, make: Callable[[Path], Any], after: Any
) -> None:
    check(spark, tmp_path, make, after=after, spoilt=failing(spark))


def test_a_delta_table_of_which_a_part_is_replaced(spark: SparkSession, tmp_path: Path) -> None:
    whole = delta("overwrite")(tmp_path)
    whole.save(spark.createDataFrame(FIRST, SCHEMA))
    part = delta("overwrite", replaceWhere="id < 5")(tmp_path)
    assert save_effect(part) == "part"
    state = state_of(part)
    part.save(spark.createDataFrame(SECOND, SCHEMA))
    assert rows(part.load()) == sorted([*SECOND, (5, "e"), (6, "f")])
    assert state_of(part) == state_of(whole) != state
    pinned = DeltaTableDataSet(str(tmp_path / "t"), load_args={"versionAsOf": 0})
    assert (rows(pinned.load()), state_of(pinned)) == (FIRST, "versionasof=0")


TABLES: dict[str, Any] = {
    "replaced": (SparkTableDataSet, {"write_mode": "overwrite"}, None),
    "merged": (SparkTableDataSet, {"write_mode": "upsert", "primary_key": "id"}, MERGED),
    "kept": (SparkTableDataSet, {"write_mode": "error"}, FIRST),
    "for reading": (SparkTableDataSet, {}, None),
    "of Databricks, appended": (ManagedTableDataSet, {"write_mode": "append"}, BOTH),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_it_declares(
    spark: SparkSession, tmp_path: Path, database: str, name: str
) -> None:
    kind, options, after = TABLES[name]

    def fill(folder: Path) -> None:
        spark.createDataFrame(FIRST, SCHEMA).write.format("delta").saveAsTable(f"{database}.t")

    check(
        spark,
        tmp_path,
        lambda folder: kind("t", database=database, **options),
        after=after,
        fill=fill if name == "for reading" else None,
    )


@pytest.mark.parametrize(
    ("options", "after"),
    [({"write_mode": "append"}, BOTH), ({"write_mode": "upsert", "table_pk": ["id"]}, MERGED)],
    ids=["appended", "merged"],
)
def test_a_table_of_hive_is_what_it_declares(
    spark: SparkSession, tmp_path: Path, database: str, options: dict[str, Any], after: Any
) -> None:
    # The session of the tests has no Hive.
    options = {**options, "save_args": {"format": "parquet"}}
    check(spark, tmp_path, lambda folder: SparkHiveDataSet(database, "t", **options), after=after)


@pytest.mark.parametrize(
    ("mode", "after"), [("error", FIRST), ("append", BOTH), ("overwrite", None), ("query", None)]
)
def test_a_table_over_jdbc_is_what_it_declares(
    spark: SparkSession, tmp_path: Path, mode: str, after: Any
) -> None:
    url = f"jdbc:derby:memory:{uuid4().hex};create=true"
    query = mode == "query"
    table = '(SELECT "id", "name" FROM people) AS q' if query else "people"
    save_args = DRIVER if query else {**DRIVER, "mode": mode}

    def fill(folder: Path) -> None:
        SparkJDBCDataSet(url, "people", save_args=DRIVER).save(spark.createDataFrame(FIRST, SCHEMA))

    check(
        spark,
        tmp_path,
        lambda folder: SparkJDBCDataSet(url, table, load_args=DRIVER, save_args=save_args),
        after=after,
        fill=fill if query else None,
    )


def test_a_stream_is_what_it_declares(spark: SparkSession, tmp_path: Path) -> None:
    streams = []
    for name, data in (("first", FIRST), ("second", SECOND)):
        path = str(tmp_path / name)
        spark.createDataFrame(data, SCHEMA).write.parquet(path)
        streams.append(spark.readStream.schema(SCHEMA).parquet(path))

    def make(folder: Path) -> SparkStreamingDataSet:
        args = {"checkpoint": str(tmp_path / f"checkpoint-{next(_numbers)}")}
        return SparkStreamingDataSet(str(folder / "out"), "delta", args)

    check_data_set(make, *streams, tmp_path / "sink", read=rows, after=BOTH)
    whole = SparkStreamingDataSet(file_format="memory", save_args={"output_mode": "complete"})
    assert save_effect(whole) == "replace"


def test_partitions_of_spark_stay_in_their_process(tmp_path: Path) -> None:
    for kind in ("spark.SparkDataSet", SparkDataSet):
        partitioned = PartitionedDataSet(str(tmp_path), kind)
        assert is_single_process(partitioned)
        assert is_single_process(CachedDataSet(partitioned))


class Boasting(SparkDataSet):
    """Says that files are replaced in one transaction."""

    def is_transactional(self) -> bool:
        return True


def test_the_checks_find_what_is_no_transaction(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Boasting\.is_transactional\(\)"):
        check(spark, tmp_path, lambda folder: Boasting(str(folder / "t")))
