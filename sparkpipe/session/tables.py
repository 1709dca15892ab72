"""Whether a project has tables by name, which a session on one machine must remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparkpipe.config import AbstractConfigLoader
from sparkpipe.errors import SparkpipeError
from sparkpipe.io.factory import find_class
from sparkpipe.project.context import configuration

# Of these none is a table of Spark, and to ask their classes would import pandas.
_OTHERS = ("json", "matplotlib", "pandas", "pickle", "text", "yaml")


def names_tables(config_loader: AbstractConfigLoader) -> bool:
    """Whether an entry of the catalog is a table in Spark's own catalog."""
    try:
        entries = configuration(config_loader, "catalog")
    except SparkpipeError:  # told before a run, with all else that is wrong
        return False
    found = {one for entry in entries.values() for one in _types_in(entry)}
    return any(_is_by_name(name, has_table) for name, has_table in found)


def _types_in(entry: Any) -> Iterator[tuple[Any, bool]]:
    """Give the type of an entry, and whether it has a table, and those of entries within it."""
    if isinstance(entry, Mapping):
        given = entry.get("type")
        if isinstance(given, str) and given.split(".")[0] not in _OTHERS:
            yield given, bool(entry.get("table"))
        for key in ("dataset", "data_set"):
            yield from _types_in(entry.get(key))


def _is_by_name(type_name: str, has_table: bool) -> bool:
    try:
        kind = find_class(type_name)
    except SparkpipeError:
        return False
    is_stream = getattr(kind, "_IS_STREAM", False) is True
    return getattr(kind, "_IS_BY_NAME", False) is True or (is_stream and has_table)
