"""Standard streams that may be closed, full, or of an encoding that lacks what is to be shown."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading
    from types import TracebackType


class _Descriptor(io.FileIO):
    """A standard stream as a file; what cannot be written is dropped, and the reason is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as exc:
            self.failure = self.failure or exc
            return len(data)


class Streams:
    """Standard output and standard error while a command runs.

    Attributes:
        is_work_done: What was asked for is done, and what is printed only tells of it.
    """

    def __init__(self) -> None:
        self.is_work_done = False
        self._kept: list[tuple[str, Any]] = []
        self._descriptors: dict[str, _Descriptor] = {}

    def failure(self) -> OSError | None:
        """Return why something could not be written to standard output; None if all was."""
        self._flush()
        descriptor = self._descriptors.get("stdout")
        return descriptor.failure if descriptor is not None else None

    def open(self) -> None:
        """Put streams that cannot fail in the place of those of ``sys``."""
        for number, name in ((1, "stdout"), (2, "stderr")):
            stream = getattr(sys, name)
            # A notebook, or whoever captures what is printed, has a stream of another kind.
            if stream is not None and not _is_of_descriptor(stream, number):
                continue
            if stream is not None:
                with suppress(OSError):
                    stream.flush()
            descriptor = _Descriptor(number)
            self._kept.append((name, stream))
            self._descriptors[name] = descriptor
            setattr(sys, name, _text_stream(descriptor, stream))

    def close(self) -> None:
        """Put the streams back."""
        self._flush()
        for name, stream in self._kept:
            setattr(sys, name, stream)

    def _flush(self) -> None:
        for name in self._descriptors:
            with suppress(ValueError):  # it was closed by whoever used it
                getattr(sys, name).flush()


_streams: ContextVar[Streams | None] = ContextVar("_streams", default=None)


def tell_work_done() -> None:
    """Tell that what is printed from here on only tells of work that is done.

    That nobody can read it makes no failure of the work.
    """
    streams = _streams.get()
    if streams is not None:
        streams.is_work_done = True


def log_what_python_prints() -> None:
    """Let errors that end a thread of the user's, or are met where none can be raised, be logged.

    Python itself prints them, in many lines. It holds for the rest of the process.
    """
    import threading  # not for a command that only prints something

    threading.excepthook = _log_failed_thread
    sys.unraisablehook = _log_unraisable


def is_what_python_prints_logged() -> bool:
    """Whether :func:`log_what_python_prints` was called."""
    import threading

    return threading.excepthook is _log_failed_thread


def _log_failed_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    name = args.thread.name if args.thread is not None else "of the user's"
    _log(f"The thread {name} has failed", args.exc_value, args.exc_traceback)


def _log_unraisable(args: sys.UnraisableHookArgs) -> None:
    if args.exc_value is None:
        return
    told = args.err_msg or "Exception ignored in"
    _log(f"{told} {args.object!r}", args.exc_value, args.exc_traceback)


def _log(told: str, error: BaseException, trace: TracebackType | None) -> None:
    import logging

    failure = (type(error), error, trace)
    logging.getLogger(__name__).error("%s: %r", told, error, exc_info=failure)


@contextmanager
def standard_streams() -> Iterator[Streams]:
    """Within it, what is printed never fails: neither our words nor those of the user's code.

    Descriptors that are closed are opened on nothing, or the next file that is opened would get
    their numbers, and what a subprocess prints.
    """
    _open_what_is_closed()
    streams = Streams()
    token = _streams.set(streams)
    streams.open()
    try:
        yield streams
    finally:
        streams.close()
        _streams.reset(token)


def _open_what_is_closed() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process


def _is_of_descriptor(stream: Any, number: int) -> bool:
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == number
    except (OSError, ValueError):
        return False


def _text_stream(descriptor: _Descriptor, like: io.TextIOWrapper | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),
        encoding=like.encoding if like is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=like is None or like.line_buffering,
        write_through=like is not None and like.write_through,
    )
