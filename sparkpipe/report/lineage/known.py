"""What is known of data sets besides what a run tells of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkpipe.pipeline.node import Node

#: For each column of a result, the data sets and their columns that it is made of.
Origins = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Known:
    """What is known of a data set.

    Attributes:
        target: What it reads and writes, as of :mod:`sparkpipe.io.target`; without secrets.
        columns: The names and types of its columns; empty where nobody has said.
    """

    target: str = ""
    columns: tuple[tuple[str, str], ...] = ()


#: Returns what is known of a data set, by its name; raises nothing.
Ask = Callable[[str], Known]


def origins_of(node: Node, ask: Ask) -> Origins:
    """Return what the columns are made of that a node returns; nothing where that is not known.

    A function can tell: it has a method ``column_lineage``, which takes the columns of its inputs
    by the names that the function has for them (``inputs``), and tells origins by these names.

    Args:
        node: The node.
        ask: Tells the columns of its inputs.
    """
    trace = getattr(node.func, "column_lineage", None)
    if trace is None:
        return {}
    called = dict(zip(getattr(node.func, "inputs", ()), node.input_names, strict=False))
    schemas = {
        ours: tuple(column for column, _ in columns)
        for ours, name in called.items()
        if (columns := ask(name).columns)
    }
    return {
        column: [
            (called[ours], of)
            for ours, of in origins
            if ours in called and of != "*"  # nobody knows the columns of this one
        ]
        for column, origins in trace(schemas).items()
        if column != "*"
    }


def query_of(node: Node | None) -> str:
    """Return the text of a node that is a query; empty for a function."""
    func = None if node is None else node.func
    text = getattr(func, "text", "")
    return text if isinstance(text, str) and hasattr(func, "column_lineage") else ""
