"""``SPARKPIPE_LOG_FORMAT=json``: each line of standard error and of the log file is an object."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from cli_project import ShopProject

NODES = """
import logging, threading, warnings

_logger = logging.getLogger(__name__)
_logger.warning("imported")


class Lost:
    def __del__(self):
        raise OSError("left")


class Odd:
    def __str__(self):
        return "odd"


def double(numbers, factor):
    warnings.warn("careful \\u202e \\x9b", stacklevel=2)
    _logger.info("a mean", extra={"mean": float("nan"), "by": {(1, 2): Odd()}})
    _logger.info("%d rows", "many")
    try:
        raise KeyError("inner")
    except KeyError:
        _logger.exception("caught")
    thread = threading.Thread(target=lambda: 1 / 0, name="lost")
    thread.start()
    thread.join()
    Lost()
    return [number * factor for number in numbers]


def total(doubled):
    if sum(doubled) > 12:
        raise ValueError("too\\nmuch")
    return {"total": sum(doubled)}


def shout(report):
    return str(report).upper()
"""


@pytest.fixture
def talking(shop: ShopProject, monkeypatch: pytest.MonkeyPatch) -> ShopProject:
    """The shop with nodes that log, warn and fail in all ways."""
    monkeypatch.setenv("SPARKPIPE_LOG_FORMAT", "json")
    shop.write("shop/nodes.py", NODES)
    return shop


def lines_of(text: str) -> list[dict[str, Any]]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def the_run_of(lines: list[dict[str, Any]]) -> str:
    """Return the id of the run that all lines tell."""
    (run_id,) = {line.get("run_id") for line in lines}
    assert isinstance(run_id, str), lines
    return run_id


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner"])
@pytest.mark.parametrize("factor", [2, 7])
def test_all_that_a_run_says_is_json_with_its_id(
    talking: ShopProject, runner: str, factor: int
) -> None:
    ended = talking.command("run", "--runner", runner, "--params", f"factor:{factor}")
    said, kept = lines_of(ended.err), lines_of(talking.read("logs/sparkpipe.log"))
    run_id = the_run_of(said + kept)
    by_message = {line["message"].partition(" ")[0]: line for line in said}
    assert "imported" in by_message
    assert by_message["a"]["mean"] == "nan"
    assert by_message["%d"]["level"] == "INFO"
    assert "KeyError: 'inner'" in by_message["caught"]["traceback"]
    assert "ZeroDivisionError" in by_message["The"]["traceback"]
    assert "OSError: left" in by_message["Exception"]["traceback"]
    (warning,) = [line for line in said if line["logger"] == "py.warnings"]
    assert "careful \u202e \x9b" in warning["message"]
    assert warning["node"] == "double"
    if factor == 2:
        assert ended.status == 0
        assert "Run completed in " in said[-2]["message"]
        assert "Written: 2 data sets" in said[-1]["message"]
        return
    assert ended.status == 1
    error = said[-1]
    assert (error["level"], error["run_id"]) == ("ERROR", run_id)
    told = error["message"]
    assert told.startswith("the run failed: 1 of 3 nodes done, 1 failed.\nNode 'total' failed: ")
    assert "To continue: sparkpipe run --resume\n" in told
    assert "traceback" not in error
    assert sum("ValueError" in line["message"] for line in said) == 1


def test_a_failure_told_at_length_has_its_traceback(talking: ShopProject) -> None:
    error = lines_of(talking.command("run", "--params=factor:7", "--verbose").err)[-1]
    assert error["level"] == "ERROR"
    assert "in total\n" in error["traceback"]


@pytest.mark.slow
def test_worker_processes_say_theirs_in_it(talking: ShopProject) -> None:
    said = lines_of(talking.process("run", "--runner=ParallelRunner").err)
    the_run_of(said)
    (warning,) = [line for line in said if line["logger"] == "py.warnings"]
    assert warning["node"] == "double"
    (caught,) = [line for line in said if line["message"] == "caught"]
    assert "KeyError: 'inner'" in caught["traceback"]
    assert [line["message"] for line in said].count("imported") >= 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nodes=none"], "No such node"),
        (["--runner=Swift"], "There is no runner 'Swift'"),
        (["--params=factor:7", "--from-inputs=numbers", "--env=none"], "none"),
    ],
)
def test_what_keeps_a_run_from_starting_is_one_line(
    talking: ShopProject, arguments: list[str], told: str
) -> None:
    ended = talking.command("run", *arguments)
    assert ended.status == 2
    said = lines_of(ended.err)
    the_run_of(said)
    assert said[-1]["level"] == "ERROR"
    assert told in said[-1]["message"]
    assert sum(line["level"] == "ERROR" for line in said) == 1


def test_an_option_that_there_is_not_is_one_line(talking: ShopProject) -> None:
    (said,) = lines_of(talking.command("run", "--swift").err)
    assert said["level"] == "ERROR"
    assert "No such option '--swift'" in said["message"]


def test_hooks_that_fail_are_told_in_it(talking: ShopProject) -> None:
    talking.write(
        "shop/settings.py",
        """
