"""Where runs lie: a folder, or any address of fsspec.

A run is a file ``<run id>.jsonl``. Where files cannot be added to (object stores, Volumes of
Databricks) it is a folder of segments while it runs, which become that file when it ends.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, unquote

from sparkpipe.errors import ConfigError
from sparkpipe.io.files import split_protocol
from sparkpipe.io.saving import remove
from sparkpipe.io.saving.locks import FileLock, hold_if_free, hold_new, try_hold
from sparkpipe.journal.segments import Segments, first_free
from sparkpipe.redaction import redacted_text

_SUFFIX = ".jsonl"
# No run has such a name.
_NOTE = ".index.json"
#: Folders of Databricks that show an object store: their files cannot be added to.
_WITHOUT_APPEND = ("/Volumes/", "/dbfs/")

_P = TypeVar("_P", str, Path)


class Sink(Protocol):
    """Where the lines of one run go."""

    def write(self, line: bytes) -> None:
        """Add a line, so that it is there whatever becomes of this process.

        Raises:
            OSError: It cannot be added.
        """

    def close(self) -> None:
        """Nothing more is to come."""


class Place(Protocol):
    """A place of runs."""

    def names(self) -> list[str]:
        """Return the names of all runs, the last one first."""

    def lines(self, name: str) -> list[bytes]:
        """Return what was written of a run.

        Raises:
            FileNotFoundError: There is no such run.
            OSError: It cannot be read.
        """

    def is_being_written(self, name: str) -> bool | None:
        """Whether somebody writes a run now; None where that cannot be told."""

    def new(self, run_id: str, first: bytes) -> Sink:
        """Begin a run; if there is one of that name, the new one gets a number behind it.

        Args:
            run_id: The run.
            first: Its first line, without which there is nothing of it.

        Raises:
            OSError: It cannot be written.
        """

    def claim(self, name: str) -> AbstractContextManager[bool]:
        """Hold a run while it is continued; what is given is whether nobody else does.

        Where there are no locks nobody can tell, and everybody may.
        """

    def remove(self, name: str) -> None:
        """Remove a run.

        Raises:
            OSError: It cannot be removed.
        """

    def noted(self) -> bytes:
        """Return what was noted about the runs; empty if nothing was.

        Raises:
            OSError: It cannot be read.
        """

    def note(self, told: bytes) -> None:
        """Note something about the runs, in place of what was noted.

        Raises:
            OSError: It cannot be written.
        """


def place_at(path: str) -> Place:
    """Return the place at a path or address.

    Raises:
        ConfigError: There cannot be such an address, or what reaches it is not installed.
    """
    protocol, local = split_protocol(path)
    if protocol == "file":
        return _Folder(Path(local))
    try:
        return _Address(path)
    except (ImportError, ValueError) as exc:
        raise ConfigError(
            f"The journal cannot be at {redacted_text(path)}: {exc}.",
            hint="Install what it says, or change 'path' in journal.yml.",
        ) from exc


class _File:
    """Lines of a file that is held by its writer as long as that lives."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        self._is_torn = False

    def write(self, line: bytes) -> None:
        left = b"\n" + line if self._is_torn else line
        self._is_torn = True
        while left:
            left = left[os.write(self._lock.number, left) :]
        self._is_torn = False

    def close(self) -> None:
        self._lock.close()


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._can_append = not os.fspath(path).startswith(_WITHOUT_APPEND)

    def names(self) -> list[str]:
        try:
            with os.scandir(self._path) as entries:  # paths would take too long
                return _names(one.name for one in entries if _may_be_run(one))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def lines(self, name: str) -> list[bytes]:
        path = self._file(name)
        return _joined(path, _read_file, lambda: [*path.with_suffix("").iterdir()])

    def is_being_written(self, name: str) -> bool | None:
        path = self._file(name)
        if not path.is_file():
            return None
        lock = try_hold(path)
        if lock is None:
            return True
        with lock:
            return False if lock.is_real else None

    def new(self, run_id: str, first: bytes) -> Sink:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as exc:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from exc
        if not self._can_append:
            return Segments(self, run_id, first)
        _, lock = first_free(run_id, lambda name: hold_new(self._file(name)))
        file = _File(lock)
        try:
            file.write(first)
        except OSError:
            lock.remove()
            raise
        return file

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        if not os.access(self._path, os.W_OK):
            yield True
            return
        lock = hold_if_free(self._path / f".{_quoted(name)}.claim")
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.remove()

    def remove(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)
        self._remove_segments(name)

    def _remove_segments(self, name: str) -> None:
        folder = self._file(name).with_suffix("")
        if folder.is_dir():
            for one in folder.iterdir():
                if _is_segment(one.name):
                    one.unlink(missing_ok=True)
            with suppress(OSError):  # somebody else has put something into it
                folder.rmdir()

    def noted(self) -> bytes:
        try:
            return (self._path / _NOTE).read_bytes()
        except FileNotFoundError:
            return b""

    def note(self, told: bytes) -> None:
        beside = self._path / f"{_NOTE}.{os.getpid()}"
        try:
            beside.write_bytes(told)
            beside.replace(self._path / _NOTE)
        finally:
            beside.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._path / f"{_quoted(name)}{_SUFFIX}"

    def begin(self, name: str, lines: bytes) -> None:
        if self._file(name).exists():
            raise FileExistsError(name)
        self._file(name).with_suffix("").mkdir()
        self.add(name, 1, lines)

    def add(self, name: str, number: int, lines: bytes) -> None:
        (self._path / _quoted(name) / _segment(number)).write_bytes(lines)

    def join(self, name: str, lines: bytes) -> None:
        # Who reads takes the file for all of it, so it is there as a whole.
        beside = self._path / f"{_quoted(name)}.{os.getpid()}"
        try:
            beside.write_bytes(lines)
            beside.replace(self._file(name))
        finally:
            beside.unlink(missing_ok=True)
        self._remove_segments(name)


