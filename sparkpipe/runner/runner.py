"""The contract of a runner: it says where nodes run; this module does all else of a run."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from abc import ABC
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkpipe import __version__
from sparkpipe.errors import PreflightError
from sparkpipe.events import (
    Event,
    NodeEnded,
    NodeStatus,
    Observer,
    RunEnded,
    RunOutcome,
    RunStarted,
    current_observers,
    observing_only,
    want_origins,
)
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.core import generate_timestamp
from sparkpipe.io.for_run import InRun, data_sets_of_run
from sparkpipe.io.working import lending
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan, find_problems, make_plan
from sparkpipe.plan.conflicts import changed_sources, shared_places
from sparkpipe.plan.later_changes import LaterChanges
from sparkpipe.plan.missing import find_missing
from sparkpipe.plan.plan import confirmed_by
from sparkpipe.runner.exchange import Exchange, InMemory
from sparkpipe.runner.loop import Pool, run_plan
from sparkpipe.runner.task import run_node  # noqa: F401 - Kedro has it here
from sparkpipe.runner.work import Work
from sparkpipe.spark.jobs.run import Flow, SparkRun, current_run, running

if TYPE_CHECKING:
    from pluggy import PluginManager

ASYNC_MESSAGE = "Asynchronous mode is enabled for loading and saving data"


class AbstractRunner(ABC):  # noqa: B024 - a runner writes one of two methods
    """Runs pipelines.

    A runner of one's own writes :meth:`_pool`, which says where nodes run: this class makes the
    plan, judges it, prepares catalog and Spark, schedules the nodes and tells observers. One that
    comes from Kedro overrides ``_run`` instead, and does all of that itself.

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

    #: How data in memory passes between the places where nodes run.
    _exchange: Exchange = InMemory()

    def __init__(
        self,
        is_async: bool = False,
        *,
        continue_on_failure: bool = False,
        expected_seconds: Mapping[str, float] | None = None,
    ) -> None:
        own = ("_pool", "_run", "_work_off")
        if all(getattr(type(self), name) is getattr(AbstractRunner, name) for name in own):
            raise TypeError(
                f"The runner {type(self).__name__} is abstract: it must write '_pool', which says "
                "where nodes run, or '_run' as in Kedro."
            )
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
        *,
        plan: Plan | None = None,
    ) -> dict[str, Any]:
        """Run a pipeline.

        Args:
            pipeline: What to run.
            catalog: Where its data is; not changed.
            hook_manager: Its hooks are called around each step.
            session_id: The name of the run.
            plan: The plan of this pipeline, if :meth:`plan` has made it for this catalog.

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
        if plan is None:
            plan = self.plan(pipeline, catalog, hook_manager)
        if plan.problems:
            raise PreflightError([*plan.problems])
        catalog = catalog.shallow_copy()
        made: list[str] = []
        registered: list[str] = []
        for name in sorted(pipeline.data_sets() | confirmed_by(pipeline)):
            (registered if name in catalog else made).append(name)
        for name in made:
            catalog.add(name, self.create_default_data_set(name))
        with data_sets_of_run(catalog, _parts(registered, plan, pipeline, catalog)):
            self._run_prepared(plan, pipeline, catalog, hook_manager, session_id)
        outputs = pipeline.outputs()
        with lending(catalog):
            return {
                name: catalog.load(name)
                for name in made
                if name in outputs and _was_made(catalog[name])
            }

    def _run_prepared(
        self,
        plan: Plan,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
        session_id: str | None,
    ) -> None:
        """Run what is known to be possible; every data set of it is in the catalog."""
        if self._is_async:
            self._logger.info(ASYNC_MESSAGE)
        run_id = session_id or generate_timestamp()
        with _spark_run(pipeline, catalog, run_id), self._telling(plan, run_id):
            if type(self)._run is AbstractRunner._run:
                self._work_off(plan, catalog, hook_manager, run_id)
            else:
                offered: dict[str, Any] = {"hook_manager": hook_manager, "session_id": session_id}
                accepted = {n: value for n, value in offered.items() if accepts(self._run, n)}
                self._run(pipeline, catalog, **accepted)

    def run_only_missing(
        self, pipeline: Pipeline, catalog: DataCatalog, hook_manager: PluginManager | None = None
    ) -> dict[str, Any]:
        """Run the nodes whose outputs are missing, all that follows from them, and what they need.

        Missing is a registered output that does not exist, and a free output that the catalog does
        not hold. Needed is what makes data that is only in memory.

        Raises:
            PreflightError: See :meth:`run`.
            RunFailedError: See :meth:`run`.
        """
        part = find_missing(pipeline, catalog, catalog.exists)
        return self.run(part.pipeline, catalog, hook_manager)

    def plan(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        *,
        expected_seconds: Mapping[str, float] | None = None,
    ) -> Plan:
        """Work out what a run will do, and all that keeps it from running; nothing is loaded.

        Args:
            pipeline: What to run.
            catalog: Where its data is.
            hook_manager: Hooks that would be called.
            expected_seconds: How long nodes are expected to take, by name, where the runner was
                not told.
        """
        problems = self.problems(pipeline, catalog)
        problems += self._hook_problems(pipeline, hook_manager)
        return make_plan(pipeline, self._expected_seconds or expected_seconds, problems)

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return all that keeps this runner from running a pipeline, without loading anything."""
        return find_problems(pipeline, catalog)

    def _hook_problems(self, pipeline: Pipeline, hook_manager: PluginManager | None) -> list[str]:
        """Return what keeps hooks from being called where the nodes run."""
        return []

    def _pool(self, work: Work) -> AbstractContextManager[Pool]:
        """Give the pool in which nodes run, open for as long as the run.

        Args:
            work: What the nodes run with; ``work.perform(node)`` runs one on the present thread.
        """
        raise NotImplementedError(f"{type(self).__name__} must write '_pool', or '_run'.")

    def _work_off(
        self,
        plan: Plan,
        catalog: DataCatalog,
        hook_manager: PluginManager | None,
        run_id: str,
    ) -> None:
        """Run the nodes of a plan; every data set of theirs is in the catalog."""
        with self._exchange.open(plan, catalog) as shared:
            observers = current_observers()
            work = Work(
                plan,
                shared,
                hook_manager,
                run_id,
                self._is_async,
                bool(observers),
                want_origins(observers),
            )
            with self._pool(work) as pool:
                run_plan(
                    plan,
                    shared,
                    pool,
                    self._logger,
                    continue_on_failure=self._continue_on_failure,
                )

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        """Run the nodes of a pipeline; every data set of theirs is in the catalog.

        What runners of Kedro override; such a runner may call this one.
        """
        run = current_run()
        run_id = session_id or ("" if run is None else run.run_id)
        self._work_off(make_plan(pipeline, self._expected_seconds), catalog, hook_manager, run_id)

    def _options(self) -> dict[str, Any]:
        """Return what the runner was told, for whoever watches its runs."""
        return {"is_async": self._is_async, "continue_on_failure": self._continue_on_failure}

    def _lanes(self) -> int:
        """Return how many nodes run at once, where there are so many; 0 if that is not known."""
        return 0

    @contextmanager
    def _telling(self, plan: Plan, run_id: str) -> Iterator[None]:
        """Tell whoever watches that a run starts, and how it ended."""
        observers = current_observers()
        if not observers:
            yield
            return
        from sparkpipe.description import current_description

        teller = _Teller(observers)
        description = current_description()
        started = time.perf_counter()
        teller.on_event(
            RunStarted(
                run_id,
                plan,
                description.project,
                description.pipeline,
                description.selection,
                description.environment,
                type(self).__name__,
                self._options(),
                description.params,
                _versions(),
                description.extra_params,
                description.slices,
                description.resumes,
                description.options,
                description.identities,
                lanes=self._lanes(),
            )
        )
        outcome: RunOutcome = "failed"
        try:
            with observing_only(teller):
                yield
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "interrupted"
            raise
        finally:
            seconds = time.perf_counter() - started
            teller.on_event(RunEnded(run_id, outcome, dict(teller.counts), seconds))

    def create_default_data_set(self, ds_name: str) -> AbstractDataSet:
        """Make the data set for a name that is not in the catalog."""
        return MemoryDataSet()


