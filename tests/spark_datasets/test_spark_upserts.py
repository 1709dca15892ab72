"""Upserts by key leave other rows alone, and overwrites leave all of a table but its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkHiveDataSet, SparkTableDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FORMATS = pytest.mark.parametrize("file_format", ["parquet", "delta"])


@pytest.fixture
def classic(spark: SparkSession) -> Iterator[SparkSession]:
    """The session of the tests, which data sets of the test use."""
    with activated(SparkProvider(session=spark)):
        yield spark


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in frame.collect()), key=str)


def tables(session: SparkSession, database: str) -> list[str]:
    """Names of its tables, without the session's temporary views, which Spark lists with them."""
    told = session.sql(f"SHOW TABLES IN {database}").collect()
    return [row["tableName"] for row in told if not row["isTemporary"]]


def visits(database: str, file_format: str, **options: Any) -> SparkHiveDataSet:
    options = {"write_mode": "upsert", "table_pk": ["id"], **options}
    return SparkHiveDataSet(database, "visits", save_args={"format": file_format}, **options)


@FORMATS
def test_rows_of_other_keys_and_without_a_key_stay(
    session: SparkSession, database: str, file_format: str
) -> None:
    before = session.sql(
        "SELECT * FROM VALUES (1, 'home'), (NULL, 'about'), (NULL, 'shop'), (2, 'cart'), "
        "(2, 'cart again'), (3, 'old'), (3, 'older') AS t(id, page)"
    )
    before.write.format(file_format).saveAsTable(f"{database}.visits")
    data_set = visits(database, file_format)
    data_set.save(
        session.sql("SELECT * FROM VALUES ('new', 7), ('3', 3), ('none', NULL) AS t(page, ID)")
    )
    assert rows(data_set.load()) == [
        *[(1, "home"), (2, "cart again"), (2, "cart"), (3, "3"), (3, "3"), (7, "new")],
        *[(None, "about"), (None, "none"), (None, "shop")],
    ]


def test_two_rows_of_one_key_are_refused_with_their_values(
    classic: SparkSession, database: str
) -> None:
    session = classic
    data_set = visits(database, "parquet", table_pk=["id", "count"])
    twice = session.sql(
        "SELECT * FROM VALUES (1, 'a', 0), (1, 'a', 1), (2, 'a', 2), (NULL, 'a', 3), (NULL, 'a', 4)"
        " AS t(id, count, n)"
    )
    for there in (False, True):
        with pytest.raises(DataSetError) as caught:
            data_set.save(twice)
        assert str(caught.value) == (
            "the data has more than one row for id = 1, count = 'a' (2 rows). An upsert takes one "
            "row for each id, count. Keep one of them: frame.dropDuplicates(['id', 'count'])."
        )
        assert data_set.exists() is there
        data_set.save(twice.where("n > 0"))
        data_set.save(twice.where("n = 0"))
    assert len(rows(data_set.load())) == 6


@pytest.mark.parametrize(
    ("file_format", "mode", "column"),
    [
        *[("parquet", "overwrite", "id"), ("parquet", "overwrite", "more")],
        *[
            ("parquet", "upsert", "id"),
            ("delta", "overwrite", "id"),
            ("delta", "overwrite", "more"),
        ],
    ],
)
def test_a_table_keeps_what_it_is_beside_its_rows(
    classic: SparkSession, database: str, file_format: str, mode: str, column: str
) -> None:
    session = classic
    session.sql(
        f"CREATE TABLE {database}.visits (id INT COMMENT 'the id', page STRING, day STRING) "
        f"USING {file_format} PARTITIONED BY (day) COMMENT 'all \\'visits\\'' "
        "TBLPROPERTIES ('team' = 'ours', 'a.b' = 'c, d=e')"
    )
    session.sql(f"INSERT INTO {database}.visits VALUES (1, 'a', 'mon'), (2, 'b', 'tue')")
    more = ", 1 AS more" if column == "more" else ""
    data = session.sql(f"SELECT 1 AS id, 'new' AS page, 'wed' AS day{more}")
    visits(database, file_format, write_mode=mode).save(data)
    found = rows(session.table(f"{database}.visits").select("id", "page", "day"))
    assert found == [(1, "new", "wed"), *([(2, "b", "tue")] if mode == "upsert" else [])]
    told = session.sql(f"DESCRIBE TABLE EXTENDED {database}.visits").collect()
    described = {row[0]: row[1] for row in told}
    assert [row[0] for row in told].count("day") == 2  # a column, and a partition
    assert ("id", "int", "the id") in map(tuple, told)
    assert described["Comment"] == "all 'visits'"
    properties = {
        row[0]: row[1] for row in session.sql(f"SHOW TBLPROPERTIES {database}.visits").collect()
    }
    assert properties["team"] == "ours"
    assert properties["a.b"] == "c, d=e"
    assert tables(session, database) == ["visits"]


