"""How far the Spark jobs of a node are, and how long they ran. Nothing here starts Spark.

On classic Spark the answers come from the status store of the SparkContext, which is there without
the UI too. It gives whole jobs as JSON: a public status tracker needs a call for each field of each
stage, and with eight nodes that alone keeps a few percent of a core busy.

On Spark Connect they come from what the server tells the thread that waits for a query. The tag of
that thread says which node it works for.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.done import NO_WORK, DoneJobs, SparkWork, union
from sparkpipe.spark.jobs.scope import as_tag

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

# With other nodes at work the store is never without news for long; a few are no reason to wait.
_LATE_MILLISECONDS = 100


@dataclass(frozen=True)
class TaskCounts:
    """Tasks of the jobs of a group; and how far its stream has come, if it saves one.

    Attributes:
        done: Tasks that are done.
        total: Tasks known so far; adaptive execution finds more on its way.
        active_jobs: Jobs (on Spark Connect: queries) that run now.
        rows: How many rows the stream has taken; None without one.
        lag: How many records or files it has still to take; None where its source does not tell.
    """

    done: int
    total: int
    active_jobs: int
    rows: int | None = None
    lag: int | None = None


class SparkProgress:
    """Tells about the jobs of nodes. Safe to use from many threads, and never raises.

    Args:
        session: Returns the session if there is one already; must not start one.
    """

    def __init__(self, session: Callable[[], SparkSession | None]) -> None:
        self._session = session
        self._source: _Source | None = None
        self._of: SparkSession | None = None
        self._lock = threading.Lock()
        self._streams: dict[str, tuple[int | None, int | None]] = {}

    def watch(self) -> None:
        """Listen from now on, if there is a session: Spark Connect tells only who listens."""
        with suppress(Exception):
            self._find()

    def task_counts(self, groups: Collection[str]) -> dict[str, TaskCounts]:
        """Return the tasks of each job group of which some are known.

        They are those of jobs that were seen running; so ask every now and then.
        """
        try:
            source = self._find()
            counts = {} if source is None else source.task_counts(groups)
        except Exception as exc:  # Spark may be gone, or going, or guard its inside
            _logger.debug("Spark tells nothing of its tasks: %s", exc)
            counts = {}
        for group in groups:
            rows, lag = self._streams.get(group, (None, None))
            if rows is not None:
                tasks = counts.get(group, TaskCounts(0, 0, 0))
                counts[group] = replace(tasks, rows=rows, lag=lag)
        return counts

    def tell_stream(self, group: str, rows: int | None, lag: int | None) -> None:
        """Take note of how far the stream of a node has come.

        Args:
            group: The job group of the node; the jobs of its stream are of another.
            rows: How many rows it has taken; None if nobody tells.
            lag: What it has still to take; None if nobody tells.
        """
        self._streams[group] = rows, lag

    def work(self, group: str, since: float = 0.0) -> SparkWork:
        """Return what the jobs of a group have done, as far as that is known.

        On Spark Connect that is how long they ran, accurate to the report interval of the server
        for each query, by default two seconds.

        Args:
            group: The job group.
            since: Seconds since the epoch; what ran before is not told.
        """
        try:
            source = self._find()
            return NO_WORK if source is None else source.work(group, since)
        except Exception as exc:
            _logger.debug("Spark tells nothing of its jobs: %s", exc)
            return NO_WORK

    def close(self) -> None:
        """Stop listening."""
        with self._lock, suppress(Exception):
            if self._source is not None:
                self._source.close()
            self._source = self._of = None

    def _find(self) -> _Source | None:
        session = self._session()
        if session is None and self._of is None:  # each node of a run without Spark comes here
            return None
        with self._lock:
            if session is not self._of or self._source is None:
                self._source = None
                self._of = session
                if session is not None:
                    self._source = (_Queries if is_connect(session) else _Jobs)(session)
            return self._source


class _Source(Protocol):
    def task_counts(self, groups: Collection[str]) -> dict[str, TaskCounts]: ...

    def work(self, group: str, since: float) -> SparkWork: ...

    def close(self) -> None: ...


class _Jobs:
    """Jobs of classic Spark, by group."""

    def __init__(self, session: Any) -> None:
        context = session.sparkContext
        jvm = context._jvm
        self._store = context._jsc.sc().statusStore()
        self._groups_jobs = context._jsc.sc().statusTracker().getJobIdsForGroup
        self._bus = context._jsc.sc().listenerBus()
        self._session = session
        # What Spark's REST API writes its answers with.
        self._json = jvm.org.apache.spark.status.api.v1.JacksonMessageWriter().mapper()
        self._statuses = jvm.java.util.ArrayList()
        self._statuses.add(jvm.org.apache.spark.JobExecutionStatus.RUNNING)
        self._seen: dict[str, dict[int, tuple[int, int]]] = {}
        self._active: dict[int, str] = {}
        self._lock = threading.Lock()

    def task_counts(self, groups: Collection[str]) -> dict[str, TaskCounts]:
        with self._lock:
            running = self._ask(self._store.jobsList(self._statuses))
            active = {job["jobId"]: job["jobGroup"] for job in running if "jobGroup" in job}
            for number in self._active.keys() - active.keys():
                self._see(self._ask(self._store.job(number)), has_ended=True)
            for job in running:
                self._see(job, has_ended=False)
            self._active = active
            counts = {}
            for group in groups:
                jobs = self._seen.get(group, {})
                if jobs:
                    done, total = map(sum, zip(*jobs.values(), strict=True))
                    counts[group] = TaskCounts(done, total, len(active.keys() & jobs.keys()))
            return counts

    def _see(self, job: dict[str, Any], *, has_ended: bool) -> None:
        if "jobGroup" in job:
            done = job["numCompletedIndices"]
            # A job that was cancelled does no more, and one whose stages were there skips them.
            total = done if has_ended else max(done, job["numTasks"] - job["numSkippedTasks"])
            self._seen.setdefault(job["jobGroup"], {})[job["jobId"]] = (done, total)

    def work(self, group: str, since: float) -> SparkWork:
        with suppress(Exception):  # of a short job that has just ended nothing may be listed yet
            self._bus.waitUntilEmpty(_LATE_MILLISECONDS)
        numbers = self._ask(self._groups_jobs(group))
        return self._done.work(numbers, since) if numbers else SparkWork(0.0)

    @cached_property
    def _done(self) -> DoneJobs:
        return DoneJobs(self._session)

    def _ask(self, answer: Any) -> Any:
        return json.loads(self._json.writeValueAsString(answer))

    def close(self) -> None:
        pass


@dataclass
class _Query:
    started: float
    ended: float | None = None
    done: int = 0
    total: int = 0


@dataclass
class _Node:
    queries: list[_Query] = field(default_factory=list)
    # By thread and operation: one thread may read from several queries in turn.
    active: dict[tuple[int, str | None], _Query] = field(default_factory=dict)
    last_heard: dict[int, float] = field(default_factory=dict)


class _Queries:
    """Queries of Spark Connect, by the tag of the thread that waits for them.

    The server tells of a query for the first time when it has run for the report interval, or has
    ended. Its start is therefore taken to be one interval before, or when the one before has ended.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._nodes: dict[str, _Node] = {}
        self._lock = threading.Lock()
        self._interval = _interval(session)
        session.registerProgressHandler(self._hear)

    def _hear(
        self,
        stages: Iterable[Any] | None,
        inflight_tasks: int,
        operation_id: str | None,
        done: bool,
    ) -> None:
        with suppress(Exception):  # an error here would end the user's query
            for tag in self._session.getTags():
                self._note(tag, list(stages or ()), operation_id, done)

    def _note(self, tag: str, stages: list[Any], operation_id: str | None, done: bool) -> None:
        now, thread = time.time(), threading.get_ident()
        with self._lock:
            node = self._nodes.setdefault(tag, _Node())
            query = node.active.get((thread, operation_id))
            if query is None and done and operation_id is None:
                node.last_heard[thread] = now  # a command for which no job ran
                return
            if query is None:
                query = _Query(max(now - self._interval, node.last_heard.get(thread, 0.0)))
                node.active[thread, operation_id] = query
                node.queries.append(query)
            query.done = sum(stage.num_completed_tasks for stage in stages)
            # When all is done, what is not was skipped.
            query.total = query.done if done else sum(stage.num_tasks for stage in stages)
            if done:
                query.ended = node.last_heard[thread] = now
                del node.active[thread, operation_id]

    def task_counts(self, groups: Collection[str]) -> dict[str, TaskCounts]:
        with self._lock:
            counts = {}
            for group in groups:
                nodes = self._of(group)
                queries = [query for node in nodes for query in node.queries]
                if any(query.total for query in queries):
                    counts[group] = TaskCounts(
                        sum(query.done for query in queries),
                        sum(query.total for query in queries),
                        sum(len(node.active) for node in nodes),
                    )
            return counts

    def work(self, group: str, since: float) -> SparkWork:
        if self._interval <= 0:  # the server tells nothing
            return NO_WORK
        now = time.time()
        with self._lock:
            spans = [(q.started, q.ended or now) for node in self._of(group) for q in node.queries]
        return SparkWork(union(spans, since))

    def _of(self, group: str) -> list[_Node]:
        """Return what is known by the tag of a group, with or without the token of its run."""
        tag = as_tag(group)
        return [n for name, n in self._nodes.items() if tag in (name, name.rpartition("/")[0])]

    def close(self) -> None:
        self._session.removeProgressHandler(self._hear)


def _interval(session: Any) -> float:
    """Return the report interval of a Spark Connect server, in seconds."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "": 0.001}
    try:
        text = session.conf.get("spark.connect.progress.reportInterval", "2000ms")
        match = re.fullmatch(r"(-?\d+)\s*([a-z]*)", text.strip())
        return int(match[1]) * units[match[2]] if match else 2.0
    except Exception:  # an older server has no such setting
        return 2.0
