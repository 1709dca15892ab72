"""Commits of tables of Delta that tell which save of which run they are, and none twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.run import current_jobs, current_run
from sparkpipe.spark.jobs.saves import SaveMark, batch_mark, marks_of_batch, may_have_come

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
# Of a statement what the options txnAppId and txnVersion are of a writer.
_APP = "spark.databricks.delta.write.txnAppId"
_NUMBER = "spark.databricks.delta.write.txnVersion"
# A run that is continued was there not so long ago.
_MOST_COMMITS = 1000


@contextmanager
def marked(target: str) -> Iterator[SaveMark | None]:
    """Give the mark of a save within it; None where neither a node of a run nor a stream saves.

    Args:
        target: The table, in one spelling for all that share it.
    """
    run, jobs = current_run(), current_jobs()
    of_stream = batch_mark(
        "" if run is None else run.run_id or "", "" if jobs is None else jobs.node, target
    )
    if of_stream is not None:
        yield of_stream
        return
    if run is None or jobs is None or not run.run_id:
        yield None
        return
    with run.saves.saving(jobs.node, target) as mark:
        yield mark


def writer_options(mark: SaveMark | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by which Delta keeps the mark of a save, and skips one that was made.

    Args:
        mark: The save.
        given: The options that an entry has; those of its own count.
    """
    if mark is None:
        return {}
    options = {"userMetadata": mark.metadata()}
    if mark.key:
        options |= {"txnAppId": f"sparkpipe/{mark.key}", "txnVersion": str(mark.number)}
    known = {name.lower() for name in given}
    if {"txnappid", "txnversion"} & known:
        known |= {"txnappid", "txnversion"}
    return {name: value for name, value in options.items() if name.lower() not in known}


def was_made(session: SparkSession, table: str, mark: SaveMark | None) -> bool:
    """Whether the table has the commit of a save that was tried before.

    Args:
        session: Who is asked.
        table: Its name in SQL.
        mark: The save.
    """
    if mark is None or mark.is_first or not mark.key:
        return False
    return any(map(mark.made, _kept_in(session, table)))


def earlier_saves(session: SparkSession, table: str) -> list[dict[str, Any]]:
    """Return what is known of earlier saves of the present batch of a stream.

    Args:
        session: Who is asked.
        table: The name of the table in SQL.
    """
    if not may_have_come() or not is_delta_table(session, table):
        return []
    return marks_of_batch(_kept_in(session, table))


def _kept_in(session: SparkSession, table: str) -> Iterator[str | None]:
    told = session.sql(f"DESCRIBE HISTORY {table} LIMIT {_MOST_COMMITS}").select("userMetadata")
    return (row[0] for row in told.collect())


def is_delta_table(session: SparkSession, table: str) -> bool:
    """Whether there is a table of Delta of a name in SQL."""
    try:
        session.sql(f"DESCRIBE DETAIL {table}").collect()
    except Exception as exc:
        _logger.debug("There is no table %s: %s", table, exc)
        return False
    return True


def sql_with_metadata(
    session: SparkSession, text: str, metadata: str, once: tuple[str, int] | None = None
) -> DataFrame:
    """Run a statement whose commit keeps some metadata, and return what it returns.

    Args:
        session: The session, whose settings stay as they are for all others.
        text: The statement.
        metadata: What is kept; empty for nothing.
        once: Whose statement it is, and its number: where the table has it, nothing is done.
    """
    settings = {_METADATA: metadata} if metadata else {}
    if once is not None:
        settings |= {_APP: once[0], _NUMBER: str(once[1])}
    if not settings:
        return session.sql(text)
    own = None if is_connect(session) else _own_settings(session, settings)
    if own is not None:
        from pyspark.sql import DataFrame as ClassicFrame

        return ClassicFrame(own.sql(text), session)
    run = current_run()
    with nullcontext() if run is None else run.saves.settings_lock:
        return _with_settings(session, text, settings)


def _own_settings(session: Any, settings: Mapping[str, str]) -> Any | None:
    """Return a session of Java with the views of this one, and settings of its own."""
    try:
        own = session._jsparkSession.cloneSession()
        for name, value in settings.items():
            own.conf().set(name, value)
    except Exception as exc:  # a cluster that guards the JVM
        _logger.debug("The session cannot be cloned: %s", exc)
        return None
    return own


def _with_settings(session: SparkSession, text: str, settings: Mapping[str, str]) -> DataFrame:
    before = {name: session.conf.get(name, None) for name in settings}
    try:
        try:
            for name, value in settings.items():
                session.conf.set(name, value)
        except Exception as exc:  # serverless compute takes few settings
            _logger.debug("A commit cannot be marked here: %s", exc)
        return session.sql(text)
    finally:
        for name, old in before.items():
            with suppress(Exception):
                if old is None:
                    session.conf.unset(name)
                else:
                    session.conf.set(name, old)
