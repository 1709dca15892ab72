"""Where Spark frames are in what a node returns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import copy
from functools import partial
from types import CellType, FunctionType, MemberDescriptorType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), type)
#: What is computed already, by the package of its class.
_COMPUTED = ("pandas", "numpy", "pyarrow", "datetime", "decimal")
_CONTAINERS = (list, tuple, dict, set, frozenset)
#: Objects of these stay as they are: modules and generators, threads, columns, and data sets.
_NOT_ENTERED = ("builtins", "threading", "pyspark", "py4j", "delta", "sparkpipe")
# Nor of pyspark's, but of this, which has a frame and what to do with it.
_GROUPED = "pyspark.sql.connect.group"

# Of a container with more items than these, nobody looks at the others.
_MOST = 1_000
_DEEPEST = 8
_MOST_OBJECTS = 10_000


def may_there_be_frames() -> bool:
    """Return whether this process can have made a frame at all."""
    return "pyspark.sql" in sys.modules


def is_frame(value: Any) -> bool:
    """Return whether a value is a Spark DataFrame; never imports pyspark."""
    frame = getattr(sys.modules.get("pyspark.sql"), "DataFrame", None)
    return isinstance(frame, type) and isinstance(value, frame)


def map_frames(value: Any, change: Callable[[DataFrame], DataFrame], *, loads: bool = False) -> Any:
    """Return a value with its frames changed, wherever they are found in it.

    They are sought in containers, in what functions have of their surroundings, and in the
    attributes of objects. What has no frame that changes is returned as it is; the rest are
    copies, so that nothing of the user's is changed.

    Args:
        value: Any value.
        change: Returns what is to be in the place of a frame.
        loads: Whether what loads a partition of Spark is called, to change what it gives.
    """
    return _Mapping(change, loads).of(value)


class _Mapping:
    """One way through a value. An object that is in it twice, or in itself, is looked at once."""

    def __init__(self, change: Callable[[DataFrame], DataFrame], loads: bool) -> None:
        self._change = change
        self._loads = loads
        # With the object itself, so that no other one gets its id.
        self._done: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        if is_frame(value):
            return self._change(value)
        kind = type(value)
        if depth == _DEEPEST or kind in _PLAIN:
            return value
        if issubclass(kind, _CONTAINERS):
            return value if len(value) > _MOST else self._container(value, depth + 1)
        if _package(kind) in _COMPUTED:
            return value
        known = self._done.get(id(value))
        if known is not None:
            return known[1]
        if len(self._done) == _MOST_OBJECTS:
            return value
        self._done[id(value)] = (value, value)
        changed = self._object(value, kind, depth + 1)
        self._done[id(value)] = (value, changed)
        return changed

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            items = {key: self.of(one, depth) for key, one in value.items()}
            same = all(items[key] is one for key, one in value.items())
            return value if same else _like(value, items)
        parts = [self.of(one, depth) for one in value]
        same = all(part is one for part, one in zip(parts, value, strict=True))
        return value if same else _like(value, parts)

    def _object(self, value: Any, kind: type, depth: int) -> Any:
        if kind is FunctionType:
            return self._function(value, depth)
        if kind is MethodType:
            if self._loads and _is_loader(value):
                given = value()
                changed = self.of(given, depth)
                return value if changed is given else partial(_give, changed)
            holder = self.of(value.__self__, depth)
            return value if holder is value.__self__ else MethodType(value.__func__, holder)
        if kind is partial:
            parts = (value.func, value.args, value.keywords)
            func, args, keywords = (self.of(part, depth) for part in parts)
            is_same = _are_same((func, args, keywords), parts)
            return value if is_same else partial(func, *args, **keywords)
        is_entered = _package(kind) not in _NOT_ENTERED or kind.__module__ == _GROUPED
        if not is_entered or issubclass(kind, type):
            return value
        try:
            return self._with_attributes(value, kind, depth)
        except Exception:  # it does not like to be looked at, or to be copied
            return value

    def _with_attributes(self, value: Any, kind: type, depth: int) -> Any:
        found = dict(attributes_of(value))
        new = {name: self.of(one, depth) for name, one in found.items()}
        changed = {name: one for name, one in new.items() if one is not found[name]}
        if not changed:
            return value
        copied = copy(value)
        if copied is value:
            return value
        for name, one in changed.items():
            object.__setattr__(copied, name, one)  # a frozen class has its own
        return copied

    def _function(self, function: FunctionType, depth: int) -> Any:
        cells = tuple(self._cell(cell, depth) for cell in function.__closure__ or ())
        defaults = self.of(function.__defaults__, depth)
        named = self.of(function.__kwdefaults__, depth)
        if (
            _are_same(cells, function.__closure__ or ())
            and defaults is function.__defaults__
            and named is function.__kwdefaults__
        ):
            return function
        changed = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            defaults,
            cells if function.__closure__ is not None else None,
        )
        changed.__kwdefaults__ = named
        changed.__dict__.update(function.__dict__)
        changed.__qualname__, changed.__module__ = function.__qualname__, function.__module__
        changed.__doc__, changed.__annotations__ = function.__doc__, function.__annotations__
        return changed

    def _cell(self, cell: CellType, depth: int) -> CellType:
        try:
            content = cell.cell_contents
        except ValueError:  # nothing is in it yet
            return cell
        changed = self.of(content, depth)
        return cell if changed is content else CellType(changed)


def attributes_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """Give the attributes that an object itself has, without calling anything of its class."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:  # it has slots only
        own = {}
    yield from own.items()
    kind = type(thing)
    for base in kind.__mro__:
        for name, member in base.__dict__.items():
            if type(member) is MemberDescriptorType:
                with suppress(AttributeError):  # not set
                    yield name, member.__get__(thing, kind)


def _package(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


def _is_loader(method: MethodType) -> bool:
    """Whether a method loads a data set of Spark, as the functions of partitions do."""
    asked = getattr(type(method.__self__), "is_single_process", None)
    return method.__name__ == "load" and asked is not None and bool(asked(method.__self__))


def _give(value: Any) -> Any:
    return value


def _are_same(some: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(some, others, strict=True))


def _like(container: Any, content: Any) -> Any:
    """Return a container of the same kind with other content; a plain one where that fails."""
    kind = type(container)
    if kind in (dict, list):
        return content
    try:
        if issubclass(kind, dict):
            copied = copy(container)  # which has its default, or its order
            copied.update(content)
            return copied
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
        if _package(type(value)) not in _COMPUTED:
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
