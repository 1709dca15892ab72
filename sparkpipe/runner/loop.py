"""The only scheduling loop.

The state of a run, all of it local to :func:`run_plan`:

* ``waits_for``: for each position of the plan, how many nodes it still needs;
* ``ready``: a heap of the positions that need none, the earliest in the plan first;
* ``running``: positions handed to the pool, never more than it has slots;
* ``ended``: a queue of pairs of position and error (or None), which the pool fills;
* ``completed``: positions that have run and saved; ``failures``: the errors, in order of arrival;
* ``readers``: for each data set, how many nodes have still to read it.

A node is submitted only to a free slot, so once one has failed nothing else waits in the pool: the
loop stops submitting, waits for what runs, and raises with every failure.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Protocol

from sparkpipe.errors import NodeRunError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import Plan

_logger = logging.getLogger(__name__)

# On Windows a wait without end would hold back Ctrl-C.
_WAKE_UP_SECONDS = 1.0

Done = Callable[[BaseException | None], None]


class Pool(Protocol):
    """Where nodes run."""

    slots: int

    def start(self, node: Node, done: Done) -> None:
        """Run a node, now or soon, and call ``done`` once with its error or None."""


def run_plan(plan: Plan, catalog: DataCatalog, pool: Pool, logger: logging.Logger) -> None:
    """Run every node of a plan in a pool.

    Args:
        plan: The order and what waits for what.
        catalog: Data sets are released from it when their last reader is done.
        pool: Runs the nodes; the caller closes it.
        logger: Gets a line for each node that is done.

    Raises:
        RunFailedError: At least one node failed; nothing runs any more when it is raised.
    """
    waits_for = list(plan.waits_for)
    ready = [position for position, count in enumerate(waits_for) if not count]
    heapify(ready)
    running: set[int] = set()
    completed: list[int] = []
    failures: list[NodeRunError] = []
    readers = dict(plan.readers)
    ended: queue.SimpleQueue[tuple[int, BaseException | None]] = queue.SimpleQueue()

    def reporter(position: int) -> Done:
        return lambda error: ended.put((position, error))

    try:
        while running or (ready and not failures):
            while ready and len(running) < pool.slots and not failures:
                position = heappop(ready)
                pool.start(plan.nodes[position], reporter(position))
                running.add(position)
            position, error = _next(ended)
            running.discard(position)
            node = plan.nodes[position]
            if error is not None:
                failures.append(_as_failure(node, error))
                if running:
                    logger.error("%s\nWaiting for %s...", error, _names(plan, running))
                continue
            completed.append(position)
            try:
                _release(node, plan, readers, catalog)
            except Exception as exc:  # a foreign data set may raise anything
                failure = NodeRunError(f"Node '{node.name}' ran, but {exc}", node.name)
                failure.__cause__ = exc
                failures.append(failure)
            for child in plan.children[position]:
                waits_for[child] -= 1
                if not waits_for[child]:
                    heappush(ready, child)
            if logger.isEnabledFor(logging.INFO):
                logger.info("Completed %d out of %d tasks", len(completed), len(plan.nodes))
    except KeyboardInterrupt:
        if running:
            logger.warning(
                "Interrupted; waiting for %s (Ctrl-C again: do not wait).", _names(plan, running)
            )
        raise
    if failures:
        raise RunFailedError(
            failures, plan.resume_from(completed, catalog), len(completed), len(plan.nodes)
        ) from failures[0]


def _next(
    ended: queue.SimpleQueue[tuple[int, BaseException | None]],
) -> tuple[int, BaseException | None]:
    while True:
        try:
            return ended.get(timeout=_WAKE_UP_SECONDS)
        except queue.Empty:
            continue


def _as_failure(node: Node, error: BaseException) -> NodeRunError:
    if isinstance(error, NodeRunError):
        return error
    failure = NodeRunError(f"Node '{node.name}' failed: {type(error).__name__}: {error}", node.name)
    failure.__cause__ = error
    return failure


def _release(node: Node, plan: Plan, readers: dict[str, int], catalog: DataCatalog) -> None:
    for name in node.input_names:
        readers[name] -= 1
        if not readers[name] and name in plan.releasable:
            catalog.release(name)
    for name in node.output_names:
        # A transcoded form that is written but read only in another form.
        if name not in readers and name in plan.releasable:
            catalog.release(name)


def _names(plan: Plan, positions: set[int]) -> str:
    return ", ".join(f"'{plan.nodes[position].name}'" for position in sorted(positions))
