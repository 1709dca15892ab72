"""Random pipelines whose nodes wait, fail, are tried again, time out, and what is to come of it.

A case is run by a runner and held against a plain evaluation. Worker processes import this module.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import multiprocessing.util
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The data sets of files import it late: Python does not get over an interrupt in the middle of
# that, and every later case of the process would fail by it.
import fsspec.implementations.local  # noqa: F401
from hypothesis import strategies as st

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import RunFailedError
from sparkpipe.events import observing
from sparkpipe.hooks import create_hook_manager, hook_impl
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import AbstractRunner

_LONGEST_SECONDS = 60
_TIMEOUT = 0.05


@dataclass(frozen=True)
class Step:
    """One node: what it reads, how long it takes, and how it behaves.

    Attributes:
        parents: The steps that it reads.
        delay: How long it takes, in milliseconds.
        kind: ``plain``; ``chunks``, which are appended to a file; ``file``, which saves one;
            ``wrong``, which fails; ``slow``, which is over its timeout; ``flaky``.
        losses: How many attempts of a flaky one lose their connection.
        retries: How many more attempts it has.
    """

    parents: tuple[int, ...]
    delay: int = 0
    kind: str = "plain"
    losses: int = 0
    retries: int = 0

    @property
    def fails(self) -> bool:
        """Whether it fails whatever happens."""
        return self.kind in ("wrong", "slow") or (
            self.kind == "flaky" and self.losses > self.retries
        )


@dataclass(frozen=True)
class Case:
    """A pipeline, and what happens to its run.

    Attributes:
        steps: The nodes, each after those that it reads.
        goes_on: Whether to go on after a failure.
        interrupt_after: When to interrupt the run, in milliseconds; None not to.
    """

    steps: tuple[Step, ...]
    goes_on: bool = False
    interrupt_after: int | None = None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Give cases of up to 60 nodes."""
    size = draw(st.integers(1, 60))
    fail_often = draw(st.booleans())
    kinds = ["plain", "plain", "chunks", "file", "flaky"]
    kinds += ["wrong", "slow"] if fail_often else []
    steps = []
    for number in range(size):
        known = st.integers(max(0, number - 8), number - 1)
        parents = draw(st.sets(known, max_size=3)) if number else set()
        losses, retries = draw(st.integers(0, 2)), 2
        kind = draw(st.sampled_from(kinds)) if number % 3 == 0 else "plain"
        if fail_often and kind == "flaky":
            retries = draw(st.integers(0, 2))
        steps.append(Step(tuple(sorted(parents)), draw(st.integers(0, 3)), kind, losses, retries))
    interrupt_after = draw(st.none() | st.none() | st.integers(0, 60))
    return Case(tuple(steps), draw(st.booleans()), interrupt_after)


class Work:
    """The function of a step.

    Args:
        number: Its number.
        step: The step.
    """

    def __init__(self, number: int, step: Step) -> None:
        self._number = number
        self._step = step
        self._lost = 0

    def __call__(self, *inputs: Any) -> Any:
        step = self._step
        time.sleep(step.delay / 1000)
        if step.kind == "wrong":
            raise ValueError("the barrel is empty")
        if step.kind == "slow":
            time.sleep(_TIMEOUT + 0.02)
        if step.kind == "flaky" and self._lost < step.losses:
            self._lost += 1
            raise ConnectionResetError("lost")
        value = value_of(self._number, inputs)
        return _chunks(value) if step.kind == "chunks" else value


def _chunks(value: int) -> Iterator[str]:
    yield from str(value)


def value_of(number: int, inputs: Any) -> int:
    """Return the value of a step, whose inputs may be the text of chunks."""
    return (number + 31 * sum(map(int, inputs))) % 1_000_003


def evaluated(case: Case) -> dict[int, int]:
    """Return the value of each step that can be reached without passing one that fails."""
    values: dict[int, int] = {}
    for number, step in enumerate(case.steps):
        if not step.fails and all(parent in values for parent in step.parents):
            values[number] = value_of(number, [values[parent] for parent in step.parents])
    return values


def pipeline_of(case: Case) -> Pipeline:
    """Return the pipeline of a case."""
    return Pipeline(
        node(
            Work(number, step),
            [f"d{parent}" for parent in step.parents] or ["start"],
            f"d{number}",
            name=f"n{number}",
            retries=step.retries if step.kind == "flaky" else 0,
            retry_delay=0.001,
            timeout=_TIMEOUT if step.kind == "slow" else None,
        )
        for number, step in enumerate(case.steps)
    )


def catalog_of(case: Case, folder: Path) -> DataCatalog:
    """Return a catalog with the files of a case."""
    catalog = DataCatalog(feed_dict={"start": 0})
    for number, step in enumerate(case.steps):
        path = str(folder / f"d{number}")
        if step.kind == "file":
            catalog.add(f"d{number}", JSONDataSet(path))
        elif step.kind == "chunks":
            catalog.add(f"d{number}", TextDataSet(path, fs_args={"open_args_save": {"mode": "a"}}))
    return catalog


@dataclass(eq=False)
class Watch:
    """Counts what is told of a run, as an observer and as a hook."""

    events: list[Any] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def on_event(self, event: Any) -> None:
        """Keep an event."""
        self.events.append(event)

    @hook_impl
    def before_node_run(self) -> None:
        """Count."""
        self.calls["before"] += 1

    @hook_impl
    def after_node_run(self) -> None:
        """Count."""
        self.calls["after"] += 1

    @hook_impl
    def on_node_error(self) -> None:
        """Count."""
        self.calls["error"] += 1


