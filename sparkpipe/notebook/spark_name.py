"""The name ``spark`` of a notebook: there from the first cell that uses it."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Callable
from typing import Any

NAME = "spark"


class SparkOnFirstUse(ast.NodeTransformer):
    """Lets a cell that uses ``spark`` begin with the call that provides it.

    What a cell uses is known from its syntax: neither a comment nor a parameter of that name starts
    Spark. The variable is then the session itself, and not something that stands for it.

    Args:
        is_needed: Whether the notebook lacks the variable.
        call: Code that puts the session among them.
    """

    def __init__(self, is_needed: Callable[[], bool], call: str) -> None:
        self._is_needed = is_needed
        self._call = call

    def visit(self, node: ast.AST) -> Any:
        """Return the code of a cell, with the call before it where it is needed."""
        if isinstance(node, ast.Module) and self._is_needed() and uses(node, NAME):
            provide = ast.parse(self._call).body
            after = _length_of_head(node)
            node.body[after:after] = [_at_start(statement) for statement in provide]
        return node


def uses(tree: ast.Module, name: str) -> bool:
    """Return whether code reads a global variable that it does not set itself.

    >>> uses(ast.parse("df = spark.table('t')"), "spark")
    True
    >>> uses(ast.parse("def f(spark): return spark"), "spark")
    False
    """
    if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)):
        return False
    try:
        return _reads(symtable.symtable(ast.unparse(tree), "<cell>", "exec"), name)
    except (SyntaxError, ValueError):  # what is wrong is told when the cell runs
        return False


def _reads(table: symtable.SymbolTable, name: str) -> bool:
    if name in table.get_identifiers():
        symbol = table.lookup(name)
        is_top = table.get_type() == "module"
        if is_top and (symbol.is_assigned() or symbol.is_imported()):
            return False
        if symbol.is_referenced() and (is_top or symbol.is_global()):
            return True
    return any(_reads(child, name) for child in table.get_children())


def _length_of_head(tree: ast.Module) -> int:
    """Return how many statements must stay the first: imports from __future__."""
    for number, statement in enumerate(tree.body):
        if not isinstance(statement, ast.ImportFrom) or statement.module != "__future__":
            return number
    return len(tree.body)


def _at_start(statement: ast.stmt) -> ast.stmt:
    for part in ast.walk(statement):
        if isinstance(part, (ast.expr, ast.stmt)):
            part.lineno = part.end_lineno = 1
            part.col_offset = part.end_col_offset = 0
    return statement
