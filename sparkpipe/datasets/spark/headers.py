"""Headers of CSV files beside a schema, of which Spark takes the columns by their position."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkpipe.errors import DataSetError

_logger = logging.getLogger(__name__)

_LONGEST = 1_000_000


def tell_other_order(
    place: Path | None, columns: Sequence[str], options: Mapping[str, Any]
) -> None:
    """Warn of a file whose header has columns of the schema at other places.

    Spark itself puts the values of one column into another then, and only logs it.

    Args:
        place: Where the data is on local disk; None if it is elsewhere.
        columns: Those of the schema, in their order.
        options: Those of the reader.
    """
    given = _in_lower_case(options)
    if place is None or given.get("header", "").lower() != "true" or "comment" in given:
        return
    if given.get("enforceschema", "true").lower() != "true":  # Spark refuses it itself
        return
    path, header = _first_header(place, given)
    if path is None:
        return
    parts = {part.partition("=")[0].lower() for part in path.relative_to(place).parts[:-1]}
    wanted = [name.lower() for name in columns if name.lower() not in parts]
    moved = [
        name
        for position, name in enumerate(header)
        if name.lower() in wanted and wanted.index(name.lower()) != position
    ]
    if moved:
        _logger.warning(
            "%s has the columns %s, and the schema another order (%s): Spark goes by the position, "
            "so that the values of %s are in other columns. Give the schema in the order of the "
            "file, or leave it out.",
            place,
            ", ".join(header),
            ", ".join(columns),
            ", ".join(moved),
        )


def refuse_other_columns(
    folder: Path, columns: Sequence[str], options: Mapping[str, Any], *, has_schema: bool
) -> None:
    """Refuse rows that are to be added to files whose header has other columns.

    Spark takes the columns of all files by their position, whatever their headers say.

    Args:
        folder: What is there, on local disk.
        columns: Those of the data.
        options: Those of the writer.
        has_schema: Whether loads say the columns: where files lack the last ones, these are null.

    Raises:
        DataSetError: They are others, or in another order.
    """
    given = _in_lower_case(options)
    if given.get("header", "").lower() != "true":
        return
    by = options.get("partitionBy") or ()
    parts = {name.lower() for name in ([by] if isinstance(by, str) else by)}
    new = [name.strip() for name in columns if name.lower() not in parts]
    _, old = _first_header(folder, given)
    common = min(len(old), len(new)) if has_schema else max(len(old), len(new))
    if old and [n.lower() for n in old[:common]] != [n.lower() for n in new[:common]]:
        raise DataSetError(
            f"the columns of the data ({', '.join(new)}) are not those of the files that are there "
            f"({', '.join(old)}), and Spark would read its rows under wrong names.",
            hint="Give the same columns in the same order.",
        )


def _in_lower_case(options: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in options.items() if value is not None}


def _first_header(place: Path, options: Mapping[str, str]) -> tuple[Path | None, list[str]]:
    """Return the first file in a place and its header; None and nothing where it is not known."""
    try:
        path = _first_file(place)
        return path, [] if path is None else _header_of(path, options)
    except Exception as exc:  # it may be compressed, or no table; it is Spark that is to read it
        _logger.debug("The header of %s is not known: %s", place, exc)
        return None, []


def _first_file(place: Path) -> Path | None:
    if place.is_file():
        return place
    for inside, folders, names in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            if not name.startswith(("_", ".")):
                return Path(inside, name)
    return None


def _header_of(path: Path, options: Mapping[str, str]) -> list[str]:
    separator = options.get("sep", options.get("delimiter", ","))
    encoding = options.get("encoding", options.get("charset", "utf-8"))
    with path.open(encoding=encoding, newline="") as file:
        line = file.readline(_LONGEST)
    if encoding.lower() in ("utf-8", "utf8"):
        line = line.removeprefix("\ufeff")
    quote = options.get("quote", '"') or None
    (header,) = csv.reader(
        [line],
        delimiter=separator.replace("\\t", "\t"),
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    return [name.strip() for name in header]
