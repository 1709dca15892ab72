"""A planned run as a notebook shows it: its graph, and a table of its nodes."""

from __future__ import annotations

from collections.abc import Iterable

from sparkpipe.html.graph import Box, svg
from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.report.planned import text
from sparkpipe.report.planned.run import PlannedDataSet, PlannedNode, PlannedRun

# A larger graph shows nothing any more.
_MOST_NODES = 400


def page_of(planned: PlannedRun) -> str:
    """Return a planned run as HTML.

    Args:
        planned: The run.
    """
    title = text.headline(planned)
    parts = [headline(title), remark(text.count(planned))]
    parts += [remark(f"Problem: {problem}") for problem in planned.problems]
    if 0 < len(planned.nodes) <= _MOST_NODES:
        parts.append(scrolling(_drawn(planned.nodes, title), title))
    rows = [
        (
            str(node.level),
            node.name,
            "runs" if node.runs else "skipped",
            "; ".join(node.reasons),
            _told(node.loads),
            _told(node.saves),
        )
        for node in planned.nodes
    ]
    if rows:
        titles = ["Level", "Node", "", "Why", "Loads", "Saves"]
        parts.append(scrolling(table(titles, rows), "Nodes"))
    return "".join(parts)


def _drawn(nodes: Iterable[PlannedNode], title: str) -> str:
    boxes: list[Box] = []
    edges: list[tuple[str, str]] = []
    makers: dict[str, str] = {}
    nodes = [*nodes]
    for node in nodes:
        makers.update({strip_transcoding(one.name): node.name for one in node.saves})
    for node in nodes:
        about = "\n".join((node.name, *node.reasons))
        boxes.append(Box(node.name, node.name, "function" if node.runs else "skipped", about))
        for one in node.loads:
            maker = makers.get(strip_transcoding(one.name))
            if maker is not None:
                edges.append((maker, node.name))
    return svg(boxes, edges, title)


def _told(data_sets: Iterable[PlannedDataSet]) -> str:
    told = []
    for one in data_sets:
        if not is_parameter(one.name):
            told.append(f"{one.name} ({', '.join(filter(None, (one.place, one.about)))})")
    return "; ".join(told)
