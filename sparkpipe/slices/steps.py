"""The steps of a slice: a list of values, or a calendar of hours, days, weeks, months or years."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.words import listed

#: How many slices may be asked for at once: 27 years of days.
MOST = 10_000

#: Of each unit the letters of the ISO text that tell a slice, and how one is written.
_MOST_TOLD = 10
_LETTERS = {"hour": 13, "day": 10, "week": 10, "month": 7, "year": 4}
_EXAMPLES = {
    "hour": "2024-01-31T05",
    "day": "2024-01-31",
    "week": "2024-01-29",
    "month": "2024-01",
    "year": "2024",
}
UNITS = tuple(_LETTERS)
_FORMS = {
    "hour": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d(?P<minutes>\d\d)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
    ),
    "day": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "week": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "month": re.compile(r"\d{4}-\d\d", re.ASCII),
    "year": re.compile(r"\d{4}", re.ASCII),
}


@dataclass(frozen=True)
class Choice:
    """One slice of a step.

    Attributes:
        text: As it stands in paths, in SQL and on the command line.
        value: What a node gets: a date, a time, or the value that is declared.
    """

    text: str
    value: Any

    @property
    def inserted(self) -> Any:
        """What configuration gets: the text of a date or time, else the declared value."""
        return self.text if isinstance(self.value, date) else self.value


class Step(Protocol):
    """All slices of one name."""

    @property
    def name(self) -> str:
        """The name."""

    def choose(self, text: str) -> Choice:
        """Return the slice of a text, or raise a ConfigError."""

    def between(self, first: str, last: str) -> Sequence[Choice]:
        """Return the slices from one to another, both included, or raise a ConfigError."""

    def last(self, now: datetime) -> Choice:
        """Return the last slice that is over, or raise a ConfigError."""

    def over(self, now: datetime) -> Sequence[Choice]:
        """Return all slices that are over, or raise a ConfigError."""

    def late(self, now: datetime) -> frozenset[str] | None:
        """Return the texts of those that late data makes stale; None for all."""


Steps: TypeAlias = Mapping[str, Step]


@dataclass(frozen=True)
class ListStep:
    """The values of a list, which have no order and no end.

    Attributes:
        name: Of the slice.
        choices: The values.
    """

    name: str
    choices: tuple[Choice, ...]

    def choose(self, text: str) -> Choice:
        """Return the value of a text."""
        by_text = {choice.text: choice for choice in self.choices}
        if text not in by_text:
            raise ConfigError(
                f"'{text}' is no {self.name}.",
                hint=did_you_mean(text, by_text) or f"There are: {listed(by_text, _MOST_TOLD)}.",
            )
        return by_text[text]

    def between(self, first: str, last: str) -> Sequence[Choice]:
        """Refuse: a list has no range."""
        raise ConfigError(
            f"'{first}..{last}' is no {self.name}: a list has no ranges.",
            hint=f"Give values with commas: {self.name}={','.join(c.text for c in self.choices)}.",
        )

    def last(self, now: datetime) -> Choice:
        """Refuse: a list has no last value."""
        return self.choose("last")

    def over(self, now: datetime) -> Sequence[Choice]:
        """Return all values."""
        return self.choices

    def late(self, now: datetime) -> frozenset[str] | None:
        """Return None: there is no lookback."""
        return None


@dataclass(frozen=True)
class Calendar:
    """Slices of equal length, by the calendar of a time zone.

    Attributes:
        name: Of the slice.
        unit: ``hour``, ``day``, ``week``, ``month`` or ``year``.
        count: How many of them make one slice.
        first: Where the first slice begins: a date; of hours a time with its zone.
        zone: The time zone.
        final: Where the last slice begins; None where it goes on for ever.
        lookback: A number and a unit: how far back late data is looked for; None for all slices.
    """

    name: str
    unit: str
    count: int
    first: Any
    zone: tzinfo
    final: Any = None
    lookback: tuple[int, str] | None = None

    def choose(self, text: str) -> Choice:
        """Return the slice that begins at a date or time."""
        return self._choice(self._number(text))

    def between(self, first: str, last: str) -> Sequence[Choice]:
        """Return the slices from one to another, both included."""
        begin, end = self._number(first), self._number(last)
        if begin > end:
            raise ConfigError(
                f"{self.name}={first}..{last} goes backwards.",
                hint=f"Write {self.name}={last}..{first}.",
            )
        return self._range(begin, end)

    def last(self, now: datetime) -> Choice:
        """Return the last slice that is over."""
        number = self._last_number(now)
        if number < 0:
            raise ConfigError(
                f"No {self.name} is over yet: the first one begins {self._choice(0).text}."
            )
        return self._choice(number)

    def over(self, now: datetime) -> Sequence[Choice]:
        """Return all slices that are over."""
        return self._range(0, self._last_number(now))

    def late(self, now: datetime) -> frozenset[str] | None:
        """Return the slices that begin within the lookback before the end of the last one."""
        if self.lookback is None:
            return None
        number = self._last_number(now)
        end = self._start(number + 1)
        first = self._floor(end - _length(*self.lookback))
        if self._start(first) < end - _length(*self.lookback):
            first += 1
        return frozenset(choice.text for choice in self._range(max(first, 0), number))

    # Numbers: the first slice is 0.

    def _start(self, number: int) -> Any:
        """Return where a slice begins."""
        return self._of_zone(self._origin + _length(number * self.count, self.unit))

    @cached_property
    def _origin(self) -> Any:
        # Hours are counted where each has its sixty minutes.
        first = self.first
        return first.astimezone(timezone.utc) if isinstance(first, datetime) else first

    def _of_zone(self, moment: Any) -> Any:
        return moment.astimezone(self.zone) if isinstance(moment, datetime) else moment

    def _floor(self, moment: Any) -> int:
        """Return the number of the last slice that begins at a moment or before it."""
        if self.unit in ("month", "year"):
            months = (moment.year - self._origin.year) * 12 + moment.month - self._origin.month
            return int(months // (self.count * (12 if self.unit == "year" else 1)))
        return int((moment - self._origin) // timedelta(**{f"{self.unit}s": self.count}))

    def _last_number(self, now: datetime) -> int:
        local = now.astimezone(self.zone)
        number = self._floor(local if self.unit == "hour" else local.date()) - 1
        return number if self.final is None else min(number, self._floor(self.final))

    def _number(self, text: str) -> int:
        moment = read_moment(text, self.unit, self.zone, f"{self.name}={text}")
        number = self._floor(moment)
        final = None if self.final is None else self._floor(self.final)
        if number < 0 or (final is not None and number > final):
            edge = "first" if number < 0 else "last"
            at = self._choice(0 if final is None or number < 0 else final).text
            raise ConfigError(
                f"There is no {self.name} {text}: the {edge} one begins {at}.",
                hint="See slices.yml.",
            )
        if self._start(number) != moment:
            raise ConfigError(
                f"No {self.name} begins {text}; the one that it is in begins "
                f"{self._choice(number).text}."
            )
        return number

    def _choice(self, number: int) -> Choice:
        moment = self._start(number)
        return Choice(text_of(moment, self.unit), moment)

    def _range(self, begin: int, end: int) -> list[Choice]:
        if end - begin >= MOST:
            raise too_many(end - begin + 1, self.name)
        return [self._choice(number) for number in range(begin, end + 1)]


def too_many(count: int, what: str) -> ConfigError:
    """Return the error for more slices than a command can mean."""
    return ConfigError(
        f"{what}: these are {count:,} slices, and {MOST:,} at once are the most.",
        hint="Ask for fewer, or for longer ones.",
    )


def text_of(moment: Any, unit: str) -> str:
    """Return the ISO text of a slice; of an hour with its offset, but in UTC.

    >>> text_of(date(2024, 2, 1), "month")
    '2024-02'
    """
    text: str = moment.isoformat()[: _LETTERS[unit]]
    if unit != "hour" or str(moment.tzinfo) == "UTC":
        return text
    offset: str = moment.strftime("%z")
    if moment.minute:  # in zones whose clocks are not put by whole hours
        text += f"{moment.minute:02}"
    return text + (offset[:3] if offset.endswith("00") else offset)


def read_moment(text: str, unit: str, zone: tzinfo, where: str) -> Any:
    """Return the date, or the time, that a text tells.

    Args:
        text: As on the command line.
        unit: Of the slice.
        zone: The time zone of hours that tell none.
        where: For messages.

    Raises:
        ConfigError: It is no date.
    """
    wrong = ConfigError(f"{where}: '{text}' is no {unit}.", hint=f"Write {_EXAMPLES[unit]}.")
    form = _FORMS[unit].fullmatch(text)
    if form is None:
        raise wrong
    try:
        if unit != "hour":
            return date.fromisoformat(f"{text}-01-01"[:10] if unit == "year" else f"{text}-01"[:10])
        moment = datetime.strptime(f"{text[:13]}{form['minutes'] or '00'}", "%Y-%m-%dT%H%M")
        if form["zone"]:
            return _with_offset(moment, form["zone"]).astimezone(zone)
    except (ValueError, OverflowError):
        raise wrong from None
    return _in_zone(moment, zone, where)


def _with_offset(moment: datetime, offset: str) -> datetime:
    if offset == "Z":
        return moment.replace(tzinfo=timezone.utc)
    digits = f"{offset[1:].replace(':', '')}00"
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return moment.replace(tzinfo=timezone(-length if offset[0] == "-" else length))


def _in_zone(moment: datetime, zone: tzinfo, where: str) -> datetime:
    from dateutil.tz import datetime_ambiguous, datetime_exists

    local = moment.replace(tzinfo=zone)
    if not datetime_exists(local):
        raise ConfigError(f"{where}: there is no such hour in {zone}: clocks went forward.")
    if datetime_ambiguous(local):
        both = [text_of(local.replace(fold=fold), "hour") for fold in (0, 1)]
        raise ConfigError(
            f"{where}: this hour is there twice in {zone}: clocks went back.",
            hint=f"Write {' or '.join(both)}.",
        )
    return local


def _length(count: int, unit: str) -> Any:
    from dateutil.relativedelta import relativedelta

    return relativedelta(**{f"{unit}s": count})
