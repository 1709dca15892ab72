"""Random pipelines for the tests of the algebra."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sparkpipe.pipeline import node
from sparkpipe.pipeline.node import Node


def step(*_: Any) -> None:
    """Stand for a function that takes anything."""


def other_step(*_: Any) -> None:
    """Stand for another one."""


@st.composite
def dags(draw: st.DrawFn, most: int = 9) -> list[Node]:
    """Nodes that form a DAG, in any order: each reads from outside or from nodes before it."""
    size = draw(st.integers(1, most))
    nodes: list[Node] = []
    readable = ["raw0", "raw1"]
    for number in range(size):
        inputs = draw(st.lists(st.sampled_from(readable), max_size=3, unique=True))
        written, *read = draw(
            st.sampled_from([(f"d{number}", f"d{number}"), (f"d{number}@w", f"d{number}@r")])
        )
        readable += read
        outputs = draw(st.sampled_from([written, [written, f"extra{number}"]]))
        # Nodes without a name share that of their function, and are told apart by a suffix.
        name = draw(st.sampled_from([None, f"node{number}"]))
        tags = draw(st.sets(st.sampled_from(["red", "green"])))
        func = draw(st.sampled_from([step, other_step]))
        nodes.append(node(func, inputs or None, outputs, name=name, tags=tags))
    return list(draw(st.permutations(nodes)))


@st.composite
def dags_with_parts(draw: st.DrawFn, parts: int = 3) -> tuple[list[Node], list[list[Node]]]:
    """Nodes that form a DAG, and some subsets of them that may overlap."""
    nodes = draw(dags())
    subsets = [draw(st.lists(st.sampled_from(nodes), unique=True)) for _ in range(parts)]
    return nodes, subsets
