"""A module that needs Spark while it is imported is told by its line, and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyspark")

LINES = {
    "column": "KEY = functions.col('customer_id')",
    "window": "ROWS = Window.partitionBy('customer_id')",
    "udf": "UPPER = functions.udf('string')(str.upper)",
}
FAILS = """
import sys
from sparkpipe.errors import ConfigError
from sparkpipe.project.importing import import_module
try:
    import_module(sys.argv[1])
except ConfigError as exc:
    print(exc)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", LINES)
def test_a_line_that_needs_a_session_is_named_with_what_to_do(tmp_path: Path, kind: str) -> None:
    head = "from pyspark.sql import Window, functions\n\n"
    (tmp_path / "words.py").write_text(f"{head}{LINES[kind]}\n")
    # A process of its own, for others may have a session.
    done = subprocess.run(
        [sys.executable, "-c", FAILS, "words"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    if kind == "column" and not done.stdout:  # Spark 4 makes some of them without a session
        return
    assert "words.py:3" in done.stdout
    assert "needs a Spark session" in done.stdout
