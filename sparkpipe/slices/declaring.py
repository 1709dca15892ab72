"""``slices.yml``: which slices there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.slices.steps import UNITS, Calendar, Choice, ListStep, Step, read_moment

_KEYS = ("every", "from", "to", "timezone", "lookback")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LENGTH = re.compile(r"(?:(\d{1,5})\s+)?(hour|day|week|month|year)s?", re.ASCII)
# Values become parts of paths and of SQL.
_VALUE = re.compile(r"\w[\w .+-]*")


def read_steps(declared: Mapping[str, Any]) -> dict[str, Step]:
    """Return the slices of a project by name.

    Args:
        declared: What ``slices.yml`` says; its ``origins``, if it has any, tell the lines.

    Raises:
        ConfigError: Something in it is wrong.

    >>> steps = read_steps({"day": {"every": "1 day", "from": "2024-01-01"}, "region": ["eu"]})
    >>> [choice.text for choice in steps["day"].between("2024-02-28", "2024-03-01")]
    ['2024-02-28', '2024-02-29', '2024-03-01']
    """
    origins = getattr(declared, "origins", {})
    return {
        str(name): _step(name, said, f"{origins.get(name, 'slices.yml')}: '{name}'")
        for name, said in declared.items()
    }


def _step(name: Any, said: Any, where: str) -> Step:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where} cannot be the name of a slice.", hint="Use letters, digits and '_'."
        )
    if isinstance(said, list):
        return _list(name, said, where)
    if isinstance(said, Mapping):
        return _calendar(name, said, where)
    raise ConfigError(
        f"{where} must be a list of values or a mapping, not {said!r}.",
        hint=f"Write {name}: [eu, us], or {name}: {{every: 1 day, from: 2024-01-01}}.",
    )


def _list(name: str, said: list[Any], where: str) -> ListStep:
    if not said:
        raise ConfigError(f"{where} is an empty list.")
    choices: dict[str, Choice] = {}
    for value in said:
        if isinstance(value, bool) or not isinstance(value, (str, int, date)):
            raise ConfigError(
                f"{where}: {value!r} cannot be a slice.", hint="Give texts, numbers or dates."
            )
        text = value.isoformat() if isinstance(value, date) else str(value)
        if not _VALUE.fullmatch(text) or ".." in text or text.strip() != text:
            raise ConfigError(
                f"{where}: {text!r} cannot be a slice: it becomes a part of paths and of SQL.",
                hint="Use letters, digits, '_', '-', '+', '.' and blanks.",
            )
        if text in choices:
            raise ConfigError(f"{where}: '{text}' is there twice.")
        choices[text] = Choice(text, value)
    return ListStep(name, tuple(choices.values()))


def _calendar(name: str, said: Mapping[str, Any], where: str) -> Calendar:
    for key in said:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"There are: {', '.join(_KEYS)}."
            raise ConfigError(f"{where} has no '{key}'.", hint=hint)
    for key in ("every", "from"):
        if said.get(key) is None:
            raise ConfigError(
                f"{where} needs '{key}'.",
                hint=f"Write {name}: {{every: 1 day, from: 2024-01-01}}.",
            )
    count, unit = _length(said["every"], f"{where}, every")
    zone = _zone(said.get("timezone", "UTC"), where)
    first = _moment(said["from"], unit, zone, f"{where}, from")
    final = lookback = None
    if said.get("to") is not None:
        final = _moment(said["to"], unit, zone, f"{where}, to")
        if final < first:
            raise ConfigError(f"{where} ends ({said['to']}) before it begins ({said['from']}).")
    if said.get("lookback") is not None:
        lookback = _lookback(said["lookback"], unit, f"{where}, lookback")
    return Calendar(name, unit, count, first, zone, final, lookback)


def _length(said: Any, where: str) -> tuple[int, str]:
    match = _LENGTH.fullmatch(str(said).strip())
    count = int(match[1] or 1) if match else 0
    if match is None or not count:
        raise ConfigError(
            f"{where}: {said!r} is no length.",
            hint=f"Write 1 day, or a number of {', '.join(f'{unit}s' for unit in UNITS)}.",
        )
    return count, match[2]


def _lookback(said: Any, unit: str, where: str) -> tuple[int, str]:
    count, of_lookback = _length(said, where)
    if of_lookback == "hour" and unit != "hour":
        raise ConfigError(f"{where}: slices of a {unit} cannot be looked at by the hour.")
    return count, of_lookback


def _zone(said: Any, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(str(said))
    except (ValueError, OSError, KeyError):  # also a path that is none of a zone
        raise ConfigError(
            f"{where}: there is no time zone {said!r}.", hint="Write one such as Europe/Berlin."
        ) from None


def _moment(said: Any, unit: str, zone: ZoneInfo, where: str) -> Any:
    """Read a date as YAML or as texts give it; what is more exact must be where a slice begins."""
    if isinstance(said, datetime):
        text = f"{said.isoformat()[:13]}{said.strftime('%z')}"
        begins = not (said.minute or said.second or said.microsecond) and unit == "hour"
    else:
        text = said.isoformat() if isinstance(said, date) else str(said).strip()
        begins = True
        if unit == "hour" and len(text) == len("2024-01-01"):
            text += "T00"
        elif unit in ("month", "year") and re.fullmatch(r"\d{4}(-\d\d){1,2}", text):
            cut = 7 if unit == "month" else 4
            begins = set(text[cut:].split("-")) <= {"", "01"}
            text = text[:cut]
    if not begins:
        raise ConfigError(f"{where}: no {unit} begins {said}.")
    return read_moment(text, unit, zone, where)
