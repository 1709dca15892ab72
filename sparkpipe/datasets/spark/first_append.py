"""Appends to a table that others are making at the same time."""

from __future__ import annotations

from collections.abc import Callable

from sparkpipe.spark.failures.chain import failure_links

# One writer makes the table; what the others were to commit then has no effect, and no rows of it
# are seen. Once the table is there, appends do not disturb one another.
_MADE_MEANWHILE = (
    *("DELTA_PROTOCOL_CHANGED", "DELTA_METADATA_CHANGED", "DELTA_TABLE_ALREADY_EXISTS"),
    *("TABLE_OR_VIEW_ALREADY_EXISTS", "DELTA_PATH_EXISTS"),
)
_KINDS = ("ProtocolChangedException", "MetadataChangedException", "TableAlreadyExistsException")
_MOST_TIMES = 3


def append(write: Callable[[], None]) -> None:
    """Append to a table, once more where another writer has made it meanwhile.

    Args:
        write: Appends, in one transaction.

    Raises:
        Exception: Spark's, why it cannot be appended.
    """
    for _ in range(_MOST_TIMES):
        try:
            write()
        except Exception as exc:
            if not was_made_meanwhile(exc):
                raise
        else:
            return
    write()


def was_made_meanwhile(exc: Exception) -> bool:
    """Whether a write, or a statement, failed as another writer has made the table meanwhile."""
    return any(
        link.condition.startswith(_MADE_MEANWHILE) or link.kind in _KINDS
        for link in failure_links(exc)
    )
