"""Data sets in files: whole writes, addresses, permissions, links."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import fsspec
import pandas as pd
import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io.files import FileDataSet, split_protocol


class Breaks(FileDataSet):
    """Writes half of its data and fails."""

    def _read(self, file: IO[Any]) -> Any:
        return file.read()

    def _write(self, file: IO[Any], data: Any) -> None:
        file.write(b"half")
        file.flush()
        raise data


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# Whole or not at all


def test_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")
    with pytest.raises(DataSetError, match="ValueError: halfway"):
        Breaks(path).save(ValueError("halfway"))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["data.bin"]


def test_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        Breaks(path).save(KeyboardInterrupt())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["data.bin"]


def test_failed_first_save_leaves_no_file(tmp_path: Path) -> None:
    data_set = Breaks(tmp_path / "data.bin")
    with pytest.raises(DataSetError):
        data_set.save(ValueError())
    assert names(tmp_path) == []
    assert not data_set.exists()


def test_failed_save_elsewhere_leaves_the_old_file() -> None:
    path = f"memory://{uuid4().hex}/data.bin"
    with fsspec.open(path, "wb") as file:
        file.write(b"old")
    with pytest.raises(DataSetError, match="halfway"):
        Breaks(path).save(ValueError("halfway"))
    assert Breaks(path).load() == b"old"


_DISK_FULL = """
import os, resource, signal, sys
from sparkpipe.datasets.text import TextDataSet
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    TextDataSet(sys.argv[1]).save("x" * 100_000)
except Exception as error:
    print(type(error).__name__, error)
