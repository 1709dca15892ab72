"""Tokens of what is there now: two that are equal mean that nothing has been saved in between.

They are made of a listing or of what the file system tells of a file, and of the data only where
that is asked for.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

#: The state of what is read bit by bit, where all has been read.
NOTHING_NEW = "nothing new"

#: A folder with more files than this is not looked through.
MOST_FILES = 10_000

# Spark gives each file that it writes a name of its own.
_PART = re.compile(r"^part-.*?(\.[\w.]+)?$")

_COMMIT = re.compile(r"\d{20}\.json")

_FILE_STATE, _TABLE_STATE = re.compile(r"(\d+)-(\d{16,19})"), re.compile(r"v(\d+)-\S+|(\d{1,15})")
_HASH = re.compile(r"[0-9a-f]{32}")

# What file systems of fsspec call the time of the last change.
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "time", "created")


def told_state(state: str) -> str:
    """Return a state for people: of a file its size and time, of a table its version.

    >>> told_state("v3-1796026084389470315"), told_state("0123456789abcdef0123456789abcdef")
    ('version 3', 'files 01234567')

    Args:
        state: What one of the functions below has returned, the number of a version, or any other
            text, which is kept.
    """
    if found := _FILE_STATE.fullmatch(state):
        from datetime import datetime

        size, nanoseconds = map(int, found.groups())
        changed = datetime.fromtimestamp(nanoseconds / 1e9).isoformat(" ", "milliseconds")
        return f"{size:,} bytes of {changed}"
    if found := _TABLE_STATE.fullmatch(state):
        return f"version {found[1] or found[2]}"
    return f"files {state[:8]}" if _HASH.fullmatch(state) else state


def path_state(path: str | os.PathLike[str]) -> str | None:
    """Return the state of a local file, Delta table or folder of files.

    Args:
        path: The path.

    Returns:
        None if nothing is there, or too much to look at each file.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return f"{found.st_size}-{found.st_mtime_ns}"
    log = Path(path, "_delta_log")
    return delta_state(log) if log.is_dir() else folder_state(path)


def delta_state(log: str | os.PathLike[str]) -> str | None:
    """Return the last version of a Delta table, and when it was written, by listing its log."""
    try:
        with os.scandir(log) as entries:
            last = last_commit(entry.name for entry in entries)
        if not last:
            return None
        # The number alone would be that of a table which was deleted and made anew, too.
        return f"v{int(last.partition('.')[0])}-{Path(log, last).stat().st_mtime_ns}"
    except OSError:
        return None


def last_commit(names: Iterable[str]) -> str:
    """Return the last commit among the names in the log of a Delta table; empty of none."""
    return max((name for name in names if _COMMIT.fullmatch(name)), default="")


def folder_state(path: str | os.PathLike[str]) -> str | None:
    """Return the state of a folder: a hash of names, sizes and times of the files in it."""
    found = []
    try:
        for name, info in _files_in(os.fspath(path)):
            found.append(f"{name}\0{info.st_size}\0{info.st_mtime_ns}")
            if len(found) > MOST_FILES:
                return None
    except OSError:  # one that is being written
        return None
    return _hash(found)


def content_state(path: str | os.PathLike[str], *, is_of_spark: bool = False) -> str | None:
    """Return a hash of a local file, or of all files in a folder.

    Args:
        path: The path; all that lies there is read.
        is_of_spark: Spark has named the files, each time by another name.

    Returns:
        None if nothing is there.
    """
    root = Path(path)
    try:
        if not root.is_dir():
            return _hash_of_file(root)
        names = [name for name, _ in _files_in(str(root))]
        return _hash(_told_by_content(root, name, is_of_spark) for name in names)
    except OSError:
        return None


def _told_by_content(root: Path, name: str, is_of_spark: bool) -> str:
    file = root / name
    kept = _PART.sub(r"part\1", file.name) if is_of_spark else file.name
    return f"{file.parent.relative_to(root)}/{kept}\0{_hash_of_file(file)}"


def _hash_of_file(path: Path) -> str:
    import hashlib  # 5 ms that most processes do not need

    told = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            told.update(block)
    return told.hexdigest()


def is_aside(name: str) -> bool:
    """Return whether Spark takes a file or folder for no data: its log, and what is half-written.

    >>> is_aside("_SUCCESS"), is_aside(".part-0.crc"), is_aside("_day=1")
    (True, True, False)
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _files_in(root: str) -> Iterator[tuple[str, os.stat_result]]:
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if is_aside(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(entry.path)
                else:
                    yield os.path.relpath(entry.path, root), entry.stat()


def info_state(info: Mapping[str, Any]) -> str | None:
    """Return the state of a file of which a file system of fsspec tells.

    Args:
        info: What its ``info`` returns: the ETag where it has one, else size and time.
    """
    etag = info.get("ETag") or info.get("etag")
    if etag:
        return str(etag).strip('"')
    time = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    return None if time is None else f"{info.get('size')}-{time}"


def listing_state(files: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the state of files by name, each as its file system tells of it."""
    if len(files) > MOST_FILES:
        return None
    states = {name: info_state(info) for name, info in files.items()}
    if None in states.values():
        return None
    return _hash(f"{name}\0{state}" for name, state in states.items())


def _hash(lines: Iterable[str]) -> str | None:
    """Return a hash of lines in any order; None of none."""
    ordered = sorted(lines)
    if not ordered:
        return None
    import hashlib  # 5 ms that most processes do not need

    return hashlib.blake2b("\n".join(ordered).encode(), digest_size=16).hexdigest()
