"""Frames of pandas on Spark, drivers and file systems that lack, first appends side by side."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from sparkpipe.datasets.pandas import CSVDataSet, ParquetDataSet
from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.spark import (
    DeltaTableDataSet,
    SparkDataSet,
    SparkJDBCDataSet,
    SparkTableDataSet,
)
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner
from sparkpipe.spark.failures.chain import Link
from sparkpipe.spark.failures.reasons import tell
from sparkpipe.spark.session import SparkProvider, activated, get_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def classic(spark: SparkSession) -> Iterator[SparkSession]:
    """The session of the tests, which data sets of the test use."""
    with activated(SparkProvider(session=spark)):
        yield spark


@pytest.mark.delta
def test_first_appends_may_run_side_by_side(classic: SparkSession, tmp_path: Path) -> None:
    args = {"mode": "append"}
    names = [f"w{number}" for number in range(4)]
    catalog = DataCatalog(
        {name: DeltaTableDataSet(str(tmp_path / "log"), save_args=args) for name in names}
    )
    steps = pipeline([node(lambda: get_spark().range(10), None, n, name=n) for n in names])
    ThreadRunner(max_workers=4).run(steps, catalog)
    assert classic.read.format("delta").load(str(tmp_path / "log")).count() == 40


def test_what_pandas_saves_spark_reads(classic: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t.parquet")
    data_set = ParquetDataSet(path)
    data_set.save(pd.DataFrame({"t": pd.to_datetime(["2024-01-01"])}))
    assert SparkDataSet(path).load().count() == 1
    data_set.save(pd.DataFrame({"t": pd.to_datetime(["2024-01-01"]) + pd.Timedelta(1, "ns")}))
    with pytest.raises(DataSetError, match="nanoseconds, which Spark cannot read") as caught:
        SparkDataSet(path).load().count()
    assert "coerce_timestamps: us" in str(caught.value)


def test_frames_of_pandas_on_spark_are_told(classic: SparkSession, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = classic.range(2).pandas_api()
    data_sets: list[tuple[Any, str]] = [
        (SparkDataSet(str(tmp_path / "p")), "Give its frame.to_spark()"),
        (CSVDataSet(str(tmp_path / "c.csv")), "Give its frame.to_pandas()"),
        (PickleDataSet(str(tmp_path / "p.pkl")), "Give its frame.to_pandas()"),
        (SparkTableDataSet("t", write_mode="append", dataframe_type="pandas"), "frame.to_pandas()"),
    ]
    for data_set, told in data_sets:
        with pytest.raises(DataSetError, match="pandas on Spark") as caught:
            data_set.save(frame)
        assert told in str(caught.value)


@pytest.mark.classic("models of Connect are pickled as others")
def test_a_model_of_spark_is_no_pickle(classic: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml.feature import Bucketizer

    for backend in ("pickle", "cloudpickle"):
        data_set = PickleDataSet(str(tmp_path / "m.pkl"), backend)
        with pytest.raises(DataSetError, match="cannot be pickled") as caught:
            data_set.save(Bucketizer(splits=[0.0, 1.0]))
        assert "model.write().save(path)" in str(caught.value)
        assert "cloudpickle." not in str(caught.value).partition("It stands")[0].partition(":")[2]


def test_a_driver_is_named_by_the_address(classic: SparkSession) -> None:
    with pytest.raises(DataSetError) as caught:
        SparkJDBCDataSet("jdbc:postgresql://localhost/x", "t").load()
    assert "Add org.postgresql:postgresql:42" in str(caught.value)
    assert "(driver: org.postgresql.Driver)" in str(caught.value)


def test_s3_is_called_s3a(classic: SparkSession) -> None:
    with pytest.raises(DataSetError, match="Write s3a:// in its place"):
        SparkDataSet("s3://bucket/x").load()


def test_other_file_systems_are_named() -> None:
    said = tell([Link("UnsupportedFileSystemException", 'No FileSystem for scheme "abfss"')])
    assert "Add org.apache.hadoop:hadoop-azure:" in said
    said = tell([Link("UnsupportedFileSystemException", 'No FileSystem for scheme "foo"')])
    assert "Spark has no file system for foo://" in said


@pytest.mark.classic("partitions are counted by the RDD")
def test_a_read_over_jdbc_is_parted_by_dates(classic: SparkSession, tmp_path: Path) -> None:
    url = f"jdbc:derby:{tmp_path / 'db'};create=true"
    rows = classic.sql("SELECT DATE'2024-01-01' + CAST(id AS INT) AS d FROM range(10)")
    SparkJDBCDataSet(url, "t").save(rows)
    bounds = {"lowerBound": datetime.date(2024, 1, 1), "UpperBound": "2024-01-11"}
    for column in ("column", "partitionColumn"):
        args = {column: "d", **bounds, "numPartitions": 2}
        loaded = SparkJDBCDataSet(url, "t", load_args=args).load()
        assert loaded.rdd.getNumPartitions() == 2
        assert loaded.count() == 10
