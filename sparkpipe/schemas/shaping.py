"""Frames in the shape of a schema: its order, its comments, and rows that break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.schemas.comparing import is_wider
from sparkpipe.schemas.model import Column, DataType, Schema
from sparkpipe.schemas.policy import SchemaError
from sparkpipe.schemas.reading import LENGTH
from sparkpipe.spark.active import functions_of

_TEXTS = ("char", "varchar")
# What pandas calls types that hold nulls; of texts and times those that are there do.
_PANDAS: Mapping[str, str] = {
    "boolean": "boolean",
    "tinyint": "Int8",
    "smallint": "Int16",
    "int": "Int32",
    "bigint": "Int64",
    "float": "float32",
    "double": "float64",
    **dict.fromkeys(("string", "char", "varchar"), "string"),
}


def shape_spark(frame: Any, schema: Schema, found: Schema, change: str) -> Any:
    """Return a Spark frame as it is to be written; no job starts.

    Args:
        frame: A frame, whose differences are let in.
        schema: The declared schema.
        found: That of the frame.
        change: What may differ.

    Returns:
        The frame itself, where it is as it must be.
    """
    functions = functions_of(frame.sparkSession)
    by_name = {one.name: one for one in found.columns}
    pairs = [(want, by_name.pop(want.name)) for want in schema.columns if want.name in by_name]
    columns = [_spark_column(functions, want, have, change) for want, have in pairs]
    in_order = [have.name for _, have in pairs] + [*by_name]
    if all(one is None for one in columns) and in_order == [*found.names]:
        return frame
    kept = [
        _named(functions, have.name) if column is None else column
        for column, (_, have) in zip(columns, pairs, strict=True)
    ]
    return frame.select(*kept, *(_named(functions, name) for name in by_name))


def cast_columns(frame: Any, kinds: Mapping[str, DataType]) -> Any:
    """Return a Spark frame some of whose columns have other types.

    Args:
        frame: The frame.
        kinds: The types, by the names of columns in any case.
    """
    functions = functions_of(frame.sparkSession)
    by_name = {name.casefold(): kind for name, kind in kinds.items()}
    return frame.select(
        *(
            _named(functions, one).cast(_stored(by_name[one.casefold()])).alias(one)
            if one.casefold() in by_name
            else _named(functions, one)
            for one in frame.columns
        )
    )


def _named(functions: Any, name: str) -> Any:
    return functions.col(f"`{name.replace('`', '``')}`")


def _spark_column(functions: Any, want: Column, have: Column, change: str) -> Any:
    """Return what is written for a column; None if it is what is there."""
    column = _named(functions, have.name)
    changed = False
    if change != "any":
        for judge in (_cast, _refusing_nulls, _refusing_long):
            judged = judge(functions, column, want, have)
            changed = changed or judged is not None
            column = column if judged is None else judged
    metadata = _metadata(want)
    before = _metadata(have)
    if not changed and {**before, **metadata} == before:
        return None
    return column.alias(want.name, metadata={**before, **metadata})


def _cast(functions: Any, column: Any, want: Column, have: Column) -> Any:
    """Cast what has no values, and what is narrower than the schema says."""
    if have.type.name == "void" != want.type.name or is_wider(have.type, want.type):
        return column.cast(_stored(want.type))
    return None


def _stored(kind: DataType) -> str:
    return "string" if kind.name in _TEXTS else str(kind)


def _refusing_nulls(functions: Any, column: Any, want: Column, have: Column) -> Any:
    if want.nullable or not have.nullable:
        return None
    told = f"the column '{want.name}' has a null, and its schema says NOT NULL."
    return functions.when(column.isNull(), functions.raise_error(told)).otherwise(column)


def _refusing_long(functions: Any, column: Any, want: Column, have: Column) -> Any:
    if want.type.name not in _TEXTS or have.type == want.type:
        return None
    most = want.type.args[0]
    told = f"the column '{want.name}' has a text longer than {want.type}."
    judged = functions.when(functions.length(column) > most, functions.raise_error(told)).otherwise(
        column
    )
    return functions.rpad(judged, most, " ") if want.type.name == "char" else judged


def _metadata(column: Column) -> dict[str, Any]:
    told = dict(column.metadata)
    if column.comment:
        told["comment"] = column.comment
    if column.type.name in _TEXTS:
        told[LENGTH] = str(column.type)
    return told


def shape_pandas(data: Any, schema: Schema, found: Schema, change: str) -> Any:
    """Return a frame of pandas with the order of the schema, and its types for narrower ones.

    Args:
        data: A frame, whose differences are let in.
        schema: The declared schema.
        found: That of the frame.
        change: What may differ.

    Raises:
        SchemaError: A text is too long.
    """
    if change == "any":
        return data
    kinds: dict[str, str] = {}
    by_name = {one.name: one for one in found.columns}
    for column in schema.columns:
        if column.type.name in _TEXTS and column.name in data:
            texts = data[column.name].dropna().astype(str)
            if (texts.str.len() > column.type.args[0]).any():
                raise SchemaError(
                    f"the column '{column.name}' has a text longer than {column.type}."
                )
        have = by_name.get(column.name)
        if have is not None and (have.type.name == "void" or is_wider(have.type, column.type)):
            kind = _PANDAS.get(column.type.name)
            if kind is not None:
                # Without nulls it needs no type of pandas' own, which NumPy does not have.
                kinds[column.name] = kind if have.nullable else kind.lower()
    wanted = [name for name in schema.names if name in data]
    ordered = [*wanted, *(name for name in data.columns if name not in wanted)]
    shaped = data if ordered == [*data.columns] else data[ordered]
    return shaped.astype(kinds) if kinds else shaped
