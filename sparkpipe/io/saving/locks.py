"""Locks on files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

# Where nobody can tell whether an owner lives, what is older than this is taken for left.
_LONGEST_SAVE_S = 7 * 24 * 3600.0
_STEP_S = 0.02

# What file systems say that have no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

#: Locks an open file, by its number and whether to wait: True if it did, False if another holds it.
Locking = Callable[[int, bool], bool]


class FileLock:
    """A lock that is held on a file; ``with`` lets go of it.

    Args:
        path: The file.
        number: The open file.
        is_real: Whether the file system has locks at all.
    """

    def __init__(self, path: Path, number: int, is_real: bool) -> None:
        self.path = path
        self.number = number
        self.is_real = is_real

    def remove(self) -> None:
        """Remove the file, while nobody else can hold it, and let go."""
        try:
            self.path.unlink()
        except OSError:
            self.close()
            with suppress(OSError):  # Windows removes no open file, whoever has opened it
                self.path.unlink()
        else:
            self.close()

    def close(self) -> None:
        """Let go; once is enough."""
        if self.number < 0:
            return
        # A child that was forked in between shares the open file: closing alone would not do.
        with suppress(OSError):
            unlock(self.number)
        os.close(self.number)
        self.number = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def hold(path: Path) -> FileLock:
    """Wait for the lock of a file, which is made if it is not there.

    Raises:
        OSError: The file cannot be made; FileNotFoundError if its folder is not there.
    """
    while True:
        lock = _locked(path, _open(path), wait=True)
        if lock is not None:
            return lock


def hold_if_free(path: Path) -> FileLock | None:
    """Return the lock of a file, which is made if it is not there; None if another holds it."""
    try:
        return _locked(path, _open(path), wait=False)
    except OSError:
        return None


def hold_new(path: Path) -> FileLock:
    """Make a file and hold its lock.

    Raises:
        FileExistsError: The file is there, or another one has taken it for left.
        OSError: The file cannot be made; FileNotFoundError if its folder is not there.
    """
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    lock = _locked(path, number, wait=True)
    if lock is None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    return lock


def try_hold(path: Path) -> FileLock | None:
    """Return the lock of a file that is there; None if it is not, or somebody living holds it."""
    try:
        number = os.open(path, os.O_RDWR)
    except PermissionError:
        try:
            number = os.open(path, os.O_RDONLY)
        except OSError:
            return None
    except OSError:
        return None
    lock = _locked(path, number, wait=False)
    if lock is None or lock.is_real:
        return lock
    age = time.time() - os.fstat(number).st_mtime
    if age > _LONGEST_SAVE_S:
        return lock
    lock.close()
    return None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # another user's, who may not let us write
        return os.open(path, os.O_RDONLY)


def _locked(path: Path, number: int, wait: bool) -> FileLock | None:
    """Lock an open file; None if another holds it, or if it is no longer that of its path."""
    is_real = True
    try:
        try:
            if not _locking()(number, wait):
                os.close(number)
                return None
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:
                raise
            is_real = False
        if _is_at(path, number):
            return FileLock(path, number, is_real)
    except BaseException:
        os.close(number)
        raise
    os.close(number)
    return None


def _is_at(path: Path, number: int) -> bool:
    """Whether an open file is still the one at a path: who held it before may have removed it."""
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:
        return False


def _locking() -> Locking:
    return locking_of(*_modules())


def _modules() -> tuple[ModuleType | None, ModuleType | None]:
    try:
        import fcntl
    except ImportError:
        pass
    else:
        return fcntl, None
    try:
        import msvcrt
    except ImportError:
        return None, None
    return None, msvcrt


def locking_of(fcntl: Any, msvcrt: Any) -> Locking:
    """Return how to lock by the module that a system has: POSIX ``fcntl``, Windows ``msvcrt``.

    Args:
        fcntl: The module; None where there is none.
        msvcrt: The module; None where there is none.
    """
    if fcntl is not None:
        return lambda number, wait: _by_fcntl(fcntl, number, wait)
    if msvcrt is not None:
        return lambda number, wait: _by_msvcrt(msvcrt, number, wait)
    return _by_nothing


def _by_fcntl(fcntl: Any, number: int, wait: bool) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _by_msvcrt(msvcrt: Any, number: int, wait: bool) -> bool:
    while True:
        os.lseek(number, 0, os.SEEK_SET)
        try:
            # It would wait for ten seconds only, and a file need not have the byte.
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            if not wait:
                return False
            time.sleep(_STEP_S)
        else:
            return True


def _by_nothing(number: int, wait: bool) -> bool:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def unlock(number: int) -> None:
    """Let go of the lock of an open file.

    Raises:
        OSError: It has none.
    """
    fcntl, msvcrt = _modules()
    if fcntl is not None:
        fcntl.flock(number, fcntl.LOCK_UN)
    elif msvcrt is not None:
        os.lseek(number, 0, os.SEEK_SET)
        msvcrt.locking(number, msvcrt.LK_UNLCK, 1)
