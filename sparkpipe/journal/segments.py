"""Lines that go to a store whose files cannot be added to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

_ATTEMPTS = 3
_WAIT_SECONDS = 1.0
# The run is over then, and whoever waits for it must not wait for a store that hangs.
_PATIENCE_SECONDS = 60.0
_MOST_OF_ONE_NAME = 100

_T = TypeVar("_T")


class Store(Protocol):
    """What takes the lines of runs, segment by segment. Its methods raise whatever they like."""

    def begin(self, name: str, lines: bytes) -> None:
        """Write the first segment of a run.

        Raises:
            FileExistsError: There is a run of that name.
        """

    def add(self, name: str, number: int, lines: bytes) -> None:
        """Write a further segment of a run, by its number from 2 on."""

    def join(self, name: str, lines: bytes) -> None:
        """Write a whole run as one file, and remove its segments."""


def first_free(run_id: str, make: Callable[[str], _T]) -> tuple[str, _T]:
    """Make something by the name of a run; with a number behind it, if there is one of that name.

    Args:
        run_id: The run.
        make: Makes it by a name, or raises FileExistsError.

    Returns:
        The name, and what was made.

    Raises:
        FileExistsError: Too many have the name.
    """
    for number in range(1, _MOST_OF_ONE_NAME):
        name = run_id if number == 1 else f"{run_id}~{number}"
        with suppress(FileExistsError):
            return name, make(name)
    raise FileExistsError(f"too many runs are called {run_id}")


class Segments:
    """Writes what has come since the last segment as the next one, as fast as the store takes them.

    A thread of its own writes, so that the run does not wait for the store.

    Args:
        store: Where they go.
        run_id: The run.
        first: Its first line.
    """

    def __init__(self, store: Store, run_id: str, first: bytes) -> None:
        self._store = store
        self._run_id = run_id
        self._name = ""
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lines.put(first)
        self._error: OSError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sparkpipe-journal", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Have a line written soon.

        Raises:
            OSError: An earlier one could not be written.
        """
        if self._error is not None:
            raise self._error
        self._lines.put(line)

    def close(self) -> None:
        """Wait until all is written.

        Raises:
            OSError: Something could not be written.
        """
        self._lines.put(None)
        self._thread.join(_PATIENCE_SECONDS)
        self._over.set()
        if self._thread.is_alive():
            raise OSError(f"the store has not answered for {_PATIENCE_SECONDS:g} s")
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        written = b""
        number = 0
        is_last = False
        while not is_last:
            batch = [self._lines.get()]
            while not self._lines.empty():
                batch.append(self._lines.get())
            is_last = batch[-1] is None
            lines = b"".join(line for line in batch if line is not None)
            written += lines
            if not self._name:
                # Also what earlier attempts could not write.
                self._try(partial(self._begin, written))
                number = 1
            elif lines and not is_last:
                number += 1
                self._try(partial(self._store.add, self._name, number, lines))
        if self._name:
            self._try(partial(self._store.join, self._name, written))

    def _begin(self, lines: bytes) -> None:
        self._name, _ = first_free(self._run_id, lambda name: self._store.begin(name, lines))

    def _try(self, write: Callable[[], None]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                write()
            except Exception as exc:  # stores have errors of their own
                if attempt == _ATTEMPTS:
                    self._error = exc if isinstance(exc, OSError) else OSError(str(exc))
                else:
                    self._over.wait(_WAIT_SECONDS)
            else:
                self._error = None
                return
