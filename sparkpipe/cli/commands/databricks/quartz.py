"""Schedules as Databricks takes them: cron expressions of Quartz, in a time zone."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from sparkpipe.errors import ConfigError, did_you_mean

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

#: What each field is called, its least and greatest number, and the names that stand for numbers.
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("seconds", 0, 59, []),
    ("minutes", 0, 59, []),
    ("hours", 0, 23, []),
    ("day of month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2099, []),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 3, 5
_UNIX_FIELDS = 5


def check_schedule(expression: str, timezone: str) -> None:
    """Refuse a schedule that Databricks would not take.

    Args:
        expression: Six or seven fields: seconds, minutes, hours, day of month, month, day of week,
            and perhaps the year.
        timezone: A name of the tz database, such as ``Europe/Berlin``.

    Raises:
        ConfigError: It is none; says which field, and what it may be.

    >>> check_schedule("0 30 6 ? * MON-FRI", "UTC")
    >>> check_schedule("0 6 * * *", "UTC")
    Traceback (most recent call last):
    sparkpipe.errors.ConfigError: '0 6 * * *' has 5 fields, as cron of Unix has; Databricks takes \
those of Quartz, with seconds first. Write: '0 0 6 * * ?'
    """
    fields = expression.upper().split()
    if len(fields) == _UNIX_FIELDS:
        proposed = _from_unix(expression.split())
        raise ConfigError(
            f"'{expression}' has 5 fields, as cron of Unix has; Databricks takes those of Quartz, "
            "with seconds first.",
            hint=f"Write: '{proposed}'" if proposed else "Write: '0 0 6 * * ?' for six o'clock.",
        )
    if len(fields) not in (6, 7):
        raise _refused(expression, f"it has {len(fields)} fields, not 6 or 7")
    for position, field in enumerate(fields):
        _check_field(expression, position, field)
    if (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        raise _refused(expression, "one of day of month and day of week must be '?', and not both")
    known = available_timezones()
    if known and timezone not in known:  # a system without the tz database knows of none
        raise ConfigError(
            f"There is no time zone '{timezone}'.",
            hint=did_you_mean(timezone, known) or "Names are such as Europe/Berlin, or UTC.",
        )


def _check_field(expression: str, position: int, field: str) -> None:
    name = _FIELDS[position][0]
    if field == "?":
        if position in (_DAY_OF_MONTH, _DAY_OF_WEEK):
            return
        raise _refused(expression, f"'?' cannot be its field {name}")
    for part in field.split(","):
        if not _is_part(position, part):
            least, greatest = _FIELDS[position][1:3]
            names = _FIELDS[position][3]
            also = f", or {names[0]} to {names[-1]}" if names else ""
            raise _refused(
                expression, f"'{part}' cannot be its {name}, which is {least} to {greatest}{also}"
            )


def _is_part(position: int, part: str) -> bool:
    """Return whether a field may be, or hold, this: a number, a range, a step, or a special day."""
    if position == _DAY_OF_MONTH:
        special = re.fullmatch(r"LW?|L-(\d{1,2})|(\d{1,2})W", part)
        if special:
            number = special[1] or special[2]
            return number is None or 1 <= int(number) <= 31
    if position == _DAY_OF_WEEK:
        if part == "L":
            return True
        special = re.fullmatch(r"(\w+)(?:L|#([1-5]))", part)
        if special and _number(position, special[1]) is not None:
            return True
    whole, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= _FIELDS[position][2]):
        return False
    if whole == "*":
        return True
    numbers = [_number(position, one) for one in whole.split("-")]
    return len(numbers) <= 2 and None not in numbers


def _number(position: int, text: str) -> int | None:
    _, least, greatest, names = _FIELDS[position]
    if text in names:
        return names.index(text) + least
    if not (text.isascii() and text.isdecimal()):
        return None
    return int(text) if least <= int(text) <= greatest else None


def _from_unix(fields: list[str]) -> str:
    """Return what Quartz calls the same; nothing where days are numbers, which it counts anew."""
    minute, hour, day, month, weekday = fields
    if weekday == "*":
        proposed = f"0 {minute} {hour} {day} {month} ?"
    elif day == "*" and not re.search(r"\d", weekday):
        proposed = f"0 {minute} {hour} ? {month} {weekday}"
    else:
        return ""
    try:
        check_schedule(proposed, "UTC")
    except ConfigError:
        return ""
    return proposed


def _refused(expression: str, why: str) -> ConfigError:
    return ConfigError(
        f"'{expression}' cannot be a schedule: {why}.",
        hint="Fields: seconds minutes hours day-of-month month day-of-week [year], "
        "such as '0 30 6 ? * MON-FRI'.",
    )
