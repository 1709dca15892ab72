"""Ctrl-C and SIGTERM: a run ends in good order, and the process in two seconds whatever happens."""

from __future__ import annotations

import atexit
import contextvars
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType

from sparkpipe.cli.streams import are_logs_json, as_log_line

#: How long a run may take to end after an interrupt, in seconds.
GRACE_SECONDS = 2.0
_CLEANING_SECONDS = 0.5


def _tell(text: str) -> None:
    line = as_log_line(text, "WARNING") + "\n" if are_logs_json() else text
    sys.stderr.write(line)


@dataclass
class Ending:
    """How the process ends after a signal.

    Attributes:
        last_words: Returns what is told where the process ends without waiting any longer.
        tell: Tells something on standard error, of whichever run is at work.
    """

    last_words: Callable[[], str] | None = None
    tell: Callable[[str], None] = _tell


_ending: ContextVar[Ending | None] = ContextVar("_ending", default=None)


@contextmanager
def last_words(tell: Callable[[], str]) -> Iterator[None]:
    """Within it, ``tell`` gives what is said if a signal ends the process before its work does.

    It is called on another thread.
    """
    ending = _ending.get() or Ending()
    ending.last_words = tell
    context = contextvars.copy_context()
    ending.tell = lambda text: context.run(_tell, text)
    try:
        yield
    finally:
        ending.last_words, ending.tell = None, _tell


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Return the status of a process that ends because of a signal: 128 and its number."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def raise_interrupt(abort: BaseException) -> None:
    """Raise the interrupt that click has turned into an error of its own, if it was one."""
    cause = abort.__cause__ or abort.__context__
    if isinstance(cause, KeyboardInterrupt):
        raise cause from None


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Within it, SIGTERM interrupts like Ctrl-C, and either ends the process after its grace.

    Python code in a thread cannot be interrupted, so a node may still be at work then. Nothing is
    half-written by that: a file is put in its place when it is whole, a Delta table commits.
    To be entered on the main thread.
    """
    signal.signal(signal.SIGTERM, _terminate)
    # A handler waits for the main thread, which may be deep in a library. Who reads from the
    # wake-up socket need not.
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    # It outlives this block, for what is left to do then, such as waiting for threads, has its
    # grace too.
    ending = Ending()
    token = _ending.set(ending)
    threading.Thread(target=_end_after_grace, args=(reader, writer, ending), daemon=True).start()
    try:
        yield
    finally:
        _ending.reset(token)
        signal.set_wakeup_fd(-1)


def _end_after_grace(reader: socket.socket, writer: socket.socket, ending: Ending) -> None:
    number = _next_signal(reader)
    reader.settimeout(GRACE_SECONDS)
    try:
        _next_signal(reader)  # for those who do not want to wait
    except TimeoutError:
        ending.tell("Not all nodes have stopped in time; ended without them.\n")
    if ending.last_words is not None:
        with suppress(Exception):  # whatever it is, the process ends
            ending.tell(ending.last_words())
    sys.stderr.flush()
    processes = sys.modules.get("multiprocessing")
    for worker in processes.active_children() if processes is not None else ():
        worker.kill()
    # What is to be removed at the end of the process, such as temporary folders, is. What else runs
    # then may meet the main thread, which is ending too: of that nobody needs to know.
    sys.unraisablehook = lambda _: None
    cleaning = threading.Thread(target=atexit._run_exitfuncs, daemon=True)
    cleaning.start()
    cleaning.join(_CLEANING_SECONDS)
    writer.close()
    os._exit(128 + number)


def _next_signal(reader: socket.socket) -> int:
    number = 0
    while number not in (signal.SIGINT, signal.SIGTERM):
        number = reader.recv(1)[0]
    return number
