"""The version of a Delta table that a load reads: what was there then, not what is there later.

A frame is lazy, and Delta reads the newest version when somebody acts on it. So a load names the
version, the same in all loads of a run that does not write the table itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.delta_log import latest_version
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.spark.jobs.saves import is_of_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

VERSION = "versionAsOf"
_CHOOSE = ("versionasof", "timestampasof")
# With these a load reads what was changed, between versions of its own.
_CHANGES = ("readchangefeed", "readchangedata", "startingversion", "startingtimestamp")


def reads_changes(options: Mapping[str, Any]) -> bool:
    """Return whether a reader is asked for the changes of a table, not for its rows."""
    return not {name.lower() for name in options}.isdisjoint(_CHANGES)


def chooses_version(options: Mapping[str, Any]) -> bool:
    """Return whether a reader is told the version."""
    return not {name.lower() for name in options}.isdisjoint(_CHOOSE)


def load_pinned(
    load: Callable[[Mapping[str, Any]], DataFrame],
    options: Mapping[str, Any],
    target: str,
    find: Callable[[], int | None],
    find_place: Callable[[], str | None] | None = None,
) -> tuple[DataFrame, Mapping[str, Any]]:
    """Load a table of Delta as it is now; return the frame, and the options that it was read with.

    Args:
        load: Loads it with options of the reader.
        options: Those that the catalog gives.
        target: The table, in one spelling for all that share it.
        find: Finds its present version.
        find_place: Of a table by its name, finds the target of the path where it lies.
    """
    if chooses_version(options) or reads_changes(options):
        return load(options), options
    # A batch of a stream, which may go on for days, is judged by what is there by then.
    run = None if is_of_batch() else current_run()
    version = find() if run is None else run.pins.version(target, find, find_place)
    if version is None:
        return load(options), options
    pinned = {**options, VERSION: version}
    try:
        return load(pinned), pinned
    except Exception as exc:  # some tables are read in one version only; or the load is wrong
        _logger.debug("%s is not read as of version %d: %s", target, version, exc)
        return load(options), options


def note_write(target: str, find_place: Callable[[], str | None] | None = None) -> None:
    """Tell the run, if there is one, that it writes a table.

    Args:
        target: The table, in one spelling for all that share it.
        find_place: Of a table by its name, finds the target of the path where it lies.
    """
    run = current_run()
    if run is not None:
        run.pins.note_write(target, find_place)


def version_of(session: SparkSession, table: str, folder: Path | None) -> int | None:
    """Return the present version of a Delta table; None if it is none, or nobody tells.

    Args:
        session: Who is asked where the table is not on this machine.
        table: Its name in SQL.
        folder: Its folder, if it is on this machine.
    """
    if folder is not None:
        return latest_version(folder)
    try:
        row = session.sql(f"DESCRIBE HISTORY {table} LIMIT 1").first()
        return None if row is None else int(row["version"])
    except Exception as exc:  # no table of Delta, or a view, or nobody may know
        _logger.debug("The version of %s is not known: %s", table, exc)
        return None
