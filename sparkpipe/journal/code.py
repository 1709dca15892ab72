"""The code of a function, and of what it calls and reads in its project, as it counts.

A function is followed by the names that its body reads: to functions and classes of the project,
through closures, decorators, partials and methods, and to the constants of modules. What is
installed is not followed: there the name counts, and the version of its package if a node calls it.
"""

from __future__ import annotations

import ast
import builtins
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from sparkpipe.journal.compiled import (
    bytecode_of,
    held_by,
    methods_in,
    module_of,
    names_outside,
)
from sparkpipe.journal.digests import NotPlain, digest_of_text, digest_of_value
from sparkpipe.journal.modules import (
    OwnModules,
    contents_of,
    file_of,
    named_by,
    shown_file,
    shown_module,
    version_of,
)
from sparkpipe.journal.sources import SourceFile, Written, read_source, write
from sparkpipe.sql import SqlQuery

#: Packages whose objects are connections, locks and the like: what they hold is no value.
_LIVE = frozenset({"pyspark", "py4j", "logging", "threading", "_thread", "random"})

#: What a module has of itself, and what differs from place to place.
_OF_MODULES = frozenset(
    f"__{name}__"
    for name in (
        *("name", "file", "doc", "builtins", "spec", "loader", "package", "path", "cached"),
        *("all", "annotations", "dict", "debug"),
    )
)


class Part(NamedTuple):
    """A piece of code that counts for a node.

    Attributes:
        digest: Alike where it means the same.
        place: ``file:line``, the file relative to where its package lies.
    """

    digest: str
    place: str


class _Piece:
    """A part that is being read, and those that it needs."""

    def __init__(self, key: str, place: str = "") -> None:
        self.key = key
        self.place = place
        self.digest = ""
        self.needs: list[_Piece] = []


