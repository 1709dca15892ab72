"""Checks that are judged before the write of a Spark frame, on rows that are kept for both."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sparkpipe.checks import own
from sparkpipe.checks.findings import MOST_SAMPLES, Finding, of_rows, refuse_to_refer
from sparkpipe.checks.on_spark import (
    Flagged,
    flag,
    functions_for,
    kind_of_column,
    type_of_column,
)
from sparkpipe.checks.riding import samples
from sparkpipe.checks.words import Check, Fresh, Pandera, Refers, Rows, Unique
from sparkpipe.datasets.spark.frames import from_pandas
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.errors import DataSetError
from sparkpipe.io.kinds import is_spark_frame
from sparkpipe.spark.failures.judging import spark_reason
from sparkpipe.spark.jobs.plans import is_repeatable, is_scan
from sparkpipe.spark.jobs.shared_frames import checkpointed, drop_checkpoint, is_persisted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_logger = logging.getLogger(__name__)

_NOT_COMPARED = re.compile(r"\b(map|variant)\b")


@dataclass(frozen=True)
class Kept:
    """A frame whose rows stay as they are, and what checks have found in it.

    Attributes:
        flagged: The frame, with its checks of rows.
        findings: What all checks have found.
    """

    flagged: Flagged
    findings: tuple[Finding, ...]

    @property
    def good(self) -> DataFrame:
        """The rows that are saved."""
        bad = self.flagged.any_of("drop", "quarantine")
        frame = self.flagged.frame
        return self.flagged.own(frame if bad is None else frame.where(~bad))

    def rejected(self) -> DataFrame | None:
        """Return the rows for the quarantine, with the names of the checks; None without any."""
        bad = self.flagged.any_of("quarantine")
        if bad is None or not any(one.failed for one in self._of("quarantine")):
            return None
        functions = functions_for(self.flagged.frame)
        names = [
            functions.when(functions.col(column), check.name)
            for check, column in self.flagged.flags
        ]
        failed = functions.concat_ws("; ", *names).alias("failed_checks")
        own_columns = map(quoted, self.flagged.columns)
        return self.flagged.frame.where(bad).select(*own_columns, failed)

    def without(self, rows: DataFrame) -> Kept:
        """Return the same without rows that were rejected when their batch came before.

        Args:
            rows: They; columns that they lack are not compared.
        """
        frame = rows_not_in(self.flagged.frame, rows, self.flagged.columns)
        return replace(self, flagged=replace(self.flagged, frame=frame))

    def _of(self, way: str) -> list[Finding]:
        return [one for one in self.findings if one.check.on_fail == way]


def rows_not_in(frame: DataFrame, others: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Return the rows of a frame that are not among others: nulls are alike, and so are NaNs.

    Args:
        frame: The frame.
        others: The other rows.
        columns: The columns by which rows are told; those that the others lack are left out.
    """
    functions = functions_for(frame)
    there = {name.lower(): name for name in others.columns}
    shared = [name for name in columns if name.lower() in there]
    if not shared:
        return frame
    kinds = dict(frame.dtypes)

    def comparable(name: str, kind: str) -> Any:
        column = functions.col(quoted(name))
        # Spark compares no maps and variants.
        return functions.to_json(functions.struct(column)) if _NOT_COMPARED.search(kind) else column

    named = {f"__sparkpipe_before_{number}": name for number, name in enumerate(shared)}
    before = others.select(
        *(comparable(there[n.lower()], kinds[n]).alias(one) for one, n in named.items())
    )
    is_there = functions.lit(True)
    for one, name in named.items():
        is_there = is_there & comparable(name, kinds[name]).eqNullSafe(functions.col(one))
    return frame.join(before, is_there, "left_anti")


