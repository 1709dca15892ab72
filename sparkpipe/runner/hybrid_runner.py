"""Spark nodes side by side in threads, and beside them pure Python nodes in processes."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, NodeRunError
from sparkpipe.io import DataCatalog
from sparkpipe.io.messages import as_shown
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.crossing import why_node_stays
from sparkpipe.runner.exchange import Exchange, LocalFolder, SharedMemoryDataSet
from sparkpipe.runner.loop import Done, Pool
from sparkpipe.runner.places import THREADS, Places, why_data_stays
from sparkpipe.runner.processes import (
    Processes,
    checked_max_processes,
    checked_start_method,
    hook_problems,
)
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.thread_runner import (
    checked_max_workers,
    default_workers,
    interruptible,
    run_on_thread,
)
from sparkpipe.runner.work import Work
from sparkpipe.runner.worker import Workload, hooks_in_order

if TYPE_CHECKING:
    from pluggy import PluginManager


_HOOK_HINT = "Take the tag 'processes' away."


class HybridRunner(AbstractRunner):
    """Runs Spark nodes in threads on one session, and pure Python nodes in processes.

    A node runs on a thread if one of its data sets is of Spark or in memory and holds something
    of it, if its function shows that it uses Spark, or if it cannot go to another process. A tag
    decides where a node runs: ``threads`` or ``processes``. Data in memory passes through
    temporary files only between a thread and a process, or two processes.

    Args:
        max_workers: How many nodes run at once on threads; by default as of
            :class:`~sparkpipe.runner.ThreadRunner`.
        max_processes: How many more run at once in processes; by default one for each core.
        is_async: Load the inputs of a node side by side, and save its outputs side by side.
        start_method: ``spawn`` or ``forkserver``: a process that is forked from this one would
            share its connection to Spark.
        continue_on_failure: See :class:`AbstractRunner`.
        expected_seconds: See :class:`AbstractRunner`.
        exchange: How data in memory passes between threads and processes; by default through a
            temporary folder.

    Raises:
        ConfigError: An argument is not possible.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        max_processes: int | None = None,
        is_async: bool = False,
        *,
        start_method: str = "spawn",
        continue_on_failure: bool = False,
        expected_seconds: Mapping[str, float] | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(
            is_async=is_async,
            continue_on_failure=continue_on_failure,
            expected_seconds=expected_seconds,
        )
        self._max_workers = checked_max_workers(max_workers)
        self._max_processes = checked_max_processes(max_processes)
        self._start_method = checked_start_method(start_method, ("spawn", "forkserver"))
        self._exchange = exchange or LocalFolder()

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return what keeps the pipeline from running, with tags that cannot be followed."""
        problems = super().problems(pipeline, catalog)
        for node in pipeline.nodes:
            if "processes" not in node.tags:
                continue
            reason = (
                "it is tagged 'threads' too" if "threads" in node.tags else why_node_stays(node)
            ) or why_data_stays(node, catalog)
            if reason:
                problems.append(
                    f"Node '{node.name}' is tagged 'processes', but cannot go to one: {reason}. "
                    "Take the tag away, and it runs on a thread."
                )
        return problems

    def _hook_problems(self, pipeline: Pipeline, hook_manager: PluginManager | None) -> list[str]:
        if not any("processes" in node.tags for node in pipeline.nodes):
            return []  # then the nodes stay on threads
        return hook_problems(hooks_in_order(hook_manager), type(self).__name__, _HOOK_HINT)

    @contextmanager
    def _pool(self, work: Work) -> Iterator[Pool]:
        threads = max(1, min(self._max_workers or default_workers(), work.plan.width))
        processes = max(1, min(self._max_processes, work.plan.width))
        hooks = hooks_in_order(work.hook_manager)
        hooks_stay = hook_problems(hooks, type(self).__name__, _HOOK_HINT)
        places = Places(work.catalog, hooks_stay[0] if hooks_stay else "")

        def workload() -> Workload:
            return Workload.of(work, places.crossing)

        # A thread more for each process hands the inputs over to it.
        with (
            Processes(processes, self._start_method, workload) as workers,
            interruptible(ThreadPoolExecutor(threads + processes, "sparkpipe-node")) as pool,
        ):
            yield _Lanes((threads, processes), places, pool, workers, work)

    def _lanes(self) -> int:
        return (self._max_workers or default_workers()) + self._max_processes

    def _options(self) -> dict[str, Any]:
        return {
            **super()._options(),
            "max_workers": self._max_workers,
            "max_processes": self._max_processes,
            "start_method": self._start_method,
        }


class _Lanes:
    """A pool of threads and one of processes."""

    def __init__(
        self,
        widths: tuple[int, int],
        places: Places,
        threads: ThreadPoolExecutor,
        processes: Processes,
        work: Work,
    ) -> None:
        self.lanes = widths
        self.lane_of = places.lane_of
        self._places = places
        self._threads = threads
        self._processes = processes
        self._perform = work.perform

    def start(self, node: Node, done: Done) -> None:
        start = self._on_thread if self.lane_of(node) == THREADS else self._in_process
        # Each thread sees the context variables of the run: its Spark session, first of all.
        self._threads.submit(contextvars.copy_context().run, start, node, done)

    def _on_thread(self, node: Node, done: Done) -> None:
        run_on_thread(self._perform, node, done)

    def _in_process(self, node: Node, done: Done) -> None:
        """Hand over inputs and node; what turns out not to be pickled is dealt with here."""
        try:
            for name in node.input_names:
                data_set = as_shown(self._places.catalog[name])
                if isinstance(data_set, SharedMemoryDataSet):
                    data_set.hand_over()
        except DataSetError as exc:
            if "processes" in node.tags:
                done(_not_handed_over(node, exc))
                return
            self._places.tell(node, exc.message)
            self._on_thread(node, done)
            return
        except BaseException as exc:  # a full disk, for one
            done(exc)
            return
        try:
            self._processes.start(node, done)
        except BaseException as exc:
            done(exc)


def _not_handed_over(node: Node, error: DataSetError) -> NodeRunError:
    failure = NodeRunError(
        f"Node '{node.name}' is tagged 'processes', but an input cannot go to one: "
        f"{error.message}. Take the tag away, and it runs on a thread.",
        node.name,
    )
    failure.__cause__ = error
    return failure
