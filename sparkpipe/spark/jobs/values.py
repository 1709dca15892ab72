"""Where Spark frames are in what a node returns."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from functools import partial
from types import CellType, FunctionType, MemberDescriptorType, MethodType, SimpleNamespace
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
# Of what is built on these an empty one can be made, and filled, without the code of its class.
_BASES: tuple[Any, ...] = (OrderedDict, defaultdict, *_CONTAINERS, SimpleNamespace, object)

# Of a container with more items than these, nobody looks at the others.
_MOST = 1_000
_DEEPEST = 8
# It is done at each load and save of what several nodes read: what lies near is looked at first.
_MOST_OBJECTS = 1_000
_MOST_ITEMS = 100_000


def may_there_be_frames() -> bool:
    """Return whether this process can have made a frame at all."""
    return "pyspark.sql" in sys.modules


def is_frame(value: Any) -> bool:
    """Return whether a value is a Spark DataFrame; never imports pyspark."""
    frame = getattr(sys.modules.get("pyspark.sql"), "DataFrame", None)
    try:
        return isinstance(frame, type) and isinstance(value, frame)
    except Exception:  # what stands for something else does not always tell its class
        return False


def map_frames(value: Any, change: Callable[[DataFrame], DataFrame], *, loads: bool = False) -> Any:
    """Return a value with its frames changed, wherever they are found in it.

    They are sought in containers, in what functions have of their surroundings, and in the
    attributes of objects. What has no frame that changes is returned as it is; the rest are
    copies, so that nothing of the user's is changed. They refer to each other as the originals do,
    and are made without the code of their classes, which may leave out what readers need.

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
        # All by identity. The objects themselves are held, so that no other one gets their id.
        self._seen: dict[int, Any] = {}
        self._holders: dict[int, list[int]] = defaultdict(list)
        #: What has a frame that changes somewhere in it.
        self._outdated: set[int] = set()
        #: What is in the place of what has changed.
        self._new: dict[int, Any] = {}
        self._cells: dict[int, CellType] = {}
        #: Copies that are empty yet, with what they are of.
        self._empty: deque[tuple[Any, Any]] = deque()
        #: Whether objects of a class have no frames, for they are computed already.
        self._computed: dict[type, bool] = {}
        self._objects = self._items = 0

    def of(self, value: Any) -> Any:
        self._look(value)
        if not self._new:
            return value
        above = list(self._new)
        while above:
            for holder in self._holders[above.pop()]:
                if holder not in self._outdated:
                    self._outdated.add(holder)
                    above.append(holder)
        made = self._made(value)
        self._fill_all()
        return made

    def _look(self, value: Any) -> None:
        """Change the frames, and take note of who holds what; what is nearer comes first."""
        if not self._is_looked_at(value):
            return
        self._seen[id(value)] = value
        ahead = deque([(value, 0)])
        while ahead:
            one, depth = ahead.popleft()
            if is_frame(one):
                changed = self._change(one)
                if changed is not one:
                    self._new[id(one)] = changed
                continue
            if depth == _DEEPEST:
                continue
            for part in self._parts(one):
                if id(part) not in self._seen:
                    if not self._is_looked_at(part):
                        continue
                    self._seen[id(part)] = part
                    ahead.append((part, depth + 1))
                self._holders[id(part)].append(id(one))

    def _is_looked_at(self, part: Any) -> bool:
        kind = type(part)
        if kind not in self._computed:
            self._computed[kind] = kind in _PLAIN or _package(kind) in _COMPUTED
        if self._computed[kind]:
            return False
        if issubclass(kind, _CONTAINERS) or is_frame(part):
            return True
        self._objects += 1
        return self._objects <= _MOST_OBJECTS

    def _parts(self, value: Any) -> list[Any]:
        """Return what is in a value, if there can be another one with other content."""
        kind = type(value)
        if self._items > _MOST_ITEMS:
            return []
        if not issubclass(kind, _CONTAINERS):
            parts = self._parts_of_object(value, kind)
        else:
            if _base_of(kind).__len__(value) > _MOST or not (kind in _BASES or _is_copied(kind)):
                return []
            parts = [*_content_of(value), *_attributes_of(value)]
        self._items += len(parts)
        return parts

    def _parts_of_object(self, value: Any, kind: type) -> list[Any]:
        if kind is FunctionType:
            cells = [cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)]
            return [*cells, value.__defaults__, value.__kwdefaults__]
        if kind is MethodType:
            if not self._loads or not _is_loader(value):
                return [value.__self__]
            given = value()
            changed = map_frames(given, self._change, loads=True)
            if changed is not given:
                self._new[id(value)] = partial(_give, changed)
            return []
        if kind is partial:
            return [value.func, value.args, value.keywords]
        is_entered = _package(kind) not in _NOT_ENTERED or kind.__module__ == _GROUPED
        if not is_entered or not _is_copied(kind):
            return []
        return _attributes_of(value)

    def _made(self, value: Any) -> Any:
        """Return what is in the place of a value; a copy is filled later."""
        if id(value) not in self._outdated:
            return self._new.get(id(value), value)
        if id(value) not in self._new:
            made = self._copied(value, type(value))
            # A tuple may be in itself, and be there already.
            if self._new.setdefault(id(value), made) is made:
                self._empty.append((value, made))
        return self._new[id(value)]

    def _copied(self, value: Any, kind: type) -> Any:
        if kind is FunctionType:
            return self._function(value)
        if kind is MethodType:
            return MethodType(value.__func__, self._made(value.__self__))
        if kind is partial:
            return partial(_give)
        base = _base_of(kind)
        if base not in (tuple, frozenset):
            return base.__new__(kind)
        content = [self._made(one) for one in _content_of(value)]
        if base is frozenset:
            self._fill_all()  # a hash may be of what is in it
        return base.__new__(kind, content)

    def _function(self, function: FunctionType) -> FunctionType:
        closure = function.__closure__
        changed = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            None,
            None if closure is None else tuple(self._cell(cell) for cell in closure),
        )
        changed.__dict__.update(function.__dict__)
        changed.__qualname__, changed.__module__ = function.__qualname__, function.__module__
        changed.__doc__, changed.__annotations__ = function.__doc__, function.__annotations__
        return changed

    def _cell(self, cell: CellType) -> CellType:
        if _is_empty(cell) or not {id(cell.cell_contents)} & (self._outdated | self._new.keys()):
            return cell
        return self._cells.setdefault(id(cell), CellType())

    def _fill_all(self) -> None:
        while self._empty:
            value, copied = self._empty.popleft()
            if type(value) is FunctionType:
                self._fill_function(value, copied)
            elif type(value) is partial:
                parts = (value.func, value.args, value.keywords)
                copied.__setstate__((*map(self._made, parts), value.__dict__ or None))
            elif type(value) is not MethodType:
                self._fill(value, copied)

    def _fill_function(self, function: FunctionType, copied: FunctionType) -> None:
        copied.__defaults__ = self._made(function.__defaults__)
        copied.__kwdefaults__ = self._made(function.__kwdefaults__)
        cells = zip(function.__closure__ or (), copied.__closure__ or (), strict=True)
        for old, new in cells:
            if new is not old:
                new.cell_contents = self._made(old.cell_contents)

    def _fill(self, value: Any, copied: Any) -> None:
        if type(value) not in _CONTAINERS:
            own = {name: self._made(one) for name, one in _own_of(value).items()}
            if own:
                # No attribute is set by its name: what is of that name may be code of the class.
                _own_of(copied).update(own)
            for member, one in _slots_of(value):
                member.__set__(copied, self._made(one))
        base = _base_of(type(value))
        if issubclass(base, dict):
            for key, one in list(base.items(value)):
                base.__setitem__(copied, key, self._made(one))
        elif base is list:
            list.extend(copied, [self._made(one) for one in _content_of(value)])
        elif base is set:
            content = [self._made(one) for one in _content_of(value)]
            self._fill_all()  # a hash may be of what is in it
            set.update(copied, content)


