"""Whether a path without a scheme means the same to Spark as to this process: on local disk.

On a cluster of Hadoop it does not: there Spark's default file system is HDFS, and of a Spark
Connect server on another machine even ``/data`` is that machine's.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import SparkProvider, current_provider

_KEYS = ("fs.defaultFS", "fs.default.name")
_KNOWN = "_sparkpipe_has_local_files"
_HOST = re.compile(r"sc://(\[[^\]]*\]|[^:/;]*)")
_THIS_MACHINE = ("", "localhost", "127.0.0.1", "[::1]", "::1")


def spark_has_local_files() -> bool:
    """Return whether a path without a scheme is one of this machine's disk to Spark.

    A session that is there is asked; else what it would be started with. None is started.
    """
    provider = current_provider() or SparkProvider()
    session = provider.peek()
    if session is None:
        remote = os.environ.get("SPARK_REMOTE") or provider.options.remote
        return is_of_this_machine(remote or "") and is_local(configured(provider.settings))
    known: bool | None = getattr(session, _KNOWN, None)
    if known is None:
        known = _asked(session)
        setattr(session, _KNOWN, known)
    return known


def _asked(session: Any) -> bool:
    try:
        if is_connect(session):
            host = getattr(session.client, "host", "")
            default = session.conf.get(f"spark.hadoop.{_KEYS[0]}", "")
            return is_of_this_machine(f"sc://{host}") and is_local(str(default or ""))
        settings = session.sparkContext._jsc.hadoopConfiguration()
        return is_local(str(settings.get(_KEYS[0]) or ""))
    except Exception:  # some clusters guard the JVM
        return True


def is_local(default: str) -> bool:
    """Return whether a default file system is the local disk.

    >>> is_local(""), is_local("file:///"), is_local("hdfs://nn:8020")
    (True, True, False)
    """
    return not default or default.partition(":")[0].lower() == "file"


def is_of_this_machine(address: str) -> bool:
    """Return whether a Spark Connect server, if one is named, is on this machine.

    >>> is_of_this_machine(""), is_of_this_machine("sc://localhost:15002/;token=x")
    (True, True)
    >>> is_of_this_machine("sc://cluster.example.com:15002")
    False
    """
    match = _HOST.match(address)
    return match is None or match[1].lower() in (*_THIS_MACHINE, socket.gethostname().lower())


def configured(settings: Mapping[str, str]) -> str:
    """Return the default file system that a session would be started with; empty for Spark's own.

    Args:
        settings: Spark's properties, which go before what the files of the machine say.
    """
    for key in _KEYS:
        if settings.get(f"spark.hadoop.{key}"):
            return settings[f"spark.hadoop.{key}"]
    home = os.environ.get("SPARK_HOME")
    folders = [os.environ.get("SPARK_CONF_DIR") or (home and f"{home}/conf")]
    told = _read(folders[0], "spark-defaults.conf")
    for key in _KEYS:
        match = re.search(rf"^\s*spark\.hadoop\.{re.escape(key)}[\s=:]+(\S+)", told, re.MULTILINE)
        if match:
            return match[1]
    folders += [os.environ.get("HADOOP_CONF_DIR"), os.environ.get("YARN_CONF_DIR")]
    for folder in folders:
        told = _read(folder, "core-site.xml")
        for key in _KEYS:
            match = re.search(
                rf"<name>\s*{re.escape(key)}\s*</name>\s*<value>\s*([^<\s]*)\s*</value>", told
            )
            if match:
                return match[1]
    return ""


def _read(folder: str | None, name: str) -> str:
    try:
        return Path(folder, name).read_text(encoding="utf-8") if folder else ""
    except (OSError, ValueError):
        return ""
