"""Tables of Hive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.options import in_known_case
from sparkpipe.datasets.spark.table_data_set import SparkTableDataSet
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class SparkHiveDataSet(SparkTableDataSet):
    """A table of Hive's metastore, for which the session must know Hive.

    An upsert into a Delta table is one transaction. Of other formats it writes the whole table
    anew, beside the old one, which it replaces when it is complete; a table in a place of its own
    (``EXTERNAL``) is written where it is, and a save that fails may leave it empty.

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
        options = in_known_case(save_args or {}, ("format", "eager_checkpoint"))
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
        table, data = _columns(session.read.table(self._table.sql)), _columns(frame)
        if table != data:
            raise DataSetError(
                "the data does not have the columns of the table: only the data has "
                f"{_listed(data - table)}; only the table has {_listed(table - data)}."
            )


SparkHiveDataset = SparkHiveDataSet


def _columns(frame: DataFrame) -> set[tuple[str, str]]:
    """Return names and types; neither Hive nor Spark knows upper case."""
    return {(name.lower(), kind) for name, kind in frame.dtypes}


def _listed(columns: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in sorted(columns)) or "nothing"
