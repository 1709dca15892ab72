"""Twenty small tables, each loaded, aggregated and saved: what running side by side brings."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.benchmarks.child import Answer, Child, serve
from tests.benchmarks.report import Report

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLES = 20
ROWS = 25_000  # about 200 KB of Parquet
THREADS = 8
WARM_UP_TURNS = 8  # until the JVM's compilers have most of it behind them
TURNS = 9

SETTINGS = {
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


def make_tables(spark: SparkSession, folder: Path) -> None:
    for number in range(TABLES):
        columns = ["id", f"id % {50 + number} AS kind", f"hash(id, {number}) AS amount"]
        spark.range(0, ROWS, 1, 1).selectExpr(*columns).write.parquet(f"{folder}/in/{number}")


def aggregate(frame: DataFrame) -> DataFrame:
    return frame.groupBy("kind").agg({"amount": "avg", "id": "max", "*": "count"}).toDF(*"abcd")


def ways(spark: SparkSession, folder: Path) -> dict[str, Callable[[], object]]:
    """Return the work by name of the way in which it is done."""
    from sparkpipe.datasets.spark import SparkDataSet
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import node, pipeline
    from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
    from sparkpipe.spark.session import SparkProvider, activated

    numbers = range(TABLES)
    catalog = DataCatalog(
        {f"in{i}": SparkDataSet(f"{folder}/in/{i}") for i in numbers}
        | {f"out{i}": SparkDataSet(f"{folder}/out/{i}") for i in numbers}
    )
    nodes = pipeline([node(aggregate, f"in{i}", f"out{i}", name=f"table{i}") for i in numbers])

    def by(runner: AbstractRunner) -> None:
        with activated(SparkProvider(session=spark)):
            runner.run(nodes, catalog)

    def save(number: int) -> None:
        frame = aggregate(spark.read.parquet(f"{folder}/in/{number}"))
        frame.write.mode("overwrite").parquet(f"{folder}/pool/{number}")

    def bare_pool() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(save, numbers))

    return {
        "sequential": lambda: by(SequentialRunner()),
        "thread": lambda: by(ThreadRunner()),
        "pool": bare_pool,
    }


@contextmanager
def prepared(folder: str) -> Iterator[Answer]:
    from sparkpipe.spark.session import SparkProvider

    logging.disable(logging.WARNING)
    spark = SparkProvider(SETTINGS, log_file=Path(folder, "spark.log")).get()
    make_tables(spark, Path(folder))
    work = ways(spark, Path(folder))

    def answer(way: str) -> Any:
        started = time.perf_counter()
        work[way]()
        return time.perf_counter() - started

    yield answer
    spark.stop()


def run(report: Report) -> None:
    report.title(f"{TABLES} tables of 200 KB: load, aggregate, save; medians of {TURNS}, two cores")
    names = ("sequential", "thread", "pool")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with (
        tempfile.TemporaryDirectory() as folder,
        Child("tests.benchmarks.many_tables", folder, log=Path(folder, "child.log")) as child,
    ):
        for turn in range(WARM_UP_TURNS + TURNS):
            for name in names:
                taken = child.ask(name)
                if turn >= WARM_UP_TURNS:
                    seconds[name].append(taken)
    one_by_one, threads, pool = (median(seconds[name]) for name in names)
    report.line("SequentialRunner", one_by_one, "s")
    report.line("ThreadRunner", threads, "s")
    report.line(f"a bare pool of {THREADS} threads", pool, "s")
    report.line("SequentialRunner in times of ThreadRunner", one_by_one / threads, "x", least=1.6)
    report.line("SequentialRunner in times of the bare pool", one_by_one / pool, "x")


if __name__ == "__main__":
    serve(prepared(*sys.argv[1:]))
