"""Streams that are killed at random moments: each row is in the Delta table once.

Of a stream that is judged, each row is once in the table or in the quarantine. Of one that keeps
what rows were (SCD 2), each row that is not dropped is valid until the next one of its key.

``python -m tests.load stream_kills``; ``KILLS`` (20) says how often it is killed, ``SEED`` repeats
the moments of an earlier run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sparkpipe.datasets.spark.delta_log import versions
from tests.load.stream_writer import KEYS, REJECTED

_FILES_A_KILL = 4
_JUDGED = ("judged", "judged_rejected")


class Writer:
    """A process that takes what is new until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.stream_writer", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.wait_for("ready")

    def wait_for(self, word: str) -> None:
        """Wait until it has printed a line of this word."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == word:
                return
        raise RuntimeError(f"the writer ended before it was '{word}'")

    def kill(self) -> None:
        """Kill it, and the JVM that it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def run() -> int:
    """Kill a stream again and again; return how many rows are lost or there twice."""
    kills = int(os.environ.get("KILLS", "20"))
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    chosen = random.Random(seed)
    written = 0
    with tempfile.TemporaryDirectory(prefix="sparkpipe-streams-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for _ in range(kills):
            written = _add(folder, written)
            writer = Writer(folder)
            time.sleep(chosen.uniform(0, 8))
            writer.kill()
        last = Writer(folder)
        last.wait_for("ran")
        last.kill()
        found = {
            name: Counter(row["n"] for row in _rows(folder / name)) for name in ("out", *_JUDGED)
        }
        history = _rows(folder / "history")
    wrong = [
        number
        for number in range(written)
        if found["out"][number] != 1
        or [found[name][number] for name in _JUDGED]
        != [bool(number % REJECTED), not number % REJECTED]
    ]
    told = Counter((row["n"], row["valid_to"], row["is_current"]) for row in history)
    right = Counter(_history(written))
    differ = (told - right) + (right - told)
    print(
        f"stream_kills (seed {seed}): {kills} kills, {written} rows, {len(wrong)} not there once, "
        f"{differ.total()} of the history are wrong"
    )
    return len(wrong) + differ.total()


def _history(written: int) -> list[tuple[int, int | None, bool]]:
    """Return what the table of histories has to hold: rows, until when they are valid, the last."""
    found: list[tuple[int, int | None, bool]] = []
    for key in range(KEYS):
        kept = [n for n in range(key, written, KEYS) if n % REJECTED != 1]
        found += [(n, after, False) for n, after in pairwise(kept)]
        found += [(n, None, True) for n in kept[-1:]]
    return found


def _add(folder: Path, first: int) -> int:
    for number in range(first, first + _FILES_A_KILL):
        part = folder / f"{number}.part"
        part.write_text(f'{{"n": {number}}}\n')
        part.rename(folder / "in" / f"{number}.json")
    return first + _FILES_A_KILL


def _rows(table: Path) -> list[dict[str, Any]]:
    """Return the rows of the table, by its log: without Spark, which is not asked about itself."""
    there: set[str] = set()
    for version in versions(table):
        for line in (table / "_delta_log" / f"{version:020}.json").read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                there.add(action["add"]["path"])
            if "remove" in action:
                there.discard(action["remove"]["path"])
    return [row for path in there for row in pq.read_table(table / path).to_pylist()]
