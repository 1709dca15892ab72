"""Saves of Spark: staged in every mode, and versions complete or absent wherever they lie."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.spark import SparkDataSet, tagged
from sparkpipe.datasets.spark.options import FORMATS
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, Version
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.default_files import configured
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def numbers(data_set: SparkDataSet) -> list[int]:
    return sorted(row["id"] for row in data_set.load().collect())


def failing_frame(spark: SparkSession) -> DataFrame:
    """Fails after a part of its rows has been written."""

    def fail(batches: Any) -> Any:
        for batch in batches:
            if (batch["id"] == 99).any():
                raise ConnectionError("lost")
            yield batch

    return spark.range(0, 100, 1, 4).mapInPandas(fail, "id long")


@pytest.mark.parametrize("mode", ["ignore", "error", "append", "overwrite"])
@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_first_save_that_fails_leaves_nothing_in_any_mode(
    spark: SparkSession, tmp_path: Path, mode: str, file_format: str
) -> None:
    data_set = SparkDataSet(
        str(tmp_path / "t"), file_format, {"schema": "id LONG"}, save_args={"mode": mode}
    )
    with pytest.raises(DataSetError, match="lost"):
        data_set.save(failing_frame(spark))
    assert not data_set.exists()
    assert [*tmp_path.iterdir()] == []
    data_set.save(spark.range(3))
    assert numbers(data_set) == [0, 1, 2]


def test_an_append_that_fails_adds_nothing(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), save_args={"mode": "append"})
    data_set.save(spark.range(2))
    read_before = data_set.load()
    with pytest.raises(DataSetError, match="lost"):
        data_set.save(failing_frame(spark))
    assert numbers(data_set) == [0, 1]
    data_set.save(read_before.selectExpr("id + 10 AS id"))
    assert numbers(data_set) == [0, 1, 10, 11]
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


@pytest.mark.classic("the jobs are held up by SparkContext")
@pytest.mark.parametrize("file_format", ["parquet", "json"])
def test_a_task_that_ends_late_leaves_nothing_of_a_save_that_failed(
    spark: SparkSession, tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagged, "_LAST_TASKS_SECONDS", 300.0)  # a machine may be very slow
    # Neither an interrupt nor a cancelled job ends the fold over a long array in a row.
    late = "aggregate(sequence(0, 150000), id, (sum, x) -> sum + length(sha2(string(x), 256)))"
    rows = spark.range(0, 2, 1, 2).where(f"if(id = 0, raise_error('lost'), {late}) > 0")
    with pytest.raises(DataSetError, match="lost"):
        SparkDataSet(str(tmp_path / "t"), file_format).save(rows)
    assert [*tmp_path.iterdir()] == []
    executors: Any = spark.sparkContext._jsc.sc().statusStore()
    while executors.executorList(True).head().activeTasks():
        time.sleep(0.05)
    assert [*tmp_path.iterdir()] == []


def test_an_append_to_a_file_leaves_it(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("id\n1\n")
    data_set = SparkDataSet(str(tmp_path / "t"), "csv", save_args={"mode": "append"})
    with pytest.raises(DataSetError):
        data_set.save(spark.range(2))
    assert (tmp_path / "t").read_text() == "id\n1\n"


def test_a_dynamic_overwrite_that_fails_leaves_all_partitions(
    spark: SparkSession, tmp_path: Path
) -> None:
    options = {"partitionBy": "day", "partitionOverwriteMode": "dynamic", "mode": "overwrite"}
    data_set = SparkDataSet(str(tmp_path / "t"), save_args=options)
    data_set.save(spark.range(4).selectExpr("id", "id % 2 AS day"))
    with pytest.raises(DataSetError, match="lost"):
        data_set.save(failing_frame(spark).selectExpr("id", "0 AS day"))
    assert numbers(data_set) == [0, 1, 2, 3]
    data_set.save(spark.range(10, 11).selectExpr("id", "0 AS day"))
    assert numbers(data_set) == [1, 3, 10]


@pytest.mark.parametrize("file_format", ["parquet", "csv", "orc", "json", "delta"])
def test_a_frame_without_rows_in_partitions_is_loaded_again(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), file_format, save_args={"partitionBy": "day"})
    catalog = DataCatalog({"t": data_set})
    steps = pipeline(
        [
            node(lambda: spark.createDataFrame([], "id INT, day STRING"), None, "t"),
            node(lambda t: (t.count(), t.columns), "t", "n"),
        ]
    )
    assert SequentialRunner().run(steps, catalog) == {"n": (0, ["id", "day"])}


def test_columns_of_a_frame_without_rows_are_kept_also_of_json(
    session: SparkSession, tmp_path: Path
) -> None:
    some = session.createDataFrame([(1, "x")], "a INT, b STRING")
    lines = SparkDataSet(str(tmp_path / "lines"), "json", save_args={"mode": "append"})
    lines.save(some.limit(0))
    assert (lines.load().count(), lines.load().columns) == (0, ["a", "b"])
    lines.save(some.withColumnRenamed("b", "c"))
    assert (lines.load().count(), lines.load().columns) == (1, ["a", "c"])


def test_a_folder_without_data_says_what_it_means(spark: SparkSession, tmp_path: Path) -> None:
    spark.createDataFrame([], "id INT, day STRING").write.partitionBy("day").save(
        str(tmp_path / "t"), "parquet"
    )
    with pytest.raises(DataSetError, match=r"no data files in .*partitionBy.*schema"):
        SparkDataSet(str(tmp_path / "t")).load()


@pytest.mark.parametrize(
    ("file_format", "load_args"),
    [("parquet", {}), ("parquet", {"schema": "id LONG"}), ("delta", {})],
)
def test_a_version_elsewhere_that_failed_is_none(
    session: SparkSession, tmp_path: Path, file_format: str, load_args: dict[str, Any]
) -> None:
    name = f"n{uuid4().hex}"
    session.conf.set(f"fs.viewfs.mounttable.{name}.link./data", tmp_path.as_uri())

    def at(version: str | None = None) -> SparkDataSet:
        address = f"viewfs://{name}/data/t"
        return SparkDataSet(address, file_format, load_args, version=Version(None, version))

    at("v1").save(session.range(5))
    with pytest.raises(DataSetError, match="lost"):
        at("v2").save(failing_frame(session))
    # Killed: what a process leaves that could not tidy up.
    half = tmp_path / "t" / "v3" / "t"
    (half / "_temporary" / "0").mkdir(parents=True)
    (half / "part-0.parquet").write_bytes(b"half")
    if session.__class__.__module__.startswith("pyspark.sql.connect"):
        (half / "part-0.parquet").unlink()  # a client cannot see more than files with data
    assert at().exists()
    assert numbers(at()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("file_format", sorted(set(FORMATS) - {"delta"}))
def test_only_files_are_staged(tmp_path: Path, file_format: str) -> None:
    is_table = file_format in (
        *("iceberg", "hudi", "bigquery", "mongodb", "snowflake", "redshift", "excel", "sqlserver"),
    )
    data_set = SparkDataSet(str(tmp_path / "t"), file_format)
    assert data_set._is_staged is not is_table


@pytest.mark.parametrize("file_format", ["iceberg", "bigquery", "snowflake", "mongodb"])
def test_the_name_of_a_table_is_no_path(file_format: str) -> None:
    data_set = SparkDataSet("project.shop.orders", file_format)
    assert data_set._missing() == ""
    assert data_set.state() is None
    assert data_set._for_spark("project.shop.orders") == "project.shop.orders"


def test_where_sparks_files_are_elsewhere_a_path_is_sparks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparkProvider, "peek", lambda self: None)  # the session of other tests
    with activated(SparkProvider({"spark.hadoop.fs.defaultFS": "hdfs://nn:8020/"})):
        elsewhere = SparkDataSet("data/x")
        assert elsewhere._missing() == ""
        assert elsewhere._local("data/x") is None
        assert elsewhere._for_spark("data/x") == "data/x"
        here = SparkDataSet(f"file:{tmp_path}/x")
        assert here._local(f"{tmp_path}/x") == tmp_path / "x"
        assert here._for_spark(f"{tmp_path}/x") == f"file:{tmp_path}/x"


def test_the_default_file_system_is_found_in_the_files_of_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPARK_CONF_DIR", "SPARK_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert configured({}) == ""
    (tmp_path / "core-site.xml").write_text(
        "<configuration><property>\n<name>fs.defaultFS</name>\n<value>hdfs://nn</value>"
        "</property></configuration>"
    )
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    assert configured({}) == "hdfs://nn"
    with tempfile.TemporaryDirectory() as conf:
        Path(conf, "spark-defaults.conf").write_text("spark.hadoop.fs.defaultFS  s3a://b\n")
        monkeypatch.setenv("SPARK_CONF_DIR", conf)
        assert configured({}) == "s3a://b"
    assert configured({"spark.hadoop.fs.defaultFS": "file:///"}) == "file:///"
