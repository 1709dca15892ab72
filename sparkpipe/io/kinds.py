"""What an object is, asked without importing the library that it would be of."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import IOBase
from itertools import islice
from types import GeneratorType, MemberDescriptorType
from typing import Any
from weakref import finalize

# Objects of these stand for something elsewhere: in a JVM, on a server, in a database. A copy of
# one would be a second handle, and some end what they stand for when they are thrown away.
_LIVE = ("pyspark", "py4j", "delta", "databricks", "snowflake", "ibis")
# What these hold is the data itself.
_PLAIN = ("pyspark.sql.types", "pyspark.ml.linalg", "pyspark.mllib.linalg", "pyspark.errors")
_ATOMIC = frozenset({int, float, bool, str, bytes, complex, type(None)})
_HOW_TO_COPY = ("__copy__", "__deepcopy__", "__getstate__", "__reduce__", "__reduce_ex__")
# How many objects are looked at: data may be deep and large.
_MOST = 20_000


def is_spark_frame(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame, classic or Connect; never imports pyspark."""
    module = sys.modules.get("pyspark.sql")
    frame = getattr(module, "DataFrame", None)
    # The type may be absent while another thread is still importing pyspark.
    return isinstance(frame, type) and isinstance(data, frame)


def is_pandas_frame(data: Any) -> bool:
    """Whether ``data`` is a frame of pandas; never imports it."""
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return isinstance(frame, type) and isinstance(data, frame)


def is_pandas_on_spark(data: Any) -> bool:
    """Whether ``data`` is of pandas' API on Spark: like a frame of pandas, but in Spark."""
    return type(data).__module__.startswith("pyspark.pandas.")


def has_load_and_save(data: Any) -> bool:
    """Whether ``data`` has the methods of a data set."""
    # A frame of Spark Connect has any name that it is asked for: as a column.
    return not is_spark_frame(data) and hasattr(data, "load") and hasattr(data, "save")


def holds_spark(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame or session, or a list, tuple or dict that holds one."""
    if "pyspark" not in sys.modules:
        return False
    if isinstance(data, (list, tuple)):
        return any(map(holds_spark, data))
    if isinstance(data, dict):
        return any(map(holds_spark, data.values()))
    if is_spark_frame(data):
        return True
    # Sessions of Connect are no subclass of pyspark.sql.SparkSession: look at where the type lives.
    kind = type(data)
    return kind.__name__ in ("SparkSession", "SparkContext", "RDD", "DeltaTable") and (
        kind.__module__.startswith(("pyspark.", "delta."))
    )


def is_read_once(data: Any) -> bool:
    """Whether ``data`` is an iterator, as a generator or pandas' reader of chunks is.

    Files and cursors of databases are iterators, too, but may be wound back, or asked anew.
    """
    if type(data) is GeneratorType:  # nothing else is one
        return True
    try:
        if not isinstance(data, Iterator) or isinstance(data, IOBase) or hasattr(data, "execute"):
            return False
        return iter(data) is data
    except Exception:  # a weak proxy, or an object that does not like to be asked
        return False


def position_of(data: Any) -> int | None:
    """Return where a file is read next; None if it is none, or does not tell."""
    if not issubclass(type(data), IOBase):  # an object may not like to be asked for its class
        return None
    try:
        return int(data.tell())
    except (OSError, ValueError):  # a pipe, or closed
        return None


def spent_part(data: Any, start: int | None) -> Any:
    """Return what of ``data`` a reader before may have read for good; None if there is no such.

    Args:
        data: A file that has not been wound back, or a container of iterators.
        start: Where a file was read next at first.
    """
    kind = type(data)
    if issubclass(kind, IOBase):
        if data.closed or not data.readable():
            return None
        position = position_of(data)
        return None if position is not None and position == start else data
    if not issubclass(kind, (dict, list, tuple)):
        return None
    with suppress(Exception):  # nor to be gone through
        parts = data.values() if issubclass(kind, dict) else data
        return next((part for part in islice(parts, _MOST) if is_read_once(part)), None)
    return None


def is_live(thing: Any) -> bool:
    """Whether an object, such as a Spark frame, column or model, stands for something elsewhere."""
    for kind in type(thing).__mro__:
        module = str(kind.__module__)
        if module.partition(".")[0] in _LIVE and not module.startswith(_PLAIN):
            return True
    return False


def ends_something(thing: Any) -> bool:
    """Whether an object removes or closes something when it is thrown away.

    Of a copy that is kept it would be gone as soon as the original is. What says itself how it is
    copied or pickled has thought of that.
    """
    kind = type(thing)
    if issubclass(kind, finalize):
        return True
    return hasattr(kind, "__del__") and not any(
        getattr(kind, name, None) is not getattr(object, name, None) for name in _HOW_TO_COPY
    )


def holds_live(thing: Any) -> bool:
    """Whether an object is one that :func:`is_live`, or has one within its parts."""
    return any(name in sys.modules for name in _LIVE) and _holds(thing, is_live)


def is_lost_by_copying(thing: Any) -> bool:
    """Whether a copy stands for what is elsewhere, or for what ends with the original."""
    return _holds(thing, lambda part: ends_something(part) or is_live(part))


def _holds(thing: Any, is_one: Callable[[Any], bool]) -> bool:
    """Whether something holds for an object, or for one within its parts."""
    seen = {id(thing)}
    waiting = deque([thing])
    while waiting:
        found = waiting.popleft()
        with suppress(Exception):  # an object may not like to be looked at, or to be gone through
            if is_one(found):
                return True
            for part in _parts(found):
                if type(part) in _ATOMIC or id(part) in seen:
                    continue
                if len(seen) == _MOST:
                    return False
                seen.add(id(part))
                waiting.append(part)
    return False


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        yield from thing
    kind = type(thing)
    if kind.__module__ == "builtins" or isinstance(thing, type):
        return  # functions, modules and classes are not copied
    with suppress(TypeError):  # it has slots only
        yield from vars(thing).values()
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            member = base.__dict__.get(slot)
            if isinstance(member, MemberDescriptorType):
                with suppress(AttributeError):  # not set
                    yield member.__get__(thing, kind)
