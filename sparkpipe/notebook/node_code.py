"""The code of a node for a cell of a notebook: what it loads, and the body of its function."""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.pipeline.functions import find_innermost
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.project import DEFAULT_PIPELINE
from sparkpipe.sql import SqlQuery

if TYPE_CHECKING:
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.pipeline.node import Node

#: The names that a notebook has of the extension; a body must not put anything in their place.
GIVEN = ("catalog", "pipelines", "session", "spark")


def find_node(pipelines: Mapping[str, Pipeline], name: str) -> tuple[str, Node]:
    """Return the first pipeline that has a node of a name, and the node.

    Raises:
        ConfigError: None has; names the closest.
    """
    known: set[str] = set()
    ordered = sorted(pipelines, key=lambda title: (title != DEFAULT_PIPELINE, title))
    for title in ordered:
        for node in pipelines[title].nodes:
            if node.name == name:
                return title, node
            known.add(node.name)
    hint = did_you_mean(name, known) or f"Nodes: {', '.join(sorted(known)) or 'none'}."
    raise ConfigError(f"No pipeline has a node '{name}'.", hint=hint)


def node_code(node: Node, pipeline_name: str, catalog: DataCatalog) -> str:
    """Return code that loads the inputs of a node and does what its function does.

    The body stands in the cell itself, so that one can look at its variables, where it can: where
    the function ends at its last line only, and needs nothing that is not in its module. Else the
    function is called.

    Args:
        node: The node.
        pipeline_name: A pipeline that has it.
        catalog: The catalog of the session.
    """
    loads = {name: _load(name, pipeline_name, catalog) for name in node.input_names}
    told = [f"# Node '{node.name}' of pipeline '{pipeline_name}': {_where(node.func)}"]
    told += [note for name in node.input_names if (note := _note(name, catalog))]
    if isinstance(node.func, SqlQuery):
        return "\n".join([*told, *_asked(node, node.func, loads)]) + "\n"
    arguments = _arguments(node)
    body = _Body.of(node, arguments)
    code = _called(node, pipeline_name, loads) if body is None else body.code(arguments, loads)
    return "\n".join([*told, *code]) + "\n"


def _where(func: Callable[..., Any]) -> str:
    if isinstance(func, SqlQuery):
        return func.shown
    plain = find_innermost(func)
    name = f"{getattr(plain, '__module__', '')}.{getattr(plain, '__qualname__', repr(plain))}"
    try:
        return f"{name}, line {inspect.getsourcelines(plain)[1]}"
    except (OSError, TypeError):
        return name


def _load(name: str, pipeline_name: str, catalog: DataCatalog) -> str:
    if name in catalog or is_parameter(name):
        return f"catalog.load({name!r})"
    return f"session.run({pipeline_name!r}, to_outputs={name!r})[{name!r}]"


def _note(name: str, catalog: DataCatalog) -> str:
    if name not in catalog:
        return f"# '{name}' is not in the catalog: what leads to it is run."
    if is_parameter(name):
        return ""
    from sparkpipe.io import MemoryDataSet

    if not isinstance(catalog[name], MemoryDataSet) or catalog.exists(name):
        return ""
    return f"# '{name}' is in memory only while a pipeline runs: save it to load it here."


def _arguments(node: Node) -> dict[str, Any] | None:
    """Return the name of the data set for each parameter; None if the function tells none."""
    try:
        bound = inspect.signature(node.func).bind(*node.arguments, **dict(node.keyword_arguments))
    except (TypeError, ValueError):
        return None
    return dict(bound.arguments)


