"""Digests of values: alike for equal values, in every process and whatever the hash seed."""

from __future__ import annotations

import datetime
import enum
import hashlib
import pathlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

# A value that holds itself must end.
_DEEPEST = 60

#: Types of which the text says all.
_TOLD_BY_TEXT = (
    *(bool, int, float, complex, str, bytes, type(None), type(...)),
    *(datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo),
    *(range, slice),
)
# So do these, which few values have: their modules need not be imported for it.
_SO_DO = frozenset({("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")})


class NotPlain(Exception):  # noqa: N818 - not an error: whoever asks has another way
    """A value has a part that only its class understands."""


def digest_of_text(*parts: str) -> str:
    """Return a digest of texts, each of which counts as a whole.

    >>> digest_of_text("ab", "c") == digest_of_text("a", "bc")
    False
    """
    told = hashlib.blake2b(digest_size=12)
    for part in parts:
        told.update(part.encode("utf-8", "surrogatepass"))
        told.update(b"\0\1")
    return told.hexdigest()


def refuse(value: Any) -> str:
    """Tell nothing of what is no plain value.

    Raises:
        NotPlain: Always.
    """
    raise NotPlain(type(value).__name__)


def digest_of_value(value: Any, tell_other: Callable[[Any], str] = refuse) -> str:
    """Return a digest of a value: of its types and contents, the order of mappings included.

    Args:
        value: Numbers, texts, dates, and whatever mappings and sequences hold of them.
        tell_other: Returns what stands for a part that is none of these.

    Raises:
        NotPlain: It has such a part, and ``tell_other`` has no word for it either.

    >>> digest_of_value({1, 2, 3}) == digest_of_value({3, 2, 1})
    True
    >>> digest_of_value(1) == digest_of_value(1.0)
    False
    """
    return digest_of_text(_told(value, tell_other, 0))


def _told(value: Any, tell_other: Callable[[Any], str], depth: int) -> str:
    kind = type(value)
    is_told = kind in _TOLD_BY_TEXT or (kind.__module__, kind.__name__) in _SO_DO
    if is_told or (
        isinstance(value, _TOLD_BY_TEXT) and kind.__module__ in ("datetime", "zoneinfo")
    ):
        try:
            return f"{kind.__name__}:{value!r}"
        except ValueError as exc:  # Python makes no decimals of thousands of digits
            if not isinstance(value, int):
                raise NotPlain(str(exc)) from exc
            return f"{kind.__name__}:{value:#x}"
    if depth > _DEEPEST:
        raise NotPlain("it goes too deep")
    if kind in (list, tuple):
        items = [_told(item, tell_other, depth + 1) for item in value]
        return f"{kind.__name__}[{_joined(items)}]"
    if kind in (set, frozenset):
        items = sorted(_told(item, tell_other, depth + 1) for item in value)
        return f"{kind.__name__}[{_joined(items)}]"
    if isinstance(value, enum.Enum):
        try:
            of_class = tell_other(kind)
        except NotPlain:
            of_class = kind.__qualname__
        told = _told(value.value, tell_other, depth + 1)
        return f"enum:{of_class}.{value.name}:{told}"
    if isinstance(value, pathlib.PurePath) and kind.__module__.startswith("pathlib"):
        return f"path:{value.as_posix()}"
    if isinstance(value, re.Pattern):
        return f"pattern:{value.flags}:{value.pattern!r}"
    if kind is dict or (isinstance(value, Mapping) and kind.__module__ in ("types", "collections")):
        items = [
            f"{_told(key, tell_other, depth + 1)}={_told(item, tell_other, depth + 1)}"
            for key, item in value.items()
        ]
        if isinstance(value, defaultdict) and value.default_factory is not None:
            items.append(tell_other(value.default_factory))
        return f"{kind.__name__}[{_joined(items)}]"
    return tell_other(value)


def _joined(items: list[str]) -> str:
    # With their lengths, as a text may hold whatever would part them.
    return "".join(f"{len(item)}:{item}" for item in items)
