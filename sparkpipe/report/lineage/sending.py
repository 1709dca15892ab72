"""What is sent beside a run, which waits for nobody."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeAlias, TypeVar

from sparkpipe.errors import first_line
from sparkpipe.redaction import redacted_text

_logger = logging.getLogger(__name__)

# It warns of each attempt.
_RETRIES = "urllib3.connectionpool"

# Of the patience at the end, so much is for what could wait: a run need not be the one to tell it.
_SHARE = 5

T = TypeVar("T")

#: Sends one, and returns what is left to be sent when there is time.
Send: TypeAlias = Callable[[T], "Iterator[None] | None"]


class Sender(Generic[T]):
    """Sends what it is given, in a thread of its own, and tells once what could not be sent.

    Args:
        what: What is sent, for messages.
        open_: Called by the thread: returns what sends one, and may raise anything. That may return
            an iterator, each step of which sends what can wait until there is nothing else to send.
        size: As many wait at most; what comes on top is dropped.
        patience: For how many seconds the end waits until all is sent.
    """

    def __init__(self, what: str, open_: Callable[[], Send[T]], size: int, patience: float) -> None:
        self._what = what
        self._open = open_
        self._patience = patience
        self._waiting: queue.Queue[T | None] = queue.Queue(size)
        # What can wait counts as one.
        self._given = self._later = self._sent = 0
        self._why = ""
        self._until = math.inf
        self._is_closing = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sparkpipe-lineage", daemon=True)
        self._thread.start()

    def send(self, one: T) -> None:
        """Have one sent soon; never waits, and raises nothing."""
        self._given += 1
        try:
            self._waiting.put_nowait(one)
        except queue.Full:
            self._why = self._why or "more came than were taken"

    def close(self) -> None:
        """Wait until all is sent, but not for long, and tell what was not."""
        self._until = time.monotonic() + self._patience / _SHARE
        self._is_closing.set()
        with suppress(queue.Full):  # then the thread ends when it has taken all that is there
            self._waiting.put_nowait(None)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._is_over.set()
            self._why = self._why or f"the receiver took longer than {self._patience:g} s"
        told = self._given + self._later
        lost = told - self._sent
        if lost:
            _logger.warning(
                "%d of %d events of the run were not told as %s: %s. The run itself is not "
                "affected.",
                lost,
                told,
                self._what,
                self._why.rstrip("."),
            )

    def _work(self) -> None:
        with _silent(_RETRIES):
            self._send_all()

    def _send_all(self) -> None:
        try:
            send = self._open()
        except Exception as exc:  # what is not installed, or not configured as it must be
            self._note(exc)
            return
        later: list[Iterator[None]] = []
        while not self._is_over.is_set():
            one = self._next(waits=not later)
            if one is None and not later:
                return
            if one is None and time.monotonic() > self._until:
                _logger.debug("What could wait was not told as %s: the run is over.", self._what)
                self._sent += len(later)
                return
            try:
                if one is None:
                    self._send_later(later)
                else:
                    rest = send(one)
                    self._sent += 1
                    if rest is not None:
                        self._later += 1
                        later.append(rest)
            except Exception as exc:  # of the network, or of what is told
                self._note(exc)
                if self._is_closing.is_set():
                    return  # who does not answer now will not answer for the rest

    def _next(self, *, waits: bool) -> T | None:
        """Return the next one; None where there is none, or will be none any more."""
        try:
            return self._waiting.get(block=waits and not self._is_closing.is_set())
        except queue.Empty:
            return None

    def _send_later(self, later: list[Iterator[None]]) -> None:
        """Send a piece of what can wait; it is let go of at its end, and with its first failure."""
        try:
            next(later[0])
        except StopIteration:
            self._sent += 1
            del later[0]
        except Exception:
            del later[0]
            raise

    def _note(self, exc: Exception) -> None:
        # What an error of 'requests' wraps tells it in half as many words.
        inner = getattr(exc.args[0], "reason", None) if exc.args else None
        told = first_line(str(inner or exc))
        self._why = self._why or redacted_text(f"{type(exc).__name__}: {told}")


@contextmanager
def _silent(logger_name: str) -> Iterator[None]:
    """Within it, a logger drops what this thread logs: the one warning of the end tells it."""
    logger, thread = logging.getLogger(logger_name), threading.get_ident()

    def is_from_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(is_from_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(is_from_elsewhere)
