"""A pool of worker processes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from sparkpipe.errors import ConfigError, NodeRunError, SparkStartError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.crossing import why_thing_stays
from sparkpipe.runner.loop import Done
from sparkpipe.runner.task import NodeOutcome, perform
from sparkpipe.runner.thread_runner import checked_max_workers, interruptible
from sparkpipe.runner.work import Work
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pluggy import PluginManager

START_METHODS = ("spawn", "forkserver", "fork")
# Windows waits for at most 63 handles, two of which the executor needs.
_MOST_ON_WINDOWS = 61

_LOG_PERIOD_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0


class Workload(NamedTuple):
    """What each worker needs besides its nodes."""

    catalog: DataCatalog
    hooks: tuple[Any, ...]
    is_async: bool
    run_id: str
    is_watched: bool

    @classmethod
    def of(cls, work: Work, catalog: DataCatalog | None = None) -> Workload:
        """Return what workers need of the work of a run; hooks cross one by one.

        Args:
            work: The work.
            catalog: What of its catalog can go to a worker; by default all.
        """
        return cls(
            work.catalog if catalog is None else catalog,
            hooks_in_order(work.hook_manager),
            work.is_async,
            work.run_id,
            work.is_watched,
        )


class ErrorInWorker(Exception):  # noqa: N818 - not raised: it tells of an error elsewhere
    """The cause of a failure in another process, as its traceback."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Processes:
    """A pool of processes; the first one starts with the first node. Close it at the end.

    Args:
        width: How many nodes may run at once.
        start_method: One of ``START_METHODS``.
        workload: Returns what workers need; called when the first one is to start.
    """

    def __init__(self, width: int, start_method: str, workload: Callable[[], Workload]) -> None:
        self.lanes = (width,)
        self._method = multiprocessing.get_context(start_method)
        self._workload = workload
        self._executor: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._open = ExitStack()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def lane_of(self, node: Node) -> int:
        """Return the only lane."""
        return 0

    def start(self, node: Node, done: Done) -> None:
        """Run a node in a process that is free."""

        def ended(future: Future[NodeOutcome]) -> None:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                error = NodeRunError(
                    f"Node '{node.name}' ended with its process, which was killed, ran out of "
                    "memory, or could not start.",
                    node.name,
                )
            if error is not None:
                done(error)
                return
            outcome = future.result()
            if outcome.error is not None:
                # The error itself stays in the worker: its class may not be importable here.
                outcome.error.__cause__ = ErrorInWorker(outcome.error.traceback_text)
            done(outcome)

        try:
            self._started().submit(_work, node).add_done_callback(ended)
        except BrokenProcessPool as error:
            done(NodeRunError(f"Node '{node.name}' could not start: {error}", node.name))

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None:
                logs = None
                if logging.getLogger("sparkpipe").hasHandlers():
                    logs = self._open.enter_context(_WorkerLogs(self._method)).arguments
                executor = ProcessPoolExecutor(
                    self.lanes[0],
                    mp_context=self._method,
                    initializer=_set_up_worker,
                    initargs=(pickle.dumps(self._workload()), logs),
                )
                self._executor = self._open.enter_context(interruptible(executor))
            return self._executor


def checked_max_processes(number: int | None) -> int:
    """Return how many processes to use, by default one for each core.

    Raises:
        ConfigError: It is no positive number.
    """
    most = checked_max_workers(number) or os.cpu_count() or 1
    return min(most, _MOST_ON_WINDOWS) if sys.platform == "win32" else most


def checked_start_method(method: str, known: tuple[str, ...] = START_METHODS) -> str:
    """Return the way to start processes if it is known.

    Raises:
        ConfigError: It is not.
    """
    if method not in known:
        raise ConfigError(
            f"start_method '{method}' is not known.", hint=f"It is one of {', '.join(known)}."
        )
    return method


def hooks_in_order(hook_manager: PluginManager | None) -> tuple[Any, ...]:
    """Return the hooks in the order of their calls."""
    named = hook_manager.list_name_plugin() if hook_manager is not None else ()
    # What is registered last is called first.
    return tuple(plugin for _, plugin in reversed([*named]) if plugin is not None)


def hook_problems(hooks: tuple[Any, ...], who: str, hint: str) -> list[str]:
    """Tell the hooks that cannot go to a worker.

    Args:
        hooks: All hooks.
        who: Who cannot pass them.
        hint: What to do.
    """
    return [
        f"{who} cannot pass the hook {type(hook).__name__} to another process: {reason}. {hint}"
        for hook in hooks
        if (reason := why_thing_stays(hook))
    ]


class _NoSpark(SparkProvider):
    """Refuses to start a JVM for each worker."""

    def capture(self) -> None:
        """What a forked process has of a session belongs to its parent."""

    def peek(self) -> None:
        return None

    def get(self) -> NoReturn:
        raise SparkStartError(
            "There is no Spark here: this node runs in a worker process, and the Spark session "
            "lives in the process of the run.",
            hint="Use ThreadRunner, or HybridRunner with the tag 'threads' on this node.",
        )


class _Worker(NamedTuple):
    perform: Callable[[Node], NodeOutcome]
    # Held, for what is activated ends with it.
    scope: ExitStack


# The worker's side. An executor gives its initializer no other place to leave what it has set up.
_worker: _Worker | None = None


def _set_up_worker(payload: bytes, logs: tuple[Any, int] | None) -> None:
    global _worker
    # Ctrl-C reaches every process of the terminal; only the parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if logs is not None:
        records, level = logs
        root = logging.getLogger()
        root.handlers[:] = [QueueHandler(records)]
        root.setLevel(level)
    scope = ExitStack()
    # Before anything of the user's is imported: a module may ask for Spark.
    scope.enter_context(activated(_NoSpark()))
    workload: Workload = pickle.loads(payload)
    perform_here = partial(
        perform,
        catalog=workload.catalog,
        hook_manager=create_hook_manager(workload.hooks),
        is_async=workload.is_async,
        run_id=workload.run_id,
        is_watched=workload.is_watched,
    )
    _worker = _Worker(perform_here, scope)


def _work(node: Node) -> NodeOutcome:
    assert _worker is not None
    return _worker.perform(node)


class _WorkerLogs:
    """Brings what workers log to the handlers of the parent.

    A worker that is killed while it writes holds the lock of the queue for ever, and may leave half
    a record. So the parent writes nothing to the queue, and does not wait for its end for long.
    """

    def __init__(self, method: Any) -> None:
        self._queue = method.Queue()
        self.arguments = (self._queue, logging.getLogger("sparkpipe").getEffectiveLevel())
        self._have_ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="sparkpipe-logs", daemon=True)

    def __enter__(self) -> _WorkerLogs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._have_ended.set()
        self._thread.join(_PATIENCE_SECONDS)
        self._queue.close()

    def _listen(self) -> None:
        while True:
            have_ended = self._have_ended.is_set()
            try:
                record = self._queue.get(timeout=0 if have_ended else _LOG_PERIOD_SECONDS)
            except queue.Empty:
                if have_ended:
                    return
                continue
            logger = logging.getLogger(record.name)
            if logger.isEnabledFor(record.levelno):
                logger.handle(record)
