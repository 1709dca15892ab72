"""TPC-H's 22 queries as nodes over shared clean tables, in one session: runners beside each other.

``TPCH_SCALE`` chooses the size; 1 is 6 million items. Each way has a process of its own, which is
warmed up; then they take turns.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.child import Child
from tests.benchmarks.environment import KEDRO_PYTHON, TPCHGEN
from tests.benchmarks.report import Report

SCALE = os.environ.get("TPCH_SCALE", "0.1")
CACHE = Path("data/benchmarks")

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    # The 22 queries have more stages than the 100 that are kept compiled by default.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # On two cores the concurrent marking of the default collector would be a third thread.
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
}

#: Each way is warmed up by whole runs for so long; it takes the JVM's compilers more than one.
WARM_UP_SECONDS = 90

#: How many times each way is measured: most where its limit is close. Kedro's session is made of
#: the properties of another one, thus last.
TURNS = {"sequential": 3, "thread": 5, "by-hand": 5, "plain-pool": 1, "kedro": 1}


def tables(scale: str) -> Path:
    """Return the folder of the tables as Parquet, made when first asked for."""
    folder = CACHE / f"tpch-{scale}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            command = [TPCHGEN, "parquet", "-s", scale, "-q", "-o", f"{made}/tables"]
            subprocess.run(command, check=True)
            shutil.move(f"{made}/tables", folder)
    return folder.resolve()


def differing(results: Path, mode: str) -> list[str]:
    """Return the queries whose rows are not those of the sequential run, in the same order."""
    import pyarrow.parquet as pq

    names = sorted(path.name for path in (results / "sequential").iterdir())

    def rows(of: str, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(results / of / query).to_pylist()
        return found

    return [name for name in names if rows(mode, name) != rows("sequential", name)]


def measure(modes: list[str], results: Path) -> dict[str, float]:
    """Return the median seconds of each way; each leaves its results."""
    data = tables(SCALE)
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    with ExitStack() as stack:
        children: dict[str, Child] = {}
        for mode in modes:
            settings = children["thread"].ask("settings") if mode == "kedro" else SETTINGS
            children[mode] = stack.enter_context(
                Child(
                    "tests.benchmarks.tpch_modes",
                    *(mode, str(data), str(results / mode), SCALE, json.dumps(settings)),
                    log=results / f"{mode}.log",
                    python=KEDRO_PYTHON if mode == "kedro" else sys.executable,
                )
            )
            warm_up = 0.0
            while warm_up < WARM_UP_SECONDS:
                warm_up += children[mode].ask("work")
        for turn in range(max(TURNS.values())):
            for mode in modes:
                if turn < TURNS[mode]:
                    seconds[mode].append(children[mode].ask("work"))
    return {mode: median(values) for mode, values in seconds.items()}


def run(report: Report) -> None:
    report.title(f"TPC-H, 22 queries over 8 clean tables, scale {SCALE}: medians of whole runs")
    if not TPCHGEN:
        print("Left out: `make bench` has not installed tpchgen-cli in .venv-bench.")
        return
    modes = [mode for mode in TURNS if mode != "kedro" or KEDRO_PYTHON]
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(modes, Path(folder))
        wrong = {mode: differing(Path(folder), mode) for mode in modes}
    ours = seconds["thread"]
    report.line("ThreadRunner", ours, "s")
    report.line("pyspark by hand: 4 threads, FAIR, persisted", seconds["by-hand"], "s")
    report.line("    ThreadRunner's time in times of it", ours / seconds["by-hand"], "x", 1.03)
    others = {
        "sequential": ("SequentialRunner", 1.1),
        "plain-pool": ("plain pool: 4 threads, FIFO, nothing persisted", 1.1),
        "kedro": ("Kedro's ThreadRunner", None),
    }
    for mode, (name, least) in others.items():
        if mode in seconds:
            report.line(name, seconds[mode], "s")
            report.line("    in times of ThreadRunner's", seconds[mode] / ours, "x", least=least)
    for mode, queries in wrong.items():
        if queries:
            print(f"{mode} differs from sequential in {', '.join(queries)}")
    report.line("Results that are not the sequential run's", sum(map(len, wrong.values())), "", 0)
    if "kedro" not in modes:
        print("Kedro is left out: `make bench` has not installed it in .venv-bench.")
