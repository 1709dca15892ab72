"""Saves on local disk: whole, alone, only their own, whatever ends the process and when."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import Version
from sparkpipe.io.saving import (
    add_to_old,
    recover,
    recover_beside,
    refuse,
    replacing,
    replacing_folder,
    swap,
)
from sparkpipe.io.saving.locks import hold, locking_of, try_hold
from sparkpipe.io.saving.works import FOLDER

REPLACE = """
import os, signal, sys
from pathlib import Path
from sparkpipe.io.saving import replacing_folder, swap
where, count, one_step = sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True"
if not one_step:
    swap.exchange = lambda one, other: False
rename = os.rename
def counted(*args, **kwargs):
    global count
    if count == 0 and where == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = rename(*args, **kwargs)
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    count -= 1
    return result
os.rename = counted
with replacing_folder(Path(sys.argv[1])) as staging:
    staging.mkdir()
    for name in ("a", "b"):
        (staging / name).write_text("new")
"""


def fill(folder: Path, text: str, names: str = "ab") -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir() if p.name != FOLDER}


def save(target: Path, text: str, **options: Any) -> None:
    with replacing_folder(target, **options) as staging:
        fill(staging, text)


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "exchange", lambda one, other: False)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one that cannot be renamed, such as a mount point."""

    def fix(folder: Path) -> None:
        monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == folder)

    return fix


