"""``sparkpipe runs``: what earlier runs did, and what a run knows of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading

import pytest
from cli_project import ShopProject

from sparkpipe.events import NodeStarted, observing
from sparkpipe.pipeline import node, pipeline
from sparkpipe.session import Session


def ids(shop: ShopProject) -> list[str]:
    return [one["run_id"] for one in json.loads(shop.command("runs", "list", "--format=json").out)]


def test_without_runs_that_is_said(shop: ShopProject) -> None:
    assert shop.command("runs", "list").out == "No run was written down yet.\n"
    assert "There is no run in" in shop.command("runs", "show").err


def test_runs_are_listed_and_shown(shop: ShopProject) -> None:
    shop.write("conf/base/parameters.yml", "factor: 2\npassword: geheim\n")
    assert shop.command("run", "--params", "factor:3").status == 0
    shop.replace("shop/nodes.py", "return str(report).upper()", "raise ValueError('no voice')")
    assert shop.command("run", "--nodes=shout").status == 1
    listed = shop.command("runs", "list").out.splitlines()
    assert listed[0].split()[:4] == ["Run", "Started", "Outcome", "Nodes"]
    assert re.search(r"failed +0 of 1 .*__default__ +local", listed[1])
    assert re.search(r"done +3 of 3 .*__default__ +local", listed[2])
    last, first = ids(shop)
    shown = shop.command("runs", "show").out
    assert f"Run {last}: failed" in shown
    assert "given: node_names=shout" in shown
    assert re.search(r"shout +failed .*ValueError: no voice \(.*shop/nodes.py:\d+", shown)
    way = r"Where shout failed:\n  .*shop/nodes.py:\d+ in shout\n    raise ValueError\('no voice'\)"
    assert re.search(way, shown)
    assert json.loads(shop.command("runs", "show", "--format=json").out)["nodes"][0]["error"][
        "lines"
    ]
    shown = shop.command("runs", "show", first).out
    assert "given: factor=3" in shown
    assert re.search(r"double +done .*doubled \(\d+ bytes\)", shown)
    record = json.loads(shop.command("runs", "show", first, "--format=json").out)
    assert [one["node"] for one in record["nodes"]] == ["double", "total", "shout"]
    files = [*(shop.path / ".sparkpipe/runs").iterdir()]
    assert len(files) == 2
    assert not any("geheim" in file.read_text() for file in files)


def test_no_secret_of_the_configuration_enters(shop: ShopProject) -> None:
    shop.write("conf/local/credentials.yml", "store: {user: geheim-1, args: {pin: 70070}}\n")
    shop.write(
        "conf/base/parameters.yml",
        "factor: 2\npassword: geheim-2\ntoken: none\ncon: none\n"
        "apis: [{name: a, api_token: geheim-3}, {url: 'https://me:geheim-4@host/x?sig=geheim-5'}]\n",
    )
    shop.replace(
        "shop/nodes.py",
        "return str(report).upper()",
        "raise ValueError('no entry for geheim-1, 70070, geheim-2, geheim-3, geheim-4 at '\n"
        "        'jdbc:postgresql://h/db?user=geheim-6&password=geheim-7, geheim-8')",
    )
    shop.replace("shop/nodes.py", "def shout(report)", "def shout(report, *others)")
    shop.replace(
        "shop/pipeline_registry.py",
        'node(shout, "report",',
        'node(shout, ["report", "params:token", "params:con", "params:apis"],',
    )
    said = shop.command(
        "run",
        "--params",
        "token:geheim-8,con:postgresql://me:geheim-9@host/db",
        "--runner=ThreadRunner",
    )
    assert said.status == 1
    (file,) = (shop.path / ".sparkpipe/runs").iterdir()
    text = file.read_text()
    assert "ValueError" in text
    assert "postgresql://***@host/db" in text
    assert "geheim" not in text
    assert "70070" not in text
    for form in ("text", "json"):
        assert "geheim" not in shop.command("runs", "show", f"--format={form}").out


def test_what_differs_between_two_runs(shop: ShopProject) -> None:
    shop.command("run")
    assert "there is none of the pipeline" in shop.command("runs", "diff").err
    shop.write("data/numbers.json", "[1, 2, 3, 4]")
    shop.command("run", "--params", "factor:5")
    first, last = reversed(ids(shop))
    said = shop.command("runs", "diff")
    assert said.out.startswith(f"{first} -> {last}")
    assert re.search(r"parameter +factor +2 +5", said.out)
    assert said.out.count("factor") == 1  # not again for the node that reads it
    assert re.search(r"input +double: numbers +9 bytes of 2\S+ \S+ +12 bytes of 2", said.out)
    told = json.loads(shop.command("runs", "diff", last, first, "--format=json").out)
    assert {"kind": "parameter", "where": "factor", "before": "5", "after": "2"} in told[
        "differences"
    ]
    assert shop.command("runs", "diff", last, last).out == f"{last} -> {last}: nothing differs.\n"
    shop.replace("shop/nodes.py", "sum(doubled)", "sum(doubled) + 1")
    shop.command("run", "--params", "factor:5")
    changed = re.search(r"code +total: shop.nodes.total +(\S.*?\)) +(\S.*)", _diff(shop))
    assert changed is not None
    before, after = changed.groups()
    assert before.startswith("shop/nodes.py:6 (text ")
    assert before != after  # though it stands where it stood


def _diff(shop: ShopProject) -> str:
    return shop.command("runs", "diff").out


@pytest.mark.parametrize(
    ("seconds", "later", "told"),
    [(1, 1.9, ""), (1, 90, "1.0 s +1 min 30 s"), (100, 110, ""), (130, 100, "2 min.* +1 min.*")],
)
def test_times_differ_by_a_second_and_a_fifth(
    shop: ShopProject, seconds: float, later: float, told: str
) -> None:
    for took in (seconds, later):
        shop.command("run")
        file = max((shop.path / ".sparkpipe/runs").iterdir())
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            if (line["kind"], line.get("node")) == ("node_ended", "total"):
                line["ended"] = line["started"] + took
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    times = [line for line in _diff(shop).splitlines() if re.match("time +total ", line)]
    assert len(times) == bool(told)
    assert not told or re.fullmatch(f"time +total +{told}", times[0].strip())


def test_runs_are_pruned(shop: ShopProject) -> None:
    for _ in range(3):
        shop.command("run", "--nodes=double")
    kept = ids(shop)[:2]
    assert "Give --keep" in shop.command("runs", "prune").err
    assert shop.command("runs", "prune", "--keep=2", "--dry-run").out == "Would remove 1 run.\n"
    told = shop.command("runs", "prune", "--keep=2", "--dry-run", "--format=json").out
    (old,) = {*ids(shop)} - {*kept}
    assert json.loads(told) == {"removed": [old], "dry_run": True}
    assert shop.command("runs", "prune", "--keep=2").out == "Removed 1 run.\n"
    assert ids(shop) == kept
    shop.write("conf/base/journal.yml", "keep: 1\n")
    shop.command("run", "--nodes=double")
    assert len(ids(shop)) == 1


def test_a_run_is_not_written_down_where_that_is_said(shop: ShopProject) -> None:
    assert shop.command("run", "--no-journal").status == 0
    shop.write("conf/base/journal.yml", "enabled: false\n")
    assert shop.command("run").status == 0
    assert not (shop.path / ".sparkpipe/runs").exists()


def test_the_place_of_the_journal_is_that_of_the_environment(shop: ShopProject) -> None:
    shop.write("conf/prod/journal.yml", "path: data/runs\n")
    shop.command("run", "--env=prod")
    assert len([*(shop.path / "data/runs").iterdir()]) == 1
    assert ids(shop) == []
    assert re.search(r"done .*prod", shop.command("runs", "list", "--env=prod").out)


def test_what_is_wrong_with_the_configuration_is_told(shop: ShopProject) -> None:
    for text, why in (
        ("pth: x\n", "journal.yml:1: the journal has no 'pth'. Did you mean 'path'?"),
        ("keep: 0\n", "journal.yml:1: 'keep' of the journal must be a whole number from 1 on"),
        ("enabled: 3\n", "'enabled' of the journal must be true or false, not 3"),
        ("warn_below: 2\n", "'warn_below' of the journal must be a share above 0, at most 1"),
        ("path: ''\n", "'path' of the journal must be a path"),
    ):
        shop.write("conf/base/journal.yml", text)
        said = shop.command("run")
        assert (said.status, why in said.err) == (2, True), said.err
    shop.write("conf/base/journal.yml", "")
    shop.replace(
        "conf/base/catalog.yml", "  filepath: data/doubled.json", "  filepath: d\n  warn_below: x"
    )
    assert "'warn_below' must be a share" in shop.command("run").err


def test_fewer_rows_than_before_are_a_warning(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog.yml",
        "table: {type: pandas.CSVDataSet, filepath: table.csv, warn_below: 0.8}\n"
        "other: {type: pandas.CSVDataSet, filepath: other.csv}\n",
    )
    shop.write("conf/base/parameters.yml", "rows: 10\n")
    shop.write(
        "shop/pipeline_registry.py",
        "import pandas as pd\n"
        "from sparkpipe.pipeline import node, pipeline\n\n\n"
        "def make(rows):\n"
        "    return pd.DataFrame({'a': range(rows)}), pd.DataFrame({'a': range(rows)})\n\n\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(make, 'params:rows', ['table', 'other'])])}\n",
    )
    warning = (
        "'table' was saved with 7 rows by node 'make': fewer than 80% of the 10 rows of the last "
        "good run."
    )
    assert "fewer than" not in shop.command("run").text
    assert "fewer than" not in shop.command("run", "--params=rows:8").text
    assert "fewer than" not in shop.command("run", "--params=rows:10").text
    said = shop.command("run", "--params=rows:7").text
    assert warning in " ".join(said.split())
    assert "'other'" not in said
    assert "'table' was saved with 0 rows" in " ".join(
        shop.command("run", "--params=rows:0").text.split()
    )
    record = json.loads(shop.command("runs", "show", "--format=json").out)
    assert [one["rows"] for one in record["nodes"][0]["data_sets"]] == [0, 0]
    shop.command("run", "--params=rows:7")
    shop.write("conf/base/journal.yml", "warn_below: 1\n")
    assert "'other' was saved with 6 rows" in shop.command("run", "--params=rows:6").text


def test_what_took_longest_goes_first_the_next_time(shop: ShopProject) -> None:
    import time

    seconds = {"a": 0.0, "b": 0.3, "c": 0.1}
    nodes = [
        node(lambda x, s=s: time.sleep(s), "numbers", None, name=name)
        for name, s in seconds.items()
    ]
    shop.write(
        "shop/pipeline_registry.py",
        "from sparkpipe.pipeline import pipeline\n\n\n"
        "def register_pipelines():\n    return {'__default__': pipeline([])}\n",
    )
    started: list[list[str]] = []

    class Starts:
        def on_event(self, event: object) -> None:
            if isinstance(event, NodeStarted):
                started[-1].append(event.node)

    with Session(shop.path) as session:
        session.registry[0]["__default__"] = pipeline(nodes)
        for _ in range(2):
            started.append([])
            with observing(Starts()):
                session.run(runner="ThreadRunner", max_workers=2)
    assert started[0] == ["a", "b", "c"]
    assert started[1] == ["b", "c", "a"]


def test_a_clock_that_went_back_is_told(shop: ShopProject) -> None:
    shop.command("run", "--nodes=double")
    (file,) = (shop.path / ".sparkpipe/runs").iterdir()
    later = f"2099{file.name[4:]}"
    (file.parent / later).write_text(file.read_text().replace(file.stem, later[:-6]))
    said = shop.command("run", "--nodes=double")
    assert said.status == 0
    assert "The clock of this machine is behind" in said.text


@pytest.mark.slow
def test_hostile_names_of_runs_and_nodes(shop: ShopProject) -> None:
    outside = shop.path / "x.jsonl"
    outside.write_text('{"kind": "run_started"}\n')
    said = shop.command("run")
    assert said.status == 0, said.text
    (file,) = (shop.path / ".sparkpipe/runs").iterdir()
    for number, hostile in enumerate(("\\ud800", "\\u001b[31m\\u202e\\n../..", "\\u0000")):
        told = file.read_text().replace("double", hostile).replace(file.stem, hostile)
        (file.parent / f"zzz{number}.jsonl").write_text(told)
    for arguments in (["list"], ["show"], ["show", "zzz6"], ["diff", "zzz6", "zzz22"]):
        for form in ("text", "json"):
            said = shop.process("runs", *arguments, f"--format={form}")
            assert "Traceback" not in said.text
            assert "\x1b" not in said.out
            assert "\u202e" not in said.out or form == "json"
    for run_id in ("../../x", "../../x.jsonl", str(outside), "~", "\x1b[31m", "-1", "%2e%2e"):
        said = shop.command("runs", "show", "--", run_id)
        assert said.status == 2, said.text
        assert "There is no run" in said.err
        assert "\x1b" not in said.err


def test_a_journal_that_cannot_be_read_is_told(shop: ShopProject) -> None:
    shop.write("conf/base/journal.yml", "path: runs\n")
    shop.write("runs", "a file")
    said = shop.command("run")
    assert said.status == 0
    assert "Not a directory. The run goes on" in " ".join(said.text.split())
    said = shop.command("runs", "list")
    assert (said.status, said.out) == (0, "No run was written down yet.\n")
    shop.write("conf/base/journal.yml", "path: nothing://there\n")
    said = shop.command("run")
    assert said.status == 0
    told = "The journal cannot be at nothing://there: Protocol not known: nothing."
    assert said.text.count(told) == 1
    said = shop.command("runs", "list")
    assert said.status == 2
    assert f"Error: {told} Install what it says, or change 'path' in journal.yml." in said.err


@pytest.mark.slow
def test_a_run_of_another_process_is_followed(shop: ShopProject) -> None:
    wait = "import pathlib, time\n    while not pathlib.Path('go').exists(): time.sleep(0.05)\n"
    shop.replace("shop/nodes.py", "return {", f"{wait}    return {{")
    command = [sys.executable, "-m", "sparkpipe", "run"]
    with subprocess.Popen(command, cwd=shop.path, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Running node: total" in line:
                break
        threading.Timer(2.0, lambda: shop.write("go", "")).start()

        ended = shop.command("runs", "watch")

        running.communicate()
    assert running.returncode == ended.status == 0, ended.text
    head, *lines = ended.out.splitlines()
    assert head.endswith(": 1 of 3 nodes ended")
    assert re.match(r"\[[23]/3\] total: done in \d+\.", lines[0])  # one look may find both
    assert lines[1] == "[3/3] shout: done"
    assert ": done after " in lines[2]
    assert lines[3].startswith("Slowest path: ")
    assert lines[4] == "Written: 2 data sets, 34 bytes"


def test_a_run_is_watched_to_its_end(shop: ShopProject) -> None:
    shop.command("run")

    ended = shop.command("runs", "watch")

    assert ended.status == 0, ended.text
    assert "3 of 3 nodes ended" in ended.out
    assert ": done after" in ended.out
    shop.replace("shop/nodes.py", "return str(report).upper()", "raise ValueError('no voice')")
    shop.command("run")
    assert shop.command("runs", "watch").status == 1
