"""The side of a worker process: it runs the nodes that it is sent, one after the other.

To it pass pairs of a kind and what belongs to it: ``node``, with its name, itself, pickled,
and what leads to its span;
``cancel``, with whether to take no further step; ``end``. From it pass a byte, :data:`OUTCOME` or
:data:`RECORD` of the log, and what belongs to it, pickled. Each worker has a connection of its own,
so that one that dies holds up no other. Where the connection ends without a word, the process of
the run is gone, and the worker ends at once: nobody would take what it writes for right.
"""

from __future__ import annotations

import copy
import logging
import os
import pickle
import queue
import signal
import threading
import traceback
from contextlib import ExitStack, suppress
from functools import partial
from logging.handlers import QueueHandler
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from sparkpipe.errors import NodeCancelledError, NodeRunError, SparkStartError
from sparkpipe.hooks import create_hook_manager, hook_impl
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import target_of, unwrapped
from sparkpipe.io.log_records import message_of, work_of_records
from sparkpipe.io.reasons import text_of
from sparkpipe.io.working import working_for
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.exchange import remove_what_is_left
from sparkpipe.runner.task import NodeOutcome, perform
from sparkpipe.spark.jobs.run import SparkRun, running
from sparkpipe.spark.session import SparkProvider, activated
from sparkpipe.streams import log_what_python_prints, standard_streams
from sparkpipe.tracing import Given, traced_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection

    from pluggy import PluginManager

    from sparkpipe.runner.work import Work


OUTCOME, RECORD = b"o", b"l"

_logger = logging.getLogger(__name__)

# Whether they are one object says nothing: Python has them once for all who use them.
_SAME_EVERYWHERE = (str, bytes, int, float, type(None), type, tuple, frozenset)


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


def hooks_in_order(hook_manager: PluginManager | None) -> tuple[Any, ...]:
    """Return the hooks in the order of their calls."""
    named = hook_manager.list_name_plugin() if hook_manager is not None else ()
    # What is registered last is called first.
    return tuple(plugin for _, plugin in reversed([*named]) if plugin is not None)


class Logs(NamedTuple):
    """How the process of the run logs.

    Attributes:
        level: From which level on records are sent.
        warns: Warnings are logged, too.
        tells_all: So is what Python prints itself, as of a thread that fails.
        run_id: The run, also for what is logged while its nodes are imported.
    """

    level: int
    warns: bool
    tells_all: bool
    run_id: str


def work(channel: Connection, payload: bytes, logs: Logs | None) -> None:
    """Run nodes until there are no more: the whole life of a worker.

    Args:
        channel: To and from the process of the run.
        payload: A pickled :class:`Workload`.
        logs: How logs are sent; None to leave logging as it is.
    """
    # Ctrl-C reaches every process of the terminal; only that of the run acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        standard_streams(),  # what nodes print is printed, or lost, as where the run is
        working_for(logs.run_id if logs is not None else "", ""),
    ):
        _Worker(channel).run(payload, logs)


