"""``sparkpipe viz`` and ``sparkpipe runs watch``: runs of other processes, while they go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_project import PLAIN, ShopProject

pytestmark = pytest.mark.slow  # processes of their own

# It goes on when there is a file.
SLOW = """
import time
from pathlib import Path


def shout(report):
    until = time.monotonic() + 60
    while not Path("go").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return str(report).upper()
"""

# A store that processes share; what is not of the "file" protocol is written in segments.
STORE = """
import fsspec
from fsspec.implementations.local import LocalFileSystem


class Store(LocalFileSystem):
    protocol = "store"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("store://"))


fsspec.register_implementation("store", Store)
"""


@contextmanager
def started(shop: ShopProject, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process of its own, and end it with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", *arguments],
        cwd=shop.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **PLAIN, "PYTHONUNBUFFERED": "1", **env},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait(condition: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "It never became so"
        time.sleep(0.05)
    return found


def address_told_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("The page is at "):
            return line.split()[4]
    raise AssertionError("It told no address")


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def states(address: str) -> dict[str, str]:
    document = json.loads(read(f"{address}document"))
    return {one["name"]: one["state"] for one in document["nodes"]}


def make_browser(folder: Path) -> tuple[str, Path]:
    """Return a command for BROWSER that notes what it is to open, and where it does."""
    noted = folder / "opened"
    program = folder / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" >> "{noted}"\n')
    program.chmod(0o755)
    return f"{program} %s", noted


def test_the_page_is_shown_to_those_with_its_token_until_it_is_interrupted(
    shop: ShopProject, tmp_path: Path
) -> None:
    assert shop.command("run").status == 0
    browser, noted = make_browser(tmp_path)
    with started(shop, "viz", BROWSER=browser) as process:
        address = address_told_by(process)
        assert wait(lambda: noted.exists() and noted.read_text().strip()) == address
        host, _, token = address.rstrip("/").rpartition("/")
        assert host.startswith("http://127.0.0.1:")
        assert len(token) >= 32
        page = read(address)
        assert '"name":"double"' in page
        assert 'data-follow=""' in page  # it is not live
        for other in (
            f"{host}/",
            f"{host}/{token[:-1]}x/",
            f"{host}/document",
            f"{host}/x/document",
        ):
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                read(other)
            assert "double" not in refused.value.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("place", ["folder", "shared storage"])
def test_a_live_page_follows_a_run_of_another_process(
    shop: ShopProject, tmp_path: Path, place: str
) -> None:
    if place == "shared storage":  # where nobody can lock a file, or add to one
        shop.write("conf/base/journal.yml", f"path: store://{tmp_path}/runs\n")
        (tmp_path / "sitecustomize.py").write_text(STORE)
    env = {"PYTHONPATH": str(tmp_path)}
    with started(shop, "run", **env) as process:
        assert process.wait(60) == 0
    shop.write("shop/slow.py", SLOW)
    shop.replace(
        "shop/pipeline_registry.py",
        "from shop.nodes import double, shout, total",
        ("from shop.nodes import double, total\nfrom shop.slow import shout"),
    )
    with (
        started(shop, "run", "--runner=ThreadRunner", **env),
        started(shop, "viz", "--live", "--no-open", **env) as viz,
    ):
        address = address_told_by(viz)
        assert 'data-follow="document"' in read(address)
        wait(lambda: states(address)["shout"] == "running")
        assert states(address)["total"] == "done"
        first = json.loads(read(f"{address}document"))
        # Where there are no locks, nobody can tell a run that goes on from one that died.
        assert first["run"]["outcome"] == ("running" if place == "folder" else "unfinished")
        assert first["run"]["runner"] == "ThreadRunner"
        wait(lambda: json.loads(read(f"{address}document"))["now"] > first["now"] >= 0)
        shop.write("go", "")
        wait(lambda: states(address)["shout"] == "done")
        assert json.loads(read(f"{address}document"))["run"]["outcome"] == "done"


def test_a_run_of_another_process_is_watched_to_its_end(shop: ShopProject) -> None:
    shop.write("shop/slow.py", SLOW)
    shop.replace(
        "shop/pipeline_registry.py",
        "from shop.nodes import double, shout, total",
        ("from shop.nodes import double, total\nfrom shop.slow import shout"),
    )

    def journal() -> str:
        return "".join(one.read_text() for one in shop.path.glob(".sparkpipe/runs/*.jsonl"))

    with started(shop, "run"):
        wait(lambda: '"total", "status": "done"' in journal())
        with started(shop, "runs", "watch") as watching:
            assert watching.stdout is not None
            head = watching.stdout.readline()
            assert " of __default__" in head
            assert head.endswith(": 2 of 3 nodes ended\n")
            shop.write("go", "")
            rest = watching.stdout.read()
            assert "[3/3] shout: done" in rest
            assert ": done after " in rest
            assert watching.wait(20) == 0


def test_a_report_is_opened_in_the_browser(shop: ShopProject, tmp_path: Path) -> None:
    assert shop.command("run").status == 0
    browser, noted = make_browser(tmp_path)
    with started(shop, "report", "--open", "-o", "my page.html", BROWSER=browser) as process:
        assert process.wait(60) == 0
    opened = wait(lambda: noted.exists() and noted.read_text().strip())
    assert opened == (shop.path / "my page.html").as_uri()
    assert '"name":"double"' in read(opened)
