"""Memory between nodes is freed as soon as the last node that needs it is done."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner


class Block:
    """Stands for a large table; unlike a list, it can be watched."""


RUNNERS: dict[str, Callable[[], AbstractRunner]] = {
    "sequential": SequentialRunner,
    "sequential-async": lambda: SequentialRunner(is_async=True),
    "thread": ThreadRunner,
    "one-thread": lambda: ThreadRunner(max_workers=1),
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return RUNNERS[request.param]()


def _catalog() -> DataCatalog:
    return DataCatalog({"block": MemoryDataSet(copy_mode="assign")}, feed_dict={"x": 0})


def test_a_block_dies_before_the_next_node_runs(runner: AbstractRunner) -> None:
    watched: list[weakref.ref[Block]] = []
    alive: dict[str, bool] = {}

    def make(x: int) -> Block:
        block = Block()
        watched.append(weakref.ref(block))
        return block

    def use(block: Block) -> int:
        alive["while it is used"] = watched[0]() is not None
        return 1

    def later(x: int) -> int:
        gc.collect()
        alive["later"] = watched[0]() is not None
        return x

    pipe = pipeline(
        [
            node(make, "x", "block", name="make"),
            node(use, "block", "used", name="use"),
            node(later, "used", "end", name="later"),
        ]
    )
    assert runner.run(pipe, _catalog()) == {"end": 1}
    assert alive == {"while it is used": True, "later": False}


def test_a_block_lives_until_its_last_reader_is_done(runner: AbstractRunner) -> None:
    watched: list[weakref.ref[Block]] = []
    alive: list[bool] = []

    def make(x: int) -> Block:
        block = Block()
        watched.append(weakref.ref(block))
        return block

    def look(*args: Any) -> int:
        gc.collect()
        alive.append(watched[0]() is not None)
        return 1

    pipe = pipeline(
        [
            node(make, "x", "block", name="make"),
            node(look, "block", "one", name="first_reader"),
            node(look, "one", "two", name="between"),
            node(look, ["block", "two"], "three", name="last_reader"),
            node(look, "three", "four", name="after"),
        ]
    )
    runner.run(pipe, _catalog())
    assert alive == [True, True, True, False]


def test_an_intermediate_without_an_entry_is_freed_too(runner: AbstractRunner) -> None:
    alive: list[int] = []
    count = weakref.WeakSet[Block]()

    class Counted(Block):
        def __init__(self) -> None:
            count.add(self)

        def __deepcopy__(self, memo: Any) -> Counted:
            return Counted()

    def make(x: int) -> Counted:
        return Counted()

    def use(block: Counted) -> int:
        return 1

    def later(x: int) -> int:
        gc.collect()
        alive.append(len(count))
        return x

    pipe = pipeline(
        [
            node(make, "x", "b", name="make"),
            node(use, "b", "c", name="use"),
            node(later, "c", "d", name="later"),
        ]
    )
    runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert alive == [0]


def test_nothing_of_a_run_outlives_its_result(runner: AbstractRunner) -> None:
    watched: list[weakref.ref[Block]] = []

    def make(x: int) -> Block:
        block = Block()
        watched.append(weakref.ref(block))
        return block

    pipe = pipeline([node(make, "x", "block", name="make"), node(id, "block", "y", name="use")])
    runner.run(pipe, _catalog())
    gc.collect()
    assert watched[0]() is None


def test_a_thread_that_goes_on_keeps_neither_the_catalog_nor_the_nodes_of_its_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("WARNING", "sparkpipe")  # records that are kept hold the nodes that they name
    goes_on = threading.Event()
    threads: list[threading.Thread] = []

    def start(x: int) -> int:
        threads.append(threading.Thread(target=goes_on.wait))
        threads[0].start()
        return x

    held = Block()
    watched = [weakref.ref(held)]
    nodes = [node(start, "x", "y", name="start"), node(partial(_second, held), "y", "z", name="z")]
    pipe, catalog = pipeline(nodes), _catalog()
    watched.append(weakref.ref(catalog))
    try:
        SequentialRunner().run(pipe, catalog)
        del held, nodes, pipe, catalog
        gc.collect()
        assert [one() for one in watched] == [None, None]
    finally:
        goes_on.set()
        threads[0].join()


def _second(_: Any, value: Any) -> Any:
    return value