class _Worker:
    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._sending = threading.Lock()
        self._orders: queue.SimpleQueue[tuple[str, bytes, Mapping[str, str]] | None] = (
            queue.SimpleQueue()
        )
        self._run = SparkRun("", "", lambda: None)
        self._catalog: DataCatalog | None = None

    def run(self, payload: bytes, logs: Logs | None) -> None:
        if logs is not None:
            root = logging.getLogger()
            root.handlers[:] = [_ToTheRun(self, logs.run_id)]
            root.setLevel(logs.level)
            logging.captureWarnings(logs.warns)
            if logs.tells_all:
                log_what_python_prints()
        # Whoever waits for a node of a project that takes long to import is not deaf meanwhile.
        threading.Thread(target=self._listen, name="sparkpipe-orders", daemon=True).start()
        with ExitStack() as scope:
            # Before anything of the user's is imported: a module may ask for Spark.
            scope.enter_context(activated(_NoSpark()))
            scope.enter_context(running(self._run))
            try:
                do = self._prepared(pickle.loads(payload))
            except BaseException as exc:  # a module of the user's may raise anything
                do = partial(_raise, exc)
            while (order := self._orders.get()) is not None:
                name, node, headers = order
                try:
                    with traced_by(Given(headers)):
                        outcome = do(pickle.loads(node))
                except KeyboardInterrupt:  # not of the terminal: it reaches the process of the run
                    told = f"Node '{name}' was interrupted."
                    outcome = NodeOutcome((), NodeCancelledError(told, name))
                except BaseException as exc:  # also where its module cannot be imported here
                    outcome = _could_not_start(name, exc)
                self._answer(name, outcome)

    def _prepared(self, workload: Workload) -> Callable[[Node], NodeOutcome]:
        self._catalog = workload.catalog
        return partial(
            perform,
            catalog=workload.catalog,
            hook_manager=create_hook_manager(
                (*workload.hooks, _TellsWhatStays(workload.catalog)), tells_idle=False
            ),
            is_async=workload.is_async,
            run_id=workload.run_id,
            is_watched=workload.is_watched,
        )

    def _answer(self, name: str, outcome: NodeOutcome) -> None:
        try:
            self.send(OUTCOME, outcome)
        except OSError:  # the process of the run is gone, or no longer waits
            return
        except Exception as exc:  # pickling raises whatever an object's own methods raise
            told = outcome.error.message if outcome.error is not None else "It ran."
            failure = NodeRunError(
                f"{told} What is to be told of node '{name}' cannot be passed on: {exc}", name
            )
            self.send(OUTCOME, NodeOutcome((), failure))

    def send(self, kind: bytes, what: Any) -> None:
        """Send something to the process of the run; from any thread.

        Raises:
            OSError: That process is gone.
            Exception: It cannot be pickled.
        """
        data = kind + pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
        with self._sending:
            self._channel.send_bytes(data)

    def _listen(self) -> None:
        parent = parent_process()
        ends: list[Any] = [self._channel, *([parent.sentinel] if parent is not None else [])]
        while True:
            try:
                if self._channel not in connection.wait(ends):
                    raise EOFError
                kind, what = self._channel.recv()
            except (EOFError, OSError):
                self._end_at_once()
            if kind == "cancel":
                self._run.cancel(stop=what)
                continue
            self._orders.put(what)
            if kind == "end":
                return

    def _end_at_once(self) -> NoReturn:
        catalog = self._catalog
        if catalog is not None:
            with suppress(Exception):  # another worker removes it, too
                remove_what_is_left(catalog)
        os._exit(1)


def _raise(exc: BaseException, node: Node) -> NoReturn:
    raise exc


def _could_not_start(name: str, exc: BaseException) -> NodeOutcome:
    told = f"Node '{name}' could not start in a process of its own: {text_of(exc)}"
    return NodeOutcome((), NodeRunError(told, name, "", "".join(traceback.format_exception(exc))))


class _TellsWhatStays:
    """Tells a class of the user's that keeps what it is given, where nobody else will find it."""

    def __init__(self, catalog: DataCatalog) -> None:
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        data_set = unwrapped(self._catalog[dataset_name])
        kind = type(data_set)
        if kind.__module__.startswith("sparkpipe.") or isinstance(data, _SAME_EVERYWHERE):
            return
        kept = getattr(data_set, "__dict__", None)
        is_kept = isinstance(kept, dict) and any(one is data for one in kept.values())
        if is_kept and not target_of(data_set):
            _logger.warning(
                "'%s' (%s) keeps in memory what it saves, and this is a process of its own: nodes "
                "in other processes load what was there before. Leave it out of the catalog, or "
                "let its class say _EPHEMERAL = True.",
                dataset_name,
                kind.__name__,
            )


class _ToTheRun(QueueHandler):
    """Sends records to the handlers of the process of the run."""

    def __init__(self, worker: _Worker, run_id: str) -> None:
        super().__init__(queue.SimpleQueue())
        self._worker = worker
        self._run_id = run_id

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a record with plain values; its traceback stays apart from its message."""
        trace = record.exc_text
        if record.exc_info and not trace:
            trace = logging.Formatter().formatException(record.exc_info)
        plain = copy.copy(record)
        plain.msg, plain.args = message_of(record), None
        plain.exc_info, plain.exc_text = None, trace
        return plain

    def enqueue(self, record: logging.LogRecord) -> None:
        # Where it is shown nobody knows any more for which node it was logged.
        vars(record).update(work_of_records(self._run_id))
        try:
            self._worker.send(RECORD, record)
        except OSError:
            return
        except Exception:  # what the user has added to it need not be fit to be pickled
            plain = vars(logging.makeLogRecord({}))
            kept = {key: value for key, value in vars(record).items() if key in plain}
            others = {k: repr(v) for k, v in vars(record).items() if k not in plain}
            self._worker.send(RECORD, logging.makeLogRecord({**others, **kept}))


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
