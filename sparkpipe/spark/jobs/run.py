"""The Spark side of one run: names for its nodes' jobs, frames that nodes share, cancelling.

A run is activated by its runner and found by whatever works for it, in any of its threads. Where
there is none, as in a worker process, nothing here has an effect. Nothing here starts Spark.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sparkpipe.spark.failures import NodeStopped
from sparkpipe.spark.jobs.scope import Carrier, JobNames, as_tag, cancel_jobs, carrying
from sparkpipe.spark.jobs.values import map_frames, may_there_be_frames
from sparkpipe.spark.storage_levels import STORAGE_LEVELS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from sparkpipe.description import RunDescription
    from sparkpipe.spark.jobs.progress import TaskCounts

_logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")
#: Tells which tables a frame reads that are changed later.
FindTables = Callable[["DataFrame"], frozenset[str]]

_CANCEL_SECONDS = 0.2
_PATIENCE_SECONDS = 2.0

_jobs: ContextVar[NodeJobs | None] = ContextVar("_jobs", default=None)


class NodeJobs:
    """What one node runs on Spark, from its start to its end. Safe to use from many threads.

    Attributes:
        names: What its jobs carry.
        node: Its name.
        cancel_requested: Whether its jobs are being cancelled.
        is_stopped: Whether the node is to start no further step.
        has_ended: Whether it has ended; ``ended`` is notified of it.

    Args:
        names: See above.
        session: Returns the session if there is one already; must not start one.
        ended: Shared by the nodes of a run: many are made, few are ever waited for.
        node: See above.
    """

    def __init__(
        self,
        names: JobNames,
        session: Callable[[], SparkSession | None],
        ended: threading.Condition,
        node: str = "",
    ) -> None:
        self.names = names
        self.node = node
        self.cancel_requested = False
        self.is_stopped = False
        self.has_ended = False
        self._session = session
        self._ended = ended
        self._inner: tuple[SparkRun, ...] = ()

    def on_thread(self, step: str = "") -> AbstractContextManager[Carrier]:
        """Let the jobs of the present thread carry the names of this node."""
        return carrying(self.names, self._session, step)

    def cancel(self) -> None:
        """Cancel the jobs that run; a node of which there were any starts no further step."""
        # First of all, for the error of the job may be there before this returns.
        self.cancel_requested = True
        with self._ended:
            inner = self._inner
        for run in inner:
            run.cancel(stop=self.is_stopped)
        try:
            session = self._session()
            if session is not None and cancel_jobs(session, self.names):
                self.is_stopped = True
        except Exception as exc:  # Spark may be gone, or going
            _logger.debug("Jobs could not be cancelled: %s", exc)

    @contextmanager
    def reaching(self, run: SparkRun) -> Iterator[None]:
        """Within it, what is cancelled or stopped of this node is so of a run that it has begun."""
        with self._ended:
            self._inner = (*self._inner, run)
        if self.cancel_requested or self.is_stopped:
            run.cancel(stop=self.is_stopped)
        try:
            yield
        finally:
            with self._ended:
                self._inner = tuple(one for one in self._inner if one is not run)

    def stop(self) -> None:
        """Let the node start no further step, and cancel its jobs until it has ended."""
        self.is_stopped = True
        threading.Thread(
            target=self.cancel_until_ended, name="sparkpipe-cancel", daemon=True
        ).start()

    def cancel_until_ended(self) -> None:
        """Cancel again and again, for a node may swallow the error and start more jobs."""
        while not self.has_ended:
            self.cancel()
            with self._ended:
                self._ended.wait_for(lambda: self.has_ended, _CANCEL_SECONDS)

    def cancel_what_is_left(self) -> None:
        """Cancel what goes on in the JVM after its caller was interrupted; for two seconds."""
        for _ in range(10):
            self.cancel()
            if not self._has_session():
                return
            time.sleep(_CANCEL_SECONDS)

    def _has_session(self) -> bool:
        try:
            return self._session() is not None
        except Exception:  # Spark may be gone, or going
            return False


class Flow(NamedTuple):
    """How data in memory goes from node to node, as far as frames need to know.

    Attributes:
        readers: By how many nodes each data set is read.
        split: Data sets that one node reads and makes several others of.
        outliving: Data sets that somebody may use after the run.
        cut_off: Data sets whose frames are computed when they are saved, for what they are made of
            is changed by a later node.
        changed_tables: Gives for a data set in memory what tells which tables a frame reads that a
            later node changes, as far as only the frame tells; None if no table is changed.
    """

    readers: Mapping[str, int] = MappingProxyType({})
    split: frozenset[str] = frozenset()
    outliving: frozenset[str] = frozenset()
    cut_off: frozenset[str] = frozenset()
    changed_tables: Callable[[str], FindTables | None] = lambda name: None


class _working:  # noqa: N801 - it is used like a function
    """A node that works for a run."""

    # Each attempt at a node enters one: a generator takes three times as long.
    __slots__ = ("_jobs", "_run", "_token")

    def __init__(self, run: SparkRun, jobs: NodeJobs) -> None:
        self._run, self._jobs = run, jobs

    def __enter__(self) -> NodeJobs:
        self._run.begin(self._jobs)
        self._token = _jobs.set(self._jobs)
        return self._jobs

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        jobs = self._jobs
        try:
            if kind is None and may_there_be_frames():
                self._run.watch_settings(jobs.node)  # after a failure nobody may answer any more
            elif kind is not None and issubclass(kind, KeyboardInterrupt):
                # This thread's connection to the JVM was interrupted with it: use another one.
                cancel = jobs.cancel_what_is_left
                threading.Thread(target=cancel, name="sparkpipe-cancel", daemon=True).start()
        finally:
            _jobs.reset(self._token)
            self._run.end(jobs)


class SparkRun:
    """One run.

    Args:
        run_id: The id of the run.
        pipeline_name: For descriptions.
        session: Returns the session if there is one already; must not start one.
        flow: Returns how data goes from node to node; called when first needed.
        level: Storage level of frames that nodes share; None to persist none.
        description: What is known of the run, for what it leaves in the tables that it writes.
    """

    def __init__(
        self,
        run_id: str,
        pipeline_name: str,
        session: Callable[[], SparkSession | None],
        flow: Callable[[], Flow] = Flow,
        level: str | None = STORAGE_LEVELS[0],
        description: RunDescription | None = None,
    ) -> None:
        # Who makes no run need not wait for these.
        from sparkpipe.description import RunDescription
        from sparkpipe.spark.jobs.pins import Pins
        from sparkpipe.spark.jobs.progress import SparkProgress
        from sparkpipe.spark.jobs.saves import Saves
        from sparkpipe.spark.jobs.settings import Settings
        from sparkpipe.spark.jobs.shared_frames import SharedFrames
        from sparkpipe.spark.jobs.shared_names import SharedNames
        from sparkpipe.spark.jobs.views import Views

        self.run_id = run_id
        self.description = description or RunDescription()
        self.saves = Saves(run_id, self.description)
        self.session = session
        self.frames = SharedFrames()
        self.pins = Pins()
        self.views = Views()
        self.names = SharedNames()
        self.settings = Settings()
        self.progress = SparkProgress(session)
        self._pipeline_name = pipeline_name
        self._find_flow = flow
        self._level = level
        # Two runs of the same moment may have one id; what one cancels must not be the other's.
        self._token = os.urandom(4).hex()
        self.is_cancelled = threading.Event()
        #: The same as a plain value, which is asked often.
        self.is_ending = False
        #: Whether no node is to start a further step, even where it has no Spark jobs.
        self.is_stopped = False
        self._told: list[Callable[[bool], None]] = []
        #: Whether the run has ended; a thread that a node has started may go on.
        self.is_over = False
        #: Whether nodes run side by side.
        self.is_side_by_side = False
        # Entered for each node, which the lock alone does in no time.
        self._lock = threading.RLock()
        self._ended = threading.Condition(self._lock)
        self._nodes: set[NodeJobs] = set()
        self._cancelling: list[threading.Thread] = []

    @cached_property
    def flow(self) -> Flow:
        """How data goes from node to node."""
        return self._find_flow()

    def node(self, name: str, pool: str | None = None) -> AbstractContextManager[NodeJobs]:
        """Give the Spark side of a node that runs within the context."""
        group = f"{self.run_id}/{name}"
        names = JobNames(
            group,
            as_tag(f"{group}/{self._token}"),
            f"{self._pipeline_name} · {name}",
            pool,
        )
        return _working(self, NodeJobs(names, self.session, self._ended, name))

    def begin(self, jobs: NodeJobs) -> None:
        """Take note that a node begins.

        Raises:
            NodeStopped: The run is being cancelled.
        """
        if may_there_be_frames():
            self.progress.watch()
            self.watch_settings()
        with self._lock:
            # Under the lock of 'cancel', which reaches only what is registered.
            if self.is_ending:
                raise NodeStopped
            self._nodes.add(jobs)

    def end(self, jobs: NodeJobs) -> None:
        """Take note that a node has ended."""
        with self._lock:
            jobs.has_ended = True
            self._nodes.discard(jobs)
            if self.is_ending or jobs.is_stopped:  # only then does anybody wait for it
                self._ended.notify_all()

    def watch_settings(self, node: str = "") -> None:
        """Note the settings of the session, if there is one; tell what has changed in a node."""
        try:
            session = self.session()
        except Exception:  # it is told by whoever needs Spark
            return
        if session is not None:
            self.settings.tell(session, node) if node else self.settings.note(session)

    def is_at_work(self, name: str) -> bool:
        """Whether a node runs in this process."""
        group = f"{self.run_id}/{name}"
        with self._ended:
            return any(jobs.names.group == group for jobs in self._nodes)

    def cancel(self, *, stop: bool = False) -> None:
        """Cancel the Spark jobs of all nodes that run, until each has ended; returns at once.

        From now on no node starts, and none that waits for its next attempt makes it.

        Args:
            stop: Let no node start a further step, also of those that have no Spark jobs.
        """
        with self._ended:
            is_first = not self.is_ending
            if not is_first and (self.is_stopped or not stop):
                return
            self.is_ending = True
            self.is_cancelled.set()
            self.is_stopped = stop
            nodes, told = tuple(self._nodes), (*self._told,)
        for tell in told:
            tell(stop)
        for jobs in nodes:
            if stop:
                jobs.is_stopped = True
            if not is_first:
                continue
            cancelling = threading.Thread(
                target=jobs.cancel_until_ended, name="sparkpipe-cancel", daemon=True
            )
            self._cancelling.append(cancelling)
            cancelling.start()

    @contextmanager
    def telling(self, tell: Callable[[bool], None]) -> Iterator[None]:
        """Within it, a place where nodes run is told that the run is cancelled.

        Args:
            tell: Called with whether no node is to start a further step.
        """
        with self._ended:
            self._told.append(tell)
        if self.is_cancelled.is_set():
            tell(self.is_stopped)
        try:
            yield
        finally:
            with self._ended:
                self._told.remove(tell)

    def close(self) -> None:
        """Free the frames of the run, and leave no thread of it behind."""
        self.is_over = True
        for cancelling in self._cancelling:
            cancelling.join(_PATIENCE_SECONDS)  # Spark may be hanging
        self.frames.close()
        self.views.close()
        self.progress.close()
        # What they hold may be large, and a thread that goes on keeps the run.
        self._find_flow, self.flow, self.names = Flow, Flow(), type(self.names)()

    def share(self, name: str, value: Any, persist: bool | str | None = None) -> Any:
        """Keep frames in memory that more than one node reads; return what a node is to have.

        Args:
            name: Their data set.
            value: A Spark DataFrame, or a list, tuple or dictionary with some.
            persist: What the catalog says: False, or a storage level.
        """
        readers = self.flow.readers.get(name, 0)
        is_split = name in self.flow.split
        if readers < 2 and not is_split:
            return value
        level = persist if isinstance(persist, str) else self._level
        if persist is True:
            level = self._level or STORAGE_LEVELS[0]
        why = f"{readers} nodes read it" if readers > 1 else "a node makes several of it"

        def share(frame: DataFrame) -> DataFrame:
            if persist is False or level is None:
                self.frames.tell_varying(name, frame)
                return frame
            at_once, if_varying = self.is_side_by_side, readers < 2
            return self.frames.share(
                name, frame, level, why, at_once=at_once, if_varying=if_varying
            )

        return map_frames(value, share)

    def pass_on(self, inputs: Collection[str], output: str, value: Any) -> None:
        """Let what a node has made of its inputs, and stays in memory, hold what these hold."""
        self.frames.pass_on(inputs, output, value, output in self.flow.outliving)

    def cut_off(self, name: str, value: Any, persist: bool | str | None = None) -> Any:
        """Compute frames that are to stay in memory, if a later node changes what they read.

        Args:
            name: Their data set.
            value: A Spark DataFrame, or a list, tuple or dictionary with some.
            persist: What the catalog says: False, or a storage level.
        """
        level = persist if isinstance(persist, str) else self._level
        if name not in self.flow.cut_off:
            find = self.flow.changed_tables(name)
            if find is None:
                return value
            cut_off = partial(self._cut_off_tables, name, level, find)
            taken = map_frames(value, cut_off)
            if taken is value:
                return value
        else:
            taken = map_frames(
                value, lambda frame: self.frames.take_down(name, frame, level), loads=True
            )
        if name in self.flow.outliving:
            self.frames.outlive(name, taken)
        return taken

    def _cut_off_tables(
        self, name: str, level: str | None, find: FindTables, frame: DataFrame
    ) -> DataFrame:
        """Compute a frame if it reads tables that a later node changes, as through a view."""
        tables: frozenset[str] = frozenset()
        try:
            tables = find(frame)
            return self.frames.take_down(name, frame, level) if tables else frame
        except Exception as exc:  # some clusters guard the JVM, or keep no rows
            _logger.debug("'%s' stays a lazy frame: %s", name, exc)
        if tables:
            named = ", ".join(sorted(table.partition(":")[2] for table in tables))
            _logger.warning(
                "'%s' is a lazy frame of %s, which a later node changes, and could not be computed "
                "before: who reads it may get what is there then.",
                name,
                named,
            )
        return frame


_run: ContextVar[SparkRun | None] = ContextVar("_run", default=None)


@contextmanager
def running(run: SparkRun) -> Iterator[SparkRun]:
    """Within it, :func:`current_run` gives ``run``; at its end the frames of the run are freed.

    A run that a node begins is cancelled with that node.
    """
    node = current_jobs()
    token = _run.set(run)
    try:
        with nullcontext() if node is None else node.reaching(run):
            yield run
    finally:
        _run.reset(token)
        run.close()


def current_run() -> SparkRun | None:
    """Return the run that the present thread works for."""
    return _run.get()


def current_task_counts() -> Callable[[Collection[str]], Mapping[str, TaskCounts]]:
    """Return what tells the tasks of job groups of the run that the present thread works for."""
    run = current_run()
    return run.progress.task_counts if run is not None else lambda groups: {}


def current_jobs() -> NodeJobs | None:
    """Return the Spark side of the node that the present thread works for."""
    return _jobs.get()


def check_going_on() -> None:
    """Let what takes long in one step end where its node is to take no further one.

    Raises:
        NodeStopped: The run was interrupted, or the node is out of its time.
    """
    jobs = current_jobs()
    if jobs is not None and jobs.is_stopped:
        raise NodeStopped


def adopt(work: Callable[..., _Result]) -> Callable[..., _Result]:
    """Return what does some work for the present node, on a thread that the node starts or asks."""
    run, jobs = current_run(), current_jobs()
    if jobs is None:
        return work

    def working(*args: Any, **kwargs: Any) -> _Result:
        if current_jobs() is jobs:  # the node has started the thread itself
            return work(*args, **kwargs)
        tokens = _run.set(run), _jobs.set(jobs)
        try:
            with jobs.on_thread():
                return work(*args, **kwargs)
        finally:
            _run.reset(tokens[0])
            _jobs.reset(tokens[1])

    return working
