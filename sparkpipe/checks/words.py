"""The words of ``checks:`` in an entry of the catalog, as frozen values.

A check is of a row (``check``, ``not_null``, ``accepted``, ``between``), which passes or not by
itself, or of the whole (``unique``, ``rows``, ``fresh``, ``refers``). Functions of the user's are
of either kind, by what they return; models of pandera are of the whole.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

from sparkpipe.checks.values import as_time
from sparkpipe.errors import DataSetError, did_you_mean

#: What becomes of data that does not pass.
OnFail = Literal["fail", "warn", "drop", "quarantine"]
ON_FAIL: tuple[OnFail, ...] = get_args(OnFail)

#: A value that stands in an entry.
Value = str | int | float | bool | Decimal | dt.date | dt.datetime

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?")
_BESIDE = ("name", "on_fail", "args")


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
        if self.least is not None and rows < self.least:
            return f"{rows} rows, at least {self.least} are needed"
        if self.most is not None and rows > self.most:
            return f"{rows} rows, at most {self.most} are allowed"
        if self.change is None or before is None or abs(rows - before) <= self.change * before:
            return ""
        return (
            f"{rows} rows, more than {self.change * 100:g}% off the {before} of the last good run"
        )


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


def parse_checks(given: Any) -> tuple[Check, ...]:
    """Return the checks of an entry.

    Args:
        given: What stands under ``checks``.

    Raises:
        DataSetError: Something in it is not possible; all of it is told.

    >>> [check.name for check in parse_checks([{"not_null": ["id", "day"]}, {"check": "id > 0"}])]
    ['not_null id', 'not_null day', 'id > 0']
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise DataSetError(
            "'checks' must be a list.", hint='For example: [{check: "fare >= 0"}, {unique: [id]}].'
        )
    checks: list[Check] = []
    wrong: list[str] = []
    for number, one in enumerate(given, 1):
        try:
            checks += _parsed(one)
        except DataSetError as exc:
            wrong.append(f"checks, number {number}: {exc}")
    names = [check.name for check in checks]
    wrong += [
        f"two checks are called '{name}'. Give one of them another name."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if wrong:
        raise DataSetError(" ".join(wrong))
    return tuple(checks)


def parse_validator(given: Any) -> tuple[Validator, ...]:
    """Return what Kedro's ``validator`` asks for; nothing where it is switched off.

    Raises:
        DataSetError: It is not as Kedro writes it.
    """
    if isinstance(given, str):
        return (Validator(f"validator {given}", path=given),)
    # YAML reads the word on as true.
    known = {"on" if key is True else str(key): value for key, value in _mapping(given).items()}
    allowed = ("class", "on", "severity", "enabled", "skip_load_after_save", "options")
    for key in known:
        if key not in allowed:
            hint = did_you_mean(key, allowed) or f"It is one of {', '.join(allowed)}."
            raise DataSetError(f"validator: '{key}' is not known.", hint=hint)
    path, severity = known.get("class"), known.get("severity", "error")
    modes = known.get("on", ("load", "save"))
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not isinstance(path, str) or not {"load", "save"}.issuperset(modes):
        raise DataSetError("validator: 'class' is a dotted path, and 'on' of load and save.")
    if severity not in ("error", "warn"):
        raise DataSetError(f"validator: 'severity' is error or warn, not {severity!r}.")
    if known.get("enabled") is False:
        return ()
    on_fail: OnFail = "warn" if severity == "warn" else "fail"
    options = tuple(_mapping(known.get("options", {})).items())
    return (Validator(f"validator {path}", on_fail, path, options, modes),)


def column_problems(checks: Sequence[Check], present: Sequence[str]) -> list[str]:
    """Return which checks read columns that are not there.

    Args:
        checks: The checks.
        present: The names of the columns; their case counts only where two differ by nothing else.

    >>> column_problems(parse_checks([{"not_null": "fair"}]), ["fare"])
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


def _parsed(one: Any) -> list[Check]:
    if isinstance(one, str) and _PATH.fullmatch(one.strip()):
        one = {"function": one.strip()}
    words = [*_WORDS]
    if not isinstance(one, Mapping):
        raise DataSetError(
            f"{one!r} is no check.", hint=f"Write {{word: ...}}, of {', '.join(words)}."
        )
    keys = [str(key) for key in one]
    found = [key for key in keys if key not in _BESIDE]
    for key in found:
        if key not in _WORDS:
            hint = did_you_mean(key, [*words, *_BESIDE]) or f"Checks are {', '.join(words)}."
            raise DataSetError(f"there is no check '{key}'.", hint=hint)
    if len(found) != 1:
        told = ", ".join(found) or "none"
        raise DataSetError(f"each check has one word, not {told}.", hint="Write one check a line.")
    (word,) = found
    on_fail = one.get("on_fail", "fail")
    if on_fail not in ON_FAIL:
        hint = did_you_mean(str(on_fail), ON_FAIL) or f"It is one of {', '.join(ON_FAIL)}."
        raise DataSetError(f"on_fail is not {on_fail!r}.", hint=hint)
    made = _WORDS[word](one[word], on_fail)
    if "args" in one:
        if word != "function":
            raise DataSetError(f"'args' is for functions, not for '{word}'.")
        args = tuple(_mapping(one["args"]).items())
        made = [replace(check, args=args) for check in made]  # type: ignore[call-arg]
    made = [_named(check, one.get("name"), len(made)) for check in made]
    for check in made:
        if on_fail in ("drop", "quarantine") and not (
            check.is_of_rows or isinstance(check, Function)
        ):
            raise DataSetError(
                f"'{word}' is of the whole, and no single row is at fault: on_fail is fail or "
                f"warn, not {on_fail}."
            )
    return made


def _named(check: Check, name: Any, count: int) -> Check:
    if name is None:
        return check
    if not isinstance(name, str) or not name.strip():
        raise DataSetError(f"'name' is a text, not {name!r}.")
    columns = ", ".join(check.columns)
    return replace(check, name=name if count == 1 else f"{name} ({columns})")


def _mapping(given: Any) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise DataSetError(f"a mapping is needed, not {given!r}.")
    return given


def _names(given: Any, word: str) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names or not all(isinstance(n, str) for n in names):
        raise DataSetError(f"'{word}' needs names of columns, not {given!r}.")
    return tuple(names)


def _by_column(given: Any, word: str, example: str) -> list[tuple[str, Any]]:
    if not isinstance(given, Mapping) or not given:
        raise DataSetError(f"'{word}' needs columns and what they are to be: {example}")
    return [(str(column), value) for column, value in given.items()]


def _expression(given: Any, on_fail: OnFail) -> list[Check]:
    if not isinstance(given, str) or not given.strip():
        raise DataSetError(f"'check' needs an SQL expression, not {given!r}.")
    sql = " ".join(given.split())
    return [Expression(sql, on_fail, sql)]


def _not_null(given: Any, on_fail: OnFail) -> list[Check]:
    return [NotNull(f"not_null {name}", on_fail, name) for name in _names(given, "not_null")]


def _unique(given: Any, on_fail: OnFail) -> list[Check]:
    names = _names(given, "unique")
    return [Unique(f"unique {', '.join(names)}", on_fail, names)]


def _accepted(given: Any, on_fail: OnFail) -> list[Check]:
    made: list[Check] = []
    for column, values in _by_column(given, "accepted", "{status: [paid, free]}"):
        if not isinstance(values, (list, tuple)) or not values or None in values:
            raise DataSetError(
                f"'accepted' needs a list of values of '{column}', not {values!r}.",
                hint="null passes by itself; not_null is its own word.",
            )
        made.append(Accepted(f"accepted {column}", on_fail, column, tuple(values)))
    return made


def _between(given: Any, on_fail: OnFail) -> list[Check]:
    made: list[Check] = []
    for column, bounds in _by_column(given, "between", "{distance: [0, 300]}"):
        if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
            raise DataSetError(f"'between' needs two bounds of '{column}', not {bounds!r}.")
        low, high = bounds
        if low is None and high is None:
            raise DataSetError(f"'between' needs a bound of '{column}'.")
        try:
            first, last = (as_time(one) or one for one in bounds)
            is_empty = low is not None and high is not None and first > last
        except TypeError as exc:
            told = f"'between': {low!r} and {high!r} cannot be compared."
            raise DataSetError(told) from exc
        if is_empty:
            raise DataSetError(f"'between': nothing lies between {low} and {high}.")
        made.append(Between(f"between {column}", on_fail, column, low, high))
    return made


def _rows(given: Any, on_fail: OnFail) -> list[Check]:
    known = {str(key): value for key, value in _mapping(given).items()}
    allowed = ("min", "max", "change")
    for key in known:
        if key not in allowed:
            hint = did_you_mean(key, allowed) or "It has min, max and change."
            raise DataSetError(f"'rows' has no '{key}'.", hint=hint)
    if not known:
        raise DataSetError("'rows' needs min, max or change.")
    for key in ("min", "max"):
        value = known.get(key)
        if value is not None and (not isinstance(value, int) or value < 0 or value is True):
            raise DataSetError(f"'rows': {key} is a number of rows, not {value!r}.")
    change = known.get("change")
    if change is not None and (not isinstance(change, (int, float)) or change <= 0):
        raise DataSetError(f"'rows': change is a share such as 0.2, not {change!r}.")
    if None not in (known.get("min"), known.get("max")) and known["min"] > known["max"]:
        raise DataSetError(f"'rows': min {known['min']} is above max {known['max']}.")
    return [Rows("rows", on_fail, known.get("min"), known.get("max"), change)]


def _fresh(given: Any, on_fail: OnFail) -> list[Check]:
    made: list[Check] = []
    for column, age in _by_column(given, "fresh", "{day: 2 days}"):
        found = _AGE.fullmatch(str(age).strip().lower())
        if found is None:
            hint = "Give it in seconds, minutes, hours, days or weeks, such as '2 days'."
            raise DataSetError(f"'fresh': {age!r} is no time.", hint=hint)
        span = dt.timedelta(**{f"{found[2]}s": float(found[1])})
        made.append(Fresh(f"fresh {column}", on_fail, column, span))
    return made


def _refers(given: Any, on_fail: OnFail) -> list[Check]:
    made: list[Check] = []
    for column, target in _by_column(given, "refers", "{airline: airlines.code}"):
        data_set, _, to = str(target).rpartition(".")
        if not data_set or not to:
            raise DataSetError(
                f"'refers': {target!r} names no column of a data set.",
                hint="Write the data set, a dot and the column: airlines.code.",
            )
        made.append(Refers(f"refers {column}", on_fail, column, data_set, to))
    return made


def _path(given: Any, word: str) -> str:
    if not isinstance(given, str) or not _PATH.fullmatch(given.strip()):
        raise DataSetError(f"'{word}' needs a dotted path such as shop.checks.paid, not {given!r}.")
    return given.strip()


def _function(given: Any, on_fail: OnFail) -> list[Check]:
    path = _path(given, "function")
    return [Function(path.rpartition(".")[2], on_fail, path)]


def _pandera(given: Any, on_fail: OnFail) -> list[Check]:
    path = _path(given, "pandera")
    return [Pandera(f"pandera {path.rpartition('.')[2]}", on_fail, path)]


_WORDS: dict[str, Callable[[Any, OnFail], list[Check]]] = {
    "check": _expression,
    "not_null": _not_null,
    "unique": _unique,
    "accepted": _accepted,
    "between": _between,
    "rows": _rows,
    "fresh": _fresh,
    "refers": _refers,
    "function": _function,
    "pandera": _pandera,
}
