"""Tables that Spark knows by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from sparkpipe.datasets.spark.accounting import Account, accounting, delta_folder, delta_location
from sparkpipe.datasets.spark.asked import LoadsVersions
from sparkpipe.datasets.spark.commits import marked, writer_options
from sparkpipe.datasets.spark.creation import (
    layout_problems,
    make_or_compare,
    options_for,
    take_creation,
)
from sparkpipe.datasets.spark.definitions import (
    Definition,
    keeping_clustering,
    kept_partitions,
    read_definition,
    restore,
    with_comments,
)
from sparkpipe.datasets.spark.first_append import append
from sparkpipe.datasets.spark.frames import analysed, need_columns, need_frame, rows_of_pandas
from sparkpipe.datasets.spark.merging.saving import merge_into
from sparkpipe.datasets.spark.merging.words import MERGE, take_merge
from sparkpipe.datasets.spark.names import TableName, is_named, quoted, tell_hidden, tell_no_catalog
from sparkpipe.datasets.spark.options import (
    SAVE_MODES,
    format_problems,
    in_known_case,
    missing_for,
    option_problems,
    option_warnings,
    pinned_version,
    spark_mode,
    word_problems,
)
from sparkpipe.datasets.spark.paths import local_path
from sparkpipe.datasets.spark.pinned import note_write, reads_changes, version_of
from sparkpipe.datasets.spark.reading import Place, load_table
from sparkpipe.datasets.spark.replacing import insert_all, put_in_place, staged
from sparkpipe.datasets.spark.schema import read_schema, schema_problems
from sparkpipe.datasets.spark.states import table_state
from sparkpipe.datasets.spark.upserts import merge as upsert
from sparkpipe.datasets.spark.upserts import merged, need_same_columns, refuse_duplicates
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet, SaveEffect, Version
from sparkpipe.io.declared import location_of
from sparkpipe.io.effects import LoadEffect, effect_of_mode
from sparkpipe.io.foreign import TRANSACTIONAL
from sparkpipe.io.target import path_target, spark_table
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.jobs.saves import SaveMark, is_of_batch
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WRITE_MODES = (*SAVE_MODES, "upsert", MERGE)
#: Modes that touch the rows that are there.
_REPLACES = ("overwrite", "upsert")
_DATAFRAME_TYPES = ("spark", "pandas")

#: Formats that know MERGE.
_MERGED = TRANSACTIONAL

# Arguments that are no options of the writer.
_ARGUMENTS = {"mode": "write_mode", "format": "file_format", "name": "table"}
_OURS = (*_ARGUMENTS, "partitionBy")
_KEEPS_SCHEMA = ("replacewhere", "partitionoverwritemode", "mergeschema", "overwriteschema")


class SparkTableDataSet(LoadsVersions, AbstractDataSet):
    """A table by its name, in Unity Catalog or in any catalog that Spark has.

    Args:
        table: The table; or its whole name, ``database.table`` or ``catalog.database.table``.
        catalog: The catalog of its database; by default the present one.
        database: Its database, also called schema; by default the present one.
        write_mode: ``overwrite``, ``append``, ``merge``, ``upsert``, ``ignore`` or ``error``.
            Without it the table is for reading only.
        dataframe_type: ``spark`` or ``pandas``: what is loaded and saved.
        primary_key: Columns by which ``upsert`` finds the rows to update; others are inserted.
        version: Its ``load`` is the version of a Delta table to read.
        schema: Columns to save, in this order; in any form that ``load_args: schema`` of
            ``spark.SparkDataSet`` has.
        partition_columns: By what a table that is made, or overwritten, is partitioned.
        owner_group: Kept for hooks.
        file_format: Format of a table that is made.
        load_args: Options of the reader, and ``version`` and ``changes``, as of
            ``spark.DeltaTableDataSet``.
        save_args: Options of the writer, such as ``mergeSchema`` or ``replaceWhere``; those of a
            merge are told with ``spark.DeltaTableDataSet``.
        metadata: Kept for other tools.

    Raises:
        DataSetError: A name, a mode or a version is not possible.
    """

    _SINGLE_PROCESS = True
    _IS_BY_NAME = True
    _DATABASE: ClassVar[str | None] = None

    def __init__(
        self,
        table: str,
        catalog: str | None = None,
        database: str | None = None,
        write_mode: str | None = None,
        dataframe_type: str = "spark",
        primary_key: str | Sequence[str] | None = None,
        version: Version | None = None,
        *,
        schema: Any = None,
        partition_columns: str | Sequence[str] | None = None,
        owner_group: str | None = None,
        file_format: str = "delta",
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._table = TableName.of(table, database, catalog, self._DATABASE)
        self._write_mode = None if write_mode is None else str(write_mode).lower()
        self._dataframe_type = dataframe_type
        self._primary_key = _names(primary_key)
        self._version = version
        self._schema = schema
        self._owner_group = owner_group
        self._file_format = str(file_format)
        load_version = None if version is None else version.load
        self._ask(load_args, load_version)
        given = in_known_case(save_args or {}, _OURS)
        if self._write_mode in (None, MERGE) and str(given.get("mode", MERGE)).lower() == MERGE:
            self._write_mode = MERGE if "mode" in given else self._write_mode
            given |= {} if self._write_mode is None else {"mode": MERGE}
        self._merge, others = take_merge(given, self._primary_key)
        self._creation, self._save_args = take_creation(others)
        self._creation_words = self._creation.words
        in_options = self._save_args.pop("partitionBy", None)
        self._partition_columns = _names(partition_columns) or _names(in_options)
        self._creation = self._creation.whole(self._partition_columns, self._merge is not None)
        self.metadata = metadata
        self._is_hiding_sought = False
        self._check()

    def _check(self) -> None:
        wrong = word_problems("dataframe_type", self._dataframe_type, _DATAFRAME_TYPES)
        if self._write_mode is not None:
            wrong += word_problems("write_mode", self._write_mode, WRITE_MODES)
        if self._write_mode == "upsert" and not self._primary_key:
            wrong.append("upsert needs the columns by which rows are told apart (primary_key).")
        wrong += [
            f"save_args: a table has {argument}, no '{option}'."
            for option, argument in _ARGUMENTS.items()
            if option in self._save_args
        ]
        if wrong:
            raise DataSetError(" ".join(wrong))

    def _load(self) -> Any:
        session = get_spark()

        def read(options: Mapping[str, Any]) -> DataFrame:
            if is_of_batch():
                # Its stream may go on for days, and Spark remembers which files a table has.
                session.catalog.refreshTable(self._table.sql)
            return analysed(session.read.options(**options).table(self._table.sql))

        place = Place(
            self._table.sql,
            self.target(),
            location_of(self),
            partial(delta_folder, session, self._table),
            partial(self._present_version, session),
            partial(self._find_place, session),
        )
        try:
            if self._is_delta:
                frame = load_table(session, read, self._load_args, self._asked, place)
            else:
                frame = read(self._load_args)
        except Exception as exc:
            tell_no_catalog(exc, self._table)
            raise
        return frame.toPandas() if self._dataframe_type == "pandas" else frame

    def _present_version(self, session: SparkSession) -> int | None:
        place = delta_location(session, self._table)
        if place == "":
            return None
        return version_of(session, self._table.sql, local_path(place) if place else None)

    def _find_place(self, session: SparkSession) -> str | None:
        """Return the target of the path where the table lies; None if nobody tells."""
        place = delta_location(session, self._table)
        if place is None and is_connect(session):
            with suppress(Exception):  # no table of Delta, or none yet
                detail = session.sql(f"DESCRIBE DETAIL {self._table.sql}").select("location")
                place = detail.collect()[0][0]
        return (path_target(place) if place else "") or None

    @property
    def _is_delta(self) -> bool:
        return self._file_format.lower() == "delta"

    def _save(self, data: Any) -> None:
        if self._write_mode is None:
            raise DataSetError(self.why_unwritable())
        frame = self._frame(data)
        note_write(self.target(), partial(self._find_place, frame.sparkSession))
        if not self._is_hiding_sought:  # a stream saves a batch every few seconds
            self._is_hiding_sought = True
            tell_hidden(frame.sparkSession, self._table)
        try:
            self._save_frame(frame, self._write_mode)
        except Exception as exc:
            tell_no_catalog(exc, self._table)
            raise

    def _save_frame(self, frame: DataFrame, mode: str) -> None:
        session = frame.sparkSession
        if self._merge is not None:
            merge_into(
                frame,
                self._table.sql,
                self._merge,
                self._creation,
                is_there=self._is_there(session),
                target=self.target(),
                find_delta=partial(delta_folder, session, self._table),
            )
            return
        if self._creation.is_plain:
            self._save_rows(frame, mode)
            return
        made_with, is_there = (self._table.sql, self._creation), self._is_there(session)
        is_made = make_or_compare(session, *made_with, frame, is_there=is_there, mode=mode)
        saving = copy(self)
        saving._save_args = options_for(frame, *made_with, self._save_args, is_made=is_made)
        saving._save_rows(frame, "append" if is_made and mode != "upsert" else mode)

    def _save_rows(self, frame: DataFrame, mode: str) -> None:
        if mode == "upsert":
            refuse_duplicates(frame, self._primary_key)
        found = self._definition(frame.sparkSession) if mode in _REPLACES else None
        if found is None:
            self._write(frame, "append" if mode == "upsert" else mode)
        elif mode == "upsert":
            self._upsert(frame, found)
        else:
            self._overwrite(frame, found)

    def why_unwritable(self) -> str:
        """Say that a table without ``write_mode`` is for reading only."""
        if self._write_mode is not None:
            return ""
        return (
            f"the table {self._table} is for reading only, as it has no write_mode. "
            "Give write_mode: overwrite, append or upsert."
        )

    def _frame(self, data: Any) -> DataFrame:
        """Return what is given as a Spark DataFrame with the columns to save."""
        if self._dataframe_type == "spark":
            hint = "Make one by spark.createDataFrame(data), or give dataframe_type: pandas."
            frame = need_frame(data, hint)
            if self._schema is None:
                return frame
            wanted = self._struct(frame.sparkSession).names
            need_columns(wanted, frame.columns, "of the schema")
            return frame.select(*map(quoted, wanted))
        session = get_spark()
        struct = None if self._schema is None else self._struct(session)
        return rows_of_pandas(data, session, struct)

    def _struct(self, session: SparkSession) -> Any:
        return session.createDataFrame([], read_schema(self._schema, {})).schema

    def _write(
        self, frame: DataFrame, mode: str, partitions: list[str] | None = None, **how: Any
    ) -> None:
        with marked(self.target()) as mark, self._accounting(frame) as account:
            self._write_as(account.frame, mode, partitions, mark=mark, **how)

    def _overwrite(self, frame: DataFrame, found: Definition) -> None:
        """Replace the rows of a table that is there; all else of it stays."""
        is_other = found.is_table and found.is_transactional != self.is_transactional()
        if is_other and effect_of_mode("overwrite", self._save_args) == "part":
            found.refuse_part(self._table, self._file_format)
        partitions = kept_partitions(found, self._partition_columns, frame.columns)
        rows = with_comments(frame, found)
        if is_other:
            self._rewrite(rows, partitions, found)
        elif found.is_transactional or self.is_transactional():
            same = found.partitions == partitions and found.columns == rows.dtypes
            keeps = same or bool(self._creation.filled) or found.fills_all_but(rows.dtypes)
            self._write(rows, "overwrite", partitions, keeps=keeps)
        elif not found.is_table:  # another catalog's, which knows what becomes of it
            self._write(rows, "overwrite")
        elif self._can_be_renamed(found, partitions, rows.sparkSession):
            self._replace(rows, found)
        else:
            self._rewrite(rows, partitions, found)

    def _can_be_renamed(
        self, found: Definition, partitions: list[str], session: SparkSession
    ) -> bool:
        # A table that gets another name does not know where its partitions lie.
        catalog = self._table.catalog or session.catalog.currentCatalog()
        return catalog == "spark_catalog" and found.is_plain and not partitions

    def _replace(self, frame: DataFrame, found: Definition) -> None:
        session = frame.sparkSession
        write = partial(self._write, frame, "error", [])
        with staged(session, self._table, lambda name: write(table=name)) as staging:
            restore(session, staging, found)
            put_in_place(session, staging, self._table)

    def _rewrite(self, frame: DataFrame, partitions: list[str], found: Definition) -> None:
        session = frame.sparkSession
        write = partial(self._write, frame, "error", [], file_format="parquet")
        with staged(session, self._table, lambda name: write(table=name)) as staging:
            is_other = found.is_transactional != self.is_transactional()
            if not is_other and found.takes(frame.dtypes, partitions):
                insert_all(session, staging, self._table, found)
            else:
                found.tell_lost(self._table, self._file_format)
                if is_other:  # Spark would make it of the new format with what it knows of the old
                    session.sql(f"DROP TABLE {self._table.sql}")
                self._write_as(session.read.table(staging.sql), "overwrite", partitions)
                restore(session, self._table, found)
            session.sql(f"DROP TABLE {staging.sql}")

    def _definition(self, session: SparkSession) -> Definition | None:
        return read_definition(session, self._table) if self._is_there(session) else None

    def _accounting(self, frame: DataFrame) -> AbstractContextManager[Account]:
        session = frame.sparkSession
        find = partial(delta_folder, session, self._table)
        return accounting(frame, self._file_format, find_delta=find)

    def _write_as(
        self,
        frame: DataFrame,
        mode: str,
        partitions: list[str] | None = None,
        *,
        table: TableName | None = None,
        file_format: str = "",
        keeps: bool = False,
        mark: SaveMark | None = None,
    ) -> None:
        """Have Spark write a table.

        Args:
            frame: The rows.
            mode: What becomes of a table that is there.
            partitions: By what it is partitioned; by default as the entry says.
            table: Another one than that of the entry.
            file_format: Another format, which is given no options.
            keeps: Whether an overwrite leaves the schema.
            mark: The save, if the table keeps which one it is.
        """
        writer = frame.write.format(file_format or self._file_format).mode(spark_mode(mode))
        given = {option.lower() for option in self._save_args}
        whole = self._is_delta and mode == "overwrite"
        if whole and not keeps and given.isdisjoint(_KEEPS_SCHEMA):
            writer = writer.option("overwriteSchema", True)
        partitions = self._partition_columns if partitions is None else partitions
        if partitions:
            writer = writer.partitionBy(*partitions)
        options = {} if file_format else self._save_args
        if self._is_delta and not file_format:
            options = {**options, **writer_options(mark, options)}
        write = partial(writer.saveAsTable, (table or self._table).sql, **options)
        if self._is_delta and mode == "append":
            append(write)
            return
        name = (table or self._table).sql
        with keeping_clustering(frame.sparkSession, name) if whole else nullcontext():
            write()

    def _upsert(self, frame: DataFrame, found: Definition) -> None:
        """Update rows of the same key and insert the others."""
        need_same_columns([name for name, _ in found.columns], frame.columns)
        if found.is_transactional:
            with self._accounting(frame) as account:
                account.result = upsert(frame, self._table, self._primary_key)
            return
        before = frame.sparkSession.read.table(self._table.sql)
        self._overwrite(merged(before, frame, self._primary_key), found)

    def _exists(self) -> bool:
        return self._is_there(get_spark())

    def _is_there(self, session: SparkSession) -> bool:
        return is_named(session, self._table)

    def _problems(self) -> list[str]:
        # One that is for reading only is there already, in a format of its own.
        if missing := missing_for("" if self._write_mode is None else self._file_format):
            return missing
        problems = format_problems(self._file_format)
        if not self._is_delta:
            problems += layout_problems(self._creation_words, self._file_format)
        problems += option_problems("load_args", self._file_format, self._load_args)
        problems += option_problems("save_args", self._file_format, self._save_args)
        if self._schema is not None:
            wrong = [one.removeprefix("load_args: ") for one in schema_problems(self._schema)]
            problems += [one if "schema" in one else f"schema: {one}" for one in wrong]
        knows = self._is_delta if self._write_mode == MERGE else self._can_upsert()
        if self._write_mode in ("upsert", MERGE) and not knows:
            told = f"needs a Delta table, not file_format '{self._file_format}'."
            problems.append(f"{self._write_mode} {told}")
        of_a_part = {"partitionoverwritemode", "replacewhere"} & {*map(str.lower, self._save_args)}
        if self._write_mode == "overwrite" and of_a_part and not self.is_transactional():
            problems.append(
                "save_args: a part of a table can be replaced where it is a Delta table; of one of "
                f"file_format '{self._file_format}' each overwrite replaces the whole."
            )
        return problems

    def _warnings(self) -> list[str]:
        told = option_warnings("load_args", self._file_format, self._load_args)
        return told + option_warnings("save_args", self._file_format, self._save_args)

    def _can_upsert(self) -> bool:
        return self._file_format.lower() in _MERGED

    def name_in_sql(self) -> str:
        """Return the name by which Spark's SQL reaches it."""
        return self._table.sql

    def target(self) -> str:
        """Return its name, alike for all ways to write it."""
        return spark_table(str(self._table))

    def save_effect(self) -> SaveEffect:
        """Return what a save does: as ``write_mode`` says; without one nothing can be saved."""
        return effect_of_mode(self._write_mode or "error", self._save_args)

    def load_effect(self) -> LoadEffect:
        """Return that a Delta table stays as it was when it was loaded; others are read later."""
        if self._asked.is_fixed or pinned_version(self._load_args):
            return "fixed"
        return "snapshot" if self._is_delta and not reads_changes(self._load_args) else "live"

    def saves_once(self) -> bool:
        """Return whether the table keeps which saves it has, so that none has an effect twice."""
        return self._is_delta

    def is_transactional(self) -> bool:
        """Whether a save is one transaction: that of a table of Delta, Iceberg or Hudi is."""
        return self._file_format.lower() in TRANSACTIONAL

    def is_whole_or_nothing(self) -> bool:
        """Whether a save that fails leaves what was there: Spark commits files with the job."""
        return True

    def state(self) -> str | None:
        """Return a token of the version that is read: that asked for, or the present one."""
        number, run = self._asked.version, self._asked.run
        if number is not None:
            return f"v{number}"
        asked = f"run={run}" if run else pinned_version(self._load_args)
        return asked or (table_state(self._table) if self._is_delta else None)

    def _describe(self) -> dict[str, Any]:
        return {
            "table": str(self._table),
            "write_mode": self._write_mode,
            "dataframe_type": self._dataframe_type,
            "upsert_on": self._primary_key or None,
            "version": self._asked.version,
            "partition_columns": self._partition_columns or None,
            "owner_group": self._owner_group,
            "file_format": self._file_format,
            "load_args": self._load_args or None,
            "save_args": self._save_args or None,
        }


class ManagedTableDataSet(SparkTableDataSet):
    """A Delta table of Databricks: :class:`SparkTableDataSet`, in the database ``default``."""

    _DATABASE = "default"


SparkTableDataset = SparkTableDataSet
ManagedTableDataset = ManagedTableDataSet


def _names(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())
