"""What the Spark jobs of a node have done, by the status store of classic Spark.

No job runs for it. The store gives its own records as JSON, some at a time: an answer of more than
eight kilobytes takes the forty milliseconds for which its two ends wait for each other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sparkpipe.redaction import redacted_text

if TYPE_CHECKING:  # a run without Spark has none of them
    from sparkpipe.spark_jobs import SparkJob, SparkStage

# So much of a node is told: a page of a thousand nodes with it can still be opened.
_MOST_JOBS = 200
_MOST_STAGES = 400
_LONGEST_TEXT = 200
_LOOKED_AT = 2000
# An answer about so many is below the eight kilobytes from which it is slow.
_JOBS_AT_ONCE = 16
_STAGES_AT_ONCE = 10
# Tasks of shorter stages are not asked for: whatever they are, nobody waits for them.
_LONG_STAGE_SECONDS = 1.0
_MOST_ASKED = 20
# As long as a save waits for the same; it is some milliseconds where Spark is not flooded.
_LATE_MILLISECONDS = 2000

# How Spark's JSON writes a time: '2026-01-31T12:00:00.123GMT'.
_TIME = "%Y-%m-%dT%H:%M:%S.%fGMT"
# What the records have besides; with it, an answer has room for a few of them only.
_LEFT_OUT = (
    *("details", "accumulatorUpdates", "peakExecutorMetrics", "killedTasksSummary", "jobTags"),
    *("schedulingPool", "taskMetrics", "executorLogs", "locality", "jobIds", "jobGroup"),
    *("numCompleteTasks", "numCompletedTasks", "numCompletedIndices", "numCompletedStages"),
    *("executorDeserializeTime", "executorDeserializeCpuTime", "executorCpuTime", "jvmGcTime"),
    *("resultSerializationTime", "firstTaskLaunchedTime", "peakExecutionMemory"),
    *("memoryBytesSpilled", "shuffleFetchWaitTime", "shuffleWriteTime"),
    *("shuffleLocalBlocksFetched", "shuffleLocalBytesRead", "shuffleRemoteBlocksFetched"),
    *("shuffleRemoteBytesRead", "shuffleRemoteReqsDuration"),
)
_BRIEF = (
    "org.apache.spark.status.api.v1.JobData",
    "org.apache.spark.status.api.v1.StageData",
    "org.apache.spark.status.api.v1.TaskData",
    "org.apache.spark.status.StageDataWrapper",
)
_COUNTED = {
    "failed_tasks": "numFailedTasks",
    "input_rows": "inputRecords",
    "input_bytes": "inputBytes",
    "output_rows": "outputRecords",
    "output_bytes": "outputBytes",
    "shuffle_read_rows": "shuffleReadRecords",
    "shuffle_read_bytes": "shuffleReadBytes",
    "shuffle_written_rows": "shuffleWriteRecords",
    "shuffle_written_bytes": "shuffleWriteBytes",
    "spilled_bytes": "diskBytesSpilled",
    "result_bytes": "resultSize",
}


@dataclass(frozen=True)
class SparkWork:
    """What Spark has done for a node.

    Attributes:
        seconds: For how long at least one of its jobs ran; None if that is not known.
        jobs: Those that are told, in the order of their numbers.
        jobs_left_out: How many are not told: the shortest ones of very many.
        cores: How many tasks Spark could run at once; None if that is not known.
    """

    seconds: float | None = None
    jobs: tuple[SparkJob, ...] = ()
    jobs_left_out: int = 0
    cores: int | None = None


#: Of a node without Spark, of which there may be very many.
NO_WORK = SparkWork()


class DoneJobs:
    """Reads jobs from the store of a classic session. Safe to use from many threads.

    Args:
        session: The session.
    """

    def __init__(self, session: Any) -> None:
        self._context = session.sparkContext
        self._scala_context = self._context._jsc.sc()
        self._store = self._scala_context.statusStore()
        self._records = self._store.store()
        jvm = self._context._jvm
        self._json = _brief_writer(jvm)
        find_class = jvm.java.lang.Class.forName
        self._job_class = find_class("org.apache.spark.status.JobDataWrapper")
        self._stage_class = find_class("org.apache.spark.status.StageDataWrapper")
        self._longest_first = jvm.org.apache.spark.status.api.v1.TaskSorting.DECREASING_RUNTIME

    def work(self, numbers: Iterable[int], since: float) -> SparkWork:
        """Return what some jobs have done.

        Args:
            numbers: Their numbers; one or more.
            since: Seconds since the epoch; what ran before is not told.
        """
        numbers = sorted(numbers)
        jobs = self._jobs(numbers)
        if any("completionTime" not in job for job in jobs):
            # The store learns of the end of a job a moment after the node does.
            with suppress(Exception):
                self._scala_context.listenerBus().waitUntilEmpty(_LATE_MILLISECONDS)
            jobs = self._jobs(numbers)
        now = time.time()
        spans = [
            (started, seconds_of(job.get("completionTime")) or now)
            for job in jobs
            if (started := seconds_of(job.get("submissionTime")))
        ]
        told = _longest([job for job in jobs if _ended(job, now) > since])
        stages = self._stages(sorted({number for job in told for number in _ran(job)}))
        return SparkWork(
            union(spans, since),
            tuple(_job(job, stages) for job in told),
            len(numbers) - len(told),
            self._cores(),
        )

    def _cores(self) -> int | None:
        # Where it is set, it says nothing of cores.
        is_set = self._context.getConf().contains("spark.default.parallelism")
        return None if is_set else int(self._context.defaultParallelism)

    def _jobs(self, numbers: list[int]) -> list[dict[str, Any]]:
        wanted = {*numbers}
        return [
            {**record["info"], "skipped": record.get("skippedStages", ())}
            for first, last in _ranges(numbers, _JOBS_AT_ONCE)
            for record in self._ask(self._records.view(self._job_class).first(first).last(last))
            if record["info"].get("jobId", 0) in wanted
        ]

    def _stages(self, numbers: list[int]) -> dict[int, SparkStage]:
        """Return the last attempts at stages; what the store has forgotten is not there."""
        attempts: dict[int, dict[str, Any]] = {}
        for first, last in _ranges(numbers, _STAGES_AT_ONCE):
            view = self._records.view(self._stage_class).index("stageId").first(first).last(last)
            for record in self._ask(view):
                info = record["info"]
                before = attempts.get(info.get("stageId", 0), {})
                if info.get("attemptId", 0) >= before.get("attemptId", 0):
                    attempts[info.get("stageId", 0)] = info
        wanted = {*numbers}
        stages = {number: _stage(one) for number, one in attempts.items() if number in wanted}
        long = [one for one in stages.values() if one.tasks > 2]
        long = [one for one in long if one.seconds > _LONG_STAGE_SECONDS]
        for stage in sorted(long, key=lambda one: -one.seconds)[:_MOST_ASKED]:
            longest, median = (self._task_seconds(stage, at) for at in (0, stage.tasks // 2))
            stages[stage.id] = replace(stage, longest_task=longest, median_task=median)
        return stages

    def _task_seconds(self, stage: SparkStage, at: int) -> float | None:
        """Return how long a task took, by its place among those of the stage, the longest first."""
        found = self._ask(
            self._store.taskList(stage.id, stage.attempts - 1, at, 1, self._longest_first, None)
        )
        return found[0].get("duration", 0) / 1000 if found else None

    def _ask(self, answer: Any) -> Any:
        return json.loads(self._json.writeValueAsString(answer))


def _brief_writer(jvm: Any) -> Any:
    """Return what Spark's REST API writes its answers with, told to leave out what says nothing."""
    json_writer = jvm.org.apache.spark.status.api.v1.JacksonMessageWriter().mapper()
    jackson = jvm.com.fasterxml.jackson
    json_writer.setSerializationInclusion(jackson.annotation.JsonInclude.Include.NON_DEFAULT)
    json_writer.disable(jackson.databind.SerializationFeature.INDENT_OUTPUT)
    names = jvm.java.util.HashSet()
    for name in _LEFT_OUT:
        names.add(name)
    ignored = jackson.annotation.JsonIgnoreProperties.Value.forIgnoredProperties(names)
    for name in _BRIEF:
        json_writer.configOverride(jvm.java.lang.Class.forName(name)).setIgnorals(ignored)
    return json_writer


