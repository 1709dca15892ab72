"""The part of a pipeline whose outputs are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sparkpipe.io import DataCatalog
from sparkpipe.io.presence import is_present
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.words import listed

#: For names of nodes, whether they run, and why, in words.
Decisions = Mapping[str, tuple[bool, tuple[str, ...]]]

_MOST_NAMED = 3


class MissingPart(NamedTuple):
    """What is to run so that nothing is missing any more.

    Attributes:
        pipeline: The nodes that are to run.
        decisions: For each node of the whole, whether it runs, and why.
    """

    pipeline: Pipeline
    decisions: Decisions


def find_missing(
    pipeline: Pipeline, catalog: DataCatalog, exists: Callable[[str], bool | None]
) -> MissingPart:
    """Return the nodes whose outputs are missing, all that follows from them, and what they need.

    Missing is a registered output that does not exist, and a free output that the catalog does not
    hold. Needed is what makes data that is only in memory.

    Args:
        pipeline: The whole.
        catalog: Tells what is stored.
        exists: Whether a registered data set has data. What returns None may be missing.
    """
    reasons: dict[Node, list[str]] = {}
    free = pipeline.outputs()
    for node in pipeline.nodes:
        for name in node.output_names:
            told = _why_missing(name, catalog, exists) if name in catalog or name in free else ""
            if told:
                reasons.setdefault(node, []).append(told)
    _add_following(pipeline, reasons)
    _add_needed(pipeline, catalog, reasons)
    decisions = {
        node.name: (True, tuple(reasons[node]))
        if node in reasons
        else (False, (_why_skipped(node, catalog),))
        for node in pipeline.nodes
    }
    names = [node.name for node in pipeline.nodes if node in reasons]
    # Without names all nodes would be kept.
    part = pipeline.only_nodes(*names) if names else Pipeline([])
    return MissingPart(part, MappingProxyType(decisions))


def told_without_spark(catalog: DataCatalog) -> Callable[[str], bool | None]:
    """Return what tells whether a data set has data, or that only Spark could tell.

    Args:
        catalog: Where it is.
    """
    return lambda name: is_present(catalog[name])


def _why_missing(name: str, catalog: DataCatalog, exists: Callable[[str], bool | None]) -> str:
    if name not in catalog:
        return f"'{name}' is returned, and not in the catalog"
    answer = exists(name)
    if answer is None:
        return f"only Spark can tell whether '{name}' exists: the run asks it"
    return "" if answer else f"'{name}' is missing"


def _add_following(pipeline: Pipeline, reasons: dict[Node, list[str]]) -> None:
    parents = pipeline.node_dependencies
    for node in pipeline.nodes:  # in topological order
        if node not in reasons:
            before = sorted(parent.name for parent in parents[node] if parent in reasons)
            if before:
                reasons[node] = [f"it follows from {listed(map(repr, before), _MOST_NAMED)}"]


def _add_needed(pipeline: Pipeline, catalog: DataCatalog, reasons: dict[Node, list[str]]) -> None:
    parents = pipeline.node_dependencies
    to_visit = [node for node in pipeline.nodes if node in reasons]
    while to_visit:
        node = to_visit.pop()
        lost = {name for name in node.input_names if name not in catalog}
        for parent in parents[node]:
            made = lost.intersection(parent.output_names)
            if made and parent not in reasons:
                kept = ", ".join(map(repr, sorted(made)))
                reasons[parent] = [f"'{node.name}' needs {kept}, which is only in memory"]
                to_visit.append(parent)


def _why_skipped(node: Node, catalog: DataCatalog) -> str:
    stored = [name for name in node.output_names if name in catalog]
    if stored:
        verb = "exists" if len(stored) == 1 else "exist"
        return f"{', '.join(map(repr, stored))} {verb}"
    return "nothing that runs needs it"
