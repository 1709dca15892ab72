"""Writing files and folders beside their targets, and what happens where something is there."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from sparkpipe.io.saving.swap import STAYS, dress, is_fixed, put_in_place, settle
from sparkpipe.io.saving.works import FOLDER, Work, Works
from sparkpipe.spark.databricks import is_shared

#: What to do with new data where its target is there already, while nobody else is at it: return
#: whether to put it in place.
Meeting = Callable[[Path, Path], bool]

_LAST_TASKS_S = 5.0


@contextmanager
def replacing(
    path: str | os.PathLike[str], home: Path | None = None, *, only_new: bool = False
) -> Iterator[str]:
    """Give a path beside ``path`` to write a file to; put it in place if nothing is raised.

    Args:
        path: The target. A link stays one, a device or a pipe is written to as it is.
        home: The folder beside which it works; by default that of the target.
        only_new: Refuse a target that is there by the time it is written.

    Raises:
        FileExistsError: It is there, and was to be new.
        OSError: The folder cannot be made or written to.
    """
    target = Path(os.path.realpath(path))
    try:
        status = target.stat()
    except OSError:
        status = None
    if status is not None:
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{path} is a folder")
        if not stat.S_ISREG(status.st_mode):
            yield str(target)
            return
        if _is_shut(target):
            with _writing_through(target) as beside:
                yield beside
            return
    works = Works(home or target.parent)
    with _unlocked(target) if is_shared(str(target)) else works.file() as beside:
        if works.has_others(beside.name):
            _clear_left(works)
        if status is not None and beside.exists():  # who may not read the target may not read it
            beside.chmod(status.st_mode & 0o777 | 0o600)
        yield str(beside)
        target.parent.mkdir(parents=True, exist_ok=True)
        if only_new:
            with nullcontext() if is_shared(str(target)) else works.locked(target):
                if os.path.lexists(target):
                    refuse(beside, target)
                os.replace(beside, target)
        else:
            dress(beside, target)
            _replace(beside, target)


@contextmanager
def _unlocked(target: Path) -> Iterator[Path]:
    """Give a path beside a file in a folder of Databricks, which takes one writer, and once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".sparkpipe-{os.urandom(8).hex()}.tmp")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def appending(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give the path of a file to add to, while nobody else does; cut it again if that fails.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    target = Path(os.path.realpath(path))
    is_file = target.is_file() or not target.exists()
    if not is_file or _is_shut(target) or is_shared(str(target)):
        yield str(target)
        return
    works = Works(target.parent)
    with works.work(target) as work:
        if works.has_others(work.path.name):
            _clear_left(works)
        work.path.mkdir()
        with works.locked(target):
            for left in works.left(target):
                settle(left)
            work.size.write_text(str(target.stat().st_size if target.exists() else 0))
            try:
                yield str(target)
            except BaseException:
                settle(work)
                raise
            work.size.unlink()


def _is_shut(target: Path) -> bool:
    """Whether nothing can be written beside a file, but to the file itself."""
    return (
        target.exists()
        and not os.access(target.parent, os.W_OK | os.X_OK)
        and os.access(target, os.W_OK)
    )


def _replace(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError as exc:
        if exc.errno not in STAYS:
            raise
        import shutil

        shutil.copyfile(source, target)  # a file that is mounted alone


@contextmanager
def _writing_through(target: Path) -> Iterator[str]:
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sparkpipe-") as folder:
        beside = os.path.join(folder, "data")
        yield beside
        shutil.copyfile(beside, target)


@contextmanager
def replacing_folder(
    target: Path, home: Path | None = None, meeting: Meeting | None = None
) -> Iterator[Path]:
    """Give a path beside ``target`` to write a folder to; put it in place if nothing is raised.

    Spark's own overwrite deletes the old data before the job starts: a job that fails, or is
    killed, would leave nothing. Here the old data stays until the new is complete, also when it is
    read from the same path.

    Args:
        target: The folder; a link stays one.
        home: The folder beside which it works; by default that of the target.
        meeting: What to do where the target is there already; by default it is replaced.

    Raises:
        OSError: The folder cannot be made, written to or put in place; what was there still is.
    """
    target = Path(os.path.realpath(target))
    works = Works(target if is_fixed(target) else home or target.parent)
    with works.work(target) as work:
        if works.has_others(work.path.name):
            _clear_left(works)
        work.path.mkdir()
        if target.is_dir():
            dress(work.path, target, also=0o700)  # its group goes on to what is written in it
        try:
            yield work.new
            if not work.new.exists():  # a format that writes nothing
                work.new.mkdir()
            _put(works, work, meeting)
        except BaseException:
            if not work.is_broken_off:
                _await_last_tasks(work)
            raise


def _put(works: Works, work: Work, meeting: Meeting | None) -> None:
    work.target.parent.mkdir(parents=True, exist_ok=True)
    with works.locked(work.target):
        for left in works.left(work.target):
            settle(left)
        if os.path.lexists(work.target):
            if meeting is not None and not meeting(work.new, work.target):
                return
            if work.target.is_dir():
                dress(work.new, work.target)
        put_in_place(work)


def _await_last_tasks(work: Work) -> None:
    """Remove what a job that failed has written, also what its last tasks still write after it."""
    import shutil

    ends = time.monotonic() + _LAST_TASKS_S
    absent = 0
    while absent < 3 and time.monotonic() < ends:
        absent = 0 if work.new.exists() else absent + 1
        shutil.rmtree(work.new, ignore_errors=True)
        time.sleep(0.1)


def recover(target: str | os.PathLike[str]) -> None:
    """Bring to its end what a save that was killed had begun at a path; else do nothing.

    A save that lives is waited for, for as long as it takes to put its data in place.
    """
    target = Path(os.path.realpath(target))
    for works in (Works(target.parent), Works(target)):
        if works.path.is_dir():
            with suppress(OSError), works.locked(target):  # nobody saves where we may not write
                for left in works.left(target):
                    settle(left)


def recover_beside(home: str | os.PathLike[str]) -> bool:
    """Bring to its end what saves have begun in a folder; return whether there were any."""
    works = Works(Path(os.path.realpath(home)))
    targets = works.targets()
    for target in targets:
        recover(target)
    return bool(targets)


def _clear_left(works: Works) -> None:
    """Remove what saves have left that were killed, where nobody is at their targets."""
    for left in works.all_left():
        settle(left)
    works.clear()


# What to do where something is there


def refuse(new: Path, target: Path) -> bool:
    """Let no new data take the place of old.

    Raises:
        FileExistsError: Always.
    """
    raise FileExistsError(errno.EEXIST, "there is something already", str(target))


def give_way(new: Path, target: Path) -> bool:
    """Leave what is there."""
    return False


def add_to_old(new: Path, target: Path) -> bool:
    """Add all files of the old data to the new, which then takes its place.

    Raises:
        NotADirectoryError: The old data is a file.
    """
    if not target.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder", str(target))
    _add_files(target, new, lambda folder: False)
    return True


def replacing_parts(new: Path, target: Path) -> bool:
    """Add to the new data those folders of the old of which it has no files itself."""
    written = {
        os.path.relpath(folder, new)
        for folder, _, names in os.walk(new)
        if any(not name.startswith((".", "_")) for name in names)
    }
    _add_files(target, new, lambda folder: folder in written)
    return True


def _add_files(source: Path, target: Path, leaves_out: Callable[[str], bool]) -> None:
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name != FOLDER]
        inside = os.path.relpath(folder, source)
        if leaves_out(inside):
            continue
        there = target / inside
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in [*names, *links]:
            if not os.path.lexists(there / name):
                there.mkdir(parents=True, exist_ok=True)
                _link(Path(folder, name), there / name)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; a copy, where there are none."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        import shutil

        shutil.copy2(source, target, follow_symlinks=False)
