"""Spark frames in memory, and tables that Spark and pandas share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.pandas import CSVDataSet, ParquetDataSet
from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.mark.parametrize(
    "wrap",
    [
        lambda frame: frame,
        lambda frame: [frame, 1],
        lambda frame: (1, frame),
        lambda frame: {"train": frame, "test": frame},
        lambda frame: {"deep": [{"er": (frame,)}]},
    ],
    ids=["frame", "list", "tuple", "dict", "deep"],
)
def test_a_frame_is_kept_by_assignment_also_inside(spark: SparkSession, wrap: Any) -> None:
    held = wrap(spark.range(3))
    data_set = MemoryDataSet()
    data_set.save(held)
    assert data_set.load() is held


def _model(spark: SparkSession) -> Any:
    from pyspark.ml.feature import StringIndexer

    return StringIndexer(inputCol="name", outputCol="number").fit(
        spark.createDataFrame([("a",)], ["name"])
    )


def _estimator(spark: SparkSession) -> Any:
    from pyspark.ml.feature import StringIndexer

    return StringIndexer(inputCol="name", outputCol="number")


class _Trained:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.metrics = {"rmse": 1}


@pytest.mark.parametrize(
    "make",
    [
        _model,
        _estimator,
        lambda spark: (_model(spark), {"rmse": 1}),
        lambda spark: _Trained(_model(spark)),
        lambda spark: spark.range(1).id + 1,
        lambda spark: spark.range(1).groupBy("id"),
        lambda spark: spark.range(1).pandas_api(),
        lambda spark: {"columns": [spark.range(1).id]},
    ],
)
def test_what_belongs_to_spark_is_kept_by_assignment(spark: SparkSession, make: Any) -> None:
    made = make(spark)
    data_set = MemoryDataSet()
    data_set.save(made)
    assert data_set.load() is made


def test_a_session_is_kept_by_assignment(spark: SparkSession) -> None:
    assert MemoryDataSet(spark).load() is spark
    assert MemoryDataSet({"spark": spark}).load()["spark"] is spark


def test_what_holds_no_frame_is_copied_while_spark_is_loaded(spark: SparkSession) -> None:
    held = {"rows": [1, 2]}
    loaded = MemoryDataSet(held).load()
    assert loaded == held
    assert loaded["rows"] is not held["rows"]


@pytest.mark.parametrize("runner", [SequentialRunner(), SequentialRunner(True), ThreadRunner()])
def test_frames_pass_from_node_to_node(spark: SparkSession, runner: AbstractRunner) -> None:
    def split(frame: DataFrame) -> dict[str, DataFrame]:
        return {"low": frame.where("id < 3"), "high": frame.where("id >= 3")}

    def counts(parts: dict[str, DataFrame]) -> dict[str, int]:
        return {name: part.count() for name, part in parts.items()}

    pipe = pipeline([node(split, "frame", "parts"), node(counts, "parts", "counts")])
    outputs = runner.run(pipe, DataCatalog(feed_dict={"frame": spark.range(10)}))
    assert outputs == {"counts": {"low": 3, "high": 7}}


@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner()])
def test_spark_writes_a_folder_that_pandas_reads(
    spark: SparkSession, tmp_path: Path, runner: AbstractRunner
) -> None:
    path = str(tmp_path / "t")
    catalog = DataCatalog(
        {"t@spark": SparkDataSet(path), "t@pandas": ParquetDataSet(path)},
        feed_dict={"n": 5},
    )
    pipe = pipeline(
        [
            node(lambda n: spark.range(n).repartition(3), "n", "t@spark", name="make"),
            node(lambda table: sorted(table["id"]), "t@pandas", "ids", name="read"),
        ]
    )
    for _ in range(2):
        assert runner.run(pipe, catalog) == {"ids": [0, 1, 2, 3, 4]}
    assert len(list((tmp_path / "t").glob("part-*.parquet"))) == 3


def test_pandas_writes_a_file_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    import pandas as pd

    path = str(tmp_path / "t.csv")
    args = {"header": True, "schema": "name STRING, n INT"}
    catalog = DataCatalog(
        {"t@pandas": CSVDataSet(path), "t@spark": SparkDataSet(path, "csv", load_args=args)},
        feed_dict={"source": pd.DataFrame({"name": ["a", "b"], "n": [1, 2]})},
    )
    pipe = pipeline(
        [
            node(lambda table: table, "source", "t@pandas", name="land"),
            node(lambda frame: [tuple(r) for r in frame.collect()], "t@spark", "rows", name="read"),
        ]
    )
    assert ThreadRunner().run(pipe, catalog) == {"rows": [("a", 1), ("b", 2)]}