def test_a_table_in_its_own_place_stays_there(
    classic: SparkSession, database: str, tmp_path: Any
) -> None:
    place = (tmp_path / "there").as_posix()
    classic.sql(
        f"CREATE TABLE {database}.visits (id INT, page STRING) USING parquet LOCATION '{place}' "
        "COMMENT 'kept'"
    )
    classic.sql(f"INSERT INTO {database}.visits VALUES (1, 'a'), (2, 'b')")
    visits(database, "parquet").save(classic.sql("SELECT 2 AS id, 'new' AS page"))
    assert rows(classic.read.parquet(place)) == [(1, "a"), (2, "new")]
    told = {r[0]: r[1] for r in classic.sql(f"DESCRIBE EXTENDED {database}.visits").collect()}
    assert (told["Type"], told["Comment"]) == ("EXTERNAL", "kept")


def test_partitions_that_are_no_longer_go_whatever_the_session_says(
    classic: SparkSession, database: str
) -> None:
    classic.sql(
        f"CREATE TABLE {database}.visits (id INT, day STRING, n INT) USING parquet "
        "PARTITIONED BY (day, n) CLUSTERED BY (id) INTO 2 BUCKETS"
    )
    classic.sql(f"INSERT INTO {database}.visits VALUES (1, 'a b', 1), (2, NULL, 2), (3, 'x', 3)")
    classic.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    try:
        visits(database, "parquet").save(
            classic.sql("SELECT * FROM VALUES (1, 'x', 1), (2, 'x', 3) AS t(id, day, n)")
        )
    finally:
        classic.conf.unset("spark.sql.sources.partitionOverwriteMode")
    found = rows(classic.table(f"{database}.visits").select("id", "day", "n"))
    assert found == [(1, "x", 1), (2, "x", 3), (3, "x", 3)]
    told = [r[0] for r in classic.sql(f"SHOW PARTITIONS {database}.visits").collect()]
    assert told == ["day=x/n=1", "day=x/n=3"]
    details = {r[0]: r[1] for r in classic.sql(f"DESCRIBE EXTENDED {database}.visits").collect()}
    assert details["Num Buckets"] == "2"