from sparkpipe.framework.hooks import hook_impl


class Failing:
    @hook_impl
    def after_pipeline_run(self):
        raise OSError("no room")


HOOKS = (Failing(),)
""",
    )
    ended = talking.command("run")
    assert ended.status == 1
    said = lines_of(ended.err)
    the_run_of(said)
    assert said[-1]["level"] == "ERROR"
    assert "OSError: no room" in said[-1]["message"]


def test_each_slice_says_its_own_run(talking: ShopProject) -> None:
    catalog = "".join(
        f'{name}: {{type: json.JSONDataSet, filepath: "data/{name}/${{slice:day}}.json"}}\n'
        for name in ("numbers", "doubled", "report")
    )
    talking.write("conf/base/catalog.yml", catalog)
    talking.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01, to: 2024-01-03}")
    talking.write("data/numbers/2024-01-01.json", "[1]")
    talking.write("data/numbers/2024-01-02.json", "[9]")
    ended = talking.command("run", "--slice=day=2024-01-01..2024-01-02")
    assert ended.status == 1
    said = lines_of(ended.err)
    done, failed = (line for line in said if line["message"].startswith("["))
    assert "2024-01-01: done" in done["message"]
    ids = {line["run_id"] for line in said if line.get("node") == "total"}
    assert ids == {done["run_id"], failed["run_id"]}
    assert "1 of 2 slices failed." in said[-1]["message"]
    assert "To run them again: sparkpipe run" in said[-1]["message"]
    traces = lines_of(talking.read("logs/sparkpipe.log"))
    (trace,) = [line for line in traces if line["logger"] == "sparkpipe.traceback"]
    assert trace["run_id"] == failed["run_id"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("seconds", [0, 60], ids=["in time", "too late"])
def test_an_interrupted_run_says_so_in_it(talking: ShopProject, seconds: int) -> None:
    # Python does not interrupt what another thread waits for.
    wait = f"t = threading.Thread(target=time.sleep, args=({seconds},)); t.start(); t.join()"
    talking.write(
        "shop/nodes.py",
        f"""
import pathlib, threading, time

def double(numbers, factor):
    pathlib.Path("started").touch()
    try:
        time.sleep(60)
    finally:
        {wait}

def total(doubled): ...
def shout(report): ...
""",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", "run", "--runner=ThreadRunner"],
        cwd=talking.path,
        env={**os.environ, "NO_COLOR": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (talking.path / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    said = lines_of(errors)
    the_run_of(said)
    assert any("To continue: sparkpipe run --resume" in line["message"] for line in said)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_nothing_is_drawn_among_lines_of_json(talking: ShopProject) -> None:
    import pty

    talking.write(
        "shop/nodes.py",
        """
import time

def double(numbers, factor):
    time.sleep(2.5)
    return numbers

def total(doubled): return sum(doubled)
def shout(report): return str(report)
""",
    )
    ours, theirs = pty.openpty()
    ended = subprocess.run(
        [sys.executable, "-m", "sparkpipe", "run"],
        cwd=talking.path,
        env={**os.environ, "TERM": "xterm", "CI": "", "JPY_PARENT_PID": ""},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    read = b""
    with contextlib.suppress(OSError):  # all is read
        while part := os.read(ours, 1 << 16):
            read += part
    os.close(ours)
    assert ended.returncode == 0, read
    the_run_of(lines_of(read.decode()))
