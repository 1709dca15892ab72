"""Delta tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.delta


def numbers(data_set: SparkDataSet) -> list[int]:
    return sorted(row[0] for row in data_set.load().collect())


def versions(path: Path) -> int:
    return len(list((path / "_delta_log").glob("*.json")))


def test_overwrite_append_and_time_travel(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "t"
    table = DeltaTableDataSet(str(path))
    assert table.exists() is False
    table.save(spark.range(3))
    assert table.exists() is True
    table.save(spark.range(2))
    DeltaTableDataSet(str(path), save_args={"mode": "append"}).save(spark.range(7, 8))
    assert numbers(table) == [0, 1, 7]
    assert numbers(DeltaTableDataSet(str(path), load_args={"versionAsOf": 0})) == [0, 1, 2]
    assert numbers(DeltaTableDataSet(str(path), load_args={"versionAsOf": 1})) == [0, 1]
    assert versions(path) == 3


def test_an_overwrite_is_a_version_and_keeps_the_history(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"))
    for count in (1, 2, 3):
        table.save(spark.range(count))
    assert versions(tmp_path / "t") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_it_reads_what_spark_data_set_writes(spark: SparkSession, tmp_path: Path) -> None:
    SparkDataSet(str(tmp_path / "t"), "delta").save(spark.range(2))
    assert numbers(DeltaTableDataSet(str(tmp_path / "t"))) == [0, 1]


def test_another_schema_needs_to_be_allowed(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    DeltaTableDataSet(path).save(spark.range(2))
    other = spark.createDataFrame([("x",)], "name STRING")
    with pytest.raises(DataSetError):
        DeltaTableDataSet(path).save(other)
    assert numbers(DeltaTableDataSet(path)) == [0, 1]
    DeltaTableDataSet(path, save_args={"overwriteSchema": True}).save(other)
    assert DeltaTableDataSet(path).load().columns == ["name"]
    added = spark.createDataFrame([("y", 1)], "name STRING, age INT")
    append = DeltaTableDataSet(path, save_args={"mode": "append", "mergeSchema": True})
    append.save(added)
    assert sorted(map(tuple, append.load().collect())) == [("x", None), ("y", 1)]


def test_replace_where_and_partitions(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    frame = spark.createDataFrame([(1, "a"), (2, "b")], "v INT, k STRING")
    DeltaTableDataSet(path, save_args={"partitionBy": "k"}).save(frame)
    assert (tmp_path / "t" / "k=a").is_dir()
    only_b = DeltaTableDataSet(path, save_args={"replaceWhere": "k = 'b'"})
    only_b.save(spark.createDataFrame([(9, "b")], "v INT, k STRING"))
    assert sorted(map(tuple, only_b.load().collect())) == [(1, "a"), (9, "b")]


@pytest.mark.classic("delta.tables needs py4j")
def test_as_a_delta_table_it_can_be_merged_in_a_node(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    DeltaTableDataSet(path).save(spark.createDataFrame([(1, "old"), (2, "old")], "k INT, v STRING"))

    def merge(table: Any, news: Any) -> None:
        (
            table.alias("t")
            .merge(news.alias("n"), "t.k = n.k")
            .whenMatchedUpdateAll()
            .whenNotMatchedInsertAll()
            .execute()
        )

    catalog = DataCatalog({"table": DeltaTableDataSet(path, load_as="delta_table")})
    catalog.add_feed_dict(
        {"news": spark.createDataFrame([(2, "new"), (3, "new")], "k INT, v STRING")}
    )
    ThreadRunner().run(pipeline([node(merge, ["table", "news"], None)]), catalog)
    merged = sorted(map(tuple, DeltaTableDataSet(path).load().collect()))
    assert merged == [(1, "old"), (2, "new"), (3, "new")]


@pytest.mark.classic("delta.tables needs py4j")
def test_a_delta_table_passes_through_memory(spark: SparkSession, tmp_path: Path) -> None:
    DeltaTableDataSet(str(tmp_path / "t")).save(spark.range(2))
    catalog = DataCatalog({"t": DeltaTableDataSet(str(tmp_path / "t"), load_as="delta_table")})
    pipe = pipeline(
        [node(lambda t: t, "t", "same"), node(lambda t: t.toDF().count(), "same", "count")]
    )
    assert ThreadRunner().run(pipe, catalog) == {"count": 2}


@pytest.mark.parametrize("load_as", ["dataframe", "delta_table"])
def test_a_missing_table_is_told(spark: SparkSession, tmp_path: Path, load_as: str) -> None:
    with pytest.raises(DataSetError, match=r"the file does not exist: .*nowhere"):
        DeltaTableDataSet(str(tmp_path / "nowhere"), load_as=load_as).load()


def test_an_empty_folder_is_no_table(spark: SparkSession, tmp_path: Path) -> None:
    data_set = DeltaTableDataSet(str(tmp_path))
    assert data_set.exists() is False
    with pytest.raises(DataSetError, match=r"no _delta_log"):
        data_set.load()


def test_an_unknown_version_is_told_in_a_line(spark: SparkSession, tmp_path: Path) -> None:
    DeltaTableDataSet(str(tmp_path / "t")).save(spark.range(2))
    with pytest.raises(DataSetError, match="version 9") as caught:
        DeltaTableDataSet(str(tmp_path / "t"), load_args={"versionAsOf": 9}).load()
    assert "\n" not in str(caught.value)


def test_load_as_must_be_known() -> None:
    with pytest.raises(DataSetError, match=r"load_as 'table' is not known. It is one of dataframe"):
        DeltaTableDataSet("t", load_as="table")


def test_tables_are_appended_to_side_by_side(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    DeltaTableDataSet(path).save(spark.range(1))
    entries = {f"t{n}": DeltaTableDataSet(path, save_args={"mode": "append"}) for n in range(4)}
    pipe = pipeline(
        [node(lambda x, n=n: spark.range(n, n + 1), "x", f"t{n}", name=f"n{n}") for n in range(4)]
    )
    ThreadRunner(max_workers=4).run(pipe, DataCatalog(entries, feed_dict={"x": 1}))
    assert numbers(DeltaTableDataSet(path)) == [0, 0, 1, 2, 3]
