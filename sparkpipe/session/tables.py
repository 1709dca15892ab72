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
    types = {name for entry in entries.values() for name in _types_in(entry)}
    return any(map(_is_by_name, types))


def _types_in(entry: Any) -> Iterator[Any]:
    """Give the type of an entry, and those of entries within it."""
    if isinstance(entry, Mapping):
        given = entry.get("type")
        if isinstance(given, str) and given.split(".")[0] not in _OTHERS:
            yield given
        for key in ("dataset", "data_set"):
            yield from _types_in(entry.get(key))


def _is_by_name(type_name: str) -> bool:
    try:
        return getattr(find_class(type_name), "_IS_BY_NAME", False) is True
    except SparkpipeError:
        return False
