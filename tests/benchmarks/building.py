"""Building pipelines: 10,000 nodes, and the sum of many small pipelines; in proportion to size."""

from __future__ import annotations

import random
from typing import Any

from sparkpipe.pipeline import Pipeline, node
from tests.benchmarks.report import Report, best_of


def same(x: Any) -> Any:
    return x


def chain_of(start: int, length: int) -> Pipeline:
    return Pipeline(
        node(same, f"d{i}", f"d{i + 1}", name=f"n{i}") for i in range(start, start + length)
    )


def run(report: Report) -> None:
    report.title("Building, in milliseconds (limits: 10,000 nodes and 1,000 pipelines in 500)")
    for size in (1_000, 10_000):
        seconds = best_of(3, lambda size=size: chain_of(0, size).nodes)
        report.line(f"Pipeline of {size} nodes, with its nodes", seconds * 1e3, "ms", 500)
    for count in (250, 500, 1_000, 2_000, 4_000):
        small = [chain_of(i * 5, 5) for i in range(count)]
        limit = 500 if count <= 1_000 else None
        seconds = best_of(3, lambda small=small: sum(small).nodes)
        report.line(f"sum of {count} pipelines of 5, in order", seconds * 1e3, "ms", limit)
        random.Random(0).shuffle(small)
        seconds = best_of(3, lambda small=small: sum(small).nodes)
        report.line(f"sum of {count} pipelines of 5, shuffled", seconds * 1e3, "ms", limit)
