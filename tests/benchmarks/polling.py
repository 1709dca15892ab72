"""What the live display costs while eight nodes run on Spark, in percent of one core."""

from __future__ import annotations

import io
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sparkpipe.events import NodeStarted, RunEnded, RunStarted
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.display import RunDisplay
from sparkpipe.spark.jobs.progress import SparkProgress, TaskCounts
from sparkpipe.spark.session import SparkProvider
from tests.benchmarks.report import Report

NODES = 8
SECONDS = 30

# Long enough to outlast all measurements, in tasks that take no time of a core themselves.
QUERY = (
    "SELECT count(slept) FROM (SELECT reflect('java.lang.Thread', 'sleep', CAST(500 AS BIGINT)) "
    "AS slept FROM range(0, 200, 1, 200))"
)

SETTINGS = {"spark.master": "local[2]", "spark.ui.enabled": False}


class Terminal(io.StringIO):
    """A terminal that nobody looks at."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Asking:
    """Asks Spark, and tells what it takes the thread in Spark's JVM that answers.

    The JVM as a whole compiles, collects and beats its heart besides, which is far more.
    """

    def __init__(self, session: Any) -> None:
        self._jvm = session.sparkContext._jvm
        self._tasks = SparkProgress(lambda: session).task_counts
        self._thread: int | None = None

    def __call__(self, groups: Collection[str]) -> Mapping[str, TaskCounts]:
        if self._thread is None:
            # Each thread of Python has one of its own in the JVM.
            self._thread = self._jvm.java.lang.Thread.currentThread().getId()
        return self._tasks(groups)

    def jvm_seconds(self) -> float:
        threads = self._jvm.java.lang.management.ManagementFactory.getThreadMXBean()
        return threads.getThreadCpuTime(self._thread) / 1e9


def run(report: Report) -> None:
    report.title(f"The display, looking once a second at {NODES} running Spark nodes")
    with tempfile.TemporaryDirectory() as folder:
        provider = SparkProvider(SETTINGS, log_file=Path(folder) / "spark.log")
        try:
            _measure(report, provider.get())
        finally:
            provider.stop()


def _measure(report: Report, session: Any) -> None:
    context = session.sparkContext
    nodes = pipeline([node(abs, "x", f"y{i}", name=f"node_{i}") for i in range(NODES)])
    threads = [
        threading.Thread(target=_query, args=(session, f"run/node_{i}")) for i in range(NODES)
    ]
    for thread in threads:
        thread.start()
    try:
        asking, terminal = Asking(session), Terminal()
        display = RunDisplay(lambda: asking, terminal)
        display.on_event(RunStarted("run", make_plan(nodes)))
        for one in nodes.nodes:
            display.on_event(NodeStarted("run", one.name))
        time.sleep(10)  # until all run, and what asks is compiled
        started, python, jvm = time.monotonic(), time.process_time(), asking.jvm_seconds()
        time.sleep(SECONDS)
        jvm, python = asking.jvm_seconds() - jvm, time.process_time() - python
        percent = 100 / (time.monotonic() - started)
        display.on_event(RunEnded("run", "done", {}, 1.0))
    finally:
        context.cancelAllJobs()
        for thread in threads:
            thread.join()
    assert "of 200 Spark tasks" in terminal.getvalue()
    report.line("in Python", python * percent, "%")
    report.line("in the JVM", jvm * percent, "%")
    report.line("in all", (python + jvm) * percent, "%", 1)


def _query(session: Any, group: str) -> None:
    session.sparkContext.setJobGroup(group, group)
    with suppress(Exception):  # cancelled at the end
        session.sql(QUERY).collect()
