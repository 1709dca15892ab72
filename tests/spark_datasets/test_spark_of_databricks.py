"""Tables in a catalog of their own and files of a volume: Spark alone reads and writes them.

The catalog is a real one beside Spark's (a database by JDBC), and ``dbfs:`` a real file system of
Spark, in which ``/Volumes`` is a folder of the test. Python sees no such folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml

from sparkpipe.datasets.spark import SparkTableDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# As a user writes it: no credentials, no options of a storage.
CATALOG = """
raw:
  type: spark.SparkDataSet
  filepath: /Volumes/main/shop/files/orders.csv
  file_format: csv
  load_args: {header: true, schema: "ID INT, AMOUNT DOUBLE"}
kept:
  type: spark.SparkDataSet
  filepath: /Volumes/main/shop/files/kept
  versioned: true
orders:
  type: spark.SparkTableDataSet
  table: main.SHOP.ORDERS
  write_mode: append
"""


@pytest.fixture
def runtime(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SparkSession]:
    """A session as of Databricks: with a catalog ``main`` and the file system ``dbfs:``."""
    jvm: Any = spark._jvm
    jvm.java.lang.System.setProperty("derby.stream.error.file", str(tmp_path / "derby.log"))
    files = {
        "fs.dbfs.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "fs.dbfs.impl.disable.cache": "true",
        "fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
        "fs.viewfs.mounttable.default.link./Volumes": (tmp_path / "Volumes").as_uri(),
    }
    tables = {
        "spark.sql.catalog.main": "org.apache.spark.sql.execution.datasources.v2.jdbc"
        ".JDBCTableCatalog",
        "spark.sql.catalog.main.url": f"jdbc:derby:memory:{uuid4().hex};create=true",
        "spark.sql.catalog.main.driver": "org.apache.derby.jdbc.EmbeddedDriver",
    }
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[union-attr]
    for name, value in files.items():
        hadoop.set(name, value)
    # A catalog is loaded once in a session.
    session = spark.newSession()
    for name, value in tables.items():
        session.conf.set(name, value)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    with activated(SparkProvider(session=session)):
        yield session
    for name in files:
        hadoop.unset(name)


@pytest.mark.delta
@pytest.mark.classic("the file system and the catalog are made by its JVM")
def test_volumes_and_tables_need_nothing_but_their_names(
    runtime: SparkSession, tmp_path: Path
) -> None:
    files = tmp_path / "Volumes" / "main" / "shop" / "files"
    files.mkdir(parents=True)
    (files / "orders.csv").write_text("ID,AMOUNT\n1,2.5\n2,4.0\n")
    runtime.sql("CREATE NAMESPACE main.SHOP")
    runtime.sql("CREATE TABLE main.SHOP.ORDERS (ID INT, AMOUNT DOUBLE)")
    catalog = DataCatalog.from_config(yaml.safe_load(CATALOG), save_version="v1")
    pipe = pipeline(
        [
            node(lambda raw: raw.where("AMOUNT > 3"), "raw", "kept", name="keep"),
            node(lambda kept: kept, "kept", "orders", name="append"),
            node(lambda orders: [tuple(row) for row in orders.collect()], "orders", "rows"),
        ]
    )
    assert SequentialRunner().run(pipe, catalog) == {"rows": [(2, 4.0)]}
    assert catalog.exists("raw")
    assert catalog.exists("kept")
    assert catalog.exists("orders")
    assert list((files / "kept" / "v1" / "kept").glob("*.parquet"))
    assert not Path("/Volumes").exists()

    (files / "orders.csv").unlink()
    assert not catalog.exists("raw")
    with pytest.raises(DataSetError, match=r"'raw' .*/Volumes/main/shop/files/orders.csv"):
        catalog.load("raw")


@pytest.mark.delta
def test_a_table_of_a_catalog_that_is_not_here_is_told_by_where_it_is_missing(
    session: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = SparkTableDataSet("unity.shop.orders", write_mode="append")
    elsewhere = r"no catalog 'unity'. Those of Unity Catalog are there on Databricks only"
    with pytest.raises(DataSetError, match=elsewhere):
        absent.load()
    with pytest.raises(DataSetError, match=elsewhere):
        absent.save(session.range(1))
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    with pytest.raises(DataSetError, match=r"no catalog 'unity'. .*SHOW CATALOGS"):
        absent.load()


def test_the_session_of_the_runtime_is_taken_as_it_is(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    before = {row.key: row.value for row in spark.sql("SET").collect()}
    provider = SparkProvider({"spark.sql.shuffle.partitions": 7, "spark.pools": ["heavy"]})
    assert provider.get() is spark
    provider.stop()  # not what it did not start
    assert {row.key: row.value for row in spark.sql("SET").collect()} == before
