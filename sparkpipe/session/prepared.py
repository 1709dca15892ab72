"""A run that is ready to start."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkpipe.description import RunDescription, describing
from sparkpipe.errors import RunFailedError, first_line, refusing_exits
from sparkpipe.events import make_observers, observing
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import reason_of
from sparkpipe.io.working import working_for
from sparkpipe.journal.writing import JournalWriter
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan
from sparkpipe.runner import AbstractRunner
from sparkpipe.runner.runner import accepts
from sparkpipe.tracing import Traces, traced_by

if TYPE_CHECKING:
    from pluggy import PluginManager

    from sparkpipe.spark.session import SparkProvider

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRun:
    """A run in which nothing is left to find wrong; started by :meth:`run`.

    Attributes:
        plan: What will run, in which order.
        pipeline: The nodes that were selected.
        catalog: Where their data is.
        runner: What runs them.
        run_params: What hooks are told of the run.
        hook_manager: Its hooks are called around each step.
        spark: Gives the Spark session.
        scope: Within what it gives, Spark and the current project are those of the session.
        description: What observers are told of the run.
        observers: Those of the settings and of installed packages, or their classes.
        is_journaled: Whether it is written down, and so can be continued.
        claim: Held while it runs: nobody else can continue the run that it continues.
    """

    plan: Plan
    pipeline: Pipeline
    catalog: DataCatalog
    runner: AbstractRunner
    run_params: dict[str, Any]
    hook_manager: PluginManager
    spark: SparkProvider = field(repr=False)
    scope: Callable[[], AbstractContextManager[object]] = field(repr=False)
    description: RunDescription = field(repr=False)
    observers: tuple[Any, ...] = field(repr=False)
    is_journaled: bool = False
    claim: Callable[[], AbstractContextManager[object]] = field(default=nullcontext, repr=False)

    @property
    def resumes(self) -> str:
        """The run that it continues; empty if it is a run of its own."""
        return self.description.resumes

    def run(self) -> dict[str, Any]:
        """Run the nodes.

        Returns:
            The outputs that the catalog does not hold, by name.

        Raises:
            RunFailedError: Nodes failed.
            NotContinuableError: Somebody else continues the run that it continues.
            SparkpipeError: A hook ended the process, as by ``sys.exit()``.
        """
        hook = self.hook_manager.hook
        context = {
            "run_params": self.run_params,
            "pipeline": self.pipeline,
            "catalog": self.catalog,
        }
        started = time.perf_counter()
        # A runner of the user's may have a 'run' of its own.
        planned = {"plan": self.plan} if accepts(self.runner.run, "plan") else {}
        observers = make_observers(self.observers)
        run_id = self.run_params["session_id"]
        with (
            refusing_exits("A hook or the runner"),
            self.claim(),
            self.scope(),
            describing(self.description),
            observing(*observers),
            traced_by(next((one for one in observers if isinstance(one, Traces)), None)),
            working_for(run_id, ""),
        ):
            hook.before_pipeline_run(**context)
            try:
                with refusing_exits(f"{type(self.runner).__name__}.run()"):
                    outputs = self.runner.run(
                        self.pipeline,
                        self.catalog,
                        self.hook_manager,
                        run_id,
                        **planned,
                    )
            except Exception as error:
                if isinstance(error, RunFailedError) and self._is_written(observers):
                    error.hint = f"\nTo continue: sparkpipe run --resume{error.hint}"
                try:
                    hook.on_pipeline_error(error=error, **context)
                except Exception as exc:  # must not hide why the run failed
                    _logger.error(
                        "The hook 'on_pipeline_error' failed: %s", first_line(reason_of(exc))
                    )
                raise
            hook.after_pipeline_run(run_result=outputs, **context)
            _logger.info("Run completed in %.1f s", time.perf_counter() - started)
        return outputs

    def _is_written(self, observers: Iterable[Any]) -> bool:
        """Whether it is in the journal: that may be a folder in which nobody may write."""
        writers = [one for one in observers if isinstance(one, JournalWriter)]
        return self.is_journaled and all(writer.has_begun for writer in writers)
