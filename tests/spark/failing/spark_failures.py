"""Failures of Spark that more than one test needs, and what is told of them in other processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.failures.judging import is_cancellation, may_pass, spark_reason

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# By name of a failure: its reason, whether it may pass, and whether it was a cancellation.
Told = dict[str, tuple[str, bool, bool]]


def tell(name: str, job: Callable[[], Any]) -> None:
    """Print what is told of the failure of a job; for the scripts of :func:`told_by`."""
    try:
        job()
    except Exception as exc:
        told = [spark_reason(exc), may_pass(exc), is_cancellation(exc)]
        print(json.dumps([name, *told]), flush=True)


def told_by(script: str, *arguments: str, folder: Path) -> Told:
    """Run a script beside this file in a process of its own, and return what it has told."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert lines, done.stderr
    return {name: (reason, passes, cancelled) for name, reason, passes, cancelled in lines}


def errors_of_overwriting_at_once(frame: DataFrame, path: str) -> list[Exception]:
    """Overwrite a Delta table from three threads until one fails; return the failures in order."""
    errors: list[Exception] = []

    def write(together: threading.Barrier) -> None:
        together.wait(60)
        try:
            frame.write.format("delta").mode("overwrite").save(path)
        except Exception as exc:
            errors.append(exc)

    for _ in range(20):  # a writer that is quick enough meets no other
        together = threading.Barrier(3)
        threads = [threading.Thread(target=write, args=(together,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            return errors
    raise AssertionError("no writer has met another")
