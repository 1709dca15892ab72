"""What it costs to see that nothing has changed, and what a second run of the example saves."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Report

ROOT = Path(__file__).parents[2]
NODES = (1_000, 10_000)
CHAIN = 10  # nodes that follow one another

REGISTRY = """
from sparkpipe.pipeline import node, pipeline

import many.nodes


def register_pipelines():
    return {
        "__default__": pipeline([
            node(
                getattr(many.nodes, f"add{i}"),
                [f"file{i}" if i % CHAIN else "start", f"params:by{i % 7}"],
                f"file{i + 1}",
                name=f"add{i}",
            )
            for i in range(COUNT)
        ])
    }
"""

FUNCTION = """
def add{i}(number, by):
    return plus(number, by) + {i}
"""


def make_project(folder: Path, count: int) -> None:
    """Write a project of so many nodes, each with a function and a file of its own."""
    package = folder / "many"
    conf = folder / "conf" / "base"
    for one in (package, conf, folder / "data"):
        one.mkdir(parents=True)
    folder.joinpath("pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "many"\n')
    package.joinpath("__init__.py").touch()
    head = f"CHAIN, COUNT = {CHAIN}, {count}\n"
    package.joinpath("pipeline_registry.py").write_text(head + REGISTRY)
    functions = "".join(FUNCTION.format(i=i) for i in range(count))
    plus = "def plus(number, by):\n    return number + by\n"
    package.joinpath("nodes.py").write_text(plus + functions)
    entry = {"type": "json.JSONDataSet"}
    entries = {f"file{i}": {**entry, "filepath": f"data/{i}.json"} for i in range(count + 1)}
    entries["start"] = {**entry, "filepath": "data/start.json"}
    conf.joinpath("catalog.yml").write_text(json.dumps(entries))
    conf.joinpath("parameters.yml").write_text(json.dumps({f"by{i}": i for i in range(7)}))
    folder.joinpath("data/start.json").write_text("1")


def decide(folder: str) -> None:
    """Run a project, and print how long it takes to find that nothing has changed."""
    from sparkpipe.session import Session

    logging.disable(logging.WARNING)
    sys.path.insert(0, folder)
    Session(folder).run()
    seconds = []
    for changed in (False, True) * 3:
        session = Session(folder)
        _ = session.pipelines  # importing the functions is not what is measured
        started = time.perf_counter()
        planned = session.plan(changed=changed)
        seconds.append(time.perf_counter() - started)
        assert planned.problems == (), planned.problems
        assert not changed or not any(node.runs for node in planned.nodes)
    print(json.dumps({"plain": min(seconds[::2]), "changed": min(seconds[1::2])}))


def run_example(project: Path, *options: str) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "sparkpipe", "run", "--runner=ThreadRunner", *options]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return time.perf_counter() - started


def run(report: Report) -> None:
    report.title("Unchanged nodes, each with a function and a file of its own: until it is decided")
    for count in NODES:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder, "project")
            make_project(project, count)
            code = "import sys; from tests.benchmarks.changed import decide; decide(sys.argv[1])"
            command = [sys.executable, "-c", code, str(project)]
            out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
            told: dict[str, Any] = json.loads(out)
        report.line(f"{count:,} nodes: a plan of all", told["plain"], "s")
        limit = 1.0 if count == 1_000 else None
        report.line(f"{count:,} nodes: a plan of what has changed", told["changed"], "s")
        decided = told["changed"] - told["plain"]
        report.line("    more than of all, as it is decided", decided, "s", limit)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "flights")
        shutil.copytree(ROOT / "conf", project / "conf", ignore=shutil.ignore_patterns("local"))
        shutil.copy(ROOT / "pyproject.toml", project)
        (project / "conf" / "local").mkdir()
        run_example(project)
        report.title("The flights example, in a process of its own")
        full = run_example(project)
        unchanged = min(run_example(project, "--changed") for _ in range(3))
    report.line("a full run", full, "s")
    report.line("--changed, nothing has changed", unchanged, "s")
    report.line("a full run in times of that", full / unchanged, "x", least=20)
