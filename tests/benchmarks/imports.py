"""What importing costs, over starting Python itself: whole processes, in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from statistics import median

from tests.benchmarks.report import Report

RUNS = 15

COMMANDS = {
    "import sparkpipe.runner, .io, .pipeline": (
        ["-c", "import sparkpipe.runner, sparkpipe.io, sparkpipe.pipeline"],
        50,
    ),
    "sparkpipe --version": (["-m", "sparkpipe", "--version"], 100),
    "import pandas (for comparison)": (["-c", "import pandas"], None),
    "import pyspark.sql (for comparison)": (["-c", "import pyspark.sql"], None),
}


def run(report: Report) -> None:
    report.title(f"Import: median of {RUNS} runs, in milliseconds over bare Python")
    with tempfile.TemporaryDirectory() as cache:
        # Compiled files as an installed package has them, also where writing them is turned off.
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        every = {"bare": (["-c", "pass"], None), **COMMANDS}
        seconds: dict[str, list[float]] = {name: [] for name in every}
        for turn in range(RUNS + 1):
            for name, (arguments, _) in every.items():
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, *arguments], env=env, check=True, capture_output=True
                )
                if turn:  # the first one compiles
                    seconds[name].append(time.perf_counter() - started)
    bare = median(seconds["bare"])
    for name, (_, limit) in COMMANDS.items():
        report.line(name, (median(seconds[name]) - bare) * 1e3, "ms", limit)
