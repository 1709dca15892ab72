"""Where Spark frames are in what a node returns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), type)
#: What is computed already, by the package of its class.
_COMPUTED = ("pandas", "numpy", "pyarrow", "datetime", "decimal")
_CONTAINERS = (list, tuple, dict, set, frozenset)

# Of a container with more items than these, nobody looks at the others.
_MOST = 1_000
_DEEPEST = 8


def may_there_be_frames() -> bool:
    """Return whether this process can have made a frame at all."""
    return "pyspark.sql" in sys.modules


def is_frame(value: Any) -> bool:
    """Return whether a value is a Spark DataFrame; never imports pyspark."""
    frame = getattr(sys.modules.get("pyspark.sql"), "DataFrame", None)
    return isinstance(frame, type) and isinstance(value, frame)


def map_frames(value: Any, change: Callable[[DataFrame], DataFrame], depth: int = 0) -> Any:
    """Return a value with its frames changed, also those in lists, tuples and dictionaries.

    A container of which no frame changes is returned as it is.

    Args:
        value: Any value.
        change: Returns what is to be in the place of a frame.
        depth: How deep in containers the value lies.
    """
    if is_frame(value):
        return change(value)
    if depth == _DEEPEST or not isinstance(value, (list, tuple, dict)) or len(value) > _MOST:
        return value
    if isinstance(value, dict):
        items = {key: map_frames(one, change, depth + 1) for key, one in value.items()}
        same = all(items[key] is one for key, one in value.items())
        return value if same else _like(value, items)
    parts = [map_frames(one, change, depth + 1) for one in value]
    same = all(part is one for part, one in zip(parts, value, strict=True))
    return value if same else _like(value, parts)


def _like(container: Any, content: Any) -> Any:
    """Return a container of the same kind with other content; a plain one where that fails."""
    kind = type(container)
    if kind in (dict, list):
        return content
    try:
        return kind(*content) if hasattr(kind, "_fields") else kind(content)
    except Exception:  # a class of the user's, with a constructor of its own
        return tuple(content) if isinstance(container, tuple) else content


def may_hold_frames(value: Any) -> bool:
    """Return whether something in a value may be a frame, or may read one later.

    Only what is known to be computed already is not: numbers, texts, tables of pandas, and
    containers of these. A function, or an object of the user's, may hold anything.
    """
    return next(_leaves(value, 0), None) is not None


def leaves(value: Any) -> list[Any]:
    """Return the objects of a value that may hold frames, as far as they are found."""
    return [leaf for leaf in _leaves(value, 0) if not isinstance(leaf, _CONTAINERS)]


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    if isinstance(value, _PLAIN):
        return
    if not isinstance(value, _CONTAINERS):
        if type(value).__module__.partition(".")[0] not in _COMPUTED:
            yield value
        return
    if depth == _DEEPEST:
        yield value
        return
    for number, one in enumerate(value.values() if isinstance(value, dict) else value):
        if number == _MOST:
            yield value
            return
        yield from _leaves(one, depth + 1)
