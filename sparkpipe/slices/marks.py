"""The mark that stands in configuration for a slice that is not chosen yet.

A session without slices reads ``data/${slice:day}.csv`` as ``data/<slice:day>.csv``: it can be
listed and checked, and whatever has a mark in it is known to depend on a slice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Before the name of a slice that a node reads.
PREFIX = "slice:"

_MARK = re.compile(r"<slice:(\w+)>")


def mark_of(name: str) -> str:
    """Return the text that stands for a slice.

    >>> mark_of("day")
    '<slice:day>'
    """
    return f"<{PREFIX}{name}>"


def pattern_of_places(marked: str) -> re.Pattern[str] | None:
    """Return what the places of all slices match; None for a place without a mark.

    >>> pattern_of_places("data/<slice:day>.csv").fullmatch("data/2024-01-31.csv").groupdict()
    {'day': '2024-01-31'}
    """
    parts = _MARK.split(marked)
    told = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            told += re.escape(part)
        else:
            told += f"(?P={part})" if f"(?P<{part}>" in told else f"(?P<{part}>[^/]+)"
    return re.compile(told) if len(parts) > 1 else None


def marked(names: tuple[str, ...]) -> str:
    """Return names of slices for messages.

    >>> marked(("day",)), marked(("day", "region"))
    ("the slice 'day'", "the slices 'day' and 'region'")
    """
    shown = " and ".join(f"'{name}'" for name in names)
    return f"the slice{'s' if len(names) > 1 else ''} {shown}"


def marks_in(value: Any) -> tuple[str, ...]:
    """Return the names of the slices whose marks stand anywhere in a value, sorted.

    >>> marks_in({"filepath": "data/<slice:day>.csv", "save_args": ["<slice:region>"]})
    ('day', 'region')
    >>> marks_in("data/orders.csv")
    ()
    """
    found: set[str] = set()
    seen: set[int] = set()
    to_visit = [value]
    while to_visit:
        one = to_visit.pop()
        if isinstance(one, str):
            if "<" in one:
                found.update(_MARK.findall(one))
        elif isinstance(one, (Mapping, list, tuple)) and id(one) not in seen:
            seen.add(id(one))  # anchors may share one value a billion times
            to_visit += [*one, *one.values()] if isinstance(one, Mapping) else one
    return tuple(sorted(found))