class _Body:
    """The body of a function, to be written into a cell."""

    def __init__(self, func: Any, tree: ast.FunctionDef, source: str, node: Node) -> None:
        self._func = func
        self._tree = tree
        self._source = source
        self._node = node

    @classmethod
    def of(cls, node: Node, arguments: Mapping[str, Any] | None) -> _Body | None:
        """Return the body of a node's function; None where it cannot stand by itself."""
        func = node.func
        if arguments is None or not inspect.isfunction(func) or func.__closure__:
            return None
        if hasattr(func, "__wrapped__"):  # a decorator does something too
            return None
        try:
            source = textwrap.dedent(inspect.getsource(func))
            tree = ast.parse(source).body[0]
        except (OSError, TypeError, SyntaxError):
            return None
        if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
            return None
        body = cls(func, tree, source, node)
        return body if body._can_stand_alone() else None

    def _can_stand_alone(self) -> bool:
        last = self._tree.body[-1]
        ends_early = False
        for part in _walk_own(self._tree):
            if isinstance(part, (ast.Yield, ast.YieldFrom, ast.Await, ast.Nonlocal)):
                return False
            ends_early |= isinstance(part, ast.Return) and part is not last
        stored = {n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name)}
        stored |= {a.arg for a in ast.walk(self._tree) if isinstance(a, ast.arg)}
        return not ends_early and not stored.intersection(GIVEN)

    def code(self, arguments: Mapping[str, Any] | None, loads: Mapping[str, str]) -> list[str]:
        """Return the lines of the cell."""
        lines = []
        if self._func.__code__.co_flags & __future__.annotations.compiler_flag:
            lines.append("from __future__ import annotations")
        names = self._names_of_module()
        if names:
            lines += ["", *_import_lines(self._func.__module__, names)]
        lines += ["", "# Inputs", *self._inputs(arguments or {}, loads)]
        return [*lines, "", f"# Body of {self._func.__name__}", *self._body_lines()]

    def _names_of_module(self) -> list[str]:
        """Return what the body needs of the module of the function."""
        used = {n.id for part in self._tree.body for n in ast.walk(part) if isinstance(n, ast.Name)}
        own = self._func.__globals__
        if sys.modules.get(self._func.__module__) is None or self._func.__module__ == "__main__":
            return []
        local = set(self._func.__code__.co_varnames)
        return sorted(n for n in used - local if n in own and not hasattr(builtins, n))

    def _inputs(self, arguments: Mapping[str, Any], loads: Mapping[str, str]) -> list[str]:
        lines = []
        for name, parameter in inspect.signature(self._func).parameters.items():
            given = arguments.get(name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                lines.append(f"{name} = ({''.join(f'{loads[one]}, ' for one in given or ())})")
            elif parameter.kind is parameter.VAR_KEYWORD:
                items = ", ".join(f"{key!r}: {loads[one]}" for key, one in (given or {}).items())
                lines.append(f"{name} = {{{items}}}")
            elif given is not None:
                lines.append(f"{name} = {loads[given]}")
            else:
                lines.append(f"{name} = {self._default(name)}")
        return lines or ["# (none)"]

    def _default(self, name: str) -> str:
        arguments = self._tree.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        found = next(value for arg, value in pairs if arg.arg == name and value is not None)
        return ast.unparse(found)

    def _body_lines(self) -> list[str]:
        statements = self._tree.body
        if ast.get_docstring(self._tree) is not None:
            statements = statements[1:]
        if not statements:
            return ["pass"]
        lines = self._source.splitlines()
        first, last = statements[0], statements[-1]
        # Comments above the first statement belong to the body, too.
        begins = self._tree.body[0].end_lineno if first is not self._tree.body[0] else None
        start = begins if begins is not None else first.lineno - 1
        if first.lineno == self._tree.lineno:  # def f(x): return x
            kept = [ast.unparse(one) for one in statements]
        else:
            kept = (
                textwrap.dedent("\n".join(lines[start : last.end_lineno])).strip("\n").split("\n")
            )
        if not isinstance(last, ast.Return):
            return kept
        height = (
            1 if first.lineno == self._tree.lineno else (last.end_lineno or 0) - last.lineno + 1
        )
        return [*kept[:-height], *self._ending(last, kept[-height:])]

    def _ending(self, last: ast.Return, written: list[str]) -> list[str]:
        if last.value is None:
            return []
        name = _free_name("result", self._func.__code__.co_varnames)
        assigned = re.sub(r"^return\b\s*", f"{name} = ", written[0])
        return [assigned, *written[1:], name]


def _walk_own(tree: ast.FunctionDef) -> Iterable[ast.AST]:
    """Return the parts of a function, without those of its inner functions."""
    to_visit: list[ast.AST] = [*tree.body]
    while to_visit:
        part = to_visit.pop()
        yield part
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            to_visit.extend(ast.iter_child_nodes(part))


def _import_lines(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 100:
        return [line]
    return [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def _free_name(name: str, taken: Iterable[str]) -> str:
    return f"{name}_" if name in taken else name


def _called(node: Node, pipeline_name: str, loads: Mapping[str, str]) -> list[str]:
    """Return code that calls the function, wherever it comes from."""
    find = f"next(n for n in pipelines[{pipeline_name!r}].nodes if n.name == {node.name!r})"
    arguments = [loads[name] for name in node.arguments]
    by_keyword = {key: loads[name] for key, name in node.keyword_arguments}
    if all(map(str.isidentifier, by_keyword)):
        arguments += [f"{key}={load}" for key, load in by_keyword.items()]
    else:
        items = ", ".join(f"{key!r}: {load}" for key, load in by_keyword.items())
        arguments.append(f"**{{{items}}}")
    return [
        "# Its body cannot stand in a cell by itself. %debug after a failure looks into it.",
        f"function = {find}.func",
        "result = function(",
        *(f"    {argument}," for argument in arguments),
        ")",
        "result",
    ]


def _asked(node: Node, query: SqlQuery, loads: Mapping[str, str]) -> list[str]:
    """Return code with the text of a query in it, to change and to run again."""
    pairs = zip(query.inputs, node.arguments, strict=True)
    quote = '"""' if "'''" in query.text else "'''"
    is_plain = "\\" not in query.text and quote not in query.text
    text = f"{quote}\n{query.text.strip()}\n{quote}" if is_plain else repr(query.text)
    options = [
        f"{key}={value!r}, "
        for key, value, usual in (
            ("engine", query.engine, "spark"),
            ("dialect", query.dialect, "spark"),
        )
        if value != usual
    ]
    return [
        "from sparkpipe import sql_node",
        "",
        f"query = {text}",
        "inputs = {",
        *(f"    {called!r}: {loads[name]}," for called, name in pairs),
        "}",
        f"result = sql_node(query=query, {''.join(options)}outputs='result').run(inputs)['result']",
        "result",
    ]
