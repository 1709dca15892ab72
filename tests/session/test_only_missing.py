"""Runs of what is missing only: which nodes run, what is told of the others, and of Spark."""

from __future__ import annotations

import json
import logging
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import PreflightError
from sparkpipe.session import Session

REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def add(*numbers):
    return sum(numbers)


def register_pipelines():
    return {
        "__default__": pipeline([
            node(add, "a", "b", name="ab"),
            node(add, "b", "middle", name="middle"),
            node(add, ["b", "middle"], "c", name="c"),
            node(add, "c", "d", name="d"),
        ]),
    }
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = f"missing_{tmp_path.name.replace('-', '_')}"
    files = {
        "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{package}"\n',
        f"{package}/__init__.py": "",
        f"{package}/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": "".join(
            f"{name}:\n  type: json.JSONDataSet\n  filepath: data/{name}.json\n" for name in "abcd"
        ),
        "data/a.json": "1",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def names(planned: Any) -> list[str]:
    return [node.name for node in planned.nodes if node.runs]


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])
def test_what_is_missing_runs_with_what_follows_and_what_it_needs(
    project: Path, runner: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session(project)
    session.run(runner=runner, only_missing=True)
    assert json.loads((project / "data/d.json").read_text()) == 2
    for kept in "ab":
        (project / f"data/{kept}.json").write_text("5")
    (project / "data/c.json").unlink()

    planned = session.plan(only_missing=True)
    caplog.set_level(logging.INFO)
    session.run(runner=runner, only_missing=True)

    assert json.loads((project / "data/d.json").read_text()) == 10
    assert [(node.name, node.runs, node.reasons) for node in planned.nodes] == [
        ("ab", False, ("'b' exists",)),
        ("middle", True, ("'c' needs 'middle', which is only in memory",)),
        ("c", True, ("'c' is missing",)),
        ("d", True, ("it follows from 'c'",)),
    ]
    assert "Node 'ab' is skipped: 'b' exists." in caplog.text


def test_nodes_are_selected_first(project: Path) -> None:
    session = Session(project)
    session.run()
    (project / "data/b.json").unlink()
    planned = session.plan(only_missing=True, from_nodes="d")
    # What follows from a missing data set that is not asked for does not run, nor is it judged.
    assert (names(planned), planned.left_out, planned.problems) == ([], 3, ())
    assert planned.nodes[0].reasons == ("'d' exists",)
    assert session.run(only_missing=True, from_nodes="d") == {}
    assert not (project / "data/b.json").exists()
    assert names(session.plan(only_missing=True, to_nodes="ab")) == ["ab"]


def test_data_that_is_given_counts(project: Path) -> None:
    session = Session(project)
    assert names(session.plan(only_missing=True, inputs={"b": 1, "c": 2})) == ["d"]


def test_only_the_part_that_runs_needs_its_inputs(project: Path) -> None:
    session = Session(project)
    session.run()
    (project / "data/a.json").unlink()
    (project / "data/d.json").unlink()
    assert session.plan(only_missing=True).problems == ()
    session.run(only_missing=True)
    assert (project / "data/d.json").exists()
    with pytest.raises(PreflightError, match="'a'"):
        session.run()


def test_a_plan_leaves_to_the_run_what_only_spark_can_tell(project: Path) -> None:
    catalog = project / "conf/base/catalog.yml"
    catalog.write_text(
        catalog.read_text().replace(
            "d:\n  type: json.JSONDataSet\n  filepath: data/d.json",
            "d:\n  type: databricks.ManagedTableDataSet\n  table: d\n  write_mode: overwrite",
        )
    )
    for name in "bc":
        (project / f"data/{name}.json").write_text("1")
    had = "pyspark" in sys.modules
    planned = Session(project).plan(only_missing=True)
    assert names(planned) == ["d"]
    assert planned.nodes[-1].reasons == ("only Spark can tell whether 'd' exists: the run asks it",)
    assert had or "pyspark" not in sys.modules
