"""The same work on TPC-H in several ways: what ``tpch`` starts and times.

``python -m tests.benchmarks.tpch_modes MODES DATA RESULTS SCALE SETTINGS``, where the modes of one
session are parted by commas. A mode imports what it is about, for sparkpipe and Kedro are in two
environments.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.child import Answer, serve
from tests.benchmarks.tpch_queries import (
    REFERENCES,
    as_text,
    asking,
    cleaning,
    queries,
    tables_of,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

THREADS = 4

Work = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """Where the tables are and the results go, both folders of Parquet."""

    data: Path
    results: Path
    queries: dict[str, str]

    def source(self, table: str) -> str:
        return (self.data / f"{table}.parquet").as_posix()

    def target(self, query: str) -> str:
        return (self.results / query).as_posix()

    def nodes(self) -> list[tuple[Callable[..., Any], list[str], str]]:
        """Return function, inputs and output of each node; ``raw_`` marks what is a file."""
        clean = [(cleaning(t), [f"raw_{t}", *others], t) for t, others in REFERENCES.items()]
        return clean + [(asking(text), tables_of(text), q) for q, text in self.queries.items()]


def by_sparkpipe(runner: str, *, in_sql: bool = False) -> Callable[[SparkSession, Task], Work]:
    def prepare(spark: SparkSession, task: Task) -> Work:
        import sparkpipe.runner
        from sparkpipe.datasets.spark import SparkDataSet
        from sparkpipe.io import DataCatalog
        from sparkpipe.pipeline import node, pipeline, sql_node
        from sparkpipe.spark.session import SparkProvider, activated

        catalog = DataCatalog(
            {f"raw_{t}": SparkDataSet(task.source(t)) for t in REFERENCES}
            | {q: SparkDataSet(task.target(q)) for q in task.queries}
        )
        nodes = pipeline(
            [
                sql_node(query=as_text(task.queries[makes]), outputs=makes)
                if in_sql and makes in task.queries
                else node(f, reads, makes, name=makes)
                for f, reads, makes in task.nodes()
            ]
        )
        chosen = getattr(sparkpipe.runner, runner)()
        provider = SparkProvider(session=spark)

        def work() -> None:
            with activated(provider):
                chosen.run(nodes, catalog)

        return work

    return prepare


def by_hand(persist: bool) -> Callable[[SparkSession, Task], Work]:
    """What one would write with pyspark alone."""

    def prepare(spark: SparkSession, task: Task) -> Work:
        def work() -> None:
            clean: dict[str, DataFrame] = {}
            for table, others in REFERENCES.items():
                raw = spark.read.parquet(task.source(table))
                frame = cleaning(table)(raw, *(clean[other] for other in others))
                clean[table] = frame.persist() if persist else frame

            def save(query: str) -> None:
                text = task.queries[query]
                result = asking(text)(*(clean[table] for table in tables_of(text)))
                result.write.mode("overwrite").parquet(task.target(query))

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(save, task.queries))
            for frame in clean.values():
                frame.unpersist()

        return work

    return prepare


def by_kedro(spark: SparkSession, task: Task) -> Work:
    from kedro.io import AbstractDataset, DataCatalog
    from kedro.pipeline import node, pipeline
    from kedro.runner import ThreadRunner

    class Parquet(AbstractDataset):  # what kedro-datasets has, without its dependencies
        def __init__(self, path: str) -> None:
            self._path = path

        def load(self) -> DataFrame:
            return spark.read.parquet(self._path)

        def save(self, data: DataFrame) -> None:
            data.write.mode("overwrite").parquet(self._path)

        def _describe(self) -> dict[str, Any]:
            return {"path": self._path}

    catalog = DataCatalog(
        {f"raw_{t}": Parquet(task.source(t)) for t in REFERENCES}
        | {q: Parquet(task.target(q)) for q in task.queries}
    )
    nodes = pipeline([node(f, reads, makes, name=makes) for f, reads, makes in task.nodes()])
    return lambda: ThreadRunner().run(nodes, catalog)


#: How the work is done, and the properties of its session beside those that all have.
MODES: dict[str, tuple[Callable[[SparkSession, Task], Work], dict[str, str]]] = {
    "sequential": (by_sparkpipe("SequentialRunner"), {}),
    "thread": (by_sparkpipe("ThreadRunner"), {}),
    "sql": (by_sparkpipe("ThreadRunner", in_sql=True), {}),
    "by-hand": (by_hand(persist=True), {}),
    "plain-pool": (by_hand(persist=False), {"spark.scheduler.mode": "FIFO"}),
    "kedro": (by_kedro, {}),
}


@contextmanager
def prepared(modes: str, data: str, results: str, scale: str, settings: str) -> Iterator[Answer]:
    logging.disable(logging.WARNING)
    wanted: dict[str, str] = json.loads(settings)
    chosen = {mode: MODES[mode] for mode in modes.split(",")}
    for _, properties in chosen.values():
        wanted |= properties
    if modes == "kedro":
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.config(map=wanted).getOrCreate()
    else:
        from sparkpipe.spark.session import SparkProvider

        spark = SparkProvider(wanted, log_file=Path(results, f"{modes}.spark.log")).get()
    asked = queries(float(scale))
    work = {
        mode: prepare(spark, Task(Path(data), Path(results, mode), asked))
        for mode, (prepare, _) in chosen.items()
    }

    def answer(question: str) -> Any:
        if question == "settings":
            return dict(spark.sparkContext.getConf().getAll())
        gc.collect()
        spark._jvm.System.gc()
        started = time.perf_counter()
        work[question]()
        return time.perf_counter() - started

    yield answer
    spark.stop()


if __name__ == "__main__":
    serve(prepared(*sys.argv[1:]))
