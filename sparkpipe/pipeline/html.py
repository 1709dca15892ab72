"""A pipeline as a notebook shows it: the graph of the page of a run, before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparkpipe.html.grid import headline
from sparkpipe.html.page import framed
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.pipeline.node import Node
    from sparkpipe.pipeline.pipeline import Pipeline


def pipeline_html(pipeline: Pipeline) -> str:
    """Return the graph of a pipeline; a click on a node tells its function, tags and parameters."""
    nodes = pipeline.nodes
    title = f"Pipeline of {counted(len(nodes), 'node')}"
    if not nodes:
        return headline(title)
    return headline(title) + framed(_document(nodes, title), "graph")


def _document(nodes: Sequence[Node], title: str) -> dict[str, Any]:
    """Return what the page shows of a pipeline; its keys are those of the page of a run."""
    told = [_told(node) for node in nodes]
    makers = {strip_transcoding(one): at for at, node in enumerate(nodes) for one in node.outputs}
    edges: list[tuple[int, int, str]] = []
    data: dict[str, dict[str, Any]] = {}
    for at, node in enumerate(told):
        for name in node["inputs"]:
            data.setdefault(name, {"name": name, "readers": []})["readers"].append(at)
            maker = makers.get(strip_transcoding(name), at)
            if maker != at:
                edges.append((maker, at, name))
        for name in node["outputs"]:
            data.setdefault(name, {"name": name, "readers": []})["writer"] = at
    return {
        "schema": 1,
        "kind": "pipeline",
        "title": title,
        "most_columns": 0,
        "run": {},
        "nodes": told,
        "edges": edges,
        "data_sets": [*data.values()],
        "lanes": 0,
        "unused_lanes": 0,
        "path": [],
        "advice": [],
        "earlier": [],
        "comparison": None,
    }


def _told(node: Node) -> dict[str, Any]:
    function = node.func
    where = (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
    return {
        "name": node.name,
        "state": "",
        "kind": "",
        "namespace": node.namespace or "",
        "tags": sorted(node.tags),
        "inputs": [name for name in node.inputs if not is_parameter(name)],
        "outputs": node.outputs,
        "reasons": [f"Takes {name}." for name in node.inputs if is_parameter(name)],
        "function_name": ".".join(filter(None, where)),
    }
