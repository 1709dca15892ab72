"""Schemas given inline or in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.paths import local_path, spark_path, split_address
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import reason_of
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

# File systems that Spark reaches with credentials of its own.
_OF_SPARK = ("s3a:", "s3n:", "abfs", "wasb", "gs:", "hdfs:", "viewfs:", "dbfs:")


def schema_problems(schema: Any) -> list[str]:
    """Return what is wrong with a schema, as far as that is known without Spark."""
    if isinstance(schema, str):
        return [] if schema.strip() else ["load_args: the schema is empty."]
    if _is_struct(schema):
        return []
    if not isinstance(schema, Mapping):
        return [f"load_args: a schema is a string or a mapping, not {type(schema).__name__}."]
    if "filepath" in schema:
        path = str(schema["filepath"])
        local = local_path(path)
        if local is not None and not local.is_file():
            return [f"load_args: the schema file does not exist: {path}"]
    return []


def read_schema(schema: Any, credentials: Mapping[str, Any]) -> StructType | str:
    """Return a schema in a form that Spark's reader takes.

    Args:
        schema: Inline as DDL (``"a INT, b STRING"``), as a mapping of column to type, as a
            StructType or its JSON form; or ``{"filepath": ...}`` of a file with JSON or DDL.
        credentials: For the file system of the schema file; without any, Spark may read it.

    Raises:
        DataSetError: It cannot be read.
    """
    if isinstance(schema, str):
        return schema
    if _is_struct(schema):
        struct: StructType = schema
        return struct
    if "filepath" in schema:
        path = str(schema["filepath"])
        return _from_text(_text_of(path, schema.get("credentials") or credentials), path)
    if schema.get("type") == "struct":
        return _from_json(schema, "the schema")
    return ", ".join(f"{quoted(str(column))} {kind}" for column, kind in schema.items())


def _is_struct(schema: Any) -> bool:
    return hasattr(schema, "fieldNames") and hasattr(schema, "jsonValue")


def _text_of(path: str, credentials: Mapping[str, Any]) -> str:
    try:
        if split_address(path)[0].startswith(_OF_SPARK) and not credentials:
            (row,) = get_spark().read.text(spark_path(path), wholetext=True).collect()
            return str(row[0])
        import fsspec

        with fsspec.open(path, "r", encoding="utf-8", **credentials) as file:
            return str(file.read())
    except Exception as exc:
        raise DataSetError(f"the schema file {path} cannot be read: {reason_of(exc)}") from exc


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