class _Address:
    def __init__(self, address: str) -> None:
        import fsspec

        self._fs: Any
        self._fs, self._path = fsspec.core.url_to_fs(address)

    def names(self) -> list[str]:
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(self._path, detail=False)
        except FileNotFoundError:
            return []
        names = [str(path).rstrip("/").rpartition("/")[2] for path in found]
        return _names(name for name in names if not name.startswith("."))

    def lines(self, name: str) -> list[bytes]:
        return _joined(
            self._file(name), self._read, lambda: self._fs.ls(self._folder(name), detail=False)
        )

    def is_being_written(self, name: str) -> bool | None:
        return None

    def new(self, run_id: str, first: bytes) -> Sink:
        return Segments(self, run_id, first)

    def claim(self, name: str) -> AbstractContextManager[bool]:
        return nullcontext(True)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._file(name))
        self._remove_segments(name)

    def _remove_segments(self, name: str) -> None:
        with suppress(FileNotFoundError):
            paths = [*map(str, self._fs.ls(self._folder(name), detail=False))]
            if all(_is_segment(path.rpartition("/")[2]) for path in paths):
                remove(self._fs, self._folder(name))

    def noted(self) -> bytes:
        try:
            return self._read(f"{self._path}/{_NOTE}")
        except FileNotFoundError:
            return b""

    def note(self, told: bytes) -> None:
        self._fs.pipe_file(f"{self._path}/{_NOTE}", told)

    def _file(self, name: str) -> str:
        return f"{self._folder(name)}{_SUFFIX}"

    def _folder(self, name: str) -> str:
        return f"{self._path}/{_quoted(name)}"

    def _read(self, path: str) -> bytes:
        data: bytes = self._fs.cat_file(path)
        return data

    def begin(self, name: str, lines: bytes) -> None:
        self._fs.invalidate_cache()
        path = f"{self._folder(name)}/{_segment(1)}"
        if self._fs.exists(self._file(name)) or self._fs.exists(path):
            raise FileExistsError(name)
        self._fs.makedirs(self._folder(name), exist_ok=True)
        try:
            # Another machine may begin a run of this name at the same time.
            self._fs.pipe_file(path, lines, mode="create")
        except TypeError:  # older file systems cannot tell whether they make a file
            self._fs.pipe_file(path, lines)

    def add(self, name: str, number: int, lines: bytes) -> None:
        self._fs.pipe_file(f"{self._folder(name)}/{_segment(number)}", lines)

    def join(self, name: str, lines: bytes) -> None:
        self._fs.pipe_file(self._file(name), lines)
        self._remove_segments(name)


def _may_be_run(entry: os.DirEntry[str]) -> bool:
    """Whether what lies in a folder may be a run: a file of lines, or a folder of segments."""
    name = entry.name
    if name.startswith("."):
        return False
    if entry.is_dir():
        return Path(entry.path, _segment(1)).exists()
    return name.endswith(_SUFFIX)


def _read_file(path: Path) -> bytes:
    # Nobody would ever write the end of a pipe that lies here.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no file")
    return path.read_bytes()


def _joined(file: _P, read: Callable[[_P], bytes], segments: Callable[[], list[_P]]) -> list[bytes]:
    """Return the lines of a file, or those of segments as long as it is not there."""
    try:
        return read(file).splitlines()
    except FileNotFoundError:
        with suppress(FileNotFoundError):  # they have become a file meanwhile
            return [line for one in sorted(segments()) for line in read(one).splitlines()]
    return read(file).splitlines()


def _segment(number: int) -> str:
    return f"{number:06}{_SUFFIX}"


def _is_segment(file: str) -> bool:
    number = file.removesuffix(_SUFFIX)
    return file != number and number.isdecimal()


def _quoted(name: str) -> str:
    """Return the name of a run as that of a file: it may hold anything, a path would lead away."""
    quoted = quote(name, safe=" ,;=+@()")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted


def _names(files: Iterable[str]) -> list[str]:
    # There may be very many.
    names = {name.removesuffix(_SUFFIX) for name in files}
    return sorted((unquote(name) if "%" in name else name for name in names), reverse=True)
