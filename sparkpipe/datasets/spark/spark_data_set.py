"""Files that Spark reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from sparkpipe.datasets.spark.accounting import accounting
from sparkpipe.datasets.spark.asked import Asked
from sparkpipe.datasets.spark.commits import marked, writer_options
from sparkpipe.datasets.spark.creation import layout_problems
from sparkpipe.datasets.spark.definitions import (
    definition_at,
    keeping_clustering,
    kept_partitions,
    with_comments,
)
from sparkpipe.datasets.spark.delta_log import latest_version
from sparkpipe.datasets.spark.empty import empty_frame, has_no_files, keep_schema, no_files
from sparkpipe.datasets.spark.first_append import append
from sparkpipe.datasets.spark.frames import analysed, need_frame
from sparkpipe.datasets.spark.headers import refuse_other_columns, tell_other_order
from sparkpipe.datasets.spark.listing import is_there, is_whole, matching, remove
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.options import (
    format_problems,
    in_known_case,
    is_of_files,
    is_path,
    missing_for,
    mode_problems,
    option_problems,
    option_warnings,
    pinned_version,
    spark_mode,
)
from sparkpipe.datasets.spark.paths import (
    is_given_local,
    is_glob,
    local_path,
    path_problems,
    recover,
    replacing_folder,
    spark_path,
    split_address,
)
from sparkpipe.datasets.spark.pinned import note_write, reads_changes, version_of
from sparkpipe.datasets.spark.reading import Place, load_table
from sparkpipe.datasets.spark.schema import read_schema, schema_problems
from sparkpipe.datasets.spark.states import Store, state_by_history
from sparkpipe.datasets.spark.tagged import without_late_tasks
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractVersionedDataSet, SaveEffect, Version, glob_paths
from sparkpipe.io.declared import location_of
from sparkpipe.io.effects import LoadEffect, effect_of_mode
from sparkpipe.io.foreign import TRANSACTIONAL
from sparkpipe.io.saving import Meeting, add_to_old, give_way, refuse, replacing_parts
from sparkpipe.io.target import path_target
from sparkpipe.io.tokens import folder_state, path_state
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.jobs.saves import SaveMark
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Folders whose files are written anew with each change of a table.
_LOGS = {"iceberg": "metadata", "hudi": ".hoodie"}

# To know the columns of these, all of the files are read.
_UNTYPED = ("csv", "json", "xml")

_ONLY_READ = ("binaryfile", "image")

#: Options that are read here, and arguments that are no options.
_OURS_IN_LOAD = ("schema", "format", "path")
_OURS_IN_SAVE = ("mode", "partitionBy", "format", "path")
_ARGUMENTS = {"format": "file_format", "path": "filepath"}

_PARTITION_OPTION = "partitionOverwriteMode"
_PARTITION_OVERWRITE = "spark.sql.sources.partitionOverwriteMode"


class SparkDataSet(AbstractVersionedDataSet):
    """Files as a Spark DataFrame, loaded lazily.

    On local disk an overwrite puts the new files in place when all are written, so a save that
    fails leaves the old ones. Elsewhere Spark alone reads and writes, and is asked what there is,
    with its own credentials.

    Args:
        filepath: A path, or an address that Spark knows (``s3a://``, ``abfss://``, ``dbfs:/``).
        file_format: ``parquet``, ``csv``, ``json``, ``orc``, ``delta``, or any that Spark has.
        load_args: Options of the format's reader. ``schema`` is DDL (``"a INT, b STRING"``), a
            mapping of column to type, a StructType or its JSON form, or
            ``{filepath: schema.json}``.
        save_args: ``mode`` (``overwrite``, ``append``, ``ignore``, ``error``), ``partitionBy``,
            and options of the format's writer.
        version: Versions to load and save; each is a folder of its own, never overwritten.
        credentials: For reading a schema file, and for a look at whether data has changed; Spark
            reads it with its own.
        metadata: Kept for other tools.
    """

    _SINGLE_PROCESS = True
    #: What of a table of Delta is asked for.
    _asked = Asked()
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"mode": "overwrite"}

    def __init__(
        self,
        filepath: str,
        file_format: str = "parquet",
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        version: Version | None = None,
        credentials: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not str(filepath).strip():
            raise DataSetError("filepath is empty.")
        if version is not None and is_glob(str(filepath)):
            raise DataSetError(
                f"'{filepath}' stands for many paths, which cannot be versioned.",
                hint="Give the path of one data set, or remove 'versioned: true'.",
            )
        self._given = str(filepath)
        self._is_path = is_path(str(file_format), self._given)
        self._prefix, path = split_address(self._given) if self._is_path else ("", self._given)
        super().__init__(PurePosixPath(path), version, self._there, self._find)
        self._file_format = str(file_format)
        given = in_known_case(load_args or {}, _OURS_IN_LOAD)
        self._load_args = {**self.DEFAULT_LOAD_ARGS, **given}
        given = in_known_case(save_args or {}, _OURS_IN_SAVE)
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **given}
        self._schema = self._load_args.pop("schema", None)
        self._credentials = dict(credentials or {})
        self._store = Store(self._given, self._credentials)
        self.metadata = metadata

    @property
    def _is_delta(self) -> bool:
        return self._file_format.lower() == "delta"

    # Where it is

    def _address(self, path: PurePosixPath | str) -> str:
        return f"{self._prefix}{path}"

    def _local(self, path: PurePosixPath | str) -> Path | None:
        """Return a path on local disk; None for one elsewhere, a pattern, and what is no path."""
        if not self._is_path or is_glob(str(path)):
            return None
        return local_path(self._full(path))

    def _full(self, path: PurePosixPath | str) -> str:
        # What a path says of its file system is not part of it.
        return f"file:{path}" if is_given_local(self._given) else self._address(path)

    def _for_spark(self, path: PurePosixPath | str) -> str:
        return spark_path(self._full(path)) if self._is_path else str(path)

    @property
    def _is_local(self) -> bool:
        return self._is_path and local_path(self._full(self._filepath)) is not None

    def _there(self, path: str) -> bool:
        """Return whether a path is there; of a version also whether it is complete."""
        if self._is_local:
            return Path(path).exists()
        if self._version is None or path == str(self._filepath):
            return bool(matching(self._for_spark(path)))
        if self._is_delta:
            return is_there(self._for_spark(path), self._file_format)
        return is_whole(self._for_spark(path))

    def _find(self, pattern: str) -> list[str]:
        return glob_paths(pattern) if self._is_local else matching(self._for_spark(pattern))

    # What is done with it

    def _load(self) -> DataFrame:
        path = self._get_load_path()
        self._recover(path)
        missing = self._missing_at(path)
        if missing:
            raise DataSetError(missing)
        try:
            if self._is_delta:
                return self._load_delta(path)
            frame = self._read(path, self._load_args)
        except Exception as exc:
            if not has_no_files(exc):
                raise
            empty = empty_frame(self._local(path))
            if empty is None:
                raise no_files(self._address(path)) from exc
            return empty
        if self._schema is not None and self._file_format.lower() == "csv":
            tell_other_order(self._local(path), frame.columns, self._load_args)
        if self._schema is not None or self._file_format.lower() not in (*_UNTYPED, "text"):
            return frame
        empty = empty_frame(self._local(path))
        return frame if empty is None or self._has_rows(frame) else empty

    def _has_rows(self, frame: DataFrame) -> bool:
        """Whether Spark has found rows; without any it knows no columns, but one of a text."""
        is_text = self._file_format.lower() == "text"
        return bool(frame.inputFiles() if is_text else frame.columns)

    def load_like(self, data: DataFrame) -> DataFrame:
        """Load what was saved of a frame: its columns need not be sought in all of the files.

        Args:
            data: The frame that was saved.
        """
        reader = self
        if self._schema is None and self._file_format.lower() in _UNTYPED:
            reader = copy(self)
            reader._schema = data.schema
        frame: DataFrame = reader.load()
        return frame

    def _read(self, path: PurePosixPath, options: Mapping[str, Any]) -> DataFrame:
        reader = get_spark().read.format(self._file_format).options(**options)
        if self._schema is not None:
            reader = reader.schema(read_schema(self._schema, self._credentials))
        return analysed(reader.load(self._for_spark(path)))

    def _load_delta(self, path: PurePosixPath) -> DataFrame:
        session, local = get_spark(), self._local(path)
        sql = f"delta.{quoted(self._for_spark(path))}"
        place = Place(
            sql,
            self._own_target(path),
            location_of(self),
            lambda: local,
            partial(version_of, session, sql, local),
        )
        return load_table(session, partial(self._read, path), self._load_args, self._asked, place)

    def name_in_sql(self) -> str:
        """Return the name by which Spark's SQL reaches what is saved."""
        return f"{self._file_format}.{quoted(self._for_spark(self._get_save_path()))}"

    def _own_target(self, path: PurePosixPath) -> str:
        return path_target(self._address(path))

    def _save(self, data: DataFrame) -> None:
        need_frame(data)
        path = self._get_save_path()
        note_write(self._own_target(path))
        target = self._local(path)
        if target is None or not self._is_staged:
            self._save_directly(data, path)
        elif not self._is_superfluous(target):
            self._save_beside(data, target)

    @property
    def _is_staged(self) -> bool:
        """Whether data is put in place when it is complete; tables of Delta do so themselves."""
        is_version = self._version is not None
        return is_of_files(self._file_format) or (self._is_delta and is_version)

    def _save_directly(self, data: DataFrame, path: PurePosixPath) -> None:
        find = partial(self._local, path) if self._is_delta else None
        is_removed = self._version is not None  # what is not complete is no version
        try:
            with (
                without_late_tasks(data.sparkSession) if is_removed else nullcontext(),
                marked(self._own_target(path)) as mark,
                accounting(data, self._file_format, find_delta=find) as account,
            ):
                self._write(account.frame, self._for_spark(path), mark)
        except BaseException:
            if is_removed:
                remove(self._for_spark(path.parent))
            raise

    def _save_beside(self, data: DataFrame, target: Path) -> None:
        home = None if self._version is None else self._local(self._filepath)
        meeting = self._meeting(data)
        if self._file_format.lower() == "csv" and meeting in (add_to_old, replacing_parts):
            has_schema = self._schema is not None
            refuse_other_columns(target, data.columns, self._save_args, has_schema=has_schema)
        with (
            replacing_folder(target, home, meeting) as staging,
            without_late_tasks(data.sparkSession),
            accounting(data, self._file_format, folder=staging) as account,
        ):
            self._write(account.frame, spark_path(staging.as_posix()))
            if not self._is_delta:
                keep_schema(staging, data)
        # Spark knows nothing of the swap: a cached frame of this path would show the old data.
        data.sparkSession.catalog.refreshByPath(spark_path(target.as_posix()))

    @property
    def _mode(self) -> str:
        return spark_mode(self._save_args["mode"]).lower()

    def _is_superfluous(self, target: Path) -> bool:
        """Whether there is nothing to do, as something is there already."""
        if self._version is not None or not target.exists():
            return False
        if self._mode == "error":
            raise DataSetError(
                f"{target} already exists, and mode is error.",
                hint="Remove it, or give save_args: {mode: overwrite}.",
            )
        return self._mode == "ignore"

    def _meeting(self, data: DataFrame) -> Meeting | None:
        """Return what is to be done with old data, if there is some when the new is complete."""
        if self._version is not None:
            return refuse
        meetings = {"append": add_to_old, "ignore": give_way, "error": refuse}
        if self._mode in meetings:
            return meetings[self._mode]
        return replacing_parts if self._replaces_parts(data) else None

    def _replaces_parts(self, data: DataFrame) -> bool:
        options = {key.lower(): str(value).lower() for key, value in self._save_args.items()}
        how = options.get("partitionoverwritemode")
        if not self._save_args.get("partitionBy"):
            return False
        if how is None:
            how = data.sparkSession.conf.get(_PARTITION_OVERWRITE)
        return str(how).lower() == "dynamic"

    def _write(self, data: DataFrame, path: str, mark: SaveMark | None = None) -> None:
        options = {**self._save_args, "mode": spark_mode(self._save_args["mode"])}
        if self._is_delta:
            options |= writer_options(mark, options)
        if self._is_delta and self._makes_anew(options):
            found = definition_at(data.sparkSession, path)
            if found is not None:
                given = options.get("partitionBy") or []
                given = [given] if isinstance(given, str) else list(given)
                data = with_comments(data, found)
                options["partitionBy"] = kept_partitions(found, given, data.columns) or None
        write = partial(data.write.save, path, self._file_format, **options)
        mode = str(options["mode"]).lower() if self._is_delta else ""
        if mode == "append":
            append(write)
            return
        is_whole = mode == "overwrite" and self._version is None
        table = f"delta.{quoted(path)}"
        with keeping_clustering(data.sparkSession, table) if is_whole else nullcontext():
            write()

    @staticmethod
    def _makes_anew(options: Mapping[str, Any]) -> bool:
        """Whether Delta is to forget the schema of a table, and its partitions and comments."""
        known = in_known_case(options, ("overwriteSchema",))
        is_overwritten = str(options["mode"]).lower() == "overwrite"
        return is_overwritten and str(known.get("overwriteSchema")).lower() == "true"

    def _exists(self) -> bool:
        path = self._get_load_path()
        if self._local(path) is not None:
            self._recover(path)
            return not self._missing_at(path)
        return is_there(self._for_spark(path), self._file_format)

    # What it can do

    def save_effect(self) -> SaveEffect:
        """Return what a save does: as its mode says; a version is never overwritten.

        An overwrite is of a part with ``replaceWhere`` and with the partition overwrite mode
        ``dynamic`` in ``save_args``; what the session sets is not known here.
        """
        if self._version is not None:
            return "keep"
        options = dict(self._save_args)
        if self._file_format.lower() != "delta":  # others do not know it, and replace all
            options = {name: v for name, v in options.items() if name.lower() != "replacewhere"}
        return effect_of_mode(options["mode"], options)

    def why_unwritable(self) -> str:
        """Say that Spark only reads some formats."""
        if self._file_format.lower() not in _ONLY_READ:
            return ""
        return f"Spark only reads the format {self._file_format}."

    def load_effect(self) -> LoadEffect:
        """Return that a Delta table stays as it was when it was loaded; files are read later."""
        if pinned_version(self._load_args) and self.is_transactional():
            return "fixed"
        return "snapshot" if self._is_delta and not reads_changes(self._load_args) else "live"

    def saves_once(self) -> bool:
        """Return whether the table keeps which saves it has, so that none has an effect twice."""
        return self._is_delta and self._version is None

    def is_transactional(self) -> bool:
        """Whether a save is one transaction: that of a table of Delta, Iceberg or Hudi is."""
        return self._file_format.lower() in TRANSACTIONAL

    def is_whole_or_nothing(self) -> bool:
        """Whether a save that fails leaves what was there: a transaction, or files put in place."""
        staged = self._is_staged and self._local(self._filepath) is not None
        return self.is_transactional() or staged

    def state(self) -> str | None:
        """Return a token of what is there: by the table's log, or by a listing.

        A table that is read as of a version or time has that one as its state.

        Returns:
            None if nothing is there, or only Spark could tell, and there is none.
        """
        local, log = self._local(self._filepath), _LOGS.get(self._file_format.lower(), "")
        if self._version is not None:
            return None if local is None else super().state()
        asked = pinned_version(self._load_args)
        if asked is not None and self.is_transactional():
            return asked if local is None or local.exists() else None
        if local is not None:
            return folder_state(local / log) if log else path_state(local)
        if not self._is_path or is_glob(self._given):
            return None
        found = self._store.state(self._file_format.lower(), log)
        return state_by_history(self.name_in_sql()) if not found and self._is_delta else found

    def _recover(self, path: PurePosixPath) -> None:
        local = self._local(path)
        if local is not None:
            recover(local)

    def _missing(self) -> str:
        # The latest version is looked for when it is loaded: a node may save it before.
        if self._version is not None and self._version.load is None:
            local = self._local(self._filepath)
            return "" if local is None or local.is_dir() else f"the file does not exist: {local}"
        missing = self._missing_at(self._get_load_path())
        return (self._why_no_version() or missing) if missing else ""

    def _missing_at(self, path: PurePosixPath) -> str:
        local = self._local(path)
        if local is None:
            return ""
        recover(local)
        if not local.exists():
            return f"the file does not exist: {local}"
        if self._is_delta and latest_version(local) is None:
            lacks = "version in " if (local / "_delta_log").is_dir() else ""
            return f"there is no Delta table in {local} (no {lacks}_delta_log)"
        return ""

    def _problems(self) -> list[str]:
        missing = missing_for(self._file_format)
        if missing:
            return missing
        problems = format_problems(self._file_format) + path_problems(self._given)
        problems += mode_problems(self._save_args["mode"])
        problems += option_problems("load_args", self._file_format, self._load_args)
        problems += option_problems("save_args", self._file_format, self._save_args)
        problems += layout_problems(self._save_args, self._file_format)
        for what, options in (("load_args", self._load_args), ("save_args", self._save_args)):
            problems += [
                f"{what}: '{name}' cannot stand here. Give {_ARGUMENTS[name]} in its place."
                for name in _ARGUMENTS
                if name in options
            ]
        if self._schema is not None:
            problems += schema_problems(self._schema)
        return problems

    def _warnings(self) -> list[str]:
        told = option_warnings("load_args", self._file_format, self._load_args)
        told += option_warnings("save_args", self._file_format, self._save_args)
        options = in_known_case(self._save_args, (_PARTITION_OPTION,))
        is_dynamic = str(options.get(_PARTITION_OPTION)).lower() == "dynamic"
        if is_dynamic and not self._is_delta and not options.get("partitionBy"):
            told.append(
                f"save_args: {_PARTITION_OPTION} has no effect without partitionBy: a save "
                "replaces everything."
            )
        return told

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": redacted_text(self._given),
            "file_format": self._file_format,
            "load_args": self._load_args or None,
            "save_args": self._save_args,
            "version": self._version,
        }


SparkDataset = SparkDataSet
