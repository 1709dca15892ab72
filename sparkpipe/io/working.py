"""For which node of which run data is loaded and saved."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Work(NamedTuple):
    """What a node does in a run; empty texts outside of one."""

    run_id: str = ""
    node: str = ""


_work: ContextVar[Work] = ContextVar("_work", default=Work())  # noqa: B039 - it is immutable


class working_for:  # noqa: N801 - it is used like a function
    """Let what is loaded and saved within it, on this thread, know for which node that is."""

    # Each attempt at a node enters one: a generator takes three times as long.
    __slots__ = ("_token", "_work")

    def __init__(self, run_id: str, node: str) -> None:
        self._work = Work(run_id, node)

    def __enter__(self) -> None:
        self._token = _work.set(self._work)

    def __exit__(self, *_: object) -> None:
        _work.reset(self._token)


def current_work() -> Work:
    """Return for which node of which run this thread works."""
    return _work.get()
