"""Tables of Hive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.frames import need_columns
from sparkpipe.datasets.spark.table_data_set import SparkTableDataSet
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class SparkHiveDataSet(SparkTableDataSet):
    """A table of Hive's metastore, for which the session must know Hive.

    An upsert into a Delta table is one transaction. Of other formats it writes the whole table
    anew, and a save that fails then may leave it empty.

    Args:
        database: Its database.
        table: Its name.
        write_mode: ``append``, ``overwrite``, ``upsert``, ``ignore`` or ``errorifexists``.
        table_pk: Columns by which ``upsert`` tells rows apart.
        save_args: Options of the writer; ``format`` is that of a table that is made, ``hive`` by
            default; ``partitionBy`` its partitions.
        metadata: Kept for other tools.
    """

    def __init__(
        self,
        database: str,
        table: str,
        write_mode: str = "errorifexists",
        table_pk: Sequence[str] | None = None,
        save_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        options = dict(save_args or {})
        options.pop("eager_checkpoint", None)  # of Kedro, where it has no effect
        super().__init__(
            table,
            database=database,
            write_mode=write_mode,
            primary_key=table_pk,
            file_format=options.pop("format", None) or "hive",
            save_args=options,
            metadata=metadata,
        )

    def _can_upsert(self) -> bool:
        return True

    def _save(self, data: Any) -> None:
        if self._write_mode != "overwrite":
            self._compare(self._frame(data))
        super()._save(data)

    def _compare(self, frame: DataFrame) -> None:
        session = frame.sparkSession
        if not self._is_there(session):
            return
        table, data = set(session.read.table(self._table.sql).dtypes), set(frame.dtypes)
        if table != data:
            raise DataSetError(
                "the data does not have the columns of the table: only the data has "
                f"{_listed(data - table)}; only the table has {_listed(table - data)}."
            )

    def _upsert(self, frame: DataFrame) -> None:
        if super()._can_upsert():
            super()._upsert(frame)
            return
        need_columns(self._primary_key, frame.columns, "of the primary key")
        table = frame.sparkSession.read.table(self._table.sql)
        others = table.join(frame, self._primary_key, "left_anti")
        rows = frame.unionByName(others).dropDuplicates(self._primary_key)
        # Cut off from the table, which cannot be written to while it is read.
        self._write(rows.select(table.columns).localCheckpoint(), "overwrite")


SparkHiveDataset = SparkHiveDataSet


def _listed(columns: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in sorted(columns)) or "nothing"
