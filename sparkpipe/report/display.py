"""How far a run is: a live display on a terminal, a line now and then everywhere else."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

from sparkpipe.events import RunObserver
from sparkpipe.report.left import TimeLeft
from sparkpipe.report.text import duration, printable
from sparkpipe.words import listed

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded, NodeStarted, NodeStatus, RunEnded, RunStarted
    from sparkpipe.spark.jobs.progress import TaskCounts

_logger = logging.getLogger(__name__)

_PERIOD_SECONDS = 1.0
# Spark may be hanging when a run ends; the display must not hang with it.
_PATIENCE_SECONDS = 2.0

_FIRST_LINE_SECONDS = 30.0
_MOST_NAMED = 5

TaskSource = Callable[[Collection[str]], Mapping[str, "TaskCounts"]]


@dataclass(frozen=True)
class RunningNode:
    """A node that runs: for how many seconds, and what is known of its Spark tasks."""

    name: str
    seconds: float
    tasks: TaskCounts | None


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment; the nodes that have run longest come first.

    How many seconds are left is None where nothing is known of earlier runs.
    """

    seconds: float
    total: int
    waiting: int
    ended: Mapping[NodeStatus, int]
    running: tuple[RunningNode, ...]
    left: float | None = None


class View(Protocol):
    """Shows snapshots. All methods are called by one thread."""

    def show(self, snapshot: Snapshot) -> None:
        """Show how far the run is."""

    def close(self) -> None:
        """Leave nothing of the display behind."""


class RunDisplay(RunObserver):
    """Watches a run, and shows how far it is until it ends.

    A thread of its own looks once a second, so that a short run costs nothing.

    Args:
        find_tasks: Called when a run starts: returns what tells the Spark tasks of job groups,
            which must neither start Spark nor raise. No event tells of tasks: they come and go too
            fast.
        stream: Where to show it; by default standard error.
        period: Seconds between two looks.
        draws: Draw where that can be; else nodes that run long are told in the log.
    """

    def __init__(
        self,
        find_tasks: Callable[[], TaskSource] | None = None,
        stream: TextIO | None = None,
        period: float = _PERIOD_SECONDS,
        *,
        draws: bool = True,
    ) -> None:
        self._find_tasks = find_tasks
        self._draws = draws
        self._stream = stream
        self._period = period
        self._lock = threading.Lock()
        self._state = _State()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def on_run_started(self, event: RunStarted) -> None:
        """Start to look."""
        tasks = self._find_tasks() if self._find_tasks is not None else _no_tasks
        plan = event.plan
        estimate = TimeLeft(plan) if plan.expected_seconds else None
        self._state = _State(event.run_id, len(plan.nodes), time.monotonic(), tasks, estimate)
        self._over.clear()
        # What it logs is of this run.
        watch = partial(contextvars.copy_context().run, self._watch)
        self._thread = threading.Thread(target=watch, name="sparkpipe-progress", daemon=True)
        self._thread.start()

    def on_node_started(self, event: NodeStarted) -> None:
        """Show the node as running."""
        with self._lock:
            self._state.running[event.node] = time.monotonic()

    def on_node_ended(self, event: NodeEnded) -> None:
        """Show the node as ended."""
        with self._lock:
            self._state.running.pop(event.node, None)
            self._state.ended[event.status] += 1
            if self._state.estimate is not None:
                self._state.estimate.settle(event.node)

    def on_run_ended(self, event: RunEnded) -> None:
        """Take the display away."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECONDS)

    def _watch(self) -> None:
        view: View | None = None
        try:
            while not self._over.wait(self._period):
                if view is None:
                    view = make_view(self._stream or sys.stderr) if self._draws else PlainView()
                view.show(self._snapshot())
        except Exception as exc:  # a terminal may be closed at any time; the run goes on
            _logger.debug("The display has ended: %s", exc)
        finally:
            if view is not None:
                with suppress(Exception):
                    view.close()

    def _snapshot(self) -> Snapshot:
        now = time.monotonic()
        with self._lock:
            state = self._state
            running, ended = dict(state.running), dict(state.ended)
            ran = {name: now - started for name, started in running.items()}
            left = None if state.estimate is None else state.estimate.seconds(ran)
        groups = {name: f"{state.run_id}/{name}" for name in running}
        tasks = state.tasks(groups.values()) if groups else {}
        nodes = [
            RunningNode(name, seconds, tasks.get(groups[name])) for name, seconds in ran.items()
        ]
        return Snapshot(
            now - state.started,
            state.total,
            max(0, state.total - len(running) - sum(ended.values())),
            ended,
            tuple(sorted(nodes, key=lambda node: -node.seconds)),
            left,
        )


def _no_tasks(groups: Collection[str]) -> Mapping[str, TaskCounts]:
    return {}


@dataclass
class _State:
    run_id: str = ""
    total: int = 0
    started: float = 0.0
    tasks: TaskSource = _no_tasks
    estimate: TimeLeft | None = None
    running: dict[str, float] = field(default_factory=dict)
    ended: Counter[NodeStatus] = field(default_factory=Counter)


def stream_words(rows: int, lag: int | None) -> str:
    """Say how far a stream has come.

    >>> stream_words(12000, 3)
    '12,000 rows taken, 3 behind'

    Args:
        rows: How many rows it has taken.
        lag: How many records or files it has still to take; None if nobody tells.
    """
    return f"{rows:,} rows taken" + ("" if lag is None else f", {lag:,} behind")


def make_view(stream: TextIO, tell: Callable[[str], None] | None = None) -> View:
    """Return a live view for a terminal that can show one, else one of plain lines.

    Args:
        stream: Where a live one is drawn.
        tell: Takes plain lines; by default the log does.
    """
    if is_live(stream):
        from sparkpipe.report.live import LiveView

        return LiveView(stream)
    return PlainView(tell)


def is_live(stream: TextIO) -> bool:
    """Whether lines on a stream can be drawn over: not in files, notebooks, and logs of CI."""
    # A notebook runs '!sparkpipe run' on a terminal, shows what is drawn line below line, and is
    # known by what its kernel leaves in the environment.
    elsewhere = ("CI", "JPY_PARENT_PID")
    return (
        stream.isatty()
        and os.environ.get("TERM", "").lower() not in ("dumb", "unknown", "xterm-color")
        and not any(os.environ.get(name) for name in elsewhere)
    )


class PlainView:
    """Tells nodes that run long: after half a minute, one minute, two, four, ...

    Args:
        tell: Takes a line; by default the log does.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell or _logger.info
        self._due: dict[str, float] = {}

    def show(self, snapshot: Snapshot) -> None:
        """Tell the nodes for which a line is due."""
        due = []
        for node in snapshot.running:
            when = self._due.get(node.name, _FIRST_LINE_SECONDS)
            if node.seconds >= when:
                due.append(node)
                while when <= node.seconds:
                    when *= 2
                self._due[node.name] = when
        if due:
            self._tell(f"Still running: {listed(map(_told, due), _MOST_NAMED)}")

    def close(self) -> None:
        """Nothing is left behind."""


def _told(node: RunningNode) -> str:
    tasks = ""
    if node.tasks is not None and node.tasks.rows is not None:
        tasks = f", {stream_words(node.tasks.rows, node.tasks.lag)}"
    elif node.tasks is not None and node.tasks.total:
        tasks = f", Spark: {node.tasks.done} of {node.tasks.total} tasks"
    return f"'{printable(node.name)}' ({duration(int(node.seconds))}{tasks})"
