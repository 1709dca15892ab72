"""The jobs of one save, told from those of other threads by a tag, and their last tasks."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

_STEP_SECONDS = 0.002
# A Python worker that does not stop is killed after two (spark.python.task.killTimeout).
_LAST_TASKS_SECONDS = 10.0
# Less than the time in which a command has to end.
_INTERRUPTED_SECONDS = 1.0
_NEWS_SECONDS = 2.0


class TaggedJobs:
    """The jobs that this thread starts until it is closed; of classic Spark only.

    Args:
        session: The session that runs them.
    """

    def __init__(self, session: SparkSession) -> None:
        self._context = session.sparkContext
        self._scala_context: Any = self._context._jsc.sc()
        self._tag = f"sparkpipe-save-{os.urandom(8).hex()}"
        self._context.addJobTag(self._tag)

    def close(self) -> None:
        """Let the jobs that follow go without the tag."""
        self._context.removeJobTag(self._tag)

    def wait_for_news(self, seconds: float) -> None:
        """Wait until Spark's store has learned of all that has happened."""
        self._scala_context.listenerBus().waitUntilEmpty(int(seconds * 1000))

    def ended(self, ends: float) -> Iterator[tuple[int, ...]]:
        """Give the stages of each job when its end is known.

        Args:
            ends: How long to wait for that, by the monotonic clock.

        Raises:
            TimeoutError: It is not known by then.
        """
        tracker = self._scala_context.statusTracker()
        for number in tracker.getJobIdsForTag(self._tag):
            job = tracker.getJobInfo(number).get()
            while str(job.status()) == "RUNNING":
                _step(ends, f"the end of job {number}")
                job = tracker.getJobInfo(number).get()
            yield tuple(job.stageIds())

    def end(self, seconds: float) -> None:
        """Cancel the jobs; see :meth:`settle`."""
        with suppress(Exception):
            self._context.cancelJobsWithTag(self._tag)
        self.settle(seconds)

    def settle(self, seconds: float) -> None:
        """Wait until no task of the jobs runs, where Spark tells; raises nothing.

        Args:
            seconds: For so long at most.
        """
        ends = time.monotonic() + seconds
        try:
            with suppress(Exception):  # a job that failed at once may not even be listed
                self.wait_for_news(min(seconds, _NEWS_SECONDS))
            self._wait_for_last_tasks(ends)
        except Exception as exc:  # Spark has stopped, or a task does not end
            _logger.debug("What the last tasks of a failed save do is not known: %s", exc)

    def _wait_for_last_tasks(self, ends: float) -> None:
        """Wait until no task of the jobs runs: those of a job that failed do so for a while.

        Args:
            ends: How long to wait for that, by the monotonic clock.

        Raises:
            TimeoutError: One still runs by then.
        """
        tracker = self._scala_context.statusTracker()
        for stages in self.ended(ends):
            for number in stages:
                # What the store holds of a stage is right at its end and when its last task ends.
                while _running(tracker.getStageInfo(number)):
                    _step(ends, f"the end of the tasks of stage {number}")


def _running(stage: Any) -> int:
    return stage.get().numActiveTasks() if stage.isDefined() else 0


def _step(ends: float, what: str) -> None:
    if time.monotonic() > ends:
        raise TimeoutError(f"Spark has not told {what}.")
    time.sleep(_STEP_SECONDS)


@contextmanager
def without_late_tasks(session: SparkSession) -> Iterator[None]:
    """If what is within fails, raise that only after the last task of its jobs has ended.

    Spark tells that a job has failed, or was cancelled, while other tasks of it still write: they
    would make a folder again that was removed. Spark Connect tells its client of no tasks.
    """
    jobs = None if is_connect(session) else _tagged(session)
    if jobs is None:
        yield
        return
    try:
        yield
    except Exception:
        jobs.settle(_LAST_TASKS_SECONDS)
        raise
    except BaseException:  # a Ctrl-C: whoever cancels the node's jobs comes after this
        # It has interrupted this thread's connection to the JVM, too.
        ending = threading.Thread(target=jobs.end, args=(_INTERRUPTED_SECONDS,), daemon=True)
        ending.start()
        ending.join(_INTERRUPTED_SECONDS)
        raise
    finally:
        try:
            jobs.close()
        except Exception as exc:
            _logger.debug("A tag of a save stays on its thread: %s", exc)


def _tagged(session: SparkSession) -> TaggedJobs | None:
    try:
        return TaggedJobs(session)
    except Exception as exc:  # some clusters guard the JVM
        _logger.debug("Jobs of a save carry no tag: %s", exc)
        return None
