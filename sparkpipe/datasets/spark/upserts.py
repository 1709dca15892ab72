"""Rows that are updated by their key, and inserted where there is none: others stay as they are.

A row without a key, which is NULL in one of its columns, is like no other row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sparkpipe.datasets.spark.frames import need_columns, same_columns
from sparkpipe.datasets.spark.names import TableName, quoted
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_SHOWN = 5
_NEW = "`sparkpipe new row`"


def need_same_columns(wanted: Sequence[str], present: Sequence[str]) -> None:
    """Report columns that are not those of the table.

    Raises:
        DataSetError: They are others, or there are more or fewer.
    """
    if not same_columns(wanted, present):
        raise DataSetError(
            f"upsert needs the columns of the table: {', '.join(wanted)}.",
            hint=f"The data has: {', '.join(present)}.",
        )


def refuse_duplicates(frame: DataFrame, keys: Sequence[str]) -> None:
    """Refuse data that has more than one row for a key: which of them to keep, nobody can tell.

    Raises:
        DataSetError: It has; some of the values are told. Or it lacks a column of the key.
    """
    need_columns(keys, frame.columns, "of the primary key")
    with_key = frame.where(" AND ".join(f"{quoted(key)} IS NOT NULL" for key in keys))
    numbered = [f"key_{number}" for number in range(len(keys))]
    renamed = (f"{quoted(key)} AS {name}" for key, name in zip(keys, numbered, strict=True))
    counted = with_key.selectExpr(*renamed).groupBy(*numbered).count()
    found = counted.where("`count` > 1").limit(_MOST_SHOWN + 1).collect()
    if found:
        shown = [
            f"{', '.join(f'{key} = {value!r}' for key, value in zip(keys, row, strict=False))} "
            f"({row[-1]} rows)"
            for row in found[:_MOST_SHOWN]
        ]
        more = "; ..." if len(found) > _MOST_SHOWN else ""
        raise DataSetError(
            f"the data has more than one row for {'; '.join(shown)}{more}.",
            hint=f"An upsert takes one row for each {', '.join(keys)}. Keep one of them: "
            f"frame.dropDuplicates({[*keys]}).",
        )


def merge(frame: DataFrame, table: TableName, keys: Sequence[str]) -> DataFrame:
    """Upsert into a table that knows MERGE, in one transaction; return what Spark tells of it."""
    session = frame.sparkSession
    # No other save on the session, in this run or another one, has this name.
    view = f"sparkpipe_upsert_{os.urandom(8).hex()}"
    frame.createOrReplaceTempView(view)
    try:
        return session.sql(
            f"MERGE INTO {table.sql} AS base USING {view} AS news "
            f"ON {' AND '.join(f'base.{key} = news.{key}' for key in map(quoted, keys))} "
            "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )
    finally:
        with suppress(Exception):  # the error of the MERGE says more
            session.catalog.dropTempView(view)


def merged(table: DataFrame, frame: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Return, as a lazy frame, the rows that a table has after an upsert, as MERGE gives them.

    Args:
        table: The table as it is.
        frame: The rows to upsert; its columns are those of the table, in any order and case.
        keys: The columns of the key.
    """
    columns = [quoted(name) for name in table.columns]
    by = [name for name in table.columns if name.lower() in {key.lower() for key in keys}]
    news = frame.selectExpr(*columns)
    marked = news.selectExpr(*map(quoted, by), f"struct(*) AS {_NEW}")
    updated = table.join(marked, by, "left").selectExpr(
        *(f"CASE WHEN {_NEW} IS NULL THEN {c} ELSE {_NEW}.{c} END AS {c}" for c in columns)
    )
    return updated.unionByName(news.join(table.select(by), by, "left_anti"))
