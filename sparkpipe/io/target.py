"""What a data set reads and writes, in one spelling for all that mean the same.

A target is an absolute local path, an address (``s3://bucket/a``) or a table (``table:sales.a``).
It is for comparing only: messages show what the catalog says.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from sparkpipe.spark.databricks import as_local

# C: is a drive: protocols have two letters or more.
_PROTOCOL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):(?=/)(//)?")
_SAME_STORE = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "local": "file"}
_PASSWORD = re.compile(r"^(?:\*\*\*|[^/@:]+:[^/@]+)@")
_GLOB = re.compile(r"[*?\[{]")
_TABLE = "table:"

#: Formats whose writes are transactions: what is being read stays until the write is complete.
_TRANSACTIONAL = ("delta", "iceberg", "hudi")


def target_of(data_set: Any) -> str:
    """Return what a data set reads and writes; empty where it has none, or none that is known."""
    try:
        data_set = unwrapped(data_set)
        own = getattr(data_set, "_target", None)
        return str(own()) if callable(own) else described_target(data_set)
    except Exception:  # a foreign data set's description must never keep a pipeline from running
        return ""


def described_target(data_set: Any) -> str:
    """Work out the target from what a data set tells of itself: path, protocol, table, url."""
    told: Mapping[str, Any] = data_set._describe() if hasattr(data_set, "_describe") else {}
    path = told.get("filepath") or told.get("path") or getattr(data_set, "_filepath", None)
    if path:
        protocol = told.get("protocol") or getattr(data_set, "_protocol", None)
        part = f"::{told['key']}" if told.get("key") else ""  # one file, one table for each key
        return f"{_path_target(str(path), str(protocol or 'file'))}{part}"
    table = told.get("table") or told.get("table_name")
    if not table:
        return ""
    database = told.get("database")
    where = told.get("url") or getattr(data_set, "_connection_str", None)
    if not where and not getattr(data_set, "_SINGLE_PROCESS", False):
        where = type(data_set).__module__  # it does not tell of which database the table is
    return table_target(f"{database}.{table}" if database else str(table), str(where or ""))


def _path_target(path: str, protocol: str) -> str:
    if protocol not in ("file", "local") and not _PROTOCOL.match(path):
        path = f"{protocol}://{path}"
    return path_target(path)


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
        return os.path.realpath(os.path.expanduser(path))  # noqa: PTH111 - as split_protocol does
    name = match[1].lower()
    protocol = _SAME_STORE.get(name, name)
    rest = path[match.end() :]
    if protocol == "file":
        from urllib.parse import unquote, urlsplit

        return os.path.realpath(unquote(urlsplit(path).path) if match[2] else rest)
    rest = posixpath.normpath(re.sub("/+", "/", _PASSWORD.sub("", rest)))
    if protocol == "dbfs":  # its files are seen in folders, too
        return as_local(f"dbfs:/{rest.lstrip('/')}")
    return f"{protocol}://{rest}"


def table_target(table: str, url: str = "") -> str:
    """Return one spelling of the name of a table, for which Spark does not know upper case.

    >>> table_target("`Sales`.Orders"), table_target("orders", "jdbc:postgresql://db/shop")
    ('table:sales.orders', 'table:jdbc:postgresql://db/shop#orders')
    """
    name = table.replace("`", "").lower().removeprefix("spark_catalog.")
    return f"{_TABLE}{url}#{name}" if url else f"{_TABLE}{name}"


def is_table(target: str) -> bool:
    """Whether a target is a table by name, not a path."""
    return target.startswith(_TABLE)


def unwrapped(data_set: Any) -> Any:
    """Return the data set inside a wrapper such as CachedDataSet, or the one given."""
    while hasattr(inner := getattr(data_set, "_dataset", None), "load"):
        data_set = inner
    return data_set


def is_transactional(data_set: Any) -> bool:
    """Whether a write is one transaction, which leaves what is being read in place."""
    data_set = unwrapped(data_set)
    file_format = getattr(data_set, "_file_format", None)
    if file_format is not None:
        return str(file_format).lower() in _TRANSACTIONAL
    # A table that Spark knows by name; over JDBC it is emptied first.
    target = target_of(data_set)
    return is_table(target) and "#" not in target


def save_mode(data_set: Any) -> str:
    """Return what a save does with data that is there: ``overwrite``, ``append`` or ``keep`` it."""
    data_set = unwrapped(data_set)
    # A table counts its versions by itself: what is saved takes the place of what was there.
    is_table_of_ours = hasattr(data_set, "_write_mode")
    if getattr(data_set, "_version", None) is not None and not is_table_of_ours:
        return "keep"
    if hasattr(data_set, "_dataset_type") or hasattr(data_set, "_filepath_arg"):  # of partitions
        return "overwrite" if getattr(data_set, "_overwrite", False) else "append"
    options = getattr(data_set, "_save_args", None) or {}
    if getattr(data_set, "_SINGLE_PROCESS", False):
        mode = options.get("mode") or getattr(data_set, "_write_mode", None) or "error"
    else:
        files = getattr(data_set, "_open_args_save", None)
        files = files or getattr(data_set, "_fs_open_args_save", None) or {}
        mode = files.get("mode") or options.get("if_exists") or "overwrite"
    mode = str(mode).lower()
    if mode in ("append", "a", "ab", "a+", "at"):
        return "append"
    return (
        "keep" if mode in ("ignore", "error", "errorifexists", "fail", "x", "xb") else "overwrite"
    )
