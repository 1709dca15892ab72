"""Schemas given inline or in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.files import split_protocol

if TYPE_CHECKING:
    from pyspark.sql.types import StructType


def schema_problems(schema: Any) -> list[str]:
    """Tell what is wrong with a schema, as far as that is known without Spark."""
    if isinstance(schema, str):
        return [] if schema.strip() else ["load_args: the schema is empty."]
    if not isinstance(schema, Mapping):
        return [f"load_args: a schema is a string or a mapping, not {type(schema).__name__}."]
    if "filepath" in schema:
        protocol, path = split_protocol(str(schema["filepath"]))
        if protocol == "file" and not Path(path).is_file():
            return [f"load_args: the schema file does not exist: {path}"]
    return []


def read_schema(
    schema: str | Mapping[str, Any], credentials: Mapping[str, Any]
) -> StructType | str:
    """Return a schema in a form that Spark's reader takes.

    Args:
        schema: Inline as DDL (``"a INT, b STRING"``), as a mapping of column to type, or as the
            JSON form of a StructType; or ``{"filepath": ...}`` of a file with JSON or DDL.
        credentials: For the file system of the schema file.

    Raises:
        DataSetError: It cannot be read.
    """
    if isinstance(schema, str):
        return schema
    if "filepath" in schema:
        path = str(schema["filepath"])
        own = schema.get("credentials") or credentials
        try:
            import fsspec

            with fsspec.open(path, "r", encoding="utf-8", **own) as file:
                text = file.read()
        except OSError as exc:
            raise DataSetError(f"the schema file {path} cannot be read: {exc}") from exc
        return _from_text(text, path)
    if schema.get("type") == "struct":
        return _from_json(schema, "the schema")
    return ", ".join(f"`{column}` {kind}" for column, kind in schema.items())


def _from_text(text: str, path: str) -> StructType | str:
    if not path.endswith(".json"):
        return text.strip()
    try:
        return _from_json(json.loads(text), path)
    except json.JSONDecodeError as exc:
        raise DataSetError(f"the schema file {path} is not JSON: {exc}") from exc


def _from_json(document: Any, where: str) -> StructType:
    from pyspark.sql.types import StructType

    try:
        return StructType.fromJson(dict(document))
    except Exception as exc:
        raise DataSetError(
            f"{where} is not the JSON form of a StructType: {type(exc).__name__}: {exc}",
            hint="Write one by: json.dumps(frame.schema.jsonValue())",
        ) from exc