def _base_of(kind: type) -> Any:
    return next(base for base in kind.__mro__ if base in _BASES)


def _is_copied(kind: type) -> bool:
    """Whether an object may have copies: one that ends with it would end what it still uses."""
    if issubclass(kind, (type, Enum)) or any("__del__" in base.__dict__ for base in kind.__mro__):
        return False
    try:
        _base_of(kind).__new__(kind)
    except TypeError:  # its content is not in attributes
        return False
    return True


def _content_of(container: Any) -> list[Any]:
    base = _base_of(type(container))
    given = base.values(container) if issubclass(base, dict) else base.__iter__(container)
    return list(given)


def _attributes_of(thing: Any) -> list[Any]:
    """Return the attributes that an object itself has, without calling anything of its class."""
    if type(thing) in _CONTAINERS:
        return []
    try:
        return [*_own_of(thing).values(), *(one for _, one in _slots_of(thing))]
    except Exception:  # it does not like to be looked at
        return []


def _own_of(thing: Any) -> dict[str, Any]:
    try:
        own: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    except AttributeError:  # it has slots only
        return {}
    return own


def _slots_of(thing: Any) -> Iterator[tuple[MemberDescriptorType, Any]]:
    kind = type(thing)
    for base in kind.__mro__:
        for name, member in list(base.__dict__.items()):
            if type(member) is MemberDescriptorType and name != "__dict__":
                with suppress(AttributeError):  # not set
                    yield member, member.__get__(thing, kind)


def _package(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


def _is_empty(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - asking is the only way
    except ValueError:
        return True
    return False


def _is_loader(method: MethodType) -> bool:
    """Whether a method loads a data set of Spark, as the functions of partitions do."""
    asked = getattr(type(method.__self__), "is_single_process", None)
    return method.__name__ == "load" and asked is not None and bool(asked(method.__self__))


def _give(value: Any) -> Any:
    return value


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
