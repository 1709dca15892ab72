"""A schema from what an entry of the catalog says: words, a mapping, or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.reasons import reason_of
from sparkpipe.schemas.contract import is_contract, read_contract
from sparkpipe.schemas.ddl import parse_columns, parse_type
from sparkpipe.schemas.model import Column, DataType, Schema, twice

_FILES = (".json", ".yml", ".yaml", ".ddl", ".sql")
_OF_FILE = ("filepath", "credentials", "object")
_OF_COLUMN = ("type", "nullable", "comment", "tags", "metadata")
# In which Spark notes the type of a column that it holds as a string.
LENGTH = "__CHAR_VARCHAR_TYPE_STRING"


def read_schema(given: Any, credentials: Mapping[str, Any] | None = None) -> Schema:
    """Return a schema.

    Args:
        given: DDL (``"id BIGINT NOT NULL, name STRING"``); a mapping of columns to types, or to
            mappings of ``type``, ``nullable``, ``comment`` and ``tags``; a ``StructType``, or its
            JSON form; or the path of a file, alone or as ``filepath``: JSON, DDL, or a contract of
            the Open Data Contract Standard, of which ``object`` chooses one of several tables.
        credentials: For the file system of the file.

    Raises:
        DataSetError: It is none of these, or the file cannot be read.

    >>> read_schema({"id": "bigint", "name": {"type": "string", "nullable": False}}).ddl()
    'id bigint, name string NOT NULL'
    """
    if isinstance(given, Schema):
        return given
    if hasattr(given, "jsonValue") and hasattr(given, "fieldNames"):
        given = given.jsonValue()
    path = path_of(given)
    if path:
        told = given if isinstance(given, Mapping) else {}
        own = told.get("credentials")
        text = _text_of(path, own if isinstance(own, Mapping) else credentials or {})
        return _checked(_of_text(text, path, told.get("object")))
    if isinstance(given, str):
        return _checked(_of_text(given, ""))
    if isinstance(given, Mapping):
        return _checked(_of_mapping(given, "the schema"))
    raise DataSetError(
        "'schema' must be DDL, a mapping of columns to types, or the path of a file, not "
        f"{type(given).__name__}."
    )


def path_of(given: Any) -> str:
    """Return the path of the file that a schema is in; empty if it stands where it is given."""
    if isinstance(given, str):
        one_word = given.strip()
        return one_word if one_word.endswith(_FILES) and not any(map(str.isspace, one_word)) else ""
    if isinstance(given, Mapping) and "filepath" in given and given.keys() <= {*_OF_FILE}:
        path = str(given["filepath"])
        return path if "." in path or "/" in path else ""  # a column may be called so
    return ""


def content_of(given: Any, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Return what the file of a schema says; None if it is in no file, or that cannot be read.

    Args:
        given: What an entry says; see :func:`read_schema`.
        credentials: For the file system of the file.
    """
    path = path_of(given)
    if not path:
        return None
    own = given.get("credentials") if isinstance(given, Mapping) else None
    try:
        return _text_of(path, own if isinstance(own, Mapping) else credentials or {})
    except DataSetError:  # told where it is read
        return None


def _checked(schema: Schema) -> Schema:
    if not schema.columns:
        raise DataSetError("the schema has no columns.")
    name = twice(schema.names)
    if name:
        raise DataSetError(f"the schema has the column '{name}' twice; case does not matter.")
    return schema


def _text_of(path: str, credentials: Mapping[str, Any]) -> str:
    import fsspec

    try:
        with fsspec.open(path, "r", encoding="utf-8", **credentials) as file:
            return str(file.read())
    except FileNotFoundError as exc:
        raise DataSetError(f"the schema file does not exist: {path}") from exc
    except Exception as exc:
        raise DataSetError(f"the schema file {path} cannot be read: {reason_of(exc)}") from exc


