"""TPC-H's 22 queries as SQL nodes and as functions of views, in one session that is warmed up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

from sparkpipe.pipeline import sql_node
from tests.benchmarks.environment import TPCHGEN
from tests.benchmarks.report import Report, best_of
from tests.benchmarks.tpch import SCALE, differing, measure
from tests.benchmarks.tpch_queries import QUERIES, as_text

_GROUP = ((("thread", "sql"), 8),)


def run(report: Report) -> None:
    report.title(f"SQL nodes: TPC-H's 22 queries, scale {SCALE}, beside functions")
    started = perf_counter()
    _make()
    report.line("to make the 22 nodes first, with the import", perf_counter() - started, "s")
    report.line("to make a node", best_of(5, _make) / len(QUERIES) * 1e3, "ms", 20)
    if not TPCHGEN:
        print("Left out: tpchgen-cli is not installed.")
        return
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), _GROUP)
        wrong = differing(Path(folder), "sql", "thread")
    report.line("functions that make views and call spark.sql", seconds["thread"], "s")
    report.line("SQL nodes", seconds["sql"], "s")
    report.line("    in times of the functions'", seconds["sql"] / seconds["thread"], "x", 1.05)
    report.line("Results that are not the functions'", len(wrong), "", 0)


def _make() -> None:
    for name, query in QUERIES.items():
        sql_node(query=as_text(query).replace(":scale", "1"), outputs=name)
