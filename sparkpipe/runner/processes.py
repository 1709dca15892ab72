"""A pool of worker processes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, TypeAlias

from sparkpipe.errors import ConfigError, NodeCancelledError, NodeRunError
from sparkpipe.io.reasons import text_of
from sparkpipe.io.working import current_work
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.crossing import why_thing_stays
from sparkpipe.runner.loop import Done
from sparkpipe.runner.task import NodeOutcome
from sparkpipe.runner.thread_runner import checked_max_workers
from sparkpipe.runner.worker import OUTCOME, Logs, Workload, work
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.streams import is_what_python_prints_logged
from sparkpipe.tracing import headers_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

#: A node for a worker: its name, itself, pickled, and what leads to its span.
Order: TypeAlias = tuple[str, bytes, Mapping[str, str]]

START_METHODS = ("spawn", "forkserver", "fork")
# As many handles as Windows waits for.
_MOST_ON_WINDOWS = 61

# For how long a process whose nodes have ended may go on with threads that they have left behind.
_PATIENCE_SECONDS = 30.0

_logger = logging.getLogger(__name__)


class ErrorInWorker(Exception):  # noqa: N818 - not raised: it tells of an error elsewhere
    """The cause of a failure in another process, as its traceback."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Processes:
    """A pool of processes; each starts with its first node. Close it at the end.

    A process that dies fails the node that it ran, and no other one: the next node for which there
    is no process gets a new one.

    Args:
        width: How many nodes may run at once.
        start_method: One of ``START_METHODS``.
        workload: Returns what workers need; called when the first one is to start.
    """

    def __init__(self, width: int, start_method: str, workload: Callable[[], Workload]) -> None:
        self.lanes = (width,)
        self._method = multiprocessing.get_context(start_method)
        self._workload = workload
        self._payload: bytes | None = None
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._all: list[_Process] = []
        # None, or whether running nodes are to take no further step.
        self._cancelled: bool | None = None
        self._open = ExitStack()

    def __enter__(self) -> Processes:
        run = current_run()
        if run is not None:
            self._open.enter_context(run.telling(self._cancel))
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()
        try:
            for process in self._all:
                process.end()
            for process in self._all:
                process.wait()
        except BaseException:  # interrupted (again): then nothing is waited for
            for process in self._all:
                process.kill()
            raise

    def lane_of(self, node: Node) -> int:
        """Return the only lane."""
        return 0

    def start(self, node: Node, done: Done) -> None:
        """Run a node in a process that is free."""
        if self._cancelled is not None:
            done(NodeCancelledError(f"Node '{node.name}' was cancelled.", node.name))
            return
        try:
            order = (node.name, bytes(ForkingPickler.dumps(node)), headers_of(node.name))
            # One that has died while it was idle does not take it, and the next one does.
            while not self._taken().run(order, done):
                continue
        except Exception as exc:  # pickling, and starting a process, raise anything
            failure = NodeRunError(
                f"Node '{node.name}' could not start in a process: {text_of(exc)}",
                node.name,
            )
            failure.__cause__ = exc
            done(failure)

    def _taken(self) -> _Process:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._payload is None:
                self._payload = pickle.dumps(self._workload())
            process = _Process(self._method, self._payload, self._idle.append)
            self._all.append(process)
        # It is known before it starts, so that it ends with the pool if an interrupt comes now.
        process.start()
        if self._cancelled is not None:
            process.cancel(self._cancelled)
        return process

    def _cancel(self, stop: bool) -> None:
        with self._lock:
            self._cancelled = stop
            processes = (*self._all,)
        for process in processes:
            process.cancel(stop)


