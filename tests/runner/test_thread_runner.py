"""ThreadRunner: nodes side by side, never more than it may, always in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkpipe.errors import ConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import HybridRunner, ParallelRunner, ThreadRunner

colour: ContextVar[str] = ContextVar("colour", default="none")


def _wide(count: int, function: Any) -> Pipeline:
    return pipeline([node(function, "x", f"y{n}", name=f"n{n}") for n in range(count)])


class Gauge:
    """Counts how many calls run at once."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, x: int) -> int:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.01)
        with self._lock:
            self._now -= 1
        return x


def test_nodes_of_which_no_two_may_run_at_once_run_on_the_calling_thread() -> None:
    threads: list[threading.Thread] = []

    def look(x: int) -> int:
        threads.append(threading.current_thread())
        return x

    chain = pipeline([node(look, f"d{n}", f"d{n + 1}", name=f"n{n}") for n in range(3)])
    ThreadRunner().run(chain, DataCatalog(feed_dict={"d0": 1}))
    ThreadRunner(max_workers=1).run(_wide(2, look), DataCatalog(feed_dict={"x": 1}))
    assert threads == [threading.current_thread()] * 5
    ThreadRunner().run(_wide(2, look), DataCatalog(feed_dict={"x": 1}))
    assert threading.current_thread() not in threads[5:]


def test_it_does_not_do_async_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    runner = ThreadRunner(is_async=True)
    assert runner._is_async is False
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "does not support" in record.getMessage()
    assert "Setting is_async to False" in record.getMessage()
    assert runner.run(_wide(2, nodes.add_one), DataCatalog(feed_dict={"x": 1})) == {
        "y0": 2,
        "y1": 2,
    }


def test_without_async_there_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    ThreadRunner()
    assert caplog.records == []


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2"])
def test_max_workers_must_be_a_positive_whole_number(workers: Any) -> None:
    with pytest.raises(ConfigError, match=f"max_workers must be .* not {workers!r}"):
        ThreadRunner(max_workers=workers)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_nodes_at_once_than_max_workers(workers: int) -> None:
    gauge = Gauge()
    ThreadRunner(max_workers=workers).run(_wide(24, gauge), DataCatalog(feed_dict={"x": 1}))
    assert gauge.most == workers


def test_independent_nodes_meet() -> None:
    barrier = threading.Barrier(4, timeout=10)

    def meet(x: int) -> int:
        barrier.wait()
        return x

    outputs = ThreadRunner(max_workers=4).run(_wide(4, meet), DataCatalog(feed_dict={"x": 1}))
    assert len(outputs) == 4


def test_a_child_starts_as_soon_as_its_own_parents_are_done() -> None:
    child_ran = threading.Event()

    def wait_for_child(x: int) -> bool:
        return child_ran.wait(10)

    def child(x: int) -> int:
        child_ran.set()
        return x

    pipe = pipeline(
        [
            node(wait_for_child, "x", "waited", name="slow"),
            node(nodes.add_one, "x", "y", name="quick"),
            node(child, "y", "z", name="child_of_quick"),
        ]
    )
    outputs = ThreadRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert outputs == {"waited": True, "z": 2}


def test_context_variables_reach_the_nodes_and_do_not_leak() -> None:
    def paint(x: int, number: int) -> str:
        seen = colour.get()
        colour.set(f"set by {number}")
        return seen

    pipe = pipeline(
        [node(lambda x, number=n: paint(x, number), "x", f"y{n}", name=f"n{n}") for n in range(12)]
    )
    token = colour.set("red")
    try:
        outputs = ThreadRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"x": 1}))
        assert colour.get() == "red"
    finally:
        colour.reset(token)
    assert set(outputs.values()) == {"red"}


def test_two_runs_at_once_do_not_mix() -> None:
    results: dict[int, Any] = {}
    catalog = DataCatalog(feed_dict={"xs": [1, 2, 3]})

    def run(number: int) -> None:
        results[number] = ThreadRunner(max_workers=2).run(nodes.variance_pipeline(), catalog)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: {"v": 0.666666666666667} for number in range(6)}


# Shapes


def _noted(ran: list[str], name: str) -> Any:
    def work(*args: Any) -> str:
        ran.append(name)
        return name

    return work


