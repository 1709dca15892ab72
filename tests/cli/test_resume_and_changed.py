"""A run continues where an earlier one stopped, and leaves out what has not changed."""

from __future__ import annotations

import json
import re

import pytest
from cli_project import ShopProject

RUNNERS = pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])


def ended(shop: ShopProject, number: int = 0) -> dict[str, str]:
    """Return how the nodes of a run ended, the last run first."""
    listed = json.loads(shop.command("runs", "list", "--format=json").out)
    run_id = listed[number]["run_id"]
    shown = json.loads(shop.command("runs", "show", run_id, "--format=json").out)
    return {one["node"]: one["status"] for one in shown["nodes"]}


def fail(shop: ShopProject, *arguments: str) -> None:
    """Run the project with a last node that fails, and mend it then."""
    good, bad = "return str(report).upper()", "raise ValueError('no voice')"
    shop.replace("shop/nodes.py", good, bad)
    said = shop.command("run", *arguments)
    assert said.status == 1
    assert "\nTo continue: sparkpipe run --resume\n" in said.err
    shop.replace("shop/nodes.py", bad, good)


@RUNNERS
def test_a_run_continues_where_it_stopped(shop: ShopProject, runner: str) -> None:
    fail(shop, f"--runner={runner}", "--params", "factor:3")
    assert ended(shop) == {"double": "done", "total": "done", "shout": "failed"}
    planned = shop.command("plan", "--resume").out
    assert re.search(r"double\n    skipped  finished in run 20", planned)
    assert re.search(r"shout\n    runs     failed in run 20", planned)
    assert f"(local, {runner})" in planned
    said = shop.command("run", "--resume")
    assert said.status == 0, said.text
    assert "1 of 3 nodes to run." in said.err
    assert re.search(r"Node 'shout' runs: failed in run 20", said.err)
    assert re.search(r"Node 'double' is skipped: finished in run 20", said.err)
    assert "not known" not in said.err
    assert ended(shop) == {"shout": "done"}
    assert json.loads(shop.read("data/report.json")) == {"total": 18}
    said = shop.command("run", "--resume")
    assert said.status == 0
    assert json.loads(shop.command("runs", "list", "--format=json").out)[0]["resumes"]


def test_what_was_in_memory_is_made_again_by_the_least_nodes(shop: ShopProject) -> None:
    catalog = shop.read("conf/base/catalog.yml")
    start = catalog.index("report:")
    shop.write("conf/base/catalog.yml", catalog[:start])
    fail(shop)
    assert shop.command("run", "--resume").status == 0
    assert ended(shop) == {"total": "done", "shout": "done"}


def test_what_has_changed_of_finished_nodes_is_refused(shop: ShopProject) -> None:
    fail(shop)
    shop.write("data/numbers.json", "[1, 2, 3, 4]")
    shop.replace("shop/nodes.py", "sum(doubled)", "max(doubled)")
    said = shop.command("run", "--resume", "--params=factor:4")
    assert said.status == 2
    for told in (
        "Node 'double' has finished in run",
        "params:factor 2 → 4",
        "numbers: file changed",
        "code of total changed (shop/nodes.py:",
        "Add --changed to run what has changed, too, or --force to go on all the same.",
    ):
        assert told in said.err
    assert shop.command("run", "--resume", "--force").status == 0
    assert ended(shop) == {"shout": "done"}
    assert json.loads(shop.read("data/report.json")) == {"total": 12}


def test_data_of_which_nobody_tells_whether_it_has_changed_is_told(shop: ShopProject) -> None:
    shop.write(
        "shop/own.py",
        "from sparkpipe.datasets.json import JSONDataSet\n\n\n"
        "class Unseen(JSONDataSet):\n    def state(self):\n        return None\n",
    )
    catalog = shop.read("conf/base/catalog.yml")
    shop.write("conf/base/catalog.yml", catalog.replace("json.JSONDataSet", "shop.own.Unseen", 1))
    fail(shop)
    said = shop.command("run", "--resume")
    assert said.status == 0, said.text
    assert re.search(
        r"not known whether this is as it was in run 20.*: 'numbers'\. Add --ch", said.err
    )


def test_what_has_changed_runs_too_where_that_is_asked_for(shop: ShopProject) -> None:
    fail(shop)
    shop.write("data/numbers.json", "[1, 2, 3, 4]")
    assert shop.command("run", "--resume", "--changed").status == 0
    assert json.loads(shop.read("data/report.json")) == {"total": 20}


def test_a_run_that_is_not_there_or_was_of_another_environment_is_told(shop: ShopProject) -> None:
    assert "There is no run in" in shop.command("run", "--resume").err
    fail(shop)
    assert "There is no run 'nope'" in shop.command("run", "--resume", "nope").err
    shop.write("conf/prod/catalog.yml", "")
    said = shop.command("run", "--resume", "--env=prod")
    assert "was of the environment 'local', not 'prod'. Add --env local" in said.err
    assert (
        "the journal, which is switched off" in shop.command("run", "--changed", "--no-journal").err
    )


@RUNNERS
def test_what_has_not_changed_is_left_out(shop: ShopProject, runner: str) -> None:
    shop.replace("shop/pipeline_registry.py", 'node(shout, "report", "shouted"),', "")
    first = shop.command("run", f"--runner={runner}")
    assert first.status == 0, first.text
    assert shop.command("run", f"--runner={runner}", "--changed").status == 0
    assert ended(shop) == {"double": "unchanged", "total": "unchanged"}
    planned = shop.command("plan", "--changed").out
    assert planned.count("skipped  nothing has changed") == 2
    shop.replace("shop/nodes.py", "return {", "# All of them.\n    return {")
    shop.command("run", f"--runner={runner}", "--changed")
    assert ended(shop) == {"double": "unchanged", "total": "unchanged"}
    shop.replace("shop/nodes.py", "sum(doubled)", "max(doubled)")
    planned = shop.command("plan", "--changed").out
    assert re.search(
        r"total\n    runs     code of total changed \(shop/nodes.py:\d+ total\)", planned
    )
    shop.command("run", f"--runner={runner}", "--changed")
    assert ended(shop) == {"double": "unchanged", "total": "done"}
    assert json.loads(shop.read("data/report.json")) == {"total": 6}


def test_what_comes_to_the_same_prunes_what_follows(shop: ShopProject) -> None:
    shop.replace("shop/pipeline_registry.py", 'node(shout, "report", "shouted"),', "")
    shop.command("run")
    shop.replace("shop/nodes.py", "number * factor for", "factor * number for")
    assert shop.command("run", "--changed").status == 0
    assert ended(shop) == {"double": "done", "total": "unchanged"}
    shop.command("run", "--changed")
    assert ended(shop) == {"double": "unchanged", "total": "unchanged"}
    shop.write("data/report.json", "{}")
    planned = shop.command("plan", "--changed").out
    assert "output report was changed by someone else" in planned
    shop.command("run", "--changed")
    assert ended(shop) == {"double": "unchanged", "total": "done"}
