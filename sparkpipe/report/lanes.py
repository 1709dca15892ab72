"""The nodes of a run on the lanes in which they ran, for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sparkpipe.html.grid import scrolling
from sparkpipe.html.timeline import Bar, timeline
from sparkpipe.report.text import duration
from sparkpipe.report.timing import Span, lanes_of

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded
    from sparkpipe.journal import NodeRecord


def timeline_of(reports: Iterable[NodeEnded | NodeRecord]) -> str:
    """Return a timeline as HTML; empty where no node has run to its end.

    Args:
        reports: How nodes ended, as events or of a journal.
    """
    ran = [report for report in reports if report.started and report.ended]
    if not ran:
        return ""
    lanes = lanes_of([Span(one.node, one.started, max(one.started, one.ended)) for one in ran])
    bars = [
        Bar(
            *(one.node, lanes[one.node], one.started, max(one.started, one.ended), one.status),
            about=f"{one.node}: {one.status}, {duration(one.seconds)}",
        )
        for one in ran
    ]
    return scrolling(timeline(bars, "Timeline of the nodes"), "Timeline")
