"""A stream that goes on is interrupted by Ctrl-C: what it has not taken the next run takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REGISTRY = """
from sparkpipe.pipeline import node, pipeline

def register_pipelines():
    return {"__default__": pipeline([node(lambda new: new, "in", "out", name="take")])}
"""
SPARK = {
    "spark.master": "local[1]",
    "spark.profile": "dev",
    "spark.ui.enabled": False,
    "spark.sql.shuffle.partitions": 1,
}


def entries(folder: Path, file_format: str, trigger: Any) -> dict[str, Any]:
    stream = {"type": "spark.SparkStreamingDataSet"}
    return {
        "in": {
            **stream,
            "filepath": str(folder / "in"),
            "file_format": "json",
            "load_args": {"schema": "id INT", "maxFilesPerTrigger": 1},
        },
        "out": {
            **stream,
            "filepath": str(folder / "out"),
            "file_format": file_format,
            "save_args": {"checkpoint": str(folder / "checkpoint"), "trigger": trigger},
        },
        "out@batch": {
            "type": "spark.SparkDataSet",
            "filepath": str(folder / "out"),
            "file_format": file_format,
        },
    }


def add(folder: Path, *ids: int) -> None:
    for number in ids:
        part = folder / f"{number}.part"
        part.write_text(json.dumps({"id": number}))
        part.rename(folder / "in" / f"{number}.json")


def start_endless(folder: Path, file_format: str) -> subprocess.Popen[str]:
    """Start the command in a project whose stream goes on, as a terminal starts it."""
    (folder / "shop").mkdir()
    (folder / "conf/base").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "shop"\n')
    (folder / "shop/__init__.py").touch()
    (folder / "shop/pipeline_registry.py").write_text(REGISTRY)
    (folder / "conf/base/spark.yml").write_text(json.dumps(SPARK))
    endless = entries(folder, file_format, {"processingTime": "100 milliseconds"})
    (folder / "conf/base/catalog.yml").write_text(json.dumps(endless))
    return subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", "run"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


# Spark's own sink saves the one; the other is saved batch by batch, by a function of ours.
@pytest.mark.parametrize(
    ("file_format", "first"),
    [
        ("parquet", "_spark_metadata/0"),
        pytest.param("delta", "_delta_log/00000000000000000001.json", marks=pytest.mark.delta),
    ],
)
@pytest.mark.classic("the process that is interrupted starts a Spark of its own")
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_stops_a_stream_that_goes_on_and_the_next_run_loses_nothing(
    spark: SparkSession, tmp_path: Path, file_format: str, first: str
) -> None:
    (tmp_path / "in").mkdir()
    add(tmp_path, 0, 1)
    process = start_endless(tmp_path, file_format)
    taken = tmp_path / "out" / first
    ends = time.monotonic() + 400
    while not taken.exists() and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    add(tmp_path, *range(2, 8))
    with suppress(ProcessLookupError):  # it has failed, and tells why below
        os.killpg(process.pid, signal.SIGINT)  # in the midst of its batches
    told, _ = process.communicate(timeout=120)
    assert taken.exists(), told
    assert process.returncode == 130, told

    catalog = DataCatalog.from_config(entries(tmp_path, file_format, "availableNow"))
    take = node(lambda new: new, "in", "out", name="take")
    with activated(SparkProvider(session=spark)):
        SequentialRunner().run(pipeline([take]), catalog)
        rows = catalog.load("out@batch").collect()
    assert sorted(row.id for row in rows) == [*range(8)]
