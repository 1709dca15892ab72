"""What a data set reads and writes, in one spelling for all that mean the same.

A target is an absolute local path, an address (``s3://bucket/a``) or a table (``table:sales.a``).
It is for comparing only: messages show what the catalog says.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path

from sparkpipe.spark.databricks import as_local

# C: is a drive: protocols have two letters or more.
_PROTOCOL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):(?=/)(//)?")
_SAME_STORE = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "local": "file"}
_PASSWORD = re.compile(r"^(?:\*\*\*|[^/@:]+:[^/@]+)@")
_GLOB = re.compile(r"[*?\[{]")
_FILE_DATABASE = re.compile(r"(?:jdbc:)?(sqlite|duckdb)(?:\+\w+)?:(?:///)?([^?]*)")
_TABLE = "table:"
# Elsewhere a file system that takes upper and lower case for the same is rare, and asking costs.
_OFTEN_FOLD = ("win32", "cygwin", "darwin")


def path_target(path: str) -> str:
    """Return one spelling of a path or address; empty for a pattern, which stands for many.

    >>> path_target("s3a://bucket//a/b.csv/"), path_target("file:/a/./b"), path_target("dbfs:/a")
    ('s3://bucket/a/b.csv', '/a/b', '/dbfs/a')
    >>> path_target("dbfs:/Volumes/main/shop/a"), path_target("/Volumes/main/shop/a")
    ('/Volumes/main/shop/a', '/Volumes/main/shop/a')
    """
    if _GLOB.search(path):
        return ""
    match = _PROTOCOL.match(path)
    if match is None:
        return _local(os.path.expanduser(path))  # noqa: PTH111 - as split_protocol does
    name = match[1].lower()
    protocol = _SAME_STORE.get(name, name)
    rest = path[match.end() :]
    if protocol == "file":
        from urllib.parse import unquote, urlsplit

        return _local(unquote(urlsplit(path).path) if match[2] else rest)
    rest = posixpath.normpath(re.sub("/+", "/", _PASSWORD.sub("", rest)))
    if protocol == "dbfs":  # its files are seen in folders, too
        return as_local(f"dbfs:/{rest.lstrip('/')}")
    return f"{protocol}://{rest}"


def _local(path: str) -> str:
    real = os.path.realpath(path)
    folds = sys.platform in _OFTEN_FOLD and folds_case(real)
    return one_spelling(real, is_windows=os.name == "nt", folds=folds)


def one_spelling(path: str, *, is_windows: bool, folds: bool) -> str:
    r"""Return an absolute path as all write it that mean the same file.

    Args:
        path: The path, without links.
        is_windows: Whether backslashes part folders.
        folds: Whether the file system takes upper and lower case for the same.

    >>> one_spelling("C:\\data\\Out", is_windows=True, folds=True)
    'c:/data/out'
    >>> one_spelling("\\\\?\\C:\\data", is_windows=True, folds=False)
    'C:/data'
    >>> one_spelling("/data/Out", is_windows=False, folds=False)
    '/data/Out'
    """
    if is_windows:
        path = path.removeprefix("\\\\?\\").replace("\\", "/")
    return path.casefold() if folds else path


def folds_case(path: str) -> bool:
    """Return whether the file system of a local path takes upper and lower case for the same."""
    here = Path(os.path.abspath(path))
    for folder in (here, *here.parents):
        other = folder.with_name(folder.name.swapcase()) if folder.name else folder
        if other != folder and folder.exists():
            try:
                return other.samefile(folder)
            except OSError:
                return False
    return False


def table_target(table: str, url: str = "") -> str:
    """Return one spelling of the name of a table, for which Spark does not know upper case.

    >>> table_target("`Sales`.Orders"), table_target("orders", "jdbc:postgresql://db/shop")
    ('table:sales.orders', 'table:jdbc:postgresql://db/shop#orders')
    >>> table_target("orders", "sqlite:////data/./shop.db"), table_target("a", "jdbc:sqlite:/a.db")
    ('table:sqlite:/data/shop.db#orders', 'table:sqlite:/a.db#a')
    """
    url = _database(url)
    name = table.replace("`", "").lower().removeprefix("spark_catalog.")
    return f"{_TABLE}{url}#{name}" if url else f"{_TABLE}{name}"


def _database(url: str) -> str:
    """Return one spelling of a database, which may be a file."""
    match = _FILE_DATABASE.match(url)
    if match is None or not match[2].strip("/") or ":memory:" in match[2]:
        return url
    return f"{match[1]}:{_local(match[2].removeprefix('file:'))}"


def spark_table(table: str) -> str:
    """Return the target of a table that Spark knows by name.

    >>> spark_table("default.orders"), spark_table("main.default.orders")
    ('table:orders', 'table:main.default.orders')
    """
    # Where nobody has chosen another database, a table without one is of this one.
    name = table_target(table).removeprefix(_TABLE)
    return table_target(name.removeprefix("default.") if name.count(".") == 1 else name)


def is_table(target: str) -> bool:
    """Whether a target is a table by name, not a path."""
    return target.startswith(_TABLE)
