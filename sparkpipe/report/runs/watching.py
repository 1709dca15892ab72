"""A run of another process, followed by what it writes into its journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TextIO

from sparkpipe.errors import first_line
from sparkpipe.journal import Journal, NodeRecord, RunRecord
from sparkpipe.journal.reading import RunNotFoundError
from sparkpipe.report.display import RunningNode, Snapshot, make_view
from sparkpipe.report.figures import figure_lines
from sparkpipe.report.runs.cells import moment
from sparkpipe.report.text import duration, printable
from sparkpipe.words import counted

_PERIOD_SECONDS = 1.0
# Of a store each look is a request, or many: so much of the time, at most, is spent with them.
_MOST_READING = 0.2
# A store may fail once; a run that was removed is gone.
_MOST_FAILURES = 5

Tell = Callable[[str], None]


def watch_run(
    journal: Journal,
    run_id: str,
    tell: Tell,
    stream: TextIO,
    *,
    silence: float = 3600.0,
    period: float = _PERIOD_SECONDS,
) -> RunRecord:
    """Follow a run until it has ended, and return what is known of it then.

    Args:
        journal: Where it is written down.
        run_id: As of :meth:`Journal.run`.
        tell: Takes a line: how the run stands, each node that ends, how the run ended.
        stream: Where the nodes that run are drawn, if it is a terminal.
        silence: Where nobody can tell whether the process of the run lives, it is taken for dead
            when nothing was heard of it for so many seconds.
        period: Seconds between two looks.

    Raises:
        RunNotFoundError: There is no such run, or it is no longer there.
    """
    record = journal.run(run_id)
    tell(_head(record))
    told = {name for name, node in record.nodes.items() if _has_ended(node)}
    view = make_view(stream, tell)
    try:
        for now in _looks(journal, record, silence, period):
            record = now
            for node in record.nodes.values():
                if _has_ended(node) and node.node not in told:
                    told.add(node.node)
                    tell(_ended(node, record))
            if record.may_go_on:
                view.show(_snapshot(record))
    finally:
        with suppress(Exception):  # the terminal may be gone
            view.close()
    for line in _end_lines(record):
        tell(line)
    return record


def _looks(
    journal: Journal, record: RunRecord, silence: float, period: float
) -> Iterator[RunRecord]:
    """Give what is known of a run again and again, the last time when it does not go on."""
    failures = 0
    while True:
        since = time.monotonic()
        try:
            record, failures = journal.run(record.run_id).presumed(time.time(), silence), 0
        except RunNotFoundError:
            failures += 1
            if failures == _MOST_FAILURES:
                raise
        else:
            yield record
        if not record.may_go_on:
            return
        took = time.monotonic() - since
        time.sleep(max(period, took / _MOST_READING))


def _has_ended(node: NodeRecord) -> bool:
    return node.status not in ("waiting", "running")


def _snapshot(record: RunRecord) -> Snapshot:
    now = time.time()
    counts = {name: n for name, n in record.counts.items() if name not in ("waiting", "running")}
    running = [
        # The clock of the other machine may be ahead.
        RunningNode(node.node, max(0.0, now - node.started), None)
        for node in record.nodes.values()
        if node.status == "running"
    ]
    return Snapshot(
        max(0.0, now - record.started),
        len(record.nodes),
        record.counts.get("waiting", 0),
        counts,  # type: ignore[arg-type]  # what is not of a NodeStatus is left out
        tuple(sorted(running, key=lambda node: -node.seconds)),
    )


def _head(record: RunRecord) -> str:
    ended = sum(map(_has_ended, record.nodes.values()))
    of_host = f" on {record.host}" if record.host else ""
    return printable(
        f"Run {record.run_id} of {record.pipeline}{of_host}, started {moment(record.started)}: "
        f"{ended} of {counted(len(record.nodes), 'node')} ended"
    )


def _ended(node: NodeRecord, record: RunRecord) -> str:
    ended = sum(map(_has_ended, record.nodes.values()))
    took = f" in {duration(node.seconds)}" if node.seconds >= 0.005 else ""
    why = node.reason
    if node.error is not None:
        why = first_line(node.error.message)
        why += f" ({node.error.location})" if node.error.location else ""
    told = f"[{ended}/{len(record.nodes)}] {node.node}: {node.status}{took}"
    return printable(f"{told}: {why}" if why else told)


def _end_lines(record: RunRecord) -> list[str]:
    counts = ", ".join(f"{count} {status}" for status, count in record.counts.items())
    told = f"Run {record.run_id}: {record.outcome} after {duration(record.seconds)} ({counts})"
    lines = [printable(told)]
    if record.outcome == "died":
        lines.append("Its process has ended without a word. To continue it: sparkpipe run --resume")
    flow = {name: (node.inputs, node.outputs) for name, node in record.nodes.items()}
    return [*lines, *figure_lines(flow, [*record.nodes.values()], record.seconds)]
