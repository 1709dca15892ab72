"""Failing runs: what is waited for, what is told, and how to continue."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.errors import DataSetError, RunFailedError, SparkStartError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import (
    AbstractDataSet,
    DataCatalog,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
)
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import AbstractRunner, ParallelRunner, SequentialRunner, ThreadRunner

RUNNERS: dict[str, Callable[[], AbstractRunner]] = {
    "sequential": SequentialRunner,
    "thread": ThreadRunner,
    "parallel": lambda: ParallelRunner(max_workers=2),
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return RUNNERS[request.param]()


def _mendable(tmp_path: Path) -> tuple[Callable[..., Any], Callable[[], None]]:
    flag = tmp_path / "mended"

    def work(x: int) -> int:
        if not flag.exists():
            raise RuntimeError("not mended yet")
        return x + 1

    return work, flag.touch


@pytest.mark.parametrize("function", [nodes.cancelled_elsewhere, nodes.tells_nothing])
def test_what_is_no_plain_error_fails_a_node_all_the_same(
    runner: AbstractRunner, function: Callable[..., Any], tmp_path: Path
) -> None:
    log = nodes.LogOfCalls(tmp_path / "calls")
    with pytest.raises(RunFailedError) as caught:
        runner.run(
            pipeline([node(function, "x", "y", name="n", retries=1, retry_delay=0.01)]),
            DataCatalog(feed_dict={"x": 1}),
            hook_manager=create_hook_manager([log]),
        )
    (failure,) = caught.value.failures
    assert failure.message in ("Node 'n' failed: CancelledError", "Node 'n' failed: MuteError")
    assert "runner_nodes.py" in failure.location
    is_mute = function is nodes.tells_nothing  # for this hook, too
    assert is_mute or any(line.startswith("n error") for line in log.lines)


def test_an_interrupt_that_a_node_raises_itself_is_told(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.interrupted, "x", "y", name="n"), node(nodes.slow, "x", "z")])
    with pytest.raises((RunFailedError, KeyboardInterrupt)) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert isinstance(caught.value, KeyboardInterrupt) or "'n' was interrupted" in str(caught.value)


# Two failures at once


def _failing_at_once(count: int) -> Pipeline:
    barrier = threading.Barrier(count, timeout=10)

    def fail(x: int, number: int) -> int:
        barrier.wait()
        raise ValueError(f"failure {number}")

    return pipeline(
        [
            node(lambda x, number=number: fail(x, number), "x", f"y{number}", name=f"node_{number}")
            for number in range(count)
        ]
    )


def test_failures_of_the_same_moment_are_all_told() -> None:
    for _ in range(20):
        with pytest.raises(RunFailedError) as caught:
            ThreadRunner(max_workers=4).run(_failing_at_once(4), DataCatalog(feed_dict={"x": 0}))
        error = caught.value
        assert {failure.node_name for failure in error.failures} == {f"node_{n}" for n in range(4)}
        assert len(error.failures) == 4
        assert error.resume_from == ("node_0", "node_1", "node_2", "node_3")
        assert all(f"failure {number}" in str(error) for number in range(4))


def test_a_failure_during_another_is_not_dropped() -> None:
    first_failed, late_runs = threading.Event(), threading.Event()

    def early(x: int) -> int:
        assert late_runs.wait(10)
        first_failed.set()
        raise ValueError("early")

    def late(x: int) -> int:
        late_runs.set()
        assert first_failed.wait(10)
        time.sleep(0.1)
        raise KeyError("late")

    pipe = pipeline([node(early, "x", "a", name="early"), node(late, "x", "b", name="late")])
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 0}))
    assert [failure.node_name for failure in caught.value.failures] == ["early", "late"]


# After the first failure


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_nothing_is_submitted_after_a_failure(workers: int) -> None:
    started: list[str] = []
    failing = threading.Event()

    def fail(x: int) -> int:
        started.append("fail")
        failing.set()
        raise ValueError("no")

    def hold(x: int) -> int:
        started.append("hold")
        assert failing.wait(10)
        time.sleep(0.2)  # long enough for the loop to see the failure before a slot is free
        return x

    pipe = pipeline(
        [
            node(fail, "x", "y", name="0_fail"),
            *[node(hold, "x", f"h{number}", name=f"1_{number}") for number in range(50)],
        ]
    )
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner(max_workers=workers).run(pipe, DataCatalog(feed_dict={"x": 0}))
    assert started.count("fail") == 1
    assert len(started) <= workers
    assert caught.value.completed == len(started) - 1


def test_what_runs_is_waited_for(tmp_path: Path) -> None:
    holding, failing = threading.Event(), threading.Event()

    def fail(x: int) -> int:
        assert holding.wait(10)
        failing.set()
        raise ValueError("no")

    def hold(x: int) -> str:
        holding.set()
        assert failing.wait(10)
        time.sleep(0.3)
        return "whole"

    pipe = pipeline([node(fail, "x", "y", name="fail"), node(hold, "x", "held", name="hold")])
    held = PickleDataSet(tmp_path / "held.pkl")
    before = set(threading.enumerate())
    with pytest.raises(RunFailedError) as caught:
        ThreadRunner().run(pipe, DataCatalog({"held": held}, feed_dict={"x": 0}))
    assert held.load() == "whole"
    assert caught.value.completed == 1
    assert caught.value.resume_from == ("fail",)
    assert set(threading.enumerate()) <= before  # no thread of the run is left behind


def test_waiting_is_logged_with_the_names(caplog: pytest.LogCaptureFixture) -> None:
    failing = threading.Event()

    def fail(x: int) -> int:
        failing.set()
        raise ValueError("no")

    def hold(x: int) -> int:
        assert failing.wait(10)
        time.sleep(0.1)
        return x

    pipe = pipeline([node(fail, "x", "y", name="fail"), node(hold, "x", "z", name="hold")])
    with caplog.at_level(logging.INFO, logger="sparkpipe"), pytest.raises(RunFailedError):
        ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 0}))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told.startswith("Node 'fail' failed: ValueError: no")
    assert "Waiting for 'hold'" in told


def test_parallel_runner_stops_submitting_and_waits(tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline(
        [
            node(nodes.boom_beside, "folder", "y", name="0_boom"),
            node(nodes.hold_until_cancelled, "folder", "kept", name="1_hold"),
            *[node(nodes.identity, "folder", f"s{number}", name=f"2_{number}") for number in "123"],
        ]
    )
    kept = PickleDataSet(tmp_path / "kept.pkl")
    catalog = DataCatalog({"kept": kept}, feed_dict={"folder": str(tmp_path)})
    with pytest.raises(RunFailedError, match="the barrel is empty") as caught:
        ParallelRunner(max_workers=2).run(pipe, catalog, create_hook_manager([log]))
    assert {line.split()[0] for line in log.lines if "before run" in line} == {"0_boom", "1_hold"}
    assert caught.value.completed == 1
    assert kept.load() == 5


# Continuing


def _broken_chain(work: Callable[..., Any]) -> Pipeline:
    return pipeline(
        [
            node(nodes.add_one, "a", "b", name="make_b"),
            node(nodes.add_one, "b", "c", name="make_c"),
            node(work, "c", "d", name="make_d"),
            node(nodes.add, ["d", "b"], "e", name="make_e"),
        ]
    )


@pytest.mark.parametrize(
    ("persisted", "resume_from"),
    [
        ((), ("make_b",)),
        (("b",), ("make_c",)),
        (("c",), ("make_b",)),  # make_e reads b, which was only in memory
        (("b", "c"), ("make_d",)),
    ],
)
@pytest.mark.parametrize("make_runner", [SequentialRunner, ThreadRunner])
def test_resume_from_brings_back_what_was_in_memory_only(
    tmp_path: Path,
    make_runner: Callable[[], AbstractRunner],
    persisted: tuple[str, ...],
    resume_from: tuple[str, ...],
) -> None:
    work, mend = _mendable(tmp_path)
    pipe = _broken_chain(work)
    files = {name: PickleDataSet(tmp_path / f"{name}.pkl") for name in persisted}
    catalog = DataCatalog(files, feed_dict={"a": 1})
    with pytest.raises(RunFailedError) as caught:
        make_runner().run(pipe, catalog)
    assert caught.value.resume_from == resume_from
    mend()
    rest = pipe.from_nodes(*caught.value.resume_from)
    assert make_runner().run(rest, catalog) == {"e": 6}


def test_resuming_runs_no_more_than_needed(tmp_path: Path) -> None:
    work, mend = _mendable(tmp_path)
    ran: list[str] = []

    def noted(x: int) -> int:
        ran.append("apart")
        return x

    pipe = _broken_chain(work) + pipeline([node(noted, "a", "apart", name="a_apart")])
    files = {name: PickleDataSet(tmp_path / f"{name}.pkl") for name in ("b", "c", "apart")}
    catalog = DataCatalog(files, feed_dict={"a": 1})
    with pytest.raises(RunFailedError) as caught:
        SequentialRunner().run(pipe, catalog)
    mend()
    SequentialRunner().run(pipe.from_nodes(*caught.value.resume_from), catalog)
    assert ran == ["apart"]


def test_memory_data_sets_in_the_catalog_are_made_again_too(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [node(nodes.add_one, "a", "b", name="make"), node(nodes.boom, "b", "c", name="fail")]
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"b": MemoryDataSet()}, feed_dict={"a": 1}))
    assert caught.value.resume_from == ("make",)


def test_what_was_saved_before_is_not_made_again(runner: AbstractRunner, tmp_path: Path) -> None:
    pipe = pipeline(
        [node(nodes.add_one, "a", "b", name="make"), node(nodes.boom, "b", "c", name="fail")]
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"b": PickleDataSet(tmp_path / "b")}, feed_dict={"a": 1}))
    assert caught.value.resume_from == ("fail",)
    assert "--from-nodes fail" in str(caught.value)


def test_nodes_not_reached_are_resumed_too(runner: AbstractRunner, tmp_path: Path) -> None:
    pipe = pipeline(
        [
            node(nodes.boom, "a", "b", name="0_fail"),
            node(nodes.killed, "b", "c", name="1_after"),
            *[node(nodes.slow, "a", f"s{n}", name=f"2_{n}") for n in range(6)],
        ]
    )
    catalog = DataCatalog(
        {f"s{n}": PickleDataSet(tmp_path / f"{n}.pkl") for n in range(6)}, feed_dict={"a": 1}
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, catalog)
    error = caught.value
    done = {f"2_{n}" for n in range(6) if (tmp_path / f"{n}.pkl").exists()}
    assert error.completed == len(done)
    assert set(error.resume_from) == {"0_fail", *(f"2_{n}" for n in range(6))} - done


# Data sets that fail


class Unsteady(AbstractDataSet):
    """Fails at one of its steps."""

    def __init__(self, fails_at: str) -> None:
        self._fails_at = fails_at

    def _step(self, step: str) -> int:
        if step == self._fails_at:
            raise OSError(f"the disk is full at {step}")
        return 1

    def _load(self) -> int:
        return self._step("load")

    def _save(self, data: int) -> None:
        self._step("save")

    def _release(self) -> None:
        self._step("release")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": "unsteady.bin"}


class OfAStranger(Unsteady):
    """Its public methods raise what they like."""

    def exists(self) -> bool:
        raise OSError("the disk is full at exists")

    def release(self) -> None:
        raise OSError("the disk is full at release")


def test_a_stranger_that_fails_is_named(runner: AbstractRunner) -> None:
    catalog = DataCatalog({"b": OfAStranger("")})
    with pytest.raises(DataSetError, match=r"'b' \(OfAStranger, unsteady.bin\) cannot tell"):
        catalog.exists("b")
    pipe = pipeline([node(nodes.add_one, "a", "b"), node(nodes.add_one, "b", "c", name="use")])
    with pytest.raises(RunFailedError, match=r"'b' \(OfAStranger, .*\) could not be released: OS"):
        runner.run(pipe, DataCatalog({"b": OfAStranger("")}, feed_dict={"a": 1}))


@pytest.mark.parametrize(("step", "node_name"), [("save", "make"), ("load", "use")])
def test_a_failing_data_set_fails_its_node(
    runner: AbstractRunner, step: str, node_name: str
) -> None:
    pipe = pipeline(
        [node(nodes.add_one, "a", "b", name="make"), node(nodes.add_one, "b", "c", name="use")]
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"b": Unsteady(step)}, feed_dict={"a": 1}))
    (failure,) = caught.value.failures
    assert failure.node_name == node_name
    assert failure.message == (
        f"Node '{node_name}' could not {step} 'b' (Unsteady, unsteady.bin): "
        f"OSError: the disk is full at {step}"
    )


def _no_java() -> int:
    raise SparkStartError("Spark needs Java.", hint="Install Java 17.")


def _needs_java(x: int) -> int:
    return _no_java()


@pytest.mark.parametrize(
    ("function", "source"),
    [(_needs_java, LambdaDataSet(int)), (nodes.identity, LambdaDataSet(_no_java))],
    ids=["in the function", "in a data set"],
)
def test_what_to_do_next_is_not_lost(
    runner: AbstractRunner, function: Callable[..., Any], source: LambdaDataSet
) -> None:
    pipe = pipeline([node(function, "a", "b", name="n")])
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"a": source}))
    assert caught.value.failures[0].message.endswith("Spark needs Java. Install Java 17.")


def test_of_an_error_that_tells_all_data_the_beginning_is_told(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.tells_all, "a", "b", name="n")])
    with pytest.raises(RunFailedError, match="ValueError: the first of many rows 01234") as caught:
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))
    (failure,) = caught.value.failures
    assert len(failure.message) < 21_000
    assert failure.message.endswith(" 0123456789... (1,100,022 characters)")
    assert len(failure.traceback_text) < 210_000
    assert "in tells_all" in failure.traceback_text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize(("does", "status"), [("returns", 1), ("", 1), ("exits", 0)])
def test_a_forked_process_does_not_run_the_rest_once_more(
    runner: AbstractRunner, does: str, status: int, tmp_path: Path
) -> None:
    saved = PickleDataSet(str(tmp_path / "saved"))
    pipe = pipeline(
        [node(nodes.forked, "a", "b", name="n"), node(nodes.identity, "b", "saved", name="last")]
    )
    runner.run(pipe, DataCatalog({"saved": saved}, feed_dict={"a": does}))
    assert saved.load() == status
    chunks = PartitionedDataSet(str(tmp_path / "chunks"), PickleDataSet)
    chunked = pipeline([node(nodes.forked_between_chunks, "a", "c", name="n")])
    runner.run(chunked, DataCatalog({"c": chunks}, feed_dict={"a": does}))
    assert {name: load() for name, load in chunks.load().items()} == {"first": 1, "second": status}


def test_a_failing_release_names_the_data_set(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [node(nodes.add_one, "a", "b", name="make"), node(nodes.add_one, "b", "c", name="use")]
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"b": Unsteady("release")}, feed_dict={"a": 1}))
    (failure,) = caught.value.failures
    assert failure.message == (
        "Node 'use' ran, but 'b' (Unsteady, unsteady.bin) could not be released: "
        "OSError: the disk is full at release"
    )
