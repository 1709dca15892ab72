"""Logging of the command line: a short console, a whole file. The library sets up none itself."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from sparkpipe.cli.files import shown
from sparkpipe.cli.streams import FORMAT_VARIABLE, are_logs_json
from sparkpipe.errors import ConfigError
from sparkpipe.logging import tell_once_of_failures
from sparkpipe.report.text import printable_lines
from sparkpipe.spark.jobs.query_logs import TRACE_LOGGERS
from sparkpipe.streams import log_what_python_prints

_LARGEST_LOG = 10 * 1024 * 1024

#: Only for the file: full tracebacks of failures.
traceback_logger = logging.getLogger("sparkpipe.traceback")

#: Only for the file: where the time of a run went, node by node.
summary_logger = logging.getLogger("sparkpipe.summary")

# Where each node's data comes from and goes to.
_ONLY_FOR_THE_FILE = ("sparkpipe.io", "sparkpipe.runner.places")


class _ConsoleFilter(logging.Filter):
    """Two lines for a node are enough on a console: that it runs, and that it is done."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is for the console."""
        if record.name in (traceback_logger.name, summary_logger.name):
            return False
        # pyspark warns with the whole trace of an error that it then raises.
        if record.name == "py.warnings" and "reached the error below" in record.getMessage():
            return False
        # py4j logs with a traceback, by the root logger too, what it then raises.
        if record.module in ("java_gateway", "clientserver") and not self._verbose:
            return False
        quiet = not self._verbose and record.name.startswith(_ONLY_FOR_THE_FILE)
        return not quiet or record.levelno >= logging.WARNING


class _Lines(logging.Handler):
    """Writes each record by one call, which needs no lock.

    A lock held while a line is written makes all threads that log wait for each other.
    """

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record that passes the filters; returns whether it did."""
        passes = bool(self.filter(record))
        if passes:
            self.emit(record)
        return passes

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(printable_lines(self.format(record)) + "\n")
        except Exception:
            self.handleError(record)

    def write(self, line: str) -> None:
        raise NotImplementedError


class _Console(_Lines):
    """Writes to what is standard error now: a live display takes its place for a while."""

    def write(self, line: str) -> None:
        sys.stderr.write(line)
        sys.stderr.flush()


class _File(_Lines):
    """Appends to a file; that it cannot be written, as on a full disk, is told once.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = self._opened()
        tell_once_of_failures(self, shown(path))

    def _opened(self) -> FileIO:
        # Unbuffered: each line is in the file when a run is killed.
        return self._path.open("ab", buffering=0)

    def write(self, line: str) -> None:
        if self._file.closed:  # whoever sets up logging anew closes all handlers that there are
            self._file = self._opened()
        self._file.write(line.encode(errors="backslashreplace"))

    def close(self) -> None:
        self._file.close()
        super().close()


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.label = f"{record.levelname}: " if record.levelno >= logging.WARNING else ""
        return super().format(record)


def _formatters(run_id: str) -> tuple[logging.Formatter, logging.Formatter]:
    """Return how lines are written on the console, and in the file."""
    form = os.environ.get(FORMAT_VARIABLE, "") or "text"
    if form == "json":
        from sparkpipe.logging import JsonFormatter

        return JsonFormatter(run_id=run_id), JsonFormatter(run_id=run_id)
    if form != "text":
        raise ConfigError(
            f"{FORMAT_VARIABLE} is '{form}', which is no format of logs.",
            hint="It is text or json.",
        )
    return (
        _ConsoleFormatter("%(asctime)s %(label)s%(message)s", "%H:%M:%S"),
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"),
    )


def configure_logging(
    folder: Path | None,
    packages: Iterable[str] = (),
    *,
    verbose: bool = False,
    run_id: str = "",
) -> Path | None:
    """Send logs to standard error and to a file.

    Args:
        folder: Where ``sparkpipe.log`` goes; None for no file.
        packages: Packages of the user whose INFO messages are shown beside those of sparkpipe.
        verbose: Show everything on the console.
        run_id: The run, for what is logged by threads that do not know it.

    Returns:
        The file, or None if it cannot be written.

    Raises:
        ConfigError: ``SPARKPIPE_LOG_FORMAT`` names a format that there is not.
    """
    of_console, of_file = _formatters(run_id)
    console = _Console()
    console.setFormatter(of_console)
    console.addFilter(_ConsoleFilter(verbose))
    handlers: list[logging.Handler] = [console]
    path = None
    if folder is not None:
        try:
            path = _roll_over(folder / "sparkpipe.log")
            file = _File(path)
        except OSError:  # a read-only project still runs
            path = None
        else:
            file.setFormatter(of_file)
            handlers.append(file)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in {"sparkpipe", *(package.partition(".")[0] for package in packages if package)}:
        logging.getLogger(name).setLevel(logging.INFO)
    # What nobody reads is not made: two lines of a node's four.
    unread = logging.WARNING if path is None and not verbose else logging.NOTSET
    for name in _ONLY_FOR_THE_FILE:
        logging.getLogger(name).setLevel(unread)
    for name in TRACE_LOGGERS:
        logging.getLogger(name).disabled = True
    logging.captureWarnings(True)
    if are_logs_json():
        log_what_python_prints()
    return path


def _roll_over(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_fifo():  # to open it is to wait for a reader
        raise OSError
    if path.exists() and path.stat().st_size > _LARGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    return path
