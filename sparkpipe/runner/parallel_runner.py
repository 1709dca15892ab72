"""Nodes side by side in processes: for pure Python work that keeps a core busy."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.io.declared import is_single_process
from sparkpipe.io.messages import as_shown, kind_of
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan.plan import confirmed_by
from sparkpipe.runner.crossing import why_data_set_stays, why_node_stays, why_thing_stays
from sparkpipe.runner.exchange import Exchange, LocalFolder, SharedMemoryDataSet
from sparkpipe.runner.loop import Pool
from sparkpipe.runner.processes import (
    Processes,
    checked_max_processes,
    checked_start_method,
    hook_problems,
)
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.work import Work
from sparkpipe.runner.worker import Workload, hooks_in_order

if TYPE_CHECKING:
    from pluggy import PluginManager

_HINT = "Use ThreadRunner, or HybridRunner, which runs such nodes on threads."


class ParallelRunner(AbstractRunner):
    """Runs nodes side by side in processes. Data between nodes passes through temporary files.

    Refuses before anything runs whatever cannot cross to another process, everything of Spark
    first: for those there are ThreadRunner and HybridRunner.

    Args:
        max_workers: How many processes; by default one for each core.
        is_async: Load the inputs of a node side by side, and save its outputs side by side.
        start_method: ``spawn``, ``forkserver`` or ``fork``. A forked process would share the
            connection to a running Spark, so ``fork`` is for programs without Spark.
        continue_on_failure: See :class:`AbstractRunner`.
        expected_seconds: See :class:`AbstractRunner`.
        exchange: How data in memory passes between the processes; by default through a temporary
            folder.

    Raises:
        ConfigError: An argument is not possible.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        is_async: bool = False,
        start_method: str = "spawn",
        *,
        continue_on_failure: bool = False,
        expected_seconds: Mapping[str, float] | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__(
            is_async=is_async,
            continue_on_failure=continue_on_failure,
            expected_seconds=expected_seconds,
        )
        self._max_workers = checked_max_processes(max_workers)
        self._start_method = checked_start_method(start_method)
        self._exchange = exchange or LocalFolder()

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return what keeps the pipeline from running; nothing outside the pipeline is judged."""
        problems = super().problems(pipeline, catalog)
        spark: list[str] = []
        for name in sorted(pipeline.data_sets() | confirmed_by(pipeline)):
            try:
                data_set = catalog.get(name)
            except DataSetError:
                continue  # told already
            if data_set is None:
                continue
            described = f"'{name}' ({kind_of(data_set)})"
            if is_single_process(data_set):
                spark.append(described)
            elif reason := _why_stays(data_set):
                problems.append(
                    f"ParallelRunner cannot pass the data set {described} to another process: "
                    f"{reason}. {_HINT}"
                )
        if spark:
            problems.append(
                f"ParallelRunner runs in processes, and Spark lives in one: {', '.join(spark)}. "
                f"{_HINT} sparkpipe run --runner=ThreadRunner"
            )
        for node in pipeline.nodes:
            if reason := why_node_stays(node):
                problems.append(
                    f"ParallelRunner cannot pass node '{node.name}' to another process: {reason}. "
                    f"Give it a function at the top of a module and without Spark. {_HINT}"
                )
        if reason := why_thing_stays(catalog.with_data_sets({})):
            problems.append(
                f"ParallelRunner cannot pass the catalog ({type(catalog).__name__}) to another "
                f"process: {reason}. {_HINT}"
            )
        if self._start_method == "fork" and _runs_spark():
            problems.append(
                "Spark runs in this process, and a forked one would share the connection to it. "
                "Use start_method='spawn'."
            )
        return problems

    def _hook_problems(self, pipeline: Pipeline, hook_manager: PluginManager | None) -> list[str]:
        return hook_problems(hooks_in_order(hook_manager), type(self).__name__, _HINT)

    @contextmanager
    def _pool(self, work: Work) -> Iterator[Pool]:
        for data_set in map(as_shown, map(work.catalog.__getitem__, work.catalog)):
            if isinstance(data_set, SharedMemoryDataSet):
                data_set.hand_over()
        width = max(1, min(self._max_workers, work.plan.width))
        with Processes(width, self._start_method, lambda: Workload.of(work)) as pool:
            yield pool

    def _lanes(self) -> int:
        return self._max_workers

    def _options(self) -> dict[str, Any]:
        return {
            **super()._options(),
            "max_workers": self._max_workers,
            "start_method": self._start_method,
        }


def _why_stays(data_set: Any) -> str:
    reason = why_data_set_stays(data_set)
    if not reason and isinstance(as_shown(data_set), MemoryDataSet):
        return why_thing_stays(data_set._data)
    return reason


def _runs_spark() -> bool:
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    connect: Any = sys.modules.get("pyspark.sql.connect.session")
    return getattr(context, "_gateway", None) is not None or (
        connect is not None and connect.SparkSession._get_default_session() is not None
    )
