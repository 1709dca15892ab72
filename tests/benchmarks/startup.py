"""From ``sparkpipe run`` to the first node: a project of 1,000 catalog entries, without Spark."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.report import Report

RUNS = 9
ENTRIES = 1_000

_REGISTRY = """
import time
from sparkpipe.pipeline import node, pipeline

def first(x):
    print("began", time.time(), flush=True)

def register_pipelines():
    return {"__default__": pipeline([node(first, "params:x", None)])}
"""


def make_project(folder: Path, globals_used: bool = False) -> None:
    where = "${globals:data}" if globals_used else "data"
    entry = (
        "data_set_{0}:\n  type: pandas.CSVDataSet\n  filepath: {1}/{0}.csv\n"
        "  load_args:\n    sep: ;\n"
    )
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "startup_project"\n',
        "startup_project/__init__.py": "",
        "startup_project/pipeline_registry.py": _REGISTRY,
        "conf/base/catalog.yml": "".join(entry.format(i, where) for i in range(ENTRIES)),
        "conf/base/globals.yml": "data: data\n",
        "conf/base/parameters.yml": "x: 1\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def seconds_to_first_node(folder: Path, env: dict[str, str]) -> float:
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "sparkpipe", "run", "--no-progress"],
        cwd=folder,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("began "))
    return float(line.split()[1]) - started


def run(report: Report) -> None:
    report.title(f"sparkpipe run to the first node, {ENTRIES} entries: seconds over bare Python")
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        bare: list[float] = []
        plain: list[float] = []
        with_globals: list[float] = []
        folders = {name: Path(cache) / name for name in ("plain", "globals")}
        for name, folder in folders.items():
            make_project(folder, globals_used=name == "globals")
        for turn in range(RUNS + 1):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], env=env, check=True)
            took = (
                time.perf_counter() - started,
                seconds_to_first_node(folders["plain"], env),
                seconds_to_first_node(folders["globals"], env),
            )
            if turn:  # the first one compiles
                for seconds, one in zip((bare, plain, with_globals), took, strict=True):
                    seconds.append(one)
    report.line("plain entries", median(plain) - median(bare), "s", 0.4)
    report.line("entries with ${globals:...}", median(with_globals) - median(bare), "s", 0.4)
