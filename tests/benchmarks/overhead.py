"""What a runner adds to a node that does nothing, in memory; beside Kedro in its own venv."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sparkpipe.cli.logs import configure_logging
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from tests.benchmarks.environment import KEDRO_PYTHON
from tests.benchmarks.report import Report, best_of

SIZES = (100, 1_000, 10_000)

KEDRO = """
import sys, time, logging
logging.disable(logging.CRITICAL)
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import {runner}
def same(x):
    return x
n = int(sys.argv[1])
p = pipeline([node(same, {source}, f"d{{i + 1}}", name=f"n{{i}}") for i in range(n)])
catalog = DataCatalog({{"d0": MemoryDataset(1)}})
started = time.perf_counter()
{runner}().run(p, catalog)
print((time.perf_counter() - started) / n * 1e6)
"""

SHAPES = {"wide": '"d0"', "linear": 'f"d{i}"'}


def same(x: Any) -> Any:
    return x


def make(shape: str, size: int) -> Pipeline:
    return Pipeline(
        node(same, "d0" if shape == "wide" else f"d{i}", f"d{i + 1}", name=f"n{i}")
        for i in range(size)
    )


def microseconds_a_node(runner: AbstractRunner, pipeline: Pipeline) -> float:
    catalog = DataCatalog(feed_dict={"d0": 1})
    times = max(3, 3_000 // len(pipeline))  # a run of 100 nodes takes 3 ms: anything disturbs it
    return best_of(times, lambda: runner.run(pipeline, catalog)) / len(pipeline) * 1e6


def run(report: Report) -> None:
    report.title("Overhead, in microseconds a node (no hooks, no logging handlers)")
    runners = ((SequentialRunner(), 26), (ThreadRunner(), 50))
    ours: dict[tuple[str, str, int], float] = {}
    for runner, limit in runners:
        for shape in SHAPES:
            for size in SIZES:
                cost = microseconds_a_node(runner, make(shape, size))
                name = type(runner).__name__
                ours[name, shape, size] = cost
                report.line(f"{name}, {shape}, {size} nodes", cost, "µs", limit)

    _with_logging(report, [runner for runner, _ in runners])

    if not KEDRO_PYTHON:
        print("\nNo comparison with Kedro: `make bench` has not installed it in .venv-bench.")
        return
    report.title("The same by Kedro, without logging, and how many times as much that is")
    for name, shape, size in ours:
        if size > 1_000:
            continue  # Kedro's cost grows with the square: 10,000 nodes take minutes
        code = KEDRO.format(runner=name, source=SHAPES[shape])
        ended = subprocess.run(
            [KEDRO_PYTHON, "-c", code, str(size)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "DO_NOT_TRACK": "1"},
        )
        cost = float(ended.stdout.split()[-1])
        report.line(f"Kedro {name}, {shape}, {size} nodes", cost, "µs")
        report.line("    times as much", cost / ours[name, shape, size], "x")


def _with_logging(report: Report, runners: list[AbstractRunner]) -> None:
    report.title("Overhead with the logging of the command line, in microseconds a node")
    stderr = sys.stderr
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        for told, place, limit in (
            ("console", None, 150),
            ("console and file", Path(folder), None),
        ):
            sys.stderr = nowhere
            configure_logging(place)
            costs = {
                (type(runner).__name__, shape): microseconds_a_node(runner, make(shape, 1_000))
                for runner in runners
                for shape in SHAPES
            }
            sys.stderr = stderr
            _without_logging()
            for (name, shape), cost in costs.items():
                report.line(f"{name}, {shape}, 1000 nodes, {told}", cost, "µs", limit)


def _without_logging() -> None:
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for name in ("sparkpipe", "sparkpipe.io"):
        logging.getLogger(name).setLevel(logging.NOTSET)
