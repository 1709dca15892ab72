"""Tables by name: what is written, and how, on classic Spark and on Spark Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.databricks import ManagedTableDataSet
from sparkpipe.datasets.spark import SparkTableDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, Version
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.delta

SCHEMA = "id INT, name STRING"


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in frame.collect())


def people(session: SparkSession, *given: tuple[int, str]) -> Any:
    return session.createDataFrame(list(given), SCHEMA)


def table(database: str, **options: Any) -> SparkTableDataSet:
    return SparkTableDataSet("people", database=database, **options)


def test_overwrite_and_append(session: SparkSession, database: str) -> None:
    data_set = table(database, write_mode="overwrite")
    assert data_set.exists() is False
    data_set.save(people(session, (1, "a"), (2, "b")))
    assert data_set.exists() is True
    data_set.save(people(session, (3, "c")))
    table(database, write_mode="append").save(people(session, (4, "d")))
    assert rows(data_set.load()) == [(3, "c"), (4, "d")]
    detail = session.sql(f"DESCRIBE DETAIL {database}.people").collect()[0]
    assert detail["format"] == "delta"


def test_an_overwrite_may_change_the_schema(session: SparkSession, database: str) -> None:
    data_set = table(database, write_mode="overwrite")
    data_set.save(people(session, (1, "a")))
    data_set.save(session.range(1))
    assert data_set.load().columns == ["id"]


def test_upsert_updates_rows_of_the_same_key_and_inserts_the_others(
    session: SparkSession, database: str
) -> None:
    data_set = table(database, write_mode="upsert", primary_key="id")
    data_set.save(people(session, (1, "a"), (2, "b")))
    data_set.save(people(session, (2, "new"), (3, "c")).select("name", "id"))
    assert rows(data_set.load()) == [(1, "a"), (2, "new"), (3, "c")]
    history = session.sql(f"DESCRIBE HISTORY {database}.people").collect()
    assert history[0]["operation"] == "MERGE"
    assert [v.name for v in session.catalog.listTables() if v.name.startswith("sparkpipe")] == []


def test_upsert_by_several_columns_of_odd_names(session: SparkSession, database: str) -> None:
    def frame(*given: tuple[Any, ...]) -> Any:
        return session.createDataFrame(list(given), "`a-b` INT, `order` STRING, v INT")

    data_set = table(database, write_mode="upsert", primary_key=["a-b", "order"])
    data_set.save(frame((1, "x", 1), (1, "y", 2)))
    data_set.save(frame((1, "y", 3), (2, "y", 4)))
    assert rows(data_set.load()) == [(1, "x", 1), (1, "y", 3), (2, "y", 4)]


def test_upserts_side_by_side(session: SparkSession, database: str) -> None:
    names = [f"t{n}" for n in range(4)]
    tables = {
        name: SparkTableDataSet(f"{database}.{name}", write_mode="upsert", primary_key="id")
        for name in names
    }
    for number, data_set in enumerate(tables.values()):
        data_set.save(people(session, (1, "old"), (number + 10, "old")))

    def change(x: int, number: int) -> Any:
        return people(session, (1, f"new {number}"))

    pipe = pipeline(
        [node(lambda x, n=n: change(x, n), "x", f"t{n}", name=f"n{n}") for n in range(4)]
    )
    ThreadRunner(max_workers=4).run(pipe, DataCatalog(tables, feed_dict={"x": 1}))
    for number, data_set in enumerate(tables.values()):
        assert rows(data_set.load()) == [(1, f"new {number}"), (number + 10, "old")]


def test_an_upsert_that_does_not_fit_is_told(session: SparkSession, database: str) -> None:
    data_set = table(database, write_mode="upsert", primary_key="id")
    data_set.save(people(session, (1, "a")))
    with pytest.raises(DataSetError, match=r"upsert needs the columns of the table: id, name"):
        data_set.save(session.range(1))
    other = table(database, write_mode="upsert", primary_key="key")
    with pytest.raises(DataSetError, match=r"lacks the columns of the primary key: key. It has id"):
        other.save(people(session, (1, "a")))
    assert rows(data_set.load()) == [(1, "a")]


def test_without_a_write_mode_it_is_for_reading(session: SparkSession, database: str) -> None:
    with pytest.raises(DataSetError, match=r"for reading only.*write_mode: overwrite"):
        table(database).save(people(session, (1, "a")))
    assert table(database).exists() is False


@pytest.mark.parametrize(("mode", "kept"), [("ignore", True), ("error", False)])
def test_what_is_there_is_kept(session: SparkSession, database: str, mode: str, kept: bool) -> None:
    data_set = table(database, write_mode=mode)
    data_set.save(people(session, (1, "a")))
    if kept:
        data_set.save(people(session, (2, "b")))
    else:
        with pytest.raises(DataSetError, match="already exists"):
            data_set.save(people(session, (2, "b")))
    assert rows(data_set.load()) == [(1, "a")]


def test_as_a_pandas_frame(session: SparkSession, database: str) -> None:
    import pandas as pd

    data_set = table(database, write_mode="overwrite", dataframe_type="pandas")
    given = pd.DataFrame({"id": [1, 2], "name": ["a", "b"]})
    data_set.save(given)
    loaded = data_set.load().sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(loaded, given)
    with pytest.raises(DataSetError, match=r"a pandas DataFrame is needed.*leave out"):
        data_set.save([1])
    with pytest.raises(DataSetError, match=r"not pandas's DataFrame.*dataframe_type: pandas"):
        table(database, write_mode="append").save(given)


@pytest.mark.parametrize(
    "schema",
    [
        "name STRING, id INT",
        {"name": "STRING", "id": "INT"},
        {
            "type": "struct",
            "fields": [
                {"name": "name", "type": "string", "nullable": True, "metadata": {}},
                {"name": "id", "type": "integer", "nullable": True, "metadata": {}},
            ],
        },
    ],
    ids=["ddl", "mapping", "struct"],
)
def test_columns_of_the_schema_are_saved(session: SparkSession, database: str, schema: Any) -> None:
    import pandas as pd

    data_set = table(database, write_mode="overwrite", schema=schema)
    frame = session.createDataFrame([(1, "a", 9)], f"{SCHEMA}, more INT")
    data_set.save(frame)
    assert data_set.load().columns == ["name", "id"]
    with pytest.raises(DataSetError, match=r"lacks the columns of the schema: name. It has id"):
        data_set.save(session.range(1))
    by_pandas = table(database, write_mode="append", schema=schema, dataframe_type="pandas")
    by_pandas.save(pd.DataFrame({"id": [2], "more": [1], "name": ["b"]}))
    assert rows(data_set.load()) == [("a", 1), ("b", 2)]


def test_partitions_of_a_table(session: SparkSession, database: str) -> None:
    data_set = table(database, write_mode="overwrite", partition_columns="name")
    for _ in range(2):
        data_set.save(people(session, (1, "a"), (2, "b")))
    detail = session.sql(f"DESCRIBE DETAIL {database}.people").collect()[0]
    assert detail["partitionColumns"] == ["name"]


def test_an_overwrite_may_replace_a_part(session: SparkSession, database: str) -> None:
    table(database, write_mode="overwrite").save(people(session, (1, "a"), (2, "b")))
    part = table(database, write_mode="overwrite", save_args={"replaceWhere": "id = 2"})
    part.save(people(session, (2, "new")))
    assert rows(part.load()) == [(1, "a"), (2, "new")]


def test_versions_of_a_table(session: SparkSession, database: str) -> None:
    for number in (1, 2):
        table(database, write_mode="overwrite").save(people(session, (number, "a")))
    assert rows(table(database, version=Version("0", None)).load()) == [(1, "a")]
    assert rows(table(database, version=Version(None, "x")).load()) == [(2, "a")]
    by_option = table(database, load_args={"versionAsOf": 0})
    assert rows(by_option.load()) == [(1, "a")]
    entry = {
        "type": "databricks.ManagedTableDataset",
        "table": "people",
        "database": database,
        "versioned": True,
    }
    catalog = DataCatalog.from_config({"people": entry}, load_versions={"people": "0"})
    assert rows(catalog.load("people")) == [(1, "a")]
    assert rows(DataCatalog.from_config({"people": entry}).load("people", version="0")) == [
        (1, "a")
    ]
    with pytest.raises(DataSetError, match="version"):
        table(database, version=Version("7", None)).load().collect()


def test_a_version_is_a_number_a_time_or_a_run() -> None:
    with pytest.raises(DataSetError, match=r"'newest' is no version of a table.*tables history"):
        SparkTableDataSet("people", version=Version("newest", None))


def test_a_missing_table_is_told_by_the_load(session: SparkSession, database: str) -> None:
    with pytest.raises(DataSetError, match="there is no table or view"):
        table(database).load()
    assert SparkTableDataSet("people", database="no_such_database").exists() is False
    with pytest.raises(DataSetError, match="no_such_database"):
        table("no_such_database", write_mode="append").save(people(session, (1, "a")))


def test_names_in_three_parts(session: SparkSession, database: str) -> None:
    whole = SparkTableDataSet(f"spark_catalog.{database}.people", write_mode="overwrite")
    whole.save(people(session, (1, "a")))
    parts = SparkTableDataSet("people", catalog="spark_catalog", database=database)
    assert parts.exists() is True
    assert rows(parts.load()) == rows(table(database).load()) == [(1, "a")]
    absent = SparkTableDataSet(f"no_catalog.{database}.people", write_mode="append")
    assert absent.exists() is False
    with pytest.raises(DataSetError, match=r"no catalog 'no_catalog'. .*spark.sql.catalog"):
        absent.load()
    with pytest.raises(DataSetError, match=r"no catalog 'no_catalog'. .*spark.sql.catalog"):
        absent.save(people(session, (1, "a")))


def test_a_name_alone_is_of_the_present_database_and_may_be_a_view(session: SparkSession) -> None:
    people(session, (1, "a")).createOrReplaceTempView("sparkpipe_people")
    try:
        assert rows(SparkTableDataSet("sparkpipe_people").load()) == [(1, "a")]
    finally:
        session.catalog.dropTempView("sparkpipe_people")


def test_a_managed_table_is_of_the_database_default(session: SparkSession) -> None:
    data_set = ManagedTableDataSet("sparkpipe_managed", write_mode="overwrite")
    try:
        data_set.save(people(session, (1, "a")))
        assert rows(session.read.table("default.sparkpipe_managed")) == [(1, "a")]
    finally:
        session.sql("DROP TABLE IF EXISTS default.sparkpipe_managed")


def test_nothing_in_a_name_is_run(session: SparkSession, database: str) -> None:
    keep = table(database, write_mode="append")
    keep.save(people(session, (1, "a")))
    for name in ("x;DROP", "people--", "'people'", '"people"', "people)"):
        hostile = SparkTableDataSet(name, database=database, write_mode="overwrite")
        assert hostile.exists() is False
        with pytest.raises(DataSetError):
            hostile.load()
    assert rows(keep.load()) == [(1, "a")]


def test_a_table_may_be_made_of_itself(session: SparkSession, database: str) -> None:
    data_set = table(database, write_mode="overwrite")
    data_set.save(people(session, (1, "a"), (2, "b")))
    data_set.save(data_set.load().where("id > 1"))
    assert rows(data_set.load()) == [(2, "b")]
