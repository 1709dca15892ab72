"""Tables of Delta looked after: history, compaction, clean-up, earlier versions, clones."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.asked import take_asked, version_of_run
from sparkpipe.datasets.spark.definitions import literal
from sparkpipe.datasets.spark.delta_table_data_set import DeltaTableDataSet
from sparkpipe.datasets.spark.names import TableName, quoted
from sparkpipe.datasets.spark.paths import spark_path
from sparkpipe.datasets.spark.table_data_set import SparkTableDataSet
from sparkpipe.errors import DataSetError, SparkpipeError, did_you_mean
from sparkpipe.io.declared import unwrapped
from sparkpipe.io.messages import describe_data_set
from sparkpipe.io.reasons import reason_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from sparkpipe.io import DataCatalog

_PATTERN = "*?["
_RETENTION = "delta.deletedFileRetentionDuration"
_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"
_WEEK = 168.0
_PART = re.compile(r"(\d+)\s+(second|minute|hour|day|week)s?\b", re.IGNORECASE)
_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1, "day": 24, "week": 168}


@dataclass(frozen=True)
class Table:
    """A table of Delta in a catalog.

    Attributes:
        name: Its name in the catalog.
        sql: Its name in SQL.
        is_named: Whether it was asked for by its name, and not by a pattern.
    """

    name: str
    sql: str
    is_named: bool


@dataclass(frozen=True)
class Commit:
    """One version of a table.

    Attributes:
        data_set: The table's name in the catalog.
        version: The version.
        time: When it was made.
        operation: What made it.
        rows: How many rows were written or changed; None where it does not tell.
        run: The run that made it; empty if it was none.
        node: The node.
    """

    data_set: str
    version: int
    time: str
    operation: str
    rows: int | None
    run: str
    node: str


def find_tables(catalog: DataCatalog, asked: Iterable[str]) -> list[Table]:
    """Return the tables of a catalog that names or patterns stand for, each once.

    Args:
        catalog: The catalog.
        asked: Names; or patterns such as ``clean_*``, of which tables of Delta alone count.

    Raises:
        DataSetError: There is none of a name or pattern, or it is no table of Delta.
    """
    found: dict[str, Table] = {}
    for one in asked:
        is_pattern = any(letter in one for letter in _PATTERN)
        names = [name for name in catalog if fnmatchcase(name, one)] if is_pattern else [one]
        tables = [t for name in names for t in _table_of(catalog, name, is_named=not is_pattern)]
        if not tables:
            raise DataSetError(_why_none(catalog, one, is_pattern=is_pattern))
        for table in tables:
            found.setdefault(table.sql, table)
    return [*found.values()]


def find_there(catalog: DataCatalog, tables: Iterable[Table]) -> list[Table]:
    """Return those tables that are there already; of a pattern, the others are left out.

    Raises:
        DataSetError: One that was asked for by its name is not there.
    """
    found: list[Table] = []
    for table in tables:
        if catalog.exists(table.name):
            found.append(table)
        elif table.is_named:
            told = f"'{table.name}' ({describe_data_set(catalog[table.name])}) is not there yet."
            raise DataSetError(told, hint="The first save makes it.")
    return found


@contextmanager
def telling_which(table: Table) -> Iterator[None]:
    """Tell in plain words what Spark does not do, and with which table.

    Raises:
        DataSetError: Spark has failed within.
    """
    try:
        yield
    except SparkpipeError:
        raise
    except Exception as exc:
        raise DataSetError(f"'{table.name}': {reason_of(exc)}") from exc


def _table_of(catalog: DataCatalog, name: str, *, is_named: bool) -> Iterator[Table]:
    if name not in catalog:
        return
    data_set = unwrapped(catalog[name])
    is_delta = isinstance(data_set, (DeltaTableDataSet, SparkTableDataSet)) and (
        data_set.saves_once()
    )
    if is_delta:
        yield Table(name, data_set.name_in_sql(), is_named)


def _why_none(catalog: DataCatalog, asked: str, *, is_pattern: bool) -> str:
    if is_pattern:
        return f"no table of Delta in the catalog is called '{asked}'."
    if asked in catalog:
        return f"'{asked}' ({describe_data_set(catalog[asked])}) is no table of Delta."
    return f"there is no '{asked}' in the catalog. {did_you_mean(asked, catalog)}".strip()


def read_history(session: SparkSession, table: Table, limit: int) -> list[Commit]:
    """Return the last versions of a table, the last one first."""
    told = session.sql(f"DESCRIBE HISTORY {table.sql} LIMIT {limit}")
    rows = told.selectExpr(
        "version", "CAST(timestamp AS STRING)", "operation", "operationMetrics", "userMetadata"
    )
    return [_commit(table.name, *row) for row in rows.collect()]


def _commit(
    name: str, version: int, time: str, operation: str, metrics: Any, metadata: str | None
) -> Commit:
    numbers = dict(metrics or {})
    changed = [
        int(numbers[f"numTargetRows{what}"])
        for what in ("Inserted", "Updated", "Deleted")
        if f"numTargetRows{what}" in numbers
    ]
    rows = sum(changed) if changed else numbers.get("numOutputRows")
    try:
        mark = json.loads(metadata or "{}")
    except ValueError:  # of somebody else
        mark = {}
    mark = mark if isinstance(mark, dict) else {}
    return Commit(
        name,
        int(version),
        str(time),
        operation,
        None if rows is None else int(rows),
        str(mark.get("run", "")),
        str(mark.get("node", "")),
    )


def optimize(session: SparkSession, table: Table, *, dry_run: bool) -> str:
    """Put small files of a table together, and return what was done, or would be, in words."""
    if dry_run:
        files, size = _one(session.sql(f"DESCRIBE DETAIL {table.sql}"), "numFiles", "sizeInBytes")
        return f"would be compacted: {files} files, {size} bytes"
    (metrics,) = _one(session.sql(f"OPTIMIZE {table.sql}"), "metrics")
    return f"{metrics['numFilesRemoved']} files became {metrics['numFilesAdded']}"


def vacuum(
    session: SparkSession, table: Table, hours: float | None, *, below: bool, dry_run: bool
) -> str:
    """Remove files that no version within the retention needs.

    Args:
        session: The session.
        table: The table.
        hours: For how long files of old versions are kept; None for the table's own retention.
        below: Whether it may be shorter than the table's own.
        dry_run: Remove nothing.

    Returns:
        What was done, or would be, in words.

    Raises:
        DataSetError: It is shorter than the table's own, and may not be.
    """
    (properties,) = _one(session.sql(f"DESCRIBE DETAIL {table.sql}"), "properties")
    own = retention_hours((properties or {}).get(_RETENTION))
    kept = own if hours is None else hours
    if not math.isfinite(kept):
        raise DataSetError(f"'{table.name}' cannot keep files for {kept} hours.")
    if kept < own and not below:
        raise DataSetError(
            f"'{table.name}' keeps files of old versions for {own:g} hours; a vacuum after "
            f"{kept:g} hours takes what jobs that run, and earlier versions, may need.",
            hint="Give --below-retention if that is meant.",
        )
    text = f"VACUUM {table.sql} RETAIN {kept:g} HOURS"
    with _unchecked(session, kept < own):
        if dry_run:
            return f"would remove {session.sql(f'{text} DRY RUN').count()} files"
        session.sql(text).collect()
    return f"files of versions older than {kept:g} hours are removed"


def retention_hours(told: str | None) -> float:
    """Return for how many hours a table keeps files of old versions; a week where it is not told.

    >>> retention_hours("interval 30 days"), retention_hours(None)
    (720.0, 168.0)
    >>> retention_hours("interval 1 week 3 days")
    240.0
    """
    parts = _PART.findall(told or "")
    return float(sum(int(number) * _HOURS[unit.lower()] for number, unit in parts) or _WEEK)


@contextmanager
def _unchecked(session: SparkSession, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    before = session.conf.get(_CHECK, None)
    session.conf.set(_CHECK, "false")
    try:
        yield
    finally:
        if before is None:
            session.conf.unset(_CHECK)
        else:
            session.conf.set(_CHECK, before)


def restore(session: SparkSession, table: Table, version: str, *, dry_run: bool) -> str:
    """Make a table what it was; that is a version of its own, so it can be undone.

    Args:
        session: The session.
        table: The table.
        version: A version, a time, or ``as of run <id>``.
        dry_run: Change nothing.

    Returns:
        What was done, or would be, in words.

    Raises:
        DataSetError: There is no such version.
    """
    as_of = _as_of(session, table, version)
    if dry_run:
        _refuse_unknown(session, table, as_of)
        last = read_history(session, table, 1)[0].version
        return f"would be restored to {as_of}; the present version is {last}"
    told = session.sql(f"RESTORE TABLE {table.sql} TO {as_of}")
    removed, restored = _one(told, "num_removed_files", "num_restored_files")
    return f"restored to {as_of}: {removed} files left out, {restored} taken back"


def clone(
    session: SparkSession, table: Table, other: str, version: str | None, *, dry_run: bool
) -> str:
    """Make another table that shares the files of this one, and is changed apart from it.

    Args:
        session: The session.
        table: The table.
        other: Where: a path, if it has a slash, or the name of a table.
        version: Of which version it is; None for the present one.
        dry_run: Make nothing.

    Returns:
        What was done, or would be, in words.

    Raises:
        DataSetError: There is no such version, it is no name, or there is a table already.
    """
    is_path = any(letter in other for letter in "/\\")
    into = f"delta.{quoted(spark_path(other))}" if is_path else TableName.of(other).sql
    is_there = _is_path_there(session, into) if is_path else session.catalog.tableExists(into)
    if is_there:
        raise DataSetError(
            f"'{table.name}' cannot be cloned to {other}, where there is a table already.",
            hint="Give another place, or drop that one.",
        )
    as_of = "" if version is None else f" {_as_of(session, table, version)}"
    if dry_run:
        _refuse_unknown(session, table, as_of)
        return f"would be cloned to {other}{as_of}"
    session.sql(f"CREATE TABLE {into} SHALLOW CLONE {table.sql}{as_of}").collect()
    return f"cloned to {other}{as_of}"


def _as_of(session: SparkSession, table: Table, version: str) -> str:
    asked, _ = take_asked({}, version)
    if asked.timestamp:
        return f"TIMESTAMP AS OF {literal(asked.timestamp)}"
    number = version_of_run(session, table.sql, asked.run) if asked.run else asked.version
    return f"VERSION AS OF {number}"


def _refuse_unknown(session: SparkSession, table: Table, as_of: str) -> None:
    """Let Spark refuse a version that is not there, or of which it has no files any more."""
    select = f"SELECT * FROM {table.sql} {as_of}"  # noqa: S608 - both are quoted
    _ = session.sql(select).schema  # Connect judges when asked


def _is_path_there(session: SparkSession, table: str) -> bool:
    try:
        _ = session.sql(f"SELECT * FROM {table}").schema  # noqa: S608 - it is quoted
    except Exception:  # what is wrong with the path is told when it is used
        return False
    return True


def _one(told: DataFrame, *names: str) -> Sequence[Any]:
    (row,) = told.select(*names).collect()
    return tuple(row)
