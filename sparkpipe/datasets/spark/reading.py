"""Tables of Delta as a data set loads them: now, as of a version, or what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sparkpipe.datasets.spark.accounting import note_loaded_version
from sparkpipe.datasets.spark.asked import LAST_RUN, START, Asked, version_of_run
from sparkpipe.datasets.spark.delta_log import was_vacuumed
from sparkpipe.datasets.spark.merging.tombstones import TOMBSTONE, without_tombstones
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.pinned import VERSION, chooses_version, load_pinned
from sparkpipe.errors import DataSetError
from sparkpipe.io.facts import note
from sparkpipe.spark.jobs.run import current_jobs, current_run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from sparkpipe.description import ReadBefore

_FEED = "delta.enableChangeDataFeed"
_KIND, _COMMIT, _TIME = "_change_type", "_commit_version", "_commit_timestamp"
# When a version was committed, in seconds since the epoch.
_SECONDS = "unix_millis(timestamp) / 1000"

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
        find_place: Of a table by its name, finds the target of the path where it lies.
    """

    sql: str
    target: str
    location: str
    find_folder: Callable[[], Path | None]
    find_version: Callable[[], int | None]
    find_place: Callable[[], str | None] | None = None


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
    frame, used = load_pinned(read, options, place.target, place.find_version, place.find_place)
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
    last = find() if run is None else run.pins.version(place.target, find, place.find_place)
    if last is None:
        raise DataSetError(
            "its version is not known, and so are not its changes.",
            hint="Changes are told of tables of Delta only.",
        )
    table_id = _need_feed(session, place)
    if since == LAST_RUN:
        before = _read_before(place)
        if before is not None:
            _refuse_other_table(session, place, before, last, table_id)
        since = START if before is None else int(before.version)
    elif isinstance(since, int) and since > last:
        raise DataSetError(
            f"changes are asked for since version {since}, and the last version is {last}.",
            hint="`sparkpipe tables history` lists the versions.",
        )
    note(version=str(last), table_id=table_id)
    is_whole = since == START
    if is_whole or since == last or _is_after(session, place, since, last):
        whole = read({**options, VERSION: last}).selectExpr(
            "*",
            f"'insert' AS {_KIND}",
            f"CAST({last} AS BIGINT) AS {_COMMIT}",
            f"CAST(NULL AS TIMESTAMP) AS {_TIME}",
        )
        return without_tombstones(whole if is_whole else whole.where("false"))
    begin = (
        {"startingVersion": since + 1} if isinstance(since, int) else {"startingTimestamp": since}
    )
    changes = read({**options, "readChangeFeed": True, **begin, "endingVersion": last})
    return _with_deletes(changes)


def _read_before(place: Place) -> ReadBefore | None:
    """Return what the node that loads has read of a table before; None if nothing is known."""
    run, jobs = current_run(), current_jobs()
    if run is None or jobs is None:
        return None
    before = run.description.read_before.get(jobs.node, {}).get(place.location)
    return before if before is not None and before.version.isdecimal() else None


def _refuse_other_table(
    session: SparkSession, place: Place, before: ReadBefore, last: int, table_id: str | None
) -> None:
    """Refuse a table that was deleted and made anew: all its rows are new, whatever its version.

    A table that was replaced by a statement has another id, but its versions go on: of such a one
    the version that was read has been there before the node ended.
    """
    if int(before.version) <= last:
        if before.table_id is not None and before.table_id == table_id:
            return
        (when,) = _ask_history(session, place, int(before.version), _SECONDS) or (None,)
        if when is not None and when <= before.ended:
            return
    raise DataSetError(
        f"the last run has read version {before.version} of another table: the one that is there "
        "now was made anew.",
        hint=f"Read it as a whole once, by a run with changes: {{since: {START}}}.",
    )


def _is_after(session: SparkSession, place: Place, since: int | str, last: int) -> bool:
    """Whether a time is after that of the last version, which Delta takes for an error."""
    if isinstance(since, int):
        return False
    is_before = f"timestamp < CAST('{since}' AS TIMESTAMP)"
    return _ask_history(session, place, last, is_before) == [True]


def _ask_history(session: SparkSession, place: Place, version: int, asked: str) -> list[Any]:
    """Return what the history tells of a version; empty if it does not reach back to it."""
    told = session.sql(f"DESCRIBE HISTORY {place.sql}").where(f"version = {version}")
    return [row[0] for row in told.selectExpr(asked).collect()]


def _need_feed(session: SparkSession, place: Place) -> str | None:
    """Return the id of a table that keeps its changes.

    Raises:
        DataSetError: It does not keep them.
    """
    detail = session.sql(f"DESCRIBE DETAIL {place.sql}").select("properties", "id")
    ((properties, table_id),) = detail.collect()
    if str((properties or {}).get(_FEED, "")).lower() != "true":
        raise DataSetError(
            "its change data feed is off.",
            hint=f"Turn it on: ALTER TABLE {place.sql} SET TBLPROPERTIES ({_FEED} = true). Changes "
            "are kept from then on.",
        )
    return None if table_id is None else str(table_id)


def _with_deletes(changes: DataFrame) -> DataFrame:
    """Return changes in which the mark of a deleted row is told as what it is."""
    if TOMBSTONE not in changes.columns:
        return changes
    is_mark = f"coalesce({quoted(TOMBSTONE)}, false)"
    told = changes.where(f"NOT ({is_mark} AND {_KIND} <> 'update_postimage')")
    kind = f"IF({is_mark}, 'delete', {_KIND}) AS {_KIND}"
    names = [name for name in changes.columns if name != TOMBSTONE]
    return told.selectExpr(*(kind if name == _KIND else quoted(name) for name in names))
