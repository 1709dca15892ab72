"""The catalog whose data set is being loaded or saved, for data sets that need others of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

_catalog: ContextVar[Any] = ContextVar("_catalog", default=None)


class lending:  # noqa: N801 - it is used like a function
    """Let a data set that is loaded or saved within it find others of its catalog."""

    # Each load and save enters one: a generator takes three times as long.
    __slots__ = ("_catalog", "_token")

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog

    def __enter__(self) -> None:
        self._token = _catalog.set(self._catalog)

    def __exit__(self, *_: object) -> None:
        _catalog.reset(self._token)


def lent(
    catalog: Any, scope: Callable[[], AbstractContextManager[object]] | None
) -> AbstractContextManager[None]:
    """Do so in the scope of a session, if there is one."""
    return lending(catalog) if scope is None else _lent_within(catalog, scope)


@contextmanager
def _lent_within(
    catalog: Any, scope: Callable[[], AbstractContextManager[object]]
) -> Iterator[None]:
    with scope(), lending(catalog):
        yield


def lent_catalog() -> Any:
    """Return the catalog of the data set that this thread loads or saves; None outside of one."""
    return _catalog.get()
