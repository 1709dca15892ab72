"""What is there now of data that only Spark reads: by a listing, else by a session that is there.

None of these starts Spark. What cannot be told is None, and then nobody takes it for unchanged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparkpipe.datasets.spark.accounting import delta_location
from sparkpipe.datasets.spark.names import TableName
from sparkpipe.datasets.spark.paths import local_path
from sparkpipe.io.tokens import (
    MOST_FILES,
    delta_state,
    info_state,
    is_aside,
    last_commit,
    listing_state,
)
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.metastore import metastore_settings
from sparkpipe.spark.session import SparkProvider, current_provider
from sparkpipe.spark.start.profile import is_local

_logger = logging.getLogger(__name__)

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
# As fsspec calls the stores that Hadoop has other names for.
_OF_FSSPEC = {"s3a": "s3", "s3n": "s3"}
#: What fsspec reaches by a JVM of its own, or only with a host and a token.
_NOT_BY_FSSPEC = ("hdfs", "viewfs", "dbfs", "webhdfs", "file", "http", "https")


class Store:
    """An address that a Python package may reach, too: who lists it needs no Spark.

    Args:
        address: As it is given to Spark.
        options: Those of the file system, such as credentials.
    """

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        self._address = address
        self._options = options
        self._is_out_of_reach = False

    def state(self, file_format: str, folder: str = "") -> str | None:
        """Return a token of what lies there; None if nothing does, or it is not to be reached.

        Args:
            file_format: A Delta table is told by its log.
            folder: The folder in it that tells of all, such as the log of a table.
        """
        fs, path = self._file_system()
        if fs is None:
            return None
        try:
            fs.invalidate_cache()
            if file_format == "delta":
                return _commit_state(fs, f"{path}/_delta_log")
            found = _files(fs, f"{path}/{folder}" if folder else path)
            if len(found) > MOST_FILES:  # as many as that are not listed again and again
                self._is_out_of_reach = True
                return None
            return listing_state(found) if found else None
        except FileNotFoundError:
            return None
        except Exception as exc:  # packages of stores raise what they like
            # Who has no rights here, or no network, would wait for it with each node.
            self._give_up(exc)
            return None

    def _file_system(self) -> tuple[Any, str]:
        found = _SCHEME.match(self._address)
        if found is None or found[1].lower() in _NOT_BY_FSSPEC or self._is_out_of_reach:
            return None, ""
        # Without any Spark may be the only one who knows its way to the store, and may go there.
        if not self._options:
            return None, ""
        protocol = _OF_FSSPEC.get(found[1].lower(), found[1].lower())
        try:
            import fsspec

            fs, path = fsspec.core.url_to_fs(
                f"{protocol}://{self._address[found.end() :]}", **self._options
            )
        except Exception as exc:  # nothing that is installed knows it
            self._give_up(exc)
            return None, ""
        return fs, str(path).rstrip("/")

    def _give_up(self, exc: Exception) -> None:
        self._is_out_of_reach = True
        told = redacted_text(self._address), redacted_text(str(exc))
        _logger.debug("%s is reached by Spark alone: %s", *told)


def table_state(table: TableName) -> str | None:
    """Return a token of the present version of a Delta table by its name.

    A session that is there says where it lies. Without one it is known where a project that keeps
    its own metastore has put the table, unless its maker has chosen a place.

    Args:
        table: Its name.
    """
    provider = current_provider() or SparkProvider()
    session = provider.peek()
    if session is None or is_connect(session):
        folder = _folder_in_project(provider, table)
        found = None if folder is None else delta_state(folder / "_delta_log")
        return found if found or session is None else state_by_history(table.sql)
    try:
        if len(table.parts) == 1 and session.catalog.getTable(table.sql).isTemporary:
            return None
        place = delta_location(session, table)
    except Exception as exc:  # there is none, or nobody may know
        _logger.debug("The state of %s is not known: %s", table, exc)
        return None
    if place == "":
        return None
    folder = local_path(place) if place else None
    return state_by_history(table.sql) if folder is None else delta_state(folder / "_delta_log")


def state_by_history(sql: str) -> str | None:
    """Return a token of the present version of a Delta table, as the session that is there tells.

    Args:
        sql: Its name in SQL.
    """
    session = (current_provider() or SparkProvider()).peek()
    if session is None:
        return None
    try:
        history = session.sql(f"DESCRIBE HISTORY {sql} LIMIT 1")
        row = history.selectExpr("version", "unix_millis(timestamp)").first()
    except Exception as exc:  # no table of Delta, or none yet
        _logger.debug("The state of %s is not known: %s", sql, exc)
        return None
    return None if row is None else f"v{row[0]}-{row[1]}"


def _folder_in_project(provider: SparkProvider, table: TableName) -> Path | None:
    """Return where a session that the project starts has put a table that got no place."""
    folder, settings = provider.start_options.metastore_folder, provider.settings
    if folder is None or not provider.is_made_of_settings() or not Path(folder).is_dir():
        return None
    ours = metastore_settings(folder, settings)
    if not ours or not is_local({"spark.master": "local", **settings}):
        return None
    if len(table.parts) == 3 and table.parts[0] != "spark_catalog":
        return None
    *_, database, name = ("default", *table.parts)
    key = "spark.sql.warehouse.dir"
    warehouse = local_path(settings.get(key) or ours[key])
    if warehouse is None:
        return None
    # As Hive spells them.
    home = warehouse if database.lower() == "default" else warehouse / f"{database.lower()}.db"
    return home / name.lower()


def _commit_state(fs: Any, log: str) -> str | None:
    found = {str(one["name"]).rpartition("/")[2]: one for one in fs.ls(log, detail=True)}
    last = last_commit(found)
    state = info_state(found[last]) if last else None
    return None if state is None else f"v{int(last.partition('.')[0])}-{state}"


def _files(fs: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """Return the files in a folder, or the file of this path, but for what Spark takes for none."""
    found = fs.find(path, detail=True)
    kept = {}
    for name, info in found.items():
        inside = str(name)[len(path) :].strip("/")
        if not any(map(is_aside, inside.split("/"))):
            kept[inside] = info
    return kept
