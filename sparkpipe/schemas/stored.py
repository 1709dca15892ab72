"""The columns of tables that are there, as their files tell them: without Spark, and at once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from sparkpipe.io.importing import is_installed


def stored_columns(place: Path) -> tuple[str, ...] | None:
    """Return the names of the columns of a Delta table or a Parquet file.

    Args:
        place: A local file or folder.

    Returns:
        The names in their order; None where they are not known.
    """
    with suppress(OSError, ValueError, KeyError):
        if (place / "_delta_log").is_dir():
            return _of_delta(place / "_delta_log")
        if place.is_file() and place.suffix == ".parquet":
            return _of_parquet(place)
        if place.is_dir():
            return _of_folder(place)
    return None


def _of_delta(log: Path) -> tuple[str, ...] | None:
    """Return the columns of the last commit that tells them, where no older one is folded away."""
    for commit in sorted(log.glob("[0-9]*.json"), reverse=True):
        for line in reversed(commit.read_text(encoding="utf-8").splitlines()):
            if line.startswith('{"metaData"'):
                schema = json.loads(json.loads(line)["metaData"]["schemaString"])
                return tuple(str(one["name"]) for one in schema["fields"])
    return None


def _of_folder(folder: Path) -> tuple[str, ...] | None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith(("_", ".")):
                return None  # partitions are columns, too
            if entry.name.endswith(".parquet"):
                return _of_parquet(Path(entry.path))
    return None


def _of_parquet(file: Path) -> tuple[str, ...] | None:
    if not is_installed("pyarrow"):
        return None
    import pyarrow.parquet

    return tuple(pyarrow.parquet.read_schema(file).names)
