"""Delta tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.datasets.spark.paths import spark_path
from sparkpipe.datasets.spark.pinned import note_write
from sparkpipe.datasets.spark.spark_data_set import SparkDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io.effects import LoadEffect
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import get_spark

_FORMS = ("dataframe", "delta_table")


class DeltaTableDataSet(SparkDataSet):
    """A Delta table in a folder: read, appended to or overwritten in one transaction.

    Args:
        filepath: The folder of the table, or an address that Spark knows.
        load_args: Options of the reader, such as ``versionAsOf`` or ``timestampAsOf``.
        save_args: ``mode`` (``overwrite`` or ``append``), ``partitionBy``, ``mergeSchema``,
            ``overwriteSchema``, ``replaceWhere`` and other options of the writer.
        load_as: ``dataframe``; or ``delta_table`` for the ``delta.tables.DeltaTable``, to merge,
            update and delete in a node.
        metadata: Kept for other tools.
    """

    def __init__(
        self,
        filepath: str,
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        load_as: str = "dataframe",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, "delta", load_args, save_args, metadata=metadata)
        if load_as not in _FORMS:
            raise DataSetError(
                f"load_as '{load_as}' is not known.", hint=f"It is one of {', '.join(_FORMS)}."
            )
        self._load_as = load_as

    def _load(self) -> Any:
        if self._load_as == "dataframe":
            return super()._load()
        missing = self._missing()
        if missing:
            raise DataSetError(missing)
        session = get_spark()
        if is_connect(session):
            raise DataSetError(
                "load_as 'delta_table' needs a classic Spark session, not one of Spark Connect.",
                hint="Load a dataframe and use SQL (MERGE INTO), or end a warm session by: "
                "sparkpipe session stop",
            )
        from delta.tables import DeltaTable

        note_write(self.target())  # it is for writing
        return DeltaTable.forPath(session, spark_path(self._given))

    def load_effect(self) -> LoadEffect:
        """Return that a frame stays as it was when it was loaded; a ``DeltaTable`` does not."""
        return super().load_effect() if self._load_as == "dataframe" else "live"

    def _describe(self) -> dict[str, Any]:
        described = super()._describe()
        del described["file_format"], described["version"]
        return described


DeltaTableDataset = DeltaTableDataSet
