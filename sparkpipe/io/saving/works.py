"""The hidden folder in which saves work: works, their owners, and clearing away what was left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sparkpipe.io.saving.locks import FileLock, hold, hold_if_free, hold_new, try_hold

#: Begins with a dot, so that neither Spark, nor a listing of partitions or versions, sees it.
FOLDER = ".sparkpipe-saving"

_OWNER = ".owner"
_LOCK = ".lock"
_FILE = ".file"
# A task of Spark that ends late may write into a work whose save is over.
_LATE_S = 3600.0


@dataclass(frozen=True)
class Work:
    """What one save has written, or has set aside.

    Attributes:
        path: A file, or a folder that holds the states of a folder.
        target: Where it is to go.
    """

    path: Path
    target: Path

    @property
    def new(self) -> Path:
        """The new data, until it is in place; after a swap in one step, the old."""
        return self.path / "new"

    @property
    def old(self) -> Path:
        """What was at the target, and goes back unless the new data is in place."""
        return self.path / "old"

    @property
    def ready(self) -> Path:
        """The new data, complete, while the contents of the target are set aside."""
        return self.path / "ready"

    @property
    def placing(self) -> Path:
        """The new data, while its contents are moved to the target, of which nothing is left."""
        return self.path / "placing"

    @property
    def size(self) -> Path:
        """How long the target was before it was added to, while that is not over."""
        return self.path / "size"

    @property
    def is_broken_off(self) -> bool:
        """Whether it holds what is to go to the target, or back to it."""
        if self.placing.exists() or self.ready.exists() or self.size.exists():
            return True
        return self.old.exists() and self.new.exists() and not os.path.lexists(self.target)

    def discard(self) -> None:
        """Remove it. What is removed half is never taken for data that was set aside."""
        import shutil  # what most processes do not need

        with suppress(OSError):
            self.old.rename(self.path / "gone")
        shutil.rmtree(self.path, ignore_errors=True)


class Works:
    """The works beside one or more targets.

    Args:
        home: The folder in which the hidden folder lies.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / FOLDER
        self._has_made_home = False

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Give a new file, which is its own owner; it is removed at the end if it is still there.

        Raises:
            OSError: The folder cannot be made or written to.
        """
        owner = self._new(_FILE)
        try:
            if os.name == "nt":  # what is open cannot be moved
                owner.close()
            yield owner.path
        finally:
            owner.remove()
            self._remove_if_empty()

    @contextmanager
    def work(self, target: Path) -> Iterator[Work]:
        """Give a work of its own to a save; what is left of it at the end is removed.

        Raises:
            OSError: The folder cannot be made or written to.
        """
        owner = self._own(target)
        work = Work(owner.path.with_suffix(""), target)
        try:
            yield work
        finally:
            _finish(work, owner)
            self._remove_if_empty()

    def has_others(self, own: str) -> bool:
        """Whether there is more here than what begins with a name."""
        return any(not name.startswith(own) for name in self._names())

    def _own(self, target: Path) -> FileLock:
        owner = self._new(_OWNER)
        told = {"target": os.path.relpath(target, self.home), "pid": os.getpid()}
        os.write(owner.number, json.dumps(told).encode())
        return owner

    def _new(self, suffix: str) -> FileLock:
        while True:
            try:
                return hold_new(self.path / f"{os.urandom(8).hex()}{suffix}")
            except FileNotFoundError:
                self._make()
            except FileExistsError:  # another save has taken it for left
                continue

    def _make(self) -> None:
        """Make the folder such that all who may write beside it may write in it."""
        self._has_made_home = self._has_made_home or not self.home.exists()
        self.home.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.path.mkdir()
            with suppress(OSError):
                self.path.chmod(self.home.stat().st_mode & 0o3777)

    def _remove_if_empty(self) -> None:
        with suppress(OSError):
            self.path.rmdir()
            if self._has_made_home:  # for a save that has failed
                self.home.rmdir()

    @contextmanager
    def locked(self, target: Path) -> Iterator[None]:
        """Hold the lock of a target, for which others wait.

        Raises:
            OSError: The lock cannot be made; FileNotFoundError if there is no folder of works.
        """
        lock = hold(self._lock_of(target))
        try:
            yield
        finally:
            lock.remove()
        self._remove_if_empty()

    def _lock_of(self, target: Path) -> Path:
        from hashlib import blake2b

        name = os.path.relpath(target, self.home)
        return self.path / f"{blake2b(os.fsencode(name), digest_size=8).hexdigest()}{_LOCK}"

    def left(self, target: Path) -> Iterator[Work]:
        """Give each work for a target whose owner is dead; its lock must be held.

        It is removed after it was dealt with.
        """
        for path in self._entries(_OWNER):
            if self._target_of(path) == target:
                yield from self._taken(path, target)

    def targets(self) -> set[Path]:
        """Return the folders that saves work for, those of the living too."""
        return {self._target_of(path) for path in self._entries(_OWNER)} - {self.path}

    def all_left(self) -> Iterator[Work]:
        """Give each work whose owner is dead, if nobody is at its target; it is removed after."""
        for path in self._entries(_OWNER):
            target = self._target_of(path)
            lock = hold_if_free(self._lock_of(target))
            if lock is not None:
                try:
                    yield from self._taken(path, target)
                finally:
                    lock.remove()

    def _taken(self, path: Path, target: Path) -> Iterator[Work]:
        owner = try_hold(path)
        if owner is None:
            return
        with owner:
            work = Work(path.with_suffix(""), target)
            yield work
            _finish(work, owner)

    def clear(self) -> None:
        """Remove files and locks that nobody holds, and what late tasks wrote after their save."""
        for path in [*self._entries(_LOCK), *self._entries(_FILE)]:
            lock = try_hold(path)
            if lock is not None:
                lock.remove()
        for path in self._entries(""):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _LATE_S and not _is_owned(path):
                    Work(path, path).discard()
        self._remove_if_empty()

    def _entries(self, suffix: str) -> list[Path]:
        paths = (self.path / name for name in self._names())
        return [path for path in paths if path.suffix == suffix]

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.path) as entries:
                return [entry.name for entry in entries]
        except OSError:
            return []

    def _target_of(self, owner: Path) -> Path:
        """Return the target of a work; the hidden folder itself if its owner had no time to say."""
        try:
            told = json.loads(owner.read_text(encoding="utf-8"))
            return Path(os.path.normpath(self.home / told["target"]))
        except (OSError, ValueError, KeyError, TypeError):
            return self.path


def _finish(work: Work, owner: FileLock) -> None:
    """Remove a work that is over; one that could not be brought to its end waits for the next."""
    with owner:
        if not work.is_broken_off:
            work.discard()
            owner.remove()


def _is_owned(path: Path) -> bool:
    return path.with_suffix(_OWNER).exists()
