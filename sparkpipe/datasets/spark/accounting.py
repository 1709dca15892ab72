"""How many rows and bytes a save has written, by Spark's own accounting of it.

No job runs and no file is read for it; where nobody asks for the facts of a save, nothing at all is
done. Three accounts are kept anyway, each of which tells a part:

* Delta writes the numbers, and only there the version, into the commit: a file that is read where
  the table lies in a local folder.
* Classic Spark has what each task has written in its status store. The jobs of one save are told
  from those of others, which other threads run at the same time, by a tag.
* Spark Connect keeps no such store for its client, but sends the number of rows that went through
  an observed frame back with the answer to the save.

What cannot be told is left out, and no account ever fails a save.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sparkpipe.datasets.spark.delta_log import Commit, read_commit, versions
from sparkpipe.datasets.spark.names import TableName
from sparkpipe.datasets.spark.paths import local_path
from sparkpipe.datasets.spark.tagged import TaggedJobs
from sparkpipe.io.facts import is_asked, note
from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

#: Formats whose writers tell Spark what they write: of others, no rows may be silence.
_TELLING = ("parquet", "csv", "json", "orc", "text", "avro", "xml", "delta", "hive", "jdbc")
_NO_DATA = (".", "_")
# Spark's store learns of the end of a job a moment after the thread that waits for it.
_LATE_SECONDS = 2.0


@dataclass
class Written:
    """What a save has written; None where that is not known."""

    rows: int | None = None
    bytes: int | None = None


@dataclass
class Account:
    """The account of one save.

    Attributes:
        frame: What is to be saved: the frame, or one with the same rows that counts them.
        result: What a MERGE has returned.
    """

    frame: DataFrame
    result: DataFrame | None = None


class _Source(Protocol):
    frame: DataFrame

    def close(self) -> None: ...

    def written(self, file_format: str) -> Written: ...


@contextmanager
def accounting(
    frame: DataFrame,
    file_format: str,
    *,
    folder: Path | None = None,
    find_delta: Callable[[], Path | None] | None = None,
) -> Iterator[Account]:
    """Note what a save within it writes, if somebody gathers the facts of it.

    Args:
        frame: What is saved.
        file_format: The format that is written.
        folder: A local folder that holds what the save writes, and nothing else.
        find_delta: Finds the local folder of the Delta table that is written, before and, if there
            is none yet, after the save; None where none is known.
    """
    if not is_asked():
        yield Account(frame)
        return
    table = find_delta() if find_delta is not None else None
    before = [] if table is None else versions(table)
    # A commit tells more than an observed frame, and costs less.
    source = None if table is not None and is_connect(frame.sparkSession) else _open(frame)
    account = Account(frame if source is None else source.frame)
    try:
        yield account
    finally:
        if source is not None:
            with suppress(Exception):
                source.close()
    try:
        if table is None and find_delta is not None:
            table = find_delta()
        commits = [] if table is None else _new_commits(table, before)
        if len(commits) == 1:
            _note_commits(commits)
            return
        written = Written() if source is None else source.written(file_format)
        commits = [commit for commit in commits if _has_numbers(commit, written)]
        if commits:
            _note_commits(commits)
            return
        if table is not None:  # files that Delta has replaced hold rows that were there before
            written = Written()
        if account.result is not None:  # a MERGE writes rows anew that it does not change
            written.rows = _affected(account.result)
        if written.bytes is None and folder is not None:
            written.bytes = _size(folder)
        note(rows=written.rows, bytes=written.bytes)
    except Exception as exc:  # a guarded JVM, a log in another form
        _logger.debug("What was written is not known: %s", exc)


def note_loaded_version(options: Mapping[str, Any], find: Callable[[], Path | None]) -> None:
    """Note which version of a Delta table is loaded, if somebody asks and its log is at hand.

    Args:
        options: Those of the reader.
        find: Finds the local folder of the table.
    """
    if not is_asked():
        return
    given = {key.lower(): value for key, value in options.items()}
    number = given.get("versionasof")
    if number is None and "timestampasof" not in given:
        folder = find()
        number = None if folder is None else max(versions(folder), default=None)
    if number is not None:
        note(version=str(number))


def delta_folder(session: SparkSession, table: TableName) -> Path | None:
    """Return the local folder of a Delta table; None if it is no such, or nobody tells."""
    place = delta_location(session, table)
    return local_path(place) if place else None


def delta_location(session: SparkSession, table: TableName) -> str | None:
    """Return the address of a Delta table; empty if it is of another format; None if nobody tells.

    Spark's own catalog tells it at once; another one, and that of a Connect server, after a query.
    """
    if is_connect(session):
        return None
    try:
        if (table.catalog or session.catalog.currentCatalog()) != "spark_catalog":
            return None
        inner: Any = session._jsparkSession.sessionState()
        name = inner.sqlParser().parseTableIdentifier(table.in_session_catalog)
        found = inner.catalog().getTableMetadata(name)
        is_delta = found.provider().contains("delta")
        return str(found.location().toString()) if is_delta else ""
    except Exception as exc:  # a view, or a cluster that guards the JVM
        _logger.debug("Where %s lies is not known: %s", table, exc)
        return None


def _open(frame: DataFrame) -> _Source | None:
    try:
        return _Observed(frame) if is_connect(frame.sparkSession) else _Tasks(frame)
    except Exception as exc:
        _logger.debug("Spark does not account for a save: %s", exc)
        return None


def _new_commits(table: Path, before: list[int]) -> list[Commit]:
    new = sorted({*versions(table)} - {*before})
    return [commit for version in new if (commit := read_commit(table, version)) is not None]


def _has_numbers(commit: Commit, written: Written) -> bool:
    """Whether a commit can be of a save, by what its tasks have written."""
    return None not in (written.rows, written.bytes) and (
        (commit.written, commit.bytes) == (written.rows, written.bytes)
    )


def _note_commits(commits: list[Commit]) -> None:
    """Note the commit of a save, or what several have in common of which one is its own."""
    version = str(commits[0].version) if len(commits) == 1 else None
    note(rows=commits[0].rows, bytes=commits[0].bytes, version=version)


def _affected(merged: Any) -> int | None:
    """Return how many rows a MERGE has changed; its result is there, and no job runs for it."""
    if "num_affected_rows" not in merged.columns:
        return None
    return int(merged.first()["num_affected_rows"])


def _size(folder: Path) -> int:
    """Return the bytes of the files with data; Spark reads nothing whose name begins like this."""
    size = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(_NO_DATA)]
        data = [name for name in names if not name.startswith(_NO_DATA)]
        size += sum((Path(parent) / name).stat().st_size for name in data)
    return size


class _Tasks:
    """What the tasks of this thread's jobs write, by the status store of classic Spark."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame
        self._jobs = TaggedJobs(frame.sparkSession)
        self._store: Any = frame.sparkSession.sparkContext._jsc.sc().statusStore()

    def close(self) -> None:
        self._jobs.close()

    def written(self, file_format: str) -> Written:
        written = self._told()
        if written is not None and not written.rows and not written.bytes:
            # Nothing was written, or of no job has been told yet.
            self._jobs.wait_for_news(_LATE_SECONDS)
            written = self._told()
        if written is None:
            return Written()
        if not written.bytes and (written.rows or file_format.lower() not in _TELLING):
            written.bytes = None
        if not written.rows and file_format.lower() not in _TELLING:
            written.rows = None
        return written

    def _told(self) -> Written | None:
        """Return what the store has of the jobs by now; None if it cannot be right."""
        rows = size = 0
        for stages in self._jobs.ended(time.monotonic() + _LATE_SECONDS):
            if not stages:  # a job over no partition
                continue
            # Only the last stage of a job gives its rows away.
            stage = self._store.lastStageAttempt(max(stages))
            if stage.attemptId() > 0:  # the tasks that went well before are not of this attempt
                return None
            rows += stage.outputRecords()
            size += stage.outputBytes()
        return Written(rows, size)


class _Observed:
    """The rows that go through a frame, counted on the way by Spark Connect's server."""

    def __init__(self, frame: Any) -> None:
        from pyspark.sql.connect import functions
        from pyspark.sql.connect.observation import Observation

        self._seen: Any = Observation(f"sparkpipe-save-{os.urandom(8).hex()}")
        rows = functions.count(functions.lit(1)).alias("rows")
        self.frame: DataFrame = frame.observe(self._seen, rows)

    def close(self) -> None:
        pass

    def written(self, file_format: str) -> Written:
        return Written(self._seen.get.get("rows"))
