"""What is shown while a run goes on: on a terminal, and where there is none."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from typing import Any

import pytest
from cli_project import ShopProject

from sparkpipe.events import NodeEnded, NodeStarted, RunEnded, RunStarted
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.display import PlainView, RunDisplay, RunningNode, Snapshot
from sparkpipe.report.left import TimeLeft
from sparkpipe.report.live import snapshot_lines
from sparkpipe.spark.jobs.progress import TaskCounts

pytestmark = pytest.mark.slow

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

on_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

SLOW_NODES = """
import sys
import time


def double(numbers, factor):
    time.sleep(2.5)
    print("[bold]said[/bold] by a node")
    return [number * factor for number in numbers]


def total(doubled):
    return {"total": sum(doubled)}


def shout(report):
    return str(report).upper()
"""


@pytest.fixture
def slow_shop(shop: ShopProject) -> ShopProject:
    shop.write("shop/nodes.py", SLOW_NODES)
    return shop


_HEEDED = ("CI", "NO_COLOR", "COLUMNS", "JPY_PARENT_PID")


def _on_terminal(shop: ShopProject, *arguments: str, columns: int = 100, **env: str) -> str:
    """Run a command of a project on a terminal, and return all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in _HEEDED}
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", *arguments],
        cwd=shop.path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **env},
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # how Linux tells that the other side is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode()


def _without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


# On a terminal


@on_a_terminal
def test_terminal_shows_the_run_and_is_clean_again(slow_shop: ShopProject) -> None:
    written = _on_terminal(slow_shop, "run")

    shown = _without_escapes(written)
    assert "0 of 3 done · 1 running · 2 waiting" in shown
    assert re.search(r"^  double +0:0[12]", shown, re.MULTILINE)
    hidden, _, after = written.rpartition("\x1b[?25h")  # the cursor is there again
    assert "\x1b[?25l" in hidden
    assert "of 3 done" not in after
    assert after.count("\x1b[2K") >= 2  # each line of the display is wiped
    assert "Run completed" in after


@on_a_terminal
def test_how_long_is_left_is_told_by_the_last_good_run(slow_shop: ShopProject) -> None:
    assert " left" not in _without_escapes(_on_terminal(slow_shop, "run"))
    shown = _without_escapes(_on_terminal(slow_shop, "run"))
    assert re.search(r"0 of 3 done · 1 running · 2 waiting · about 0:0\d left", shown)


def test_what_is_left_is_the_longest_path_or_the_work_that_is_shared() -> None:
    nodes = [
        node(abs, "x", "a", name="a"),
        node(abs, "a", "b", name="b"),
        node(abs, "x", "c", name="c"),
    ]
    times = {"a": 10.0, "b": 5.0, "c": 20.0}

    def estimate() -> TimeLeft:
        return TimeLeft(make_plan(pipeline(nodes), expected_seconds=times))

    one_by_one = estimate()
    assert one_by_one.seconds({"a": 4.0}) == 31.0
    assert one_by_one.seconds({"a": 60.0}) == 25.0  # it takes longer than it did
    one_by_one.settle("a")
    assert one_by_one.seconds({"c": 5.0}) == 20.0
    at_once = estimate()
    assert at_once.seconds({"a": 4.0, "c": 4.0}) == 16.0
    at_once.settle("c")
    assert at_once.seconds({"a": 4.0}) == 11.0
    # Of a node of which nothing is known, as long as the others took on average.
    del times["c"]
    assert estimate().seconds({}) == 22.5


@on_a_terminal
def test_lines_of_the_log_and_of_nodes_stay_whole_above(slow_shop: ShopProject) -> None:
    lines = [
        line.rstrip()
        for line in _without_escapes(_on_terminal(slow_shop, "run", columns=40)).splitlines()
    ]

    for text in (
        "Running node: double: double([numbers,params:factor]) -> [doubled]",
        "Completed 3 out of 3 tasks",
        "[bold]said[/bold] by a node",
    ):
        assert [line for line in lines if line.endswith(text)], text


