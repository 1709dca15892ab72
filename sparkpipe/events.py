"""What a run tells to those who watch it: a live display, a summary, a journal.

A run looks for its observers once, when it starts, in the context that starts it::

    with observing(display, summary):
        runner.run(pipeline, catalog)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from sparkpipe.pipeline.node import Node
    from sparkpipe.plan import Plan

_logger = logging.getLogger(__name__)

NodeStatus = Literal["done", "failed", "cancelled", "skipped"]


@dataclass(frozen=True)
class NodeReport:
    """How a node ended, and where its time went.

    Attributes:
        node_name: The node.
        status: ``done``; ``failed``; ``cancelled`` while it ran; ``skipped``: it never started.
        started: Seconds since the epoch; 0.0 if it never started.
        ended: Seconds since the epoch; 0.0 if it never started.
        load_seconds: Time to load its inputs.
        function_seconds: Time in its function.
        save_seconds: Time to save its outputs.
        spark_seconds: Time in which at least one Spark job of the node ran; None if not known, or
            if nobody watches the run.
        lazy_outputs: Outputs that are Spark frames left in memory, computed by whoever reads them.
        attempts: How many times it was tried.
    """

    node_name: str
    status: NodeStatus
    started: float = 0.0
    ended: float = 0.0
    load_seconds: float = 0.0
    function_seconds: float = 0.0
    save_seconds: float = 0.0
    spark_seconds: float | None = None
    lazy_outputs: tuple[str, ...] = ()
    attempts: int = 1


class RunObserver(Protocol):
    """Watches a run. All methods are called by the thread of the scheduling loop."""

    def run_started(self, plan: Plan, run_id: str) -> None:
        """Called once, before any node."""

    def node_started(self, node: Node) -> None:
        """A node is handed to the pool."""

    def node_ended(self, report: NodeReport) -> None:
        """A node has ended, or will never start."""

    def run_ended(self) -> None:
        """Called once, also after a failure or Ctrl-C."""


class _Guarded:
    """Tells an observer, whose errors have no effect on the run."""

    def __init__(self, observer: RunObserver) -> None:
        self._observer = observer
        self._has_failed = False

    def run_started(self, plan: Plan, run_id: str) -> None:
        self._tell(lambda: self._observer.run_started(plan, run_id))

    def node_started(self, node: Node) -> None:
        self._tell(lambda: self._observer.node_started(node))

    def node_ended(self, report: NodeReport) -> None:
        self._tell(lambda: self._observer.node_ended(report))

    def run_ended(self) -> None:
        self._tell(self._observer.run_ended)

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as exc:
            # Once is enough: what fails for one node will fail for hundreds.
            if not self._has_failed:
                _logger.warning(
                    "%s cannot watch this run: %s: %s",
                    type(self._observer).__name__,
                    type(exc).__name__,
                    exc,
                )
            self._has_failed = True


_observers: ContextVar[tuple[RunObserver, ...]] = ContextVar("_observers", default=())


@contextmanager
def observing(*observers: RunObserver) -> Iterator[None]:
    """Let observers watch the runs that are started inside, beside those that watch already.

    An error of an observer is logged, once, and has no effect on the run.
    """
    token = _observers.set((*_observers.get(), *map(_Guarded, observers)))
    try:
        yield
    finally:
        _observers.reset(token)


def current_observers() -> tuple[RunObserver, ...]:
    """Return who watches a run that is started here; their methods raise nothing."""
    return _observers.get()
