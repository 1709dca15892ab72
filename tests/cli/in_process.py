"""A command in the process of the tests: nothing of it is seen before it, and nothing stays."""

from __future__ import annotations

import importlib
import logging
import os
import runpy
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]

# Modules from elsewhere are of a project, or of a plugin that a test has installed.
_LASTING = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in (ROOT, sys.base_prefix))


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def call(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    given: str = "",
    *,
    together: bool = False,
) -> Ended:
    """Do what ``python -m <module> <arguments>`` does in a folder, without a new interpreter.

    Standard streams are those of the process, so what worker processes print is caught, too.

    Args:
        module: What is run as ``__main__``.
        arguments: Its arguments.
        folder: The working folder.
        env: Environment variables, on top of those of this process.
        given: What it reads from standard input.
        together: Whether standard error goes to standard output.
    """
    spark = _spark_context()
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(given.encode())
        stdin.seek(0)
        with ExitStack() as stack:
            err = stdout if together else stderr
            stack.enter_context(_streams(stdin.fileno(), stdout.fileno(), err.fileno()))
            stack.enter_context(_place(folder, env))
            stack.enter_context(_fresh_logging())
            stack.enter_context(_fresh_warnings())
            stack.enter_context(_fresh_modules())
            # Signals are for the process of the tests.
            stack.enter_context(patch("sparkpipe.cli.interrupt.ending_on_signals", nullcontext))
            status = Context().run(_main, module, arguments)
        assert _spark_context() is spark, "what starts or stops Spark needs a process of its own"
        told = []
        for stream in (stdout, stderr):
            stream.seek(0)
            told.append(stream.read().decode(errors="backslashreplace"))
    return Ended(status, told[0], told[1])


def _main(module: str, arguments: Sequence[str]) -> int:
    """Run it, and return the exit status."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return exc.code or 0
        print(exc.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _streams(*numbers: int) -> Iterator[None]:
    """Let descriptors 0, 1 and 2, and the streams of ``sys`` on them, be these files."""
    names = ("stdin", "stdout", "stderr")
    old: list[Any] = [getattr(sys, name) for name in names]
    for stream in old[1:]:
        stream.flush()
    kept = [os.dup(target) for target in range(3)]
    new: list[TextIO] = []
    try:
        for target, (name, number) in enumerate(zip(names, numbers, strict=True)):
            os.dup2(number, target)
            mode, errors = ("w", "backslashreplace") if target else ("r", "strict")
            stream = open(target, mode, 1, "utf-8", errors, closefd=False)  # noqa: SIM115
            new.append(stream)
            setattr(sys, name, stream)
        yield
    finally:
        for stream in new[1:]:
            stream.flush()
        for target, number in enumerate(kept):
            os.dup2(number, target)
            os.close(number)
        for name, stream in zip(names, old, strict=True):
            setattr(sys, name, stream)


@contextmanager
def _place(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Within it, the process stands in this folder, with its environment and path of imports."""
    here, environ, path, argv = Path.cwd(), dict(os.environ), [*sys.path], sys.argv
    os.environ.update(env)
    extra = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = [str(folder), *(part for part in extra if part not in path), *path]
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        sys.path[:], sys.argv = path, argv
        os.environ.clear()
        os.environ.update(environ)


@contextmanager
def _fresh_logging() -> Iterator[None]:
    """Within it, no logger has a handler or a level, and at its end all are as they were."""
    root = logging.getLogger()
    known = {name: _settings_of(logger) for name, logger in _loggers()}
    raising, disabled = logging.raiseExceptions, root.manager.disable
    hooks = threading.excepthook, sys.unraisablehook
    logging.captureWarnings(False)
    for _, logger in _loggers():
        _set(logger, _NEW)
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        logging.raiseExceptions, root.manager.disable = raising, disabled
        threading.excepthook, sys.unraisablehook = hooks
        for name, logger in _loggers():
            before = known.get(name, _NEW)
            for handler in logger.handlers:
                if handler not in before[0]:
                    handler.close()
            _set(logger, before)


_NEW: tuple[tuple[logging.Handler, ...], int, bool, bool] = ((), logging.NOTSET, True, False)


def _loggers() -> list[tuple[str, logging.Logger]]:
    found = [*logging.root.manager.loggerDict.items(), ("", logging.root)]
    return [(name, logger) for name, logger in found if isinstance(logger, logging.Logger)]


def _settings_of(logger: logging.Logger) -> tuple[tuple[logging.Handler, ...], int, bool, bool]:
    return (*logger.handlers,), logger.level, logger.propagate, logger.disabled


def _set(
    logger: logging.Logger, settings: tuple[tuple[logging.Handler, ...], int, bool, bool]
) -> None:
    handlers, level, logger.propagate, logger.disabled = settings
    logger.handlers[:] = handlers
    logger.setLevel(level)


@contextmanager
def _fresh_warnings() -> Iterator[None]:
    """Within it, warnings are shown as by a plain Python, and not kept by pytest."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)

    with warnings.catch_warnings():
        warnings.resetwarnings()
        for category in (ResourceWarning, ImportWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
        warnings.showwarning = show
        yield


@contextmanager
def _fresh_modules() -> Iterator[None]:
    """Within it, no module of a project is loaded; at its end those of before are."""
    lasting = {name for name, module in sys.modules.items() if not _passes(module)}
    before = {name: module for name, module in sys.modules.items() if name not in lasting}
    for name in before:
        del sys.modules[name]
    # Tests write a file anew within a second, which its compiled code does not notice.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    finders = [*sys.meta_path]
    # pytest's finder cannot give the code of a module that is run as '__main__'.
    sys.meta_path[:] = [one for one in finders if type(one).__name__ != "AssertionRewritingHook"]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        sys.meta_path[:] = finders
        for name in [*sys.modules]:
            if name not in lasting and _passes(sys.modules[name]):
                del sys.modules[name]
        sys.modules.update(before)
        importlib.invalidate_caches()


def _passes(module: Any) -> bool:
    """Whether a module is neither of Python, nor installed, nor of this repository."""
    spec = getattr(module, "__spec__", None)
    # Asked as usual, a package without a file looks for its folders anew.
    places = getattr(getattr(module, "__path__", None), "_path", ())
    if getattr(spec, "has_location", False):
        places = (spec.origin,)
    return any(not str(place).startswith(_LASTING) for place in places)


def _spark_context() -> Any:
    """Return the running context of this process, which only the shared session may have made."""
    module = sys.modules.get("pyspark")
    return getattr(getattr(module, "SparkContext", None), "_active_spark_context", None)
