"""Thirty days in one command against a command for each of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.report import Report

DAYS = 30
#: A command with Spark takes its seconds whatever it does, so a few tell what thirty take.
COMMANDS_WITH_SPARK = 3

_REGISTRY = """
from sparkpipe.pipeline import node, pipeline

def total(orders):
    return sum(orders)

def to_table(orders, day):
    from sparkpipe.spark.session import get_spark
    rows = [(day.isoformat(), order) for order in orders]
    return get_spark().createDataFrame(rows, "day STRING, amount LONG")

def register_pipelines():
    return {
        "plain": pipeline([node(total, "orders", "total")]),
        "spark": pipeline([node(to_table, ["orders", "slice:day"], "table")]),
    }
"""

_CATALOG = """
orders: {type: json.JSONDataSet, filepath: "data/orders/${slice:day}.json"}
total: {type: json.JSONDataSet, filepath: "data/total/${slice:day}.json"}
table:
  type: spark.DeltaTableDataSet
  filepath: data/table
  save_args: {mode: overwrite, partitionBy: [day], replaceWhere: "day = '${slice:day}'"}
"""


def make_project(folder: Path) -> None:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "sliced_project"\n',
        "sliced_project/__init__.py": "",
        "sliced_project/pipeline_registry.py": _REGISTRY,
        "conf/base/catalog.yml": _CATALOG,
        "conf/base/slices.yml": "day: {every: 1 day, from: 2024-01-01, to: 2024-01-31}\n",
        **{f"data/orders/2024-01-{day:02}.json": "[1, 2, 3]" for day in range(1, DAYS + 1)},
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def seconds_of(folder: Path, pipeline: str, slices: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "sparkpipe", "run", "--no-progress"),
            *("--pipeline", pipeline, "--slice", f"day={slices}"),
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "SPARKPIPE_ENV"},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def run(report: Report) -> None:
    report.title(f"{DAYS} days in one command against {DAYS} commands")
    for pipeline, count in (("plain", DAYS), ("spark", COMMANDS_WITH_SPARK)):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_project(folder)
            seconds_of(folder, pipeline, "2024-01-01")  # which compiles
            together = seconds_of(folder, pipeline, f"2024-01-01..2024-01-{DAYS}")
            alone = sum(
                seconds_of(folder, pipeline, f"2024-01-{day:02}") for day in range(1, count + 1)
            )
            alone *= DAYS / count
            report.line(f"{pipeline}: one command", together, "s")
            report.line(f"{pipeline}: {DAYS} commands, of which {count} ran", alone, "s")
            report.line(f"{pipeline}: ratio", alone / together, "x", least=3)
