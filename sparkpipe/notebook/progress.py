"""How far a run is, in one line of a notebook's output."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from sparkpipe.events import RunObserver
from sparkpipe.report.text import duration, printable
from sparkpipe.words import counted, listed

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded, NodeStarted, NodeStatus, RunEnded, RunStarted

_FIRST_SECONDS = 1.0
_PERIOD_SECONDS = 0.5
_MOST_NAMED = 3


class NotebookProgress(RunObserver):
    """Watches a run, and shows one line that is written anew as nodes start and end.

    It is written by the thread that runs the cell, so that it stands in the output of that cell. A
    short run shows nothing.
    """

    def __init__(self) -> None:
        self._total = 0
        self._started = 0.0
        self._due = 0.0
        self._running: dict[str, None] = {}
        self._ended: Counter[NodeStatus] = Counter()
        self._handle: Any = None

    def on_run_started(self, event: RunStarted) -> None:
        """Start the clock."""
        self._total = len(event.plan.nodes)
        self._started = time.monotonic()
        self._due = self._started + _FIRST_SECONDS

    def on_node_started(self, event: NodeStarted) -> None:
        """Show the node as running."""
        self._running[event.node] = None
        self._show_if_due()

    def on_node_ended(self, event: NodeEnded) -> None:
        """Show the node as ended."""
        self._running.pop(event.node, None)
        self._ended[event.status] += 1
        self._show_if_due()

    def on_run_ended(self, event: RunEnded) -> None:
        """Leave a line that says how it ended, if there has been one."""
        self._running.clear()
        if self._handle is not None:
            self._show()

    def _show_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._show()
            self._due = time.monotonic() + _PERIOD_SECONDS

    def _show(self) -> None:
        from IPython import display

        show: Any = display.display
        line = _Line(self._line())
        if self._handle is None:
            self._handle = show(line, display_id=True)
        else:
            self._handle.update(line)

    def _line(self) -> str:
        counts = [f"{self._ended['done']} of {counted(self._total, 'node')} done"]
        counts += [f"{n} {status}" for status, n in self._ended.items() if status != "done"]
        if self._running:
            counts.append(f"running: {listed(map(printable, self._running), _MOST_NAMED)}")
        return f"{', '.join(counts)} ({duration(time.monotonic() - self._started)})"


class _Line:
    """A line of plain text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
