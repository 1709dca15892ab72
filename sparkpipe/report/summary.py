"""Where the time of a run went: a line for each node, the slowest first, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sparkpipe.events import RunObserver
from sparkpipe.report.checks import told_failures
from sparkpipe.report.text import duration, fitted, printable, width_of
from sparkpipe.words import listed

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded, RunEnded, RunStarted
    from sparkpipe.journal import RunRecord
    from sparkpipe.report.advice import Advice

# What fits on a screen beside the rest of a run; the log file has all.
_MOST_ROWS = 12
_WIDEST_NAME = 40
_MOST_LAZY = 3

# What needs to be looked at comes first.
_ORDER = {"failed": 0, "cancelled": 1, "done": 2, "skipped": 3, "unchanged": 4}

_LAZY = "lazy: a Spark frame left in memory; its time is that of the nodes that read it."


class RunSummary(RunObserver):
    """Collects how the nodes of a run ended.

    Attributes:
        reports: In the order in which the nodes ended.
        seconds: How long the run took.
    """

    def __init__(self) -> None:
        self.reports: list[NodeEnded] = []
        self.seconds = 0.0
        self._started: RunStarted | None = None
        self._flow: dict[str, tuple[Sequence[str], Sequence[str]]] = {}

    def on_run_started(self, event: RunStarted) -> None:
        """Keep what its nodes read and write."""
        self._started = event
        self._flow |= {one.name: (one.input_names, one.output_names) for one in event.plan.nodes}

    def on_node_ended(self, event: NodeEnded) -> None:
        """Keep it."""
        self.reports.append(event)

    def on_run_ended(self, event: RunEnded) -> None:
        """Keep how long it took."""
        self.seconds += event.seconds

    @property
    def record(self) -> RunRecord | None:
        """The run as a journal would tell it; None if none has started."""
        from sparkpipe.journal import NodeRecord, RunRecord  # when the run is over

        run = self._started
        if run is None:
            return None
        flow = {name: (tuple(reads), tuple(writes)) for name, (reads, writes) in self._flow.items()}
        order = {name: at for at, name in enumerate(flow)}
        nodes = {
            one.node: NodeRecord(**vars(one), inputs=flow[one.node][0], outputs=flow[one.node][1])
            for one in sorted(self.reports, key=lambda one: order[one.node])
        }
        known = ("project", "pipeline", "environment", "runner", "params", "slices", "lanes")
        facts = {name: getattr(run, name) for name in known}
        return RunRecord(run.run_id, "done", run.time, self.seconds, nodes=nodes, **facts)

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What to do about what the run has lost in Spark."""
        from sparkpipe.report.advice import find_advice  # when the run is over

        return find_advice(self._flow, self.reports)

    def lines(self, verbose: bool = False) -> list[str]:
        """Return the table, and what the run comes to.

        Args:
            verbose: See :func:`summary_lines`.
        """
        return [*self.table(verbose), *self.figures()]

    def table(self, verbose: bool = False) -> list[str]:
        """Return a line for each node; see :func:`summary_lines`."""
        return summary_lines(self.reports, verbose)

    def figures(self) -> list[str]:
        """Return what the run comes to; see :func:`sparkpipe.report.figures.figure_lines`."""
        from sparkpipe.report.figures import figure_lines  # when the run is over

        return figure_lines(self._flow, self.reports, self.seconds)


def summary_lines(reports: Iterable[NodeEnded], verbose: bool = False) -> list[str]:
    """Return a table of nodes: how they ended and where their time went.

    What failed comes first, then what took longest. A column in which no node has anything is left
    out; so is the status where all are done.

    Args:
        reports: One for each node.
        verbose: Every node, and names in full; else no more than fit on a screen.
    """
    ordered = most_telling_first(reports)
    if not ordered:
        return []
    shown = ordered if verbose else ordered[:_MOST_ROWS]
    rows = [["Node", "Status", "Total", "Load", "Function", "Save", "Spark", ""]]
    rows += [_row(report, verbose) for report in shown]
    if all(report.status == "done" for report in ordered):
        rows = [[*row[:1], *row[2:]] for row in rows]
    lines = _table(rows)
    if len(shown) < len(ordered):
        left = Counter(report.status for report in ordered[len(shown) :])
        counts = ", ".join(f"{count} {status}" for status, count in left.items())
        lines.append(f"… {len(ordered) - len(shown)} more ({counts})")
    if any(report.lazy_outputs for report in shown):
        lines.append(_LAZY)
    return lines


def most_telling_first(reports: Iterable[NodeEnded]) -> list[NodeEnded]:
    """Return reports: what failed comes first, then what took longest."""
    return sorted(reports, key=lambda report: (_ORDER[report.status], -report.seconds))


def _row(report: NodeEnded, verbose: bool) -> list[str]:
    name = printable(report.node)
    if not verbose and width_of(name) > _WIDEST_NAME:
        name = fitted(name, _WIDEST_NAME)
    steps = (report.load_seconds, report.function_seconds, report.save_seconds)
    # Blank where nobody knows, which is not the same as none.
    spark = "" if report.spark_seconds is None else duration(report.spark_seconds)
    marks = []
    if report.lazy_outputs:
        lazy = [printable(name) for name in report.lazy_outputs]
        marks.append(f"lazy: {listed(lazy, len(lazy) if verbose else _MOST_LAZY)}")
    if failed := told_failures(report.checks):
        marks.append(failed)
    if report.attempts > 1:
        marks.append(f"{report.attempts} attempts")
    times = [duration(report.seconds), *map(duration, steps), spark]
    return [name, report.status, *times, "; ".join(marks)]


def _table(rows: list[list[str]]) -> list[str]:
    """Align columns: names, status and marks to the left, times to the right."""
    columns = [
        column
        for column in zip(*rows, strict=True)
        if column[0] in ("Node", "Status", "Total") or any(c not in ("", "-") for c in column[1:])
    ]
    is_time = [column[0] not in ("Node", "Status", "") for column in columns]
    widths = [max(map(width_of, column)) for column in columns]
    lines = []
    for cells in zip(*columns, strict=True):
        aligned = [
            " " * (width - width_of(cell)) + cell if right else fitted(cell, width)
            for cell, width, right in zip(cells, widths, is_time, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return lines
