"""Data that only Spark reaches: no file system of Python's knows these addresses.

``viewfs`` is a file system of Hadoop that shows folders under other names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet, SparkStreamingDataSet
from sparkpipe.errors import DataSetError, VersionNotFoundError
from sparkpipe.io import Version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def address(session: SparkSession, tmp_path: Path) -> str:
    """An address of the folder of the test."""
    name = f"n{uuid4().hex}"
    # Spark hands the settings of a session to Hadoop.
    session.conf.set(f"fs.viewfs.mounttable.{name}.link./data", tmp_path.as_uri())
    return f"viewfs://{name}/data"


def numbers(frame: Any) -> list[int]:
    return sorted(row[0] for row in frame.collect())


@pytest.mark.parametrize("file_format", ["parquet", "csv", "delta"])
def test_it_is_saved_found_and_loaded(
    session: SparkSession, address: str, tmp_path: Path, file_format: str
) -> None:
    args = {"schema": "id LONG"} if file_format == "csv" else None
    data_set = SparkDataSet(f"{address}/a b/t", file_format, load_args=args)
    assert data_set.exists() is False
    data_set.save(session.range(3))
    data_set.save(session.range(2))
    assert data_set.exists() is True
    assert numbers(data_set.load()) == [0, 1]
    assert [p.name for p in (tmp_path / "a b").iterdir() if p.is_dir()] == ["t"]


def test_versions_are_found(session: SparkSession, address: str, tmp_path: Path) -> None:
    def at(load: str | None = None, save: str | None = None) -> SparkDataSet:
        return SparkDataSet(f"{address}/t", version=Version(load, save))

    assert at().exists() is False
    with pytest.raises(VersionNotFoundError):
        at().load()
    at(save="2024-01-02").save(session.range(2))
    at(save="2024-01-01").save(session.range(1))
    assert (tmp_path / "t" / "2024-01-02" / "t").is_dir()
    assert at().exists() is True
    assert numbers(at().load()) == [0, 1]
    assert numbers(at("2024-01-01").load()) == [0]
    assert at("2024-01-03").exists() is False
    with pytest.raises(DataSetError, match="never overwritten"):
        at(save="2024-01-02").save(session.range(5))


def test_a_pattern_is_found(session: SparkSession, address: str, tmp_path: Path) -> None:
    (tmp_path / "a1.csv").write_text("1\n")
    (tmp_path / "a2.csv").write_text("2\n")
    data_set = SparkDataSet(f"{address}/a*.csv", "csv", load_args={"schema": "n INT"})
    assert data_set.exists() is True
    assert numbers(data_set.load()) == [1, 2]
    assert SparkDataSet(f"{address}/b*.csv", "csv").exists() is False


def test_what_is_not_there_is_told_by_the_load(session: SparkSession, address: str) -> None:
    with pytest.raises(DataSetError, match=r"the path does not exist: .*nowhere"):
        SparkDataSet(f"{address}/nowhere").load()


def test_an_address_that_spark_does_not_know_is_told(session: SparkSession) -> None:
    with pytest.raises(DataSetError, match=r"cannot tell whether it exists: .*nofs"):
        SparkDataSet("nofs://bucket/a").exists()


@pytest.mark.delta
def test_a_delta_table(session: SparkSession, address: str) -> None:
    table = DeltaTableDataSet(f"{address}/t")
    assert table.exists() is False
    table.save(session.range(2))
    DeltaTableDataSet(f"{address}/t", save_args={"mode": "append"}).save(session.range(1))
    assert table.exists() is True
    assert numbers(table.load()) == [0, 0, 1]


def test_a_stream(session: SparkSession, address: str) -> None:
    SparkDataSet(f"{address}/in", "json").save(session.range(3))
    stream = SparkStreamingDataSet(f"{address}/in", "json", load_args={"schema": "id LONG"})
    assert stream.exists() is True
    out = SparkStreamingDataSet(
        f"{address}/out", "parquet", save_args={"checkpoint": f"{address}/checkpoint"}
    )
    assert out.exists() is False
    out.save(stream.load())
    assert numbers(SparkDataSet(f"{address}/out").load()) == [0, 1, 2]


def test_nothing_else_was_asked(session: SparkSession) -> None:
    assert "s3fs" not in sys.modules
    assert "adlfs" not in sys.modules


def test_a_schema_file_is_read_by_spark(
    session: SparkSession, spark: SparkSession, tmp_path: Path
) -> None:
    # Hadoop's name for the local file system serves as one that fsspec does not have.
    from sparkpipe.datasets.spark import schema

    struct = spark.createDataFrame([], "id LONG").schema.jsonValue()
    (tmp_path / "schema.json").write_text(json.dumps(struct))
    name = f"n{uuid4().hex}"
    # Spark hands the settings of a session to Hadoop.
    session.conf.set(f"fs.viewfs.mounttable.{name}.link./data", tmp_path.as_uri())
    read = schema.read_schema({"filepath": f"viewfs://{name}/data/schema.json"}, {})
    assert read == spark.createDataFrame([], "id LONG").schema
