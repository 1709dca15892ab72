"""Which file system a path is of, and how Spark is given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.datasets.spark.paths import local_path, spark_path, split_address
from sparkpipe.errors import DataSetError

ADDRESSES = [
    *("s3a://bucket/a", "abfss://c@acc.dfs.core.windows.net/a", "gs://b/a", "hdfs:///a"),
    *("hdfs:/a", "dbfs:/a", "dbfs:/Volumes/main/sales/files/a", "wasbs://c@acc/a"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_goes_to_spark_as_it_is(address: str) -> None:
    assert local_path(address) is None
    assert spark_path(address) == address
    assert "".join(split_address(address)) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_there_is_not_asked_of_python(address: str) -> None:
    data_set = SparkDataSet(address)
    assert data_set._missing() == ""
    assert data_set._problems() == []


def test_local_paths_are_of_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.resolve()
    for path in ("a/b", "./a/b", f"file:{here}/a/b", f"file://{here}/a/b"):
        assert local_path(path) == here / "a" / "b"
        assert spark_path(path) == (here / "a" / "b").as_posix()


def test_the_folder_dbfs_is_what_spark_calls_dbfs() -> None:
    assert local_path("/dbfs/mnt/a") is None
    assert spark_path("/dbfs/mnt/a") == "dbfs:/mnt/a"
    assert str(SparkDataSet("/dbfs/mnt/a")) == (
        "SparkDataSet(filepath=/dbfs/mnt/a, file_format=parquet, save_args={'mode': 'overwrite'})"
    )


def test_on_databricks_only_relative_paths_are_on_the_disk_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.chdir(tmp_path)
    assert spark_path("a") == f"file:{tmp_path.resolve().as_posix()}/a"
    assert spark_path("file:/tmp/a") == "file:/tmp/a"
    assert spark_path("/mnt/a") == "dbfs:/mnt/a"
    assert spark_path("/Volumes/main/sales/files") == "dbfs:/Volumes/main/sales/files"
    assert SparkDataSet("/mnt/nowhere")._missing() == ""


def test_a_path_with_nul_is_refused() -> None:
    with pytest.raises(DataSetError, match="NUL"):
        SparkDataSet("s3a://bucket/a\0b")


def test_what_an_address_says_of_users_is_not_shown() -> None:
    assert "secret" not in str(SparkDataSet("s3a://key:secret@bucket/a"))
