"""Where runs lie: a folder, or any address of fsspec.

A run is a file ``<run id>.jsonl``. Where files cannot be added to (object stores, Volumes of
Databricks) it is a folder of segments while it runs, which become that file when it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

from sparkpipe.io.files import split_protocol
from sparkpipe.io.saving.locks import FileLock, hold_if_free, hold_new, try_hold
from sparkpipe.journal.segments import Segments

_SUFFIX = ".jsonl"
#: Folders of Databricks that show an object store: their files cannot be added to.
_WITHOUT_APPEND = ("/Volumes/", "/dbfs/")
_MOST_OF_ONE_NAME = 100


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

    def new(self, run_id: str) -> Sink:
        """Begin a run; if there is one of that name, the new one gets a number behind it.

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


def place_at(path: str) -> Place:
    """Return the place at a path or address."""
    protocol, local = split_protocol(path)
    if protocol != "file":
        return _Address(path)
    return _Folder(Path(local))


class _File:
    """Lines of a file that is held by its writer as long as that lives."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        self._is_torn = False

    def write(self, line: bytes) -> None:
        left = memoryview(b"\n" + line if self._is_torn else line)
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
            with os.scandir(self._path) as entries:
                return _names(entry.name for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def lines(self, name: str) -> list[bytes]:
        path = self._file(name)
        try:
            return path.read_bytes().splitlines()
        except FileNotFoundError:
            segments = sorted(path.with_suffix("").iterdir())
        return [line for one in segments for line in one.read_bytes().splitlines()]

    def is_being_written(self, name: str) -> bool | None:
        path = self._file(name)
        if not path.is_file():
            return None
        lock = try_hold(path)
        if lock is None:
            return True
        with lock:
            return False if lock.is_real else None

    def new(self, run_id: str) -> Sink:
        self._path.mkdir(parents=True, exist_ok=True)
        if not self._can_append:
            return Segments(run_id, self._write_segment, self._join_segments)
        for number in range(1, _MOST_OF_ONE_NAME):
            with suppress(FileExistsError):
                return _File(hold_new(self._file(run_id if number == 1 else f"{run_id}~{number}")))
        raise FileExistsError(f"too many runs are called {run_id}")

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
        import shutil  # what most processes do not need

        path = self._file(name)
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self._path / f"{_quoted(name)}{_SUFFIX}"

    def _write_segment(self, run_id: str, number: int, data: bytes) -> None:
        folder = self._path / _quoted(run_id)
        folder.mkdir(exist_ok=True)
        (folder / f"{number:06}{_SUFFIX}").write_bytes(data)

    def _join_segments(self, run_id: str, data: bytes) -> None:
        import shutil  # what most processes do not need

        path = self._file(run_id)
        path.write_bytes(data)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)


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
        return _names(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def lines(self, name: str) -> list[bytes]:
        path = self._file(name)
        try:
            return self._read(path).splitlines()
        except FileNotFoundError:
            segments = sorted(self._fs.ls(self._folder(name), detail=False))
        return [line for one in segments for line in self._read(one).splitlines()]

    def is_being_written(self, name: str) -> bool | None:
        return None

    def new(self, run_id: str) -> Sink:
        return Segments(run_id, self._write_segment, self._join_segments)

    def claim(self, name: str) -> AbstractContextManager[bool]:
        return nullcontext(True)

    def remove(self, name: str) -> None:
        for path in (self._file(name), self._folder(name)):
            with suppress(FileNotFoundError):
                self._fs.rm(path, recursive=True)

    def _file(self, name: str) -> str:
        return f"{self._folder(name)}{_SUFFIX}"

    def _folder(self, name: str) -> str:
        return f"{self._path}/{_quoted(name)}"

    def _read(self, path: str) -> bytes:
        data: bytes = self._fs.cat_file(path)
        return data

    def _write_segment(self, run_id: str, number: int, data: bytes) -> None:
        self._fs.makedirs(self._folder(run_id), exist_ok=True)
        self._fs.pipe_file(f"{self._folder(run_id)}/{number:06}{_SUFFIX}", data)

    def _join_segments(self, run_id: str, data: bytes) -> None:
        self._fs.pipe_file(self._file(run_id), data)
        with suppress(FileNotFoundError):
            self._fs.rm(self._folder(run_id), recursive=True)


def _quoted(name: str) -> str:
    """Return the name of a run as that of a file: it may hold anything, a path would lead away."""
    quoted = quote(name, safe=" ,;=+@()")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted


def _names(files: Iterable[str]) -> list[str]:
    visible = (name for name in files if not name.startswith("."))
    return sorted({unquote(name.removesuffix(_SUFFIX)) for name in visible}, reverse=True)
