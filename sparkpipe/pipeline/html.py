"""A pipeline as a notebook shows it: its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.html.graph import Box, svg
from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.pipeline.node import Node
    from sparkpipe.pipeline.pipeline import Pipeline

# Of a large pipeline one wants to see how its nodes hang together.
_MOST_NODES_WITH_DATA = 60
_MOST_NODES = 400


def pipeline_html(pipeline: Pipeline) -> str:
    """Return the graph of a pipeline; parameters are shown while the pointer rests on a node."""
    nodes = pipeline.nodes
    count = f"Pipeline of {counted(len(nodes), 'node')}"
    if not nodes:
        return headline(count)
    if len(nodes) > _MOST_NODES:
        rows = [(n.name, ", ".join(n.inputs), ", ".join(n.outputs)) for n in nodes]
        listed = scrolling(table(["Node", "Inputs", "Outputs"], rows), count)
        return headline(count) + remark("Too large to draw; a part of it can be.") + listed
    if len(nodes) > _MOST_NODES_WITH_DATA:
        boxes, edges = _nodes_alone(pipeline)
        note = remark("Data sets are left out: show a part of the pipeline to see them.")
    else:
        boxes, edges = _with_data_sets(pipeline)
        note = ""
    return headline(count) + note + scrolling(svg(boxes, edges, count), count)


def _nodes_alone(pipeline: Pipeline) -> tuple[list[Box], list[tuple[str, str]]]:
    children = pipeline.children
    edges = [(node.name, child.name) for node in pipeline.nodes for child in sorted(children[node])]
    return [_node_box(node, node.name) for node in pipeline.nodes], edges


def _with_data_sets(pipeline: Pipeline) -> tuple[list[Box], list[tuple[str, str]]]:
    boxes: dict[str, Box] = {}
    edges: list[tuple[str, str]] = []
    for node in pipeline.nodes:
        key = f"node {node.name}"
        reads = [strip_transcoding(name) for name in node.inputs if not is_parameter(name)]
        # A node may turn one form of a data set into another; the data set is drawn once.
        writes = [name for name in map(strip_transcoding, node.outputs) if name not in reads]
        for name in reads:
            boxes.setdefault(f"data {name}", Box(f"data {name}", name, "data"))
            edges.append((f"data {name}", key))
        boxes[key] = _node_box(node, key)
        for name in writes:
            boxes.setdefault(f"data {name}", Box(f"data {name}", name, "data"))
            edges.append((key, f"data {name}"))
    return [*boxes.values()], edges


def _node_box(node: Node, key: str) -> Box:
    about = [str(node)]
    if node.tags:
        about.append(f"tags: {', '.join(sorted(node.tags))}")
    return Box(key, node.name, "function", "\n".join(about))
