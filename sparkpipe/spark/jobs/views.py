"""Temporary views by the node that has made them.

A session has one temporary view of a name, so nodes side by side that use the same name would read
what the last of them has made; on Spark Connect, where a query looks up its views when it runs,
also nodes one after the other. Within a node a name means the view that this node has made.

Classic Spark looks names up at once: while it does, the view is that of the node. On Connect the
view has a second name, which no other node has, and a query is told that the first means it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What may stand before a query, and the word to which further names of its own can be added.
_BEFORE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_WITH = re.compile(rf"({_BEFORE})WITH\b(?!\s+RECURSIVE\b)", re.IGNORECASE | re.DOTALL)
_SELECT = re.compile(rf"{_BEFORE}(SELECT|FROM|VALUES|TABLE|\()", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class View:
    """A view of a node.

    Attributes:
        frame: What it shows.
        unique: The name that no other node has, where names are looked up late; else empty.
    """

    frame: DataFrame
    unique: str = ""


class Views:
    """The temporary views that the nodes of a run have made. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._own: dict[object, dict[str, View]] = {}

    def make(
        self,
        node: object,
        name: str,
        frame: DataFrame,
        make: Callable[[str], None],
        *,
        is_late: bool,
    ) -> None:
        """Let a node make a view.

        Args:
            node: What stands for the node.
            name: The name of the view.
            frame: What it shows.
            make: Makes it in the session, under a name.
            is_late: Whether names are looked up when a query runs.
        """
        with self._lock:
            make(name)
            unique = f"sparkpipe_{os.urandom(8).hex()}" if is_late else ""
            if unique:
                make(unique)
            self._own.setdefault(node, {})[name.lower()] = View(frame, unique)

    @contextmanager
    def own(
        self, node: object, query: str, make: Callable[[DataFrame, str], None]
    ) -> Iterator[Mapping[str, View]]:
        """Give the views of a node that a query may name; within it, they are those of the session.

        Args:
            node: What stands for the node.
            query: The query, or the name of a table.
            make: Makes a view of a frame in the session.
        """
        with self._lock:
            own = self._own.get(node, {})
            named = {name: view for name, view in own.items() if _names(query, name)}
            if named:
                for name, view in named.items():
                    if sum(name in views for views in self._own.values()) > 1:
                        make(view.frame, name)  # another node may have replaced or dropped it
                yield named
        if not named:  # what the session has; nobody is to wait
            yield {}


def with_own_views(query: str, views: Mapping[str, View]) -> str:
    """Return a query in which names mean the views of a node, whenever it runs.

    >>> with_own_views("SELECT * FROM a", {"a": View(None, "x1")})
    'WITH `a` AS (TABLE `x1`) SELECT * FROM a'
    >>> with_own_views("WITH b AS (SELECT 1) TABLE a", {"a": View(None, "x1")})
    'WITH `a` AS (TABLE `x1`), b AS (SELECT 1) TABLE a'
    """
    named = [f"`{name}` AS (TABLE `{view.unique}`)" for name, view in views.items() if view.unique]
    if not named:
        return query
    whole = _WITH.match(query)
    if whole:
        return f"{whole[1]}WITH {', '.join(named)},{query[whole.end() :]}"
    if _SELECT.match(query):
        return f"WITH {', '.join(named)} {query}"
    return query  # a command, which runs at once


def _names(query: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", query, re.IGNORECASE) is not None
