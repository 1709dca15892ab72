"""Marks of deleted rows: with ``sequence_by`` a merge keeps one, so that no older row comes back.

They are rows in which the column :data:`TOMBSTONE` is true, and of which only the key and the
sequence are kept. Data sets that read a table leave the rows and the column out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparkpipe.datasets.spark.names import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TOMBSTONE = "_tombstone"


def without_tombstones(frame: DataFrame) -> DataFrame:
    """Return a frame of a table without the marks of what was deleted."""
    if TOMBSTONE not in frame.columns:
        return frame
    return frame.where(f"NOT coalesce({quoted(TOMBSTONE)}, false)").drop(TOMBSTONE)
