"""Reads what stands under ``checks`` and ``validator`` in an entry of the catalog."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparkpipe.checks.values import as_time
from sparkpipe.checks.words import (
    ON_FAIL,
    Accepted,
    Between,
    Check,
    Expression,
    Fresh,
    Function,
    NotNull,
    OnFail,
    Pandera,
    Refers,
    Rows,
    Unique,
    Validator,
)
from sparkpipe.errors import DataSetError, did_you_mean

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?")
_BESIDE = ("name", "on_fail", "args")


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
    modes = (modes,) if isinstance(modes, str) else modes
    is_known = isinstance(modes, (list, tuple)) and all(one in ("load", "save") for one in modes)
    if not isinstance(path, str) or not is_known:
        raise DataSetError("validator: 'class' is a dotted path, and 'on' of load and save.")
    if severity not in ("error", "warn"):
        raise DataSetError(f"validator: 'severity' is error or warn, not {severity!r}.")
    is_enabled = known.get("enabled", True)
    if not isinstance(is_enabled, bool):
        raise DataSetError(f"validator: 'enabled' is true or false, not {is_enabled!r}.")
    if not is_enabled:
        return ()
    on_fail: OnFail = "warn" if severity == "warn" else "fail"
    options = tuple(_mapping(known.get("options", {})).items())
    return (Validator(f"validator {path}", on_fail, path, options, tuple(modes)),)


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
