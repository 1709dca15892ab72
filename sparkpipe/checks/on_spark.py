"""Checks of Spark frames as columns of the frame: each is true where a row does not pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sparkpipe.checks import own
from sparkpipe.checks.findings import Finding, of_rows
from sparkpipe.checks.values import Kind, fitted
from sparkpipe.checks.words import (
    Accepted,
    Between,
    Check,
    Expression,
    Function,
    NotNull,
    column_problems,
)
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.errors import DataSetError
from sparkpipe.io.importing import missing_packages
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.failures.judging import spark_reason
from sparkpipe.spark.jobs.plans import calls_functions

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# A column of the frame may have any name, but hardly these.
_FLAG = "__sparkpipe_failed_"
_ROW = "__sparkpipe_row"

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("string", "char", "varchar"), "text"),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "float", "double"), "number"),
    "decimal": "decimal",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "instant",
    "timestamp_ntz": "time",
}
_FLOATS = ("float", "double")

# Java's compilers leave a method of more than 8,000 bytes alone, which makes it twenty to a hundred
# times slower; Spark fuses a step with those before and after it into one method. This leaves room
# for them. What a column of the frame and a check take was read from methods that Spark has made.
_MOST_BYTES = 5_000
_BYTES_OF_COLUMN = 80
_BYTES_OF_CHECK = 60
_BYTES_OF_CHARACTER = 5


def functions_for(frame: Any) -> Any:
    """Return the functions of columns for the kind of session that a frame is of."""
    if is_connect(frame.sparkSession):
        from pyspark.sql.connect import functions

        return functions
    from pyspark.sql import functions as classic

    return classic


def type_of_column(frame: DataFrame, name: str) -> str:
    """Return the type of a column as Spark names it, without what stands in brackets."""
    found = next(kind for column, kind in frame.dtypes if column.lower() == name.lower())
    return found.partition("(")[0].partition("<")[0].partition(" ")[0]


def kind_of_column(frame: DataFrame, name: str) -> Kind:
    """Return what the values of a column can be compared with."""
    return _KINDS.get(type_of_column(frame, name), "other")


def counts_of(frame: Any, bad: Mapping[str, Column]) -> list[Column]:
    """Return aggregates: how many rows there are, and of how many each column is true.

    Args:
        frame: A frame of the kind of session that they are for.
        bad: The columns, by the names that the aggregates get; that of all rows is ``rows``.
    """
    functions = functions_for(frame)
    # Not by 'count_if': for it Spark would put a column beside each row, and take it away.
    counts = [functions.count(functions.when(one, 1)).alias(name) for name, one in bad.items()]
    return [functions.count(functions.lit(1)).alias("rows"), *counts]


@dataclass(frozen=True)
class Flagged:
    """A frame with a column for each check of its rows.

    Attributes:
        frame: The frame, with the columns.
        columns: The names of its own columns.
        flags: The checks of rows, each with the name of its column.
        counted: What functions of the user's have counted.
        apart: The columns of checks once more, by their names, where they can be worked out of the
            frame's own columns alone.
    """

    frame: DataFrame
    columns: tuple[str, ...]
    flags: tuple[tuple[Check, str], ...]
    counted: tuple[Finding, ...] = ()
    apart: Mapping[str, Column] = field(default_factory=dict)

    @cached_property
    def calls_functions(self) -> bool:
        """Whether functions of the user's make the frame, or judge it; true where nobody tells."""
        return calls_functions(self.frame)

    def flags_of(self, *ways: str) -> list[tuple[Check, str]]:
        """Return the checks of which ``on_fail`` is one of these, with their columns."""
        return [(check, flag) for check, flag in self.flags if check.on_fail in ways]

    def any_of(self, *ways: str, columns: Mapping[str, Column] | None = None) -> Column | None:
        """Return a column that is true where a row does not pass one of these; None without any.

        Args:
            ways: What ``on_fail`` of the checks is.
            columns: Their columns by name; by default those of the frame.
        """
        any_flag = None
        for _, flag in self.flags_of(*ways):
            column = self._column(flag, columns)
            any_flag = column if any_flag is None else any_flag | column
        return any_flag

    def counts(self, checks: Sequence[tuple[Check, str]]) -> list[Column]:
        """Return aggregates: how many rows there are, and how many do not pass each check."""
        return counts_of(self.frame, self.bad(checks))

    def bad(
        self, checks: Sequence[tuple[Check, str]], columns: Mapping[str, Column] | None = None
    ) -> dict[str, Column]:
        """Return columns that are true where a row does not pass, by the names of the flags.

        Args:
            checks: The checks, with the names of their columns.
            columns: Their columns by name; by default those of the frame.
        """
        return {flag: self._column(flag, columns) for _, flag in checks}

    def _column(self, flag: str, columns: Mapping[str, Column] | None) -> Column:
        found: Column = functions_for(self.frame).col(flag) if columns is None else columns[flag]
        return found

    def own(self, frame: DataFrame) -> DataFrame:
        """Return a frame without the columns of the checks."""
        return frame.select(*map(quoted, self.columns))


