"""The flights example is killed at random moments, and continued to the results of a whole run.

Each time ``sparkpipe run`` is killed (``kill -9``, its JVM too) at a random moment of its work in a
project without data, and ``sparkpipe run --resume`` is to finish it. Tables, scores and what the
model says of the same flights must be those of the whole run. The environment may say how many
times (``KILLS``, by default 20), and under which runner (``RUNNER``); by default those that run
Spark's nodes take turns.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

from sparkpipe.examples.flights.pipelines.model.nodes import CATEGORIES, NUMBERS

_ROOT = Path(__file__).parents[2]
_LONGEST_S = 600.0
_FEATURES = "data/04_model/features"
RUNNERS = ("ThreadRunner", "SequentialRunner", "HybridRunner")
_TABLES = ("delays_by_route", "delays_by_airline", "delays_by_hour")


def run() -> int:
    """Return how many continued runs failed, or came to other results."""
    kills = int(os.environ.get("KILLS", "20"))
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    chosen = random.Random(seed)
    runners = [os.environ["RUNNER"]] if os.environ.get("RUNNER") else [*RUNNERS]
    wrong: list[str] = []
    taken_over: list[int] = []
    with tempfile.TemporaryDirectory(prefix="sparkpipe-resumes-") as name:
        whole = _project(Path(name, "whole"))
        began = time.monotonic()
        _sparkpipe(whole, "run", f"--runner={runners[0]}")
        seconds = time.monotonic() - began
        flights = pd.read_parquet(whole / _FEATURES)
        expected = _results(whole, flights)
        for number in range(1, kills + 1):
            project = _project(Path(name, f"killed-{number}"))
            moment, runner = chosen.uniform(0, seconds), runners[(number - 1) % len(runners)]
            _kill_after(project, moment, runner)
            try:
                _sparkpipe(project, "run", *_how(project, runner))
                found = _results(project, flights)
            except (OSError, ValueError, subprocess.SubprocessError) as exc:
                told = getattr(exc, "stderr", None) or exc
                wrong.append(f"kill {number} of {runner} after {moment:.1f} s: {told}")
                continue
            taken_over.append(_taken_over(project))
            different = [name for name in expected if not _is_same(expected[name], found[name])]
            told = f"kill {number} of {runner} after {moment:.1f}"
            wrong += [f"{told} s: {name}" for name in different]
            print(
                f"  {told} of {seconds:.1f} s: {taken_over[-1]} of 15 "
                f"nodes taken over, {len(different)} results wrong",
                flush=True,
            )
            shutil.rmtree(project)
    print(
        f"resumes (seed {seed}): {kills} kills within {seconds:.0f} s; of 15 nodes the continued "
        f"runs took over {sorted(taken_over)}; {len(wrong)} wrong"
    )
    for told in wrong:
        print(f"  {told}")
    return len(wrong)


def _project(folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(_ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf" / "local").mkdir()
    shutil.copy(_ROOT / "pyproject.toml", folder)
    return folder


def _start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _sparkpipe(project: Path, *arguments: str) -> str:
    """Run a command in a project and return what it says.

    Raises:
        CalledProcessError: It has failed.
    """
    process = _start(project, *arguments)
    out, err = process.communicate(timeout=_LONGEST_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, out, err)
    return out


def _kill_after(project: Path, seconds: float, runner: str) -> None:
    process = _start(project, "run", f"--runner={runner}")
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _runs(project: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(_sparkpipe(project, "runs", "list", "--format=json"))
    return runs


def _how(project: Path, runner: str) -> list[str]:
    """Return how a run goes on: one that was killed before it began is begun."""
    return ["--resume"] if _runs(project) else [f"--runner={runner}"]


def _taken_over(project: Path) -> int:
    """Return how many nodes the last run did not have to do."""
    run = json.loads(_sparkpipe(project, "runs", "show", "--format=json"))
    return 15 - len(run["nodes"])


def _results(project: Path, flights: pd.DataFrame) -> dict[str, Any]:
    """Return what a project has come to, with what its model says of flights."""
    statistics = project / "data" / "03_statistics"
    results: dict[str, Any] = {name: _table(statistics / name) for name in _TABLES}
    scores = json.loads((project / "data/04_model/evaluation.json").read_text())
    model = pickle.loads((project / "data/04_model/delay_model.pkl").read_bytes())
    rows = flights[[*NUMBERS, *CATEGORIES]]
    rows = rows.astype(dict.fromkeys(NUMBERS, "float32") | dict.fromkeys(CATEGORIES, "category"))
    late = pd.DataFrame({"late": model.predict_proba(rows)[:, 1]})
    return {**results, "evaluation": pd.DataFrame([scores]), "predictions": late}


def _table(folder: Path) -> pd.DataFrame:
    """Return the rows of a Delta table by its log, so that no Spark is needed."""
    files: dict[str, None] = {}
    for commit in sorted((folder / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                files[action["add"]["path"]] = None
            elif "remove" in action:
                files.pop(action["remove"]["path"], None)
    rows = pd.concat([pd.read_parquet(folder / path) for path in files], ignore_index=True)
    return rows.sort_values(list(rows.columns)).reset_index(drop=True)


def _is_same(expected: pd.DataFrame, found: pd.DataFrame) -> bool:
    try:
        # Sums of floats differ by the order in which Spark adds them up.
        pd.testing.assert_frame_equal(expected, found, rtol=1e-9)
    except AssertionError:
        return False
    return True
