"""A node of a second beside a big one: alone, by our FAIR scheduler, and by Spark's FIFO."""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.child import Answer, Child, serve
from tests.benchmarks.report import Report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TASKS = 80
ROWS_A_TASK = 500_000  # a task of 0.15 s when compiled, thus six seconds in all on two cores
SMALL_ROWS = 3_000_000  # a second in one task
TURNS = 5

SETTINGS = {
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


def big(spark: SparkSession, started: threading.Event) -> tuple[float, float]:
    """Return when it began and ended."""
    began = time.perf_counter()
    started.set()
    rows = spark.range(0, TASKS * ROWS_A_TASK, 1, TASKS)
    rows.selectExpr("sum(hash(sha(cast(id % 7 AS STRING)), id))").collect()
    return began, time.perf_counter()


def small(spark: SparkSession, table: str) -> tuple[float, float]:
    """Return when it began and ended."""
    began = time.perf_counter()
    rows = spark.read.parquet(table).selectExpr("kind", "hash(sha(cast(id AS STRING))) AS hashed")
    rows.groupBy("kind").sum("hashed").collect()
    return began, time.perf_counter()


@contextmanager
def prepared(scheduler: str, folder: str) -> Iterator[Answer]:
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import node, pipeline
    from sparkpipe.runner import ThreadRunner
    from sparkpipe.spark.session import SparkProvider, activated

    logging.disable(logging.WARNING)
    own = {} if scheduler == "default" else {"spark.scheduler.mode": scheduler}
    provider = SparkProvider({**SETTINGS, **own}, log_file=Path(folder, "spark.log"))
    spark = provider.get()
    table = f"{folder}/{scheduler}"
    rows = spark.range(0, SMALL_ROWS, 1, 1).selectExpr("id", "id % 100 AS kind")
    rows.write.parquet(table)

    def answer(what: str) -> Any:
        started = threading.Event()

        def run_small() -> tuple[float, float]:
            if what == "beside":
                started.wait()
                time.sleep(1)  # until the big one's tasks have taken all slots
            return small(spark, table)

        nodes = [node(run_small, None, "small", name="small")]
        if what == "beside":
            nodes.append(node(lambda: big(spark, started), None, "big", name="big"))
        with activated(provider):
            return ThreadRunner(max_workers=4).run(pipeline(nodes), DataCatalog())

    yield answer
    spark.stop()


def measure(scheduler: str, folder: str) -> tuple[float, float, float]:
    """Return the small node's seconds alone and beside the big one, and a big one's task's."""
    alone, beside, tasks = [], [], []
    arguments = ("tests.benchmarks.fairness", scheduler, folder)
    with Child(*arguments, log=Path(folder, f"{scheduler}.log")) as child:
        child.ask("beside")  # for the JVM's compilers
        for _ in range(TURNS):
            child.ask("alone")
        for _ in range(TURNS):
            times = child.ask("alone")
            alone.append(times["small"][1] - times["small"][0])
            times = child.ask("beside")
            beside.append(times["small"][1] - times["small"][0])
            tasks.append((times["big"][1] - times["big"][0]) * 2 / TASKS)
    return median(alone), median(beside), median(tasks)


def run(report: Report) -> None:
    report.title(f"A small node beside a big one of {TASKS} tasks, two cores: medians of {TURNS}")
    with tempfile.TemporaryDirectory() as folder:
        alone, fair, task = measure("default", folder)
        _, fifo, _ = measure("FIFO", folder)
    report.line("alone", alone, "s")
    report.line("a task of the big one", task, "s")
    report.line("beside it, FAIR (default)", fair, "s", 1.5 * alone + task)
    report.line("beside it, FIFO", fifo, "s")
    report.line("FIFO in times of FAIR", fifo / fair, "x", least=2)


if __name__ == "__main__":
    serve(prepared(*sys.argv[1:]))
