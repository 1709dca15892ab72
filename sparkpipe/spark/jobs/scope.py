"""What the Spark jobs of one node carry: a job group, a description, a tag and a pool.

On classic Spark these are properties of the JVM's thread, which a thread of a pool keeps for
whatever it does next; so they are put on a thread for as long as it works for a node, and what was
there before is put back. On Spark Connect there are tags only, which behave in the same way.

A thread may ask for its first session in the middle of a node. :func:`carry` then puts on it what
it would have carried from the start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkpipe.spark.active import is_connect, is_stopped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Local properties of SparkContext; their names are part of Spark's protocol with its UI.
_DESCRIPTION = "spark.job.description"
_POOL = "spark.scheduler.pool"

_logger = logging.getLogger(__name__)

SessionGetter = Callable[[], "SparkSession | None"]


class JobNames(NamedTuple):
    """What identifies the jobs of a node.

    Attributes:
        group: The job group, ``<run id>/<node>``.
        tag: What the jobs are cancelled by; no other run has the same.
        description: What the UI shows, ``<pipeline> · <node>``.
        pool: The scheduler pool; None leaves the thread in the pool that it is in.
    """

    group: str
    tag: str
    description: str
    pool: str | None = None

    def step(self, step: str) -> str:
        """Return the description of a step such as ``load orders``; of the function for ``''``."""
        return f"{self.description} · {step}" if step else self.description


class Carrier:
    """One thread while it works for a node. Used by that thread only.

    Args:
        names: What the jobs of the thread carry.
        step: The step that they belong to; see :meth:`JobNames.step`.
    """

    def __init__(self, names: JobNames, step: str) -> None:
        self.thread = threading.get_ident()
        self._names = names
        self._step = step
        self._session: SparkSession | None = None
        self._restore: Callable[[], None] | None = None

    @property
    def step(self) -> str:
        """The step that its jobs belong to; empty for the function of the node."""
        return self._step

    def put_on(self, session: SparkSession) -> None:
        """Put the names on the thread; once for a session."""
        if self._session is session:
            return
        self.put_back()
        put_on = _put_on_connect if is_connect(session) else _put_on_classic
        try:
            self._restore = put_on(session, self._names, self._names.step(self._step))
        except Exception as exc:  # some clusters guard the JVM: then jobs go without names
            _logger.debug("Jobs of %s carry no names: %s", self._names.group, exc)
            return
        self._session = session

    def tell(self, step: str) -> None:
        """Describe the following jobs as another step; ``''`` is the function itself."""
        before, self._step = self._step, step
        session = self._session
        if session is None or before == step or is_stopped(session):
            return
        if is_connect(session):
            session.removeTag(as_tag(self._names.step(before)))
            session.addTag(as_tag(self._names.step(step)))
        else:
            session.sparkContext.setLocalProperty(_DESCRIPTION, self._names.step(step))

    def put_back(self) -> None:
        """Put on the thread again what was there before."""
        restore, session = self._restore, self._session
        self._restore = self._session = None
        # The node, or someone beside it, may have stopped Spark.
        if restore is None or session is None or is_stopped(session):
            return
        # An interrupted connection may refuse the first call: not to hide how the node ended.
        for _ in range(2):
            try:
                restore()
                return
            except Exception as exc:
                _logger.debug(
                    "What was there before %s is not put back: %s", self._names.group, exc
                )


def _put_on_classic(session: Any, names: JobNames, description: str) -> Callable[[], None]:
    context = session.sparkContext
    scala_context = context._jsc.sc()
    properties_before = scala_context.getLocalProperties().clone()
    sessions = _session_class(session)
    active_before = sessions.getActiveSession()
    # Uninterrupted, the tasks of a cancelled job would hold their slots until they end.
    context.setJobGroup(names.group, description, interruptOnCancel=True)
    context.addJobTag(names.tag)
    if names.pool is not None:
        context.setLocalProperty(_POOL, names.pool)
    sessions.setActiveSession(session._jsparkSession)

    def restore() -> None:
        scala_context.setLocalProperties(properties_before)
        if active_before.isDefined():
            sessions.setActiveSession(active_before.get())
        else:
            sessions.clearActiveSession()

    return restore


def _session_class(session: Any) -> Any:
    """Return the JVM's class, which keeps the active session of each thread; pyspark shows none."""
    named = getattr(type(session), "_get_j_spark_session_class", None)  # from Spark 4.0 on
    return session._jvm.SparkSession if named is None else named(session._jvm)


def _put_on_connect(session: Any, names: JobNames, description: str) -> Callable[[], None]:
    before = set(session.getTags())
    session.addTag(names.tag)
    session.addTag(as_tag(description))
    active = getattr(type(session), "_active_session", None)  # by thread
    active_before = getattr(active, "session", None)
    if active is not None:
        active.session = session

    def restore() -> None:
        session.clearTags()
        for tag in before:
            session.addTag(tag)
        if active is not None:
            active.session = active_before

    return restore


def as_tag(text: str) -> str:
    """Return a text as Spark takes it for a tag: it parts tags by commas."""
    return text.replace(",", ";")


_carrier: ContextVar[Carrier | None] = ContextVar("_carrier", default=None)


class carrying:  # noqa: N801 - it is used like a function
    """Within it, jobs that this thread starts carry ``names``.

    Args:
        names: What they carry.
        session: Returns the session if there is one already; must not start one.
        step: The step that they belong to; see :meth:`JobNames.step`.
    """

    # Each attempt at a node enters one: a generator takes three times as long.
    __slots__ = ("_carrier", "_session", "_token")

    def __init__(self, names: JobNames, session: SessionGetter, step: str = "") -> None:
        self._carrier = Carrier(names, step)
        self._session = session

    def __enter__(self) -> Carrier:
        self._token = _carrier.set(self._carrier)
        try:
            live = self._session()
            if live is not None:
                self._carrier.put_on(live)
        except BaseException:
            self.__exit__()
            raise
        return self._carrier

    def __exit__(self, *_: object) -> None:
        _carrier.reset(self._token)
        self._carrier.put_back()


def carry(session: SparkSession) -> None:
    """Put on the present thread what its node carries, if it works for one."""
    carrier = _of_this_thread()
    if carrier is not None:
        carrier.put_on(session)


def is_in_function() -> bool:
    """Whether the present thread works for the function of a node, and loads or saves nothing."""
    carrier = _carrier.get()
    return carrier is not None and not carrier.step


def _of_this_thread() -> Carrier | None:
    # A thread that a node started in a copy of its context has nobody to put things back on it.
    carrier = _carrier.get()
    return carrier if carrier is not None and carrier.thread == threading.get_ident() else None


def running_jobs(session: SparkSession, group: str) -> tuple[int, ...]:
    """Return the ids of the running jobs of a group; on Spark Connect, none are known."""
    if is_connect(session):
        return ()
    tracker = session.sparkContext.statusTracker()
    infos = {job: tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(group)}
    return tuple(
        job for job, info in infos.items() if info is not None and info.status == "RUNNING"
    )


def cancel_jobs(session: SparkSession, names: JobNames) -> bool:
    """Cancel what runs for a node.

    Returns:
        Whether something ran.
    """
    if is_connect(session):
        return bool(session.interruptTag(names.tag))
    ran = bool(running_jobs(session, names.group))
    session.sparkContext.cancelJobsWithTag(names.tag)
    return ran


def parallelism(session: SparkSession) -> int | None:
    """Return how many tasks Spark runs at once; None where that is not told, as on Connect."""
    try:
        return None if is_connect(session) else int(session.sparkContext.defaultParallelism)
    except Exception:  # some clusters guard the JVM
        return None
