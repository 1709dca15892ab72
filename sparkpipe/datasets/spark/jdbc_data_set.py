"""Tables of databases that have a JDBC driver."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sparkpipe.datasets.spark.accounting import accounting
from sparkpipe.datasets.spark.frames import analysed, need_frame
from sparkpipe.datasets.spark.options import (
    in_known_case,
    mode_problems,
    option_problems,
    spark_mode,
)
from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet, SaveEffect, reason_of
from sparkpipe.io.effects import effect_of_mode
from sparkpipe.io.importing import missing_packages
from sparkpipe.io.target import table_target
from sparkpipe.redaction import is_secret, redacted, redacted_text, secrets_in, without
from sparkpipe.spark.failures.coordinates import driver_for
from sparkpipe.spark.failures.judging import java_stack
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What DataFrameReader.jdbc and DataFrameWriter.jdbc take; all else is a property.
_READER = ("predicates",)
_WRITER = ("mode",)
#: What parts a read into several, as Spark calls it.
_RANGE = ("partitionColumn", "lowerBound", "upperBound", "numPartitions")
_OURS = (*_RANGE, "column", "predicates", "properties", "mode", "query", "url", "dbtable")

_ABSENT = re.compile(
    r"does not exist|doesn't exist|not found|no such table|unknown table|invalid object name"
    r"|undefined table|ORA-00942|42S02|42P01|42X05",
    re.IGNORECASE,
)
# Options of drivers that say in which schema or database a table is.
_CHOOSES = ("currentschema", "schema", "database", "databasename", "db", "sfschema", "sfdatabase")
_USER = re.compile(r"user\w*|uid", re.IGNORECASE)

_T = TypeVar("_T")


class SparkJDBCDataSet(AbstractDataSet):
    """A table, or a query, of a database that Spark reads and writes over JDBC.

    Its driver must be on Spark's class path (``spark.jars.packages`` in ``spark.yml``).

    Args:
        url: ``jdbc:subprotocol:subname``.
        table: The table; for reading also a query in parentheses with a name.
        credentials: ``user``, ``password`` and other properties of the connection; never shown.
        load_args: ``column``, ``lowerBound``, ``upperBound`` and ``numPartitions``, or
            ``predicates``, for a parallel read; ``properties`` of the connection. Any other
            option is a property, too.
        save_args: ``mode``, by default ``errorifexists``; ``properties`` and options as above.
        metadata: Kept for other tools.

    Raises:
        DataSetError: ``url`` or ``table`` is empty, or credentials lack a value.
    """

    _SINGLE_PROCESS = True
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        url: str,
        table: str,
        credentials: Mapping[str, Any] | None = None,
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        for name, value in (("url", url), ("table", table)):
            if not str(value or "").strip():
                raise DataSetError(f"{name} is empty.")
        for name, value in (credentials or {}).items():
            if value is None:
                raise DataSetError(
                    f"the credentials have no value for '{name}'.",
                    hint="Set it in conf/local/credentials.yml, or remove it.",
                )
        self._url = str(url)
        self._table = str(table)
        self._credentials = dict(credentials or {})
        self._load_args = {**self.DEFAULT_LOAD_ARGS, **in_known_case(load_args or {}, _OURS)}
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **in_known_case(save_args or {}, _OURS)}
        if "column" in self._load_args:  # as an argument of pyspark's is called
            self._load_args["partitionColumn"] = self._load_args.pop("column")
        self.metadata = metadata

    def _load(self) -> DataFrame:
        arguments, properties = self._parted(self._load_args, _READER)
        read = get_spark().read.jdbc
        return self._told(
            lambda: analysed(read(self._url, self._table, properties=properties, **arguments))
        )

    def load_like(self, data: DataFrame) -> None:
        """Load nothing: many drivers fetch the whole table to show a few of its rows."""

    def _save(self, data: DataFrame) -> None:
        frame = need_frame(data)
        arguments, properties = self._parted(self._save_args, _WRITER)
        mode = spark_mode(arguments.get("mode", "error"))
        with accounting(frame, "jdbc") as account:
            write = account.frame.write.jdbc
            self._told(lambda: write(self._url, self._table, mode, properties))

    def _exists(self) -> bool:
        _, properties = self._parted(self._load_args, _READER)
        read = get_spark().read.jdbc
        try:
            self._told(lambda: analysed(read(self._url, self._table, properties=properties)))
        except DataSetError as exc:
            if _ABSENT.search(exc.message):
                return False
            raise
        return True

    def target(self) -> str:
        """Return the table in its database, and in the schema that an option chooses."""
        if self.why_unwritable():
            return ""  # which tables a query reads, nobody can tell
        given: dict[str, Any] = {}
        for options in (self._load_args, self._save_args):
            given |= {**options, **(options.get("properties") or {})}
        given |= self._credentials
        chosen = {key.lower(): value for key, value in given.items() if key.lower() in _CHOOSES}
        return table_target(self._table, "".join((self._url, *map(str, chosen.values()))))

    def save_effect(self) -> SaveEffect:
        """Return what a save does to a table that is there: as ``mode`` says."""
        return effect_of_mode(self._save_args.get("mode") or "error")

    def why_unwritable(self) -> str:
        """Say that a query is for reading only."""
        if not self._table.lstrip().startswith("("):
            return ""
        return "its table is a query, to which nothing can be saved. Give the name of a table."

    def is_transactional(self) -> bool:
        """Whether a save is one transaction: the partitions of a frame are one each."""
        return False

    def state(self) -> None:
        """Return nothing: only the database knows."""

    def _parted(
        self, options: Mapping[str, Any], names: Iterable[str]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Part options into the arguments of Spark's method and properties of the connection."""
        arguments = {name: options[name] for name in names if options.get(name) is not None}
        others = {k: v for k, v in options.items() if k not in (*names, "properties")}
        properties = {**others, **(options.get("properties") or {}), **self._credentials}
        return arguments, {str(key): _as_text(value) for key, value in properties.items()}

    def _told(self, call: Callable[[], _T]) -> _T:
        """Return what a call returns; no secret is in the error that it raises."""
        try:
            return call()
        except Exception as exc:
            secrets = self._secrets()
            reason = without(secrets, self._with_driver(reason_of(exc)))
            shown = "".join(traceback.format_exception(exc)) + java_stack(exc)
            # Tracebacks are logged and kept: the cause goes with the error only if it is clean.
            cause = exc if without(secrets, shown) == shown else None
            raise DataSetError(reason) from cause

    def _with_driver(self, reason: str) -> str:
        """Name the driver that is missing, where the address tells which."""
        driver, coordinates = driver_for(self._url)
        said, no_driver, _ = reason.partition("knows this url.\n")
        if not no_driver or not driver:
            return reason
        return (
            f"{said}{no_driver}Add {coordinates} to spark.jars.packages in conf/base/spark.yml "
            f"(driver: {driver})."
        )

    def _secrets(self) -> set[str]:
        options = (self._load_args, self._save_args)
        pairs = [pair for args in options for pair in (args.get("properties") or {}).items()]
        pairs += [pair for args in options for pair in args.items()]
        values = [value for key, value in pairs if _is_hidden(key)]
        values += [value for key, value in self._credentials.items() if key.lower() != "driver"]
        return {str(value) for value in values} | secrets_in(self._url)

    def _problems(self) -> list[str]:
        missing = missing_packages(("pyspark",))
        if missing:
            return missing
        problems = []
        if not self._url.startswith("jdbc:"):
            problems.append(f"url '{redacted_text(self._url)}' must start with jdbc:")
        if "mode" in self._save_args:
            problems += mode_problems(self._save_args["mode"])
        for what, options in (("load_args", self._load_args), ("save_args", self._save_args)):
            problems += option_problems(what, "jdbc", options, _OURS)
            if "query" in options:
                problems.append(
                    f"{what}: a query stands in the place of the table, as "
                    "table: \"(SELECT ...) AS q\". Remove 'query'."
                )
        given = [name for name in _RANGE if self._load_args.get(name) is not None]
        if "partitionColumn" in given and len(given) < len(_RANGE):
            lacking = ", ".join(name for name in _RANGE if name not in given)
            problems.append(f"load_args: a parallel read by 'column' needs {lacking}, too.")
        return problems

    def _warnings(self) -> list[str]:
        options = (("load_args", self._load_args), ("save_args", self._save_args))
        told = [
            f"{what}: '{name}' has no effect beside {argument} of the entry."
            for what, given in options
            for name, argument in (("url", "url"), ("dbtable", "table"))
            if name in given
        ]
        if {"predicates", "partitionColumn"} <= self._load_args.keys():
            told.append("load_args: 'predicates' and 'column' part a read in two ways. Give one.")
        return told

    def _describe(self) -> dict[str, Any]:
        return {
            "url": redacted_text(self._url),
            "table": self._table,
            "load_args": _shown(self._load_args) or None,
            "save_args": _shown(self._save_args) or None,
        }


SparkJDBCDataset = SparkJDBCDataSet


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_hidden(option: str) -> bool:
    return bool(_USER.fullmatch(option)) or is_secret(option)


def _shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without what they say of users and passwords."""
    return {
        key: _shown(value) if isinstance(value, Mapping) else redacted(value)
        for key, value in options.items()
        if not _is_hidden(key)
    }
