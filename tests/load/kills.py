"""Two processes save the same data sets and are killed at random moments, while a third one reads.

Each of the two is killed (``kill -9``, its JVM too) at a random moment of a run, in turn. After
each kill every data set must be the old or a new whole one, and the next run of that process must
end well. The environment may say how many kills are made (``KILLS``, by default 50), within how
many seconds (``SECONDS``), and ``KIND=plain`` that Spark is left out, which starts sooner.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.load.kill_reader import mixtures

_LONGEST_S = 240.0
_NAMES = ("first", "second")


class Writer:
    """A process that saves, in a group of its own with its JVM."""

    def __init__(self, folder: Path, name: str, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.kill_writer", str(folder), name, kind],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put("ended")

    def wait_for_run(self) -> tuple[float, str]:
        """Return how long a run took, and of what it failed; empty if it ended well."""
        while True:
            word, _, told = self._lines.get(timeout=_LONGEST_S).partition(" ")
            if word == "ran":
                return float(told), ""
            if word in ("failed", "ended"):
                return 0.0, told or word

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def run() -> int:
    """Return how many mixtures and failed runs were found."""
    kills = int(os.environ.get("KILLS", "50"))
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    chosen = random.Random(seed)
    kind = os.environ.get("KIND", "all")
    ends = time.monotonic() + float(os.environ.get("SECONDS", "86400"))
    wrong: list[str] = []
    looked = made = 0
    with tempfile.TemporaryDirectory(prefix="sparkpipe-kills-") as name:
        folder = Path(name)
        reader = subprocess.Popen(
            [sys.executable, "-m", "tests.load.kill_reader", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        writers = {who: Writer(folder, f"{who}-0", kind) for who in _NAMES}
        try:
            for number in range(1, kills + 1):
                if time.monotonic() > ends:
                    break
                who = _NAMES[number % 2]
                seconds, failure = writers[who].wait_for_run()
                if failure:
                    wrong.append(f"the run after kill {number - 1}: {failure}")
                time.sleep(chosen.uniform(0, seconds))
                writers[who].kill()
                made = number
                count, found = _look(folder)
                looked += count
                wrong += [f"after kill {number}: {told}" for told in found]
                writers[who] = Writer(folder, f"{who}-{number}", kind)
            for writer in writers.values():
                _, failure = writer.wait_for_run()
                wrong += [f"the last run: {failure}"] if failure else []
        finally:
            for writer in writers.values():
                writer.kill()
            told, _ = reader.communicate("", timeout=60)
        seen = json.loads(told)
        wrong += [f"read meanwhile: {told}" for told in seen["found"]]
    print(
        f"kills ({kind}, seed {seed}): {made} kills; {looked} data sets looked at after them and "
        f"{seen['read']} read meanwhile; {len(wrong)} mixtures and failed runs; "
        f"{seen['again']} times a reader began again, as what it had listed was replaced"
    )
    for told, times in Counter(wrong).items():
        print(f"  {told} ({times})")
    return len(wrong)


def _look(folder: Path) -> tuple[int, list[str]]:
    """Read all data sets; the other process may replace one between listing and opening."""
    for _ in range(50):
        try:
            return mixtures(folder)
        except FileNotFoundError:
            time.sleep(0.02)
    return 0, ["what is listed is never there"]