def _ranges(numbers: list[int], width: int) -> Iterator[tuple[int, int]]:
    """Give ranges that hold all of some numbers in order, none of more than ``width``.

    >>> list(_ranges([1, 2, 5, 40], 10))
    [(1, 5), (40, 40)]
    """
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = number
        elif number - first >= width:
            yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def _ran(job: Mapping[str, Any]) -> list[int]:
    """Return the stages of a job that ran, the last ones of very many."""
    skipped = {*job["skipped"]}
    return sorted(one for one in job.get("stageIds", ()) if one not in skipped)[-_MOST_STAGES:]


def _ended(job: Mapping[str, Any], now: float) -> float:
    return seconds_of(job.get("completionTime")) or now


def _longest(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the longest jobs of very many, in the order of their numbers."""
    now = time.time()
    by_length = sorted(
        jobs, key=lambda job: (seconds_of(job.get("submissionTime")) or now) - _ended(job, now)
    )
    room = _MOST_STAGES
    kept: list[dict[str, Any]] = []
    for job in by_length[:_MOST_JOBS]:
        room -= len(_ran(job))
        if room < 0 and kept:
            break
        kept.append(job)
    return sorted(kept, key=lambda job: job.get("jobId", 0))


def _job(job: Mapping[str, Any], stages: Mapping[int, SparkStage]) -> SparkJob:
    from sparkpipe.spark_jobs import SparkJob

    return SparkJob(
        job.get("jobId", 0),
        _brief(job.get("description") or job.get("name", "")),
        str(job.get("status", "UNKNOWN")).lower(),
        seconds_of(job.get("submissionTime")) or 0.0,
        seconds_of(job.get("completionTime")) or 0.0,
        tuple(stages[number] for number in _ran(job) if number in stages),
    )


def _stage(info: Mapping[str, Any]) -> SparkStage:
    from sparkpipe.spark_jobs import SparkStage

    return SparkStage(
        info.get("stageId", 0),
        _brief(info.get("name", "")),
        str(info.get("status", "ACTIVE")).lower(),
        info.get("attemptId", 0) + 1,
        seconds_of(info.get("submissionTime")) or 0.0,
        seconds_of(info.get("completionTime")) or 0.0,
        info.get("numTasks", 0),
        task_seconds=info.get("executorRunTime", 0) / 1000,
        first_rdd=min(info.get("rddIds", ()), default=0),
        **{name: info.get(told, 0) for name, told in _COUNTED.items()},
    )


def _brief(text: Any) -> str:
    """Return the first of a text, which the user's code may have given, without passwords."""
    return redacted_text(str(text)[:_LOOKED_AT])[:_LONGEST_TEXT]


def seconds_of(time_text: str | None) -> float | None:
    """Return a time as Spark writes it in seconds since the epoch."""
    if time_text is None:
        return None
    return datetime.strptime(time_text, _TIME).replace(tzinfo=timezone.utc).timestamp()


def union(spans: Iterable[tuple[float | None, float]], since: float = 0.0) -> float:
    """Return for how long at least one of some spans of time was on.

    >>> union([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    seconds, until = 0.0, since
    for start, end in sorted((start or 0.0, end) for start, end in spans):
        if end > until:
            seconds += end - max(start, until)
            until = end
    return seconds
