"""A run of 100 nodes is killed at the 60th and continued: what is done again, how long it takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.changed import make_project
from tests.benchmarks.report import Report

NODES = 100
KILLED_AT = 60
NODE_SECONDS = 0.1


def _sparkpipe(project: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _run(project: Path, *arguments: str) -> float:
    started = time.perf_counter()
    process = _sparkpipe(project, "run", *arguments)
    process.communicate()
    if process.returncode:
        raise RuntimeError(f"sparkpipe run {' '.join(arguments)} failed")
    return time.perf_counter() - started


def run(report: Report) -> None:
    report.title(
        f"{NODES} nodes of {NODE_SECONDS} s, killed (kill -9) at the {KILLED_AT}th, continued"
    )
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        make_project(project, NODES)
        nodes = project / "many" / "nodes.py"
        text = nodes.read_text().replace(
            "    return number + by\n", f"    time.sleep({NODE_SECONDS})\n    return number + by\n"
        )
        nodes.write_text(f"import time\n\n\n{text}")
        whole = _run(project)
        for file in (project / "data").glob("[0-9]*.json"):
            file.unlink()
        process = _sparkpipe(project, "run")
        while len([*(project / "data").glob("[0-9]*.json")]) < KILLED_AT:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        seconds = _run(project, "--resume")
        shown = _sparkpipe(project, "runs", "show", "--format=json").communicate()[0]
        done = sum(node["status"] == "done" for node in json.loads(shown)["nodes"])
    report.line("a whole run", whole, "s")
    report.line("the continued run", seconds, "s")
    report.line("nodes of the continued run", done, "", limit=NODES - KILLED_AT + 1)
    report.line("of these, nodes done again", done - (NODES - KILLED_AT), "", limit=1)
