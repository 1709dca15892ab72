"""Checks that ride on the write of a Spark frame: they cost no job of their own.

What must hold is asserted in the plan, so that a row that does not pass fails the job before
anything is committed. All else is counted as the rows go by.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkpipe.checks.counting import Counter, counter_for
from sparkpipe.checks.findings import MOST_SAMPLES, Finding, of_rows
from sparkpipe.checks.on_spark import Flagged, functions_for
from sparkpipe.checks.words import Check
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.redaction import HIDDEN, is_secret
from sparkpipe.spark.failures.chain import failure_links

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_logger = logging.getLogger(__name__)

_LONGEST_ROW = 600
# Java compiles no method that is very long: with the cells of a wide table this one would be.
_MOST_CELLS = 30
# The columns of Spark's types that cannot be written as JSON.
_NO_JSON = re.compile(r"interval|variant|void|binary")


@dataclass(frozen=True)
class Ride:
    """A frame that judges itself as it is written.

    Attributes:
        frame: What to write.
        flagged: The checks.
        counter: Counts what goes by; None where nothing is to be counted.
        marker: What stands in the failure of a row that does not pass.
    """

    frame: DataFrame
    flagged: Flagged
    counter: Counter | None
    marker: str

    def save(
        self, save: Callable[[DataFrame], None]
    ) -> tuple[tuple[Finding, ...], int | None, Exception | None]:
        """Write, and return what the checks have found.

        Args:
            save: Writes a frame; when it fails, nothing is committed.

        Returns:
            The findings; how many rows went by, None where they were not counted; and the failure
            of the write, if it has failed by the checks.
        """
        try:
            save(self.frame)
        except Exception as exc:
            failed = asserted(exc, self.marker)
            if failed is None:
                raise
            return self._look_again(*failed), None, exc
        return (*self._counted(), None)

    @property
    def _must_hold(self) -> list[tuple[Check, str]]:
        return self.flagged.flags_of("fail")

    def _counted(self) -> tuple[tuple[Finding, ...], int | None]:
        others = self.flagged.flags_of("warn", "drop")
        counts = None if self.counter is None else self.counter.told()
        if counts is None and not others:  # then all passed
            passed = [of_rows(check, 0, None) for check, _ in self._must_hold]
            return (*self.flagged.counted, *passed), None
        if counts is None:
            _logger.debug("Spark has not told what went by; it is counted again.")
            row = self.flagged.frame.agg(*self.flagged.counts(others)).first()
            counts = {} if row is None else row.asDict()
        rows = int(counts.get("rows") or 0)
        found = {check.name: of_rows(check, counts.get(flag) or 0, rows) for check, flag in others}
        passed = [of_rows(check, 0, rows) for check, _ in self._must_hold]
        return (*self.flagged.counted, *passed, *found.values()), rows

    def _look_again(self, number: int, row: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Count what did not pass, which the job that failed at the first such row has not."""
        flagged = self.flagged
        failing = flagged.flags_of("fail")
        try:
            counted = flagged.frame.agg(*flagged.counts(flagged.flags)).first()
            counts = {} if counted is None else counted.asDict()
            shown = samples(flagged, [one for one in failing if counts.get(one[1])])
        except Exception as exc:
            _logger.debug("What did not pass cannot be counted: %s", exc)
            counts, shown = {}, {}
        rows = counts.get("rows")
        findings = []
        for position, (check, flag) in enumerate(failing):
            found = of_rows(check, counts.get(flag) or 0, rows)
            if position == number and not found.told:  # rows that vary pass the second time
                found = Finding(check, None, rows, f"a row did not pass: {check.says}", (row,))
            findings.append(replace(found, samples=shown.get(check.name) or found.samples))
        for check, flag in flagged.flags_of("warn", "drop"):
            findings.append(of_rows(check, counts.get(flag) or 0, rows))
        return (*flagged.counted, *findings)


def ride(flagged: Flagged, *, counts_rows: bool = False) -> Ride:
    """Return a frame that judges itself as it is written.

    Args:
        flagged: The frame, with its checks of rows.
        counts_rows: Whether rows are counted where all of them must pass, too.
    """
    is_counted = counts_rows or bool(flagged.flags_of("warn", "drop")) or flagged.calls_functions
    counter = counter_for(flagged) if is_counted else None
    good, marker = letting_good_by(flagged, None if counter is None else counter.on)
    return Ride(good, flagged, counter, marker)


