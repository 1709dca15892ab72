"""Two and five runs at once over one project: in processes of their own, and in threads of one.

Each run saves a version of a model, rows of a file of its own, and a report that all of them
replace; then it reads them. A run must read its own model, its rows must be whole, and the report
must be that of one run. How many rounds: ``ROUNDS``, by default 5.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

_REGISTRY = """
import time

from sparkpipe.pipeline import node, pipeline


def write(who):
    return who, [who] * 1000, {"who": who, "rows": [who] * 1000}


def wait(model):
    time.sleep(0.05)
    return model


def read(model, waited, rows, report):
    assert model == waited, (model, waited)
    assert set(rows) == {model} and len(rows) == 1000, "the rows are not those of this run"
    assert report["rows"] == [report["who"]] * 1000, "the report is a mixture"
    return model


def register_pipelines():
    return {
        "__default__": pipeline(
            [
                node(write, "params:who", ["model", "rows", "report"], name="write"),
                node(wait, "model", "waited", name="wait"),
                node(read, ["model", "waited", "rows", "report"], "read", name="read"),
            ]
        )
    }
"""
_CATALOG = """
model: {type: json.JSONDataSet, filepath: data/model.json, versioned: true}
rows: {type: json.JSONDataSet, filepath: "data/rows-${runtime_params:who}.json"}
report: {type: json.JSONDataSet, filepath: data/report.json}
"""
_WIDTHS = (2, 5)
_RUNNERS = ("SequentialRunner", "ThreadRunner", "ParallelRunner")


def run() -> int:
    """Run the load test; return how many runs went wrong."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    wrongs = 0
    for width in _WIDTHS:
        for where, start in (("processes", _in_process), ("threads", _in_thread)):
            started = time.monotonic()
            told = []
            with tempfile.TemporaryDirectory() as place:
                project = _made_project(Path(place), f"load{width}")
                with ThreadPoolExecutor(width) as pool:
                    for number in range(rounds):
                        runner = _RUNNERS[number % len(_RUNNERS)]
                        names = [f"r{number}-{one}" for one in range(width)]
                        told += pool.map(partial(start, project, runner), names)
                told += _left_wrong(project, rounds * width)
            bad = [text for text in told if text]
            for text in bad:
                print(text)
            wrongs += len(bad)
            seconds = time.monotonic() - started
            print(
                f"{width} runs at once in {where}: {rounds * width} runs, {len(bad)} wrong; "
                f"{seconds:.0f} s"
            )
    return wrongs


def _made_project(folder: Path, package: str) -> Path:
    for part in (package, "conf/base", "conf/local", "data"):
        (folder / part).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[tool.sparkpipe]\npackage_name = "{package}"\n')
    (folder / package / "__init__.py").touch()
    (folder / package / "pipeline_registry.py").write_text(_REGISTRY)
    (folder / "conf/base/catalog.yml").write_text(_CATALOG)
    (folder / "conf/base/parameters.yml").write_text("who: nobody\n")
    return folder


def _in_process(project: Path, runner: str, who: str) -> str:
    command = Path(sys.executable).with_name("sparkpipe")
    ended = subprocess.run(
        [str(command), "run", "--runner", runner, "--params", f"who:{who}"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return "" if ended.returncode == 0 else f"{who}, {runner}: {ended.stdout[-600:]}{ended.stderr}"


def _in_thread(project: Path, runner: str, who: str) -> str:
    from sparkpipe.session import Session

    try:
        with Session.create(project_path=project, extra_params={"who": who}) as session:
            outputs = session.run(runner=runner)
        return "" if outputs == {"read": who} else f"{who}, {runner}: {outputs}"
    except Exception as exc:
        return f"{who}, {runner}: {type(exc).__name__}: {exc}"


def _left_wrong(project: Path, runs: int) -> list[str]:
    """Tell what is wrong with what is left when all runs have ended."""
    wrong = []
    versions = [path.name for path in (project / "data/model.json").iterdir()]
    if len([name for name in versions if not name.startswith(".")]) != runs:
        wrong.append(f"{len(versions)} versions of {runs} runs are there: {sorted(versions)}")
    report = json.loads((project / "data/report.json").read_text())
    if report["rows"] != [report["who"]] * 1000:
        wrong.append("the report is a mixture")
    return wrong
