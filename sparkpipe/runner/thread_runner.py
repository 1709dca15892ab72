"""Nodes side by side in threads: the way to run Spark jobs side by side in one session."""

from __future__ import annotations

import contextvars
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from sparkpipe.errors import ConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import make_plan
from sparkpipe.runner.loop import Done, run_plan
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.task import run_node

if TYPE_CHECKING:
    from pluggy import PluginManager


class ThreadRunner(AbstractRunner):
    """Runs nodes side by side in threads.

    Args:
        max_workers: How many nodes run at once; by default four to eight, by the number of cores:
            on one Spark session more bring nothing.
        is_async: Not supported, for nodes run in threads as it is; a warning is logged.

    Raises:
        ConfigError: ``max_workers`` is less than one.
    """

    def __init__(self, max_workers: int | None = None, is_async: bool = False) -> None:
        super().__init__(is_async=False)
        if is_async:
            self._logger.warning(
                "ThreadRunner does not support asynchronous loading and saving: its nodes run side "
                "by side anyway. Setting is_async to False."
            )
        self._max_workers = checked_max_workers(max_workers) or max(4, min(8, os.cpu_count() or 4))

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        plan = make_plan(pipeline)
        slots = max(1, min(self._max_workers, len(plan.nodes)))
        with ThreadPoolExecutor(slots, thread_name_prefix="sparkpipe-node") as executor:
            pool = _Threads(executor, slots, catalog, hook_manager, session_id)
            run_plan(plan, catalog, pool, self._logger)


class _Threads:
    def __init__(
        self,
        executor: ThreadPoolExecutor,
        slots: int,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
        session_id: str | None,
    ) -> None:
        self.slots = slots
        self._executor = executor
        self._run_node = partial(
            run_node, catalog=catalog, hook_manager=hook_manager, session_id=session_id
        )

    def start(self, node: Node, done: Done) -> None:
        def work() -> None:
            error: BaseException | None = None
            try:
                self._run_node(node)
            except BaseException as exc:  # also what would else end this thread unheard
                error = exc
            done(error)

        # Each thread sees the context variables of the run: its Spark session, first of all.
        self._executor.submit(contextvars.copy_context().run, work)


def checked_max_workers(max_workers: int | None) -> int | None:
    """Return ``max_workers`` if it is a positive number or None.

    Raises:
        ConfigError: It is not.
    """
    if max_workers is not None and (not isinstance(max_workers, int) or max_workers < 1):
        raise ConfigError(f"max_workers must be a whole number from 1 on, not {max_workers!r}.")
    return max_workers