@contextmanager
def keeping(frame: DataFrame, is_lent: bool = False) -> Iterator[DataFrame]:
    """Give a frame with the same rows that is computed once, however often it is read.

    Args:
        frame: One that only reads and selects, or that is persisted, is given as it is.
        is_lent: Whether it is read afterwards, too.
    """
    if is_persisted(frame) or (_is_repeatable(frame) and is_scan(frame)):
        yield frame
        return
    try:
        kept = checkpointed(frame, "MEMORY_AND_DISK")
    except Exception as exc:
        from sparkpipe.spark.failures.judging import may_pass

        if "NOT_SUPPORTED" not in str(exc) or may_pass(exc):
            raise
        _logger.warning(
            "Spark does not keep the rows that checks judge (%s): they are computed again to be "
            "saved, and must be the same then.",
            spark_reason(exc),
        )
        yield frame
        return
    try:
        yield kept
    finally:
        if not is_lent:
            drop_checkpoint(kept)


def _is_repeatable(frame: DataFrame) -> bool:
    try:
        return is_repeatable(frame)
    except Exception as exc:  # some clusters guard the JVM
        _logger.debug("Whether a frame has the same rows each time is not known: %s", exc)
        return False


def judge(
    frame: DataFrame,
    checks: Sequence[Check],
    find: Callable[[str], Any],
    rows_before: int | None = None,
    now: dt.datetime | None = None,
) -> Kept:
    """Judge a frame by one action, and another one for some of the rows that do not pass.

    Args:
        frame: The frame; what is computed again for each action is better kept before.
        checks: The checks.
        find: Loads another data set by its name.
        rows_before: How many rows the last good run saved.
        now: The present time.

    Raises:
        DataSetError: A check is not possible for this frame.
    """
    flagged = flag(frame, checks)
    wholes = [check for check in checks if isinstance(check, (Unique, Refers, Fresh))]
    parts = {check.name: _part(check, frame, find) for check in wholes}
    facts = _counted(flagged, parts)
    rows = int(facts["rows"] or 0)
    now = now or dt.datetime.now(dt.timezone.utc)
    findings = {one.check.name: one for one in flagged.counted}
    for check, column in flagged.flags:
        findings[check.name] = of_rows(check, facts[column] or 0, rows)
    for number, check in enumerate(wholes):
        found = facts[f"whole_{number}"]
        if isinstance(check, Fresh):
            latest = _time(found)
            told = check.why_not(latest, now)
            findings[check.name] = Finding(check, None, rows, told, latest=latest)
        else:
            findings[check.name] = of_rows(check, found or 0, rows)
    for check in checks:
        if isinstance(check, Rows):
            findings[check.name] = Finding(check, None, rows, check.why_not(rows, rows_before))
        elif isinstance(check, Pandera):
            failed, told = own.judge_by_pandera(check.path, frame)
            findings[check.name] = Finding(check, failed, rows, told)
    shown = _samples(flagged, findings, parts)
    ordered = (findings[check.name] for check in checks)
    return Kept(
        flagged, tuple(replace(one, samples=shown.get(one.check.name, ())) for one in ordered)
    )


def _counted(flagged: Flagged, parts: dict[str, Any]) -> dict[str, Any]:
    """Return all numbers by one action: each of the parts has one row."""
    functions = functions_for(flagged.frame)
    whole = flagged.frame.agg(*flagged.counts(flagged.flags))
    for number, (_, aggregate) in enumerate(parts.values()):
        whole = whole.crossJoin(aggregate.select(functions.col("found").alias(f"whole_{number}")))
    row = whole.first()
    assert row is not None
    return row.asDict()


def _part(check: Check, frame: DataFrame, find: Callable[[str], Any]) -> tuple[Any, DataFrame]:
    try:
        bad, aggregate = _of_whole(check, frame, find)
        _ = aggregate.schema  # Connect looks at it only when asked
    except DataSetError as exc:
        raise DataSetError(f"check '{check.name}': {exc.message}", hint=exc.hint) from exc
    except Exception as exc:
        reason = spark_reason(exc) or str(exc)
        raise DataSetError(f"check '{check.name}' is not possible: {reason}") from exc
    return bad, aggregate


