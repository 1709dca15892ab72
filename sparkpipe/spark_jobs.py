"""What Spark has done for a node: its jobs and their stages, as plain values.

They come from the store that classic Spark keeps of its jobs, and so are what it still has of them
when the node ends: ``spark.ui.retainedJobs`` and ``spark.ui.retainedStages`` say how many. Spark
Connect tells its clients of none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class SparkStage:
    """A stage that Spark has run; of several attempts at it, the last one.

    Attributes:
        id: Its number.
        name: What Spark calls it: what was called, and where.
        status: ``complete``, ``failed``, or ``active`` where more is not known.
        attempts: How many times it was tried.
        started: Seconds since the epoch; 0.0 if it never started.
        ended: Seconds since the epoch; 0.0 if it is not known to have ended.
        tasks: How many tasks it has.
        failed_tasks: How many tasks of it failed; each is tried again a few times.
        task_seconds: How long its tasks ran, all together.
        longest_task: How long the longest of its tasks took, in seconds; None where that was not
            asked: it is for stages of more than two tasks and a second.
        median_task: How long half of its tasks took, at most; None likewise.
        input_rows: Rows read from files, tables and what is persisted.
        input_bytes: Bytes of that.
        output_rows: Rows written.
        output_bytes: Bytes of that.
        shuffle_read_rows: Rows of earlier stages that it has read.
        shuffle_read_bytes: Bytes of that.
        shuffle_written_rows: Rows that it has written for later stages.
        shuffle_written_bytes: Bytes of that.
        spilled_bytes: What did not fit in memory and went to disk meanwhile.
        result_bytes: What its tasks have sent to the driver.
        first_rdd: The lowest number of the RDDs that it was made of: stages with the same one share
            what is computed, or persisted.
    """

    id: int
    name: str = ""
    status: str = "complete"
    attempts: int = 1
    started: float = 0.0
    ended: float = 0.0
    tasks: int = 0
    failed_tasks: int = 0
    task_seconds: float = 0.0
    longest_task: float | None = None
    median_task: float | None = None
    input_rows: int = 0
    input_bytes: int = 0
    output_rows: int = 0
    output_bytes: int = 0
    shuffle_read_rows: int = 0
    shuffle_read_bytes: int = 0
    shuffle_written_rows: int = 0
    shuffle_written_bytes: int = 0
    spilled_bytes: int = 0
    result_bytes: int = 0
    first_rdd: int = 0

    @property
    def seconds(self) -> float:
        """How long it took; 0.0 where that is not known."""
        return max(0.0, self.ended - self.started) if self.started and self.ended else 0.0


@dataclass(frozen=True)
class SparkJob:
    """A job that Spark has run for a node.

    Attributes:
        id: Its number.
        description: What the node was doing, as Spark's own pages show it.
        status: ``succeeded``, ``failed`` (cancelled, too), or ``running`` where more is not known.
        started: Seconds since the epoch.
        ended: Seconds since the epoch; 0.0 if it is not known to have ended.
        stages: Those that ran, in the order of their numbers; what was there already was skipped.
    """

    id: int
    description: str = ""
    status: str = "succeeded"
    started: float = 0.0
    ended: float = 0.0
    stages: tuple[SparkStage, ...] = ()


def plain_job(job: SparkJob) -> dict[str, Any]:
    """Return a job as plain values that can be written as JSON; what says nothing is left out.

    >>> plain_job(SparkJob(3, "load", started=1.5, stages=(SparkStage(7, tasks=2),)))
    {'id': 3, 'description': 'load', 'started': 1.5, 'stages': [{'id': 7, 'tasks': 2}]}
    """
    told = _telling(job)
    if job.stages:
        told["stages"] = [_telling(stage) for stage in job.stages]
    return told


def job_of(told: Mapping[str, Any]) -> SparkJob:
    """Return the job that plain values tell; names that are not known are passed over.

    >>> job_of({"id": 3, "stages": [{"id": 7, "tasks": 2}], "mood": "good"}).stages[0].tasks
    2
    """
    stages = tuple(SparkStage(**_known(_STAGE, stage)) for stage in told.get("stages", ()))
    return SparkJob(**{**_known(_JOB, told), "stages": stages})


# By name, the value that says nothing; none of that which is always told.
_STAGE = {one.name: one.default for one in fields(SparkStage)}
_JOB = {one.name: one.default for one in fields(SparkJob)}


def _telling(thing: SparkJob | SparkStage) -> dict[str, Any]:
    silent = _JOB if isinstance(thing, SparkJob) else _STAGE
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in vars(thing).items()
        if value != silent[name] and name != "stages"
    }


def _known(names: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name in names}
