"""What Spark knows of the jobs that it has run; and jobs that take as long as a test wants."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Job(NamedTuple):
    """A job as the UI shows it."""

    id: int
    group: str
    description: str
    tags: tuple[str, ...]
    status: str


def jobs(spark: SparkSession, run_id: str) -> list[Job]:
    """Return the jobs whose group is of this run, the first one first."""
    store: Any = spark.sparkContext._jsc.sc().statusStore()
    found = []
    every = store.jobsList(None)
    for position in range(every.size()):
        job = every.apply(position)
        group = job.jobGroup().getOrElse(None) if job.jobGroup().isDefined() else ""
        if group.startswith(f"{run_id}/"):
            tags = job.jobTags().mkString("\n").split("\n")
            text = job.description().get() if job.description().isDefined() else ""
            found.append(Job(job.jobId(), group, text, tuple(tags), str(job.status())))
    return sorted(found)


def reads_what_is_persisted(frame: Any) -> str:
    """Return the storage level of what is persisted and a frame reads; '' if it reads none."""
    session = frame.sparkSession
    if is_connect(session):
        plan = frame._explain_string(extended=False)
    else:
        explained = session._jvm.PythonSQLUtils.explainString
        plan = explained(frame._jdf.queryExecution(), "simple")
    return next(iter(re.findall(r"InMemoryRelation .*(StorageLevel\(.*?\))", plan)), "")


def persisted(spark: SparkSession) -> int:
    """Return how many frames and RDDs Spark holds, as the UI's storage tab lists them.

    What Delta keeps of the states of its tables is not of any run. A client of Spark Connect is not
    told: then 0.
    """
    if is_connect(spark):
        return 0
    held: Any = spark.sparkContext._jsc.getPersistentRDDs()
    return sum("Delta Table State" not in str(rdd.name()) for rdd in held.values())


def properties(spark: SparkSession) -> dict[str, str]:
    """Return the local properties of the present thread."""
    found: Any = spark.sparkContext._jsc.sc().getLocalProperties()
    return {str(key): str(found.getProperty(key)) for key in found.stringPropertyNames()}


def endless(spark: SparkSession) -> DataFrame:
    """Return a frame that takes hours to compute, in tasks that can be interrupted."""
    return spark.range(0, 10**13, 1, 4).selectExpr("sum(id % 1000 * 7 % 11) AS total")


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition; fail if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def when(condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Act in a thread of its own as soon as a condition holds."""

    def work() -> None:
        wait_until(condition)
        act()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
