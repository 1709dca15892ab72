"""What a data set finds out by the way while it loads or saves: rows, bytes, a version.

Whoever wants to know opens :func:`gathering` around a load or save; a data set that learns
something at no cost, from the accounting of what it has just done, tells it by :func:`note`. Where
nobody asks, a note goes nowhere, and :func:`is_asked` tells a data set not to look for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from sparkpipe.events import CheckReport
from sparkpipe.io.excerpt import Excerpt


@dataclass
class Facts:
    """What was learned of one load or save; None where nobody told.

    Attributes:
        rows: How many rows were read or written.
        bytes: How many bytes lie in the files that were read or written, or were added to one.
        version: The version that was read or written.
        checks: What the checks of the data set have found.
        lag: How many records or files of its source a stream has still to take.
        table_id: What tells the table that was read from one that is made anew in its place.
        preview: A few rows of what was saved, as of :mod:`sparkpipe.io.excerpt`.
    """

    rows: int | None = None
    bytes: int | None = None
    version: str | None = None
    checks: tuple[CheckReport, ...] = ()
    lag: int | None = None
    table_id: str | None = None
    preview: Excerpt = ()


_facts: ContextVar[Facts | None] = ContextVar("_facts", default=None)


class gathering:  # noqa: N801 - it is used like a function
    """Gather what is noted within it, on this thread.

    ::

        with gathering() as facts:
            data_set.load()

    Args:
        preview: The rows that are known already, of which no others are looked for.
    """

    # Each load and save of a run enters one: a generator takes three times as long.
    __slots__ = ("_facts", "_token")

    def __init__(self, preview: Excerpt = ()) -> None:
        self._facts = Facts(preview=preview)

    def __enter__(self) -> Facts:
        self._token = _facts.set(self._facts)
        return self._facts

    def __exit__(self, *_: object) -> None:
        _facts.reset(self._token)


def is_asked() -> bool:
    """Whether somebody gathers facts of what this thread loads or saves."""
    return _facts.get() is not None


def noted_rows() -> int | None:
    """Return how many rows were noted so far on this thread; None where nobody told, or gathers."""
    facts = _facts.get()
    return None if facts is None else facts.rows


def is_preview_asked() -> bool:
    """Whether somebody gathers facts of what this thread saves, and has no rows of it yet."""
    facts = _facts.get()
    return facts is not None and not facts.preview


def note(
    *,
    rows: int | None = None,
    bytes: int | None = None,  # noqa: A002 - as the attribute is called
    version: str | None = None,
    lag: int | None = None,
    table_id: str | None = None,
    preview: Excerpt = (),
) -> None:
    """Tell what was learned; rows and bytes of several parts add up.

    Args:
        rows: Rows read or written.
        bytes: Bytes read or written.
        version: The version read or written.
        lag: What a stream has still to take.
        table_id: What tells the table from one that is made anew in its place.
        preview: A few rows of what was saved.
    """
    facts = _facts.get()
    if facts is None:
        return
    if rows is not None:
        facts.rows = (facts.rows or 0) + rows
    if bytes is not None:
        facts.bytes = (facts.bytes or 0) + bytes
    if version is not None:
        facts.version = version
    if lag is not None:
        facts.lag = lag
    if table_id is not None:
        facts.table_id = table_id
    if preview:
        facts.preview = preview


def note_checks(reports: Iterable[CheckReport]) -> None:
    """Tell what checks have found.

    Args:
        reports: What each of them has found.
    """
    facts = _facts.get()
    if facts is not None:
        facts.checks = (*facts.checks, *reports)
