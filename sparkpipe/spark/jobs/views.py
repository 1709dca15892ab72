"""Temporary views by the node that has made them.

A session has one temporary view of a name, so nodes side by side that use the same name would read
what the last of them has made; on Spark Connect, where a query looks up its views when it runs,
also nodes one after the other. Within a node a name means the view that this node has made.

Classic Spark looks names up at once: while it does, the view is that of the node. So are the views
that it shows, for Spark keeps the text of one that a query makes. On Connect the view has a second
name, which no other node has, and a query is told that the first means it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

_Found = TypeVar("_Found")

# What may stand before a query, and the word to which further names of its own can be added.
_BEFORE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_WITH = re.compile(rf"({_BEFORE})WITH\b(?!\s+RECURSIVE\b)", re.IGNORECASE | re.DOTALL)
_SELECT = re.compile(rf"{_BEFORE}(SELECT|FROM|VALUES|TABLE|\()", re.IGNORECASE | re.DOTALL)

# What makes a view for the session, and where the query begins that it shows.
_CREATE = re.compile(
    rf"{_BEFORE}CREATE\s+(OR\s+REPLACE\s+)?TEMP(ORARY)?\s+VIEW\s+(?P<quote>`?)(?P<name>\w+)(?P=quote)"
    r"(?![\w.`])",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN = re.compile(r"\bAS\s*(?=(SELECT|WITH|FROM|VALUES|TABLE)\b|\()", re.IGNORECASE)


@dataclass(frozen=True)
class View:
    """A view of a node.

    Attributes:
        make: Makes it in the session, under a name, in place of any other of that name.
        unique: The name that no other node has, where names are looked up late; else empty.
        query: The query that it shows, if its names are looked up whenever the view is read.
    """

    make: Callable[[str], object]
    unique: str = ""
    query: str = ""


@dataclass(frozen=True)
class ViewStatement:
    """A query that makes a view.

    Attributes:
        name: What the view is called.
        rest: What follows its name.
    """

    name: str
    rest: str

    def under(self, name: str) -> str:
        """Return the query that makes it under another name."""
        return f"CREATE OR REPLACE TEMPORARY VIEW `{name}`{self.rest}"


def view_statement(query: str) -> ViewStatement | None:
    """Return what a query says that makes a temporary view; None for others.

    >>> view_statement("CREATE TEMP VIEW a AS SELECT 1").under("b")
    'CREATE OR REPLACE TEMPORARY VIEW `b` AS SELECT 1'
    >>> view_statement("CREATE OR REPLACE GLOBAL TEMP VIEW a AS SELECT 1")
    """
    made = _CREATE.match(query)
    return None if made is None else ViewStatement(made["name"], query[made.end() :])


class Views:
    """The temporary views that the nodes of a run have made. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._own: dict[object, dict[str, View]] = {}

    def make(
        self,
        node: object,
        name: str,
        call: Callable[[], _Found],
        again: Callable[[str], object],
        *,
        is_late: bool,
        query: str = "",
    ) -> _Found:
        """Let a node make a view; return what the call returns that makes it.

        Args:
            node: What stands for the node.
            name: The name of the view.
            call: Makes it in the session.
            again: Makes it once more, under a name.
            is_late: Whether names are looked up when a query runs.
            query: The query that it shows, if its names are looked up whenever it is read.
        """
        with self._lock:
            found = call()
            unique = f"sparkpipe_{os.urandom(8).hex()}" if is_late else ""
            if unique:
                again(unique)
            self._own.setdefault(node, {})[name.lower()] = View(again, unique, query)
            return found

    @contextmanager
    def own(self, node: object, query: str) -> Iterator[Mapping[str, View]]:
        """Give the views of a node that a query may name; within it, they are those of the session.

        Args:
            node: What stands for the node.
            query: The query, or the name of a table.
        """
        with self._lock:
            named = dict(_named(self._own.get(node, {}), query, set()))
            if named:
                for name, view in named.items():
                    if sum(name in views for views in self._own.values()) > 1:
                        view.make(name)  # another node may have replaced or dropped it
                yield named
        if not named:  # what the session has; nobody is to wait
            yield {}


def _named(own: Mapping[str, View], query: str, seen: set[str]) -> Iterator[tuple[str, View]]:
    """Give the views that a query may name, each after those that it shows itself."""
    for name, view in own.items():
        if name not in seen and _names(query, name):
            seen.add(name)
            yield from _named(own, view.query, seen)
            yield name, view


def with_own_views(query: str, views: Mapping[str, View]) -> str:
    """Return a query in which names mean the views of a node, whenever it runs.

    >>> with_own_views("SELECT * FROM a", {"a": View(None, "x1")})
    'WITH `a` AS (TABLE `x1`) SELECT * FROM a'
    >>> with_own_views("WITH b AS (SELECT 1) TABLE a", {"a": View(None, "x1")})
    'WITH `a` AS (TABLE `x1`), b AS (SELECT 1) TABLE a'
    >>> with_own_views("CREATE TEMP VIEW b AS TABLE a", {"a": View(None, "x1")})
    'CREATE TEMP VIEW b AS WITH `a` AS (TABLE `x1`) TABLE a'
    """
    named = [f"`{name}` AS (TABLE `{view.unique}`)" for name, view in views.items() if view.unique]
    if not named:
        return query
    shown = _SHOWN.search(query) if view_statement(query) else None
    if shown is not None:
        return query[: shown.end()] + with_own_views(query[shown.end() :], views)
    whole = _WITH.match(query)
    if whole:
        return f"{whole[1]}WITH {', '.join(named)},{query[whole.end() :]}"
    if _SELECT.match(query):
        return f"WITH {', '.join(named)} {query}"
    return query  # a command, which runs at once


def _names(query: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", query, re.IGNORECASE) is not None
