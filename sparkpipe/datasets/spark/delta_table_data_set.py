"""Delta tables."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from sparkpipe.datasets.spark.asked import LoadsVersions, why_no_version
from sparkpipe.datasets.spark.creation import make_or_compare, options_for, take_creation
from sparkpipe.datasets.spark.frames import as_spark_frame, need_frame
from sparkpipe.datasets.spark.merging.saving import merge_into
from sparkpipe.datasets.spark.merging.words import take_merge
from sparkpipe.datasets.spark.paths import spark_path
from sparkpipe.datasets.spark.pinned import note_write
from sparkpipe.datasets.spark.spark_data_set import SparkDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import Version
from sparkpipe.io.effects import LoadEffect, SaveEffect
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import get_spark

_FORMS = ("dataframe", "delta_table")


class DeltaTableDataSet(LoadsVersions, SparkDataSet):
    """A Delta table in a folder: read, appended to or overwritten in one transaction.

    Args:
        filepath: The folder of the table, or an address that Spark knows.
        load_args: Options of the reader; ``version`` is a number, a time, or ``as of run <id>``;
            ``changes`` is ``{since: last_run}``, or since a version or a time.
        save_args: ``mode`` (``overwrite``, ``append`` or ``merge``), ``partitionBy``,
            ``mergeSchema``, ``overwriteSchema``, ``replaceWhere`` and other options of the writer.
            With ``merge`` also ``keys``, ``update_when``, ``delete_when``, ``insert``,
            ``sequence_by``, ``scd``, ``columns``, ``schema_change`` and ``within``; frames of
            pandas are merged, too.
        load_as: ``dataframe``; or ``delta_table`` for the ``delta.tables.DeltaTable``, to merge,
            update and delete in a node.
        metadata: Kept for other tools.
        version: Its ``load`` is the version to load.
        credentials: Of a package of fsspec, with which the log of a table in a store is listed to
            tell whether it has changed; Spark reads the table with its own.
    """

    def __init__(
        self,
        filepath: str,
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        load_as: str = "dataframe",
        metadata: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        # It is no version of ours, of which each save makes one in a folder of its own.
        self._ask(load_args, None if version is None else version.load)
        self._merge, others = take_merge(save_args or {})
        self._creation, others = take_creation(others)
        options: dict[str, Any] = {"credentials": credentials, "metadata": metadata}
        super().__init__(filepath, "delta", self._load_args, others, **options)
        given = self._save_args.get("partitionBy")
        self._creation = self._creation.whole(given, self._merge is not None)
        self._given_save_args = dict(save_args or {})
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

    def _save(self, data: Any) -> None:
        if self._merge is None:
            self._write_rows(data)
            return
        frame = as_spark_frame(data, get_spark())
        note_write(self.target())
        merge_into(
            frame,
            self.name_in_sql(),
            self._merge,
            self._creation,
            is_there=self._exists(),
            target=self.target(),
            find_delta=partial(self._local, self._filepath),
        )

    def _write_rows(self, data: Any) -> None:
        if self._creation.is_plain:
            super()._save(data)
            return
        frame, made_with = need_frame(data), (self.name_in_sql(), self._creation)
        session, is_there = frame.sparkSession, self._exists()
        is_made = make_or_compare(session, *made_with, frame, is_there=is_there, mode=self._mode)
        saving = copy(self)
        options = options_for(frame, *made_with, self._save_args, is_made=is_made)
        saving._save_args = {**self.DEFAULT_SAVE_ARGS, **options}
        if is_made:  # any other mode would find a table that is there
            saving._save_args["mode"] = "append"
        super(DeltaTableDataSet, saving)._save(data)

    def save_effect(self) -> SaveEffect:
        """Return what a save does: as its mode says."""
        return super().save_effect() if self._merge is None else "merge"

    def _warnings(self) -> list[str]:
        told = super()._warnings()
        if self._merge is not None:
            ours = {*self.DEFAULT_SAVE_ARGS}
            others = [name for name in self._save_args if name not in (*ours, "partitionBy")]
            told += [f"save_args: '{name}' has no effect on a merge." for name in others]
        return told

    def load_effect(self) -> LoadEffect:
        """Return that a frame stays as it was when it was loaded; a ``DeltaTable`` does not."""
        if self._load_as != "dataframe":
            return "live"
        return "fixed" if self._asked.is_fixed else super().load_effect()

    def state(self) -> str | None:
        """Return a token of the version that is read: the present one, or that asked for."""
        return f"run={self._asked.run}" if self._asked.run else super().state()

    def _missing_at(self, path: PurePosixPath) -> str:
        missing, local = super()._missing_at(path), self._local(path)
        if missing or local is None or self._asked.version is None:
            return missing
        return why_no_version(local, self._asked.version)

    def _describe(self) -> dict[str, Any]:
        described = super()._describe()
        if self._asked.run or self._asked.since is not None:
            described["asked"] = self._asked.run or self._asked.since
        del described["file_format"], described["version"]
        if self._merge is not None:
            described["save_args"] = self._given_save_args
        return described


DeltaTableDataset = DeltaTableDataSet
