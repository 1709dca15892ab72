"""The words of ``checks:`` in an entry of the catalog, as frozen values.

A check is of a row (``check``, ``not_null``, ``accepted``, ``between``), which passes or not by
itself, or of the whole (``unique``, ``rows``, ``fresh``, ``refers``). Functions of the user's are
of either kind, by what they return; models of pandera are of the whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

from sparkpipe.errors import did_you_mean
from sparkpipe.words import counted

#: What becomes of data that does not pass.
OnFail = Literal["fail", "warn", "drop", "quarantine"]
ON_FAIL: tuple[OnFail, ...] = get_args(OnFail)

#: A value that stands in an entry.
Value = str | int | float | bool | Decimal | dt.date | dt.datetime


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: Unique within the entry.
        on_fail: What becomes of data that does not pass.
    """

    word: ClassVar[str] = ""
    is_of_rows: ClassVar[bool] = False

    name: str
    on_fail: OnFail = "fail"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is known to read."""
        return ()

    @property
    def says(self) -> str:
        """What has to hold, in words."""
        return self.name


@dataclass(frozen=True)
class Expression(Check):
    """An SQL expression, which must not be false; like SQL's CHECK, null passes."""

    word: ClassVar[str] = "check"
    is_of_rows: ClassVar[bool] = True
    sql: str = ""

    @property
    def says(self) -> str:
        """The expression."""
        return self.sql


@dataclass(frozen=True)
class OfColumn(Check):
    """A check of the values of one column."""

    is_of_rows: ClassVar[bool] = True
    column: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


@dataclass(frozen=True)
class NotNull(OfColumn):
    """A value must be there; NaN is none."""

    word: ClassVar[str] = "not_null"

    @property
    def says(self) -> str:
        """What has to hold."""
        return f"{self.column} is not null"


@dataclass(frozen=True)
class Accepted(OfColumn):
    """A value must be one of a list; null passes."""

    word: ClassVar[str] = "accepted"
    values: tuple[Value, ...] = ()

    @property
    def says(self) -> str:
        """What has to hold."""
        return f"{self.column} is one of {', '.join(map(str, self.values))}"


@dataclass(frozen=True)
class Between(OfColumn):
    """A value must lie between two, which belong to it; null passes, and no bound is no bound."""

    word: ClassVar[str] = "between"
    low: Value | None = None
    high: Value | None = None

    @property
    def says(self) -> str:
        """What has to hold."""
        if self.low is None or self.high is None:
            sign, bound = ("<=", self.high) if self.low is None else (">=", self.low)
            return f"{self.column} {sign} {bound}"
        return f"{self.column} between {self.low} and {self.high}"


@dataclass(frozen=True)
class Unique(Check):
    """No two rows have the same values in all of the columns; a row with a null is like none."""

    word: ClassVar[str] = "unique"
    of: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self.of

    @property
    def says(self) -> str:
        """What has to hold."""
        return f"{', '.join(self.of)} is unique"


@dataclass(frozen=True)
class Rows(Check):
    """How many rows there are: at least, at most, and against the last good run."""

    word: ClassVar[str] = "rows"
    least: int | None = None
    most: int | None = None
    change: float | None = None

    @property
    def says(self) -> str:
        """What has to hold."""
        told = [f"at least {self.least}"] if self.least is not None else []
        told += [f"at most {self.most}"] if self.most is not None else []
        if self.change is not None:
            told.append(f"within {self.change * 100:g}% of the last good run")
        return f"rows: {', '.join(told)}"

    def why_not(self, rows: int, before: int | None) -> str:
        """Say why a number of rows does not pass; empty if it does.

        Args:
            rows: How many there are.
            before: How many the last good run saved; None if nobody knows.
        """
        told = counted(rows, "row")
        if self.least is not None and rows < self.least:
            return f"{told}, at least {self.least} are needed"
        if self.most is not None and rows > self.most:
            return f"{told}, at most {self.most} are allowed"
        if self.change is None or before is None or abs(rows - before) <= self.change * before:
            return ""
        return f"{told}, more than {self.change * 100:g}% off the {before} of the last good run"


@dataclass(frozen=True)
class Fresh(Check):
    """The latest value of a column of dates or times is no older than this."""

    word: ClassVar[str] = "fresh"
    column: str = ""
    age: dt.timedelta = dt.timedelta()

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def says(self) -> str:
        """What has to hold."""
        return f"the latest {self.column} is no older than {self.age}"

    def why_not(self, latest: dt.date | dt.datetime | None, now: dt.datetime) -> str:
        """Say why the latest value does not pass; empty if it does.

        Args:
            latest: A date counts as its end; a time without zone is in UTC.
            now: The present time, with its zone.
        """
        if latest is None:
            return f"{self.column} has no value"
        if not isinstance(latest, dt.datetime):
            end = dt.datetime.combine(latest, dt.time.min, dt.timezone.utc) + dt.timedelta(days=1)
            return "" if now - end <= self.age else f"the latest {self.column} is {latest}"
        at = latest if latest.tzinfo is not None else latest.replace(tzinfo=dt.timezone.utc)
        return "" if now - at <= self.age else f"the latest {self.column} is {latest}"


@dataclass(frozen=True)
class Refers(Check):
    """Each value of a column is in a column of another data set; null passes."""

    word: ClassVar[str] = "refers"
    column: str = ""
    data_set: str = ""
    to: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def says(self) -> str:
        """What has to hold."""
        return f"{self.column} is in {self.data_set}.{self.to}"


@dataclass(frozen=True)
class Function(Check):
    """A function of the user's, of a frame, that gives a boolean column or a count of bad rows."""

    word: ClassVar[str] = "function"
    path: str = ""
    args: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Pandera(Check):
    """A model or schema of pandera."""

    word: ClassVar[str] = "pandera"
    path: str = ""


@dataclass(frozen=True)
class Validator(Check):
    """What Kedro's key ``validator`` names: by its own rules, on save and load.

    Attributes:
        path: A model of pandera, a class or object with ``validate``, or a function.
        options: The arguments of a class.
        on: When it is asked.
    """

    word: ClassVar[str] = "validator"
    path: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    on: tuple[str, ...] = ("load", "save")


def column_problems(checks: Sequence[Check], present: Sequence[str]) -> list[str]:
    """Return which checks read columns that are not there.

    Args:
        checks: The checks.
        present: The names of the columns; their case counts only where two differ by nothing else.

    >>> column_problems([NotNull("not_null fair", column="fair")], ["fare"])
    ["check 'not_null fair': there is no column 'fair'. Did you mean 'fare'?"]
    """
    known = {name.lower() for name in present}
    all_of_them = f"There are {', '.join(present)}."
    return [
        f"check '{check.name}': there is no column '{column}'. "
        f"{did_you_mean(column, present) or all_of_them}"
        for check in checks
        for column in check.columns
        if column.lower() not in known
    ]
