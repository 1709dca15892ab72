"""What is left where a process was killed as it made a Delta table: a log without a version.

To some of Delta's and Spark's commands that is a table, to others it is none: neither can it be
made, nor be read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sparkpipe.datasets.spark.listing import matching, remove
from sparkpipe.datasets.spark.paths import local_path
from sparkpipe.spark.failures.chain import failure_links

_logger = logging.getLogger(__name__)

_IN_A_FOLDER = "delta.`"
_NOT_EMPTY = "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION"
# Who makes a table has its first version a moment after its log.
_SETTLED_SECONDS = 3.0


def place_of(table: str, failure: Exception) -> str | None:
    """Return where a table would lie that could not be made; None where nobody tells.

    Args:
        table: Its name in SQL.
        failure: Why it could not be made.
    """
    if table.startswith(_IN_A_FOLDER):
        return table.removeprefix(_IN_A_FOLDER).removesuffix("`").replace("``", "`")
    told = (link.parameters for link in failure_links(failure) if link.condition == _NOT_EMPTY)
    return next((place for one in told if (place := one.get("tableLocation"))), None)


def clear(place: str, has_come: Callable[[], bool]) -> bool:
    """Remove a log without a version, once it is sure that nobody is making the table just now.

    Args:
        place: The address of the table.
        has_come: Whether the table is there by now.

    Returns:
        Whether there was such a log, and it is gone.
    """
    if not _is_unmade(place):
        return False
    time.sleep(_SETTLED_SECONDS)
    if has_come() or not _is_unmade(place):
        return False
    _logger.warning(
        "A process was killed as it made the Delta table in %s; what it has left of the log is "
        "removed, and the table is made anew.",
        place,
    )
    folder = local_path(place)
    if folder is None:
        remove(f"{place}/_delta_log")
        return True
    try:
        for path in (folder / "_delta_log").glob(".*"):
            path.unlink()
        (folder / "_delta_log").rmdir()  # not with what has come meanwhile
    except OSError as exc:
        _logger.debug("%s is not removed: %s", folder / "_delta_log", exc)
        return False
    return True


def _is_unmade(place: str) -> bool:
    """Whether there is a log, in which nothing but unfinished files lie."""
    folder = local_path(place)
    if folder is not None:
        if not (folder / "_delta_log").is_dir():
            return False
        names = [path.name for path in (folder / "_delta_log").iterdir()]
    else:
        if not matching(f"{place}/_delta_log"):
            return False
        names = [path.rpartition("/")[2] for path in matching(f"{place}/_delta_log/*")]
    return all(name.startswith(".") for name in names)
