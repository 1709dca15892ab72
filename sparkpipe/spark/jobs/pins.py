"""Which version of a table a run reads: one, whoever else writes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pins:
    """The versions of tables that the nodes of a run read. Safe to use from many threads.

    A table may be known by its name, and by the path where it lies. Where one is, is looked for
    only in a run that uses paths, too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, int | None] = {}
        self._written: set[str] = set()
        self._places: dict[str, str] = {}
        self._uses_paths = False

    def version(
        self,
        target: str,
        find: Callable[[], int | None],
        find_place: Callable[[], str | None] | None = None,
    ) -> int | None:
        """Return the version to read: that of the first load, until the run itself writes.

        Args:
            target: The table, in one spelling for all that share it.
            find: Finds the present version; None if there is none, or nobody tells.
            find_place: Of a table by its name, finds the target of the path where it lies; None if
                nobody tells.
        """
        names = self._names_of(target, find_place)
        with self._lock:
            if self._written.isdisjoint(names) and target in self._versions:
                return self._versions[target]
        found = find()
        with self._lock:
            if not self._written.isdisjoint(names):
                return found
            return self._versions.setdefault(target, found)

    def forget(self) -> None:
        """Let the next load of each table read what is there then: a node has written by itself."""
        with self._lock:
            self._versions.clear()

    def note_write(self, target: str, find_place: Callable[[], str | None] | None = None) -> None:
        """Let loads from now on read what is there: the run writes this table.

        Args:
            target: See :meth:`version`.
            find_place: See :meth:`version`.
        """
        names = self._names_of(target, find_place)
        with self._lock:
            self._written.update(names)

    def _names_of(self, target: str, find_place: Callable[[], str | None] | None) -> set[str]:
        """Return a table by its name and by its path, as far as both are of use."""
        if find_place is None:
            self._uses_paths = True
            return {target}
        if not self._uses_paths:
            return {target}
        place = self._places.get(target) or find_place()
        if place is None:
            return {target}
        self._places[target] = place
        return {target, place}
