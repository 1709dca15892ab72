"""All rows of a table that knows no transactions, replaced when the new ones are complete.

Spark's own overwrite drops such a table before it writes. Here the rows are first written to a
table beside it; where something fails later, they are still there, and the error says where.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.definitions import Definition, literal
from sparkpipe.datasets.spark.names import TableName, quoted
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import reason_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)


@contextmanager
def staged(
    session: SparkSession, table: TableName, write: Callable[[TableName], None]
) -> Iterator[TableName]:
    """Give a table that holds all rows to save; if then something fails, it stays.

    Args:
        session: The session.
        table: The table that is to be replaced.
        write: Writes the rows into a table of the name that it is given.

    Raises:
        DataSetError: What failed after all rows were written, and where they are.
    """
    staging = TableName((*table.parts[:-1], f"sparkpipe_{os.urandom(8).hex()}"))
    try:
        write(staging)
    except BaseException:
        with suppress(Exception):
            session.sql(f"DROP TABLE IF EXISTS {staging.sql}")
        raise
    try:
        yield staging
    except Exception as exc:
        raise DataSetError(
            f"{reason_of(exc)} All rows to save are in the table {staging}.",
            hint=f"Put it in place of {table}, or drop it.",
        ) from exc


def put_in_place(session: SparkSession, staging: TableName, table: TableName) -> None:
    """Give a table the name of another one, which is dropped."""
    session.sql(f"DROP TABLE {table.sql}")
    session.sql(f"ALTER TABLE {staging.sql} RENAME TO {table.sql}")


def insert_all(
    session: SparkSession, staging: TableName, table: TableName, found: Definition
) -> None:
    """Put the rows of one table in place of those of another, of which all else stays."""
    rows = session.read.table(staging.sql)
    columns = session.read.table(table.sql).columns
    rows.selectExpr(*map(quoted, columns)).write.mode("overwrite").insertInto(table.sql)
    if found.partitions:
        _drop_others(session.read.table(table.sql), rows, table, found.partitions)


def _drop_others(
    there: DataFrame, rows: DataFrame, table: TableName, partitions: list[str]
) -> None:
    """Drop partitions that rows do not have: Hive, and a session so set, leave them."""
    names = [quoted(name) for name in partitions]
    others = there.selectExpr(*names).subtract(rows.selectExpr(*names)).collect()
    for values in others:
        told = zip(names, values, strict=True)
        spec = ", ".join(f"{name} = {_value(value)}" for name, value in told)
        there.sparkSession.sql(f"ALTER TABLE {table.sql} DROP PARTITION ({spec})")


def _value(value: Any) -> str:
    return "NULL" if value is None else literal(str(value))
