"""Tasks and time of the Spark jobs of a node, on classic Spark and on Spark Connect."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.spark.jobs import done
from sparkpipe.spark.jobs.done import SparkWork
from sparkpipe.spark.jobs.progress import SparkProgress, TaskCounts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Work:
    """Jobs of named groups on a session, each in a thread of its own."""

    session: SparkSession
    progress: SparkProgress
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, group: str, tasks: int, milliseconds: int) -> None:
        """Start a query of one stage whose tasks sleep."""
        thread = threading.Thread(target=self._run, args=(group, tasks, milliseconds), daemon=True)
        thread.start()
        self.threads.append(thread)

    def run(self, group: str, tasks: int, milliseconds: int) -> None:
        """Run such a query to its end; the calling thread gets no names that stay on it."""
        self.start(group, tasks, milliseconds)
        self.wait()

    def _run(self, group: str, tasks: int, milliseconds: int) -> None:
        self.name_thread(group)
        with suppress(Exception):  # it may be cancelled
            self.session.sql(
                f"SELECT reflect('java.lang.Thread', 'sleep', CAST({milliseconds} AS BIGINT)) "
                f"FROM range(0, {tasks}, 1, {tasks})"
            ).collect()

    def name_thread(self, group: str) -> None:
        raise NotImplementedError

    def cancel(self, group: str) -> None:
        raise NotImplementedError

    def wait(self) -> None:
        for thread in self.threads:
            thread.join(60)


class ClassicWork(Work):
    def name_thread(self, group: str) -> None:
        self.session.sparkContext.setJobGroup(group, "a test")

    def cancel(self, group: str) -> None:
        self.session.sparkContext.cancelJobGroup(group)


class ConnectWork(Work):
    def name_thread(self, group: str) -> None:
        self.session.clearTags()
        self.session.addTag(f"{group}/token".replace(",", ";"))
        self.session.addTag("pipeline · node")

    def cancel(self, group: str) -> None:
        self.session.interruptTag(f"{group}/token")


@pytest.fixture(
    params=[
        pytest.param("classic", marks=pytest.mark.classic("the other kind of session is tested")),
        "connect",
    ]
)
def work(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[Work]:
    is_connect = request.param == "connect"
    session = request.getfixturevalue("connect") if is_connect else spark
    progress = SparkProgress(lambda: session)
    progress.watch()
    made = (ConnectWork if is_connect else ClassicWork)(session, progress)
    yield made
    made.wait()
    progress.close()


def _until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def _told(work: Work, tasks: int) -> range:
    """Return how many of some tasks may be told when all are done.

    The last word of a Connect server on a query comes before that of the tasks that ended last: on
    a busy machine its listeners have been seen three tasks behind.
    """
    return range(1 if isinstance(work, ConnectWork) else tasks, tasks + 1)


def test_tasks_are_counted_while_they_run_and_when_they_are_done(work: Work) -> None:
    group = f"{time.time()}/join"
    work.start(group, tasks=6, milliseconds=900)

    def some_done() -> TaskCounts | None:
        counts = work.progress.task_counts([group]).get(group)
        return counts if counts is not None and counts.done else None

    seen = _until(some_done)
    work.wait()
    after = _until(lambda: not work.progress.task_counts([group])[group].active_jobs)

    assert 1 <= seen.done < 6
    assert (seen.total, seen.active_jobs) == (6, 1)
    assert after
    counts = work.progress.task_counts([group])[group]
    assert (counts.done, counts.active_jobs) == (counts.total, 0)
    assert counts.done in _told(work, 6)
    assert counts.done >= seen.done


def test_each_node_has_its_own_tasks(work: Work) -> None:
    run = f"{time.time()}"
    small, large, none = f"{run}/a", f"{run}/a/b, c", f"{run}/none"
    work.start(small, tasks=3, milliseconds=900)
    work.start(large, tasks=5, milliseconds=900)

    _until(lambda: len(work.progress.task_counts([small, large, none])) == 2)
    work.wait()
    _until(lambda: not work.progress.task_counts([large])[large].active_jobs)
    counts = work.progress.task_counts([small, large, none])

    assert counts.keys() == {small, large}
    assert counts[small].total in _told(work, 3)
    assert counts[large].total in _told(work, 5)


def test_a_cancelled_job_has_no_tasks_left_to_do(work: Work) -> None:
    group = f"{time.time()}/join"
    work.start(group, tasks=40, milliseconds=500)
    counts = work.progress.task_counts
    # A query of which nothing was done is forgotten on Connect.
    _until(lambda: any(count.done for count in counts([group]).values()))

    work.cancel(group)
    work.wait()
    _until(lambda: not work.progress.task_counts([group])[group].active_jobs)

    counts = work.progress.task_counts([group])[group]
    assert counts.done == counts.total < 40


@pytest.mark.classic("job groups are of SparkContext")
def test_jobs_side_by_side_count_once_and_python_between_them_not_at_all(
    spark: SparkSession,
) -> None:
    work = ClassicWork(spark, SparkProgress(lambda: spark))
    group = f"{time.time()}/join"
    began = time.time()
    work.start(group, tasks=1, milliseconds=1500)
    work.start(group, tasks=1, milliseconds=1500)
    work.wait()
    middle = time.time()
    time.sleep(2)
    work.run(group, tasks=1, milliseconds=500)

    ended = time.time()
    told = work.progress.work(group)
    late = work.progress.work(group, since=middle).seconds
    assert told.seconds is not None
    assert late is not None
    # On a busy machine two jobs side by side may start a moment apart, and take longer.
    assert 2.0 <= told.seconds < ended - began - 1.9
    assert told.seconds < sum(job.ended - job.started for job in told.jobs)
    assert 0.5 <= late < ended - middle - 1.9


@pytest.mark.classic("job groups are of SparkContext")
def test_time_of_many_jobs_is_that_of_each_and_the_longest_are_told(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(done, "_MOST_JOBS", 30)
    work = ClassicWork(spark, SparkProgress(lambda: spark))
    group = f"{time.time()}/many"
    started = time.time()
    for _ in range(40):
        work.run(group, tasks=1, milliseconds=10)

    told = work.progress.work(group)
    assert told.seconds is not None
    assert 0.4 <= told.seconds <= time.time() - started
    assert (len(told.jobs), told.jobs_left_out) == (30, 10)
    assert [job.id for job in told.jobs] == sorted(job.id for job in told.jobs)
    assert work.progress.work(f"{group}/other").seconds == 0.0


@pytest.mark.classic("Spark Connect tells of no jobs")
def test_stages_are_told_with_their_longest_task_and_what_they_read_and_wrote(
    spark: SparkSession,
) -> None:
    work = ClassicWork(spark, SparkProgress(lambda: spark))
    group, started = f"{time.time()}/skewed", time.time()
    work.name_thread(group)
    rows = spark.sql(
        "SELECT sum(id), count(slept) FROM (SELECT id, reflect('java.lang.Thread', 'sleep', "
        "CAST(IF(id = 0, 1500, 1) AS BIGINT)) AS slept FROM range(0, 5, 1, 5)) GROUP BY id % 2"
    ).collect()
    spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
    assert len(rows) == 2

    def told_of_all() -> SparkWork | None:
        told = work.progress.work(group)
        stages = [stage for job in told.jobs for stage in job.stages]
        return told if len(stages) > 1 and all(job.ended for job in told.jobs) else None

    told = _until(told_of_all)
    assert told.cores == spark.sparkContext.defaultParallelism
    assert {(job.description, job.status) for job in told.jobs} == {("a test", "succeeded")}
    assert all(started - 1 <= job.started <= job.ended <= time.time() for job in told.jobs)
    first, *_, last = (stage for job in told.jobs for stage in job.stages)
    assert (first.tasks, first.status, first.attempts) == (5, "complete", 1)
    assert first.longest_task is not None
    assert first.median_task is not None
    assert first.longest_task >= 1.5
    assert first.longest_task > first.median_task
    assert (first.shuffle_written_rows, last.shuffle_read_rows) == (5, 5)
    assert last.result_bytes > 0
    assert last.longest_task is None


def test_time_on_connect_is_told_within_the_report_interval(connect: SparkSession) -> None:
    progress = SparkProgress(lambda: connect)
    progress.watch()
    work = ConnectWork(connect, progress)
    group = f"{time.time()}/join"
    started = time.time()
    work.run(group, tasks=1, milliseconds=2500)
    wall = time.time() - started

    told = progress.work(group, since=started)
    progress.close()
    seconds = told.seconds
    assert told.jobs == ()
    assert seconds is not None
    assert 2.0 <= seconds <= wall


def test_closed_progress_leaves_no_handler_on_a_connect_session(connect: SparkSession) -> None:
    progress = SparkProgress(lambda: connect)
    progress.watch()
    assert len(connect.client._progress_handlers) == 1
    progress.close()
    assert connect.client._progress_handlers == []


def test_without_a_session_nothing_is_known_and_nothing_is_started(tmp_path: Path) -> None:
    code = """
import sys
from sparkpipe.spark.jobs import done
from sparkpipe.spark.jobs.done import SparkWork
from sparkpipe.spark.jobs.progress import SparkProgress
progress = SparkProgress(lambda: None)
progress.watch()
print(progress.task_counts(["run/a"]), progress.work("run/a").seconds)
progress.close()
print("pyspark" in sys.modules)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == ["{} None", "False"]


def test_a_session_that_gives_no_answers_breaks_nothing() -> None:
    class Guarded:
        """Like a session on a cluster that lets nobody into its JVM."""

        @property
        def sparkContext(self) -> None:
            raise RuntimeError("not allowed here")

    progress = SparkProgress(Guarded)  # type: ignore[arg-type]
    progress.watch()

    assert progress.task_counts(["run/a"]) == {}
    assert progress.work("run/a").seconds is None
    progress.close()
