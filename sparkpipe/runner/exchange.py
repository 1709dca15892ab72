"""How data in memory passes between the places where the nodes of a run run.

In one process it stays where it is (:class:`InMemory`). Between processes of one machine it passes
through files of a temporary folder (:class:`LocalFolder`); between machines, or where the temporary
folder is too small, through a storage that all of them reach (:class:`SharedStorage`). What is
large is told once, for the nodes wait while it is written and read.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from sparkpipe.errors import DataSetError
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.declared import companions_of
from sparkpipe.io.delegating import DelegatingDataSet
from sparkpipe.io.for_run import pin_latest
from sparkpipe.io.messages import as_shown, could_not
from sparkpipe.io.reasons import text_of
from sparkpipe.plan import Plan

# Every runner has an exchange; what files need is imported by those that write some.

#: From how many bytes on it is told that something is passed by a file.
LARGE = 100 * 2**20

_logger = logging.getLogger(__name__)


class Exchange(ABC):
    """How data in memory passes between the places where the nodes of a run run."""

    @abstractmethod
    def open(self, plan: Plan, catalog: DataCatalog) -> AbstractContextManager[DataCatalog]:
        """Give the catalog with which the nodes of a run work, for as long as it lasts.

        At the end of a run that has not failed, outputs in memory are in the data sets of
        ``catalog``, and nothing else is left behind.

        Args:
            plan: What runs.
            catalog: Every data set of the plan is in it; not changed.
        """


class InMemory(Exchange):
    """All nodes run in one process: data in memory stays where it is."""

    def open(self, plan: Plan, catalog: DataCatalog) -> AbstractContextManager[DataCatalog]:
        """Give the catalog itself."""
        return nullcontext(catalog)


class _ByFiles(Exchange):
    @abstractmethod
    def _store(self) -> AbstractContextManager[FileStore]:
        """Give a place of its own for the files of one run, removed at the end."""

    @contextmanager
    def open(self, plan: Plan, catalog: DataCatalog) -> Iterator[DataCatalog]:
        with self._store() as store:
            used = (name for one in plan.data_sets for name in companions_of(catalog[one]))
            names = plan.data_sets.union(name for name in used if name in catalog)
            data_sets = {name: catalog[name] for name in sorted(names)}
            for name in data_sets:
                pin_latest(data_sets[name])
            shared = catalog.with_data_sets(
                {
                    name: _shared(data_set, store, str(number), name)
                    for number, (name, data_set) in enumerate(data_sets.items())
                }
            )
            yield shared
            for name in sorted(plan.outputs):
                data_set = as_shown(shared[name])
                if isinstance(data_set, SharedMemoryDataSet):
                    try:
                        data_set.fetch()
                    except Exception as exc:
                        raise could_not("load", name, data_set, exc) from exc


def _shared(data_set: Any, store: FileStore, number: str, name: str) -> Any:
    """Return what stands for a data set where several processes work: for one in memory."""
    if isinstance(data_set, MemoryDataSet):
        return SharedMemoryDataSet(store, number, data_set, name)
    if isinstance(data_set, DelegatingDataSet):
        return data_set._around(_shared(data_set.wrapped(), store, number, name))
    return data_set


class LocalFolder(_ByFiles):
    """Through files of a temporary folder on this machine."""

    @contextmanager
    def _store(self) -> Iterator[FileStore]:
        import tempfile
        from uuid import uuid4

        temporary = Path(tempfile.gettempdir())
        remove_leftovers(temporary)
        # Its name is known before it is made, as an interrupt may come right after.
        folder = temporary / f"{_PREFIX}{uuid4().hex}"
        store = _Folder(folder)
        with _removed_at_end(store):
            folder.mkdir(mode=0o700)
            with _owned(folder):
                yield store


class SharedStorage(_ByFiles):
    """Through files below an address that every place of the run reaches.

    Each run has a folder of its own there, removed at its end.

    Args:
        address: A path or an address that fsspec knows (``s3://bucket/tmp``, ``/mnt/shared``).
        storage_options: Arguments of its file system.
    """

    def __init__(self, address: str, **storage_options: Any) -> None:
        self.address = address
        self._options = storage_options

    @contextmanager
    def _store(self) -> Iterator[FileStore]:
        import fsspec

        file_system, path = fsspec.core.url_to_fs(self.address, **self._options)
        folder = f"{path.rstrip('/')}/sparkpipe-{os.urandom(8).hex()}"
        store = _Storage(file_system, folder)
        with _removed_at_end(store):
            file_system.makedirs(folder, exist_ok=True)
            yield store


_PREFIX = "sparkpipe-"
_OWNER = ".owner"
_REMOVED = ".removed"
_MOST_REMOVALS = 3
_NEW_SECONDS = 60


@contextmanager
def _removed_at_end(store: FileStore) -> Iterator[None]:
    """Remove the files of a run, also where an interrupt comes in the middle of that.

    A process that does not wait for what still runs removes them by its exit functions.
    """
    process = os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # and not a fork of it
            store.remove_all()

    atexit.register(remove)
    try:
        yield
    finally:
        try:
            store.remove_all()
        except KeyboardInterrupt:
            store.remove_all()
            raise
        atexit.unregister(remove)


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold a lock in a folder, of which the system lets go whatever happens to this process."""
    with (folder / _OWNER).open("wb") as owner:
        _lock(owner)
        yield


def _lock(file: IO[bytes]) -> bool:
    """Lock a file if nobody has it; return whether that is so, where files can be locked at all."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_leftovers(temporary: Path) -> None:
    """Remove the folders of runs whose process was killed.

    Args:
        temporary: Where they are.
    """
    import shutil
    import time

    for removed in temporary.glob(f"{_PREFIX}*{_REMOVED}"):
        shutil.rmtree(removed, ignore_errors=True)
    for owner in temporary.glob(f"{_PREFIX}*/{_OWNER}"):
        with suppress(OSError), owner.open("rb") as file:  # that of another user, or just removed
            # One that is just made has not yet been locked by its owner.
            is_old = time.time() - owner.stat().st_mtime > _NEW_SECONDS
            if is_old and _lock(file):
                shutil.rmtree(owner.parent, ignore_errors=True)


def remove_what_is_left(catalog: DataCatalog) -> None:
    """Remove the files of a run of which the process is gone.

    Args:
        catalog: With which its nodes have worked.
    """
    for name in catalog:
        data_set = as_shown(catalog[name])
        if isinstance(data_set, SharedMemoryDataSet):
            data_set.abandon()
            return  # all are in one place


class FileStore(Protocol):
    """Keeps files by name. It may be pickled, and is the same place in every process."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file."""

    def write(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Write a file, which is there whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""

    def remove_all(self) -> None:
        """Remove all that is there."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self, name: str) -> bool:
        return (self._path / name).exists()

    def read(self, name: str) -> IO[bytes]:
        return (self._path / name).open("rb")

    @contextmanager
    def write(self, name: str) -> Iterator[IO[bytes]]:
        beside = self._path / f".{os.urandom(8).hex()}"
        try:
            with beside.open("wb") as file:
                yield file
            beside.replace(self._path / name)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)

    def remove_all(self) -> None:
        import shutil

        # A process that is killed, or a thread, may still write: it must find no folder any more.
        removed = self._path.with_name(f"{self._path.name}{_REMOVED}")
        with suppress(OSError):  # it is not there, or Windows has a file of it open
            self._path.rename(removed)
        for folder in (removed, self._path):
            for _ in range(_MOST_REMOVALS):
                if folder.exists():  # also what was just being made in it
                    shutil.rmtree(folder, ignore_errors=True)


class _Storage:
    def __init__(self, file_system: Any, folder: str) -> None:
        self._fs = file_system
        self._folder = folder

    def exists(self, name: str) -> bool:
        self._fs.invalidate_cache(self._folder)  # another process may have written it
        return bool(self._fs.exists(f"{self._folder}/{name}"))

    def read(self, name: str) -> Any:
        return self._fs.open(f"{self._folder}/{name}", "rb")

    @contextmanager
    def write(self, name: str) -> Iterator[IO[bytes]]:
        from sparkpipe.io.saving import move

        # Not every storage hides a file until it is whole.
        beside = f"{self._folder}/{name}.{os.urandom(4).hex()}.tmp"
        with self._fs.open(beside, "wb") as file:
            yield file
        move(self._fs, beside, f"{self._folder}/{name}")

    def remove(self, name: str) -> None:
        if self.exists(name):
            self._fs.rm_file(f"{self._folder}/{name}")

    def remove_all(self) -> None:
        from sparkpipe.io.saving import remove

        if self._fs.exists(self._folder):
            remove(self._fs, self._folder)


class SharedMemoryDataSet(AbstractDataSet):
    """Data of a run that more than one process uses.

    In the process of the run it is kept in memory, and copied to a file only for other processes.
    What another process saves is in a file of its own, and read from there by all.

    Args:
        store: Where its files are.
        name: What its files are called.
        memory: Where the process of the run keeps it.
        title: What it is called in the catalog.
    """

    _EPHEMERAL = True

    def __init__(self, store: FileStore, name: str, memory: MemoryDataSet, title: str) -> None:
        self._store = store
        self._title = title
        self._saved = f"{name}.pickle"
        self._copied = f"{name}.copy"
        self._lock = threading.Lock()
        self.memory: MemoryDataSet | None = memory
        self.persist = memory.persist

    def __getstate__(self) -> dict[str, Any]:
        # A lock belongs to its process, and what is in memory stays there.
        kept = {name: v for name, v in self.__dict__.items() if name not in ("_lock", "memory")}
        return {**kept, "memory": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def _is_saved_elsewhere(self) -> bool:
        return self._store.exists(self._saved)

    def hand_over(self) -> None:
        """Let other processes read what is in memory.

        Raises:
            DataSetError: It cannot be pickled.
        """
        memory = self.memory
        with self._lock:
            if memory is None or self._is_saved_elsewhere or self._store.exists(self._copied):
                return
            if memory.exists():
                # As it is: a copy in memory of what is copied to a file would be one too many.
                self._write(self._copied, memory._data)

    def abandon(self) -> None:
        """Remove its files, and those of all others of the run."""
        self._store.remove_all()

    def fetch(self) -> None:
        """Take into memory what another process has saved."""
        if self.memory is not None and self._is_saved_elsewhere:
            self.memory.save(self.load())

    def _load(self) -> Any:
        if self._is_saved_elsewhere:
            return self._read(self._saved)
        if self.memory is not None:
            return self.memory.load()
        if self._store.exists(self._copied):
            return self._read(self._copied)
        raise DataSetError("nothing has been saved to it yet.")

    def _save(self, data: Any) -> None:
        if self.memory is None:
            self._write(self._saved, data)
        else:
            self.memory.save(data)
            self._remove_files()

    def _exists(self) -> bool:
        in_memory = self.memory is not None and self.memory.exists()
        return in_memory or self._is_saved_elsewhere or self._store.exists(self._copied)

    def _release(self) -> None:
        if self.memory is not None:
            self.memory.release()
        self._remove_files()

    def _describe(self) -> dict[str, Any]:
        return {}

    def _remove_files(self) -> None:
        for name in (self._saved, self._copied):
            self._store.remove(name)

    def _read(self, name: str) -> Any:
        import pickle

        with self._store.read(name) as file:
            try:
                return pickle.load(file)
            except Exception as exc:
                raise DataSetError(
                    f"what another process has passed on cannot be unpickled: {text_of(exc)}",
                    hint="Return something that can be pickled and unpickled, or use ThreadRunner.",
                ) from exc

    def _write(self, name: str, data: Any) -> None:
        from sparkpipe.runner.crossing import Pickler

        with self._store.write(name) as file:
            try:
                Pickler(file).dump(data)
            except Exception as exc:
                raise DataSetError(
                    f"a {type(data).__name__} cannot be passed to another process: {exc}",
                    hint="Return something that can be pickled, or use ThreadRunner.",
                ) from exc
            size = file.tell()
        if size > LARGE:
            _logger.warning(
                "'%s' (%s) passes between processes as a file of %d MB, which is written and read "
                "by each of them. If that takes long, save it by an entry of the catalog, such as "
                "a Parquet file, or run its nodes on threads.",
                self._title,
                type(data).__name__,
                size // 2**20,
            )
