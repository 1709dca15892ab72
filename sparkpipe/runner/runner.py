"""The contract of a runner."""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import PreflightError
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.core import generate_timestamp
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan, find_problems
from sparkpipe.runner.loop import Pool, run_plan
from sparkpipe.runner.task import run_node  # noqa: F401 - Kedro has it here
from sparkpipe.spark.jobs.run import SparkRun, current_pipeline_name, running

if TYPE_CHECKING:
    from pluggy import PluginManager

ASYNC_MESSAGE = "Asynchronous mode is enabled for loading and saving data"


class AbstractRunner(ABC):
    """Runs pipelines. A runner of one's own overrides ``_run`` and ``create_default_data_set``.

    Args:
        is_async: Load the inputs of a node side by side, and save its outputs side by side.
        continue_on_failure: After a failure run all that does not depend on the failed node, and
            fail then.
        expected_seconds: How long nodes are expected to take, by name: those on the path that
            takes longest go first. By default the path with most nodes counts as longest.

    >>> class DryRunner(AbstractRunner):
    ...     def create_default_data_set(self, ds_name):
    ...         return MemoryDataSet()
    ...
    ...     def _run(self, pipeline, catalog, session_id=None):
    ...         self._logger.info("Actual run would execute %d nodes:", len(pipeline.nodes))
    """

    # A runner of the user's may have a constructor of its own that does not call this one.
    _is_async = False
    _continue_on_failure = False
    _expected_seconds: Mapping[str, float] | None = None

    def __init__(
        self,
        is_async: bool = False,
        *,
        continue_on_failure: bool = False,
        expected_seconds: Mapping[str, float] | None = None,
    ) -> None:
        self._is_async = is_async
        self._continue_on_failure = continue_on_failure
        self._expected_seconds = expected_seconds

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(type(self).__module__)

    def run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> dict[str, Any]:
        """Run a pipeline.

        Args:
            pipeline: What to run.
            catalog: Where its data is; not changed.
            hook_manager: Its hooks are called around each step.
            session_id: The name of the run.

        Returns:
            The outputs of the pipeline that the catalog does not hold, by name.

        Raises:
            PreflightError: It cannot run; all reasons are given and nothing has run.
            RunFailedError: Nodes failed; all failures are given.
        """
        if not isinstance(pipeline, Pipeline) or not isinstance(catalog, DataCatalog):
            raise PreflightError(
                [
                    "A runner runs a Pipeline over a DataCatalog, not a "
                    f"{type(pipeline).__name__} over a {type(catalog).__name__}. "
                    "Write run(pipeline([...]), DataCatalog(feed_dict={...}))."
                ]
            )
        problems = self.problems(pipeline, catalog)
        if problems:
            raise PreflightError(problems)
        catalog = catalog.shallow_copy()
        made = [name for name in sorted(pipeline.data_sets()) if name not in catalog]
        for name in made:
            catalog.add(name, self.create_default_data_set(name))
        if self._is_async:
            self._logger.info(ASYNC_MESSAGE)
        offered: dict[str, Any] = {"hook_manager": hook_manager, "session_id": session_id}
        accepted = {name: value for name, value in offered.items() if accepts(self._run, name)}
        with _spark_run(pipeline, session_id):
            self._run(pipeline, catalog, **accepted)
        outputs = pipeline.outputs()
        return {
            name: catalog.load(name)
            for name in made
            if name in outputs and _was_made(catalog[name])
        }

    def _run_plan(self, plan: Plan, catalog: DataCatalog, pool: Pool) -> None:
        """Run the nodes of a plan in a pool."""
        run_plan(plan, catalog, pool, self._logger, continue_on_failure=self._continue_on_failure)

    def run_only_missing(
        self, pipeline: Pipeline, catalog: DataCatalog, hook_manager: PluginManager | None = None
    ) -> dict[str, Any]:
        """Run the nodes whose outputs are missing, all that follows from them, and what they need.

        Missing is a registered output that does not exist, and a free output that the catalog does
        not hold. Needed is what makes data that is only in memory.

        Raises:
            PreflightError: As of :meth:`run`.
            RunFailedError: As of :meth:`run`.
        """
        missing = {name for name in pipeline.outputs() if name not in catalog}
        missing |= {n for n in pipeline.all_outputs() if n in catalog and not catalog.exists(n)}
        makers = pipeline.only_nodes_with_outputs(*missing)
        to_run = set(pipeline.from_nodes(*(node.name for node in makers)).nodes)
        parents = pipeline.node_dependencies
        to_visit = list(to_run)
        while to_visit:
            node = to_visit.pop()
            lost = {name for name in node.input_names if name not in catalog}
            for parent in parents[node] - to_run:
                if not lost.isdisjoint(parent.output_names):
                    to_run.add(parent)
                    to_visit.append(parent)
        needed = pipeline.only_nodes(*(node.name for node in pipeline.nodes if node in to_run))
        return self.run(needed, catalog, hook_manager)

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return all that keeps this runner from running a pipeline, without loading anything."""
        return find_problems(pipeline, catalog)

    @abstractmethod
    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        """Run the nodes of a pipeline; every data set of theirs is in the catalog."""

    def create_default_data_set(self, ds_name: str) -> AbstractDataSet:
        """Make the data set for a name that is not in the catalog."""
        return MemoryDataSet()


@contextmanager
def _spark_run(pipeline: Pipeline, session_id: str | None) -> Iterator[None]:
    """Set up the Spark side of a run; nothing of it starts Spark."""
    from sparkpipe.spark.session import SparkProvider, activated, current_provider

    provider = current_provider()
    # Outside a Session: what is active on the calling thread is not active on others.
    with nullcontext(provider) if provider is not None else activated(SparkProvider()) as provider:
        run = SparkRun(
            session_id or generate_timestamp(),
            current_pipeline_name(),
            provider.peek,
            lambda: Counter(name for node in pipeline.nodes for name in node.input_names),
            provider.options.persist,
        )
        with running(run):
            yield


def accepts(function: Any, parameter: str) -> bool:
    """Whether a function, or the constructor of a class, takes an argument of this name."""
    parameters = inspect.signature(function).parameters
    return parameter in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _was_made(data_set: Any) -> bool:
    """Whether a default data set was saved to; one that cannot tell is taken at its word."""
    own = getattr(type(data_set), "_exists", None)
    if own is None or own is AbstractDataSet._exists:
        return True
    return bool(data_set.exists())
