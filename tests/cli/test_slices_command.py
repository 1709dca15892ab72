"""``sparkpipe run --slice``, ``plan --slice``, ``check`` and ``slices``."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cli_project import ShopProject

CATALOG = """\
numbers: {type: json.JSONDataSet, filepath: "data/numbers/${slice:day}.json"}
doubled: {type: json.JSONDataSet, filepath: "data/doubled/${slice:day}.json"}
report: {type: json.JSONDataSet, filepath: "data/report/${slice:day}.json"}
"""


@pytest.fixture
def sliced(shop: ShopProject) -> ShopProject:
    """The shop with numbers of two days in January of three, of which the second is ill."""
    shop.write("conf/base/catalog.yml", CATALOG)
    shop.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01, to: 2024-01-03}\n")
    shop.write("data/numbers/2024-01-01.json", "[1, 2]")
    shop.write("data/numbers/2024-01-02.json", '["x", null]')
    return shop


def data(project: ShopProject, name: str) -> Any:
    return json.loads(project.read(f"data/{name}.json"))


def read_all_reports_at_once(sliced: ShopProject) -> None:
    """Let the last node read the reports of all slices, once."""
    parts = """
report@day: {type: json.JSONDataSet, filepath: "data/report/${slice:day}.json"}
report@all: {type: PartitionedDataSet, path: data/report, dataset: json.JSONDataSet}
"""
    sliced.write("conf/base/catalog.yml", CATALOG + parts)
    sliced.replace("shop/pipeline_registry.py", '"doubled", "report"', '"doubled", "report@day"')
    sliced.replace("shop/pipeline_registry.py", 'shout, "report"', 'shout, "report@all"')


def test_each_slice_is_told_and_a_failed_one_gives_the_status(sliced: ShopProject) -> None:
    said = sliced.command("run", "--slice", "day=2024-01-01..2024-01-02", "--tags=first")
    assert said.status == 1, said.text
    assert "[1/2] day=2024-01-01: done in " in said.err
    assert "[2/2] day=2024-01-02: failed" in said.err
    assert "1 of 2 slices failed." in said.err
    assert "Node 'double' failed: TypeError" in said.err
    assert "To run them again: sparkpipe run --tags first --slice day=2024-01-02\n" in said.err
    assert data(sliced, "doubled/2024-01-01") == [2, 4]
    sliced.write("data/numbers/2024-01-02.json", "[3]")
    said = sliced.command("run", "--slice=day=failed", "--tags=first")
    assert (said.status, said.out.startswith("1 slice done in ")) == (0, True), said.text
    said = sliced.command("run", "--slice=day=failed,stale", "--tags=first")
    assert said.out == "No slice is failed or stale: nothing is left to do.\n"


def test_an_interrupt_tells_how_to_go_on(sliced: ShopProject) -> None:
    sliced.replace("shop/nodes.py", "return {", "raise KeyboardInterrupt\n    return {")
    said = sliced.command("run", "--slice=day=2024-01-01..2024-01-03", "--fail-fast")
    assert said.status == 130, said.text
    assert "To run what is left: sparkpipe run --fail-fast --slice day=missing,failed" in said.err
    shown = sliced.command("slices", "--slice=day=2024-01-01").out
    assert shown.splitlines()[1].split()[:4] == ["2024-01-01", "done", "failed", "missing"]


def test_what_runs_once_is_run_again_by_itself(sliced: ShopProject) -> None:
    read_all_reports_at_once(sliced)
    sliced.replace("shop/nodes.py", "return str(report)", "raise ValueError('hoarse')")
    said = sliced.command("run", "--slice=day=2024-01-01")
    assert said.status == 1
    assert "[2/2] what runs once: failed" in said.err
    assert "To run them again: sparkpipe run --from-nodes shout\n" in said.err
    sliced.replace("shop/nodes.py", "raise ValueError('hoarse')", "return str(len(report))")
    assert sliced.command("run", "--from-nodes", "shout").status == 0


def test_fail_fast_leaves_the_others(sliced: ShopProject) -> None:
    sliced.write("data/numbers/2024-01-03.json", "[3]")
    said = sliced.command("run", "--slice=day=2024-01-02..2024-01-03", "--fail-fast")
    assert said.status == 1
    assert "1 of 2 slices failed, and 1 did not run." in said.err
    assert "--fail-fast --slice day=2024-01-02,2024-01-03" in said.err


def test_slices_run_side_by_side(sliced: ShopProject) -> None:
    sliced.write("data/numbers/2024-01-02.json", "[3]")
    said = sliced.command("run", "--slice=day=2024-01-01..2024-01-02", "--slices-at-once=2")
    assert said.status == 0, said.text
    assert data(sliced, "report/2024-01-02") == {"total": 6}


def test_what_all_slices_come_to_is_told_at_the_end(sliced: ShopProject) -> None:
    read_all_reports_at_once(sliced)
    wait = "import time; time.sleep(0.2 * numbers[0])\n    return [number"
    sliced.replace("shop/nodes.py", "return [number", wait)
    for i in (1, 2):
        sliced.write(f"data/numbers/2024-01-0{i}.json", f"[{i}]")
    for more in ((), ("--slices-at-once=2",)):
        said = sliced.command("run", "--slice=day=2024-01-01..2024-01-02", *more)
        path, *lanes, written = said.err.splitlines()[-3 if more else -2 :]
        assert re.fullmatch(
            r"Slowest path: [\d.]+ s of [\d.]+ s: double \(day=2024-01-02\) [\d.]+ s"
            r" → total \(day=2024-01-02\).* → shout.*",
            path,
        )
        assert [re.split(r",| idle", line)[0] for line in lanes] == (["Lanes: 2"] if more else [])
        assert written.startswith("Written: 4 data sets, ")
    assert "total (day=2024-01-01)" in sliced.read("logs/sparkpipe.log")


def test_the_figures_of_slices_that_failed_come_before_their_errors(sliced: ShopProject) -> None:
    said = sliced.command("run", "--slice", "day=2024-01-01..2024-01-02")
    written = said.err.index("Written: 2 data sets, ")
    assert written < said.err.index("\nError: ")


def test_the_grid(sliced: ShopProject) -> None:
    sliced.command("run", "--slice", "day=2024-01-01..2024-01-02")
    said = sliced.command("slices")
    assert said.status == 0, said.text
    lines = [line.split() for line in said.out.splitlines()]
    assert lines[0] == ["day", "doubled", "report", "shouted", "why"]
    assert lines[1] == ["2024-01-01", "done", "done", "done"]
    assert lines[2][:4] == ["2024-01-02", "failed", "missing", "missing"]
    assert "TypeError" in said.out.splitlines()[2]
    assert lines[3][:4] == ["2024-01-03", "missing", "missing", "missing"]
    assert said.out.endswith("3 slices: 1 done, 1 failed, 1 missing.\n")
    said = sliced.command("slices", "--limit=1")
    assert "2 earlier ones are not shown: --limit, or --slice." in said.out
    told = json.loads(sliced.command("slices", "--slice=day=failed", "--format=json").out)
    (row,) = told["rows"]
    assert row["slices"] == {"day": "2024-01-02"}
    assert row["cells"][0]["state"] == "failed"


def test_the_plan_tells_how_often_nodes_run(sliced: ShopProject) -> None:
    said = sliced.command("plan", "--slice", "day=2024-01-01..2024-01-02")
    assert said.status == 0, said.text
    assert said.out.startswith(
        "Pipeline '__default__' (local, SequentialRunner, 2 slices from day=2024-01-01 to "
        "day=2024-01-02; this is the first):\n"
    )
    assert "    runs     once for each day\n" in said.out
    assert "data/numbers/2024-01-01.json" in said.out
    told = json.loads(sliced.command("plan", "--slice=day=2024-01-01", "--format=json").out)
    assert told["slices"] == ["day=2024-01-01"]
    assert not (sliced.path / "data/doubled").exists()


def test_without_a_slice_a_run_is_refused_with_the_option(sliced: ShopProject) -> None:
    said = sliced.command("run")
    assert said.status == 2
    assert "depend on the slice 'day', and none is chosen. Run with --slice day=..." in said.err


def test_check_judges_slices(sliced: ShopProject) -> None:
    assert sliced.command("check").status == 0
    sliced.write("conf/base/slices.yml", "day: {every: 1 dya, from: 2024-01-01}\n")
    said = sliced.command("check")
    assert said.status == 2
    assert "slices.yml:1" in said.err
    assert "'1 dya' is no length" in said.err
    sliced.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01}\n")
    sliced.write(
        "conf/base/catalog.yml",
        CATALOG + 'more: {type: json.JSONDataSet, filepath: "${slice:dax}.json"}\n',
    )
    said = sliced.command("check")
    assert "There is no slice 'dax'. Did you mean 'day'?" in said.err
    sliced.write("conf/base/catalog.yml", CATALOG.replace("report/${slice:day}", "report"))
    for part in ((), ("--pipeline=__default__", "--slice=day=2024-01-01")):
        assert "Output 'report'" in sliced.command("check", *part).err
    sliced.write("conf/base/catalog.yml", CATALOG)
    said = sliced.command("check", "--pipeline=__default__", "--slice=day=2024-01-01")
    assert said.out == "No problems in 3 nodes.\n"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("day", "'day' is no slice. Write name=value, as in day=2024-01-31."),
        ("dax=2024-01-01", "There is no slice 'dax'. Did you mean 'day'?"),
        ("day=2024-02-01", "There is no day 2024-02-01: the last one begins 2024-01-03."),
        ("day=2024-01-03..2024-01-01", "goes backwards"),
    ],
)
def test_what_is_no_slice_is_refused(sliced: ShopProject, asked: str, told: str) -> None:
    for command in ("run", "plan", "slices"):
        said = sliced.command(command, "--slice", asked)
        assert said.status == 2
        assert told in said.err


def test_a_file_of_options_may_give_slices(sliced: ShopProject) -> None:
    sliced.write("run.yml", "run:\n  slice: day=2024-01-01\n  slices_at_once: 2\n")
    assert sliced.command("run", "--config=run.yml").status == 0
    assert data(sliced, "doubled/2024-01-01") == [2, 4]
