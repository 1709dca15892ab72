"""A merge of the catalog beside the MERGE that somebody writes by hand, by turns.

``ROWS`` (10,000,000) and ``CHANGES`` (100,000) are set in the environment for a smaller one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks.child import Answer, Child, serve
from tests.benchmarks.many_tables import SETTINGS
from tests.benchmarks.report import Report

TURNS = 5


@contextmanager
def prepared(folder: str) -> Iterator[Answer]:
    """Give what answers ``by hand`` and ``catalog`` with the seconds of one merge."""
    from sparkpipe.datasets.spark import DeltaTableDataSet
    from sparkpipe.spark.session import SparkProvider, activated, get_spark

    rows = int(os.environ.get("ROWS", "10000000"))
    changes = int(os.environ.get("CHANGES", "100000"))
    with activated(provider := SparkProvider(SETTINGS)):
        spark = get_spark()
        columns = ("id", "id % 1000 AS kind", "hash(id) AS amount", "0L AS ts")
        for name in ("by hand", "catalog"):
            table = spark.range(0, rows, 1, 8).selectExpr(*columns)
            table.write.format("delta").save(f"{folder}/{name}")
        merged = DeltaTableDataSet(
            f"{folder}/catalog", save_args={"mode": "merge", "keys": "id", "sequence_by": "ts"}
        )
        turns = dict.fromkeys(("by hand", "catalog"), 0)

        def merge(name: str) -> float:
            turns[name] += 1
            news = spark.range(0, changes, 1, 8).selectExpr(
                f"id * {rows // changes} + {turns[name]} AS id",
                "id % 1000 AS kind",
                "hash(id) AS amount",
                f"{turns[name]}L AS ts",
            )
            started = time.perf_counter()
            if name == "catalog":
                merged.save(news)
            else:
                news.createOrReplaceTempView("news")
                spark.sql(
                    f"MERGE INTO delta.`{folder}/by hand` AS t USING news AS s ON t.id = s.id "
                    "WHEN MATCHED AND s.ts > t.ts THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
                )
            return time.perf_counter() - started

        yield merge
        provider.stop()


def run(report: Report) -> None:
    """Print how much longer the merge of the catalog takes."""
    report.title("A merge of 100,000 changes into 10,000,000 rows (or ROWS and CHANGES)")
    with (
        tempfile.TemporaryDirectory() as folder,
        Child("tests.benchmarks.merge", folder, log=Path(folder, "child.log")) as child,
    ):
        for name in ("by hand", "catalog"):
            child.ask(name)  # warm
        took = [(child.ask("by hand"), child.ask("catalog")) for _ in range(TURNS)]
    by_hand, ours = (median(times) for times in zip(*took, strict=True))
    report.line("the MERGE by hand", by_hand, "s")
    report.line("the merge of the catalog", ours, "s")
    report.line("times as long", median(b / a for a, b in took), "x", limit=1.05)


if __name__ == "__main__":
    serve(prepared(*sys.argv[1:]))
