"""Schemas given inline or in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.ddl import ddl_problems, type_problems
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.paths import local_path, spark_path, split_address
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import reason_of
from sparkpipe.schemas.empty import in_frames
from sparkpipe.schemas.reading import path_of
from sparkpipe.schemas.reading import read_schema as read_entry
from sparkpipe.schemas.reading import schema_problems as problems_of_entry
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

# File systems that Spark reaches with credentials of its own.
_OF_SPARK = ("s3a:", "s3n:", "abfs", "wasb", "gs:", "hdfs:", "viewfs:", "dbfs:")


def schema_problems(schema: Any) -> list[str]:
    """Return what is wrong with a schema, as far as that is known without Spark."""
    return [f"load_args: {problem}" for problem in _problems(schema)]


def _problems(schema: Any) -> list[str]:
    if _is_of_entry(schema):
        return problems_of_entry(schema)
    if isinstance(schema, str):
        return ddl_problems(schema) if schema.strip() else ["the schema is empty."]
    if _is_struct(schema):
        return []
    if not isinstance(schema, Mapping):
        return [f"a schema is a string or a mapping, not {type(schema).__name__}."]
    if _is_file(schema):
        return _file_problems(str(schema["filepath"]))
    if _is_json(schema):
        return _told(lambda: _from_json(schema, "the schema"))
    return [problem for item in schema.items() for problem in _column_problems(*item)]


def _file_problems(path: str) -> list[str]:
    local = local_path(path)
    if local is None:
        return []
    if not local.is_file():
        return [f"the schema file does not exist: {path}"]
    try:
        text = local.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        return [f"the schema file {path} cannot be read: {reason_of(exc)}"]
    if path.endswith(".json"):
        return _told(lambda: _from_text(text, path))
    return [f"{path}: {problem}" for problem in _problems(text)]


def _told(read: Callable[[], Any]) -> list[str]:
    try:
        read()
    except DataSetError as exc:
        return [str(exc)]
    return []


def _column_problems(name: Any, kind: Any) -> list[str]:
    """Tell what YAML has made of a column: 'no' is false, and a comma ends a type in braces."""
    if name is None or isinstance(name, (bool, float)):
        return [
            f"{name!r} is no name of a column: in YAML, yes, no, on, off, null and numbers with a "
            "point need quotes where they are names."
        ]
    if kind is None:
        return [
            f"the column '{name}' has no type: in YAML, DECIMAL(10,2) inside braces needs quotes."
        ]
    if not isinstance(kind, str):
        return [f"the type of the column '{name}' must be text, not {kind!r}."]
    if kind.count("(") != kind.count(")") or kind.count("<") != kind.count(">"):
        return []  # cut by a comma: what is after it is told
    return type_problems(str(name), kind.strip())


def _is_of_entry(schema: Any) -> bool:
    """Whether it has a form that the schema of an entry has, and no option of a reader had."""
    if isinstance(schema, str):
        return bool(path_of(schema))
    if not isinstance(schema, Mapping) or _is_json(schema):
        return False
    of_columns = schema.values() if not _is_file(schema) else ()
    is_contract = path_of(schema).endswith((".yml", ".yaml"))
    return is_contract or any(isinstance(one, Mapping) and "type" in one for one in of_columns)


def _is_file(schema: Mapping[Any, Any]) -> bool:
    """Whether a mapping names a file; ``filepath`` may also be a column among others."""
    if "filepath" not in schema or not schema.keys() <= {"filepath", "credentials"}:
        return False
    given = str(schema["filepath"])
    return "." in given or "/" in given or bool(type_problems("filepath", given))


def _is_json(schema: Mapping[Any, Any]) -> bool:
    return schema.get("type") == "struct" and "fields" in schema


def read_schema(schema: Any, credentials: Mapping[str, Any]) -> StructType | str:
    """Return a schema in a form that Spark's reader takes.

    Args:
        schema: Inline as DDL (``"a INT, b STRING"``), as a mapping of column to type, as a
            StructType or its JSON form; or ``{"filepath": ...}`` of a file with JSON or DDL.
        credentials: For the file system of the schema file; without any, Spark may read it.

    Raises:
        DataSetError: It cannot be read.
    """
    if _is_of_entry(schema):
        columns = read_entry(schema, credentials).columns
        kinds = ((one, str(in_frames(one.type))) for one in columns)
        nulls = {True: "", False: " NOT NULL"}
        return ", ".join(f"{quoted(one.name)} {k}{nulls[one.nullable]}" for one, k in kinds)
    if isinstance(schema, str):
        return schema
    if _is_struct(schema):
        struct: StructType = schema
        return struct
    if _is_file(schema):
        path = str(schema["filepath"])
        return _from_text(_text_of(path, schema.get("credentials") or credentials), path)
    if _is_json(schema):
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
