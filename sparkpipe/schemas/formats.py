"""Types that formats cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sparkpipe.io import foreign
from sparkpipe.schemas.model import DataType, Schema

_NESTED = ("array", "map", "struct")
_NOT_HELD = {
    "csv": (*_NESTED, "binary", "variant"),
    "excel": (*_NESTED, "binary", "variant"),
    "parquet": ("void", "interval"),
    "orc": ("void", "interval", "variant"),
    "json": ("interval",),
    "delta": ("interval", "time"),
}


def format_problems(schema: Schema, data_set: Any) -> list[str]:
    """Return which columns the format of a data set cannot hold.

    Args:
        schema: The declared schema.
        data_set: The innermost data set.
    """
    name = _format_of(data_set)
    not_held = _NOT_HELD.get(name, ())
    return [
        f"schema: '{column.name}' is {column.type}, and {name} cannot hold "
        f"{found.partition(' ')[0]}. Use another type, or another format, such as Delta."
        for column in schema.columns
        if (found := next((kind for kind in _kinds(column.type) if _is_in(kind, not_held)), ""))
    ]


def _format_of(data_set: Any) -> str:
    for name in ("_file_format", "_FORMAT"):
        found = foreign.attribute(data_set, name)
        if isinstance(found, str) and found:
            return found.lower()
    kind = type(data_set).__name__.lower()
    return next((name for name in ("csv", "excel", "parquet") if kind.startswith(name)), "")


def _is_in(kind: str, not_held: tuple[str, ...]) -> bool:
    return kind in not_held or (kind.startswith("interval") and "interval" in not_held)


def _kinds(kind: DataType) -> Iterator[str]:
    yield kind.name
    for one in (*kind.items, *(field.type for field in kind.fields)):
        yield from _kinds(one)
