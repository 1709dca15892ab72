"""Standard streams that are closed, full, unread, or of a small encoding; and text that steers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_project import PLAIN, ShopProject

pytestmark = [
    pytest.mark.slow,  # a process for each
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full"),
]

CALLED = "    return [number * factor"


def _shell(shop: ShopProject, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell, in which ``$0`` is the Python of the tests."""
    return subprocess.run(
        ["bash", "-c", line, sys.executable],
        cwd=shop.path,
        capture_output=True,
        text=True,
        env={**os.environ, **PLAIN, **env},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("to", [">/dev/full", ">&-", "| true; exit ${PIPESTATUS[0]}"])
def test_a_run_is_done_though_its_results_cannot_be_printed(shop: ShopProject, to: str) -> None:
    ended = _shell(shop, f"$0 -m sparkpipe run {to}")
    assert ended.returncode == 0, ended.stderr
    assert (shop.path / "data/report.json").exists()
    assert "Traceback" not in ended.stderr
    told = "standard output cannot be written: No space left on device" in ended.stderr
    assert told == ("full" in to)


@pytest.mark.parametrize("to", ["2>/dev/full", "2>&-", ">&- 2>&- <&-"])
def test_a_run_needs_no_standard_error(shop: ShopProject, to: str) -> None:
    ended = _shell(shop, f"$0 -m sparkpipe run {to}")
    assert ended.returncode == 0
    assert (shop.path / "data/report.json").exists()


@pytest.mark.parametrize("runner", ["SequentialRunner", "ParallelRunner"])
def test_what_a_node_prints_may_be_lost(shop: ShopProject, runner: str) -> None:
    shop.replace(
        "shop/nodes.py",
        CALLED,
        "    import sys\n"
        "    print('x' * 100_000, flush=True)\n"
        "    sys.stdout.write('y')\n" + CALLED,
    )
    for to in (">/dev/full", ">&-", "| true; exit ${PIPESTATUS[0]}"):
        ended = _shell(shop, f"$0 -m sparkpipe run --runner {runner} {to}")
        assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("command", ["registry list", "plan --format json", "slices"])
def test_what_is_asked_to_be_printed_and_is_not_is_a_failure(
    shop: ShopProject, command: str
) -> None:
    ended = _shell(shop, f"$0 -m sparkpipe {command} >/dev/full")
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == [
        "Warning: standard output cannot be written: No space left on device."
    ]
    unread = _shell(shop, f"$0 -m sparkpipe {command} | true; exit ${{PIPESTATUS[0]}}")
    assert unread.returncode == 141
    assert unread.stderr == ""


def test_a_small_encoding_fails_neither_run_nor_list(shop: ShopProject) -> None:
    shop.replace("conf/base/catalog.yml", "report:", "größe:")
    shop.replace("shop/pipeline_registry.py", '"report"', '"größe"')
    shop.replace(
        "shop/nodes.py",
        "    return [number * factor",
        "    print('größe')\n    return [number * factor",
    )
    ended = _shell(shop, "$0 -m sparkpipe run", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert "gr\\xf6\\xdfe" in ended.stdout
    assert _shell(shop, "$0 -m sparkpipe catalog list", PYTHONIOENCODING="ascii").returncode == 0


def test_an_answer_that_nobody_gives_is_told(shop: ShopProject) -> None:
    ended = _shell(shop, "$0 -m sparkpipe new <&-")
    assert ended.returncode == 2
    assert "Give it by --name." in ended.stderr


def test_a_full_disk_under_the_log_is_one_warning(shop: ShopProject) -> None:
    (shop.path / "logs").mkdir()
    (shop.path / "logs/sparkpipe.log").symlink_to("/dev/full")
    ended = shop.command("run")
    assert ended.status == 0
    assert ended.err.count("cannot be written: No space left on device") == 1
    assert "Traceback" not in ended.err


def test_a_full_disk_under_a_log_of_the_projects_own_is_one_warning(shop: ShopProject) -> None:
    shop.write(
        "conf/base/logging.yml",
        "version: 1\n"
        "handlers:\n  file: {class: logging.FileHandler, filename: /dev/full}\n"
        "root: {level: INFO, handlers: [file]}\n",
    )
    ended = shop.process("run")
    assert ended.status == 0
    assert ended.err.count("/dev/full cannot be written: No space left on device") == 1
    assert "Traceback" not in ended.err


def test_a_log_that_is_a_pipe_holds_nothing_up(shop: ShopProject) -> None:
    (shop.path / "logs").mkdir()
    os.mkfifo(shop.path / "logs/sparkpipe.log")
    assert shop.command("run").status == 0


def test_names_and_errors_do_not_steer_the_terminal(shop: ShopProject) -> None:
    steers = "\x1b]0;owned\x07\x9b31m\u202e"
    shop.write(
        "conf/base/catalog.yml", f'"{steers!r}": '.replace("'", "") + "{type: MemoryDataSet}\n"
    )
    shop.write("data/numbers.json", "[1]")
    shop.replace(
        "shop/nodes.py",
        "    return [number * factor",
        f"    raise ValueError({steers!r})\n    return [",
    )
    for words in (
        ("run",),
        ("check",),
        ("catalog", "list"),
        ("catalog", "resolve"),
        ("run", "--nodes", steers),
        ("run", f"--{steers}"),
        (steers,),
        ("run", "--env", steers),
        ("run", "--verbose"),
        ("registry", "describe", steers),
        ("catalog", "describe", steers),
    ):
        text = shop.command(*words).text
        assert not any(char in text for char in "\x1b\x07\x9b\u202e"), words
    assert "\x1b" not in shop.read("logs/sparkpipe.log")