def _of_whole(check: Check, frame: DataFrame, find: Callable[[str], Any]) -> tuple[Any, DataFrame]:
    """Return what does not pass, if it can be shown, and a frame of one row that tells how much."""
    functions = functions_for(frame)
    names = [quoted(name) for name in check.columns]
    if isinstance(check, Fresh):
        return None, frame.agg(_latest(frame, check, functions).alias("found"))
    present = frame.select(*names).where(_is_whole(frame, check.columns))
    if isinstance(check, Unique):
        count = functions.count(functions.lit(1)).alias("times")
        times = present.groupBy(*names).agg(count)
        bad = times.where(functions.col("times") > 1)
        return bad, bad.agg(functions.sum("times").alias("found"))
    assert isinstance(check, Refers)
    known = _other_frame(check, find(check.data_set), frame)
    is_known = functions.col(names[0]) == functions.col("__sparkpipe_known")
    bad = present.join(known, is_known, "left_anti")
    return bad, bad.agg(functions.count(functions.lit(1)).alias("found"))


def _is_whole(frame: DataFrame, columns: Sequence[str]) -> Any:
    """Return a column that is true where a row has a value in each of some columns."""
    functions = functions_for(frame)
    is_whole = functions.lit(True)
    for name in columns:
        column = functions.col(quoted(name))
        is_whole = is_whole & column.isNotNull()
        if type_of_column(frame, name) in ("float", "double"):
            is_whole = is_whole & ~functions.isnan(column)
    return is_whole


def _latest(frame: DataFrame, check: Fresh, functions: Any) -> Any:
    kind = type_of_column(frame, check.column)
    if kind not in ("date", "timestamp", "timestamp_ntz"):
        raise DataSetError(f"'{check.column}' holds no dates or times.")
    latest = functions.max(functions.col(quoted(check.column)))
    # A client shows an instant in the zone of its machine, without saying so.
    return functions.unix_micros(latest) if kind == "timestamp" else latest


def _time(found: Any) -> dt.date | dt.datetime | None:
    if isinstance(found, int):
        return dt.datetime.fromtimestamp(0, dt.timezone.utc) + dt.timedelta(microseconds=found)
    return found  # type: ignore[no-any-return]


def _other_frame(check: Refers, data: Any, frame: DataFrame) -> DataFrame:
    columns = {str(name).lower(): str(name) for name in getattr(data, "columns", ())}
    if check.to.lower() not in columns:
        raise DataSetError(
            f"'{check.data_set}' has no column '{check.to}'.",
            hint=f"It has {', '.join(columns.values())}.",
        )
    name = columns[check.to.lower()]
    if not is_spark_frame(data):
        data = from_pandas(data[[name]].drop_duplicates().dropna(), frame.sparkSession)
    is_text = kind_of_column(frame, check.column) == "text"
    has_none = type_of_column(data, name) == "void"  # a frame of pandas without rows
    refuse_to_refer(check, is_text, is_text if has_none else kind_of_column(data, name) == "text")
    functions = functions_for(frame)
    known: DataFrame = data.select(functions.col(quoted(name)).alias("__sparkpipe_known"))
    return known.distinct()


def _samples(
    flagged: Flagged, findings: dict[str, Finding], parts: dict[str, Any]
) -> dict[str, Any]:
    """Return some of what does not pass, of checks that must hold."""
    stopping = [one.check.name for one in findings.values() if one.stops]
    if not stopping:
        return {}
    failing = [(check, column) for check, column in flagged.flags if check.name in stopping]
    shown: dict[str, Any] = dict(samples(flagged, failing))
    for name in stopping:
        bad, _ = parts.get(name, (None, None))
        if bad is not None:
            shown[name] = tuple(row.asDict() for row in bad.limit(MOST_SAMPLES).collect())
    return shown
