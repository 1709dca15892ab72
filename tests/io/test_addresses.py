"""Addresses are parted as Kedro does for data sets of users, and as fsspec does for ours."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, PartitionedDataSet, declared
from sparkpipe.io.core import Version, get_protocol_and_path


@pytest.mark.parametrize(
    ("given", "protocol", "path"),
    [
        ("data/a.csv", "file", "data/a.csv"),
        ("file:/data/a.csv", "file", "/data/a.csv"),
        ("file:///data/a.csv", "file", "/data/a.csv"),
        ("file:///C:/data/a.csv", "file", "C:/data/a.csv"),
        ("C:\\data\\a.csv", "file", "C:/data/a.csv"),
        ("s3://bucket/a.csv", "s3", "bucket/a.csv"),
        ("s3://user@bucket/a.csv", "s3", "bucket/a.csv"),
        ("gs://bucket:80/a.csv", "gs", "bucket/a.csv"),
        ("hdfs://nn:8020/a", "hdfs", "/a"),
        ("hdfs:///a", "hdfs", "/a"),
        ("sftp://me:secret@host/a", "sftp", "/a"),
        ("https://host/a.csv", "https", "host/a.csv"),
    ],
)
def test_data_sets_of_users_get_the_path_as_in_kedro(given: str, protocol: str, path: str) -> None:
    assert get_protocol_and_path(given) == (protocol, path)
    assert get_protocol_and_path(given, None)[0] == protocol


def test_the_web_has_no_versions() -> None:
    with pytest.raises(DataSetError, match="cannot be versioned"):
        get_protocol_and_path("https://host/a.csv", Version(None, None))


def test_ours_ask_fsspec_for_path_and_host() -> None:
    ftp = TextDataSet("ftp://me:hunter2@host:2121/a.csv")
    assert ftp._filepath == PurePosixPath("/a.csv")
    assert {**ftp._storage_options} == {
        "host": "host",
        "port": 2121,
        "username": "me",
        "password": "hunter2",
    }
    assert declared.location_of(ftp) == "ftp://***@host:2121/a.csv"
    assert "hunter2" not in str(ftp)
    other = TextDataSet("ftp://other/a.csv", credentials={"host": "given"})
    assert other._storage_options["host"] == "given"
    assert declared.target_of(other) != declared.target_of(ftp)


def test_a_folder_of_partitions_asks_fsspec_too() -> None:
    parts = PartitionedDataSet("ftp://me:hunter2@host/data/", "text.TextDataSet")
    assert parts._folder == PurePosixPath("/data")
    assert parts._storage_options["host"] == "host"
    assert "hunter2" not in declared.location_of(parts)


def test_a_local_address_with_one_slash_is_that_path(tmp_path: Path) -> None:
    entry = {"type": "text.TextDataSet", "filepath": f"file:{tmp_path}/a.txt"}
    catalog = DataCatalog.from_config({"x": entry})
    catalog.save("x", "1")
    assert (tmp_path / "a.txt").read_text() == "1"
    assert declared.target_of(catalog["x"]) == declared.target_of(TextDataSet(tmp_path / "a.txt"))


@pytest.mark.parametrize(
    ("word", "versioned"),
    [("false", False), ("False", False), ("no", False), ("true", True), ("yes", True), (0, False)],
)
def test_versioned_is_what_it_says(tmp_path: Path, word: Any, versioned: bool) -> None:
    entry = {"type": "text.TextDataSet", "filepath": str(tmp_path / "a.txt"), "versioned": word}
    DataCatalog.from_config({"x": entry}).save("x", "1")
    assert (tmp_path / "a.txt").is_dir() is versioned


def test_a_word_that_is_neither_is_refused() -> None:
    entry = {"type": "text.TextDataSet", "filepath": "a.txt", "versioned": "fasle"}
    with pytest.raises(DataSetError, match="'versioned' is true or false, not 'fasle'"):
        DataCatalog.from_config({"x": entry})
