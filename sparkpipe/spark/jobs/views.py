"""Temporary views by the node that has made them.

A session has one temporary view of a name, so nodes side by side that use the same name would read
what the last of them has made; on Spark Connect, where a query looks up its views when it runs,
also nodes one after the other. Within a node a name means the view that this node has made.

Classic Spark looks names up at once: while it does, the views are those of the node. On Connect a
query is told what a name means: for a view of a frame a second name, which no other node has and
which goes when the run has ended and nothing reads it any more; for one of SQL the query of it.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkpipe.spark.active import is_stopped
from sparkpipe.spark.jobs.letting_go import let_go_after, let_go_within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PATIENCE_SECONDS = 2.0

# What may stand before a query, and the word to which further names of its own can be added.
_BEFORE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_WITH = re.compile(rf"({_BEFORE})WITH\b(\s+RECURSIVE\b)?", re.IGNORECASE | re.DOTALL)
_SELECT = re.compile(rf"{_BEFORE}(SELECT|FROM|VALUES|TABLE|\()", re.IGNORECASE | re.DOTALL)

# A view that is made by SQL: its name, what else there is to say of it, and its query.
_CREATES = re.compile(
    rf"{_BEFORE}CREATE\s+(?:OR\s+REPLACE\s+)?TEMP(?:ORARY)?\s+VIEW\s+(?!IF\s+NOT\s+EXISTS\b)"
    r"(?P<name>\w+|`[^`]+`)(?P<more>.*?)\bAS\b"
    r"(?P<query>(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:WITH|SELECT|FROM|VALUES|TABLE)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_COLUMNS = re.compile(r"\s*(\([^()']*\))?\s*")


class View(NamedTuple):
    """A view of a node.

    Attributes:
        make: Makes it in its session, in the place of any other of its name.
        query: The query that it stands for, where it was made by SQL; else empty.
        means: What stands after its name where names are looked up late; else empty.
        unique: The name that no other node has, of a view of a frame; else empty.
    """

    make: Callable[[], object]
    query: str = ""
    means: str = ""
    unique: str = ""

    @classmethod
    def of_frame(cls, make: Callable[[], object], frame: DataFrame, *, is_late: bool) -> View:
        """Return the view of a frame.

        Args:
            make: See above.
            frame: What it shows.
            is_late: Whether names are looked up when a query runs.
        """
        if not is_late:
            return cls(make)
        unique = f"sparkpipe_{os.urandom(8).hex()}"
        # With a view Spark drops what is persisted with the same plan: this plan is another one.
        frame.where("true").createOrReplaceTempView(unique)
        return cls(make, means=f"AS (TABLE `{unique}`)", unique=unique)


class Statement(NamedTuple):
    r"""A view that SQL makes.

    Attributes:
        name: Its name.
        more: What stands between the name and the query.
        query: The query.

    >>> made = Statement.read("CREATE TEMP VIEW a (x) AS SELECT 1;")
    >>> made
    Statement(name='a', more='(x)', query='SELECT 1')
    >>> made.means
    '(x) AS (SELECT 1\n)'
    """

    name: str
    more: str
    query: str

    @classmethod
    def read(cls, text: str) -> Statement | None:
        """Return the view that a text makes; None if it makes none, or only if there is none."""
        found = _CREATES.fullmatch(text)
        if found is None:
            return None
        name, more, query = (found[part].strip() for part in ("name", "more", "query"))
        return cls(name, more, query.rstrip("; \t\n"))

    @property
    def again(self) -> str:
        """What makes it in the place of any other."""
        return f"CREATE OR REPLACE TEMPORARY VIEW {self.name} {self.more} AS {self.query}"

    @property
    def means(self) -> str:
        """What stands after its name in WITH; empty if that does not take what is said of it."""
        if _COLUMNS.fullmatch(self.more) is None:
            return ""
        return f"{self.more} AS ({self.query}\n)".lstrip()  # a comment may end the query


class Views:
    """The temporary views that the nodes of a run have made. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._own: dict[object, dict[str, View]] = {}
        # By the names that no other node has: their sessions, and what reads them.
        self._sessions: dict[str, SparkSession] = {}
        self._readers: dict[str, list[weakref.ref[Any]]] = {}

    @contextmanager
    def making(
        self, node: object, name: str, session: SparkSession
    ) -> Iterator[Callable[[View], None]]:
        """Let a node make a view within it, and give what takes that view down.

        Args:
            node: What stands for the node.
            name: The name of the view.
            session: The session of the view.
        """
        with self._lock:

            def note(view: View) -> None:
                own = self._own.setdefault(node, {})
                own[name.strip("`").lower()] = view
                if view.unique:
                    self._sessions[view.unique] = session

            yield note

    @contextmanager
    def own(self, node: object, query: str) -> Iterator[Mapping[str, View]]:
        """Give the views of a node that a query needs; within it, they are those of the session.

        Args:
            node: What stands for the node.
            query: The query, or the name of a table.
        """
        with self._lock:
            needed = _needed(self._own.get(node, {}), query)
            if needed:
                for name, view in needed.items():
                    if sum(name in views for views in self._own.values()) > 1:
                        view.make()  # another node may have replaced or dropped it
                yield needed
        if not needed:  # what the session has; nobody is to wait
            yield {}

    def note_reader(self, reader: object, views: Mapping[str, View]) -> None:
        """Keep views that are looked up late while something is there that reads them."""
        with self._lock:
            for view in views.values():
                if view.unique:
                    self._readers.setdefault(view.unique, []).append(weakref.ref(reader))

    def close(self) -> None:
        """Drop the names that no other node has; those that a frame still reads when it is gone.

        The names that the nodes have given are those of the session, and stay. Does not raise, and
        does not wait for a Spark that hangs.
        """
        with self._lock:
            self._own = {}
            sessions, self._sessions = self._sessions, {}
            found, self._readers = self._readers, {}
        read = {
            unique: there
            for unique, readers in found.items()
            if (there := [one for reader in readers if (one := reader()) is not None])
        }
        held = {unique: sessions[unique] for unique in read}
        if held:
            users = {id(user): user for users in read.values() for user in users}
            let_go_after(users.values(), partial(_drop, held))
        unread = {unique: one for unique, one in sessions.items() if unique not in held}
        if unread:
            let_go_within(_PATIENCE_SECONDS, [partial(_drop, unread)])


