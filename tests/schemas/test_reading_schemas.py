"""A schema is read from words, mappings and files, and written again, without Spark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparkpipe.errors import DataSetError
from sparkpipe.schemas import read_schema
from sparkpipe.schemas.contract import as_contract
from sparkpipe.schemas.writing import schema_text, with_notes

DDL = (
    "id bigint NOT NULL COMMENT 'it''s one', "
    "`a b` struct<x:int,y:array<decimal(10,2)>>, "
    "m map<string,varchar(5)>, code char(2), at timestamp_ntz"
)


def contract(**changes: Any) -> dict[str, Any]:
    properties = [
        {"name": "id", "logicalType": "integer", "required": True, "description": "Number."},
        {"name": "status", "logicalType": "string", "logicalTypeOptions": {"maxLength": 8}},
        {"name": "price", "physicalType": "DECIMAL(10, 2)", "tags": ["money"]},
        {"name": "old", "logicalType": "date", "physicalType": "DATETIME2"},
        {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
        {
            "name": "place",
            "logicalType": "object",
            "properties": [{"name": "lat", "logicalType": "number"}],
        },
        {
            "name": "notes",
            "logicalType": "map",
            "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "timestamp"}},
        },
    ]
    return {
        "apiVersion": "v3.0.2",
        "kind": "DataContract",
        "schema": [{"name": "trips", "properties": properties}],
        **changes,
    }


def test_what_is_written_as_ddl_json_or_contract_is_read_again(tmp_path: Path) -> None:
    schema = read_schema(DDL)
    assert read_schema(schema.ddl()) == schema
    files = {
        "one.json": json.dumps(schema.as_json()),
        "one.ddl": DDL,
        "one.yml": yaml.safe_dump(as_contract(schema, "trips")),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text)
        assert read_schema(str(path)) == schema
        assert read_schema({"filepath": str(path)}) == schema
    assert schema["id"].comment == "it's one"


def test_a_mapping_gives_types_or_all_that_is_told_of_a_column() -> None:
    schema = read_schema(
        {"id": "BIGINT NOT NULL", "name": {"type": "string", "comment": "n", "tags": ["pii"]}}
    )
    assert schema.ddl() == "id bigint NOT NULL, name string COMMENT 'n'"
    assert schema["name"].metadata == {"tags": ["pii"]}


def test_a_contract_gives_types_nullability_comments_and_tags(tmp_path: Path) -> None:
    path = tmp_path / "trips.odcs.yaml"
    path.write_text(yaml.safe_dump(contract()))
    schema = read_schema(str(path))
    assert schema.ddl() == (
        "id bigint NOT NULL COMMENT 'Number.', status varchar(8), price decimal(10,2), old date, "
        "tags array<string>, place struct<lat:double>, notes map<string,timestamp>"
    )
    assert schema["price"].metadata == {"tags": ["money"]}


def test_of_a_contract_with_several_tables_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    tables = [
        {"name": name, "properties": [{"name": name, "logicalType": "string"}]}
        for name in ("trips", "airlines")
    ]
    path.write_text(yaml.safe_dump(contract(schema=tables)))
    chosen = read_schema({"filepath": str(path), "object": "airlines"})
    assert chosen.names == ("airlines",)
    with pytest.raises(DataSetError, match=r"has 2 tables: trips, airlines. Choose one"):
        read_schema(str(path))
    with pytest.raises(DataSetError, match=r"no table 'trip'. Did you mean 'trips'"):
        read_schema({"filepath": str(path), "object": "trip"})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (contract(apiVersion="v2.2.2"), "a contract of version v2.2.2; version 3 of the Open Data"),
        (contract(apiVersion="v4.0.0"), "version v4.0.0; version 3"),
        (contract(apiVersion=None), "without the version of its.*Write 'apiVersion: v3.1.0'"),
        ({"schema": contract()["schema"]}, "without the version of its standard"),
        ({"apiVersion": 2, "schema": []}, "a contract of version 2; version 3"),
        (
            contract(schema=[{"name": "t", "properties": {"a": "int"}}]),
            "'properties' of a contract",
        ),
        (contract(schema=[{"name": "t", "properties": ["a"]}]), "is a mapping, not 'a'"),
        ({"dataContractSpecification": "1.1.0", "models": {}}, "Data Contract Specification 1.1.0"),
        (
            contract(schema=[{"name": "t", "properties": [{"name": "a", "logicalType": "point"}]}]),
            "'a' has the logicalType 'point', and needs a physicalType of Spark or one of string",
        ),
    ],
)
def test_contracts_that_cannot_be_read_are_refused(
    tmp_path: Path, document: dict[str, Any], told: str
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(DataSetError, match=told):
        read_schema(str(path))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("id INTT", "'INTT', the type of 'id', is no type of Spark. Did you mean 'int'"),
        ("id INT, name", "the column 'name' has no type"),
        ("id INT name STRING", "'name' is not known here"),
        ("id ARRAY<INT", "'>' is missing in 'id'"),
        ("id ARRAY", "array needs the type of what is in it"),
        ("id DECIMAL(50, 2)", "decimal has 1 to 38 digits"),
        ("id VARCHAR", r"varchar is written as varchar\(10\)"),
        ("id INT COMMENT 'open", "a quote is not closed"),
        ("id INT, ID STRING", "the column 'ID' twice"),
        ("", "empty"),
        ({}, "has no columns"),
        ({False: "int"}, "no name of a column"),
        ({"id": None}, "has no type"),
        ({"id": {"type": "int", "nulable": True}}, "has no 'nulable'. It may have type"),
        (["id"], "must be DDL, a mapping of columns to types, or the path of a file, not list"),
        ("nowhere.json", "the schema file does not exist: nowhere.json"),
    ],
)
def test_what_is_no_schema_is_told(given: Any, told: str) -> None:
    with pytest.raises(DataSetError, match=told):
        read_schema(given)


@pytest.mark.parametrize("ending", ["json", "ddl", "yml"])
def test_what_is_told_of_nested_fields_stays_when_the_columns_of_data_are_saved(
    tmp_path: Path, ending: str
) -> None:
    declared = "place STRUCT<lat: DOUBLE NOT NULL COMMENT 'it''s', tags: ARRAY<STRUCT<a: CHAR(2)>>>"
    found = "place STRUCT<lat: DOUBLE, tags: ARRAY<STRUCT<a: STRING, b: INT>>>"
    noted = with_notes(read_schema(found), read_schema(declared))
    path = tmp_path / f"places.{ending}"
    path.write_text(schema_text(noted, path, "places"))
    assert read_schema(str(path)).ddl() == (
        r"place struct<lat:double NOT NULL COMMENT 'it\'s',tags:array<struct<a:char(2),b:int>>>"
    )
