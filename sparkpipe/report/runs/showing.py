"""The runs of a project, and one of them, as text, as JSON and in a notebook."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.journal import Journal, RunRecord
from sparkpipe.report.advice import Advice, find_advice, told_advice
from sparkpipe.report.checks import CHECK_TITLES, check_rows
from sparkpipe.report.runs.cells import (
    NODE_TITLES,
    RUN_TITLES,
    cells_of_node,
    cells_of_run,
    moment,
    without_empty,
)
from sparkpipe.report.runs.differing import Differences
from sparkpipe.report.text import aligned, duration, printable

_MOST_IN_NOTEBOOK = 20


class Runs(Journal):
    """The runs of a project, as a notebook shows them.

    ::

        session.runs.show()  # the last one
        session.runs.diff()  # what differs between the last two
    """

    def show(self, run_id: str = "last") -> ShownRun:
        """Return a run to be shown.

        Args:
            run_id: As of :meth:`run`.

        Raises:
            RunNotFoundError: There is no such run.
        """
        return ShownRun(self.run(run_id))

    def diff(self, earlier: str = "", later: str = "last") -> Differences:
        """Return what differs between two runs.

        Args:
            earlier: A run; by default the one before the other of the same pipeline and slice.
            later: The other one.

        Raises:
            RunNotFoundError: There is no such run.
        """
        after = self.run(later)
        return Differences(self.run(earlier) if earlier else self.before(after), after)

    def _repr_html_(self) -> str:
        rows = [cells_of_run(record) for record in islice(self.runs(), _MOST_IN_NOTEBOOK)]
        if not rows:
            return remark("No run was written down yet.")
        return scrolling(table(RUN_TITLES, rows), "Runs")


@dataclass(frozen=True)
class ShownRun:
    """A run to be shown.

    Attributes:
        record: The run.
    """

    record: RunRecord

    def __str__(self) -> str:
        rows = without_empty([[*NODE_TITLES], *map(cells_of_node, self.record.nodes.values())])
        parts = [*self._head(), *aligned(rows), *self._ways_to_errors(), *self._failed_checks()]
        return "\n".join([*parts, *told_advice(self.advice)])

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What to do about what it has lost in Spark; see :mod:`sparkpipe.report.advice`."""
        nodes = self.record.nodes
        flow = {name: (one.inputs, one.outputs) for name, one in nodes.items()}
        return find_advice(flow, nodes.values())

    def _ways_to_errors(self) -> list[str]:
        """Return the user's lines on the way to each error, as a traceback has them."""
        told = []
        for name, node in self.record.nodes.items():
            if node.error is not None and node.error.lines:
                told += ["", f"Where {name} failed:"]
                for place, line in node.error.lines:
                    told += [f"  {place}", f"    {line}"]
        return [*map(printable, told)]

    def _failed_checks(self) -> list[str]:
        checks = {name: record.checks for name, record in self.record.nodes.items()}
        rows = [*check_rows(checks, only_failed=True)]
        if not rows:
            return []
        return [
            "",
            "Checks that were not passed:",
            *aligned(without_empty([[*CHECK_TITLES], *rows])),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = asdict(self.record)
        told["nodes"] = [*told["nodes"].values()]
        told["advice"] = [asdict(piece) for piece in self.advice]
        return told

    def _head(self) -> list[str]:
        record = self.record
        told = [f"Run {record.run_id}: {record.outcome}"]
        about = [f"pipeline {record.pipeline}"]
        about += [f"environment {record.environment}"] if record.environment else []
        about += [f"{name}={value}" for name, value in record.slices.items()]
        about += [f"continues {record.resumes}"] if record.resumes else []
        told.append(", ".join([*about, record.runner, *([record.host] if record.host else [])]))
        told.append(f"started {moment(record.started)}, took {duration(record.seconds)}")
        given = " ".join(map(_told, [*record.selection.items(), *record.extra_params.items()]))
        return [*map(printable, told), *([f"given: {printable(given)}"] if given else [])] + [
            f"note: {note}" for note in record.notes
        ]

    def _repr_html_(self) -> str:
        from sparkpipe.report.page.notebook import timeline_of  # which shows plans, too

        rows = [cells_of_node(node) for node in self.record.nodes.values()]
        title, *rest = self._head()
        parts = [headline(title), *map(remark, rest)]
        parts.append(timeline_of(self.record))
        parts += map(remark, told_advice(self.advice))
        return "".join([*parts, scrolling(table(NODE_TITLES, rows), "Nodes")])


def _told(given: tuple[str, Any]) -> str:
    name, value = given
    return f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
