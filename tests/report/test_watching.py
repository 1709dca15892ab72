"""A run of another process, followed by its journal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkpipe.events import (
    ErrorReport,
    Event,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from sparkpipe.journal import Journal, JournalWriter, RunRecord
from sparkpipe.journal.reading import RunNotFoundError
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.runs.watching import watch_run

PLAN = make_plan(pipeline([node(len, "xs", "n", name="count"), node(abs, "n", "m", name="size")]))


def started() -> RunStarted:
    return RunStarted("r1", PLAN, pipeline="shop")


def events() -> list[Event]:
    """Return what happens to the nodes of a run that begins now."""
    now = time.time()
    error = ErrorReport("ValueError", "ValueError: no", "nodes.py:3 in size")
    return [
        NodeStarted("r1", "count", now),
        NodeEnded("r1", "count", "done", now, now + 2),
        NodeStarted("r1", "size", now + 2),
        NodeEnded("r1", "size", "failed", now + 2, now + 3, error=error),
        RunEnded("r1", "failed", {"done": 1, "failed": 1}, 3.0),
    ]


def wait_for_record(path: str) -> None:
    """Wait for the thread that writes at an address: it may have opened the file only."""
    while not any(Journal(path).runs()):
        time.sleep(0.001)


def watch(
    path: str, then: Callable[[str], None] = lambda line: None, **options: float
) -> tuple[RunRecord, list[str]]:
    """Watch a run; what it tells is an occasion to do something."""
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        then(line)

    options = {"period": 0.005, **options}
    return watch_run(Journal(path), "last", tell, io.StringIO(), **options), lines


@pytest.mark.parametrize("place", ["folder", "address"])
def test_nodes_are_told_as_they_end_until_the_run_has_ended(tmp_path: Path, place: str) -> None:
    path = str(tmp_path) if place == "folder" else f"memory://{tmp_path}"
    writer = JournalWriter(path)
    writer.on_event(started())
    first, *left = events()
    writer.on_event(first)
    wait_for_record(path)

    def go_on(line: str) -> None:
        for event in left[:2]:
            writer.on_event(event)
        del left[:2]

    record, lines = watch(path, go_on)

    assert record.outcome == "failed"
    assert "r1 of shop" in lines[0]
    assert lines[1:3] == [
        "[1/2] count: done in 2.0 s",
        "[2/2] size: failed in 1.0 s: ValueError: no (nodes.py:3 in size)",
    ]
    assert lines[3:] == [
        "Run r1: failed after 3.0 s (1 done, 1 failed)",
        "Slowest path: 3.0 s of 3.0 s: count 2.0 s → size 1.0 s",
    ]


def test_a_run_that_died_is_told_to_have_died(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from sparkpipe.journal import JournalWriter\n"
        "from sparkpipe.events import NodeStarted, RunStarted\n"
        "from sparkpipe.pipeline import node, pipeline\n"
        "from sparkpipe.plan import make_plan\n"
        f"writer = JournalWriter({str(tmp_path)!r})\n"
        "plan = make_plan(pipeline([node(len, 'xs', 'n', name='count')]))\n"
        "writer.on_event(RunStarted('r1', plan))\n"
        "writer.on_event(NodeStarted('r1', 'count'))\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))

    record, lines = watch(str(tmp_path))

    assert record.outcome == "died"
    assert lines[1].startswith("Run r1: died after ")
    assert "To continue it" in lines[2]


def test_silence_is_death_only_where_nobody_can_tell(tmp_path: Path) -> None:
    path = f"memory://{tmp_path}"
    writer = JournalWriter(path)
    writer.on_event(started())
    wait_for_record(path)

    record, _ = watch(path, silence=0.01)

    assert record.outcome == "died"


def test_a_run_that_is_removed_meanwhile_ends_the_watch(tmp_path: Path) -> None:
    JournalWriter(str(tmp_path)).on_event(started())
    with pytest.raises(RunNotFoundError):
        watch(str(tmp_path), lambda line: Journal(str(tmp_path)).remove("r1"))
