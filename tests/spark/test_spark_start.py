"""Spark as users start it, on the command line: what goes wrong is told, the rest is quiet.

What is about the start runs in a process of its own, for the session of other tests must live on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_project import PLAIN, make_java
from in_process import Ended, call

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NODES = """
def keep(frame):
    return frame

def choose(frame):
    return frame.select("distanc")

def explode(frame):
    def fail(batches):
        raise ValueError("boom")
        yield from batches

    return frame.mapInPandas(fail, "a int").toPandas()
"""
REGISTRY = """
from sparkpipe.pipeline import node, pipeline
from flying.nodes import choose, explode, keep

def register_pipelines():
    return {
        "__default__": pipeline([node(keep, "flights", "kept")]),
        "broken": pipeline([node(choose, "flights", "kept")]),
        "exploding": pipeline([node(explode, "flights", "exploded")]),
    }
"""
CATALOG = """
flights:
  type: spark.SparkDataSet
  filepath: flights.csv
  file_format: csv
  load_args: {header: true, schema: "carrier STRING, distance INT"}
kept:
  type: spark.DeltaTableDataSet
  filepath: kept
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "flying"\n',
        "flying/__init__.py": "",
        "flying/nodes.py": NODES,
        "flying/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": CATALOG,
        "conf/base/spark.yml": (
            "spark.master: local[1]\nspark.ui.enabled: false\n"
            "spark.driver.extraJavaOptions: -XX:TieredStopAtLevel=1\n"
        ),
        "flights.csv": "carrier,distance\nUA,1400\nB6,1576\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _sparkpipe(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparkpipe", *words],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _on_the_running_spark(project: Path, *words: str) -> Ended:
    return call("sparkpipe", words, project, PLAIN)


def test_a_run_on_spark_is_quiet(project: Path) -> None:
    done = _sparkpipe(project, "run", "--runner=ThreadRunner")
    assert done.returncode == 0, done.stderr
    assert (project / "kept" / "_delta_log").is_dir()
    told = done.stderr + done.stdout
    for noise in (":: loading", "WARN", "Ivy", "log4j", "Setting default log level", "[Stage"):
        assert noise not in told
    assert len(told.splitlines()) <= 10
    assert (project / "logs" / "spark.log").stat().st_size > 0


@pytest.mark.classic("errors of Connect are told in tests/spark/test_connect_failures.py")
def test_a_missing_column_is_told_in_a_few_lines(spark: SparkSession, project: Path) -> None:
    done = _on_the_running_spark(project, "run", "--pipeline", "broken")
    assert done.status == 1
    error = done.err[done.err.index("Error: ") :]
    assert "Node 'choose' failed: there is no column `distanc`. Did you mean `distance`?" in error
    assert "flying/nodes.py:6 in choose" in error
    assert "--from-nodes choose" in error
    assert len(done.err.splitlines()) <= 15
    # The trace of Java is for the log file.
    assert '"stacktrace"' not in done.err
    assert "at org.apache" not in done.err
    assert "Py4JJavaError" not in done.err
    assert "UNRESOLVED_COLUMN" in (project / "logs" / "sparkpipe.log").read_text()


@pytest.mark.classic("errors of Connect are told in tests/spark/test_connect_failures.py")
def test_the_trace_of_java_is_told_by_verbose(spark: SparkSession, project: Path) -> None:
    done = _on_the_running_spark(project, "run", "--pipeline", "broken", "--verbose")
    assert done.status == 1
    assert "Traceback (most recent call last)" in done.err
    assert "UNRESOLVED_COLUMN" in done.err
    assert "JVM stacktrace:" in done.err
    assert "\tat org.apache.spark" in done.err
    error = done.err[done.err.index("Error: ") :]
    assert "Did you mean `distance`?" in error
    assert "\tat " not in error


@pytest.mark.classic("errors of Connect are told in tests/spark/test_connect_failures.py")
def test_an_error_in_a_python_worker_is_told_in_a_few_lines(
    spark: SparkSession, project: Path
) -> None:
    done = _on_the_running_spark(project, "run", "--pipeline", "exploding")
    assert done.status == 1
    error = done.err[done.err.index("Error: ") :]
    assert "Node 'explode' failed: in a Python worker: ValueError: boom" in error
    assert "  at flying/nodes.py:10 in fail" in error
    assert len(done.err.splitlines()) <= 15
    assert "Traceback" not in done.err
    assert "\tat " not in done.err


def test_packages_that_cannot_be_fetched_are_named(project: Path) -> None:
    with (project / "conf/base/spark.yml").open("a") as file:
        file.write("spark.jars.packages: com.example.nowhere:no-such-thing:9.9.9\n")
    done = _sparkpipe(project, "run")
    assert done.returncode == 1
    error = done.stderr[done.stderr.index("Error: ") :]
    assert "'keep' could not load 'flights'" in error
    assert "packages could not be fetched" in error
    assert "no-such-thing" in error
    assert "Check the network or proxy" in error
    assert "spark.log" in error
    assert len(done.stderr.splitlines()) <= 15


def test_a_setting_that_spark_refuses_is_told(project: Path) -> None:
    with (project / "conf/base/spark.yml").open("a") as file:
        file.write("spark.driver.memory: lots\n")
    done = _sparkpipe(project, "run")
    assert done.returncode == 1
    error = done.stderr[done.stderr.index("Error: ") :]
    assert "Spark could not start" in error
    assert "lots" in error
    assert "spark.yml" in error
    assert len(done.stderr.splitlines()) <= 15


def test_java_too_old_is_found_before_anything_runs(project: Path) -> None:
    home = make_java(project / "jdk", 'JAVA_VERSION="11.0.2"\n')
    done = _sparkpipe(project, "run", JAVA_HOME=str(home))
    assert done.returncode == 2
    assert "Spark needs Java 17 or newer" in done.stderr
    assert "Java 11" in done.stderr
    assert "Running node" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3
