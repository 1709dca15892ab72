"""SparkDataSet: formats, options, and saves that are whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.errors import DataSetError, PreflightError, RunFailedError
from sparkpipe.io import CachedDataSet, DataCatalog, PartitionedDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "carrier STRING, flights INT, delay DOUBLE"
ROWS = [("UA", 58665, 3.5), ("B6", 54635, 9.4), ("EV", 54173, None)]
FORMATS = ("csv", "json", "parquet", "orc", "delta")


@pytest.fixture
def frame(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, SCHEMA)


def rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def numbers(data_set: SparkDataSet) -> list[int]:
    return sorted(row[0] for row in data_set.load().collect())


def failing_frame(spark: SparkSession) -> DataFrame:
    """Fails after a part of its rows has been written."""
    from pyspark.sql import functions as F

    @F.udf("long")
    def fail_late(x):  # type: ignore[no-untyped-def]
        if x == 199:
            raise ValueError("boom")
        return x

    return spark.range(0, 200, numPartitions=4).select(fail_late("id").alias("id"))


# Formats and options


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_saved_is_loaded(frame: DataFrame, tmp_path: Path, file_format: str) -> None:
    with_header = {"header": True} if file_format == "csv" else {}
    data_set = SparkDataSet(
        str(tmp_path / "table"),
        file_format,
        load_args={"schema": SCHEMA, **with_header} if file_format in ("csv", "json") else None,
        save_args=with_header,
    )
    assert data_set.exists() is False
    data_set.save(frame)
    assert data_set.exists() is True
    loaded = data_set.load()
    assert rows(loaded) == sorted(ROWS)
    assert dict(loaded.dtypes) == {"carrier": "string", "flights": "int", "delay": "double"}


def test_parquet_is_the_default(frame: DataFrame, tmp_path: Path, spark: SparkSession) -> None:
    SparkDataSet(str(tmp_path / "t")).save(frame)
    assert rows(spark.read.parquet(str(tmp_path / "t"))) == sorted(ROWS)


def test_load_options_reach_the_reader(tmp_path: Path, spark: SparkSession) -> None:
    (tmp_path / "a.csv").write_text("x;y\n1;?\n2;b\n")
    args = {"sep": ";", "header": True, "inferSchema": True, "nullValue": "?"}
    loaded = SparkDataSet(str(tmp_path / "a.csv"), "csv", load_args=args).load()
    assert loaded.columns == ["x", "y"]
    assert rows(loaded) == [(1, None), (2, "b")]


def test_save_options_reach_the_writer(frame: DataFrame, tmp_path: Path) -> None:
    args = {"sep": "|", "header": True, "compression": "gzip"}
    SparkDataSet(str(tmp_path / "t"), "csv", save_args=args).save(frame)
    import gzip

    parts = sorted((tmp_path / "t").glob("*.csv.gz"))
    text = "".join(gzip.decompress(part.read_bytes()).decode() for part in parts)
    assert "carrier|flights|delay" in text
    assert "UA|58665|3.5" in text


def test_partition_by_makes_a_folder_for_each_value(frame: DataFrame, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), save_args={"partitionBy": ["carrier"]})
    data_set.save(frame)
    folders = {path.name for path in (tmp_path / "t").iterdir() if path.is_dir()}
    assert folders == {"carrier=UA", "carrier=B6", "carrier=EV"}
    assert data_set.load().where("carrier = 'UA'").count() == 1


def test_a_glob_loads_many(spark: SparkSession, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"part{number}.csv").write_text(f"{number}\n")
    data_set = SparkDataSet(str(tmp_path / "part*.csv"), "csv", load_args={"schema": "n INT"})
    assert rows(data_set.load()) == [(1,), (2,)]
    assert data_set.exists() is True
    assert SparkDataSet(str(tmp_path / "none*.csv"), "csv").exists() is False


# Modes


def test_by_default_a_save_overwrites(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"))
    data_set.save(spark.range(3))
    data_set.save(spark.range(2))
    assert numbers(data_set) == [0, 1]


@pytest.mark.parametrize("file_format", FORMATS)
def test_append_adds(spark: SparkSession, tmp_path: Path, file_format: str) -> None:
    data_set = SparkDataSet(
        str(tmp_path / "t"),
        file_format,
        load_args={"schema": "id LONG"} if file_format in ("csv", "json") else None,
        save_args={"mode": "append"},
    )
    data_set.save(spark.range(2))
    data_set.save(spark.range(5, 6))
    assert numbers(data_set) == [0, 1, 5]


def test_ignore_keeps_what_is_there(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), save_args={"mode": "ignore"})
    data_set.save(spark.range(2))
    data_set.save(spark.range(9))
    assert numbers(data_set) == [0, 1]


@pytest.mark.parametrize("mode", ["error", "errorifexists"])
def test_error_refuses_what_is_there(session: SparkSession, tmp_path: Path, mode: str) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), save_args={"mode": mode})
    data_set.save(session.range(2))
    with pytest.raises(DataSetError, match=r"(?i)already exists"):
        data_set.save(session.range(3))
    assert numbers(data_set) == [0, 1]


@pytest.mark.parametrize("where", ["in the options", "in the session"])
def test_dynamic_overwrite_replaces_only_the_partitions_that_are_written(
    spark: SparkSession, tmp_path: Path, where: str
) -> None:
    setting = "spark.sql.sources.partitionOverwriteMode"
    args: dict[str, Any] = {"partitionBy": "k"}
    if where == "in the options":
        args["partitionOverwriteMode"] = "dynamic"
    data_set = SparkDataSet(str(tmp_path / "t"), save_args=args)
    data_set.save(spark.createDataFrame([(1, "a"), (2, "b")], "v INT, k STRING"))
    if where == "in the session":
        spark.conf.set(setting, "dynamic")
    try:
        data_set.save(spark.createDataFrame([(9, "b")], "v INT, k STRING"))
    finally:
        spark.conf.unset(setting)
    assert rows(data_set.load()) == [(1, "a"), (9, "b")]


def test_static_overwrite_replaces_all_partitions(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"), save_args={"partitionBy": "k"})
    data_set.save(spark.createDataFrame([(1, "a"), (2, "b")], "v INT, k STRING"))
    data_set.save(spark.createDataFrame([(9, "b")], "v INT, k STRING"))
    assert rows(data_set.load()) == [(9, "b")]


@pytest.mark.parametrize("file_format", ["parquet", "orc", "json", "csv", "text", "delta"])
@pytest.mark.parametrize("mode", ["overwrite", "append"])
def test_partitions_of_no_rows_keep_their_columns(
    spark: SparkSession, tmp_path: Path, file_format: str, mode: str
) -> None:
    args: dict[str, Any] = {"mode": mode, "partitionBy": "k"}
    load_args = {}
    if file_format == "csv":
        args["header"] = load_args["header"] = True
    data_set = SparkDataSet(str(tmp_path / "t"), file_format, load_args, args)
    frame = spark.createDataFrame([("a", "x")], "value STRING, k STRING")
    data_set.save(frame.limit(0))
    assert (data_set.load().columns, rows(data_set.load())) == (["value", "k"], [])
    data_set.save(frame)
    assert rows(data_set.load()) == [("a", "x")]
    data_set.save(frame.limit(0))
    assert data_set.load().columns == ["value", "k"]
    assert data_set.load().count() == (1 if mode == "append" else 0)


# Saves are whole or not at all


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_table_may_be_made_of_itself(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    args = {"schema": "id LONG"} if file_format in ("csv", "json") else None
    data_set = SparkDataSet(str(tmp_path / "t"), file_format, load_args=args)
    data_set.save(spark.range(4))
    for _ in range(2):
        data_set.save(data_set.load().where("id > 0"))
    assert numbers(data_set) == [1, 2, 3]
    data_set.save(data_set.load().union(data_set.load()))
    assert numbers(data_set) == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_save_that_fails_leaves_the_old_data_and_nothing_else(
    spark: SparkSession, tmp_path: Path, file_format: str
) -> None:
    args = {"schema": "id LONG"} if file_format in ("csv", "json") else None
    data_set = SparkDataSet(str(tmp_path / "t"), file_format, load_args=args)
    data_set.save(spark.range(3))
    with pytest.raises(DataSetError, match="in a Python worker: ValueError: boom"):
        data_set.save(failing_frame(spark))
    assert numbers(data_set) == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_first_save_that_fails_leaves_nothing(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"))
    with pytest.raises(DataSetError):
        data_set.save(failing_frame(spark))
    assert data_set.exists() is False
    assert list(tmp_path.iterdir()) == []


def test_a_save_leaves_no_folders_beside_the_target(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "deep" / "er" / "t"))
    for _ in range(2):
        data_set.save(spark.range(3))
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["t"]


def test_a_cached_frame_does_not_hide_what_was_saved_since(
    spark: SparkSession, tmp_path: Path
) -> None:
    data_set = SparkDataSet(str(tmp_path / "t"))
    data_set.save(spark.range(3))
    cached = data_set.load().cache()
    try:
        assert cached.count() == 3
        data_set.save(spark.range(5))
        assert numbers(data_set) == [0, 1, 2, 3, 4]
    finally:
        cached.unpersist()


def test_a_file_in_the_place_of_the_folder_is_replaced(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("old")
    data_set = SparkDataSet(str(tmp_path / "t"))
    data_set.save(spark.range(2))
    assert numbers(data_set) == [0, 1]


# Paths


def test_relative_paths_are_of_the_present_folder(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    data_set = SparkDataSet("data/t")
    monkeypatch.chdir(tmp_path / "one")
    data_set.save(spark.range(1))
    monkeypatch.chdir(tmp_path / "two")
    assert data_set.exists() is False
    data_set.save(spark.range(2))
    assert numbers(data_set) == [0, 1]
    assert (tmp_path / "one" / "data" / "t").is_dir()
    assert (tmp_path / "two" / "data" / "t").is_dir()


@pytest.mark.parametrize("prefix", ["file://", "file:"])
def test_addresses_of_local_files_are_local(
    spark: SparkSession, tmp_path: Path, prefix: str
) -> None:
    data_set = SparkDataSet(f"{prefix}{tmp_path / 't'}")
    assert data_set.exists() is False
    data_set.save(spark.range(2))
    assert numbers(data_set) == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_path_may_have_spaces_and_letters_of_every_kind(
    spark: SparkSession, tmp_path: Path
) -> None:
    data_set = SparkDataSet(str(tmp_path / "Flüge 2013 100%" / "t"))
    for _ in range(2):
        data_set.save(spark.range(2))
    assert numbers(data_set) == [0, 1]


def test_a_missing_path_is_told(spark: SparkSession, tmp_path: Path) -> None:
    data_set = SparkDataSet(str(tmp_path / "nowhere"))
    with pytest.raises(DataSetError) as caught:
        data_set.load()
    assert str(caught.value) == f"the file does not exist: {tmp_path / 'nowhere'}"


def test_a_missing_path_is_found_before_anything_runs(tmp_path: Path) -> None:
    pipe = pipeline([node(lambda table: 1, "table", "one", name="count")])
    catalog = DataCatalog({"table": SparkDataSet(str(tmp_path / "nowhere"))})
    with pytest.raises(PreflightError, match=r"'table' of node 'count' .*does not exist"):
        SequentialRunner().run(pipe, catalog)


def test_a_folder_that_is_no_delta_table_is_told(spark: SparkSession, tmp_path: Path) -> None:
    SparkDataSet(str(tmp_path / "t")).save(spark.range(1))
    with pytest.raises(DataSetError, match=r"no Delta table in .* \(no _delta_log\)"):
        SparkDataSet(str(tmp_path / "t"), "delta").load()


# What is no Spark frame


def test_a_pandas_frame_is_refused_with_what_to_do(spark: SparkSession, tmp_path: Path) -> None:
    import pandas as pd

    data_set = SparkDataSet(str(tmp_path / "t"))
    with pytest.raises(DataSetError) as caught:
        data_set.save(pd.DataFrame({"a": [1]}))
    assert str(caught.value) == (
        "a Spark DataFrame is needed, not pandas's DataFrame. "
        "Make one by spark.createDataFrame(data), or use a data set of pandas."
    )
    assert data_set.exists() is False


def test_a_list_is_refused_without_starting_spark(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="a Spark DataFrame is needed, not builtins's list"):
        SparkDataSet(str(tmp_path / "t")).save([1])


def test_a_spark_frame_is_refused_by_pandas_and_pickle(frame: DataFrame, tmp_path: Path) -> None:
    from sparkpipe.datasets.pandas import CSVDataSet
    from sparkpipe.datasets.pickle import PickleDataSet

    with pytest.raises(DataSetError, match=r"SparkDataSet, or return frame.toPandas\(\)"):
        CSVDataSet(tmp_path / "t.csv").save(frame)
    with pytest.raises(DataSetError, match=r"cannot be pickled. Use spark.SparkDataSet"):
        PickleDataSet(tmp_path / "t.pkl").save([frame])
    assert list(tmp_path.iterdir()) == []


# In catalogs and runs


def test_a_wrapped_one_loads_and_saves(frame: DataFrame, tmp_path: Path) -> None:
    cached = CachedDataSet({"type": "spark.SparkDataSet", "filepath": str(tmp_path / "t")})
    cached.save(frame)
    assert rows(cached.load()) == sorted(ROWS)  # of what was saved, not of the lazy frame
    assert cached.load() is cached.load()
    cached.release()
    assert rows(cached.load()) == sorted(ROWS)


def test_partitions_are_loaded_by_name(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("jan", "feb"):
        (tmp_path / f"{name}.csv").write_text(f"{name}\n")
    months = PartitionedDataSet(
        str(tmp_path),
        {"type": "spark.SparkDataSet", "file_format": "csv", "load_args": {"schema": "m STRING"}},
        filename_suffix=".csv",
    )
    loaded = {name: rows(load()) for name, load in months.load().items()}
    assert loaded == {"jan": [("jan",)], "feb": [("feb",)]}


def test_eight_spark_nodes_side_by_side(spark: SparkSession, tmp_path: Path) -> None:
    def count_up(source: DataFrame, number: int) -> DataFrame:
        return source.selectExpr(f"id + {number} as id")

    made = {f"out{n}": SparkDataSet(str(tmp_path / f"out{n}")) for n in range(8)}
    source = SparkDataSet(str(tmp_path / "source"))
    source.save(spark.range(10))
    pipe = pipeline(
        [node(lambda s, n=n: count_up(s, n), "source", f"out{n}", name=f"n{n}") for n in range(8)]
        + [
            node(
                lambda *tables: sum(table.count() for table in tables),
                list(made),
                "total",
                name="total",
            )
        ]
    )
    outputs = ThreadRunner(max_workers=8).run(pipe, DataCatalog({"source": source, **made}))
    assert outputs == {"total": 80}
    for number in range(8):
        assert numbers(made[f"out{number}"]) == list(range(number, number + 10))


def test_a_failing_save_in_a_run_names_node_and_data_set(
    spark: SparkSession, tmp_path: Path
) -> None:
    target = SparkDataSet(str(tmp_path / "t"))
    pipe = pipeline([node(lambda x: failing_frame(spark), "x", "t", name="maker")])
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner().run(pipe, DataCatalog({"t": target}, feed_dict={"x": 1}))
    assert caught.value.failures[0].message == (
        f"Node 'maker' could not save 't' (SparkDataSet, {tmp_path / 't'}): "
        "in a Python worker: ValueError: boom"
    )


def test_its_description_shows_no_secrets(tmp_path: Path) -> None:
    data_set = SparkDataSet(
        "s3a://bucket/t",
        load_args={"fs.s3a.secret.key": "hush", "mergeSchema": True},
        credentials={"user": "me", "password": "hush"},
    )
    assert "s3a://bucket/t" in str(data_set)
    assert "mergeSchema=True" in str(data_set).replace("'", "").replace(": ", "=")
    assert "hush" not in str(data_set)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(spark: SparkSession, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataSetError, match="no permission"):
            SparkDataSet(str(tmp_path / "deep" / "t")).save(spark.range(1))
    finally:
        tmp_path.chmod(0o700)
