"""Whether there is something to load, asked without loading anything or starting Spark."""

from __future__ import annotations

from typing import Any

from sparkpipe.io.declared import (
    is_confirmable,
    is_memory_only,
    is_single_process,
    missing_data,
    state_of,
)


def is_present(data_set: Any) -> bool | None:
    """Return whether a data set of any class has data; None where only Spark could tell.

    Args:
        data_set: Its ``exists`` may look into a file system or a database.

    Raises:
        DataSetError: That cannot be found out.
    """
    if is_memory_only(data_set):
        return _exists(data_set)
    if missing_data(data_set):
        return False
    of_spark = is_single_process(data_set)
    # What remembers how far it was read has data where nothing is new, too.
    if (of_spark or is_confirmable(data_set)) and state_of(data_set) is not None:
        return True
    return None if of_spark else _exists(data_set)


def is_known_present(data_set: Any) -> bool | None:
    """Return whether a data set has data; None also where its store cannot be asked.

    Args:
        data_set: As of :func:`is_present`.
    """
    try:
        return is_present(data_set)
    except Exception:  # whatever its store raises
        return None


def _exists(data_set: Any) -> bool | None:
    exists = getattr(data_set, "exists", None)
    return bool(exists()) if callable(exists) else None
