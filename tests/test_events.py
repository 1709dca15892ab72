"""Who watches a run, and what they cannot do to it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sparkpipe.events import NodeReport, current_observers, observing
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan


class Notes:
    """Writes down all it is told."""

    def __init__(self, fails_at: str = "") -> None:
        self.told: list[str] = []
        self._fails_at = fails_at

    def run_started(self, plan: Any, run_id: str) -> None:
        self._note("run_started", run_id)

    def node_started(self, node: Any) -> None:
        self._note("node_started", node.name)

    def node_ended(self, report: NodeReport) -> None:
        self._note("node_ended", report.node_name)

    def run_ended(self) -> None:
        self._note("run_ended")

    def _note(self, *what: str) -> None:
        self.told.append(" ".join(what))
        if what[0] == self._fails_at:
            raise ValueError("no room left")


def _tell_all() -> None:
    two = pipeline([node(sum, "xs", "a", name="first"), node(abs, "a", "b", name="second")])
    for observer in current_observers():
        observer.run_started(make_plan(two), "run 1")
        for one in two.nodes:
            observer.node_started(one)
            observer.node_ended(NodeReport(one.name, "done"))
        observer.run_ended()


_ALL = [
    "run_started run 1",
    "node_started first",
    "node_ended first",
    "node_started second",
    "node_ended second",
    "run_ended",
]


def test_observers_watch_within_their_scope_only() -> None:
    outer, inner = Notes(), Notes()

    with observing(outer):
        with observing(inner):
            _tell_all()
        assert len(current_observers()) == 1
    assert current_observers() == ()
    assert outer.told == inner.told == _ALL


@pytest.mark.parametrize("event", ["run_started", "node_started", "node_ended", "run_ended"])
def test_an_observer_that_fails_is_logged_once_and_disturbs_nobody(
    event: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = Notes(fails_at=event), Notes()

    with caplog.at_level(logging.WARNING), observing(failing, other):
        _tell_all()

    assert failing.told == other.told == _ALL
    assert [record.getMessage() for record in caplog.records] == [
        "Notes cannot watch this run: ValueError: no room left"
    ]


def test_the_scope_ends_after_an_error_too() -> None:
    with pytest.raises(KeyboardInterrupt), observing(Notes()):
        raise KeyboardInterrupt
    assert current_observers() == ()