def letting_good_by(
    flagged: Flagged, count: Callable[[DataFrame, Mapping[str, Column]], DataFrame] | None = None
) -> tuple[DataFrame, str]:
    """Return a frame that fails at a row that has to pass, and leaves out what is dropped.

    Args:
        flagged: The frame, with its checks.
        count: Returns a frame whose rows are counted as they go by, and of how many each of some
            named columns is true. None if nothing is to be counted.

    Returns:
        The frame, without the columns of the checks; and what stands in a failure, for
        :func:`asserted`.
    """
    marker = f"sparkpipe-check-{os.urandom(6).hex()}"
    numbers = [str(number) for number, _ in enumerate(flagged.flags_of("fail"))]
    assert_all = partial(asserting, flagged=flagged, beginning=f"{marker}:", labels=numbers)
    others = flagged.flags_of("warn", "drop")
    if count is not None and flagged.calls_functions:
        # Below what is counted Spark moves nothing: a function is called once for each row, and
        # the value that is judged is the one that is saved.
        frame = count(flagged.frame, flagged.bad(others))
        dropped = flagged.any_of("drop")
        frame = assert_all(frame)
        return flagged.own(frame if dropped is None else frame.where(~dropped)), marker
    # First of all: so it is one step with the reading of a row.
    frame = assert_all(flagged.frame, stays=True)
    # Columns for the counts alone would make each row once more.
    columns = flagged.apart if all(flag in flagged.apart for _, flag in others) else None
    if columns is not None:
        frame = flagged.own(frame)
    if count is not None:
        frame = count(frame, flagged.bad(others, columns))
    dropped = flagged.any_of("drop", columns=columns)
    if dropped is not None:
        frame = frame.where(~dropped)
    return frame if columns is not None else flagged.own(frame), marker


def asserting(
    frame: DataFrame,
    flagged: Flagged,
    beginning: str,
    labels: Sequence[str],
    *,
    stays: bool = False,
) -> DataFrame:
    """Return a frame that fails at a row that does not pass what must hold.

    Args:
        frame: A frame with the columns of the checks.
        flagged: The checks.
        beginning: What the message begins with; then come a label, a colon, and the row.
        labels: What stands for each check that must hold.
        stays: Whether Spark may move it to no other place. Below a join it would judge rows that
            the join leaves out.
    """
    failing = flagged.flags_of("fail")
    if not failing:
        return frame
    functions = functions_for(frame)
    which = functions
    for label, (_, flag) in zip(labels, failing, strict=True):
        which = which.when(functions.col(flag), label)
    own = [(name, kind) for name, kind in frame.dtypes if name in flagged.columns]
    cells = [_cell(functions, name, kind) for name, kind in own[:_MOST_CELLS]]
    row = functions.substring(functions.to_json(functions.struct(*cells)), 1, _LONGEST_ROW)
    message = functions.concat(functions.lit(beginning), which, functions.lit(":"), row)
    failure = functions.raise_error(message).cast("boolean")
    # Spark moves no condition that it does not know to be the same each time.
    passed = functions.spark_partition_id() >= 0 if stays else functions.lit(True)
    return frame.where(functions.when(which.isNotNull(), failure).otherwise(passed))


def _cell(functions: Any, name: str, kind: str) -> Any:
    """Return a column as an error shows it, which Spark writes into its logs, too."""
    if is_secret(name):
        return functions.lit(HIDDEN).alias(name)
    column = functions.col(quoted(name))
    shown = functions.lit(f"({kind})") if _NO_JSON.search(kind) else column
    return shown.alias(name)


def asserted(exc: BaseException, marker: str) -> tuple[int, dict[str, Any]] | None:
    """Return which check a row did not pass, and the row, if that is why something failed.

    Args:
        exc: The failure.
        marker: That of the assertion.
    """
    found = None
    link: BaseException | None = exc
    while link is not None and found is None:
        texts = [str(link), *(one.text for one in failure_links(link))]
        pattern = re.compile(rf"{marker}:(\d+):(.*)")
        found = next((hit for text in texts if (hit := pattern.search(text))), None)
        link = link.__cause__
    if found is None:
        return None
    try:
        row, _ = json.JSONDecoder().raw_decode(found[2])
    except ValueError:  # it was cut
        row = {"row": found[2]}
    return int(found[1]), row


def samples(
    flagged: Flagged, checks: Sequence[tuple[Check, str]]
) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Return a few rows that do not pass, by the names of the checks; one job for all.

    Args:
        flagged: The frame.
        checks: The checks, with their columns.
    """
    functions = functions_for(flagged.frame)
    parts = [
        flagged.frame.where(functions.col(flag))
        .limit(MOST_SAMPLES)
        .select(functions.lit(number).alias("__sparkpipe_check"), *map(quoted, flagged.columns))
        for number, (_, flag) in enumerate(checks)
    ]
    if not parts:
        return {}
    all_parts = parts[0]
    for part in parts[1:]:
        all_parts = all_parts.unionAll(part)
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for row in all_parts.collect():
        plain = row.asDict()
        name = checks[plain.pop("__sparkpipe_check")][0].name
        found[name] = (*found.get(name, ()), plain)
    return found