def with_own_views(query: str, views: Mapping[str, View]) -> str:
    """Return a query in which names mean the views of a node, whenever it runs.

    >>> views = {"a": View(print, means="AS (TABLE `x1`)")}
    >>> with_own_views("SELECT * FROM a", views)
    'WITH `a` AS (TABLE `x1`) SELECT * FROM a'
    >>> with_own_views("WITH b AS (SELECT 1) TABLE a", views)
    'WITH `a` AS (TABLE `x1`), b AS (SELECT 1) TABLE a'
    """
    named = [f"`{name}` {view.means}" for name, view in views.items() if view.means]
    if not named:
        return query
    whole = _WITH.match(query)
    if whole:
        start, recursive = whole.groups("")
        return f"{start}WITH{recursive} {', '.join(named)},{query[whole.end() :]}"
    if _SELECT.match(query):
        return f"WITH {', '.join(named)} {query}"
    return query  # a command, which runs at once


def _drop(sessions: Mapping[str, SparkSession]) -> None:
    for unique, session in sessions.items():
        if not is_stopped(session):
            session.catalog.dropTempView(unique)


def _needed(own: Mapping[str, View], query: str) -> Mapping[str, View]:
    """Return the views that a query names, after those that these name themselves."""
    needed: dict[str, View] = {}

    def add(names: Iterable[str], within: frozenset[str]) -> None:
        for name in names:
            if name not in needed and name not in within:
                add(_named(own, own[name].query), within | {name})
                needed[name] = own[name]

    add(_named(own, query), frozenset())
    return needed


def _named(own: Mapping[str, View], query: str) -> list[str]:
    return [
        name
        for name in own
        if query and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", query, re.IGNORECASE)
    ]
