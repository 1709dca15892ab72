"""Paths as Spark wants them: which of them lie on local disk, and which only Spark can reach."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sparkpipe.io.files import split_protocol
from sparkpipe.io.saving import recover, replacing_folder
from sparkpipe.spark.databricks import folder_problems, on_databricks
from sparkpipe.spark.default_files import spark_has_local_files
from sparkpipe.spark.session import uses_databricks

__all__ = [
    "is_given_local",
    "is_glob",
    "local_path",
    "path_problems",
    "recover",
    "replacing_folder",
    "spark_path",
    "split_address",
]

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
    Where Spark's default file system is another one, a path without a scheme is Spark's.
    """
    prefix, path = split_address(filepath)
    if prefix or not (is_given_local(filepath) or spark_has_local_files()):
        return None
    return Path(os.path.abspath(path))


def is_given_local(filepath: str) -> bool:
    """Return whether an address says itself that it is on local disk.

    >>> is_given_local("file:/tmp/a"), is_given_local("/tmp/a"), is_given_local("s3a://bucket/a")
    (True, False, False)
    """
    match = _PROTOCOL.match(filepath)
    return match is not None and match[1].lower() in ("file", "local")


def is_glob(filepath: str) -> bool:
    """Return whether a path stands for many."""
    return not _GLOB_CHARACTERS.isdisjoint(filepath)


def spark_path(filepath: str) -> str:
    """Return the path to give to Spark."""
    local = local_path(filepath)
    if local is None:
        return "".join(split_address(filepath))
    is_plain = not _on_databricks() and spark_has_local_files()
    return local.as_posix() if is_plain else f"file:{local.as_posix()}"
