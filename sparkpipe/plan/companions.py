"""Nodes that a check ties together, found before anything runs.

A save whose checks reject rows writes them to another data set, and a check that refers to a data
set reads it. Neither is an input or an output of the node, so no DAG orders them by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sparkpipe.io.declared import companions_of, written_beside
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan.dag import Order, children_of


def companion_problems(pipeline: Pipeline, data_sets: Mapping[str, Any]) -> list[str]:
    """Return where nothing orders a node and those that write or read what its checks use.

    Args:
        pipeline: What is to run.
        data_sets: Its data sets by name, as far as they can be made; nothing is loaded.
    """
    used = [*_used(pipeline, data_sets)]
    if not used:
        return []
    nodes = pipeline.nodes
    writers: dict[str, list[int]] = defaultdict(list)
    readers: dict[str, list[int]] = defaultdict(list)
    for position, node in enumerate(nodes):
        for name in node.output_names:
            writers[strip_transcoding(name)].append(position)
        for name in node.input_names:
            readers[strip_transcoding(name)].append(position)
    order = Order(children_of(pipeline), {position for position, *_ in used})
    problems = []
    for position, name, other, is_written in used:
        mine = f"node '{nodes[position].name}'"
        how = f"writes rejected rows of '{name}' to" if is_written else f"checks '{name}' against"
        any_form = strip_transcoding(other)
        does = [(one, "writes") for one in writers[any_form]]
        does += [(one, "reads") for one in readers[any_form] if is_written]
        problems += [
            f"Node '{nodes[one].name}' {verb} '{other}', {mine} {how} it, and nothing orders them. "
            "Let one read the other's output."
            for one, verb in does
            if one != position and not order.orders(position, one)
        ]
    return list(dict.fromkeys(problems))


def _used(pipeline: Pipeline, data_sets: Mapping[str, Any]) -> Iterator[tuple[int, str, str, bool]]:
    """Give what nodes use beside their own: node, its data set, the other one, if it is written."""
    companions: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name, data_set in data_sets.items():
        if used := companions_of(data_set):
            companions[name] = used, written_beside(data_set)
    for position, node in enumerate(pipeline.nodes if companions else ()):
        for name in dict.fromkeys((*node.input_names, *node.output_names)):
            used, written = companions.get(name, ((), ()))
            for other in used:
                if other not in written or name in node.output_names:
                    yield position, name, other, other in written