class _Process:
    """One worker, and the thread that listens to it.

    Args:
        method: Starts processes.
        payload: What the worker needs, pickled.
        is_free: Called when it has ended a node.
    """

    def __init__(self, method: Any, payload: bytes, is_free: Callable[[_Process], None]) -> None:
        self._is_free = is_free
        self._lock = threading.Lock()
        self._current: tuple[str, Done] | None = None
        self._is_dead = False
        self._is_closed = False
        self._is_stopped = False
        self._has_told = False
        self._channel: Connection
        self._channel, self._theirs = method.Pipe()
        self._process: BaseProcess = method.Process(
            target=work, args=(self._theirs, payload, _logs_here()), name="sparkpipe-worker"
        )
        self._thread = threading.Thread(target=self._listen, name="sparkpipe-worker", daemon=True)

    def start(self) -> None:
        """Start it, and listen to it."""
        try:
            self._process.start()
        finally:
            self._theirs.close()  # so that the end of the worker is seen
        self._thread.start()

    def run(self, order: Order, done: Done) -> bool:
        """Send a node; return whether there is a process to take it."""
        with self._lock:
            if self._is_dead:
                return False
            self._current = (order[0], done)
            with suppress(OSError):  # it dies just now: the thread that listens tells of it
                self._channel.send(("node", order))
            return True

    def cancel(self, stop: bool) -> None:
        """Let it start nothing more."""
        self._is_stopped = stop
        with suppress(OSError), self._lock:
            self._channel.send(("cancel", stop))

    def end(self) -> None:
        """Let it end: at once, if the run has been interrupted and does not wait for its node."""
        if self._current is not None:
            self._process.kill()
            return
        with suppress(OSError), self._lock:
            self._channel.send(("end", None))

    def wait(self) -> None:
        """Wait until it has ended, and leave nothing of it behind."""
        if self._process.pid is not None:
            until = time.monotonic() + _PATIENCE_SECONDS
            self._process.join(_PATIENCE_SECONDS)
            # Where the whole process ends on a signal, another thread may have taken its end.
            if self._process.exitcode is None and time.monotonic() >= until:
                _logger.warning(
                    "A node has left threads in its process that were still at work after %.0f s; "
                    "they were ended with it.",
                    _PATIENCE_SECONDS,
                )
        self.kill()

    def kill(self) -> None:
        """End it at once, in whatever state it is, and leave nothing of it behind."""
        if self._is_closed:
            return
        if self._process.pid is not None:  # it was started
            self._process.kill()
            self._process.join()
        with suppress(RuntimeError):  # an interrupt came before it had started
            self._thread.join()
        self._channel.close()
        self._process.close()
        self._is_closed = True

    def _listen(self) -> None:
        while (message := self._next()) is not None:
            kind, data = message[:1], message[1:]
            if kind == OUTCOME:
                self._settle(data)
            else:
                self._show(data)
        with self._lock:
            self._is_dead = True
            current, self._current = self._current, None
        if current is not None:
            name, done = current
            if self._is_stopped:  # it does not outlive a run that waits no longer
                done(NodeCancelledError(f"Node '{name}' was cancelled.", name))
                return
            done(
                NodeRunError(
                    f"Node '{name}' ended with its process, which was killed or ran out of memory.",
                    name,
                )
            )

    def _next(self) -> bytes | None:
        """Return the next message; None where the process has ended, and all of it is read."""
        try:
            ready = connection.wait([self._channel, self._process.sentinel])
            if self._channel in ready or self._channel.poll():
                return self._channel.recv_bytes()
        except (EOFError, OSError):
            return None
        return None

    def _settle(self, data: bytes) -> None:
        with self._lock:
            current, self._current = self._current, None
        if current is None:
            return
        name, done = current
        outcome: NodeOutcome | NodeRunError
        try:
            outcome = pickle.loads(data)
        except Exception as exc:  # what is told may be made of what is not here
            outcome = NodeRunError(
                f"How node '{name}' ended in its process cannot be read here: {exc}", name
            )
        if isinstance(outcome, NodeOutcome) and outcome.error is not None:
            # The error itself stays in the worker: its class may not be importable here.
            outcome.error.__cause__ = ErrorInWorker(outcome.error.traceback_text)
        self._is_free(self)
        done(outcome)

    def _show(self, data: bytes) -> None:
        """Give a record to the handlers of this process, where one may raise anything."""
        try:
            record = pickle.loads(data)
            logger = logging.getLogger(record.name)
            if logger.isEnabledFor(record.levelno):
                logger.handle(record)
        except Exception:
            if self._has_told:
                return
            self._has_told = True
            with suppress(Exception):
                _logger.warning(
                    "A handler or filter of the log fails with what a worker has logged.",
                    exc_info=True,
                )


def _logs_here() -> Logs | None:
    """Return how this process logs; None where nobody shows it."""
    ours = logging.getLogger("sparkpipe")
    if not ours.hasHandlers():
        return None
    # The only mark that 'captureWarnings' leaves.
    warns = warnings.showwarning.__module__ == "logging"
    tells_all = is_what_python_prints_logged()
    return Logs(ours.getEffectiveLevel(), warns, tells_all, current_work().run_id)


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
