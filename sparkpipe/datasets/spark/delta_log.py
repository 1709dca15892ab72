"""What the log of a Delta table in a local folder tells of its versions, without Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMMIT = re.compile(r"(\d{20})\.json")
_VERSION = re.compile(r"(\d{20})\.(json$|checkpoint\.)")

#: Delta tidies up by itself after some writes, with a commit of its own.
_TIDYING = ("OPTIMIZE", "VACUUM START", "VACUUM END")
_MERGED = ("numTargetRowsInserted", "numTargetRowsUpdated", "numTargetRowsDeleted")


@dataclass(frozen=True)
class Commit:
    """What one version of a table says of the write that made it; None where it does not say.

    Attributes:
        version: The version.
        rows: Rows that were saved, updated or deleted; not those that Delta only copied from a
            file that it replaced to another one.
        bytes: Bytes of the files that were written.
        written: Rows in these files, copied ones too.
    """

    version: int
    rows: int | None
    bytes: int | None
    written: int | None


def versions(table: Path) -> list[int]:
    """Return the versions of which the log still has the commit, in order; none of no table."""
    try:
        names = [path.name for path in (table / "_delta_log").iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := _COMMIT.fullmatch(name)))


def latest_version(table: Path) -> int | None:
    """Return the present version; None if there is no table."""
    try:
        names = [path.name for path in (table / "_delta_log").iterdir()]
    except OSError:
        return None
    found = (match for name in names if (match := _VERSION.match(name)))
    return max((int(match[1]) for match in found), default=None)


def read_commit(table: Path, version: int) -> Commit | None:
    """Return what a version tells of its write; None if it was no write but Delta's tidying up.

    Raises:
        OSError: There is no such version.
        ValueError: The commit is not in the form that is known.
    """
    info = _commit_info(table / "_delta_log" / f"{version:020}.json")
    if info.get("operation") in _TIDYING:
        return None
    metrics: Mapping[str, Any] = info.get("operationMetrics") or {}
    written = _number(metrics, "numOutputRows")
    merged = [number for name in _MERGED if (number := _number(metrics, name)) is not None]
    if merged:
        rows: int | None = sum(merged)
    else:
        rows = None if written is None else written - (_number(metrics, "numCopiedRows") or 0)
    size = _number(metrics, "numOutputBytes")
    if size is None:
        size = _number(metrics, "numTargetBytesAdded")
    return Commit(version, rows, size, written)


def was_vacuumed(table: Path, version: int) -> bool:
    """Whether files of a table were removed after a version of it.

    Args:
        table: The folder.
        version: The version.
    """
    log = table / "_delta_log"
    later = (log / f"{number:020}.json" for number in versions(table) if number > version)
    return any(_commit_info(path).get("operation") == "VACUUM END" for path in later)


def _commit_info(path: Path) -> Mapping[str, Any]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:  # it is the first one, but in logs of other writers
            if line.startswith('{"commitInfo"'):
                info: Mapping[str, Any] = json.loads(line)["commitInfo"]
                return info
    return {}


def _number(metrics: Mapping[str, Any], name: str) -> int | None:
    return int(metrics[name]) if name in metrics else None