def test_a_partition_that_is_lost_is_told(
    classic: SparkSession, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    data_set = SparkTableDataSet(
        f"{database}.t", write_mode="overwrite", partition_columns="day", file_format="parquet"
    )
    data_set.save(classic.sql("SELECT 1 AS id, 'mon' AS day"))
    other = SparkTableDataSet(f"{database}.t", write_mode="overwrite", file_format="parquet")
    with caplog.at_level(logging.WARNING):
        other.save(classic.sql("SELECT 1 AS id"))
    assert "no longer partitioned: the data lacks day" in caplog.text
    assert other.load().columns == ["id"]


def test_a_save_that_fails_leaves_the_table(classic: SparkSession, database: str) -> None:
    data_set = visits(database, "parquet")
    data_set.save(classic.sql("SELECT 1 AS id, 'a' AS page"))
    for write_mode in ("upsert", "overwrite"):
        failing = visits(database, "parquet", write_mode=write_mode)
        with pytest.raises(DataSetError):
            failing.save(classic.sql("SELECT id, raise_error('no') AS page FROM (SELECT 2 AS id)"))
        assert rows(data_set.load()) == [(1, "a")]
    assert tables(classic, database) == ["visits"]


def test_a_table_may_be_overwritten_by_what_was_read_of_it(
    classic: SparkSession, database: str
) -> None:
    data_set = visits(database, "parquet")
    data_set.save(classic.sql("SELECT 1 AS id, 'a' AS page"))
    visits(database, "parquet", write_mode="overwrite").save(
        data_set.load().selectExpr("id + 1 AS id", "page")
    )
    assert rows(data_set.load()) == [(2, "a")]


@pytest.mark.delta
def test_a_delta_table_in_a_folder_keeps_partitions_and_comments(
    classic: SparkSession, tmp_path: Any
) -> None:
    path = (tmp_path / "t").as_posix()
    classic.sql(
        f"CREATE TABLE delta.`{path}` (id INT COMMENT 'the id', day STRING) USING delta "
        "PARTITIONED BY (day)"
    )
    data_set = DeltaTableDataSet(path, save_args={"overwriteSchema": True})
    data_set.save(classic.sql("SELECT 1 AS id, 'mon' AS day, 2 AS more"))
    fields = {one.name: one.metadata.get("comment") for one in data_set.load().schema.fields}
    assert fields == {"id": "the id", "day": None, "more": None}
    assert (tmp_path / "t" / "day=mon").is_dir()


@pytest.mark.parametrize("mode", ["overwrite", "upsert"])
@FORMATS
def test_a_view_is_no_table_that_can_be_replaced(
    session: SparkSession, database: str, file_format: str, mode: str
) -> None:
    session.sql("SELECT 1 AS id").write.format(file_format).saveAsTable(f"{database}.base")
    session.sql(f"CREATE VIEW {database}.visits AS SELECT * FROM {database}.base")
    with pytest.raises(DataSetError, match=r"visits is a view, which has no rows of its own"):
        visits(database, file_format, write_mode=mode).save(session.sql("SELECT 2 AS id"))
    session.sql(f"INSERT INTO {database}.base VALUES (3)")
    assert rows(session.table(f"{database}.visits")) == [(1,), (3,)]


@pytest.mark.parametrize(("was", "now"), [("parquet", "delta"), ("delta", "parquet")])
def test_a_table_of_another_format_is_made_anew_and_that_is_told(
    session: SparkSession,
    database: str,
    was: str,
    now: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session.sql(
        f"CREATE TABLE {database}.visits (id INT COMMENT 'the id', day STRING) USING {was} "
        "PARTITIONED BY (day) COMMENT 'all' TBLPROPERTIES ('team' = 'ours')"
    )
    session.sql(f"INSERT INTO {database}.visits VALUES (1, 'mon'), (2, 'tue')")
    data_set = visits(database, now, write_mode="overwrite")
    data_set.save(session.sql("SELECT 3 AS id, 'wed' AS day"))
    assert rows(data_set.load()) == [(3, "wed")]
    told = session.sql(f"DESCRIBE TABLE EXTENDED {database}.visits").collect()
    described = {row[0]: row[1] for row in told}
    assert (described["Provider"], described["Comment"]) == (now, "all")
    assert [row[0] for row in told].count("day") == 2  # a column, and a partition
    assert ("id", "int", "the id") in map(tuple, told)
    assert ("team", "ours") in map(
        tuple, session.sql(f"SHOW TBLPROPERTIES {database}.visits").collect()
    )
    assert f"visits was of {was}, and is of {now} now" in caplog.text
    assert tables(session, database) == ["visits"]


@pytest.mark.delta
@pytest.mark.parametrize(
    ("was", "now", "part"),
    [
        ("parquet", "delta", {"REPLACEWHERE": "day = 'tue'"}),
        ("parquet", "delta", {"partitionOverwriteMode": "Dynamic"}),
        ("delta", "parquet", {"partitionOverwriteMode": "dynamic"}),
    ],
)
def test_a_part_of_a_table_of_another_format_is_not_replaced(
    session: SparkSession, database: str, was: str, now: str, part: dict[str, str]
) -> None:
    session.sql(
        f"CREATE TABLE {database}.visits USING {was} PARTITIONED BY (day) AS "
        "SELECT * FROM VALUES (1, 'mon'), (2, 'tue') AS (id, day)"
    )
    table = f"{database}.visits"
    data_set = SparkTableDataSet(table, write_mode="overwrite", file_format=now, save_args=part)
    with pytest.raises(DataSetError, match=f"a part of .* is of {was}, not of {now}") as caught:
        data_set.save(session.sql("SELECT 3 AS id, 'tue' AS day"))
    assert ("file_format: delta" in str(caught.value)) is (was == "delta")
    assert rows(data_set.load()) == [(1, "mon"), (2, "tue")]
    assert tables(session, database) == ["visits"]


@pytest.mark.delta
def test_columns_that_a_table_fills_by_itself_stay(session: SparkSession, database: str) -> None:
    session.sql(
        f"CREATE TABLE {database}.visits (n BIGINT GENERATED ALWAYS AS IDENTITY, id INT NOT NULL, "
        "page STRING DEFAULT 'home', twice INT GENERATED ALWAYS AS (id * 2)) USING delta "
        "TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"
    )
    data_set = visits(database, "delta", write_mode="overwrite")
    for number in (1, 2):
        data_set.save(session.sql(f"SELECT {number} AS id"))
    assert rows(data_set.load().select("id", "page", "twice")) == [(2, "home", 4)]
    data_set.save(session.sql("SELECT 7 AS id, 'new' AS other"))  # another schema is what is asked
    assert rows(data_set.load()) == [(7, "new")]


def test_a_table_that_a_temporary_view_hides_is_told(
    session: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.sql("SELECT 1 AS id").createOrReplaceTempView("hidden_visits")
    table = {"file_format": "parquet", "write_mode": "overwrite"}
    try:
        SparkTableDataSet("hidden_visits", database="default", **table).save(
            session.sql("SELECT 2 AS id")
        )
        assert not caplog.records
        hidden = SparkTableDataSet("hidden_visits", **table)
        for _ in range(2):  # it is told once
            hidden.save(session.sql("SELECT 3 AS id"))
        assert caplog.text.count("is also the name of a temporary view") == 1
    finally:
        session.catalog.dropTempView("hidden_visits")
        session.sql("DROP TABLE hidden_visits")
