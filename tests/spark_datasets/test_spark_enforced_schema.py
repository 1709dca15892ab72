"""A schema in an entry is enforced on Spark's frames: before any job, and by the write itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.schemas import read_schema
from sparkpipe.schemas.writing import schema_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = (
    "id BIGINT NOT NULL COMMENT 'of the trip', code CHAR(3), name VARCHAR(5), "
    "place STRUCT<lat: DOUBLE>, price DECIMAL(10, 2)"
)
ROW = (1, "ab", "kiwi", (1.5,), None)
FOUND = "id BIGINT, code STRING, name STRING, place STRUCT<lat: DOUBLE>, price DECIMAL(10, 2)"


def catalog(folder: Path, **entry: Any) -> DataCatalog:
    place = {"type": "spark.DeltaTableDataSet", "filepath": str(folder / "trips")}
    return DataCatalog.from_config({"trips": {**place, "schema": SCHEMA, **entry}})


@pytest.mark.delta
def test_a_schema_holds_at_the_first_and_at_later_writes(
    session: SparkSession, tmp_path: Path
) -> None:
    trips = catalog(tmp_path)
    good = session.createDataFrame([ROW], FOUND)
    for frame in (good, good.select(*reversed(good.columns))):
        with pytest.raises(DataSetError) as raised:
            trips.save("trips", frame.withColumnRenamed("price", "prise"))
        assert "missing: 'price' (decimal(10,2)) is missing. Did you mean 'prise'?" in str(
            raised.value
        )
        with pytest.raises(DataSetError, match="type: 'id' is string, not bigint"):
            trips.save("trips", frame.withColumn("id", frame["id"].cast("string")))
        trips.save("trips", frame)
    # What only rows tell is told by the write, which then leaves all as it was.
    with pytest.raises(DataSetError, match="'id' has a null, and its schema says NOT NULL"):
        trips.save("trips", session.createDataFrame([(None, *ROW[1:])], FOUND))
    with pytest.raises(DataSetError, match=r"'name' has a text longer than varchar\(5\)"):
        trips.save("trips", session.createDataFrame([(2, "a", "tangerine", None, None)], FOUND))
    loaded = trips.load("trips")
    assert loaded.columns == ["id", "code", "name", "place", "price"]
    (row,) = loaded.collect()
    assert (row.id, row.code, row.place.lat) == (1, "ab ", 1.5)
    known = [one.metadata for one in loaded.schema.fields[:3]]
    assert known[0] == {"comment": "of the trip"}
    assert ["char(3)" in known[1].values(), "varchar(5)" in known[2].values()] == [True, True]


@pytest.mark.delta
@pytest.mark.parametrize("change", ["widen", "any"])
def test_a_merge_lets_in_wider_types_too(
    session: SparkSession, tmp_path: Path, change: str
) -> None:
    merging = {"schema": "id INT, n INT", "save_args": {"mode": "merge", "keys": ["id"]}}
    catalog(tmp_path, **merging).save("trips", session.createDataFrame([(1, 1)], "id INT, n INT"))
    wider = session.createDataFrame([(1, 2**40)], "id INT, n BIGINT")
    with pytest.raises(DataSetError, match="schema_change: widen"):
        catalog(tmp_path, **merging).save("trips", wider)
    widening = catalog(tmp_path, schema_change=change, **merging)
    widening.save("trips", wider)
    widening.save("trips", session.createDataFrame([(2, 3)], "id INT, n INT"))
    loaded = widening.load("trips")
    assert loaded.dtypes == [("id", "int"), ("n", "bigint")]
    assert sorted(map(tuple, loaded.collect())) == [(1, 2**40), (2, 3)]


@pytest.mark.delta
@pytest.mark.parametrize("change", ["widen", "any"])
def test_what_was_widened_takes_what_the_schema_says_as_before(
    session: SparkSession, tmp_path: Path, change: str
) -> None:
    appending = {"schema": "id INT", "save_args": {"mode": "append"}}
    catalog(tmp_path, **appending).save("trips", session.createDataFrame([(1,)], "id INT"))
    trips = catalog(tmp_path, schema_change=change, **appending)
    trips.save("trips", session.createDataFrame([(2**40,)], "id BIGINT"))
    trips.save("trips", session.createDataFrame([(2,)], "id INT"))
    trips.save("trips", session.createDataFrame([(3,)], "id SMALLINT"))
    loaded = trips.load("trips")
    assert loaded.dtypes == [("id", "bigint")]
    assert sorted(row.id for row in loaded.collect()) == [1, 2, 3, 2**40]


@pytest.mark.delta
def test_delta_tables_change_as_schema_change_says(session: SparkSession, tmp_path: Path) -> None:
    narrow = {"schema": "id INT", "save_args": {"mode": "append"}}
    catalog(tmp_path, **narrow).save("trips", session.createDataFrame([(1,)], "id INT"))
    more = session.createDataFrame([(2, "x")], "id INT, name STRING")
    with pytest.raises(DataSetError, match="schema_change: add"):
        catalog(tmp_path, **narrow).save("trips", more)
    catalog(tmp_path, schema_change="add", **narrow).save("trips", more)
    widening = catalog(tmp_path, schema_change="widen", **narrow)
    widening.save("trips", session.createDataFrame([(2**40,)], "id BIGINT"))
    loaded = widening.load("trips")
    assert loaded.dtypes == [("id", "bigint"), ("name", "string")]
    assert sorted(row.id for row in loaded.collect()) == [1, 2, 2**40]
    narrower = catalog(tmp_path, schema="id BIGINT", schema_change="widen")
    narrower.save("trips", session.createDataFrame([(5,)], "id INT"))
    assert narrower.load("trips").dtypes == [("id", "bigint")]
    anything = catalog(tmp_path, schema_change="any")
    anything.save("trips", session.createDataFrame([("a",)], "other STRING"))
    assert anything.load("trips").columns == ["other"]


def test_comments_and_lengths_stay_in_parquet(session: SparkSession, tmp_path: Path) -> None:
    entry = {"type": "spark.SparkDataSet", "file_format": "parquet"}
    tagged = {"id": {"type": "int", "comment": "number", "tags": ["key"]}, "name": "varchar(5)"}
    trips = catalog(tmp_path, **{**entry, "schema": tagged})
    trips.save("trips", session.createDataFrame([(1, "kiwi")], "id INT, name STRING"))
    id_field, name_field = trips.load("trips").schema.fields
    assert id_field.metadata == {"comment": "number", "tags": ["key"]}
    assert "varchar(5)" in name_field.metadata.values()


def test_a_table_by_name_holds_its_schema(session: SparkSession, database: str) -> None:
    entry = {
        "type": "spark.SparkTableDataSet",
        "table": f"{database}.trips",
        "write_mode": "overwrite",
        "file_format": "parquet",
        "schema": "id BIGINT COMMENT 'number', name STRING",
    }
    trips = DataCatalog.from_config({"trips": entry})
    frame = session.createDataFrame([("a", 1, 2)], "name STRING, id BIGINT, more INT")
    trips.save("trips", frame)  # as before, other columns are left out
    assert trips.load("trips").columns == ["id", "name"]
    with pytest.raises(DataSetError, match="type: 'id' is int, not bigint"):
        trips.save("trips", frame.withColumn("id", frame["id"].cast("int")))
    strict = DataCatalog.from_config({"trips": {**entry, "schema_change": "fail"}})
    with pytest.raises(DataSetError, match="extra: 'more'"):
        strict.save("trips", frame)
    of_pandas = DataCatalog.from_config({"trips": {**entry, "dataframe_type": "pandas"}})
    of_pandas.save("trips", pd.DataFrame({"name": ["b"], "id": [3]}))
    (comment, *_) = session.sql(f"DESCRIBE TABLE {database}.trips").collect()
    assert comment["comment"] == "number"


def test_a_table_by_name_takes_its_schema_in_each_form(
    session: SparkSession, database: str, tmp_path: Path
) -> None:
    columns = {"id": {"type": "BIGINT", "nullable": False}, "name": {"type": "CHAR(1)"}}
    ddl = tmp_path / "trips.ddl"
    ddl.write_text("id BIGINT NOT NULL, name CHAR(1)")
    json_file, contract = tmp_path / "trips.json", tmp_path / "trips.yml"
    for file in (json_file, contract):
        file.write_text(schema_text(read_schema(columns), file, "trips"))
    entry = {"type": "spark.SparkTableDataSet", "write_mode": "overwrite"}
    entry |= {"table": f"{database}.trips", "file_format": "parquet"}
    frame = session.createDataFrame([("a", 1, 2)], "name STRING, id BIGINT, more INT")
    for form in (columns, str(ddl), str(json_file), str(contract), {"filepath": str(contract)}):
        trips = DataCatalog.from_config({"trips": {**entry, "schema": form}})
        trips.save("trips", frame)
        assert trips.load("trips").columns == ["id", "name"]
    of_pandas = {**entry, "schema": columns, "dataframe_type": "pandas"}
    trips = DataCatalog.from_config({"trips": of_pandas})
    trips.save("trips", pd.DataFrame({"name": ["b"], "id": [3]}))
    assert [*trips.load("trips")["id"]] == [3]


@pytest.mark.delta
def test_a_merge_holds_the_schema_of_what_it_writes(session: SparkSession, tmp_path: Path) -> None:
    merge = {"mode": "merge", "keys": ["id"], "delete_when": "s.op = 'D'"}
    entry = {"schema": "id BIGINT, name STRING", "save_args": {**merge, "columns": ["id", "name"]}}
    trips = catalog(tmp_path, **entry)
    columns = "id BIGINT, name STRING, op STRING"
    trips.save("trips", session.createDataFrame([(1, "a", "I"), (2, "b", "I")], columns))
    with pytest.raises(DataSetError, match="type: 'id' is int, not bigint"):
        trips.save(
            "trips", session.createDataFrame([(1, "a", "D")], "id INT, name STRING, op STRING")
        )
    trips.save("trips", session.createDataFrame([(1, "a", "D"), (2, "c", "U")], columns))
    assert [tuple(row) for row in trips.load("trips").collect()] == [(2, "c")]
    adding = catalog(
        tmp_path, schema="id BIGINT, name STRING", schema_change="add", save_args=merge
    )
    adding.save("trips", session.createDataFrame([(3, "d", "I")], columns))
    assert sorted(adding.load("trips").columns) == ["id", "name", "op"]
