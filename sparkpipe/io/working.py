"""For which node of which run data is loaded and saved, and out of which catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple

# Entered for each load and save: it keeps nothing, so one will do.
_NOTHING = nullcontext()


class Work(NamedTuple):
    """What a node does in a run; empty texts outside of one.

    Attributes:
        run_id: The run.
        node: The node.
        catalog: Where a data set that is loaded or saved finds others; None where there is none.
    """

    run_id: str = ""
    node: str = ""
    catalog: Any = None


_work: ContextVar[Work] = ContextVar("_work", default=Work())  # noqa: B039 - it is immutable


class working_for:  # noqa: N801 - it is used like a function
    """Let what is loaded and saved within it, on this thread, know for which node that is."""

    # Each attempt at a node enters one: a generator takes three times as long.
    __slots__ = ("_token", "_work")

    def __init__(self, run_id: str, node: str, catalog: Any = None) -> None:
        self._work = Work(run_id, node, catalog)

    def __enter__(self) -> None:
        self._token = _work.set(self._work)

    def __exit__(self, *_: object) -> None:
        _work.reset(self._token)


def current_work() -> Work:
    """Return for which node of which run this thread works."""
    return _work.get()


def lending(catalog: Any) -> working_for:
    """Let a data set that is loaded or saved within it find others of a catalog."""
    work = _work.get()
    return working_for(work.run_id, work.node, catalog)


def lent(
    catalog: Any, scope: Callable[[], AbstractContextManager[object]] | None
) -> AbstractContextManager[None]:
    """Do so in the scope of a session, if there is one."""
    if scope is not None:
        return _lent_within(catalog, scope)
    return _NOTHING if _work.get().catalog is catalog else lending(catalog)


@contextmanager
def _lent_within(
    catalog: Any, scope: Callable[[], AbstractContextManager[object]]
) -> Iterator[None]:
    with scope(), lending(catalog):
        yield
