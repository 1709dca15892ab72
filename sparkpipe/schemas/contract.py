"""Files of the Open Data Contract Standard, version 3: read, and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.schemas.ddl import parse_type
from sparkpipe.schemas.model import Column, DataType, Schema

_STANDARD = "Open Data Contract Standard"
#: The version that is written; those that are read begin with v3.
VERSION = "v3.1.0"
# Keys by which documents of this and of other standards are known.
_KIND = "DataContract"
_KEYS = ("apiVersion", "dataContractSpecification", "odcs")

_OF_LOGICAL = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
}
_LOGICAL = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("string", "char", "varchar", "binary", "variant"), "string"),
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
    "struct": "object",
    **{name: name for name in ("boolean", "date", "time", "array")},
}


def is_contract(document: Mapping[Any, Any]) -> bool:
    """Whether a document is a data contract, of this standard or of another one."""
    if document.get("kind") == _KIND or isinstance(document.get("schema"), list):
        return True
    has_key = any(isinstance(document.get(key), (str, int, float)) for key in _KEYS)
    return has_key and ("schema" in document or "models" in document)


def read_contract(document: Mapping[str, Any], where: str, wanted: str | None = None) -> Schema:
    """Return the schema of a table in a contract.

    Args:
        document: The contract.
        where: Its file, for messages.
        wanted: The name of the table; by default the only one that there is.

    Raises:
        DataSetError: It is of another standard or version, or has no such table.
    """
    version = str(document.get("apiVersion") or "").lower().removeprefix("v")
    if not version and "dataContractSpecification" not in document:
        raise DataSetError(
            f"{where} is a contract without the version of its standard.",
            hint=f"Write 'apiVersion: {VERSION}' into it, if it is of the {_STANDARD}.",
        )
    if version.partition(".")[0] != "3":
        told = document.get("dataContractSpecification")
        told = (
            f"version {document.get('apiVersion')}"
            if told is None
            else (f"the Data Contract Specification {told}")
        )
        raise DataSetError(
            f"{where} is a contract of {told}; version 3 of the {_STANDARD} is read.",
            hint="Convert it, such as by: datacontract export --format odcs",
        )
    table = _chosen(document.get("schema") or [], where, wanted)
    return Schema(_columns(table.get("properties"), where))


def _columns(told: Any, where: str) -> tuple[Column, ...]:
    if told is not None and not isinstance(told, list):
        raise DataSetError(
            f"{where}: 'properties' of a contract is a list, each with a name, not {told!r:.60}."
        )
    return tuple(_column(one, where) for one in told or ())


def _chosen(tables: Any, where: str, wanted: str | None) -> Mapping[str, Any]:
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise DataSetError(f"{where}: 'schema' of a contract is a list of tables.")
    names = [str(one.get("name", "")) for one in tables]
    if wanted is None:
        if len(tables) == 1:
            return dict(tables[0])
        raise DataSetError(
            f"{where} has {len(tables)} tables: {', '.join(names) or 'none'}.",
            hint="Choose one: schema: {filepath: ..., object: NAME}" if tables else "",
        )
    for one in tables:
        if wanted in (one.get("name"), one.get("physicalName")):
            return dict(one)
    hint = did_you_mean(wanted, names) or f"Tables: {', '.join(names)}."
    raise DataSetError(f"{where} has no table '{wanted}'.", hint=hint)


def _column(told: Any, where: str) -> Column:
    if not isinstance(told, Mapping):
        raise DataSetError(f"{where}: a property of the contract is a mapping, not {told!r:.60}.")
    name = str(told.get("physicalName") or told.get("name") or "")
    if not name:
        raise DataSetError(f"{where}: a property of the contract has no name.")
    given = told.get("tags") or []
    tags = {"tags": [given] if isinstance(given, str) else [*given]} if given else {}
    required = bool(told.get("required") or told.get("primaryKey"))
    comment = str(told.get("description") or "").strip()
    return Column(name, _type(told, name, where), not required, comment, tags)


def _type(told: Mapping[str, Any], name: str, where: str) -> DataType:
    physical, logical = told.get("physicalType"), str(told.get("logicalType") or "")
    if physical and logical not in ("object", "array", "map"):
        try:
            return parse_type(str(physical), name)
        except DataSetError:  # a type of another system: the logical one is what it means
            if not logical:
                raise
    if logical == "object" and told.get("properties"):
        return DataType("struct", fields=_columns(told["properties"], where))
    if logical == "array" and isinstance(told.get("items"), Mapping):
        return DataType("array", items=(_type(told["items"], name, where),))
    if logical == "map" and isinstance(told.get("map"), Mapping):
        parts = (told["map"].get("key") or {}, told["map"].get("value") or {})
        return DataType("map", items=tuple(_type(part, name, where) for part in parts))
    if physical and logical in ("object", "array", "map"):
        return parse_type(str(physical), name)
    return _of_logical(logical, told.get("logicalTypeOptions") or {}, name, where)


def _of_logical(logical: str, options: Mapping[str, Any], name: str, where: str) -> DataType:
    if logical == "timestamp":
        return DataType("timestamp_ntz" if options.get("timezone") is False else "timestamp")
    if logical == "string" and isinstance(options.get("maxLength"), int):
        return DataType("varchar", (options["maxLength"],))
    if logical not in _OF_LOGICAL:
        known = ", ".join((*_OF_LOGICAL, "timestamp", "object", "array", "map"))
        told = f"the logicalType '{logical}'" if logical else "no type"
        raise DataSetError(
            f"{where}: '{name}' has {told}, and needs a physicalType of Spark or one of {known}."
        )
    return DataType(_OF_LOGICAL[logical])


def as_contract(schema: Schema, name: str) -> dict[str, Any]:
    """Return a schema as a contract: a draft, to which owners and terms may be added.

    Args:
        schema: The schema.
        name: The name of the data set.

    >>> from sparkpipe.schemas import read_schema
    >>> as_contract(read_schema("id BIGINT NOT NULL"), "trips")["schema"][0]["properties"]
    [{'name': 'id', 'logicalType': 'integer', 'physicalType': 'bigint', 'required': True}]
    """
    properties = [_property(one) for one in schema.columns]
    table = {"name": name, "logicalType": "object", "physicalType": "table"}
    return {
        "apiVersion": VERSION,
        "kind": _KIND,
        "id": name,
        "name": name,
        "version": "1.0.0",
        "status": "draft",
        "schema": [{**table, "properties": properties}],
    }


def _property(column: Column) -> dict[str, Any]:
    told = {"name": column.name, **_typed(column.type)}
    if not column.nullable:
        told["required"] = True
    if column.comment:
        told["description"] = column.comment
    if column.metadata.get("tags"):
        told["tags"] = column.metadata["tags"]
    return told


def _typed(kind: DataType) -> dict[str, Any]:
    logical = _LOGICAL.get(kind.name)
    told: dict[str, Any] = {} if logical is None else {"logicalType": logical}
    told["physicalType"] = str(kind)
    if kind.name == "struct":
        told["properties"] = [_property(one) for one in kind.fields]
    if kind.name == "array":
        told["items"] = _typed(kind.items[0])
    return told
