"""Versioned SparkDataSets: each save is a folder of its own, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.errors import DataSetError, PreflightError, VersionNotFoundError
from sparkpipe.io import CachedDataSet, DataCatalog, Version
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def numbers(frame: Any) -> list[int]:
    return sorted(row[0] for row in frame.collect())


def at(path: Path, load: str | None = None, save: str | None = None, **more: Any) -> SparkDataSet:
    return SparkDataSet(str(path), version=Version(load, save), **more)


@pytest.mark.parametrize("file_format", ["parquet", "csv", "delta"])
def test_each_version_is_a_folder_and_the_latest_is_loaded(
    session: SparkSession, tmp_path: Path, file_format: str
) -> None:
    path = tmp_path / "t"
    more: dict[str, Any] = {"file_format": file_format}
    if file_format == "csv":
        more["load_args"] = {"schema": "id LONG"}
    assert at(path, **more).exists() is False
    at(path, None, "2024-01-02", **more).save(session.range(2))
    at(path, None, "2024-01-01", **more).save(session.range(1))
    assert sorted(str(p.relative_to(path)) for p in path.glob("*/*")) == [
        "2024-01-01/t",
        "2024-01-02/t",
    ]
    assert at(path, **more).exists() is True
    assert numbers(at(path, **more).load()) == [0, 1]
    assert numbers(at(path, "2024-01-01", **more).load()) == [0]


def test_the_entry_and_the_options_of_a_run_choose_the_version(
    spark: SparkSession, tmp_path: Path
) -> None:
    entry = {
        "t": {"type": "spark.SparkDataset", "filepath": str(tmp_path / "t"), "versioned": True}
    }
    for count, version in ((1, "v1"), (2, "v2")):
        DataCatalog.from_config(entry, save_version=version).save("t", spark.range(count))
    assert numbers(DataCatalog.from_config(entry).load("t")) == [0, 1]
    asked = DataCatalog.from_config(entry, load_versions={"t": "v1"})
    assert numbers(asked.load("t")) == [0]
    assert numbers(DataCatalog.from_config(entry).load("t", version="v1")) == [0]


def test_arguments_stand_in_the_order_that_kedro_has(tmp_path: Path) -> None:
    data_set = SparkDataSet(
        str(tmp_path), "csv", {"sep": ";"}, {"mode": "append"}, Version("v1", "v2"), {"key": "x"}
    )
    assert data_set.resolve_load_version() == "v1"
    assert data_set.resolve_save_version() == "v2"
    assert "'key'" not in str(data_set)


def test_a_version_is_never_overwritten(spark: SparkSession, tmp_path: Path) -> None:
    at(tmp_path / "t", None, "v1").save(spark.range(1))
    with pytest.raises(DataSetError, match=r"v1 is there already.*never overwritten"):
        at(tmp_path / "t", None, "v1").save(spark.range(2))
    assert numbers(at(tmp_path / "t").load()) == [0]


@pytest.mark.parametrize("file_format", ["parquet", "delta"])
def test_a_save_that_fails_leaves_no_version(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    path = tmp_path / "t"
    at(path, None, "v1", file_format=file_format).save(spark.range(1))
    failing = spark.range(5).selectExpr("if(id = 3, raise_error('boom'), id) AS id")
    with pytest.raises(DataSetError, match="boom"):
        at(path, None, "v2", file_format=file_format).save(failing)
    assert [p.name for p in path.iterdir()] == ["v1"]
    assert numbers(at(path, file_format=file_format).load()) == [0]


def test_partitions_of_a_version(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([(1, "a"), (2, "b")], "v INT, k STRING")
    args = {"partitionBy": "k", "partitionOverwriteMode": "dynamic"}
    at(tmp_path / "t", None, "v1", save_args=args).save(frame)
    assert (tmp_path / "t" / "v1" / "t" / "k=a").is_dir()
    assert numbers(at(tmp_path / "t").load()) == [1, 2]


def test_nothing_saved_yet_is_told(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(VersionNotFoundError, match=r"No version of .* has been saved yet"):
        at(tmp_path / "t").load()
    pipe = pipeline([node(lambda t: 1, "t", "one", name="count")])
    with pytest.raises(PreflightError, match=r"'t' of node 'count' .*does not exist"):
        SequentialRunner().run(pipe, DataCatalog({"t": at(tmp_path / "t")}))


def test_an_absent_version_is_told(spark: SparkSession, tmp_path: Path) -> None:
    at(tmp_path / "t", None, "v1").save(spark.range(1))
    assert at(tmp_path / "t", "v9").exists() is False
    with pytest.raises(DataSetError, match=r"does not exist: .*v9"):
        at(tmp_path / "t", "v9").load()


def test_a_run_reads_the_version_that_it_has_saved(spark: SparkSession, tmp_path: Path) -> None:
    entry = {
        "t": {"type": "spark.SparkDataSet", "filepath": str(tmp_path / "t"), "versioned": True}
    }
    DataCatalog.from_config(entry, save_version="2024-01-01").save("t", spark.range(9))
    pipe = pipeline([node(lambda x: spark.range(x), "x", "t"), node(lambda t: t.count(), "t", "n")])
    for runner in (SequentialRunner(), ThreadRunner()):
        catalog = DataCatalog.from_config(entry)
        catalog.add_feed_dict({"x": 3})
        assert runner.run(pipe, catalog) == {"n": 3}


def test_one_in_a_cache(spark: SparkSession, tmp_path: Path) -> None:
    inner = {"type": "spark.SparkDataSet", "filepath": str(tmp_path / "t"), "versioned": True}
    cached = CachedDataSet(inner)
    cached.save(spark.range(2))
    cached.release()
    assert numbers(cached.load()) == [0, 1]