print(os.listdir(os.path.dirname(sys.argv[1])), os.path.getsize(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of Unix")
def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("old")
    # -B: bytecode would be cut off at the limit, too, and stay so in the package.
    shown = subprocess.run(
        [sys.executable, "-B", "-c", _DISK_FULL, str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.startswith("DataSetError")
    assert "File too large" in shown
    assert shown.endswith("['data.txt'] 3\n")
    assert path.read_text() == "old"


def test_reader_sees_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"old")

    class Looks(Breaks):
        def _write(self, file: IO[Any], data: Any) -> None:
            file.write(b"new")
            file.flush()
            assert path.read_bytes() == b"old"

    Looks(path).save(1)
    assert path.read_bytes() == b"new"


# Permissions and kinds of file


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of Unix")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_mode_of_the_file_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(mode)
    TextDataSet(path).save("new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of Unix")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_new_file_honours_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        TextDataSet(tmp_path / "a.txt").save("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "real.txt", tmp_path / "current.txt"
    link.symlink_to(target)
    TextDataSet(link).save("first")  # while it leads nowhere
    TextDataSet(link).save("second")
    assert link.is_symlink()
    assert target.read_text() == "second"
    assert names(tmp_path / "disk") == ["real.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        TextDataSet(pipe).save("hello")
        assert os.read(reader, 10) == b"hello"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_path_that_is_a_folder_is_told(tmp_path: Path) -> None:
    data_set = TextDataSet(tmp_path)
    with pytest.raises(DataSetError, match="is a folder"):
        data_set.save("x")
    with pytest.raises(DataSetError, match=r"(?i)is a ?directory|no permission"):
        data_set.load()
    assert names(tmp_path) == []


def test_file_in_the_way_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("file")
    with pytest.raises(DataSetError):
        TextDataSet(tmp_path / "a" / "b.txt").save("x")
    assert (tmp_path / "a").read_text() == "file"


def test_folders_are_made(tmp_path: Path) -> None:
    TextDataSet(tmp_path / "a" / "b" / "c.txt").save("x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    data_set = TextDataSet(tmp_path / ("n" * 251 + ".txt"))
    data_set.save("x")
    assert data_set.load() == "x"


def test_names_of_all_kinds(tmp_path: Path) -> None:
    for name in ("with space.txt", "ünï☃.txt", "100%.txt", "#a?.txt", "-rf", "a'b\"c"):
        TextDataSet(tmp_path / name).save(name)
        assert (tmp_path / name).read_text() == name
        assert TextDataSet(str(tmp_path / name)).load() == name


def test_missing_file_is_known_before_loading(tmp_path: Path) -> None:
    data_set = TextDataSet(tmp_path / "a.txt")
    assert not data_set.exists()
    assert "a.txt" in data_set._missing()
    data_set.save("x")
    assert data_set.exists()
    assert not data_set._missing()


# Addresses


@pytest.mark.parametrize(
    ("given", "protocol", "path"),
    [
        ("data/a.csv", "file", "data/a.csv"),
        ("/data/a.csv", "file", "/data/a.csv"),
        ("file:///data/a%20b.csv", "file", "/data/a b.csv"),
        ("C:\\data\\a.csv", "file", "C:/data/a.csv"),
        ("d:/data/a.csv", "file", "d:/data/a.csv"),
        ("s3://bucket/a.csv", "s3", "bucket/a.csv"),
        (
            "abfss://box@account.dfs.core.windows.net/a",
            "abfss",
            "box@account.dfs.core.windows.net/a",
        ),
        ("memory://a/b", "memory", "a/b"),
        ("https://host/a.csv", "https", "host/a.csv"),
    ],
)
def test_address_is_parted_into_protocol_and_path(given: str, protocol: str, path: str) -> None:
    assert split_protocol(given) == (protocol, path)


def test_home_folder_is_expanded_for_saving_and_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    data_set = TextDataSet("~/a.txt")
    data_set.save("x")
    assert (tmp_path / "home" / "a.txt").read_text() == "x"
    assert data_set.load() == "x"
    assert names(tmp_path) == ["home"]


@pytest.mark.parametrize("path", ["", "  ", None, 3, ["a.txt"], "a\0b.txt"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(DataSetError, match="path"):
        TextDataSet(path)


def test_address_of_a_web_server_reaches_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    memory = fsspec.filesystem("memory")
    memory.pipe("/web-server-test", b"hello")

    class Web:
        def open(self, path: str, **options: Any) -> Any:
            asked.append(path)
            return memory.open("/web-server-test", **options)

        def exists(self, path: str) -> bool:
            asked.append(path)
            return True

    data_set = TextDataSet("https://example.org/data/a.txt")
    monkeypatch.setitem(data_set.__dict__, "_fs", Web())
    assert data_set.load() == "hello"
    assert data_set.exists()
    assert asked == ["https://example.org/data/a.txt"] * 2


def test_any_file_system_of_fsspec_works() -> None:
    data_set = JSONDataSet(f"memory://{uuid4().hex}/deep/a.json")
    assert not data_set.exists()
    data_set.save({"a": 1})
    assert data_set.exists()
    assert data_set.load() == {"a": 1}
    data_set.release()
    assert data_set.load() == {"a": 1}


def test_file_system_with_a_missing_package_is_told_before_loading() -> None:
    (problem,) = TextDataSet("nosuch://a.txt")._problems()
    assert "nosuch://" in problem
    assert TextDataSet("memory://a.txt")._problems() == []
    assert TextDataSet("a.txt")._problems() == []


# Ways to open


def test_appending_adds_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    data_set = TextDataSet(path, fs_args={"open_args_save": {"mode": "a"}})
    data_set.save("é\n")
    data_set.save("b\n")
    assert path.read_bytes() == "é\nb\n".encode()


def test_exclusive_creation_refuses_to_overwrite(tmp_path: Path) -> None:
    data_set = TextDataSet(tmp_path / "a.txt", fs_args={"open_args_save": {"mode": "x"}})
    data_set.save("first")
    with pytest.raises(DataSetError, match="is there already"):
        data_set.save("second")
    assert data_set.load() == "first"


def test_encoding_may_be_given(tmp_path: Path) -> None:
    options = {"encoding": "utf-16"}
    data_set = TextDataSet(
        tmp_path / "a.txt", fs_args={"open_args_load": options, "open_args_save": options}
    )
    data_set.save("é")
    assert (tmp_path / "a.txt").read_bytes() == "é".encode("utf-16")
    assert data_set.load() == "é"


def test_given_options_are_not_changed(tmp_path: Path) -> None:
    fs_args = {"open_args_save": {"mode": "a"}}
    save_args: dict[str, Any] = {}
    data_set = CSVDataSet(tmp_path / "a.csv", save_args=save_args, fs_args=fs_args)
    data_set.save(pd.DataFrame({"a": [1]}))
    assert fs_args == {"open_args_save": {"mode": "a"}}
    assert save_args == {}


def test_data_set_survives_pickling_after_use(tmp_path: Path) -> None:
    import pickle

    data_set = TextDataSet(tmp_path / "a.txt")
    data_set.save("x")
    data_set.load()
    assert pickle.loads(pickle.dumps(data_set)).load() == "x"