@on_a_terminal
@pytest.mark.parametrize(
    ("options", "env"),
    [
        ([], {"TERM": "dumb"}),
        ([], {"TERM": "xterm-color"}),
        ([], {"JPY_PARENT_PID": "1"}),
        ([], {"CI": "true"}),
        (["--no-progress"], {}),
    ],
    ids=["dumb terminal", "Databricks notebook", "notebook", "CI", "option"],
)
def test_nothing_is_drawn_where_it_would_disturb(
    slow_shop: ShopProject, options: list[str], env: dict[str, str]
) -> None:
    written = _on_terminal(slow_shop, "run", *options, **env)

    assert "\x1b" not in written
    assert "of 3 done" not in written
    assert "Completed 3 out of 3 tasks" in written


@on_a_terminal
def test_no_color_is_heeded(slow_shop: ShopProject) -> None:
    written = _on_terminal(slow_shop, "run", NO_COLOR="1")

    assert "of 3 done" in written
    assert not re.search(r"\x1b\[(\d+;)*(3|4|9|10)[0-9]m", written)


@on_a_terminal
def test_a_short_run_draws_nothing(shop: ShopProject) -> None:
    assert "\x1b" not in _on_terminal(shop, "run")


def test_without_a_terminal_there_are_only_the_lines_of_the_log(slow_shop: ShopProject) -> None:
    ended = slow_shop.command("run")

    assert ended.status == 0
    assert "\x1b" not in ended.text
    assert "of 3 done" not in ended.text
    assert "Completed 3 out of 3 tasks" in ended.err


# What is drawn


def _snapshot(*nodes: RunningNode, total: int = 10, **ended: int) -> Snapshot:
    waiting = total - len(nodes) - sum(ended.values())
    return Snapshot(75.0, total, waiting, ended, nodes)  # type: ignore[arg-type]


def _drawn(snapshot: Snapshot, width: int = 80, rows: int = 20, **options: Any) -> list[str]:
    return [line.plain for line in snapshot_lines(snapshot, width, rows, **options)]


def test_bars_show_the_share_of_tasks_done() -> None:
    node = RunningNode("join", 62.0, TaskCounts(45, 180, 1))

    head, row = _drawn(_snapshot(node, done=3, failed=1))

    assert head == "1:15  3 of 10 done · 1 failed · 1 running · 5 waiting"
    assert row.startswith("  join    1:02  ━━━━━━━───")
    assert row.endswith("45 of 180 Spark tasks")


def test_bars_are_left_out_where_there_is_no_room_or_nothing_known() -> None:
    known = RunningNode("join", 62.0, TaskCounts(45, 180, 1))

    assert _drawn(_snapshot(known), width=30)[1] == "  join    1:02   25 %"
    for tasks in (None, TaskCounts(0, 0, 1)):
        assert _drawn(_snapshot(RunningNode("join", 62.0, tasks)))[1] == "  join    1:02"


def test_a_stream_is_shown_by_its_rows_and_its_lag() -> None:
    for lag, behind in ((3, ", 3 behind"), (None, "")):
        node = RunningNode("take", 62.0, TaskCounts(1, 2, 1, 12000, lag))
        assert _drawn(_snapshot(node))[1] == f"  take    1:02  12,000 rows taken{behind}"
        told: list[str] = []
        PlainView(told.append).show(_snapshot(node))
        assert told == [f"Still running: 'take' (1 min 02 s, 12,000 rows taken{behind})"]


def test_bars_can_do_without_unicode() -> None:
    node = RunningNode("join", 62.0, TaskCounts(1, 2, 1))

    assert "#####....." in _drawn(_snapshot(node), is_ascii=True)[1]


