"""Source files as they count: without comments, docstrings, formatting and line numbers."""

from __future__ import annotations

import ast
import linecache
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Written(NamedTuple):
    """A piece of source as it counts.

    Attributes:
        text: The same for all ways to write it.
        names: The names that it reads, with the attributes after them: ``F.col``.
        outer: Those of them that are read where it is defined: in decorators, defaults and bases.
        imports: The import statements inside.
    """

    text: str
    names: frozenset[str]
    outer: frozenset[str]
    imports: tuple[ast.Import | ast.ImportFrom, ...]


class SourceFile:
    """A file of source, parsed and compiled once.

    Args:
        name: What its code objects call it.
        source: Its text.

    Raises:
        SyntaxError: It is no Python.
    """

    def __init__(self, name: str, source: str) -> None:
        self._tree = ast.parse(source, name)
        self._name = name
        self._written: dict[int, Written] = {}

    @cached_property
    def _codes(self) -> dict[tuple[int, str], list[CodeType]]:
        found: dict[tuple[int, str], list[CodeType]] = {}
        to_visit = [compile(self._tree, self._name, "exec", dont_inherit=True)]
        while to_visit:
            code = to_visit.pop()
            found.setdefault((code.co_firstlineno, code.co_name), []).append(code)
            to_visit.extend(const for const in code.co_consts if isinstance(const, CodeType))
        return found

    @cached_property
    def _definitions(self) -> dict[tuple[int, str], list[Definition]]:
        found: dict[tuple[int, str], list[Definition]] = {}
        for part in ast.walk(self._tree):
            if isinstance(part, _DEFINITIONS):
                first = min([part.lineno, *(one.lineno for one in part.decorator_list)])
                found.setdefault((first, part.name), []).append(part)
            elif isinstance(part, ast.Lambda):
                found.setdefault((part.lineno, "<lambda>"), []).append(part)
        return found

    @cached_property
    def _bindings(self) -> dict[str, list[ast.stmt]]:
        found: dict[str, list[ast.stmt]] = {}
        for statement in _statements(self._tree.body):
            for name in _bound(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def _classes(self) -> dict[str, ast.ClassDef]:
        return dict(_classes(self._tree.body, ""))

    def find(self, code: CodeType) -> list[Definition]:
        """Return what has been compiled to a code object; nothing if the file has changed since.

        Two lambdas on a line cannot be told apart where they are compiled to the same code.
        """
        place = (code.co_firstlineno, code.co_name)
        if code not in self._codes.get(place, ()):
            return []
        return self._definitions.get(place, [])

    def find_class(self, qualname: str) -> ast.ClassDef | None:
        """Return a class by its name, with those of the classes and functions around it."""
        return self._classes.get(qualname)

    def bindings(self, name: str) -> list[ast.stmt]:
        """Return the statements of the module that give a name its value."""
        return self._bindings.get(name, [])

    def written(self, part: ast.AST) -> Written:
        """Return a piece of this file as it counts."""
        found = self._written.get(id(part))
        if found is None:
            found = self._written[id(part)] = write([part])
        return found

    def whole(self) -> Written:
        """Return the file as it counts."""
        return self.written(self._tree)


def read_source(name: str, module_globals: Mapping[str, Any]) -> SourceFile | None:
    """Read the source of code objects; None if there is none that can be read.

    Args:
        name: The file as they name it; a cell of a notebook has such a name, too.
        module_globals: Of the module, whose loader may have the source.
    """
    try:
        with tokenize.open(name) as file:
            source = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        source = "".join(linecache.getlines(name, dict(module_globals)))
    if not source:
        return None
    try:
        return SourceFile(name, source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def write(parts: Iterable[ast.AST]) -> Written:
    """Return pieces of source as they count."""
    writer = _Writer()
    for part in parts:
        writer.write(part)
    return Written(
        "".join(writer.text),
        frozenset(writer.names),
        frozenset(writer.outer),
        tuple(writer.imports),
    )


class _Writer:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.names: set[str] = set()
        self.outer: set[str] = set()
        self.imports: list[ast.Import | ast.ImportFrom] = []

    def write(self, part: Any) -> None:
        if isinstance(part, ast.AST):
            self._node(part)
        elif isinstance(part, list):
            self.text.append("[")
            for item in part:
                if not _is_without_effect(item):
                    self.write(item)
            self.text.append("]")
        else:
            self.text.append(f"{type(part).__name__}:{part!r},")

    def _node(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = _dotted(node)
            if name:
                self.names.add(name)
                self.text.append(f"{name},")
                return
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports.append(node)
        elif isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            self.outer.update(write(_around(node)).names)
        self.text.append(f"{type(node).__name__}(")
        for name in node._fields:
            # What newer versions of Python add to a node is empty in older code.
            value = getattr(node, name, None)
            if value is None and not isinstance(node, ast.Constant):
                continue
            if value == [] or name in ("ctx", "kind", "type_comment"):
                continue
            self.text.append(f"{name}=")
            self.write(value)
        self.text.append(")")


def _is_without_effect(statement: Any) -> bool:
    """Whether it is a docstring, or another value that nobody takes."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def _dotted(node: ast.AST) -> str:
    """Return a name with the attributes after it; empty if it is none."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(attributes)]) if isinstance(node, ast.Name) else ""


def _around(node: Definition) -> list[ast.AST]:
    """Return what is evaluated where something is defined, not in its body."""
    around: list[ast.AST] = []
    if isinstance(node, ast.ClassDef):
        around += [*node.bases, *(keyword.value for keyword in node.keywords)]
    else:
        around += [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]
    return around if isinstance(node, ast.Lambda) else [*node.decorator_list, *around]


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements of a module, also those in branches and blocks."""
    for statement in body:
        yield statement
        if isinstance(statement, _DEFINITIONS):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _statements(handler.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Give the names to which a statement itself gives values."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            yield from (p.id for p in ast.walk(target) if isinstance(p, ast.Name))


def _classes(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for statement in _statements(body):
        if isinstance(statement, ast.ClassDef):
            yield f"{prefix}{statement.name}", statement
            yield from _classes(statement.body, f"{prefix}{statement.name}.")
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _classes(statement.body, f"{prefix}{statement.name}.<locals>.")