@pytest.mark.parametrize("one_step", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("count", range(3))
def test_a_save_killed_at_any_rename_leaves_the_old_data_or_the_new(
    tmp_path: Path, count: int, when: str, one_step: bool
) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    command = [sys.executable, "-c", REPLACE, str(target), when, str(count), str(one_step)]
    subprocess.run(command, check=False)
    recover(target)
    assert contents(target) in ({"a": "old", "b": "old"}, {"a": "new", "b": "new"})
    save(target, "newer")
    assert contents(target) == {"a": "newer", "b": "newer"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_old_data_that_was_removed_after_a_kill_does_not_come_back(tmp_path: Path) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    code = REPLACE + "    pass\nos.kill(os.getpid(), signal.SIGKILL)"
    code = code.replace(
        "os.rename = counted",
        "import shutil\nshutil.rmtree = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)",
    )
    for one_step in ("True", "False"):
        fill(target, "old")
        subprocess.run([sys.executable, "-c", code, str(target), "", "0", one_step], check=False)
        assert contents(target) == {"a": "new", "b": "new"}
        assert (tmp_path / FOLDER).is_dir()
        for path in target.iterdir():
            path.unlink()
        target.rmdir()
        recover(target)
        assert not target.exists()
    save(target, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_an_interrupt_between_two_renames_leaves_the_old_data(
    tmp_path: Path, no_exchange: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    rename = Path.rename

    def interrupted(self: Path, to: Path) -> Path:
        result = rename(self, to)
        if self == target:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(target, "new")
    assert contents(target) == {"a": "old", "b": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_what_could_not_go_back_waits_for_the_next(
    tmp_path: Path, no_exchange: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    rename = Path.rename

    def refused(self: Path, to: Path) -> Path:
        if to == target:
            raise OSError(errno.EIO, "broken")
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(OSError, match="broken"):
            save(target, "new")
    assert not target.exists()
    recover(target)
    assert contents(target) == {"a": "old", "b": "old"}


def test_a_running_swap_is_waited_for(tmp_path: Path, no_exchange: None) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    set_aside, go_on = threading.Event(), threading.Event()
    rename = Path.rename

    def slow(self: Path, to: Path) -> Path:
        result = rename(self, to)
        if self == target:
            set_aside.set()
            assert go_on.wait(5)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", slow)
        saver = threading.Thread(target=save, args=(target, "new"))
        saver.start()
        assert set_aside.wait(5)
        reader = threading.Thread(target=recover, args=(target,))
        reader.start()
        reader.join(0.1)
        assert reader.is_alive()
        go_on.set()
        saver.join(5)
        reader.join(5)
    assert contents(target) == {"a": "new", "b": "new"}


def test_saves_side_by_side_leave_the_data_of_one(tmp_path: Path) -> None:
    target = tmp_path / "t"
    barrier = threading.Barrier(4)

    def save_late(text: str) -> None:
        with replacing_folder(target) as staging:
            fill(staging, text)
            barrier.wait(5)

    threads = [threading.Thread(target=save_late, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(contents(target)) == 2
    assert len({*contents(target).values()}) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_additions_side_by_side_are_all_there(tmp_path: Path) -> None:
    target = tmp_path / "t"
    fill(target, "old", "x")
    barrier = threading.Barrier(4)

    def add(name: str) -> None:
        with replacing_folder(target, meeting=add_to_old) as staging:
            fill(staging, "new", name)
            barrier.wait(5)

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert contents(target) == {"x": "old", **dict.fromkeys("abcd", "new")}


def test_what_came_meanwhile_is_not_replaced_where_it_may_not(tmp_path: Path) -> None:
    target = tmp_path / "t"

    def refuse_late(new: Path, there: Path) -> bool:
        fill(there, "other")
        return refuse(new, there)

    target.mkdir()
    with pytest.raises(FileExistsError):
        save(target, "new", meeting=refuse_late)
    assert contents(target) == {"a": "other", "b": "other"}
    file = replacing(tmp_path / "f", only_new=True)
    Path(file.__enter__()).write_text("new")
    (tmp_path / "f").write_text("other")
    with pytest.raises(FileExistsError):
        file.__exit__(None, None, None)
    assert (tmp_path / "f").read_text() == "other"


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    fill(tmp_path / "elsewhere" / "data", "old")
    (tmp_path / "t").symlink_to(tmp_path / "elsewhere" / "data")
    (tmp_path / "later").symlink_to(tmp_path / "elsewhere" / "not_yet")
    save(tmp_path / "t", "new")
    save(tmp_path / "later", "new")
    assert (tmp_path / "t").is_symlink()
    assert (tmp_path / "later").is_symlink()
    assert contents(tmp_path / "elsewhere" / "data") == {"a": "new", "b": "new"}
    assert contents(tmp_path / "elsewhere" / "not_yet") == {"a": "new", "b": "new"}


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_mode_and_group_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "t"
    fill(target, "old")
    groups = [g for g in os.getgroups() if g != os.getgid()] or [1 if os.geteuid() == 0 else -1]
    os.chown(target, -1, groups[0])
    target.chmod(0o2770)
    with replacing_folder(target) as staging:
        fill(staging, "new")
        (staging / "inside").mkdir()
    assert target.stat().st_mode & 0o7777 == 0o2770
    assert {p.stat().st_gid for p in (target, target / "a")} == {target.stat().st_gid}
    assert (target / "inside").stat().st_mode & 0o2000
    file = tmp_path / "f"
    file.write_text("old")
    file.chmod(0o640)
    with replacing(file) as beside:
        assert Path(beside).stat().st_mode & 0o007 == 0
        Path(beside).write_text("new")
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o640, "new")


def test_the_contents_of_a_mount_point_are_replaced(
    tmp_path: Path, fixed: Callable[[Path], None]
) -> None:
    target = tmp_path / "t"
    fill(target, "old", "abc")
    fixed(target)
    before = target.stat().st_ino
    save(target, "new")
    assert contents(target) == {"a": "new", "b": "new"}
    assert target.stat().st_ino == before
    assert not (target / FOLDER).exists()
    with pytest.raises(FileExistsError):
        save(target, "newer", meeting=refuse)
    assert contents(target) == {"a": "new", "b": "new"}


@pytest.mark.parametrize("count", range(1, 8))
def test_a_mount_point_is_whole_again_after_a_kill(
    tmp_path: Path, fixed: Callable[[Path], None], count: int
) -> None:
    target = tmp_path / "t"
    fill(target, "old", "abc")
    code = f"import os\nos.path.ismount = lambda path: str(path) == {str(target)!r}\n{REPLACE}"
    command = [sys.executable, "-c", code, str(target), "after", str(count), "True"]
    subprocess.run(command, check=False)
    recover(target)
    assert contents(target) in (dict.fromkeys("abc", "old"), dict.fromkeys("ab", "new"))
    fixed(target)
    save(target, "newer")
    assert contents(target) == dict.fromkeys("ab", "newer")


def test_a_target_that_turns_out_to_be_mounted_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "t"
    fill(target, "old", "abc")

    def busy(one: Path, other: Path) -> bool:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(swap, "exchange", busy)
    save(target, "new")
    assert contents(target) == {"a": "new", "b": "new"}
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def _wait_in_save(path: str, started: Any) -> None:
    with replacing(path) as beside:
        Path(beside).write_text("half")
        started.set()
        time.sleep(30)


def test_what_killed_saves_of_files_have_left_is_removed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_wait_in_save, args=(str(tmp_path / "a.pkl"), started))
    process.start()
    assert started.wait(20)
    PickleDataSet(tmp_path / "b.pkl").save(1)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1  # of one that lives
    process.kill()
    process.join()
    PickleDataSet(tmp_path / "b.pkl").save(2)
    assert [p.name for p in tmp_path.iterdir()] == ["b.pkl"]


def test_rows_added_by_a_save_that_fails_or_is_killed_are_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    data_set = TextDataSet(str(path), fs_args={"open_args_save": {"mode": "a"}})
    data_set.save("one\n")
    code = """
import os, signal, sys
from sparkpipe.io.saving import appending
with appending(sys.argv[1]) as target, open(target, "a") as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.read_text() == "one\nhalf"
    assert data_set.load() == "one\n"
    data_set.save("two\n")
    with pytest.raises(DataSetError, match="string"):
        data_set.save(object())
    assert data_set.load() == "one\ntwo\n"
    assert [p.name for p in tmp_path.iterdir()] == ["log.txt"]


def test_a_version_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def at(version: str) -> PickleDataSet:
        return PickleDataSet(tmp_path / "m.pkl", version=Version(None, version))

    at("v1").save(1)
    with pytest.raises(DataSetError, match="pickled"):
        at("v2").save(lambda: 1)
    assert [p.name for p in (tmp_path / "m.pkl").iterdir()] == ["v1"]
    assert at("v3").load() == 1


def test_of_two_saves_of_one_version_one_is_refused(tmp_path: Path) -> None:
    class Late(TextDataSet):
        def _write(self, file: Any, data: Any) -> None:
            TextDataSet(self._filepath, version=Version(None, "v1")).save("first")
            super()._write(file, data)

    with pytest.raises(DataSetError, match="version v1 is there already"):
        Late(str(tmp_path / "t.txt"), version=Version(None, "v1")).save("second")
    assert TextDataSet(str(tmp_path / "t.txt"), version=Version(None, None)).load() == "first"
    assert [p.name for p in (tmp_path / "t.txt").iterdir()] == ["v1"]


def test_a_first_save_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    for version in (None, Version(None, "v1")):
        with pytest.raises(DataSetError):
            PickleDataSet(tmp_path / "new" / "m.pkl", version=version).save(lambda: 1)
    assert not (tmp_path / "new" / "m.pkl").exists()


def test_in_folders_of_databricks_a_file_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkpipe.io.saving.writing.is_shared", lambda path: True)
    with replacing(tmp_path / "a" / "f") as beside:
        assert not Path(beside).exists()
        Path(beside).write_text("new")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["f"]
    with pytest.raises(FileExistsError), replacing(tmp_path / "a" / "f", only_new=True) as beside:
        Path(beside).write_text("newer")
    assert (tmp_path / "a" / "f").read_text() == "new"


class BrokenError(Exception):
    pass


@pytest.mark.parametrize("failing", ["put_file", "mv", "both"])
def test_a_version_elsewhere_is_complete_or_absent(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    root = f"memory://{os.urandom(4).hex()}"

    def at(version: str) -> TextDataSet:
        return TextDataSet(f"{root}/t.txt", version=Version(None, version))

    at("v1").save("whole")
    seen: list[bool] = []

    def half(self: Any, source: str, path: str, *args: Any, **kwargs: Any) -> None:
        self.pipe_file(path, b"wh")
        seen.append(at("v3").load() == "whole")
        raise BrokenError("the line is down")

    def refused(self: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    with monkeypatch.context() as patch:
        if failing != "put_file":
            patch.setattr(MemoryFileSystem, "mv", refused)
        if failing != "mv":
            patch.setattr(MemoryFileSystem, "put_file", half)
            with pytest.raises(DataSetError, match="the line is down"):
                at("v2").save("whole")
        else:
            at("v2").save("whole")
    assert all(seen)
    assert at("v3").load() == "whole"
    files = [*MemoryFileSystem().find(root.removeprefix("memory://"))]
    assert len(files) == (2 if failing == "mv" else 1)


# Locks


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with hold(path):
        assert try_hold(path) is None
    lock = try_hold(path)
    assert lock is not None
    lock.remove()
    assert try_hold(path) is None
    assert not path.exists()


def test_where_there_is_no_fcntl_windows_locks_are_used(tmp_path: Path) -> None:
    held: set[int] = set()

    def locking(number: int, mode: int, size: int) -> None:
        inode = os.fstat(number).st_ino
        if inode in held:
            raise OSError(errno.EACCES, "locked")
        held.add(inode)

    lock = locking_of(None, SimpleNamespace(locking=locking, LK_NBLCK=2))
    with (tmp_path / "x").open("w") as file:
        assert lock(file.fileno(), False) is True
        assert lock(file.fileno(), False) is False


def test_without_locks_a_save_goes_on_and_leaves_what_may_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkpipe.io.saving import locks

    monkeypatch.setattr(locks, "_modules", lambda: (None, None))
    target = tmp_path / "t"
    (tmp_path / FOLDER).mkdir()
    left = tmp_path / FOLDER / "0123.file"
    left.write_text("half")
    save(target, "old")
    save(target, "new")
    assert contents(target) == {"a": "new", "b": "new"}
    assert left.exists()
    os.utime(left, (0, 0))
    save(target, "newer")
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_what_was_set_aside_is_found_by_a_listing(tmp_path: Path) -> None:
    fill(tmp_path / "t", "old")
    command = [sys.executable, "-c", REPLACE, str(tmp_path / "t"), "after", "0", "False"]
    subprocess.run(command, check=False)
    assert not (tmp_path / "t").exists()
    assert recover_beside(tmp_path)
    assert contents(tmp_path / "t") == {"a": "old", "b": "old"}
    assert not recover_beside(tmp_path)
