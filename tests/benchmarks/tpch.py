"""TPC-H's 22 queries as nodes over shared clean tables, in one session: runners beside each other.

``TPCH_SCALE`` chooses the size; 1 is 6 million items. The ways that are compared closely take turns
in one session, which is warmed up first; the others have one of their own, afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
    "spark.driver.memory": "8g",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    # In one process a broadcast stays where it is, while a shuffle writes files.
    "spark.sql.autoBroadcastJoinThreshold": "64m",
    # The 22 queries have more stages than the 100 that are kept compiled by default.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # On two cores the concurrent marking of the default collector would be a third thread.
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
}

#: Each session is warmed up by whole runs for so long; it takes the JVM's compilers many.
WARM_UP_SECONDS = float(os.environ.get("TPCH_WARM_UP", "240"))

#: The ways that share a session, and how many times each is measured: each way as often the first
#: of a turn, as the JVM gets faster. Kedro's session is made of the properties of the first one.
GROUPS = ((("sequential", "thread", "by-hand"), 6), (("plain-pool",), 1), (("kedro",), 1))


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


def differing(results: Path, mode: str, right: str = "sequential") -> list[str]:
    """Return the queries whose rows are not those of another way, in the same order."""
    import pyarrow.parquet as pq

    names = sorted(path.name for path in (results / right).iterdir())

    def rows(of: str, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(results / of / query).to_pylist()
        return found

    return [name for name in names if rows(mode, name) != rows(right, name)]


def measure(
    results: Path, groups: Sequence[tuple[tuple[str, ...], int]] = GROUPS
) -> dict[str, float]:
    """Return the median seconds of each way; each leaves its results."""
    data = tables(SCALE)
    of_ours: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for modes, turns in groups:
        is_kedro = modes == ("kedro",)
        if is_kedro and not KEDRO_PYTHON:
            continue
        settings = of_ours if is_kedro else SETTINGS
        with Child(
            "tests.benchmarks.tpch_modes",
            *(",".join(modes), str(data), str(results), SCALE, json.dumps(settings)),
            log=results / f"{modes[0]}.log",
            python=KEDRO_PYTHON if is_kedro else sys.executable,
        ) as child:
            warm_up = 0.0
            while warm_up < WARM_UP_SECONDS:
                warm_up += sum(child.ask(mode) for mode in modes)
            taken: dict[str, list[float]] = {mode: [] for mode in modes}
            for turn in range(turns):
                first = turn % len(modes)
                for mode in modes[first:] + modes[:first]:
                    taken[mode].append(child.ask(mode))
            seconds |= {mode: median(each) for mode, each in taken.items()}
            of_ours = of_ours or child.ask("settings")
    return seconds


def run(report: Report) -> None:
    report.title(f"TPC-H, 22 queries over 8 clean tables, scale {SCALE}: medians of whole runs")
    if not TPCHGEN:
        print("Left out: `make bench` has not installed tpchgen-cli in .venv-bench.")
        return
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder))
        wrong = {mode: differing(Path(folder), mode) for mode in seconds}
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
    if "kedro" not in seconds:
        print("Kedro is left out: `make bench` has not installed it in .venv-bench.")