@contextmanager
def _interrupting(after: int | None) -> Iterator[None]:
    """Interrupt what runs within it as Ctrl-C does, but never what comes after it."""
    if after is None:
        yield
        return
    within = True

    def interrupt(number: int, frame: Any) -> None:
        if within:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    timer = threading.Timer(after / 1000, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        within = False
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)


def check(case: Case, runner: AbstractRunner, *, with_hooks: bool) -> str:
    """Run a case and raise where its outcome is not right.

    Args:
        case: The case.
        runner: What runs it; it goes on after a failure if the case says so.
        with_hooks: Whether to count calls of hooks, which must be in this process.

    Returns:
        How the run ended: ``done``, ``failed`` or ``interrupted``.
    """
    faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True)
    multiprocessing.util.get_temp_dir()  # of Python's own, which stays until this process ends
    threads = {*threading.enumerate()}
    with tempfile.TemporaryDirectory() as place:
        folder, temporary = Path(place, "data"), Path(place, "temp")
        folder.mkdir()
        temporary.mkdir()
        before, tempfile.tempdir = tempfile.tempdir, str(temporary)
        logging.disable(logging.CRITICAL)
        try:
            return _checked(case, runner, folder, with_hooks)
        finally:
            logging.disable(logging.NOTSET)
            tempfile.tempdir = before
            left = [path.name for path in temporary.iterdir()]
            assert not left, f"left in the temporary folder: {left}"
            assert not multiprocessing.active_children(), "processes are left"
            _check_threads(threads)
            faulthandler.cancel_dump_traceback_later()


def _check_threads(before: set[threading.Thread]) -> None:
    deadline = time.monotonic() + 3  # what only waits to be told that a node has ended
    while (left := {*threading.enumerate()} - before) and time.monotonic() < deadline:
        time.sleep(0.005)
    left = {thread for thread in left if "forkserver" not in thread.name}
    assert not left, f"threads are left: {left}"


def _checked(case: Case, runner: AbstractRunner, folder: Path, with_hooks: bool) -> str:
    watch, values = Watch(), evaluated(case)
    hooks = create_hook_manager([watch]) if with_hooks else None
    failure: RunFailedError | None = None
    outputs: dict[str, Any] = {}
    how = "done"
    try:
        with observing(watch), _interrupting(case.interrupt_after):
            outputs = runner.run(pipeline_of(case), catalog_of(case, folder), hooks)
    except RunFailedError as exc:
        how, failure = "failed", exc
    except KeyboardInterrupt:
        how = "interrupted"
    _check_files(case, folder, values, is_whole=how == "done")
    _check_events(case, watch, how)
    if with_hooks:
        _check_hooks(watch, how, case)
    if how == "done":
        assert not any(step.fails for step in case.steps), "a failure is told as success"
        for name, value in outputs.items():
            assert value == values[int(name[1:])], name
    if failure is not None:
        _check_failure(case, failure, values)
    return how


def _check_files(case: Case, folder: Path, values: dict[int, int], is_whole: bool) -> None:
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    for name in there:
        number = int(name[1:])
        text = (folder / name).read_text()
        if case.steps[number].kind == "chunks":
            expected = str(values[number])
            assert expected == text if is_whole else expected.startswith(text), name
        else:
            assert json.loads(text) == values[number], name
    if is_whole:
        kinds = {f"d{n}" for n, step in enumerate(case.steps) if step.kind in ("file", "chunks")}
        assert there == kinds


def _check_events(case: Case, watch: Watch, how: str) -> None:
    kinds = Counter(event.kind for event in watch.events)
    if how == "interrupted" and not kinds["run_started"]:
        return  # before there was anything to tell
    assert kinds["run_started"] == kinds["run_ended"] == 1, kinds
    assert watch.events[-1].outcome == how
    started = Counter(event.node for event in watch.events if event.kind == "node_started")
    ended = {event.node: event for event in watch.events if event.kind == "node_ended"}
    assert not started or max(started.values()) == 1
    if how == "interrupted" and not started and not ended:
        return  # before there was a place for nodes to run
    assert kinds["node_ended"] == len(ended) == len(case.steps), "a node ends once"
    begun = {name for name, event in ended.items() if event.status != "skipped"}
    assert begun == {*started}, "what has started has ended, and nothing else"
    counts = Counter(event.status for event in ended.values())
    assert dict(counts) == {k: v for k, v in watch.events[-1].counts.items() if v}


def _check_hooks(watch: Watch, how: str, case: Case) -> None:
    ended = watch.calls["after"] + watch.calls["error"]
    is_stopped = how == "interrupted" or any(step.kind == "slow" for step in case.steps)
    if is_stopped or how == "failed":
        assert watch.calls["before"] >= ended
    else:
        assert watch.calls["before"] == ended


def _check_failure(case: Case, failure: RunFailedError, values: dict[int, int]) -> None:
    reached = {
        f"n{number}"
        for number, step in enumerate(case.steps)
        if step.fails and all(parent in values for parent in step.parents)
    }
    failed = {one.node_name for one in failure.failures}
    if case.goes_on:
        assert failed == reached, (failed, reached)
        assert failure.completed == len(values)
        assert not failure.cancelled
    else:
        assert failed
        flaky = {f"n{n}" for n, step in enumerate(case.steps) if step.kind == "flaky"}
        assert failed <= reached | flaky, "only what fails does, or what is not tried again"
        assert failure.completed <= len(values)
