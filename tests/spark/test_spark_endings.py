"""Memory that is not enough, and processes of Spark that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_failures import Told, told_by


def _told(kind: str, folder: Path) -> Told:
    return told_by("ending_sparks.py", kind, str(folder / "spark.log"), folder=folder)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return _told("driver", tmp_path_factory.mktemp("driver"))


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
    reason, passes, cancelled = _told("executor", tmp_path)["lost"]
    assert reason.startswith("an executor was lost: Command exited with code 137.")
    assert "most likely ran out of memory" in reason
    assert "spark.executor.memory" in reason
    assert passes
    assert not cancelled
