"""Paths as Spark wants them, and replacing a local folder as a whole."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparkpipe.io.files import split_protocol
from sparkpipe.spark.databricks import folder_problems, on_databricks
from sparkpipe.spark.session import uses_databricks

_LAST_TASKS_SECONDS = 5.0

# C: is a drive: protocols have two letters or more.
_PROTOCOL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):(?=/)(//)?")

# Files of the workspace, and where the tasks of jobs work.
_OF_PROJECTS = ("/Workspace/", "/databricks/driver/")

_GLOB_CHARACTERS = set("*?[{")


def split_address(filepath: str) -> tuple[str, str]:
    """Part a path into what names its file system to Spark, empty for local disk, and the rest.

    >>> split_address("s3a://bucket/a"), split_address("dbfs:/a"), split_address("/dbfs/a")
    (('s3a://', 'bucket/a'), ('dbfs:', '/a'), ('dbfs:', '/a'))
    >>> split_address("data/a"), split_address("file:/tmp/a"), split_address("file:///tmp/a%20b")
    (('', 'data/a'), ('', '/tmp/a'), ('', '/tmp/a b'))
    """
    _, path = split_protocol(filepath)
    match = _PROTOCOL.match(filepath)
    if match is None:
        # On Databricks an absolute path without a protocol is none of the driver's disk, but for
        # the folders of projects; and what Python sees in /dbfs, Spark sees without it.
        is_dbfs = path.startswith("/dbfs/") or (
            path.startswith("/") and not path.startswith(_OF_PROJECTS) and _on_databricks()
        )
        return ("dbfs:", path.removeprefix("/dbfs")) if is_dbfs else ("", path)
    rest = filepath[match.end() :]
    if match[1].lower() in ("file", "local"):
        return "", path if match[2] else rest
    return match[0], rest


def _on_databricks() -> bool:
    return on_databricks() or uses_databricks()


def path_problems(filepath: str) -> list[str]:
    """Report a path that exists only on Databricks, where Spark would take it for a local one."""
    return folder_problems(filepath) if filepath and local_path(filepath) is not None else []


def local_path(filepath: str) -> Path | None:
    """Return the absolute local path that ``filepath`` means, or None if it lies elsewhere.

    Spark resolves relative paths in the folder in which its JVM was started; we do it in ours.
    """
    prefix, path = split_address(filepath)
    return None if prefix else Path(os.path.abspath(path))


def is_glob(filepath: str) -> bool:
    """Return whether a path stands for many."""
    return not _GLOB_CHARACTERS.isdisjoint(filepath)


def spark_path(filepath: str) -> str:
    """Return the path to give to Spark."""
    local = local_path(filepath)
    if local is None:
        return "".join(split_address(filepath))
    return f"file:{local.as_posix()}" if _on_databricks() else local.as_posix()


def _backup(target: Path) -> Path:
    # Spark does not read names that begin with a dot or an underscore.
    return target.with_name(f".{target.name}.sparkpipe-old")


def is_set_aside(target: Path) -> bool:
    """Return whether :func:`recover` would bring ``target`` back."""
    return _backup(target).exists()


def recover(target: Path) -> None:
    """Put back what a replacement that was killed between its two renames had set aside."""
    backup = _backup(target)
    if backup.exists() and not target.exists():
        backup.rename(target)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield a folder beside ``target`` to write to; move it into place if nothing is raised.

    Spark's own overwrite deletes the old data before the job starts: a job that fails, or is
    killed, would leave nothing. Here the old data stays until the new is complete, also when it is
    read from the same path.
    """
    recover(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.sparkpipe-new")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        yield staging
        backup = _backup(target)
        _remove(backup)
        if target.exists():
            target.rename(backup)
        try:
            staging.rename(target)
        except OSError:
            recover(target)
            raise
        _remove(backup)
    except BaseException:
        _clear(staging)
        raise


def _clear(staging: Path) -> None:
    """Remove what a job that failed has written, also what its last tasks still write after it."""
    ends = time.monotonic() + _LAST_TASKS_SECONDS
    absent = 0
    while absent < 3 and time.monotonic() < ends:
        absent = 0 if staging.exists() else absent + 1
        shutil.rmtree(staging, ignore_errors=True)
        time.sleep(0.1)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
