"""What happens to one node: its attempts, what is told of it, and how it ended."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from sparkpipe.errors import NodeCancelledError, NodeRunError, NodeTimeoutError
from sparkpipe.events import (
    NodeEnded,
    NodeEvent,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    current_observers,
    want_origins,
)
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.attempt import FUNCTION, LOAD, SAVE, Attempt
from sparkpipe.runner.failure import report_of
from sparkpipe.runner.progress import Progress
from sparkpipe.spark.jobs.run import SparkRun, current_run
from sparkpipe.tracing import within_span_of

if TYPE_CHECKING:
    from pluggy import PluginManager

    from sparkpipe.io import DataCatalog

_logger = logging.getLogger(__name__)

_LONGEST_DELAY_SECONDS = 60.0


class NodeOutcome(NamedTuple):
    """How a node went, made where it ran; it may cross to the process of the run.

    Attributes:
        events: What observers are told of it: its retries, then its end. Empty where nobody
            watches.
        error: Why it failed; None if it did not.
    """

    events: tuple[NodeEvent, ...] = ()
    error: NodeRunError | None = None


_DONE = NodeOutcome()


def run_node(
    node: Node,
    catalog: DataCatalog,
    hook_manager: PluginManager | None = None,
    is_async: bool = False,
    session_id: str | None = None,
) -> Node:
    """Run one node, again if it has retries and its failure may pass; for runners of one's own.

    Whoever watches the run is told of the node.

    Args:
        node: The node.
        catalog: Where its data is.
        hook_manager: Its hooks are called around each step.
        is_async: Load the inputs side by side, and save the outputs side by side.
        session_id: The run, for hooks.

    Returns:
        The node.

    Raises:
        NodeRunError: Loading, calling or saving failed; the reason is chained to it.
        NodeTimeoutError: It took longer than its timeout.
        NodeCancelledError: It was cancelled.
    """
    observers, run_id = current_observers(), session_id or ""
    for observer in observers:
        observer.on_event(NodeStarted(run_id, node.name))
    outcome = perform(
        node,
        catalog,
        hook_manager,
        is_async,
        run_id=run_id,
        is_watched=bool(observers),
        is_traced=want_origins(observers),
    )
    for event in outcome.events:
        for observer in observers:
            observer.on_event(event)
    if outcome.error is not None:
        raise outcome.error
    return node


def perform(
    node: Node,
    catalog: DataCatalog,
    hook_manager: PluginManager | None = None,
    is_async: bool = False,
    *,
    run_id: str = "",
    is_watched: bool = False,
    is_traced: bool = False,
) -> NodeOutcome:
    """Run one node; again if it has retries and its failure may pass.

    Args:
        node: The node.
        catalog: Where its data is.
        hook_manager: Its hooks are called around each step.
        is_async: Load the inputs side by side, and save the outputs side by side.
        run_id: The run, for hooks and events.
        is_watched: Whether anybody is told of the node; otherwise no event is made.
        is_traced: Whether it is to be told what columns are made of.

    Returns:
        How it went, failures included.
    """
    has_hooks = hook_manager is not None and hook_manager.list_name_plugin()
    hook = hook_manager.hook if hook_manager is not None and has_hooks else None
    run = current_run()
    started = time.time()
    times = [0.0, 0.0, 0.0]
    retries: list[NodeRetried] = []
    progress = Progress() if node.retries else None
    left = node.timeout
    until = None if left is None else time.monotonic() + left
    while True:
        attempt = Attempt(
            node,
            catalog,
            hook,
            is_async,
            run_id,
            run,
            times,
            is_watched,
            is_traced,
            progress,
            left,
        )
        with within_span_of(node.name):
            failure = attempt.make()
        number = len(retries) + 1
        if failure is None or number > node.retries or not _may_pass(failure):
            break
        wait = min(node.retry_delay * 2 ** (number - 1), _LONGEST_DELAY_SECONDS)
        left = None if until is None else until - time.monotonic() - wait
        reason = _why_no_retry(progress, left)
        if reason:
            _logger.warning("Node '%s' is not tried again: %s", node.name, reason)
            break
        retried = NodeRetried(run_id, node.name, number, report_of(failure), wait)
        if not _wait_to_retry(node, failure, number, wait, run):
            break
        retries.append(retried)
    if not is_watched:
        return _DONE if failure is None else NodeOutcome((), failure)
    ended_at = time.time()
    work, account = attempt.spark_work(started), attempt.account
    ended = NodeEnded(
        run_id,
        node.name,
        status_of(failure),
        started,
        ended_at,
        len(retries) + 1,
        None if failure is None else report_of(failure),
        times[LOAD],
        times[FUNCTION],
        times[SAVE],
        work.seconds,
        () if account is None else account.reports(),
        checks=() if account is None else account.checks,
        jobs=work.jobs,
        jobs_left_out=work.jobs_left_out,
        cores=work.cores,
    )
    return NodeOutcome((*retries, ended), failure)


def status_of(failure: NodeRunError | None) -> NodeStatus:
    """Return how a node ended."""
    if failure is None:
        return "done"
    return "cancelled" if isinstance(failure, NodeCancelledError) else "failed"


def _may_pass(failure: NodeRunError) -> bool:
    from sparkpipe.spark.failures.judging import may_pass  # only after a failure

    return not isinstance(failure, NodeTimeoutError) and may_pass(failure)


def _why_no_retry(progress: Progress | None, seconds_left: float | None) -> str:
    """Say why another attempt could not be right; nothing if it could."""
    if progress is not None and progress.torn:
        return (
            f"a part of what was to be added to '{progress.torn}' may be there already, and would "
            "be there twice. Look at it before you run the node again."
        )
    if progress is not None and progress.spent and progress.has_saved:
        return (
            f"what is to be saved to '{progress.spent}' can be read once only, and a part of it "
            "has been. Return a list."
        )
    if seconds_left is not None and seconds_left <= 0:
        return "its timeout leaves no time for it."
    return ""


def _wait_to_retry(
    node: Node, failure: NodeRunError, attempt: int, wait: float, run: SparkRun | None
) -> bool:
    """Wait twice as long before each further attempt; return whether it is to be made."""
    _logger.warning(
        "%s\nTrying again in %g s (attempt %d of %d).",
        failure.message,
        wait,
        attempt + 1,
        node.retries + 1,
    )
    if run is None:
        time.sleep(wait)
        return True
    return not run.is_cancelled.wait(wait)