@pytest.mark.parametrize("width", [1, 10, 20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    from rich.text import Text

    nodes = [
        RunningNode("名前" * 40, 4000.0, TaskCounts(45, 180, 1)),
        RunningNode("x" * 300, 1.0, None),
        RunningNode("join", 1.0, TaskCounts(123456, 1234567, 3)),
    ]
    lines = snapshot_lines(_snapshot(*nodes, done=3, failed=1), width, 20)

    assert all(isinstance(line, Text) and line.cell_len <= width for line in lines)


@pytest.mark.parametrize("rows", [1, 3, 10, 100])
def test_hundreds_of_running_nodes_take_a_few_lines(rows: int) -> None:
    nodes = [RunningNode(f"node_{i}", 1.0, None) for i in range(300)]

    lines = _drawn(_snapshot(*nodes, total=400), rows=rows)

    assert len(lines) == 1 + min(rows, 10)
    assert lines[-1] == f"  … {300 - (len(lines) - 2)} more running"


@pytest.mark.parametrize("name", ["[red]red[/red]", "\x1b[2Jwiped", "two\nlines", "\u202eback"])
def test_names_are_drawn_as_they_are_or_not_at_all(name: str) -> None:
    row = _drawn(_snapshot(RunningNode(name, 1.0, None)))[1]

    assert row.isprintable()
    assert ("[red]red[/red]" in row) == name.startswith("[red]")


# Lines where there is no terminal


def test_long_nodes_are_told_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    view = PlainView()
    with caplog.at_level(logging.INFO):
        for second in range(1, 300):
            view.show(_snapshot(RunningNode("join", second, TaskCounts(second, 600, 1))))

    assert [record.getMessage() for record in caplog.records] == [
        "Still running: 'join' (30 s, Spark: 30 of 600 tasks)",
        "Still running: 'join' (1 min 00 s, Spark: 60 of 600 tasks)",
        "Still running: 'join' (2 min 00 s, Spark: 120 of 600 tasks)",
        "Still running: 'join' (4 min 00 s, Spark: 240 of 600 tasks)",
    ]


def test_many_long_nodes_share_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        PlainView().show(_snapshot(*(RunningNode(f"n{i}", 31, None) for i in range(8)), total=8))

    assert [record.getMessage() for record in caplog.records] == [
        "Still running: 'n0' (31 s), 'n1' (31 s), 'n2' (31 s), 'n3' (31 s), 'n4' (31 s) and 3 more"
    ]


# The thread that looks


def _three_nodes() -> Pipeline:
    return pipeline([node(abs, "x", f"y{i}", name=f"n{i}") for i in range(3)])


def _threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "sparkpipe-progress"]


def test_spark_is_asked_for_the_nodes_that_run_and_for_no_others() -> None:
    asked: list[list[str]] = []

    def tasks(groups: Collection[str]) -> dict[str, TaskCounts]:
        asked.append(list(groups))
        return {}

    nodes = _three_nodes()
    display = RunDisplay(lambda: tasks, io.StringIO(), period=0.02)
    display.on_event(RunStarted("run", make_plan(nodes)))
    time.sleep(0.2)
    assert asked == []
    display.on_event(NodeStarted("run", "n0"))
    display.on_event(NodeStarted("run", "n1"))
    display.on_event(NodeEnded("run", "n0", "done"))
    time.sleep(0.2)
    display.on_event(RunEnded("run", "done", {}, 1.0))

    assert asked
    assert asked[-1] == ["run/n1"]
    assert _threads() == []


def test_a_display_that_breaks_does_not_break_the_run() -> None:
    def tasks(groups: Collection[str]) -> dict[str, TaskCounts]:
        raise RuntimeError("Spark is gone")

    nodes = _three_nodes()
    display = RunDisplay(lambda: tasks, io.StringIO(), period=0.01)
    display.on_event(RunStarted("run", make_plan(nodes)))
    for one in nodes.nodes:
        display.on_event(NodeStarted("run", one.name))
        time.sleep(0.05)
        display.on_event(NodeEnded("run", one.name, "done"))
    display.on_event(RunEnded("run", "done", {}, 1.0))

    assert _threads() == []


def test_a_run_does_not_wait_for_a_display_that_hangs() -> None:
    release = threading.Event()

    def tasks(groups: Collection[str]) -> dict[str, TaskCounts]:
        release.wait(60)
        return {}

    display = RunDisplay(lambda: tasks, io.StringIO(), period=0.01)
    display.on_event(RunStarted("run", make_plan(_three_nodes())))
    display.on_event(NodeStarted("run", "n0"))
    time.sleep(0.2)
    started = time.monotonic()
    display.on_event(RunEnded("run", "done", {}, 1.0))
    waited = time.monotonic() - started
    release.set()

    assert waited < 4


# The summary of the command


def test_a_short_run_tells_what_it_comes_to_and_the_log_file_has_the_table(
    shop: ShopProject,
) -> None:
    shop.replace("shop/nodes.py", "return {", "import time; time.sleep(0.3)\n    return {")

    ended = shop.command("run")

    assert "Total" not in ended.text
    *_, ran, path, written = ended.err.splitlines()
    assert "Run completed" in ran
    assert re.fullmatch(r"Slowest path: [\d.]+ s of [\d.]+ s: double.* → total [\d.]+ s → .*", path)
    assert written == "Written: 2 data sets, 34 bytes"
    log = shop.read("logs/sparkpipe.log")
    assert re.search(r"Summary:\nNode +Total.*\n", log)
    for name in ("double", "total", "shout"):
        assert re.search(rf"^{name} +", log, re.MULTILINE)
    assert path in log


def test_checks_of_a_short_run_are_told(shop: ShopProject) -> None:
    checks = '  checks: [{not_null: id}, {check: "id > 1", on_fail: warn}]\n'
    shop.write(
        "conf/base/catalog.yml",
        "numbers: {type: pandas.CSVDataSet, filepath: data/numbers.csv}\n"
        f"report:\n  type: pandas.CSVDataSet\n  filepath: data/report.csv\n{checks}",
    )
    shop.write("data/numbers.csv", "id\n1\n2\n")
    shop.write(
        "shop/pipeline_registry.py",
        "from sparkpipe.pipeline import node, pipeline\n\n\n"
        "def register_pipelines():\n"
        "    copy = node(lambda numbers: numbers, 'numbers', 'report', name='copy')\n"
        "    return {'__default__': pipeline([copy])}\n",
    )

    ended = shop.command("run")

    assert ended.status == 0, ended.text
    told = ended.err[ended.err.index("Written: ") :].splitlines()
    assert told[0].startswith("Written: 1 data set, 2 rows, ")
    assert told[1] == "Checks: 1 passed, 1 warned"
    assert told[2].startswith("  report, id > 1: warned, 1 of 2 rows")


def test_a_run_that_has_nothing_to_tell_is_quiet(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog.yml", "numbers: {type: json.JSONDataSet, filepath: data/numbers.json}\n"
    )

    ended = shop.command("run", "--nodes", "double")

    assert "Run completed" in ended.err.splitlines()[-1]


def test_a_failed_run_tells_what_it_has_come_to_before_its_error(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "return str", "raise ValueError('hoarse')\n    return str")

    ended = shop.command("run")

    assert ended.status == 1
    assert "Status" not in ended.text
    lines = ended.err.splitlines()
    assert lines.index("Written: 2 data sets, 34 bytes") < lines.index(
        "Error: the run failed: 2 of 3 nodes done, 1 failed."
    )
    assert re.search(r"^shout +failed +", shop.read("logs/sparkpipe.log"), re.MULTILINE)


def test_with_continue_on_failure_the_table_tells_how_each_node_ended(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "return {", "raise ValueError('poor')\n    return {")

    ended = shop.command("run", "--continue-on-failure")

    assert re.search(r"^shout +skipped", ended.err, re.MULTILINE)
    assert "Written: 1 data set, 17 bytes" in ended.err


def test_an_interrupted_run_has_its_summary_in_the_log_file_only(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "return str", "raise KeyboardInterrupt\n    return str")

    ended = shop.command("run")

    assert ended.status == 130
    assert "Written" not in ended.text
    assert "Written: 2 data sets" in shop.read("logs/sparkpipe.log")


def test_a_long_run_ends_with_its_summary(shop: ShopProject) -> None:
    shop.replace("shop/nodes.py", "return {", "import time; time.sleep(0.1)\n    return {")
    code = (
        "import sparkpipe.cli.watching as run; run._LONG_RUN_SECONDS = 0\n"
        "from sparkpipe.cli.main import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "run"],
        cwd=shop.path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    lines = ended.stderr.splitlines()
    after = lines[next(i for i, line in enumerate(lines) if "Run completed" in line) + 1 :]
    assert after[0].split()[:2] == ["Node", "Total"]
    assert {line.split()[0] for line in after[1:4]} == {"double", "total", "shout"}
    assert after[4].startswith("Slowest path: ")
    assert after[5].startswith("Written: 2 data sets, ")
    assert "Node" not in ended.stdout
