"""A planned run as a notebook shows it: its graph, and a table of its nodes."""

from __future__ import annotations

from collections.abc import Iterable

from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.report.planned import text
from sparkpipe.report.planned.run import PlannedDataSet, PlannedRun


def page_of(planned: PlannedRun) -> str:
    """Return a planned run as HTML.

    Args:
        planned: The run.
    """
    from sparkpipe.report.page.notebook import graph_of  # which shows plans, and runs too

    parts = [headline(text.headline(planned)), remark(text.count(planned))]
    parts += [remark(f"Problem: {problem}") for problem in planned.problems]
    parts.append(graph_of(planned))
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


def _told(data_sets: Iterable[PlannedDataSet]) -> str:
    told = []
    for one in data_sets:
        if not is_parameter(one.name):
            told.append(f"{one.name} ({', '.join(filter(None, (one.place, one.about)))})")
    return "; ".join(told)
