"""A run is killed (``kill -9``) while a node works, continued, and killed again, to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_project import ShopProject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no kill -9"),
]

NODES = '''
import os
import time
from pathlib import Path

HERE = Path(__file__).parents[1]


def step(number, name):
    """Add one; the node that is named in a file waits to be killed."""
    held = HERE / "held"
    if held.exists() and held.read_text() == name:
        (HERE / "waits").write_text("")
        time.sleep(60)
    return number + 1
'''

REGISTRY = """
from functools import partial

from shop.nodes import step
from sparkpipe.pipeline import node, pipeline


def register_pipelines():
    # Two chains; the second one's middle is only in memory.
    nodes = []
    for chain in ("a", "b"):
        for number in range(4):
            of = partial(step, name=f"{chain}{number}")
            of.__name__ = "step"
            nodes.append(
                node(of, f"{chain}_{number}", f"{chain}_{number + 1}", name=f"{chain}{number}")
            )
    return {"__default__": pipeline(nodes)}
"""

SAVED = ("a_0", "a_1", "a_2", "a_3", "a_4", "b_0", "b_1", "b_4")


@pytest.fixture
def chains(shop: ShopProject) -> ShopProject:
    shop.write("shop/nodes.py", NODES)
    shop.write("shop/pipeline_registry.py", REGISTRY)
    entries = (f"{name}: {{type: json.JSONDataSet, filepath: data/{name}.json}}" for name in SAVED)
    shop.write("conf/base/catalog.yml", "\n".join(entries))
    shop.write("data/a_0.json", "0")
    shop.write("data/b_0.json", "10")
    return shop


def kill_in(shop: ShopProject, node: str, *arguments: str) -> None:
    """Run until a node works, and kill it with all of its processes."""
    shop.write("held", node)
    waits = shop.path / "waits"
    waits.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "sparkpipe", "run", *arguments],
        cwd=shop.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not waits.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    (shop.path / "held").unlink()


def results(shop: ShopProject) -> dict[str, int]:
    return {name: json.loads(shop.read(f"data/{name}.json")) for name in SAVED}


def last_run(shop: ShopProject) -> dict[str, str]:
    shown = json.loads(shop.command("runs", "show", "--format=json").out)
    return {one["node"]: one["status"] for one in shown["nodes"]}


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner"])
def test_what_was_killed_is_continued_to_the_same_results(chains: ShopProject, runner: str) -> None:
    kill_in(chains, "a2", f"--runner={runner}")
    assert json.loads(chains.command("runs", "list", "--format=json").out)[0]["outcome"] == "died"
    finished = {name for name, status in last_run(chains).items() if status == "done"}
    assert {"a0", "a1"} <= finished
    assert not {"a2", "a3"} & finished
    kill_in(chains, "a3", "--resume")
    # What has finished and is saved is not done again.
    again = last_run(chains)
    assert again["a2"] == "done"
    assert not {"a0", "a1"} & {*again}
    said = chains.process("run", "--resume")
    assert said.status == 0, said.text
    last = last_run(chains)
    assert last["a3"] == "done"
    # What was only in memory is made again where somebody still needs it.
    assert {*last} <= ({"a3", "b1", "b2", "b3"} if "b3" in last else {"a3"})
    assert results(chains) == {
        **{f"a_{number}": number for number in range(5)},
        "b_0": 10,
        "b_1": 11,
        "b_4": 14,
    }
    leftovers = [one for one in (chains.path / "data").iterdir() if one.suffix != ".json"]
    assert leftovers in ([], [Path(chains.path / "data/.sparkpipe-saving")])
