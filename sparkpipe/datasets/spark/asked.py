"""Which version of a table of Delta is asked for, and which of its changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.delta_log import versions
from sparkpipe.datasets.spark.options import in_known_case
from sparkpipe.errors import DataSetError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession
    from typing_extensions import Self

#: The options of ``load_args``.
ASKED_WORDS = ("version", "changes")
#: The changes since a node last ran well.
LAST_RUN = "last_run"
#: The changes since there was nothing: all rows that are there, as inserts.
START = "start"

_AS_OF_RUN = re.compile(r"as of run (\S+)", re.IGNORECASE)
_RUN_ID = "%Y-%m-%dT%H.%M.%S.%fZ"
_CHOOSE = ("versionasof", "timestampasof")


@dataclass(frozen=True)
class Asked:
    """What of a table is asked for; nothing for its present rows.

    Attributes:
        version: The number of a version.
        timestamp: The time as of which it is read.
        run: The run that has left it so, or that found it so when it began.
        since: The version, the time, :data:`LAST_RUN` or :data:`START` since which its changes
            are read.
    """

    version: int | None = None
    timestamp: str = ""
    run: str = ""
    since: int | str | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether each load gives the same."""
        return self.version is not None or bool(self.timestamp) or bool(self.run)

    def options(self) -> dict[str, Any]:
        """Return the options of the reader, as far as the table need not be asked."""
        if self.version is not None:
            return {"versionAsOf": self.version}
        return {"timestampAsOf": self.timestamp} if self.timestamp else {}


def take_asked(
    load_args: Mapping[str, Any], load_version: str | None = None
) -> tuple[Asked, dict[str, Any]]:
    """Part what is asked for from the options of Spark's reader.

    Args:
        load_args: As they stand in an entry.
        load_version: The version that somebody asks for at the command line; it counts more.

    Raises:
        DataSetError: It is no version, or more than one.

    >>> take_asked({"version": "as of run 2024-01-31T06.00.00.000Z", "sep": ";"})
    (Asked(version=None, timestamp='', run='2024-01-31T06.00.00.000Z', since=None), {'sep': ';'})
    >>> take_asked({"version": 12})[0].options(), take_asked({}, "2024-01-31")[0].options()
    ({'versionAsOf': 12}, {'timestampAsOf': '2024-01-31'})
    """
    options = in_known_case(load_args, ASKED_WORDS)
    version, changes = options.pop("version", None), options.pop("changes", None)
    chosen = [name for name in options if name.lower() in _CHOOSE]
    if load_version is not None:
        version = load_version
        for name in chosen:
            del options[name]
    elif version is not None and chosen:
        raise DataSetError(f"load_args: 'version' and '{chosen[0]}' say the same: give one.")
    if changes is not None and (version is not None or chosen):
        raise DataSetError("load_args: give 'version' or 'changes', not both.")
    if changes is not None:
        return Asked(since=_since(changes)), options
    return (Asked() if version is None else _read(version)), options


class LoadsVersions:
    """What data sets share whose format keeps versions.

    Attributes:
        _asked: What of the table is asked for.
        _load_args: Options of Spark's reader.
    """

    _LOADS_VERSIONS = True
    _asked: Asked
    _load_args: dict[str, Any]
    _given_load_args: Mapping[str, Any]

    def _ask(self, load_args: Mapping[str, Any] | None, load_version: str | None) -> None:
        self._given_load_args = load_args or {}
        self._asked, options = take_asked(self._given_load_args, load_version)
        self._load_args = {**options, **self._asked.options()}

    def _at_load_version(self, version: str) -> Self:
        """Return a copy that loads a version."""
        other = copy(self)
        other._ask(self._given_load_args, version)
        return other


def _read(version: Any) -> Asked:
    if isinstance(version, (date, datetime)):
        return Asked(timestamp=str(version))
    text = str(version).strip()
    run = _AS_OF_RUN.fullmatch(text)
    if run:
        return Asked(run=run[1])
    if isinstance(version, int) and not isinstance(version, bool) and version >= 0:
        return Asked(version)
    if text.isdecimal():
        return Asked(int(text))
    if _is_time(text):
        return Asked(timestamp=text)
    raise DataSetError(
        f"'{text}' is no version of a table.",
        hint="Give a number, a time (2024-01-31 06:00:00), or 'as of run <id>'; "
        "`sparkpipe tables history` lists the versions.",
    )


def _since(changes: Any) -> int | str:
    if not isinstance(changes, Mapping) or [*changes] != ["since"]:
        raise DataSetError(
            f"load_args: 'changes' is a mapping with 'since', not {changes!r}.",
            hint=f"For example changes: {{since: {LAST_RUN}}}.",
        )
    since = changes["since"]
    if since in (LAST_RUN, START):
        return str(since)
    if isinstance(since, str) and not since.isdecimal() and not _is_time(since):
        hint = did_you_mean(since, [LAST_RUN, START]) or (
            f"Give {LAST_RUN}, {START}, a version or a time."
        )
        raise DataSetError(f"load_args: changes are since a version, not '{since}'.", hint=hint)
    asked = _read(since)
    return asked.timestamp if asked.version is None else asked.version


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return False
    return True


def version_of_run(session: SparkSession, table: str, run: str) -> int:
    """Return the version that a run has left, or that it found when it began.

    Args:
        session: Who is asked.
        table: The name of the table in SQL.
        run: The run.

    Raises:
        DataSetError: The history of the table does not tell.
    """
    told = session.sql(f"DESCRIBE HISTORY {table}").selectExpr(
        "version", "unix_millis(timestamp)", "userMetadata"
    )
    commits = [(int(row[0]), int(row[1]), str(row[2] or "")) for row in told.collect()]
    sought = f'"run": "{run}"'
    left = [version for version, _, metadata in commits if sought in metadata]
    if left:
        return max(left)
    began = _began(run)
    found = [
        version
        for version, when, _ in commits
        if began is not None and when <= began.timestamp() * 1000
    ]
    if found:
        return max(found)
    raise DataSetError(
        f"the history of the table does not reach back to the run '{run}'"
        + ("." if began else ", and no commit is of it."),
        hint="`sparkpipe runs list` lists the runs, `sparkpipe tables history` the versions.",
    )


def _began(run: str) -> datetime | None:
    try:
        return datetime.strptime(run, _RUN_ID).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def why_no_version(table: Path, version: int) -> str:
    """Say why a version of a table in a local folder is not there, by its log alone.

    Args:
        table: The folder.
        version: The version.
    """
    known = versions(table)
    if not known or version in known:
        return ""
    if version > known[-1]:
        return f"there is no version {version} of the table in {table}: the last is {known[-1]}"
    return (
        f"version {version} of the table in {table} is gone: its log begins with version {known[0]}"
    )
