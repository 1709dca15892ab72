"""Which version of a table a run reads: one, whoever else writes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pins:
    """The versions of tables that the nodes of a run read. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, int | None] = {}
        self._written: set[str] = set()

    def version(self, target: str, find: Callable[[], int | None]) -> int | None:
        """Return the version to read: that of the first load, until the run itself writes.

        Args:
            target: The table, in one spelling for all that share it.
            find: Finds the present version; None if there is none, or nobody tells.
        """
        with self._lock:
            if target not in self._written and target in self._versions:
                return self._versions[target]
        found = find()
        with self._lock:
            if target in self._written:
                return found
            return self._versions.setdefault(target, found)

    def forget(self) -> None:
        """Let the next load of each table read what is there then: a node has written by itself."""
        with self._lock:
            self._versions.clear()

    def note_write(self, target: str) -> None:
        """Let loads from now on read what is there: the run writes this table."""
        with self._lock:
            self._written.add(target)
