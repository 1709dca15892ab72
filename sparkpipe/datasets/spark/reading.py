"""Tables of Delta as a data set loads them: now, as of a version, or what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sparkpipe.datasets.spark.accounting import note_loaded_version
from sparkpipe.datasets.spark.asked import LAST_RUN, Asked, version_of_run
from sparkpipe.datasets.spark.delta_log import was_vacuumed
from sparkpipe.datasets.spark.merging.tombstones import TOMBSTONE, without_tombstones
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.pinned import VERSION, chooses_version, load_pinned
from sparkpipe.errors import DataSetError
from sparkpipe.io.facts import note
from sparkpipe.spark.jobs.run import current_jobs, current_run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FEED = "delta.enableChangeDataFeed"
_KIND, _COMMIT, _TIME = "_change_type", "_commit_version", "_commit_timestamp"

Read = Callable[[Mapping[str, Any]], "DataFrame"]


@dataclass(frozen=True)
class Place:
    """A table.

    Attributes:
        sql: Its name in SQL.
        target: It, in one spelling for all that share it.
        location: Where it lies, as the events of a run tell it.
        find_folder: Finds its folder, if that is local.
        find_version: Finds its present version.
    """

    sql: str
    target: str
    location: str
    find_folder: Callable[[], Path | None]
    find_version: Callable[[], int | None]


def load_table(
    session: SparkSession, read: Read, options: Mapping[str, Any], asked: Asked, place: Place
) -> DataFrame:
    """Load a table.

    Args:
        session: The session.
        read: Reads it with options of the reader.
        options: Those that the catalog gives.
        asked: What of it is asked for.
        place: The table.

    Raises:
        DataSetError: What is asked for is not there any more.
    """
    if asked.since is not None:
        return _load_changes(session, read, options, asked.since, place)
    if asked.run:
        options = {**options, VERSION: version_of_run(session, place.sql, asked.run)}
    frame, used = load_pinned(read, options, place.target, place.find_version)
    if chooses_version(options):
        _refuse_vacuumed(frame, used, place.find_folder())
    note_loaded_version(used, place.find_folder)
    return without_tombstones(frame)


def _refuse_vacuumed(frame: DataFrame, options: Mapping[str, Any], folder: Path | None) -> None:
    """Refuse a version of which vacuum has removed files; else the first job would find out."""
    number = {name.lower(): value for name, value in options.items()}.get(VERSION.lower())
    if folder is None or not was_vacuumed(folder, -1 if number is None else int(number)):
        return
    paths = [Path(unquote(urlsplit(address).path)) for address in frame.inputFiles()]
    gone = sum(not path.exists() for path in paths)
    if gone:
        raise DataSetError(
            f"the version that is asked for cannot be read any more: vacuum has removed {gone} of "
            f"its {len(paths)} files.",
            hint="`sparkpipe tables history` lists the versions; the last ones are there. Files "
            "are kept for longer with the table property delta.deletedFileRetentionDuration.",
        )


def _load_changes(
    session: SparkSession, read: Read, options: Mapping[str, Any], since: int | str, place: Place
) -> DataFrame:
    """Return the rows that were changed, with what became of them, up to the present version."""
    run = current_run()
    find = place.find_version
    last = find() if run is None else run.pins.version(place.target, find)
    if last is None:
        raise DataSetError(
            "its version is not known, and so are not its changes.",
            hint="Changes are told of tables of Delta only.",
        )
    _need_feed(session, place)
    first = _first_to_read(since, place)
    if isinstance(first, int) and first > last + 1:
        raise DataSetError(
            f"the last run has read version {first - 1}, and the table is at version {last} now: "
            "it was made anew.",
            hint="Read it as a whole once: leave out 'changes', or give changes: {since: 0}.",
        )
    note(version=str(last))
    if first is None or first == last + 1:
        whole = read({**options, VERSION: last}).selectExpr(
            "*",
            f"'insert' AS {_KIND}",
            f"CAST({last} AS BIGINT) AS {_COMMIT}",
            f"CAST(NULL AS TIMESTAMP) AS {_TIME}",
        )
        return without_tombstones(whole if first is None else whole.where("false"))
    begin = {"startingVersion": first} if isinstance(first, int) else {"startingTimestamp": first}
    changes = read({**options, "readChangeFeed": True, **begin, "endingVersion": last})
    return _with_deletes(changes)


def _first_to_read(since: int | str, place: Place) -> int | str | None:
    """Return the first version, or time, of which changes are read; None for all rows."""
    if since != LAST_RUN:
        return since + 1 if isinstance(since, int) else since
    run, jobs = current_run(), current_jobs()
    if run is None or jobs is None:
        return None
    before = run.description.read_before.get(jobs.node, {}).get(place.location)
    return int(before) + 1 if before is not None and before.isdecimal() else None


def _need_feed(session: SparkSession, place: Place) -> None:
    (row,) = session.sql(f"DESCRIBE DETAIL {place.sql}").select("properties").collect()
    if str((row[0] or {}).get(_FEED, "")).lower() != "true":
        raise DataSetError(
            "its change data feed is off.",
            hint=f"Turn it on: ALTER TABLE {place.sql} SET TBLPROPERTIES ({_FEED} = true). Changes "
            "are kept from then on.",
        )


def _with_deletes(changes: DataFrame) -> DataFrame:
    """Return changes in which the mark of a deleted row is told as what it is."""
    if TOMBSTONE not in changes.columns:
        return changes
    is_mark = f"coalesce({quoted(TOMBSTONE)}, false)"
    told = changes.where(f"NOT ({is_mark} AND {_KIND} <> 'update_postimage')")
    kind = f"IF({is_mark}, 'delete', {_KIND}) AS {_KIND}"
    names = [name for name in changes.columns if name != TOMBSTONE]
    return told.selectExpr(*(kind if name == _KIND else quoted(name) for name in names))
