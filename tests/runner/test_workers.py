"""Worker processes: what they log and return, and what becomes of the run when one dies."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import RunFailedError
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, HybridRunner, ParallelRunner
from sparkpipe.runner.exchange import remove_leftovers
from sparkpipe.testing.runner_nodes import leave

pytestmark = pytest.mark.slow  # processes of their own

RUNNERS = [
    ParallelRunner(2, start_method="forkserver", continue_on_failure=True),
    HybridRunner(2, 2, start_method="forkserver", continue_on_failure=True),
]


class _Ends(RunObserver):
    def __init__(self, ended: dict[str, str]) -> None:
        self._ended = ended

    def on_node_ended(self, event: NodeEnded) -> None:
        self._ended[event.node] = event.status


@pytest.fixture
def raising_handler() -> Iterator[list[str]]:
    """A handler whose filter raises at one of the records."""
    shown: list[str] = []

    class Raising(logging.Handler):
        def filter(self, record: logging.LogRecord) -> bool:
            if record.getMessage() == "boom":
                raise KeyError("a filter that expects more")
            return True

        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record.getMessage())

    handler, root = Raising(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    yield shown
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.timeout(60)
def test_a_filter_that_raises_holds_no_worker_up(raising_handler: list[str]) -> None:
    pipe = pipeline([node(nodes.log_much, "x", "y")])
    assert ParallelRunner(1, start_method="forkserver").run(
        pipe, DataCatalog(feed_dict={"x": 1})
    ) == {"y": 1}
    assert raising_handler.count("line") == 500
    assert sum("A handler or filter of the log fails" in told for told in raising_handler) == 1


def test_a_record_that_cannot_be_pickled_is_shown_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipe = pipeline([node(nodes.log_unpicklable, "x", "y")])
    ParallelRunner(1, start_method="forkserver").run(pipe, DataCatalog(feed_dict={"x": 1}))
    (record,) = [record for record in caplog.records if record.getMessage() == "with a lock"]
    assert "lock" in record.lock  # type: ignore[attr-defined]


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (nodes.killed, "ended with its process, which was killed"),
        (nodes.leave_hard, "ended with its process, which was killed"),
        (nodes.raise_unpicklable, "failed: Unpicklable: 1"),
        (nodes.unpicklable, "cannot be passed to another process"),
        (leave, "called sys.exit"),
        (nodes.cancelled_elsewhere, "failed: CancelledError"),
        (nodes.tells_nothing, "failed: MuteError"),
        (nodes.OnlyHere(), "could not start in a process of its own: ImportError"),
    ],
)
def test_a_worker_that_goes_wrong_fails_its_own_node_only(
    runner: AbstractRunner, function: Any, told: str
) -> None:
    pipe = pipeline(
        [
            node(function, "x", "a", name="bad", tags="processes"),
            node(nodes.slow, "x", "b", name="beside", tags="processes"),
            node(nodes.identity, "b", "c", name="after", tags="processes"),
            node(nodes.identity, "x", "d", name="later", tags="processes"),
        ]
    )
    ended: dict[str, str] = {}
    with pytest.raises(RunFailedError) as caught, observing(_Ends(ended)):
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert [failure.node_name for failure in caught.value.failures] == ["bad"]
    assert told in caught.value.failures[0].message
    assert caught.value.completed == 3
    assert ended == {"bad": "failed", "beside": "done", "after": "done", "later": "done"}


def test_files_of_a_run_whose_process_is_gone_are_removed_by_the_next(tmp_path: Path) -> None:
    gone, new, foreign = (tmp_path / f"sparkpipe-{name}" for name in ("gone", "new", "foreign"))
    for folder in (gone, new, foreign):
        folder.mkdir()
        (folder / "1.pickle").touch()
    for folder in (gone, new):
        (folder / ".owner").touch()
    long_ago = time.time() - 3600
    os.utime(gone / ".owner", (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, foreign])
