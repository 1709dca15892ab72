"""Tables in Hive's arguments. The session of the tests has no Hive: other formats stand for its."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkHiveDataSet
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def people(session: SparkSession, *given: tuple[int, str]) -> Any:
    return session.createDataFrame(list(given), "id INT, name STRING")


def table(database: str, file_format: str = "parquet", **options: Any) -> SparkHiveDataSet:
    return SparkHiveDataSet(database, "people", save_args={"format": file_format}, **options)


def test_by_default_what_is_there_is_kept(session: SparkSession, database: str) -> None:
    table(database).save(people(session, (1, "a")))
    with pytest.raises(DataSetError, match="already exists"):
        table(database).save(people(session, (2, "b")))
    assert rows(table(database).load()) == [(1, "a")]


def test_append_and_overwrite(session: SparkSession, database: str) -> None:
    table(database, write_mode="append").save(people(session, (1, "a")))
    table(database, write_mode="append").save(people(session, (2, "b")).select("name", "id"))
    assert rows(table(database).load()) == [(1, "a"), (2, "b")]
    table(database, write_mode="overwrite").save(session.range(1))
    assert table(database).load().columns == ["id"]


@pytest.mark.parametrize("file_format", ["parquet", "delta"])
def test_upsert(session: SparkSession, database: str, file_format: str) -> None:
    data_set = table(database, file_format, write_mode="upsert", table_pk=["id"])
    data_set.save(people(session, (1, "a"), (2, "b")))
    data_set.save(people(session, (2, "new"), (3, "c")))
    assert rows(data_set.load()) == [(1, "a"), (2, "new"), (3, "c")]


def test_data_of_other_columns_is_told(session: SparkSession, database: str) -> None:
    table(database).save(people(session, (1, "a")))
    with pytest.raises(DataSetError) as caught:
        table(database, write_mode="append").save(session.range(1))
    assert str(caught.value) == (
        "the data does not have the columns of the table: only the data has id (bigint); "
        "only the table has id (int), name (string)."
    )


def test_without_hive_it_is_told(spark: SparkSession, database: str) -> None:
    with pytest.raises(DataSetError, match=r"spark.sql.catalogImplementation"):
        SparkHiveDataSet(database, "people").save(people(spark, (1, "a")))
