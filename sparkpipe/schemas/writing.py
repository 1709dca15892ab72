"""Schemas into files: Spark's JSON, DDL, or a contract, of which all else stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.schemas.contract import as_contract, read_contract
from sparkpipe.schemas.model import Column, DataType, Schema

_TEXTS = ("char", "varchar", "string")

#: The endings of files that can be written.
ENDINGS = (".json", ".ddl", ".sql", ".yml", ".yaml")


def schema_text(schema: Schema, path: Path, name: str) -> str:
    """Return what is to stand in the file of a schema.

    Args:
        schema: The schema.
        path: The file, by whose ending the form is told. Of a contract that is there, owners,
            terms and what else it says of columns stay.
        name: The name of the data set.

    Raises:
        DataSetError: There is no form of this ending, or the contract that is there is none.
    """
    if path.suffix == ".json":
        return json.dumps(schema.as_json(), indent=2, ensure_ascii=False) + "\n"
    if path.suffix in (".ddl", ".sql"):
        return ",\n".join(one.ddl() for one in schema.columns) + "\n"
    if path.suffix in (".yml", ".yaml"):
        return _contract_text(schema, path, name)
    raise DataSetError(
        f"a schema cannot be written to {path.name}.", hint=f"Endings: {', '.join(ENDINGS)}."
    )


def _contract_text(schema: Schema, path: Path, name: str) -> str:
    import yaml

    made = as_contract(schema, name)
    if path.is_file():
        made = _merged(yaml.safe_load(path.read_text(encoding="utf-8")), made, path, name)
    return str(yaml.safe_dump(made, sort_keys=False, allow_unicode=True))


def _merged(there: Any, made: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    if not isinstance(there, Mapping):
        raise DataSetError(f"{path} is no contract.", hint="Write to another file by --to.")
    tables = [dict(one) for one in there.get("schema") or []]
    (new,) = made["schema"]
    mine = next((one for one in tables if name in (one.get("name"), one.get("physicalName"))), None)
    if mine is None and len(tables) == 1:
        mine = tables[0]
    if mine is None:
        read_contract({**there, "schema": [{}]}, str(path))  # refuses other standards
        return {**there, "schema": [*tables, new]}
    read_contract(there, str(path), str(mine.get("name")))
    known = {one.get("physicalName") or one.get("name"): one for one in mine.get("properties", [])}
    mine["properties"] = [
        {**known.get(one["name"], {}), **one, "name": known.get(one["name"], one).get("name")}
        for one in new["properties"]
    ]
    return {**there, "schema": tables}


def with_notes(found: Schema, declared: Schema | None) -> Schema:
    """Return a schema with the comments, tags and NOT NULL that are declared of its columns.

    Args:
        found: That of data, which often has none.
        declared: That of the entry; None without one.
    """
    known = {} if declared is None else {one.name: one for one in declared.columns}
    return Schema(tuple(_noted(one, known.get(one.name)) for one in found.columns))


def _noted(column: Column, known: Column | None) -> Column:
    if known is None:
        return replace(column, nullable=True)
    return replace(
        column,
        type=_noted_type(column.type, known.type),
        nullable=known.nullable,
        comment=column.comment or known.comment,
        metadata={**known.metadata, **column.metadata},
    )


def _noted_type(found: DataType, known: DataType) -> DataType:
    """Return a type with the lengths of texts that are declared, and what is of its fields."""
    if found.name in _TEXTS and known.name in _TEXTS:
        return known
    if found.name != known.name or len(found.items) != len(known.items):
        return found
    fields = {one.name: one for one in known.fields}
    return replace(
        found,
        items=tuple(map(_noted_type, found.items, known.items)),
        fields=tuple(_noted(one, fields.get(one.name)) for one in found.fields),
    )