def _parts(
    names: list[str], plan: Plan, pipeline: Pipeline, catalog: DataCatalog
) -> Iterator[InRun]:
    """Give what a run does with data sets; it is looked for when the first of them is asked."""
    find_saved = cache(lambda: {name for node in plan.nodes for name in node.writes})
    find_shared = cache(lambda: shared_places(pipeline, catalog))
    for name in names:
        yield InRun(name, find_saved, find_shared)


class _Teller:
    """Passes events on, and counts how nodes have ended."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self.counts: Counter[NodeStatus] = Counter()
        self._observers = observers
        self.wants_origins = want_origins(observers)

    def on_event(self, event: Event) -> None:
        if isinstance(event, NodeEnded):
            self.counts[event.status] += 1
        for observer in self._observers:
            observer.on_event(event)


def _versions() -> dict[str, str]:
    versions = {"sparkpipe": __version__, "python": sys.version.split()[0]}
    pyspark = sys.modules.get("pyspark")
    if pyspark is not None:
        return {**versions, "spark": str(pyspark.__version__)}
    from importlib.metadata import PackageNotFoundError, version

    for package in ("pyspark", "pyspark-client"):
        with suppress(PackageNotFoundError):
            return {**versions, "spark": version(package)}
    return versions


@contextmanager
def _spark_run(pipeline: Pipeline, catalog: DataCatalog, run_id: str) -> Iterator[None]:
    """Set up the Spark side of a run; nothing of it starts Spark."""
    from sparkpipe.description import current_description
    from sparkpipe.spark.answers import answer_for_runs
    from sparkpipe.spark.session import SparkProvider, activated, current_provider

    provider, description = current_provider(), current_description()
    # Outside a Session: what is active on the calling thread is not active on others.
    with nullcontext(provider) if provider is not None else activated(SparkProvider()) as provider:
        run = SparkRun(
            run_id,
            description.pipeline,
            provider.peek,
            lambda: _flow(pipeline, catalog),
            provider.options.persist,
            description,
        )
        provider.capture()
        answer_for_runs()
        with running(run):
            yield


def _flow(pipeline: Pipeline, catalog: DataCatalog) -> Flow:
    """Work out how data in memory goes from node to node."""
    readers = Counter(name for node in pipeline.nodes for name in node.input_names)
    split = {
        name for node in pipeline.nodes if len(node.output_names) > 1 for name in node.input_names
    }
    outliving = frozenset(pipeline.outputs())
    changed = changed_sources(pipeline, catalog)
    later = LaterChanges(pipeline, catalog)
    return Flow(readers, frozenset(split), outliving, changed, later.finder)


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
