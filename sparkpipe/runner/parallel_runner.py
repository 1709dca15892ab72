"""Nodes side by side in processes: for pure Python work that keeps a core busy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, PreflightError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.io.declared import is_single_process
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import make_plan
from sparkpipe.runner.crossing import why_data_set_stays, why_node_stays, why_thing_stays
from sparkpipe.runner.exchange import SharedMemoryDataSet, sharing_memory
from sparkpipe.runner.processes import (
    Processes,
    Workload,
    checked_max_processes,
    checked_start_method,
    hook_problems,
    hooks_in_order,
)
from sparkpipe.runner.runner import AbstractRunner

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
        continue_on_failure: As of :class:`AbstractRunner`.
        expected_seconds: As of :class:`AbstractRunner`.

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
    ) -> None:
        super().__init__(
            is_async=is_async,
            continue_on_failure=continue_on_failure,
            expected_seconds=expected_seconds,
        )
        self._max_workers = checked_max_processes(max_workers)
        self._start_method = checked_start_method(start_method)

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return what keeps the pipeline from running; nothing outside the pipeline is judged."""
        problems = super().problems(pipeline, catalog)
        spark: list[str] = []
        for name in sorted(pipeline.data_sets()):
            try:
                data_set = catalog.get(name)
            except DataSetError:
                continue  # told already
            if data_set is None:
                continue
            described = f"'{name}' ({type(data_set).__name__})"
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
        if self._start_method == "fork" and _runs_spark():
            problems.append(
                "Spark runs in this process, and a forked one would share the connection to it. "
                "Use start_method='spawn'."
            )
        return problems

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        plan = make_plan(pipeline, self._expected_seconds)
        width = max(1, min(self._max_workers, plan.width))
        hooks = hooks_in_order(hook_manager)
        problems = hook_problems(hooks, type(self).__name__, _HINT)
        if problems:
            raise PreflightError(problems)
        with sharing_memory(pipeline, catalog) as shared:
            for data_set in map(shared.__getitem__, shared):
                if isinstance(data_set, SharedMemoryDataSet):
                    data_set.hand_over()
            workload = Workload(shared, hooks, self._is_async, session_id)
            with Processes(width, self._start_method, lambda: workload) as pool:
                self._run_plan(plan, shared, pool)


def _why_stays(data_set: Any) -> str:
    reason = why_data_set_stays(data_set)
    if not reason and isinstance(data_set, MemoryDataSet):
        return why_thing_stays(data_set._data)
    return reason


def _runs_spark() -> bool:
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    connect: Any = sys.modules.get("pyspark.sql.connect.session")
    return getattr(context, "_gateway", None) is not None or (
        connect is not None and connect.SparkSession._get_default_session() is not None
    )