class CodeReader:
    """Reads the code of functions; for one decision, as each file is read once.

    Args:
        packages: Packages that are the project's, also where they are installed.
    """

    def __init__(self, packages: Iterable[str] = ()) -> None:
        self._own = OwnModules(packages)
        self._sources: dict[str, SourceFile | None] = {}
        # By the ids of functions and classes, and by names of modules and of what they hold.
        self._pieces: dict[object, _Piece] = {}
        self._to_read: list[Callable[[], None]] = []
        self._parts: dict[int, dict[str, Part]] = {}
        # What is known by its id must not make room for another one.
        self._kept: list[object] = []

    def parts(self, func: Callable[..., Any]) -> dict[str, Part]:
        """Return the parts of a function's code by their dotted names, its own first.

        Args:
            func: Whatever a node can call.
        """
        known = self._parts.get(id(func))
        if known is None:
            self._kept.append(func)
            known = self._parts[id(func)] = self._read(func)
        return known

    def digest(self, value: Any) -> str:
        """Return a digest of a value, and of the code that it holds.

        Args:
            value: Plain data, or objects, functions and classes among it.
        """
        root = _Piece("")
        told = self._value(value, root)
        found = [piece for pieces in self._all_needed(root).values() for piece in pieces]
        return digest_of_text(told, *sorted(piece.digest for piece in found)) if found else told

    def _read(self, func: Callable[..., Any]) -> dict[str, Part]:
        root = _Piece(f"{_name_of(func)}()")
        told = self._token(func, root, is_called=True)
        parts = {key: _joined(pieces) for key, pieces in self._all_needed(root).items()}
        if told in parts:
            return parts
        # Something around a function: a partial, a method, an object; or what is installed.
        place = next(iter(parts.values())).place if parts else ""
        return {root.key: Part(digest_of_text(told), place), **parts}

    def _all_needed(self, root: _Piece) -> dict[str, list[_Piece]]:
        """Read what is still to be read, and return what a piece needs, by names."""
        while self._to_read:
            self._to_read.pop()()
        found: dict[str, list[_Piece]] = {}
        to_visit, visited = [*reversed(root.needs)], set()
        while to_visit:
            piece = to_visit.pop()
            if id(piece) not in visited:
                visited.add(id(piece))
                found.setdefault(piece.key, []).append(piece)
                to_visit.extend(reversed(piece.needs))
        return found

    def _token(self, value: Any, needing: _Piece, *, is_called: bool = False) -> str:
        """Return what stands for a value that is no plain one.

        Args:
            value: The value.
            needing: Who holds it, and needs the code of it.
            is_called: A node calls it: of what is installed, the version counts.
        """
        if isinstance(value, FunctionType):
            return self._function(value, needing, is_called)
        if isinstance(value, type):
            return self._class(value, needing, is_called)
        if isinstance(value, MethodType):
            method = self._token(value.__func__, needing, is_called=is_called)
            return f"{method} of {self._value(value.__self__, needing)}"
        if isinstance(value, functools.partial):
            called = self._token(value.func, needing, is_called=is_called)
            return f"{called} with {self._value((value.args, value.keywords), needing)}"
        if isinstance(value, BuiltinFunctionType):
            owner = value.__self__
            if owner is None or isinstance(owner, (ModuleType, type)):
                return _installed(value, is_called)
            return f"{_name_of(value)} of {self._value(owner, needing)}"
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"
        if isinstance(value, SqlQuery):
            return self._query(value, needing)
        wrapped = getattr(value, "__wrapped__", None)
        if callable(wrapped):  # such as what lru_cache makes
            return f"{_name_of(type(value))} of {self._token(wrapped, needing)}"
        return self._instance(value, needing, is_called)

    def _value(self, value: Any, needing: _Piece) -> str:
        try:
            return digest_of_value(value, lambda other: self._token(other, needing))
        except (NotPlain, RecursionError):
            return _name_of(type(value))

    def _followed(self, value: Any, needing: _Piece) -> str:
        """Tell a value by all that it holds; empty if it holds what is not ours to look into."""

        def tell(other: Any) -> str:
            module = type(other).__module__
            is_known = module.partition(".")[0] in sys.stdlib_module_names
            if isinstance(other, FunctionType | type) or is_known or self._own.has(module):
                return self._token(other, needing)
            raise NotPlain(module)

        try:
            return digest_of_value(value, tell)
        except (NotPlain, RecursionError):
            return ""

    def _attributes(self, thing: FunctionType | type, piece: _Piece) -> list[str]:
        """Tell what a function or class has been given, in its body or later."""
        return sorted(
            f"{name} {self._followed(value, piece)}"
            for name, value in vars(thing).items()
            if not name.startswith("__") and not methods_in(value)
        )

    def _instance(self, value: Any, needing: _Piece, is_called: bool) -> str:
        """Tell an object by its class, and by what a copy of it would be made of."""
        kind = type(value)
        told = self._class(kind, needing, is_called)
        if kind.__module__.partition(".")[0] in _LIVE:
            return told
        if self._own.has(kind.__module__) and hasattr(value, "__dict__"):
            return f"{told} {self._value(vars(value), needing)}"
        try:
            made_of = value.__reduce_ex__(4)
        except Exception:  # it cannot be copied
            return told
        if isinstance(made_of, str):
            return f"{told} {made_of}"
        state = [one if i < 2 else list(one) for i, one in enumerate(made_of[1:5]) if one]
        return f"{told} {self._value(state, needing)}"

    def _function(self, func: FunctionType, needing: _Piece, is_called: bool = False) -> str:
        module = module_of(func)
        if not self._own.has(module, func.__code__.co_filename):
            inner = [self._token(one, needing) for one in self._own_inside(func)]
            return " ".join([_installed(func, is_called), *_kind_of_udf(func), *inner])
        name = getattr(func.__code__, "co_qualname", func.__qualname__)
        key = f"{shown_module(module)}.{name}"
        return self._needed(id(func), key, needing, lambda piece: self._read_function(func, piece))

    def _query(self, query: SqlQuery, needing: _Piece) -> str:
        """Add a query: what it says counts, and neither comments nor the way it is laid out."""
        piece = _Piece("query", f"{query.file}:1" if query.file else "")
        piece.digest = digest_of_text(query.engine, query.dialect, *query.words)
        needing.needs.append(piece)
        return piece.key

    def _own_inside(self, func: FunctionType) -> list[Any]:
        """Return what is the project's of what a decorator, or other code, has wrapped."""
        found, seen = [], {id(func)}
        to_visit: list[Any] = [func]
        while to_visit:
            outer = to_visit.pop()
            held = [*held_by(outer)]
            # Such as the functions for types that ``functools.singledispatch`` keeps.
            held += [one for kept in held if type(kept) is dict for one in kept.values()]
            for inner in (getattr(outer, "__wrapped__", None), *held):
                if id(inner) in seen or not isinstance(inner, (FunctionType, type)):
                    continue
                seen.add(id(inner))
                if self._own.has(module_of(inner)):
                    found.append(inner)
                elif isinstance(inner, FunctionType):
                    to_visit.append(inner)
        return found

    def _class(self, kind: type, needing: _Piece, is_called: bool = False) -> str:
        if not self._own.has(kind.__module__):
            return _installed(kind, is_called)
        key = f"{shown_module(kind.__module__)}.{kind.__qualname__}"
        return self._needed(id(kind), key, needing, lambda piece: self._read_class(kind, piece))

    def _module(self, module: str, needing: _Piece) -> str:
        """Add a module as a whole: one that is imported in a function, or passed on."""
        return self._needed(module, module, needing, lambda piece: self._read_module(module, piece))

    def _needed(
        self, known_as: object, key: str, needing: _Piece, read: Callable[[_Piece], None]
    ) -> str:
        """Add a piece, read later if it is new: pieces may need each other."""
        piece = self._pieces.get(known_as)
        if piece is None:
            piece = self._pieces[known_as] = _Piece(key)
            self._to_read.append(functools.partial(read, piece))
        needing.needs.append(piece)
        return key

    def _read_function(self, func: FunctionType, piece: _Piece) -> None:
        self._kept.append(func)
        code, scope = func.__code__, func.__globals__
        source = self._source(code.co_filename, scope)
        found = source.find(code) if source is not None else []
        line = found[0].lineno if found else code.co_firstlineno
        piece.place = f"{shown_file(str(scope.get('__name__')), code.co_filename)}:{line}"
        told = []
        if source is not None and found:
            read = frozenset(names_outside(code))
            for definition in found:
                written = source.written(definition)
                names = {name for name in written.names if name.partition(".")[0] in read}
                told += [written.text, *self._names(names | written.outer, scope, piece)]
                told += self._imports(written, scope, piece)
        else:
            told += [bytecode_of(code), *self._names(names_outside(code), scope, piece)]
        told += [self._value(inner, piece) for inner in held_by(func)]
        told.append(self._value((func.__defaults__, func.__kwdefaults__), piece))
        told += self._attributes(func, piece)
        wrapped = getattr(func, "__wrapped__", None)
        if wrapped is not None:
            told.append(self._value(wrapped, piece))
        piece.digest = digest_of_text(*told)

    def _read_class(self, kind: type, piece: _Piece) -> None:
        self._kept.append(kind)
        scope = contents_of(kind.__module__)
        methods = [method for value in vars(kind).values() for method in methods_in(value)]
        file = str(scope.get("__file__") or "")
        if not file:  # a cell of a notebook
            file = next((m.__code__.co_filename for m in methods), "")
        source = self._source(file, scope)
        definition = source.find_class(kind.__qualname__) if source is not None else None
        line = "" if definition is None else f":{definition.lineno}"
        piece.place = f"{shown_file(kind.__module__, file)}{line}"
        told = [self._class(base, piece) for base in kind.__bases__]
        own = [method for method in methods if method.__code__.co_filename == file]
        # Else the file has changed since the class was made of it.
        if (
            source is not None
            and definition is not None
            and all(source.find(method.__code__) for method in own)
        ):
            written = source.written(definition)
            told += [written.text, *self._names(written.names | written.outer, scope, piece)]
            told += self._imports(written, scope, piece)
            told += [self._value(inner, piece) for method in own for inner in held_by(method)]
            told += self._given_later(methods, definition, file, piece)
        else:
            told += [f"{method.__name__} {self._function(method, piece)}" for method in methods]
        told += self._attributes(kind, piece)
        piece.digest = digest_of_text(*told)

    def _given_later(
        self, methods: Iterable[FunctionType], written: ast.ClassDef, file: str, piece: _Piece
    ) -> list[str]:
        """Follow methods that do not stand in the class: ``Trips.clean = clean``."""
        first = min([written.lineno, *(one.lineno for one in written.decorator_list)])
        lines = range(first, (written.end_lineno or written.lineno) + 1)
        told = []
        for method in methods:
            code = method.__code__
            if code.co_filename == file and code.co_firstlineno in lines:
                continue
            # What a decorator of the standard library makes of the class has no source.
            has_source = self._source(code.co_filename, method.__globals__) is not None
            is_own = has_source and self._own.has(module_of(method), code.co_filename)
            if is_own or self._own_inside(method):
                told.append(self._function(method, piece))
        return sorted(told)

    def _read_module(self, module: str, piece: _Piece) -> None:
        file = file_of(module)
        piece.place = shown_file(module, file)
        is_package = piece.place.endswith("__init__.py")
        package = module if is_package else module.rpartition(".")[0]
        scope = {"__name__": module, "__package__": package}
        source = self._source(file, scope)
        told = [module]
        if source is not None:
            written = source.whole()
            told += [written.text, *self._imports(written, scope, piece)]
        piece.digest = digest_of_text(*told)

    def _imports(self, written: Written, scope: Mapping[str, Any], piece: _Piece) -> list[str]:
        """Follow import statements, to whole modules: whether they are loaded is no matter."""
        return [
            self._module(module, piece)
            for statement in written.imports
            for module in self._own.imported_by(statement, scope)
        ]

    def _names(self, names: Iterable[str], scope: Mapping[str, Any], piece: _Piece) -> list[str]:
        """Follow the names that a piece reads of its module, and return what counts of them."""
        told = (self._name(name, scope, piece) for name in sorted(set(names)))
        return [one for one in told if one]

    def _name(self, dotted: str, scope: Mapping[str, Any], piece: _Piece) -> str:
        name, *attributes = dotted.split(".")
        if name not in scope or name in _OF_MODULES:
            return ""
        value = scope[name]
        while attributes and isinstance(value, ModuleType) and self._own.has(value.__name__):
            scope, name = vars(value), attributes.pop(0)
            if name not in scope:
                return ""
            value = scope[name]
        if isinstance(value, ModuleType):
            if self._own.has(value.__name__):
                return self._module(value.__name__, piece)
            return f"{name} is {value.__name__}"
        if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
            told = f"{name} is {self._token(value, piece)}"
            if not self._is_defined(value):
                told = f"{told} {self._constant(name, value, scope, piece)}"
            return told
        return self._constant(name, value, scope, piece)

    def _is_defined(self, value: Any) -> bool:
        """Whether a function or class tells all of itself, or is what is installed by its name.

        What a call has made of a library, as ``make_dataclass`` and ``udf`` do, is neither: what
        it was given stands in the statement alone.
        """
        if isinstance(value, BuiltinFunctionType):
            return True
        if self._own.has(module_of(value)):
            return not isinstance(value, type) or self._has_statement(value)
        found: Any = sys.modules.get(value.__module__)
        for name in value.__qualname__.split("."):
            found = getattr(found, "__dict__", {}).get(name)
        return found is value

    def _has_statement(self, kind: type) -> bool:
        scope = contents_of(kind.__module__)
        source = self._source(str(scope.get("__file__") or ""), scope)
        return source is None or source.find_class(kind.__qualname__) is not None

    def _constant(self, name: str, value: Any, scope: Mapping[str, Any], needing: _Piece) -> str:
        """Add a constant: by its value, or by what its module says that it is."""
        module = str(scope.get("__name__", ""))
        if getattr(builtins, name, None) is value:
            return ""
        piece = self._pieces.get((module, name))
        if piece is None:
            piece = self._pieces[module, name] = _Piece("")
            self._read_constant(module, name, value, piece)
        needing.needs.append(piece)
        return piece.key

    def _read_constant(self, module: str, name: str, value: Any, piece: _Piece) -> None:
        module, name, bindings = self._bindings(module, name)
        scope = contents_of(module)
        line = f":{bindings[0].lineno}" if bindings else ""
        piece.key = f"{shown_module(module)}.{name}"
        piece.place = f"{shown_file(module, str(scope.get('__file__') or ''))}{line}"
        try:
            piece.digest = digest_of_value(value)
        except (NotPlain, RecursionError):
            if bindings:
                written = write(bindings)
                told = [written.text, *self._names(written.names - {name}, scope, piece)]
                # What else has been put into it.
                told.append(self._followed(value, piece))
                piece.digest = digest_of_text(*told, *self._names(written.outer, scope, piece))
            else:
                piece.digest = digest_of_text(self._value(value, piece))

    def _bindings(self, module: str, name: str) -> tuple[str, str, list[ast.stmt]]:
        """Find the statements that give a name its value, in the module that it comes from.

        Returns:
            That module, the name there, and the statements; none where they cannot be read.
        """
        seen: set[tuple[str, str]] = set()
        found: list[ast.stmt] = []
        while (module, name) not in seen:
            seen.add((module, name))
            scope = contents_of(module)
            source = self._source(str(scope.get("__file__") or ""), scope)
            found = source.bindings(name) if source is not None else []
            last = found[-1] if found else None
            if not isinstance(last, ast.ImportFrom):
                break
            origin = named_by(last, scope)
            if origin not in sys.modules or not self._own.has(origin):
                break
            module = origin
            name = next(a.name for a in last.names if name == (a.asname or a.name))
        return module, name, found

    def _source(self, file: str, scope: Mapping[str, Any]) -> SourceFile | None:
        if not file:
            return None
        if file not in self._sources:
            self._sources[file] = read_source(file, scope)
        return self._sources[file]


def _joined(pieces: list[_Piece]) -> Part:
    """Return the part of one name: two lambdas of a module share theirs."""
    if len(pieces) == 1:
        return Part(pieces[0].digest, pieces[0].place)
    return Part(digest_of_text(*sorted(one.digest for one in pieces)), pieces[0].place)


def _name_of(thing: Any) -> str:
    while isinstance(thing, functools.partial):
        thing = thing.func
    name = getattr(thing, "__qualname__", None)
    if not isinstance(name, str):
        return _name_of(type(thing))
    module = getattr(thing, "__module__", None)
    return f"{shown_module(module)}.{name}" if isinstance(module, str) else name


def _kind_of_udf(func: FunctionType) -> list[str]:
    """Return the type that a UDF of Spark gives: of the project is only the function inside."""
    kind = vars(func).get("returnType")
    return [repr(kind)] if type(kind).__module__.startswith("pyspark.") else []


def _installed(thing: Any, is_called: bool) -> str:
    """Tell what is installed by its name, and by its version if a node calls it."""
    name = _name_of(thing)
    version = version_of(name.partition(".")[0]) if is_called else ""
    return f"{name} {version}".rstrip()