def flag(frame: DataFrame, checks: Sequence[Check]) -> Flagged:
    """Add a column for each check of rows.

    Args:
        frame: The frame; NaN in it is null, as it is for pandas.
        checks: The checks; those of the whole are passed over.

    Raises:
        DataSetError: A check is not possible for this frame.
    """
    problems = column_problems(checks, frame.columns)
    if problems:
        raise DataSetError(" ".join(problems))
    columns: list[tuple[Check, Any]] = []
    counted: list[Finding] = []
    for check in checks:
        try:
            found = _violation(check, frame)
        except DataSetError as exc:
            raise DataSetError(f"check '{check.name}': {exc.message}", hint=exc.hint) from exc
        except Exception as exc:  # a column of another kind of session, for one
            reason = spark_reason(exc) or type(exc).__name__
            raise DataSetError(f"check '{check.name}' is not possible: {reason}") from exc
        if isinstance(found, Finding):
            counted.append(found)
        elif found is not None:
            columns.append((check, found))
    if _is_much_code(frame, columns):
        columns = _in_methods_of_their_own(frame, columns)
    floats = {name.lower() for name, kind in frame.dtypes if kind in _FLOATS}
    reads = [_read_by(check) for check, _ in columns]
    is_cleaned = [
        isinstance(check, Expression) and bool(floats) and (read is None or bool(read & floats))
        for (check, _), read in zip(columns, reads, strict=True)
    ]
    try:
        made = _with_flags(frame, columns, is_cleaned=any(is_cleaned))
        _ = made.schema  # Connect looks at it only when asked
    except Exception as exc:
        _tell_impossible(frame, columns, is_cleaned)
        raise DataSetError(f"the checks are not possible: {spark_reason(exc)}") from exc
    names = [f"{_FLAG}{number}" for number in range(len(columns))]
    flags = tuple((check, name) for (check, _), name in zip(columns, names, strict=True))
    apart = {
        name: column
        for name, (_, column), read in zip(names, columns, reads, strict=True)
        if read is not None and floats.isdisjoint(read)
    }
    return Flagged(made, tuple(frame.columns), flags, tuple(counted), apart)


def _is_much_code(frame: DataFrame, columns: Sequence[tuple[Check, Any]]) -> bool:
    """Whether the code that Spark makes of the checks could be too much for one method of Java."""
    made = _BYTES_OF_COLUMN * len(frame.columns)
    for check, column in columns:
        # What must hold is asked for a second time, for the message that names it.
        times = 2 if check.on_fail == "fail" else 1
        made += _BYTES_OF_CHECK + times * _BYTES_OF_CHARACTER * len(str(column))
    return made > _MOST_BYTES


def _in_methods_of_their_own(
    frame: DataFrame, columns: Sequence[tuple[Check, Any]]
) -> list[tuple[Check, Any]]:
    """Return the columns, so that Spark cuts the code of all that judges by them into methods.

    It does so only for what it does not fuse with the steps before and after, and it fuses nothing
    that calls a lambda. One such column for each way to fail is enough, as those of one way are
    used together, and it calls the lambda only for a row that does not pass. What a function of the
    user's has made may cost, or vary: it is taken only where there is nothing else.
    """
    functions = functions_for(frame)
    chosen: dict[str, int] = {}
    for number, (check, _) in enumerate(columns):
        known = chosen.setdefault(check.on_fail, number)
        if isinstance(columns[known][0], Function):
            chosen[check.on_fail] = number
    found = [*columns]
    for number in chosen.values():
        check, column = columns[number]
        by_lambda = functions.exists(functions.array(column), lambda is_bad: is_bad)
        found[number] = (check, functions.when(column, by_lambda).otherwise(functions.lit(False)))
    return found


