"""Runs and plans as notebooks show them: the page itself, small, with one of its views first."""

from __future__ import annotations

from sparkpipe.html.page import framed
from sparkpipe.journal import RunRecord
from sparkpipe.report.page.document import document_of_plan, document_of_run
from sparkpipe.report.planned import PlannedRun

# Before it is packed. A notebook keeps each of its outputs in its file.
_MOST_BYTES = 200_000


def timeline_of(record: RunRecord) -> str:
    """Return a run as an element of a notebook, its timeline first; empty where nothing has run.

    Args:
        record: The run; of its data the rows are not shown here, and of its nodes no code.
    """
    if not any(one.started for one in record.nodes.values()):
        return ""
    document = document_of_run(record, most=_MOST_BYTES)
    for one in document["data_sets"]:
        one.pop("preview", None)
    return framed(document, "timeline")


def graph_of(planned: PlannedRun) -> str:
    """Return a plan as an element of a notebook, its graph first; empty where it has no node.

    Args:
        planned: The plan.
    """
    if not planned.nodes:
        return ""
    return framed(document_of_plan(planned, most=_MOST_BYTES), "graph")
