"""Frames without rows that have a schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparkpipe.schemas.model import Column, DataType, Schema

_PANDAS = {
    "boolean": "bool",
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "bigint": "int64",
    "float": "float32",
    "double": "float64",
    "timestamp": "datetime64[ns, UTC]",
    "timestamp_ntz": "datetime64[ns]",
}


def empty_spark(session: Any, schema: Schema) -> Any:
    """Return a frame of Spark without rows; no job starts.

    Args:
        session: A session, classic or Connect.
        schema: Texts of a fixed or highest length become strings, as they are in frames.
    """
    columns = ", ".join(
        f"CAST(NULL AS {in_frames(one.type)}) AS `{one.name.replace('`', '``')}`"
        for one in schema.columns
    )
    # Where Spark has just started, createDataFrame takes seconds more, for workers of Python.
    return session.sql(f"SELECT {columns} LIMIT 0")


def in_frames(kind: DataType) -> DataType:
    """Return the type of a column as frames have it, where texts have no length.

    Args:
        kind: Of a schema.
    """
    if kind.name in ("char", "varchar") or kind.name.startswith("string"):
        return DataType("string")
    fields: tuple[Column, ...] = tuple(
        replace(one, type=in_frames(one.type)) for one in kind.fields
    )
    return replace(kind, items=tuple(map(in_frames, kind.items)), fields=fields)


def empty_pandas(schema: Schema) -> Any:
    """Return a frame of pandas without rows.

    Args:
        schema: What pandas has no type for is a column of objects.

    >>> from sparkpipe.schemas import read_schema
    >>> [str(one) for one in empty_pandas(read_schema("id BIGINT, name STRING")).dtypes]
    ['int64', 'object']
    """
    import pandas as pd

    return pd.DataFrame(
        {one.name: pd.Series(dtype=_PANDAS.get(one.type.name, "object")) for one in schema.columns}
    )
