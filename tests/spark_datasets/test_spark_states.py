"""What is told, without starting Spark, of data that Spark alone reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet, SparkTableDataSet
from sparkpipe.io.declared import state_of
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


#: With any a package of fsspec is asked.
KNOWN = {"key": "me"}


class Store:
    """A store in memory, of which fsspec tells."""

    def __init__(self) -> None:
        self.address = f"memory://states-{uuid4().hex}"
        self._fs, self._path = fsspec.core.url_to_fs(self.address)

    def put(self, name: str, data: bytes = b"x") -> None:
        self._fs.pipe_file(f"{self._path}/{name}", data)

    def remove(self, name: str) -> None:
        self._fs.rm(f"{self._path}/{name}")


@pytest.fixture
def store() -> Store:
    return Store()


def commit(number: int) -> str:
    return f"t/_delta_log/{number:020}.json"


def test_a_table_in_a_store_is_told_by_its_log(store: Store) -> None:
    table = DeltaTableDataSet(f"{store.address}/t", credentials=KNOWN)
    assert state_of(table) is None
    store.put(commit(0))
    store.put("t/_delta_log/00000000000000000000.crc")
    first = state_of(table)
    assert first is not None
    assert first.startswith("v0-")
    store.put("t/part-0.parquet")
    assert state_of(table) == first
    store.put(commit(1))
    second = state_of(table)
    assert second is not None
    assert second.startswith("v1-")
    # One that was deleted and made anew is another one.
    store.remove(commit(1))
    store.remove(commit(0))
    store.put(commit(0))
    assert state_of(table) not in (None, first, second)
    asked = DeltaTableDataSet(f"{store.address}/t", {"version": 1}, credentials=KNOWN)
    assert state_of(asked) is not None


def test_files_in_a_store_are_told_by_a_listing(store: Store) -> None:
    files = SparkDataSet(f"{store.address}/f", credentials=KNOWN)
    assert state_of(files) is None
    store.put("f/day=1/part-0.parquet")
    store.put("f/_SUCCESS")
    first = state_of(files)
    assert first is not None
    store.put("f/_temporary/0/part-1.parquet")
    assert state_of(files) == first
    store.put("f/day=2/part-0.parquet")
    assert state_of(files) not in (None, first)
    assert state_of(SparkDataSet(f"{store.address}/f/*.parquet", credentials=KNOWN)) is None
    store.put("one.csv", b"id")
    one = SparkDataSet(f"{store.address}/one.csv", "csv", credentials=KNOWN)
    first = state_of(one)
    store.put("one.csv", b"id,name")
    assert state_of(one) not in (None, first)


def test_a_store_to_which_only_spark_knows_the_way_is_not_looked_for(store: Store) -> None:
    store.put(commit(0))
    with activated(SparkProvider({})):
        assert state_of(DeltaTableDataSet(f"{store.address}/t", credentials=KNOWN)) is not None
        assert state_of(DeltaTableDataSet(f"{store.address}/t")) is None


def test_a_store_that_cannot_be_reached_is_asked_once() -> None:
    asked = []

    class Closed(LocalFileSystem):
        protocol = "closed"

        def ls(self, path: str, detail: bool = False, **options: Any) -> Any:
            asked.append(path)
            raise PermissionError(path)

    fsspec.register_implementation("closed", Closed, clobber=True)
    table = DeltaTableDataSet("closed://bucket/t", credentials=KNOWN)
    assert [state_of(table), state_of(table)] == [None, None]
    assert len(asked) == 1
    assert state_of(DeltaTableDataSet("nowhere://bucket/t", credentials=KNOWN)) is None


@pytest.mark.delta
def test_what_spark_saves_is_told_by_a_listing(spark: SparkSession, tmp_path: Path) -> None:
    class Shop(DirFileSystem):
        protocol = "shop"
        cachable = False

        def __init__(self, **options: Any) -> None:
            super().__init__(path=str(tmp_path), fs=LocalFileSystem(), **options)

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix("shop://default/")

    fsspec.register_implementation("shop", Shop, clobber=True)
    settings = {
        "fs.shop.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "fs.shop.impl.disable.cache": "true",
        "fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        "fs.viewfs.mounttable.default.link./data": (tmp_path / "data").as_uri(),
    }
    (tmp_path / "data").mkdir()
    hadoop: Any = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[union-attr]
    for name, value in settings.items():
        hadoop.set(name, value)
    try:
        table = DeltaTableDataSet("shop://default/data/t", credentials=KNOWN)
        with activated(SparkProvider(session=spark)):
            # A table is put there past the store, for Delta wants more of a file system.
            DeltaTableDataSet(str(tmp_path / "data/t")).save(spark.range(3))
            saved = state_of(table)
            assert saved is not None
            assert saved.startswith("v0-")
            files = SparkDataSet("shop://default/data/f", credentials=KNOWN)
            files.save(spark.range(3))
            listed = state_of(files)
            assert listed is not None
        # A process without Spark is told the same.
        with activated(SparkProvider(session=lambda: spark)):
            assert (state_of(table), state_of(files)) == (saved, listed)
    finally:
        for name in settings:
            hadoop.unset(name)


@pytest.mark.delta
def test_what_no_package_lists_is_told_by_a_session_that_is_there(
    session: SparkSession, tmp_path: Path
) -> None:
    name = f"n{uuid4().hex}"
    session.conf.set(f"fs.viewfs.mounttable.{name}.link./data", tmp_path.as_uri())
    table = DeltaTableDataSet(f"viewfs://{name}/data/t")
    assert state_of(table) is None
    table.save(session.range(1))
    first = state_of(table)
    table.save(session.range(1))
    second = state_of(table)
    assert [str(one).partition("-")[0] for one in (first, second)] == ["v0", "v1"]
    with activated(SparkProvider(session=lambda: session)):  # none is there yet
        assert state_of(table) is None


@pytest.mark.delta
def test_a_table_by_name_is_told_by_a_session_that_is_there(
    session: SparkSession, spark: SparkSession, database: str
) -> None:
    table = SparkTableDataSet(f"{database}.t", write_mode="overwrite")
    assert state_of(table) is None
    table.save(session.range(1))
    first = state_of(table)
    assert state_of(table) == first
    session.sql(f"INSERT INTO {database}.t VALUES (7)")
    second = state_of(table)
    session.sql(f"RESTORE TABLE {database}.t TO VERSION AS OF 0")
    third = state_of(table)
    told = [str(one).partition("-")[0] for one in (first, second, third)]
    assert told == ["v0", "v1", "v2"]
    session.sql(f"DROP TABLE {database}.t")
    table.save(session.range(1))
    assert state_of(table) not in (None, first)
    session.sql(f"CREATE VIEW {database}.v AS SELECT 1 AS id")
    assert state_of(SparkTableDataSet(f"{database}.v")) is None
    with activated(SparkProvider(session=lambda: session)):
        assert state_of(table) is None


def test_a_view_that_hides_a_table_has_no_state(session: SparkSession) -> None:
    name = f"hidden_{uuid4().hex}"
    session.range(1).write.format("delta").saveAsTable(name)
    try:
        assert state_of(SparkTableDataSet(name)) is not None
        session.range(2).createTempView(name)
        assert state_of(SparkTableDataSet(name)) is None
        session.catalog.dropTempView(name)
    finally:
        session.sql(f"DROP TABLE {name}")
