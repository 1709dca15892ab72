"""Nodes side by side in threads: the way to run Spark jobs side by side in one session."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sparkpipe.errors import ArgumentError
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.loop import Done, Pool
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.sequential_runner import CallingThread
from sparkpipe.runner.task import NodeOutcome
from sparkpipe.runner.work import Work
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.spark.jobs.scope import parallelism

E = TypeVar("E", bound=Executor)

_FEWEST, _MOST = 8, 32


class ThreadRunner(AbstractRunner):
    """Runs nodes side by side in threads, on one Spark session.

    Each node's Spark jobs carry its name. When one node fails, the jobs of the others are
    cancelled, and no further node starts. Where no two nodes may run at once, as in a chain, they
    run on the thread that calls.

    Args:
        max_workers: How many nodes run at once; by default as many as Spark runs tasks, from eight
            to thirty-two: more bring nothing on one session.
        is_async: Not supported, for nodes run in threads as it is; a warning is logged.
        continue_on_failure: See :class:`AbstractRunner`.
        expected_seconds: See :class:`AbstractRunner`.

    Raises:
        ArgumentError: ``max_workers`` is less than one.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        is_async: bool = False,
        *,
        continue_on_failure: bool = False,
        expected_seconds: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(
            is_async=False,
            continue_on_failure=continue_on_failure,
            expected_seconds=expected_seconds,
        )
        if is_async:
            self._logger.warning(
                "ThreadRunner does not support asynchronous loading and saving: its nodes run side "
                "by side anyway. Setting is_async to False."
            )
        self._max_workers = checked_max_workers(max_workers)

    @contextmanager
    def _pool(self, work: Work) -> Iterator[Pool]:
        width = max(1, min(self._lanes(), work.plan.width))
        if width == 1:  # a chain: a thread beside this one would only make it wait
            yield CallingThread(work)
            return
        with interruptible(ThreadPoolExecutor(width, "sparkpipe-node")) as executor:
            yield Threads(executor, width, work)

    def _lanes(self) -> int:
        return self._max_workers or default_workers()

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "max_workers": self._max_workers}


class Threads:
    """A pool of threads.

    Args:
        executor: Has at least ``width`` threads.
        width: How many nodes may run at once.
        work: What nodes run with.
    """

    def __init__(self, executor: Executor, width: int, work: Work) -> None:
        self.lanes = (width,)
        self._executor = executor
        self._perform = work.perform

    def lane_of(self, node: Node) -> int:
        """Return the only lane."""
        return 0

    def start(self, node: Node, done: Done) -> None:
        """Run a node in a thread that is free."""
        # Each thread sees the context variables of the run: its Spark session, first of all.
        context = contextvars.copy_context()
        self._executor.submit(context.run, run_on_thread, self._perform, node, done)


def run_on_thread(run: Callable[[Node], NodeOutcome], node: Node, done: Done) -> None:
    """Run a node on the present thread of a pool, and tell how it ended."""
    outcome: NodeOutcome | BaseException
    try:
        outcome = run(node)
    except BaseException as exc:  # also what would else end this thread unheard
        outcome = exc
    done(outcome)


@contextmanager
def interruptible(executor: E) -> Iterator[E]:
    """Close an executor at the end; after an interrupt without waiting for what still runs.

    The loop has waited for it then, unless it was interrupted again.
    """
    wait = True
    try:
        yield executor
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        executor.shutdown(wait=wait, cancel_futures=not wait)


def default_workers() -> int:
    """Return how many nodes to run at once on the Spark session of the run, or without one.

    Never fewer than eight, for a node also plans, commits, and waits for disk and network while the
    tasks of others run, nor more than thirty-two.
    """
    run = current_run()
    session = None if run is None else run.session()
    at_once = (session and parallelism(session)) or os.cpu_count() or 1
    return max(_FEWEST, min(at_once, _MOST))


def checked_max_workers(max_workers: int | None) -> int | None:
    """Return ``max_workers`` if it is a positive number or None.

    Raises:
        ArgumentError: It is not.
    """
    if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
        raise ArgumentError(f"max_workers must be a whole number from 1 on, not {max_workers!r}.")
    return max_workers
