"""What is at an address, as Spark sees it: with its own credentials and file systems."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sparkpipe.datasets.spark.options import is_of_files
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.failures.chain import error_condition
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

_ABSENT = (
    *("PATH_NOT_FOUND", "DELTA_TABLE_NOT_FOUND"),
    *("DELTA_PATH_DOES_NOT_EXIST", "DELTA_MISSING_DELTA_TABLE"),
)
_SAYS_ABSENT = ("Path does not exist", "is not a Delta table")

# Where tasks work, of Hadoop's committers.
_UNFINISHED = ("_temporary", "__magic")

_PROTOCOL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+:(?=/)")


def matching(pattern: str) -> list[str]:
    """Return the files and folders that match a path, which may be a pattern.

    Raises:
        Exception: Spark's, where it may not look there.
    """
    session = get_spark()
    if not is_connect(session):
        try:
            return _by_hadoop(session, pattern)
        except Exception as exc:  # some clusters guard the JVM; if not this, it is told below
            _logger.debug("Hadoop does not list %s: %s", pattern, exc)
    return _by_files(session, pattern)


def is_whole(address: str) -> bool:
    """Return whether what lies in a folder was written to its end, as far as the folder tells.

    Raises:
        Exception: Spark's, where it may not look there.
    """
    return tells_completion(
        path.rstrip("/").rpartition("/")[2] for path in matching(f"{address}/*")
    )


def tells_completion(names: Iterable[str]) -> bool:
    """Return whether the names in a folder are those of a write that is complete.

    Spark puts ``_SUCCESS`` there when it is, unless it is told not to; while it is not, there is
    what its tasks work in.

    >>> tells_completion(["part-0.parquet", "_SUCCESS"]), tells_completion(["part-0.parquet"])
    (True, True)
    >>> tells_completion(["part-0.parquet", "_temporary"]), tells_completion([])
    (False, False)
    """
    names = {*names}
    if "_SUCCESS" in names:
        return True
    if any(name.startswith(_UNFINISHED) for name in names):
        return False
    started = {name.removeprefix("_started_") for name in names if name.startswith("_started_")}
    ended = {name.removeprefix("_committed_") for name in names if name.startswith("_committed_")}
    return started <= ended and any(not name.startswith((".", "_")) for name in names)


def remove(address: str) -> None:
    """Remove a folder that a failed save has left, where Spark's JVM can be asked to."""
    try:
        session: Any = get_spark()
        if not is_connect(session):
            path = session._jvm.org.apache.hadoop.fs.Path(address)
            settings = session._jsparkSession.sessionState().newHadoopConf()
            path.getFileSystem(settings).delete(path, True)
    except Exception as exc:
        _logger.debug("%s is not removed: %s", address, exc)


def is_there(address: str, file_format: str) -> bool:
    """Return whether an address holds something: by name for files, else by what a reader finds.

    Raises:
        Exception: Spark's, where it may not look there.
    """
    if is_of_files(file_format):
        return bool(matching(address))
    try:
        _ = get_spark().read.format(file_format).load(address).schema
    except Exception as exc:
        if is_absent(exc):
            return False
        raise
    return True


def _by_hadoop(session: Any, pattern: str) -> list[str]:
    path = session._jvm.org.apache.hadoop.fs.Path(pattern)
    # That of the session, so that keys which were set on it are known.
    settings = session._jsparkSession.sessionState().newHadoopConf()
    found = path.getFileSystem(settings).globStatus(path)
    return [str(status.getPath().toString()) for status in found or ()]


def _by_files(session: SparkSession, pattern: str) -> list[str]:
    """Find them by the files that Spark would read there: folders without a file are not seen."""
    reader = session.read.format("binaryFile").option("recursiveFileLookup", True)
    try:
        files = reader.load(pattern).inputFiles()
    except Exception as exc:
        if is_absent(exc):
            return []
        raise
    depth = len(_parts(pattern))
    return sorted({"/" + "/".join(_parts(unquote(file))[:depth]) for file in files})


def _parts(path: str) -> list[str]:
    return [part for part in _PROTOCOL.sub("", path).split("/") if part]


def is_absent(exc: Exception) -> bool:
    """Return whether a failure of Spark is that there is nothing at a path, or no Delta table."""
    return error_condition(exc).startswith(_ABSENT) or any(
        said in str(exc) for said in _SAYS_ABSENT
    )
