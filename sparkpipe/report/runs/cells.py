"""Runs and nodes as the cells of tables."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sparkpipe.errors import first_line
from sparkpipe.events import DataSetReport
from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.report.checks import told_checks
from sparkpipe.report.text import duration, printable

RUN_TITLES = ("Run", "Started", "Outcome", "Nodes", "Took", "Pipeline", "Environment", "Slice")
NODE_TITLES = ("Node", "State", "Attempts", "Took", "Saved", "Checks", "Error")


def cells_of_run(record: RunRecord) -> list[str]:
    """Return a run as the cells below :data:`RUN_TITLES`."""
    counts = record.counts
    ended_well = counts.get("done", 0) + counts.get("unchanged", 0)
    slices = ", ".join(f"{name}={value}" for name, value in record.slices.items())
    return [
        printable(cell)
        for cell in (
            record.run_id,
            moment(record.started),
            record.outcome,
            f"{ended_well} of {len(record.nodes)}",
            duration(record.seconds),
            record.pipeline,
            record.environment or "",
            slices,
        )
    ]


def cells_of_node(record: NodeRecord) -> list[str]:
    """Return what a run did with a node as the cells below :data:`NODE_TITLES`."""
    error = record.error
    told = "" if error is None else f"{error.type}: {first_line(error.message)}"
    if error is not None and error.location:
        told += f" ({error.location})"
    return [
        printable(cell)
        for cell in (
            record.node,
            record.status,
            str(record.attempts) if record.attempts > 1 else "",
            duration(record.seconds) if record.ended else "",
            "; ".join(map(told_save, record.saved.values())),
            told_checks(record.checks).removeprefix("checks: "),
            told or record.reason,
        )
    ]


def told_save(report: DataSetReport) -> str:
    """Return what was saved in a few words."""
    facts = []
    if report.rows is not None:
        facts.append(f"{report.rows} rows")
    if report.lag:
        facts.append(f"{report.lag} behind")
    elif report.bytes is not None:
        facts.append(f"{report.bytes} bytes")
    if report.version is not None:
        facts.append(f"version {report.version}")
    if report.is_lazy:
        facts.append("lazy")
    return f"{report.name} ({', '.join(facts)})" if facts else report.name


def moment(seconds: float) -> str:
    """Return seconds since the epoch as the date and time of this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def without_empty(rows: Iterable[list[str]]) -> list[list[str]]:
    """Return a table, titles first, without the columns in which no row has anything."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    return [list(row) for row in zip(*columns, strict=True)]
