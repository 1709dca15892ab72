"""A Spark Connect server that cannot be used is told at once, in one message."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

Told = dict[str, tuple[str, float, bool]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    pytest.importorskip("grpc", reason="the client of Spark Connect is not installed")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "failing" / "bad_connect_servers.py")],
        cwd=tmp_path_factory.mktemp("bad"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == 8, done.stderr
    return {name: (text, seconds, as_before) for name, text, seconds, as_before in lines}


@pytest.mark.parametrize(
    ("kind", "start", "hint"),
    [
        ("down", "The Spark Connect server sc://localhost:", "SPARK_REMOTE, or spark.remote"),
        ("wrong address", "No connection to the Spark Connect server sc://localhost/path", "Check"),
        ("something else", "What answers at sc://localhost:", "Check the address"),
        ("too old", "The Spark Connect server sc://localhost:", "'pyspark[connect]==3.5.*'"),
        ("no token", "The Spark Connect server sc://localhost:", "/;token=..."),
        ("wrong token", "The Spark Connect server sc://localhost:", "Ask for one that is valid"),
        ("TLS", "The Spark Connect server sc://127.0.0.1:", "Leave out use_ssl"),
    ],
)
def test_a_server_that_cannot_be_used_is_told(told: Told, kind: str, start: str, hint: str) -> None:
    text, seconds, is_as_before = told[kind]
    assert text.startswith(start)
    assert hint in text
    assert len(text.splitlines()) == 1
    assert "hush-hush" not in text
    assert seconds < 30
    assert is_as_before  # another session may be started


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("down", "does not answer: "),
        ("too old", "is too old: it is of Spark 3.5.1, and pyspark here of "),
        ("no token", "wants a token: No authentication token provided"),
        ("wrong token", "refuses the token: Invalid authentication token"),
        ("TLS", "does not speak TLS as the address asks for"),
    ],
)
def test_it_says_why(told: Told, kind: str, says: str) -> None:
    assert says in told[kind][0]


def test_an_older_server_of_the_same_line_is_used_with_a_warning(told: Told) -> None:
    import pyspark

    if pyspark.__version__.startswith("4.0."):
        pytest.skip("no server of Spark 4 is older")
    assert "is of Spark 4.0.0" in told["older"][0]
    assert "pip install 'pyspark-client==4.0.*'" in told["older"][0]
