"""A failure or an interrupt reaches everybody: threads, processes, retries and inner runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import NodeTimeoutError, RunFailedError
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog, LambdaDataSet, PartitionedDataSet
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

RUNNERS = [
    ThreadRunner(),
    ParallelRunner(2, start_method="forkserver"),
    HybridRunner(2, 2, start_method="forkserver"),
]


def _failed(runner: AbstractRunner, pipe: Pipeline, x: Any = 1) -> RunFailedError:
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"x": x}))
    return caught.value


@pytest.mark.parametrize("runner", RUNNERS)
def test_retries_end_where_another_node_has_failed(runner: AbstractRunner, tmp_path: Path) -> None:
    pipe = pipeline(
        [
            node(nodes.refuse_beside, "x", "a", name="again", retries=9, retry_delay=40),
            node(nodes.boom_beside, "x", "b", name="boom"),
        ]
    )
    started = time.monotonic()
    error = _failed(runner, pipe, str(tmp_path))
    assert time.monotonic() - started < 30  # the first process of a machine at work takes long
    assert {failure.node_name for failure in error.failures} == {"again", "boom"}


def test_a_node_that_is_just_starting_does_not_start() -> None:
    is_loading, may_start, ran = threading.Event(), threading.Event(), []

    def load() -> int:
        is_loading.set()
        may_start.wait(5)
        return 1

    def boom(x: int) -> None:
        is_loading.wait(5)
        threading.Timer(0.05, may_start.set).start()
        raise ValueError("the barrel is empty")

    pipe = pipeline(
        [
            node(boom, "x", "a", name="boom"),
            node(ran.append, "late", "b", name="late"),
        ]
    )
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner().run(pipe, DataCatalog({"late": LambdaDataSet(load, None)}, {"x": 1}))
    assert caught.value.cancelled == ("late",)
    assert not ran


@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner()])
def test_an_inner_run_ends_with_the_node_that_began_it(runner: AbstractRunner) -> None:
    ran: list[int] = []

    def step(x: int) -> int:
        time.sleep(0.05)
        ran.append(x)
        return x + 1

    inner = pipeline([node(step, f"x{i}", f"x{i + 1}", name=f"s{i}") for i in range(40)])

    def outer(x: int) -> Any:
        return runner.run(inner, DataCatalog(feed_dict={"x0": 0}))["x40"]

    error = _failed(SequentialRunner(), pipeline([node(outer, "x", "y", timeout=0.2)]))
    assert isinstance(error.failures[0], NodeTimeoutError)
    assert len(ran) < 10
    ran.clear()
    beside = node(nodes.slow_then_boom, "x", "z", name="boom")
    error = _failed(ThreadRunner(), pipeline([node(outer, "x", "y", name="outer"), beside]))
    assert error.cancelled == ("outer",)
    assert len(ran) < 10


def test_a_run_that_was_cancelled_from_outside_is_no_success() -> None:
    inner = pipeline([node(nodes.identity, "x", "y", name="first")])
    outcomes: list[BaseException] = []

    def outer(x: int) -> Any:
        time.sleep(0.6)  # until this node is over its time
        try:
            return SequentialRunner().run(inner, DataCatalog(feed_dict={"x": x}))
        except RunFailedError as exc:
            outcomes.append(exc)
            raise

    _failed(SequentialRunner(), pipeline([node(outer, "x", "z", name="outer", timeout=0.5)]))
    assert "'first' was cancelled" in str(outcomes[0])


def test_an_interrupt_waits_for_asynchronous_saves(tmp_path: Path) -> None:
    def save(data: int) -> None:
        time.sleep(0.3)
        (tmp_path / f"{data}").touch()

    catalog = DataCatalog({name: LambdaDataSet(lambda: 1, save) for name in "ab"}, {"x": 1})
    pipe = pipeline([node(lambda x: (1, 2), "x", ["a", "b"], name="two")])
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        SequentialRunner(is_async=True).run(pipe, catalog)
    there = sorted(tmp_path.iterdir())
    time.sleep(0.3)
    assert sorted(tmp_path.iterdir()) == there


class _Ends(RunObserver):
    def __init__(self) -> None:
        self.ended: dict[str, str] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        self.ended[event.node] = event.status


def _interrupt_when(begun: Path) -> threading.Thread:
    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("runner", "function"),
    [
        *((runner, nodes.slow_partitions) for runner in RUNNERS),
        *((runner, nodes.killed_once_cancelled) for runner in RUNNERS[1:]),
    ],
)
def test_what_ends_after_an_interrupt_has_not_failed(
    runner: AbstractRunner, function: Any, tmp_path: Path
) -> None:
    parts = PartitionedDataSet(str(tmp_path / "parts"), "text.TextDataSet")
    catalog = DataCatalog({"parts": parts}, {"folder": str(tmp_path)})
    pipe = pipeline(
        [
            node(function, "folder", "parts", name="held", tags="processes"),
            node(nodes.slow, "folder", "y", name="beside"),
        ]
    )
    ends = _Ends()
    interrupt = _interrupt_when(tmp_path / "holding")
    with pytest.raises(KeyboardInterrupt), observing(ends):
        runner.run(pipe, catalog)
    interrupt.join()
    assert ends.ended["held"] == "cancelled"
    assert len([*tmp_path.rglob("p*")]) < 150


INTERRUPTED_TWICE = """
import os, signal, sys, threading, time
import runner_nodes as nodes
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ParallelRunner
if __name__ == "__main__":
    def interrupt():
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.02)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
    threading.Thread(target=interrupt, daemon=True).start()
    pipe = pipeline([node(nodes.touch_twice, "x", "y", name="long")])
    try:
        ParallelRunner(1).run(pipe, DataCatalog(feed_dict={"x": sys.argv[1]}))
    except KeyboardInterrupt:
        print("interrupted", os.path.exists(sys.argv[1] + ".late"))
"""


def _start(code: str, tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    (tmp_path / "temp").mkdir()
    (tmp_path / "program.py").write_text(code)
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py"), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(nodes.__file__).parent), *sys.path]),
            "TMPDIR": str(tmp_path / "temp"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_second_interrupt_ends_the_processes_and_leaves_no_file(tmp_path: Path) -> None:
    process = _start(INTERRUPTED_TWICE, tmp_path, str(tmp_path / "begun"))
    told, _ = process.communicate(timeout=60)
    assert "interrupted False" in told, told
    assert "leaked" not in told
    assert not list((tmp_path / "temp").iterdir())
    time.sleep(0.3)
    assert not (tmp_path / "begun.late").exists()


def test_workers_end_with_a_run_that_is_killed_and_remove_its_files(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    process = _start(
        INTERRUPTED_TWICE.replace("target=interrupt", "target=str"), tmp_path, str(begun)
    )
    while not begun.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while list((tmp_path / "temp").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list((tmp_path / "temp").iterdir())
    assert not (tmp_path / "begun.late").exists()


INTERRUPTED = """
import threading
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

def interrupt(x):
    raise KeyboardInterrupt

try:
    SequentialRunner().run(pipeline([node(interrupt, "x", "y")]), DataCatalog(feed_dict={"x": 1}))
except KeyboardInterrupt:
    for thread in threading.enumerate():
        if thread.name == "sparkpipe-cancel":
            thread.join(1)  # where there is a session it cancels for two seconds
            assert not thread.is_alive()
    print("ended")
"""


def test_after_an_interrupt_without_spark_nothing_goes_on() -> None:
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60
    )
    assert told.stdout == "ended\n", told.stderr
