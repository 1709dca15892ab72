"""Putting a work in place, by steps of which each state is found again after a kill.

* One step, where the system can exchange two paths: the target is the old or the new at any time.
* Two renames elsewhere. Between them the work has both ``old`` and ``new``, and there is no target:
  ``old`` goes back. Without ``new`` the swap was over, and ``old`` is rubbish.
* A file that is added to has its length in ``size`` until that is over, and is cut to it.
* A target that cannot be renamed, as it is a mount point, keeps its place, and its contents are
  moved. While the work has ``ready``, all that is in the target is old: ``old`` goes back. From
  ``placing`` on, all that is in the target is new: the rest of it follows.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sparkpipe.io.saving.works import FOLDER, Work

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # of Linux; that of macOS, RENAME_SWAP, has the same number

# What a system says that cannot exchange, or a file system.
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
#: What it says of a mount point, and of a folder in a lower layer of a container's image.
STAYS = (errno.EBUSY, errno.EXDEV)


def put_in_place(work: Work) -> None:
    """Put the new folder of a work where it is to go; what was there is then in the work.

    Raises:
        OSError: It cannot be done, and what was there is there again.
    """
    try:
        if not os.path.lexists(work.target):
            work.new.rename(work.target)
        elif is_fixed(work.target):
            _swap_contents(work)
        else:
            _swap(work)
    finally:
        settle(work)


def settle(work: Work) -> None:
    """Bring a swap that was broken off to its end: the old data is back, or the new is whole."""
    if work.placing.exists():
        _move_contents(work.placing, work.target)
        work.placing.rmdir()
    elif work.ready.exists():
        _move_contents(work.old, work.target)
        work.old.rmdir()
        work.ready.rename(work.new)
    elif work.size.exists():
        with suppress(FileNotFoundError, ValueError):  # killed before the length was written
            os.truncate(work.target, int(work.size.read_text()))
        work.size.unlink()
    elif work.old.exists() and work.new.exists() and not os.path.lexists(work.target):
        work.old.rename(work.target)


def is_fixed(target: Path) -> bool:
    """Whether a folder must stay what it is, and only its contents can change."""
    return target.is_dir() and (
        os.path.ismount(target) or not os.access(target.parent, os.W_OK | os.X_OK)
    )


def _swap(work: Work) -> None:
    try:
        if not exchange(work.new, work.target):
            work.target.rename(work.old)
            work.new.rename(work.target)
    except OSError as exc:
        if exc.errno not in STAYS or not work.target.is_dir():
            raise
        _swap_contents(work)


def _swap_contents(work: Work) -> None:
    work.old.mkdir(exist_ok=True)
    work.new.rename(work.ready)
    _move_contents(work.target, work.old)
    work.ready.rename(work.placing)


def _move_contents(source: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        for path in [*source.iterdir()]:
            if path.name != FOLDER:
                _move(path, target / path.name)


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as exc:
        if exc.errno not in STAYS:
            raise
        # Copied under another name first: what has a name of the data is complete.
        beside = target.with_name(f".sparkpipe-{os.urandom(8).hex()}")
        import shutil

        shutil.move(source, beside)
        beside.rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; return whether this system and file system can.

    Raises:
        OSError: They can, but not these two paths.
    """
    call = _exchanging(sys.platform)
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    import ctypes

    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _exchanging(platform: str) -> Callable[[bytes, bytes], int] | None:
    """Return the function of the system's library that exchanges two paths, if it has one."""
    if platform not in ("linux", "darwin"):
        return None
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    try:
        if platform == "darwin":
            function = library.renamex_np
            return lambda one, other: function(one, other, _RENAME_EXCHANGE)
        function = library.renameat2
        return lambda one, other: function(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE)
    except AttributeError:  # an old library
        return None


def dress(new: Path, old: Path, also: int = 0) -> None:
    """Give new data the mode, owner, group and other attributes of the old, as far as we may.

    Args:
        new: The new data.
        old: The old data.
        also: What its mode allows beside.
    """
    try:
        wanted, given = old.stat(), new.stat()
    except OSError:
        return
    if (wanted.st_uid, wanted.st_gid) != (given.st_uid, given.st_gid):
        for owner in (wanted.st_uid, -1):
            with suppress(OSError, AttributeError):
                os.chown(new, owner, wanted.st_gid)
                break
    with suppress(OSError, AttributeError):
        for name in os.listxattr(old):  # among them access control lists
            with suppress(OSError):
                os.setxattr(new, name, os.getxattr(old, name))
    with suppress(OSError):
        new.chmod(wanted.st_mode & 0o7777 | also)
