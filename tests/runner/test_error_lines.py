"""The user's lines on the way to an error, as events and the journal have them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import RunFailedError
from sparkpipe.events import ErrorReport, NodeRetried, RunObserver, RunStarted, observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import Journal, JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

RUNNERS: dict[str, tuple[Callable[[], AbstractRunner], int]] = {
    "sequential": (SequentialRunner, 1),
    "thread": (lambda: ThreadRunner(max_workers=5), 5),
    "parallel": (lambda: ParallelRunner(max_workers=3), 3),
    "hybrid": (lambda: HybridRunner(max_workers=3, max_processes=2), 5),
}


class Watcher(RunObserver):
    def __init__(self) -> None:
        self.lanes = -1
        self.retried: list[ErrorReport] = []

    def on_run_started(self, event: RunStarted) -> None:
        self.lanes = event.lanes

    def on_node_retried(self, event: NodeRetried) -> None:
        self.retried.append(event.error)


def fail(make: Callable[[], AbstractRunner], func: Callable[..., Any], x: int, path: Path) -> Any:
    watcher = Watcher()
    steps = pipeline([node(func, "x", "y", name="n", retries=1, retry_delay=0.001)])
    with observing(watcher, JournalWriter(str(path))), pytest.raises(RunFailedError) as caught:
        make().run(steps, DataCatalog(feed_dict={"x": x}), session_id="r")
    record = Journal(str(path)).run("r")
    error = record.nodes["n"].error
    assert error is not None
    assert {one.lines for one in watcher.retried} <= {error.lines}
    assert caught.value.failures[0].lines == error.lines
    return watcher, record, error


@pytest.mark.parametrize(("make", "lanes"), RUNNERS.values(), ids=RUNNERS)
def test_the_way_to_an_error_is_told_line_by_line_and_how_many_lanes_there_are(
    make: Callable[[], AbstractRunner], lanes: int, tmp_path: Path
) -> None:
    watcher, record, error = fail(make, nodes.sell, 3, tmp_path)
    told = [(re.sub(r".*/|:\d+", "", place), line) for place, line in error.lines]
    assert told == [
        ("runner_nodes.py in sell", 'raise ValueError("nobody sells it") from exc'),
        ("runner_nodes.py in sell", "return price_of(x)"),
        ("runner_nodes.py in price_of", "return prices[x]  # password=***"),
    ]
    assert error.lines[-1][0] == error.location
    assert (watcher.lanes, record.lanes) == (lanes, lanes)


def test_of_a_long_way_the_last_lines_are_told(tmp_path: Path) -> None:
    _, _, error = fail(SequentialRunner, nodes.count_down, 40, tmp_path)
    # Lines that are the same are told once, however often they were passed.
    assert [line for _, line in error.lines] == [
        "return count_down(x - 1)",
        'raise ValueError("zero")',
    ]
    names = [f"step_{number}" for number in range(15)]
    called = [*names[1:], "int"]
    source = "".join(
        f"def {name}(x):\n    return {other}(x + 'a' * 0 if x else 'no number')\n"
        for name, other in zip(names, called, strict=True)
    )
    module = tmp_path / "many.py"
    module.write_text(source, encoding="utf-8")
    space: dict[str, Any] = {}
    exec(compile(source, str(module), "exec"), space)
    _, _, error = fail(SequentialRunner, space["step_0"], 0, tmp_path / "other")
    assert [place.split(" in ")[1] for place, _ in error.lines] == names[-10:]


def test_a_long_line_is_cut_and_where_nothing_is_the_users_nothing_is_told(tmp_path: Path) -> None:
    source = f"def long(x):\n    return x / 0  # {'word ' * 5000}\n"
    module = tmp_path / "long.py"
    module.write_text(source, encoding="utf-8")
    space: dict[str, Any] = {}
    exec(compile(source, str(module), "exec"), space)
    _, _, error = fail(SequentialRunner, space["long"], 0, tmp_path / "a")
    ((_, line),) = error.lines
    assert 150 < len(line) < 210
    assert line.endswith(" …")
    _, _, error = fail(SequentialRunner, bytes, -1, tmp_path / "b")
    assert (error.lines, error.location) == ((), "")


def test_an_attempt_that_was_followed_by_another_one_tells_its_lines(tmp_path: Path) -> None:
    watcher, _, error = fail(SequentialRunner, nodes.refuse, 1, tmp_path)
    assert [one.lines for one in watcher.retried] == [error.lines]
    assert error.lines[0][1] == 'raise ConnectionError("nobody answers")'


def test_a_journal_without_such_lines_is_read(tmp_path: Path) -> None:
    fail(SequentialRunner, nodes.sell, 3, tmp_path)
    (file,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("lanes", None)
        line.get("error", {}).pop("lines", None)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    record = Journal(str(tmp_path)).run("r")
    error = record.nodes["n"].error
    assert error is not None
    assert (record.lanes, error.lines) == (0, ())
    assert error.location.endswith("in price_of")
    # What is no such line is left out with a word, as all that is not as it is written.
    lines[-2]["error"]["lines"] = [["only a place"]]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert "could not be read" in Journal(str(tmp_path)).run("r").notes[0]
