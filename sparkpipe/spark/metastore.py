"""The metastore of a project: what a session on one machine remembers of tables by name.

Without it Spark's own catalog is in memory: a table that one run has made by name is a folder of
files to the next, and making it again fails. Derby, which is part of Spark, keeps it in a folder,
which one process at a time can use. It starts when the first name is looked up, not before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

#: Where a project keeps it, by the name that Spark itself gives it; beside ``spark-warehouse``.
FOLDER = "metastore_db"

_IMPLEMENTATION = "spark.sql.catalogImplementation"
_URL = "spark.hadoop.javax.jdo.option.ConnectionURL"
_URIS = "spark.hadoop.hive.metastore.uris"
_WAREHOUSE = "spark.sql.warehouse.dir"

_IN_USE = re.compile(
    r"Another instance of Derby may have already booted the database (.+?)\.?$", re.MULTILINE
)


def metastore_settings(folder: str | None, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that keep a metastore in a folder.

    Args:
        folder: The folder; None to keep none.
        settings: Properties of the user; who names a metastore there keeps that.
    """
    if folder is None or any(key in settings for key in (_IMPLEMENTATION, _URL, _URIS)):
        return {}
    return {
        _IMPLEMENTATION: "hive",
        _URL: f"jdbc:derby:;databaseName={folder};create=true",
        # The metastore remembers whole paths, so they are the same wherever a run is started.
        _WAREHOUSE: str(Path(folder).with_name("spark-warehouse")),
    }


def log_option(folder: str) -> str:
    """Return the option of Java that puts Derby's log beside ours, and not into any folder."""
    return f'-Dderby.stream.error.file="{Path(folder).parent / "logs" / "derby.log"}"'


def folder_in_use(text: str) -> str:
    """Return the folder of the metastore that Derby says another process has; else empty."""
    found = _IN_USE.search(text)
    return found[1].strip() if found else ""


def holder(folder: str) -> str:
    """Return what process has a metastore open: its number and command, where a system tells."""
    try:
        inode = Path(folder, "dbex.lck").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:  # only Linux tells
        return "another process"
    for line in locks:
        words = line.split()
        if len(words) > 5 and words[5].rpartition(":")[2] == str(inode):
            return _told(words[4])
    return "another process"


def _told(pid: str) -> str:
    """Name the process that has started a JVM, which is what a user knows."""
    try:
        status = Path("/proc", pid, "stat").read_text(encoding="utf-8")
        parent = status.rpartition(")")[2].split()[1]
        command = Path("/proc", parent, "cmdline").read_text(encoding="utf-8").split("\0")
    except (OSError, IndexError):
        return f"process {pid}"
    if parent == "1" or "python" not in command[0]:
        return f"process {pid}"
    words = [Path(word).name for word in command[:5] if word]
    return f"process {parent} ({' '.join(words)})"
