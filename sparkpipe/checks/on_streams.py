"""Checks of streams: of rows as they go by, and of all else batch by batch.

Where all checks are of rows, and no row is kept apart, they ride on the stream, into any sink. Else
each batch is judged and saved like the frame of a batch node; what is saved of it goes by the
transaction ids of its query, so that a batch that comes again is not there twice.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sparkpipe.checks.findings import Finding, of_rows
from sparkpipe.checks.on_spark import counts_of, flag
from sparkpipe.checks.riding import asserted, letting_good_by
from sparkpipe.checks.words import Check, Expression, Rows
from sparkpipe.datasets.spark.batches import BatchesAsked, SaveBatch, asking
from sparkpipe.errors import DataSetError
from sparkpipe.events import CheckReport
from sparkpipe.io.declared import has_batches, why_no_batches
from sparkpipe.io.delegating import DelegatingDataSet
from sparkpipe.io.facts import gathering, note_checks

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_RIDING = ("fail", "drop", "warn")
#: How many batches there were of which Spark has not told what went by.
_NOT_TOLD = "not told"
# Functions that judge a row differently when its batch comes again after a kill.
_UNSTEADY = re.compile(
    r"\b(current_(timestamp|date|time)|localtimestamp|curdate|now\s*\(|rand[n]?\s*\(|random\s*\("
    r"|uuid\s*\(|unix_timestamp\s*\(\s*\))",
    re.IGNORECASE,
)


def goes_by(check: Check) -> bool:
    """Whether a check is judged row by row as a stream goes by."""
    return check.is_of_rows and check.on_fail in _RIDING


def problems(checks: Sequence[Check], data_set: Any) -> list[str]:
    """Tell which checks are not possible for a stream.

    Args:
        checks: The checks.
        data_set: What the stream is saved to.
    """
    told = [
        f"check '{check.name}': a batch of a stream is not compared with an earlier run (change). "
        "Give min and max, which hold for each batch."
        for check in checks
        if isinstance(check, Rows) and check.change is not None
    ]
    told += [
        f"check '{check.name}': '{check.sql}' may judge a row differently when its batch comes "
        "again, and the row would then be neither saved nor kept apart. Compare with a column of "
        "the stream; or give on_fail: drop."
        for check in checks
        if isinstance(check, Expression)
        and check.on_fail == "quarantine"
        and _UNSTEADY.search(check.sql)
    ]
    why = why_no_batches(data_set)
    return told + [
        f"check '{check.name}': '{check.word}' with on_fail: {check.on_fail} is judged for each "
        f"batch of a stream, which cannot be: {why}. Save it to a Delta table; or let each row be "
        f"judged by itself (check, not_null, accepted, between; on_fail: {', '.join(_RIDING)})."
        for check in checks
        if why and not (goes_by(check) and (check.on_fail != "warn" or has_batches(data_set)))
    ]


def rides(checks: Sequence[Check], *, is_merged: bool, is_connect: bool) -> bool:
    """Whether the rows of a stream are judged as they go by; else its batches are, one by one.

    Args:
        checks: The checks.
        is_merged: Whether it is merged, which reads each batch more than once.
        is_connect: Whether it is of Spark Connect.

    Raises:
        DataSetError: They can be judged neither way.
    """
    go_by = all(map(goes_by, checks))
    if go_by and not is_merged:
        return True
    if not is_connect:
        return False
    if go_by and all(check.on_fail != "warn" for check in checks):
        return True
    raise DataSetError(
        "these checks are judged for each batch of a stream, which is not possible on Spark "
        "Connect, where a process of the server saves it.",
        hint="Save it by classic Spark; or let each row be judged by itself, with on_fail: fail "
        "or drop.",
    )


def refuse_to_read(checks: Sequence[Check]) -> None:
    """Refuse checks by which a stream cannot be judged where it is read.

    Args:
        checks: The checks.

    Raises:
        DataSetError: There are some.
    """
    for check in checks:
        if not check.is_of_rows or check.on_fail not in ("fail", "drop"):
            raise DataSetError(
                f"check '{check.name}': of a stream that is read, each row is judged by itself, "
                f"and must pass or is dropped: not '{check.word}' with on_fail: {check.on_fail}.",
                hint="Give the check to the data set that the stream is saved to.",
            )


@dataclass(frozen=True)
class StreamRide:
    """A stream that judges its rows as they go by.

    Attributes:
        frame: What to save.
        checks: Its checks, each with its column in what is counted.
        name: That of the observation; empty where nothing can be counted.
        marker: What stands in the failure of a row that does not pass.
        counts: What has been counted.
    """

    frame: DataFrame
    checks: tuple[tuple[Check, str], ...]
    name: str
    marker: str
    counts: Counter[str] = field(default_factory=Counter)

    def tell(self, observed: Mapping[str, Mapping[str, Any]] | None) -> None:
        """Take note of what was observed in a batch; None where Spark has not told it."""
        if observed is None:
            self.counts[_NOT_TOLD] += 1
            return
        found = observed.get(self.name, {})
        self.counts.update({name: int(count or 0) for name, count in found.items()})

    def save(
        self, save: Callable[[DataFrame], None]
    ) -> tuple[tuple[Finding, ...], Exception | None]:
        """Save the stream, and return what the checks have found.

        Args:
            save: Saves a stream, and returns when it has ended.

        Returns:
            The findings; and the failure of the query, if there is one.
        """
        failure = None
        try:
            with asking(BatchesAsked(tell=self.tell)):
                save(self.frame)
        except Exception as exc:
            failure = exc
        return self._findings(failure), failure

    def _findings(self, failure: Exception | None) -> tuple[Finding, ...]:
        if failure is not None and not self.counts and asserted(failure, self.marker) is None:
            return ()  # no row has gone by
        is_counted = bool(self.name) and not self.counts[_NOT_TOLD]
        rows = self.counts["rows"] if is_counted else None
        found = [
            _uncounted(check) if rows is None else of_rows(check, self.counts[column], rows)
            for check, column in self.checks
        ]
        failed = None if failure is None else asserted(failure, self.marker)
        if failed is not None:
            number, row = failed
            must_hold = [n for n, (check, _) in enumerate(self.checks) if check.on_fail == "fail"]
            check, _ = self.checks[must_hold[number]]
            # A query ends at the first such row, and does not count others.
            told = f"a row did not pass: {check.says}"
            found[must_hold[number]] = Finding(check, None, rows, told, (row,))
        return tuple(found)


def ride_on(frame: DataFrame, checks: Sequence[Check], *, is_counted: bool) -> StreamRide:
    """Return a stream that judges its rows as they go by.

    Args:
        frame: The stream.
        checks: Its checks, all of rows.
        is_counted: Whether what does not pass can be counted: each row goes by once.
    """
    flagged = flag(frame, checks)
    name = f"sparkpipe-checks-{os.urandom(8).hex()}" if is_counted else ""

    def count(rows: DataFrame, bad: Mapping[str, Column]) -> DataFrame:
        return rows.observe(name, *counts_of(rows, bad))

    good, marker = letting_good_by(flagged, count if is_counted else None)
    return StreamRide(good, flagged.flags, name, marker)


def _uncounted(check: Check) -> Finding:
    """Return the finding of a check of which it is not known how many rows did not pass."""
    if check.on_fail == "fail":  # then the query would have failed
        return Finding(check)
    return Finding(check, told=f"Spark has not told how many rows did not pass: {check.says}")


def save_by_batches(
    save: Callable[[], None], save_batch: Callable[[DataFrame, SaveBatch], None], checks: str
) -> None:
    """Save a stream whose batches are judged one by one, and tell what was found in all of them.

    Args:
        save: Saves the stream.
        save_batch: Judges a batch, and saves it by the function that it is given.
        checks: What judges it, the same in each process.
    """
    totals: dict[str, _Total] = {}

    def judge(batch: DataFrame, write: SaveBatch) -> None:
        with gathering() as facts:
            try:
                save_batch(batch, write)
            finally:
                _add(totals, facts.checks)

    try:
        with asking(BatchesAsked(judge, checks=checks)):
            save()
    finally:
        note_checks(total.report() for total in totals.values())


class BatchOf(DelegatingDataSet):
    """A data set as that of one batch of a stream.

    Args:
        data_set: What the stream is saved to.
        write: Saves the batch.
    """

    def __init__(self, data_set: Any, write: Callable[[Any], None]) -> None:
        super().__init__(data_set)
        self._write = write

    def _save(self, data: Any) -> None:
        self._write(data)


@dataclass
class _Total:
    """What one check has found in all batches."""

    latest: CheckReport
    told: CheckReport | None = None
    batches: int = 0
    with_findings: int = 0
    failed: int | None = None
    rows: int | None = None

    def add(self, report: CheckReport) -> None:
        self.latest = report
        self.batches += 1
        self.failed = _sum(self.failed, report.failed)
        self.rows = _sum(self.rows, report.rows)
        if report.outcome != "passed":
            self.with_findings += 1
            self.told = report

    def report(self) -> CheckReport:
        """Return it as of one save."""
        shown = self.told or self.latest
        told = shown.told
        if told and self.batches > 1:
            told = f"in {self.with_findings} of {self.batches} batches, in the last of them: {told}"
        return replace(shown, failed=self.failed, rows=self.rows, told=told)


def _add(totals: dict[str, _Total], reports: Iterable[CheckReport]) -> None:
    for report in reports:
        totals.setdefault(report.check, _Total(report)).add(report)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
