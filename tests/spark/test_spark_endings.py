"""Memory that is not enough, and processes of Spark that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

Told = dict[str, tuple[str, bool, bool]]


def _run(kind: str, folder: Path) -> Told:
    script = Path(__file__).with_name("ending_sparks.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, str(folder / "spark.log")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert lines, done.stderr
    return {name: (reason, passes, cancelled) for name, reason, passes, cancelled in lines}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return _run("driver", tmp_path_factory.mktemp("driver"))


@pytest.mark.spark
def test_a_driver_without_memory_says_which_setting_to_raise(driver: Told) -> None:
    reason, passes, cancelled = driver["memory"]
    assert reason.startswith("the Spark driver ran out of memory (Java heap space).\n")
    assert "Raise spark.driver.memory in spark.yml" in reason
    assert passes
    assert not cancelled


@pytest.mark.spark
def test_results_larger_than_allowed_name_the_setting(driver: Told) -> None:
    reason, passes, _ = driver["big"]
    assert reason.startswith("the results are bigger (")
    assert "spark.driver.maxResultSize" in reason
    assert "Collect less" in reason
    assert not passes


@pytest.mark.spark
@pytest.mark.parametrize("when", ["gone", "still gone"])
def test_a_jvm_that_was_killed_is_told_and_no_retry_brings_it_back(driver: Told, when: str) -> None:
    reason, passes, cancelled = driver[when]
    assert reason.startswith("the connection to Spark's JVM is lost: it has ended or was killed.")
    assert not passes
    assert not cancelled


@pytest.mark.spark
def test_an_executor_that_was_killed_is_told_and_may_come_back(tmp_path: Path) -> None:
    reason, passes, cancelled = _run("executor", tmp_path)["lost"]
    assert reason.startswith("an executor was lost: Command exited with code 137.")
    assert "most likely ran out of memory" in reason
    assert "spark.executor.memory" in reason
    assert passes
    assert not cancelled
