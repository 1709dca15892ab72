"""What data sets read and write, in one spelling for all that mean the same."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.io import (
    AbstractDataSet,
    CachedDataSet,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
    Version,
)
from sparkpipe.io.declared import is_transactional, save_effect, table_in_file, target_of
from sparkpipe.io.target import path_target, table_target


class Foreign:
    """A data set of another library: nothing is known but what it tells."""

    def __init__(self, described: Any = None, **attributes: Any) -> None:
        self._described = described
        self.__dict__.update(attributes)

    def load(self) -> None: ...

    def save(self, data: Any) -> None: ...

    def _describe(self) -> Any:
        if isinstance(self._described, Exception):
            raise self._described
        return self._described or {}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


@pytest.mark.parametrize(
    "path",
    [
        *("a/b.csv", "./a/b.csv", "a//b.csv", "a/c/../b.csv", "a/b.csv/", "{here}/a/b.csv"),
        *("file:{here}/a/b.csv", "file://{here}/a/b.csv", "file://{here}/a/%62.csv", "link/b.csv"),
    ],
)
def test_a_local_path_has_one_spelling(here: Path, path: str) -> None:
    (here / "a").mkdir()
    (here / "link").symlink_to(here / "a")
    path = path.format(here=here)
    assert path_target(path) == str(here / "a" / "b.csv")
    assert target_of(SparkDataSet(path)) == str(here / "a" / "b.csv")
    if "file:/" not in path or "file://" in path:
        assert target_of(PickleDataSet(path)) == str(here / "a" / "b.csv")


def test_upper_case_and_percent_signs_are_other_files(here: Path) -> None:
    assert len({path_target(path) for path in ("a", "A", "%61")}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/k", "s3a://b/k"),
        ("s3n://b//k/", "S3://b/./k"),
        ("abfs://c@a.dfs.net/k", "abfss://c@a.dfs.net/k"),
        ("gcs://b/k", "gs://b/k"),
        ("dbfs:/k", "dbfs:///k"),
        ("dbfs:/k", "/dbfs/k"),
        ("ftp://me:secret@host/k", "ftp://host/k"),
    ],
)
def test_an_address_has_one_spelling(one: str, other: str) -> None:
    assert path_target(one) == path_target(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/k", "s3://b/K"),
        ("s3://b/k", "gs://b/k"),
        ("s3://b/k", "/b/k"),
        ("abfss://c@a/k", "abfss://d@a/k"),
        ("hdfs://one/k", "hdfs://two/k"),
    ],
)
def test_other_addresses_are_other_targets(one: str, other: str) -> None:
    assert path_target(one) != path_target(other)


def test_a_pattern_stands_for_many() -> None:
    assert path_target("data/*.csv") == path_target("s3://b/{a,b}") == ""


def test_tables_are_the_same_in_either_case() -> None:
    names = ("sales.orders", "`Sales`.`Orders`", "SALES.ORDERS", "spark_catalog.sales.orders")
    assert {table_target(name) for name in names} == {"table:sales.orders"}
    assert table_target("orders", "jdbc:one") != table_target("orders", "jdbc:two")
    assert table_target("orders", "jdbc:one") == table_target("Orders", "jdbc:one")


def test_what_has_no_place_has_no_target() -> None:
    for data_set in (MemoryDataSet(1), LambdaDataSet(len, len), Foreign(), object()):
        assert target_of(data_set) == ""
    assert target_of(Foreign(RuntimeError("no"))) == ""


def test_wrappers_folders_and_versions_tell_theirs(here: Path) -> None:
    inner = PickleDataSet("a.pkl")
    expected = str(here / "a.pkl")
    assert target_of(inner) == target_of(CachedDataSet(inner)) == expected
    assert target_of(PickleDataSet("a.pkl", version=Version("1", "2"))) == expected
    assert target_of(PartitionedDataSet("parts/", "pickle.PickleDataSet")) == str(here / "parts")
    assert target_of(DeltaTableDataSet("t")) == str(here / "t")


def test_data_sets_of_other_libraries_are_understood(here: Path) -> None:
    described = {"filepath": PurePosixPath("b/k"), "protocol": "s3"}
    for foreign in (
        Foreign(described),
        Foreign({"filepath": "s3a://b/k"}),
        Foreign(_filepath=PurePosixPath("b/k"), _protocol="s3"),
    ):
        assert target_of(foreign) == "s3://b/k"
    assert target_of(Foreign({"dataset": "k"}, _dataset=Foreign(described))) == "s3://b/k"
    assert target_of(Foreign({"filepath": "k", "protocol": "file"})) == str(here / "k")
    hive = Foreign({"database": "Sales", "table": "orders"}, _SINGLE_PROCESS=True)
    assert target_of(hive) == "table:sales.orders"
    one, other = (
        Foreign({"table_name": "t"}, _connection_str=db) for db in ("sqlite:a", "sqlite:b")
    )
    assert target_of(one) != target_of(other)


def test_tables_in_one_file_are_of_one_file() -> None:
    one, other = (Foreign({"filepath": "a.h5", "key": key}) for key in "xy")
    assert target_of(one) == target_of(other)
    assert (table_in_file(one), table_in_file(other)) == ("x", "y")


def test_a_class_of_ones_own_may_tell_its_target() -> None:
    class Topic(AbstractDataSet):
        def _load(self) -> None: ...
        def _save(self, data: Any) -> None: ...
        def _describe(self) -> dict[str, Any]:
            return {"filepath": "not this"}

        def target(self) -> str:
            return "topic:orders"

    assert target_of(Topic()) == target_of(CachedDataSet(Topic())) == "topic:orders"


@pytest.mark.parametrize(
    ("data_set", "mode"),
    [
        (PickleDataSet("a"), "replace"),
        (PickleDataSet("a", fs_args={"open_args_save": {"mode": "ab"}}), "append"),
        (PickleDataSet("a", fs_args={"open_args_save": {"mode": "xb"}}), "keep"),
        (PickleDataSet("a", version=Version(None, None)), "keep"),
        (SparkDataSet("a"), "replace"),
        (SparkDataSet("a", save_args={"mode": "Append"}), "append"),
        (SparkDataSet("a", save_args={"mode": "ignore"}), "keep"),
        (CachedDataSet(SparkDataSet("a", save_args={"mode": "append"})), "append"),
        (PartitionedDataSet("a", "pickle.PickleDataSet"), "part"),
        (PartitionedDataSet("a", "pickle.PickleDataSet", overwrite=True), "replace"),
        (Foreign(_SINGLE_PROCESS=True, _save_args={}), "keep"),
        (Foreign(_save_args={"if_exists": "append"}), "append"),
        (Foreign(_save_args={"if_exists": "replace"}), "replace"),
        (Foreign(_save_args=None), "replace"),
    ],
)
def test_what_a_save_does_with_what_is_there(data_set: Any, mode: str) -> None:
    assert save_effect(data_set) == mode


def test_tables_are_written_in_transactions_and_files_are_not() -> None:
    assert is_transactional(DeltaTableDataSet("a"))
    assert is_transactional(CachedDataSet(SparkDataSet("a", "Iceberg")))
    assert is_transactional(Foreign({"table": "a.b"}, _SINGLE_PROCESS=True))
    assert not is_transactional(SparkDataSet("a"))
    assert not is_transactional(PickleDataSet("a"))
    jdbc = Foreign({"table": "t", "url": "jdbc:one"}, _SINGLE_PROCESS=True)
    assert not is_transactional(jdbc)