def _run_and_check(edges: dict[int, list[int]], workers: int, names: dict[int, str]) -> None:
    ran: list[str] = []
    pipe = pipeline(
        [
            node(
                _noted(ran, names[child]),
                [f"d{parent}" for parent in parents] or "x",
                f"d{child}",
                name=names[child],
            )
            for child, parents in edges.items()
        ]
    )
    outputs = ThreadRunner(max_workers=workers).run(pipe, DataCatalog(feed_dict={"x": 0}))
    assert sorted(ran) == sorted(names.values())
    position = {name: place for place, name in enumerate(ran)}
    for child, parents in edges.items():
        assert all(position[names[parent]] < position[names[child]] for parent in parents)
    read = {parent for parents in edges.values() for parent in parents}
    assert outputs == {f"d{n}": names[n] for n in edges if n not in read}


@st.composite
def dags(draw: st.DrawFn) -> tuple[dict[int, list[int]], dict[int, str]]:
    size = draw(st.integers(1, 14))
    edges = {
        child: sorted(draw(st.sets(st.integers(0, child - 1), max_size=4))) if child else []
        for child in range(size)
    }
    # Names in another order than the edges: the order of nodes must not hold by accident.
    shuffled = draw(st.permutations(range(size)))
    return edges, {number: f"n{shuffled[number]}" for number in range(size)}


@given(dag=dags(), workers=st.integers(1, 6))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_each_node_runs_once_and_after_its_parents(
    dag: tuple[dict[int, list[int]], dict[int, str]], workers: int
) -> None:
    edges, names = dag
    _run_and_check(edges, workers, names)


@pytest.mark.parametrize(
    "edges",
    [
        {n: [] for n in range(300)},
        {n: [n - 1] if n else [] for n in range(300)},
        {0: [], **{n: [0] for n in range(1, 100)}, 100: list(range(1, 100))},
    ],
    ids=["wide", "linear", "diamond"],
)
def test_large_shapes(edges: dict[int, list[int]]) -> None:
    _run_and_check(edges, 4, {number: f"n{number:03}" for number in edges})


def test_a_long_chain_does_not_overflow_the_stack() -> None:
    length = 3000
    pipe = pipeline(
        [node(nodes.add_one, f"d{n}", f"d{n + 1}", name=f"n{n}") for n in range(length)]
    )
    outputs = ThreadRunner().run(pipe, DataCatalog(feed_dict={"d0": 0}))
    assert outputs == {f"d{length}": length}


def test_ready_nodes_start_in_a_fixed_order() -> None:
    orders = set()
    for seed in range(5):
        ran: list[str] = []
        numbers = list(range(20))
        random.Random(seed).shuffle(numbers)
        pipe = pipeline(
            [node(_noted(ran, f"n{n:02}"), "x", f"y{n}", name=f"n{n:02}") for n in numbers]
        )
        ThreadRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"x": 0}))
        orders.add(tuple(ran))
    assert orders == {tuple(f"n{n:02}" for n in range(20))}


# Ctrl-C

_INTERRUPTED = """
import sys, time
from pathlib import Path
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ThreadRunner, SequentialRunner

folder = Path(sys.argv[1])

def work(x, number):
    (folder / f"started-{number}").touch()
    time.sleep(1.0)
    (folder / f"ended-{number}").touch()
    return x

pipe = pipeline(
    [node(lambda x, n=n: work(x, n), "x", f"y{n}", name=f"n{n}") for n in range(8)]
)
try:
    ThreadRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"x": 1}))
except KeyboardInterrupt:
    (folder / "interrupted").touch()
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals to another process")
def test_ctrl_c_waits_for_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _INTERRUPTED, str(tmp_path)])
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "started-1").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        interrupted_at = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert time.monotonic() - interrupted_at < 5
    finally:
        process.kill()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"started-0", "started-1", "ended-0", "ended-1", "interrupted"}


@pytest.mark.parametrize("runner", [ThreadRunner, ParallelRunner, HybridRunner])
def test_a_number_of_workers_that_cannot_be_is_a_value_error_as_with_kedro(runner: Any) -> None:
    for number in (-1, 0, "two"):
        with pytest.raises(ValueError, match="max_workers must be a whole number"):
            runner(max_workers=number)
