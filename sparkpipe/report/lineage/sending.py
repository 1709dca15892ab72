"""What is sent beside a run, which waits for nobody."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from sparkpipe.errors import first_line
from sparkpipe.redaction import redacted_text

_logger = logging.getLogger(__name__)

# It warns of each attempt.
_RETRIES = "urllib3.connectionpool"

T = TypeVar("T")


class Sender(Generic[T]):
    """Sends what it is given, in a thread of its own, and tells once what could not be sent.

    Args:
        what: What is sent, for messages.
        open_: Called by the thread: returns what sends one, and may raise anything.
        size: As many wait at most; what comes on top is dropped.
        patience: For how many seconds the end waits until all is sent.
    """

    def __init__(
        self, what: str, open_: Callable[[], Callable[[T], None]], size: int, patience: float
    ) -> None:
        self._what = what
        self._open = open_
        self._patience = patience
        self._waiting: queue.Queue[T | None] = queue.Queue(size)
        self._given = self._sent = 0
        self._why = ""
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
        self._is_closing.set()
        with suppress(queue.Full):  # then the thread ends when it has taken all that is there
            self._waiting.put_nowait(None)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._is_over.set()
            self._why = self._why or f"the receiver took longer than {self._patience:g} s"
        lost = self._given - self._sent
        if lost:
            _logger.warning(
                "%d of %d events of the run were not told as %s: %s. The run itself is not "
                "affected.",
                lost,
                self._given,
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
        while not self._is_over.is_set():
            try:
                one = self._waiting.get(timeout=None if not self._is_closing.is_set() else 0)
            except queue.Empty:
                return
            if one is None:
                return
            try:
                send(one)
                self._sent += 1
            except Exception as exc:  # of the network, or of what is told
                self._note(exc)
                if self._is_closing.is_set():
                    return  # who does not answer now will not answer for the rest

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
