"""The only scheduling loop.

The state of a run, all of it in one :class:`_Loop`:

* ``waits_for``: for each position of the plan, how many nodes it still needs;
* ``ready``: for each lane of the pool a heap of the positions that need none, those on the longest
  remaining path first, then the earliest in the plan;
* ``running``: positions handed to the pool, never more in a lane than it is wide, and since when;
* ``starting``: the position that is being handed over; an interrupt may come before it is;
* ``outcomes``: how nodes that have ended went, and ``ended``, a queue of their positions: the pool
  fills both;
* ``completed``: positions that have run and saved, or need not run, as the plan's gate says;
  ``failures``: errors, in order of arrival; ``cancelled`` and ``skipped``: positions that were
  cancelled, and those that are never to run, with why;
  ``over``: positions that have ended, in whatever way;
* ``readers``: for each data set, how many nodes have still to read it.

A node is submitted only where its lane has room, so once one has failed nothing else waits in the
pool: the loop submits nothing more, has what runs on Spark cancelled, waits for what runs, and
raises with every failure. With ``continue_on_failure`` only what depends on a failed node is left
out.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from typing import Protocol

from sparkpipe.errors import NodeCancelledError, NodeRunError, RunFailedError, first_line
from sparkpipe.events import Event, NodeEnded, NodeStarted, current_observers
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import Plan
from sparkpipe.plan.plan import Gate
from sparkpipe.runner.failure import report_of
from sparkpipe.runner.task import NodeOutcome, status_of
from sparkpipe.spark.jobs.run import SparkRun, current_run

# On Windows a wait without end would hold back Ctrl-C.
_WAKE_UP_SECONDS = 1.0

Done = Callable[[NodeOutcome | BaseException], None]


class Pool(Protocol):
    """Where nodes run."""

    @property
    def lanes(self) -> tuple[int, ...]:
        """How many nodes may run at once in each lane."""

    def lane_of(self, node: Node) -> int:
        """Return the lane in which a node runs."""

    def start(self, node: Node, done: Done) -> None:
        """Run a node, now or soon, and call ``done`` once, with its outcome or an error."""


def run_plan(
    plan: Plan,
    catalog: DataCatalog,
    pool: Pool,
    logger: logging.Logger,
    *,
    continue_on_failure: bool = False,
) -> None:
    """Run every node of a plan in a pool, and tell whoever watches.

    Args:
        plan: The order and what waits for what.
        catalog: Data sets are released from it when their last reader is done.
        pool: Runs the nodes; the caller closes it.
        logger: Gets a line for each node that is done.
        continue_on_failure: After a failure run all that does not depend on the failed node.

    Raises:
        RunFailedError: At least one node failed; nothing runs any more when it is raised.
        KeyboardInterrupt: The run was interrupted; nothing runs any more, except after a second
            interrupt.
    """
    _Loop(plan, catalog, pool, logger, continue_on_failure).run()


class _Loop:
    def __init__(
        self,
        plan: Plan,
        catalog: DataCatalog,
        pool: Pool,
        logger: logging.Logger,
        continue_on_failure: bool,
    ) -> None:
        self._observers = current_observers()
        self._spark: SparkRun | None = current_run()
        self._run_id = "" if self._spark is None else self._spark.run_id
        self._plan = plan
        self._catalog = catalog
        self._pool = pool
        self._logger = logger
        self._continue = continue_on_failure
        self._waits_for = list(plan.waits_for)
        self._room = list(pool.lanes)
        self._ready: list[list[tuple[float, int]]] = [[] for _ in pool.lanes]
        # Where nodes run one by one, no order is faster, and that of the plan is the one expected.
        self._in_plan_order = sum(pool.lanes) == 1
        if self._spark is not None:
            self._spark.is_side_by_side = not self._in_plan_order
        self._running: dict[int, float] = {}
        self._starting: int | None = None
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._outcomes: dict[int, NodeOutcome | BaseException] = {}
        self._completed: list[int] = []
        self._failures: list[NodeRunError] = []
        self._failed: list[int] = []
        self._cancelled: list[int] = []
        self._cancellation: NodeCancelledError | None = None
        self._skipped: dict[int, str] = {}
        self._over: set[int] = set()
        self._readers = dict(plan.readers)

    def run(self) -> None:
        try:
            for position, count in enumerate(self._waits_for):
                if not count:
                    self._make_ready(position)
            self._submit()
            while self._running:
                self._settle(self._next())
                self._submit()
        except BaseException:  # an interrupt, or an error of a handler of the user's
            self._interrupt()
            raise
        if not self._failures and len(self._completed) < len(self._plan.nodes):
            self._failures.append(self._cancelled_from_outside())
        if self._failures:
            self._skip_unstarted()
            self._release_all()
            raise RunFailedError(
                self._failures,
                self._plan.resume_from(self._completed, self._catalog),
                len(self._completed),
                len(self._plan.nodes),
                [self._plan.nodes[position].name for position in self._cancelled],
                [self._plan.nodes[position].name for position in sorted(self._skipped)],
                self._plan.lost_by(self._completed, self._catalog),
            ) from self._failures[0]

    def _make_ready(self, position: int) -> None:
        first = 0.0 if self._in_plan_order else -self._plan.remaining[position]
        lane = self._pool.lane_of(self._plan.nodes[position])
        heappush(self._ready[lane], (first, position))

    def _submit(self) -> None:
        # What a node that need not run sets free may be for another lane.
        while self._submit_ready():
            continue

    def _submit_ready(self) -> bool:
        """Start ready nodes in lanes with room; return whether some of them need not run."""
        gate, is_any_over = self._plan.gate, False
        for lane, ready in enumerate(self._ready):
            while ready and self._room[lane] and not self._is_closed():
                _, position = heappop(ready)
                if gate is not None and self._is_over_unchanged(gate, position):
                    is_any_over = True
                else:
                    self._start(position, lane)
        return is_any_over

    def _is_closed(self) -> bool:
        """Whether no node is to start any more."""
        if self._failures and not self._continue:
            return True
        # By the node that has begun this run.
        return self._spark is not None and self._spark.is_ending

    def _is_over_unchanged(self, gate: Gate, position: int) -> bool:
        """Ask the gate whether a node need not run, and take account of it then."""
        unchanged = gate.unchanged(position, self._run_id)
        if unchanged is None:
            return False
        self._over.add(position)
        self._tell(unchanged)
        self._complete(position)
        return True

    def _start(self, position: int, lane: int) -> None:
        node, ended, outcomes = self._plan.nodes[position], self._ended, self._outcomes

        def done(outcome: NodeOutcome | BaseException) -> None:
            # Kept here, for an interrupt may come between taking it off a queue and looking at it.
            outcomes[position] = outcome
            ended.put(position)

        self._starting = position
        self._running[position] = time.time()
        self._room[lane] -= 1
        if self._observers:
            self._tell(NodeStarted(self._run_id, node.name))
        self._pool.start(node, done)
        self._starting = None

    def _next(self) -> int:
        while True:
            try:
                return self._ended.get(timeout=_WAKE_UP_SECONDS)
            except queue.Empty:
                continue

    def _settle(self, position: int) -> None:
        """Take account of a node that has ended."""
        node = self._plan.nodes[position]
        failure = self._told(position)
        self._room[self._pool.lane_of(node)] += 1
        if failure is not None:
            # Only who asked for it may take a cancelled node for one that has not failed.
            if isinstance(failure, NodeCancelledError):
                self._cancelled.append(position)
                self._cancellation = self._cancellation or failure
            else:
                self._fail(position, failure)
            return
        if self._plan.gate is not None:
            self._plan.gate.ended(position)
        self._complete(position)

    def _complete(self, position: int) -> None:
        """Let go of what a node was the last to read, and set free what waited for it."""
        node = self._plan.nodes[position]
        self._completed.append(position)
        try:
            self._release(node)
        except Exception as exc:  # a foreign data set may raise anything
            failure = NodeRunError(f"Node '{node.name}' ran, but {exc}", node.name)
            failure.__cause__ = exc
            self._fail(position, failure)
        for child in self._plan.children[position]:
            self._waits_for[child] -= 1
            if not self._waits_for[child] and child not in self._skipped:
                self._make_ready(child)
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info(
                "Completed %d out of %d tasks", len(self._completed), len(self._plan.nodes)
            )

    def _told(self, position: int) -> NodeRunError | None:
        """Tell how a node has ended, which then runs no more; return why it failed, or None."""
        failure = self._told_end(self._outcomes[position], position)
        del self._running[position], self._outcomes[position]
        return failure

    def _told_end(self, outcome: NodeOutcome | BaseException, position: int) -> NodeRunError | None:
        self._over.add(position)
        if isinstance(outcome, BaseException):
            outcome = NodeOutcome((), _as_failure(self._plan.nodes[position], outcome))
        for event in outcome.events:
            self._tell(event)
        if outcome.error is not None and not outcome.events:
            self._tell_end(position, self._running[position], outcome.error)
        return outcome.error

    def _fail(self, position: int, failure: NodeRunError) -> None:
        self._failures.append(failure)
        self._failed.append(position)
        if self._continue:
            self._logger.error("%s", first_line(failure.message))
            self._skip_what_follows(position)
            return
        if len(self._failures) > 1:  # the others are told at the end
            return
        if self._spark is not None:
            self._spark.cancel()
        if self._running:
            told = first_line(failure.message)
            self._logger.error("%s\nWaiting for %s...", told, self._running_names())

    def _skip_what_follows(self, position: int, how: str = "failed") -> None:
        reason = f"'{self._plan.nodes[position].name}' {how}"
        to_visit = [position]
        while to_visit:
            for child in self._plan.children[to_visit.pop()]:
                if child not in self._skipped:
                    self._skipped[child] = reason
                    to_visit.append(child)

    def _interrupt(self) -> None:
        """End what can be ended, and wait for the rest: never return while a node still writes."""
        if self._spark is not None:
            self._spark.cancel(stop=True)
        if self._running:
            with suppress(Exception):  # a handler of the user's must not keep this from waiting
                self._logger.warning(
                    "Interrupted; waiting for %s (Ctrl-C again: do not wait).",
                    self._running_names(),
                )
        while self._running:
            for position in [one for one in self._running if one in self._outcomes]:
                if self._told(position) is None:
                    self._completed.append(position)
            if self._running and not self._is_nobody_at_work():
                with suppress(queue.Empty):
                    self._ended.get(timeout=_WAKE_UP_SECONDS)
        self._skip_unstarted("the run was interrupted")

    def _is_nobody_at_work(self) -> bool:
        """Whether only a node is left whose start was interrupted, before it had begun."""
        position = self._starting
        if position is None or {*self._running} != {position} or position in self._outcomes:
            return False
        if self._spark is not None and self._spark.is_at_work(self._plan.nodes[position].name):
            return False
        # Nothing starts in a run that is cancelled; what a process was sent ends with the pool.
        self._outcomes[position] = KeyboardInterrupt()
        return True

    def _cancelled_from_outside(self) -> NodeCancelledError:
        """Return why a run without failures has not run all its nodes."""
        if self._cancellation is not None:
            return self._cancellation
        position = min({*range(len(self._plan.nodes))}.difference(self._over))
        name = self._plan.nodes[position].name
        return NodeCancelledError(f"Node '{name}' was cancelled before it started.", name)

    def _skip_unstarted(self, over: str = "") -> None:
        """Tell what will never start; what waited behind a failure is skipped like what follows.

        Args:
            over: Why the run is over, where that is no failure of a node.
        """
        for position in self._failed:
            self._skip_what_follows(position)
        for position in self._cancelled:
            self._skip_what_follows(position, "was cancelled")
        for position, node in enumerate(self._plan.nodes):
            if position not in self._over:
                why = self._skipped.setdefault(position, over or self._why_over())
                if self._observers:
                    self._tell(
                        NodeEnded(self._run_id, node.name, "skipped", attempts=0, reason=why)
                    )

    def _why_over(self) -> str:
        """Return why nodes do not start any more that hang on none of these."""
        if not self._failed:
            return "the run was cancelled"
        return f"the run ended as '{self._plan.nodes[self._failed[0]].name}' failed"

    def _tell_end(self, position: int, started: float, failure: NodeRunError) -> None:
        """Tell the end of a node that could not tell it itself."""
        if self._observers:
            name, now = self._plan.nodes[position].name, time.time()
            status, error = status_of(failure), report_of(failure)
            self._tell(NodeEnded(self._run_id, name, status, started, now, error=error))

    def _tell(self, event: Event) -> None:
        for observer in self._observers:
            observer.on_event(event)

    def _release(self, node: Node) -> None:
        plan, readers = self._plan, self._readers
        for name in node.input_names:
            readers[name] -= 1
            if not readers[name]:
                self._let_go(name)
        for name in node.output_names:
            # A transcoded form that is written but read only in another form.
            if name not in readers and name in plan.releasable:
                self._let_go(name)

    def _let_go(self, name: str) -> None:
        if self._spark is not None:
            self._spark.frames.release(name)
        if name in self._plan.releasable:
            self._catalog.release(name)

    def _release_all(self) -> None:
        """Leave nothing of a failed run in memory that a next one could take for its own."""
        for name in self._plan.releasable:
            # Why the run failed is told, not that a data set cannot let go.
            with suppress(Exception):
                self._catalog.release(name)

    def _running_names(self) -> str:
        nodes = self._plan.nodes
        return ", ".join(f"'{nodes[position].name}'" for position in sorted(self._running))


def _as_failure(node: Node, error: BaseException) -> NodeRunError:
    if isinstance(error, NodeRunError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return NodeCancelledError(f"Node '{node.name}' was interrupted.", node.name)
    failure = NodeRunError(f"Node '{node.name}' failed: {type(error).__name__}: {error}", node.name)
    failure.__cause__ = error
    return failure
