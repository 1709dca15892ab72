"""Values of entries as values of a column: one meaning for Spark and pandas."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

from sparkpipe.errors import DataSetError

#: What a column holds, as far as values are compared with it. ``instant`` is a time with zone.
Kind = Literal["text", "number", "decimal", "boolean", "date", "time", "instant", "other"]

_WORDS = {
    "text": "texts",
    "number": "numbers",
    "decimal": "numbers",
    "boolean": "true and false",
    "date": "dates",
    "time": "times",
    "instant": "times",
}


def fitted(value: Any, kind: Kind, column: str) -> Any:
    """Return a value of an entry as one that is compared with those of a column.

    Args:
        value: The value, as YAML gives it. A time without zone is in UTC.
        kind: What the column holds.
        column: The name of the column, for messages.

    Raises:
        DataSetError: It cannot be compared with what the column holds.

    >>> fitted(1.1, "decimal", "fare"), fitted("2026-01-31", "date", "day")
    (Decimal('1.1'), datetime.date(2026, 1, 31))
    """
    found = _as_kind(value, kind)
    if found is None:
        words = _WORDS.get(kind, "what cannot be compared with values of an entry")
        raise DataSetError(f"'{column}' holds {words}, and {value!r} is none of them.")
    return found


def _as_kind(value: Any, kind: Kind) -> Any:
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind in ("number", "decimal"):
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            return None
        return Decimal(str(value)) if kind == "decimal" else value
    if kind == "date":
        at = as_time(value)
        return at.date() if at is not None and at.time() == dt.time.min else None
    if kind == "time":
        at = as_time(value)
        return None if at is None else at.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return as_time(value) if kind == "instant" else None


def as_time(value: Any) -> dt.datetime | None:
    """Return a date, a time, or a text of one, as a time with its zone."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time.min)
    if not isinstance(value, dt.datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=dt.timezone.utc)