def _of_text(text: str, path: str, wanted: Any = None) -> Schema:
    where = f"the schema file {path}" if path else "the schema"
    if path.endswith((".yml", ".yaml")):
        return _of_yaml(text, where, wanted)
    if path.endswith(".json") or text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except json.JSONDecodeError as exc:
            raise DataSetError(f"{where} is no JSON: {exc}") from exc
        return _of_mapping(document, where, wanted)
    if not text.strip():
        raise DataSetError(f"{where} is empty.")
    return Schema(parse_columns(text.strip().rstrip(";")))


def _of_yaml(text: str, where: str, wanted: Any) -> Schema:
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise DataSetError(f"{where} is no YAML: {exc}") from exc
    return _of_mapping(document, where, wanted)


def _of_mapping(document: Any, where: str, wanted: Any = None) -> Schema:
    if not isinstance(document, Mapping):
        raise DataSetError(f"{where} must be a mapping, not {type(document).__name__}.")
    if is_contract(document):
        return read_contract(document, where, None if wanted is None else str(wanted))
    if document.get("type") == "struct" and isinstance(document.get("fields"), list):
        return Schema(tuple(_of_json(one, where) for one in document["fields"]))
    return Schema(tuple(_column(name, told) for name, told in document.items()))


def _column(name: Any, told: Any) -> Column:
    if name is None or isinstance(name, (bool, float)):
        raise DataSetError(
            f"the schema: {name!r} is no name of a column: in YAML, yes, no, on, off, null and "
            "numbers with a point need quotes where they are names."
        )
    if isinstance(told, str):
        (column,) = parse_columns(f"`{str(name).replace('`', '``')}` {told}")
        return column
    if told is None:
        raise DataSetError(
            f"the schema: the column '{name}' has no type: in YAML, DECIMAL(10,2) inside braces "
            "needs quotes."
        )
    if not isinstance(told, Mapping) or not isinstance(told.get("type"), str):
        raise DataSetError(
            f"the schema: the column '{name}' must have a type in words, alone or as 'type', not "
            f"{told!r}."
        )
    unknown = [key for key in told if key not in _OF_COLUMN]
    if unknown:
        raise DataSetError(
            f"the schema: the column '{name}' has no '{unknown[0]}'.",
            hint=f"It may have {', '.join(_OF_COLUMN)}.",
        )
    tags = {"tags": told["tags"]} if told.get("tags") else {}
    return Column(
        str(name),
        parse_type(told["type"], str(name)),
        bool(told.get("nullable", True)),
        str(told.get("comment") or ""),
        {**(told.get("metadata") or {}), **tags},
    )


def _of_json(field: Any, where: str) -> Column:
    """Return a column as Spark's JSON has it."""
    try:
        metadata = dict(field.get("metadata") or {})
        comment = str(metadata.pop("comment", "") or "")
        length = metadata.pop(LENGTH, None)
        name = str(field["name"])
        kind = parse_type(length, name) if length else _type_of_json(field["type"], name)
        return Column(name, kind, bool(field.get("nullable", True)), comment, metadata)
    except (AttributeError, KeyError, TypeError) as exc:
        raise DataSetError(
            f"{where} is not the JSON form of a StructType: {type(exc).__name__}: {exc}",
            hint="Write one by: sparkpipe catalog schema NAME --write",
        ) from exc


def _type_of_json(told: Any, column: str) -> DataType:
    if isinstance(told, str):
        return parse_type(told, column)
    if told["type"] == "array":
        return DataType("array", items=(_type_of_json(told["elementType"], column),))
    if told["type"] == "map":
        parts = (told["keyType"], told["valueType"])
        return DataType("map", items=tuple(_type_of_json(part, column) for part in parts))
    if told["type"] == "struct":
        return DataType("struct", fields=tuple(_of_json(one, column) for one in told["fields"]))
    return _type_of_json(told["sqlType"], column)  # a type of the user's own


def schema_problems(given: Any) -> list[str]:
    """Return what is wrong with a schema, as far as that is known without a network."""
    if "://" in path_of(given):
        return []
    try:
        read_schema(given)
    except DataSetError as exc:
        return [str(exc)]
    return []
