"""What checks have found, and what is told of it, whichever engine has judged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkpipe.checks.words import Check, Refers
from sparkpipe.errors import CheckFailedError, DataSetError
from sparkpipe.events import CheckOutcome, CheckReport, Direction
from sparkpipe.redaction import HIDDEN, is_secret
from sparkpipe.words import counted

#: How many rows that do not pass an error shows of each check.
MOST_SAMPLES = 5
_LONGEST_VALUE = 60
_MOST_VALUES = 12

_BECAME: Mapping[str, CheckOutcome] = {
    "fail": "failed",
    "warn": "warned",
    "drop": "dropped",
    "quarantine": "quarantined",
}


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        check: The check.
        failed: How many rows did not pass; None where they were not counted.
        rows: How many rows were judged; None where they were not counted.
        told: What was found, in words; empty if the check passed.
        samples: Some of the rows that did not pass, by column.
        latest: Of a check of how fresh data is, the latest value that there is.
    """

    check: Check
    failed: int | None = None
    rows: int | None = None
    told: str = ""
    samples: tuple[Mapping[str, Any], ...] = ()
    latest: dt.date | dt.datetime | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing may be saved."""
        return bool(self.told) and self.check.on_fail == "fail"

    def report(
        self, data_set: str, direction: Direction, quarantine: str = "", stops: bool = False
    ) -> CheckReport:
        """Return it as it is told to observers.

        Args:
            data_set: The name of the data set.
            direction: Whether it was judged at a load or a save.
            quarantine: Where rows that do not pass are put.
            stops: Whether this or another check keeps all from being saved.
        """
        became: CheckOutcome = (
            "failed" if stops and self.check.on_fail != "warn" else _BECAME[self.check.on_fail]
        )
        outcome: CheckOutcome = became if self.told else "passed"
        return CheckReport(
            data_set,
            self.check.name,
            direction,
            outcome,
            self.failed,
            self.rows,
            self.told,
            quarantine if outcome == "quarantined" else "",
        )


def of_rows(check: Check, failed: int, rows: int | None) -> Finding:
    """Return the finding of a check for each row.

    Args:
        check: The check.
        failed: How many rows did not pass.
        rows: How many rows there were.
    """
    says = "" if check.says == check.name else f": {check.says}"
    those = counted(failed, "row") if rows is None else f"{failed} of {counted(rows, 'row')}"
    told = f"{those} did not pass{says}" if failed else ""
    return Finding(check, failed, rows, told)


def refuse(findings: Iterable[Finding], what: str = "nothing was saved") -> None:
    """Raise if checks were not passed that must be.

    Args:
        findings: What all checks have found.
        what: What did not happen for it.

    Raises:
        CheckFailedError: With names, counts, and some of the rows.
    """
    failures = [one for one in findings if one.stops]
    if not failures:
        return
    count = f"{len(failures)} checks" if len(failures) > 1 else f"check '{failures[0].check.name}'"
    lines = [f"{count} failed, and {what}."]
    for one in failures:
        name = f"{one.check.name}: " if len(failures) > 1 else ""
        lines.append(f"  {name}{one.told}")
        lines += [f"    {line}" for line in map(shown_row, one.samples)]
    if any(one.failed is not None for one in failures):
        lines.append(
            "Let such rows be kept apart (on_fail: quarantine), or correct what makes them."
        )
    raise CheckFailedError("\n".join(lines))


def refuse_to_refer(check: Refers, is_text: bool, refers_to_text: bool) -> None:
    """Refuse to look for texts among what is none, which each engine would do in its own way.

    Args:
        check: The check.
        is_text: Whether its column holds texts.
        refers_to_text: Whether the other one does.

    Raises:
        DataSetError: One does, and the other does not.
    """
    if is_text != refers_to_text:
        first, second = ("texts", "none") if is_text else ("no texts", "texts")
        raise DataSetError(
            f"'{check.column}' holds {first}, and '{check.to}' of '{check.data_set}' {second}.",
            hint="Give both one type.",
        )


def no_frame(data: Any) -> DataSetError:
    """Return the error of what checks cannot judge, which would else go by unseen."""
    kind = type(data)
    named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return DataSetError(
        f"checks judge frames of Spark and pandas, not a {named}.",
        hint="Give the node's result as a frame, or use 'validator'.",
    )


def shown_row(row: Mapping[str, Any]) -> str:
    """Return a row in one line; what is secret by the name of its column is hidden.

    >>> shown_row({"id": 7, "api_key": "x", "name": "Ada"})
    "id=7, api_key='***', name='Ada'"
    """
    shown = [f"{name}={_shown_value(name, value)}" for name, value in row.items()]
    more = [f"and {len(shown) - _MOST_VALUES} more columns"] if len(shown) > _MOST_VALUES else []
    return ", ".join([*shown[:_MOST_VALUES], *more])


def _shown_value(name: str, value: Any) -> str:
    told = repr(HIDDEN) if is_secret(name) else repr(value) if _is_plain(value) else str(value)
    return told if len(told) <= _LONGEST_VALUE else f"{told[:_LONGEST_VALUE]}…"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def failed_names(checks: Sequence[Check], flags: Sequence[bool]) -> str:
    """Return the names of the checks that a row did not pass, as they stand in a quarantine."""
    return "; ".join(c.name for c, is_failed in zip(checks, flags, strict=True) if is_failed)
