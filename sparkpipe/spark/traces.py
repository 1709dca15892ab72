"""Whether something holds a Spark object, or is code that uses Spark; never imports pyspark.

Both questions follow what a function brings along: its closure, default and bound arguments, the
object that it is a method of, and the variables of its module that it reads.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

_PACKAGES = frozenset({"pyspark", "py4j", "delta", "databricks"})
_KINDS = {
    "SparkSession": "Spark session",
    "SparkContext": "SparkContext",
    "DataFrame": "Spark DataFrame",
    "Column": "Spark column",
    "RDD": "RDD",
    "Broadcast": "broadcast variable of Spark",
    "Accumulator": "accumulator of Spark",
    "DeltaTable": "DeltaTable",
    "RemoteModelRef": "model of a Spark Connect server",
    "JavaObject": "object of Spark's JVM",
}
# Names that mean Spark wherever they come from; also those imported for annotations only.
_NAMES = frozenset({"get_spark", "SparkSession", "SparkContext", "RDD", "DeltaTable"})
_ATOMIC = (str, bytes, bytearray, int, float, complex, bool, type(None), type, ModuleType)
_REDUCERS = ("__reduce__", "__reduce_ex__")

# Data may be deep and large. What lies farther away is met when it is pickled.
_DEEPEST = 8
_MOST = 20_000


def kind_of_spark(thing: Any) -> str:
    """Return what a live Spark object is called; nothing for everything else."""
    for kind in type(thing).__mro__:
        if kind.__name__ in _KINDS and _root(kind.__module__) in _PACKAGES:
            return _KINDS[kind.__name__]
    return ""


def find_spark(thing: Any) -> str:
    """Return a description of the nearest Spark object that something holds or reads.

    Args:
        thing: A function, or any other object.

    Returns:
        A phrase such as ``its closure holds the Spark DataFrame 'frame'``; nothing if there is
        none within reach.

    >>> find_spark([1, 2, 3])
    ''
    """
    if "pyspark" not in sys.modules:
        return ""
    for found in _walk(thing):
        kind = kind_of_spark(found.thing)
        if kind and found.name:
            return f"{found.holder} the {kind} '{found.name}'"
        if kind:
            return f"it is a {kind}"
    return ""


def shows_spark(function: Any) -> str:
    """Return what shows that a function, or one that it calls, uses Spark.

    Args:
        function: Any callable.

    Returns:
        A name such as ``get_spark`` or ``pyspark.sql.functions``; nothing if there is none.
    """
    for found in _walk(function):
        if isinstance(found.thing, FunctionType):
            variables = found.thing.__globals__
            for name in _names(found.thing.__code__):
                if _means_spark(name, variables):
                    return name
            for name in _annotated(found.thing):
                # Imported for annotations only; that of pandas is most often 'pd.DataFrame'.
                unknown = name == "DataFrame" and name not in variables
                if unknown or _means_spark(name, variables):
                    return name
    return ""


class _Found(NamedTuple):
    thing: Any
    holder: str
    name: str


def _walk(thing: Any) -> Iterator[_Found]:
    """Yield a thing and what it brings along, the nearest first."""
    queue = deque([(_Found(thing, "it holds", ""), 0)])
    # The things themselves are kept: of one that is gone, another may take over the id.
    seen: dict[int, Any] = {id(thing): thing}
    package = _root(getattr(_plain_function(thing), "__module__", None))
    while queue:
        found, depth = queue.popleft()
        yield found
        if depth == _DEEPEST:
            continue
        for part in _parts(found, package):
            if isinstance(part.thing, _ATOMIC) or id(part.thing) in seen:
                continue
            if len(seen) == _MOST:
                return
            seen[id(part.thing)] = part.thing
            queue.append((part, depth + 1))


def _parts(found: _Found, package: str) -> Iterator[_Found]:
    thing, holder, name = found
    if isinstance(thing, FunctionType):
        yield from _parts_of_function(thing, name, package)
    elif isinstance(thing, MethodType):
        yield _Found(thing.__self__, "its object holds", type(thing.__self__).__name__)
        yield _Found(thing.__func__, holder, name)
    elif isinstance(thing, partial):
        yield _Found(thing.func, holder, name)
        for number, value in enumerate(thing.args, 1):
            yield _Found(value, "its bound arguments hold", f"argument {number}")
        for key, value in thing.keywords.items():
            yield _Found(value, "its bound arguments hold", key)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield _Found(value, holder, f"{name}[{_shown(key)}]")
    elif isinstance(thing, (list, tuple, set, frozenset, deque)):
        for number, value in enumerate(thing):
            yield _Found(value, holder, f"{name}[{number}]")
    elif not kind_of_spark(thing):
        for key, value in _state(thing).items():
            yield _Found(value, holder, f"{name}.{key}" if name else key)
        if name == "" and not isinstance(thing, _ATOMIC):
            yield _Found(getattr(type(thing), "__call__", None), holder, "")  # noqa: B004


def _parts_of_function(function: FunctionType, name: str, package: str) -> Iterator[_Found]:
    code = function.__code__
    # Others than the first are told by their name.
    of = f"of {function.__name__}() " if name else ""
    its = "the" if name else "its"
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield _Found(cell.cell_contents, f"{its} closure {of}holds", variable)
        except ValueError:  # a variable that has not been set yet
            continue
    named = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    by_position = zip(named[len(named) - len(defaults) :], defaults, strict=True)
    for key, value in (*by_position, *(function.__kwdefaults__ or {}).items()):
        yield _Found(value, f"{its} default arguments {of}hold", key)
    for key, value in function.__dict__.items():
        yield _Found(value, f"{its} attributes {of}hold", key)
    for key in _names(code):
        if key in function.__globals__:
            value = function.__globals__[key]
            # Functions of other packages are their own business.
            if not isinstance(value, FunctionType) or _root(value.__module__) == package:
                reader = f"{function.__name__}()" if name else "it"
                yield _Found(value, f"{reader} reads from its module", key)


def _state(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that would be pickled; none if it pickles in its own way.

    An object that leaves something out, such as a cache, does not bring it along.
    """
    if any(getattr(type(thing), how) is not getattr(object, how) for how in _REDUCERS):
        return {}
    try:
        reduced = thing.__reduce_ex__(2)
    except Exception:  # it cannot be pickled, whatever it holds
        return {}
    states = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    found: dict[str, Any] = {}
    for state in states if isinstance(states, tuple) else (states,):  # __dict__ and __slots__
        if isinstance(state, dict):
            found.update({str(key): value for key, value in state.items()})
    return found


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names of globals, attributes and imports in code and in its inner functions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _annotated(function: FunctionType) -> Iterable[str]:
    texts = map(inspect.formatannotation, function.__annotations__.values())
    return [name for text in texts for name in re.findall(r"[A-Za-z_][\w.]*", text)]


def _means_spark(name: str, variables: dict[str, Any]) -> bool:
    root, dot, _ = name.partition(".")
    # Without a dot it may be an attribute, and things other than Spark have a 'delta'.
    if name == "pyspark" or (dot and root in _PACKAGES) or name.rpartition(".")[2] in _NAMES:
        return True
    value = variables.get(root)
    if isinstance(value, ModuleType):
        return _root(value.__name__) in _PACKAGES
    if getattr(value, "__name__", "") == "get_spark":  # under another name
        return True
    return _root(_module_of(value)) in _PACKAGES


def _module_of(value: Any) -> str:
    own = getattr(value, "__module__", None) if isinstance(value, (type, FunctionType)) else None
    return str(own or type(value).__module__)


def _plain_function(thing: Any) -> Any:
    while isinstance(thing, (partial, MethodType)):
        thing = thing.func if isinstance(thing, partial) else thing.__func__
    return thing


def _root(name: str | None) -> str:
    return (name or "").partition(".")[0]


def _shown(key: Any) -> str:
    return repr(key) if isinstance(key, (str, int)) else f"a {type(key).__name__}"
