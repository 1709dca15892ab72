"""Lines that go to a store whose files cannot be added to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial

_ATTEMPTS = 3
_WAIT_SECONDS = 1.0
# The run is over then, and whoever waits for it must not wait for a store that hangs.
_PATIENCE_SECONDS = 60.0


class Segments:
    """Writes what has come since the last segment as the next one, as fast as the store takes them.

    A thread of its own writes, so that the run does not wait for the store.

    Args:
        run_id: The run.
        write: Writes a segment: the run, its number from 1 on, and its lines.
        join: Writes the whole run as one file, and removes its segments.
    """

    def __init__(
        self,
        run_id: str,
        write: Callable[[str, int, bytes], None],
        join: Callable[[str, bytes], None],
    ) -> None:
        self._run_id = run_id
        self._write = write
        self._join = join
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
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
        written: list[bytes] = []
        number = 0
        is_last = False
        while not is_last:
            batch = [self._lines.get()]
            while not self._lines.empty():
                batch.append(self._lines.get())
            is_last = batch[-1] is None
            lines = [line for line in batch if line is not None]
            written += lines
            if lines and not is_last:
                number += 1
                self._try(partial(self._write, self._run_id, number, b"".join(lines)))
        self._try(partial(self._join, self._run_id, b"".join(written)))

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
