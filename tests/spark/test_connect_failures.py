"""Failures of Spark Connect are told and judged like those of classic Spark."""

from __future__ import annotations

import pytest
from spark_failures import Told, told_by

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    pytest.importorskip("grpc", reason="the client of Spark Connect is not installed")
    folder = tmp_path_factory.mktemp("connect")
    return told_by("connect_failures.py", str(folder), folder=folder)


@pytest.mark.parametrize("kind", ["cancelled count", "cancelled toPandas", "cancelled write"])
def test_a_job_that_was_interrupted_is_known_as_cancelled(told: Told, kind: str) -> None:
    assert told[kind] == ("its Spark job was cancelled.", False, True)


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("missing column", "there is no column `idd`. Did you mean `id`? There are: `id`."),
        (
            "wrong query",
            "[PARSE_SYNTAX_ERROR] Syntax error at or near 'y' (line 2, position 9): where x y z",
        ),
        ("worker", "in a Python worker: ValueError: boom"),
        ("session closed", "the Spark session is closed"),
    ],
)
def test_failures_that_last_are_told_plainly(told: Told, kind: str, start: str) -> None:
    reason, passes, cancelled = told[kind]
    assert reason.startswith(start)
    assert len(reason.splitlines()) <= 3
    assert not passes
    assert not cancelled


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("worker died", "a Python worker died without an exception"),
        ("server gone", "the Spark Connect server does not answer"),
    ],
)
def test_failures_that_may_pass_are_told_plainly(told: Told, kind: str, start: str) -> None:
    reason, passes, cancelled = told[kind]
    assert reason.startswith(start)
    assert passes
    assert not cancelled