def _read_by(check: Check) -> frozenset[str] | None:
    """Return the columns that an expression reads, in lower case; of other words, none.

    None where that cannot be told, and where the column of a check can stand beside the frame only.
    """
    if isinstance(check, Function):  # its column may be bound to the frame, may cost, or vary
        return None
    if not isinstance(check, Expression):
        return frozenset()
    if missing_packages(("sqlglot",)):
        return None
    from sparkpipe.checks.sql_on_pandas import plain_columns

    columns = plain_columns(check.sql)
    return None if columns is None else frozenset(name.lower() for name in columns)


def _with_flags(
    frame: DataFrame, columns: Sequence[tuple[Check, Any]], *, is_cleaned: bool
) -> DataFrame:
    functions = functions_for(frame)
    flags = [column.alias(f"{_FLAG}{n}") for n, (_, column) in enumerate(columns)]
    if not is_cleaned:
        return frame.select("*", *flags)
    # An expression names columns as they are called: under these names it gets null for NaN, and
    # the row goes by beside it, with what functions have made of it. Spark's optimizer takes all
    # of it apart again.
    own_columns = [functions.col(quoted(name)) for name in frame.columns]
    cleaned = [
        _without_nan(functions, name).alias(name)
        if kind in _FLOATS
        else functions.col(quoted(name))
        for name, kind in frame.dtypes
    ]
    of_functions = [isinstance(check, Function) for check, _ in columns]
    own_flags = [one for one, is_own in zip(flags, of_functions, strict=True) if is_own]
    beside = frame.select(functions.struct(*own_columns).alias(_ROW), *cleaned, *own_flags)
    carried = [
        functions.col(f"{_FLAG}{n}") if is_own else one
        for n, (one, is_own) in enumerate(zip(flags, of_functions, strict=True))
    ]
    return beside.select(f"{_ROW}.*", *carried)


def _tell_impossible(
    frame: DataFrame, columns: Sequence[tuple[Check, Any]], is_cleaned: Sequence[bool]
) -> None:
    """Find the check for which a frame cannot be made."""
    for (check, column), of_it in zip(columns, is_cleaned, strict=True):
        try:
            _ = _with_flags(frame, [(check, column)], is_cleaned=of_it).schema
        except Exception as exc:
            reason = spark_reason(exc) or str(exc)
            raise DataSetError(f"check '{check.name}' is not possible: {reason}") from exc


def _without_nan(functions: Any, name: str) -> Any:
    column = functions.col(quoted(name))
    return functions.when(~functions.isnan(column), column)


def _violation(check: Check, frame: DataFrame) -> Any:
    """Return the column that is true where a row does not pass; what a function has counted."""
    functions = functions_for(frame)
    if isinstance(check, Expression):
        return _is_true(functions.expr(f"not ({check.sql}\n)"))
    if isinstance(check, Function):
        return _of_function(check, frame, functions)
    if not isinstance(check, (NotNull, Between, Accepted)):
        return None
    kind = type_of_column(frame, check.column)
    column = functions.col(quoted(check.column))
    if kind in _FLOATS:
        column = _without_nan(functions, check.column)
    if isinstance(check, NotNull):
        return column.isNull()

    def literal(value: Any) -> Any:
        return _literal(functions, fitted(value, _KINDS.get(kind, "other"), check.column))

    if isinstance(check, Accepted):
        return _is_true(~column.isin(*map(literal, check.values)))
    bad = functions.lit(False)
    if check.low is not None:
        bad = bad | (column < literal(check.low))
    if check.high is not None:
        bad = bad | (column > literal(check.high))
    return _is_true(bad)


def _is_true(column: Any) -> Any:
    """Return a column that is false where another one is null."""
    return column.eqNullSafe(True)  # 'coalesce' is much more code


def _literal(functions: Any, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        told = value.isoformat(sep=" ")
        return functions.expr(f"TIMESTAMP{'_NTZ' * (value.tzinfo is None)} '{told}'")
    if isinstance(value, dt.date):
        return functions.expr(f"DATE '{value.isoformat()}'")
    return functions.lit(value)


def _of_function(check: Function, frame: DataFrame, functions: Any) -> Any:
    given = own.call(check, frame)
    count = own.count_in(check, given)
    if count is not None:
        return of_rows(check, count, None)
    if type(given).__name__ != "Column":  # there are two kinds, and each has any attribute
        raise DataSetError(own.wrong_result(check, given))
    kind = _type_of(frame, given)
    if kind not in ("boolean", "void", ""):
        raise DataSetError(own.wrong_result(check, given, kind))
    return _is_true(~given)


def _type_of(frame: DataFrame, column: Column) -> str:
    """Return the type of a column; empty if a frame can have no such one, which is told later."""
    try:
        return frame.select(column).schema[0].dataType.simpleString()
    except Exception:
        return ""
