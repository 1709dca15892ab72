"""SQL expressions over frames of pandas, with the three-valued logic of SQL: by DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, did_you_mean, first_line
from sparkpipe.io.importing import missing_packages
from sparkpipe.sql.on_duckdb import SETTINGS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NEEDED = ("duckdb", "sqlglot", "pyarrow")
# The number of a row; no column of a user's is called so.
_ROW = "number of the row"


def sql_problems(sql: str) -> list[str]:
    """Return what is wrong with an expression, as far as it can be told without data."""
    if missing_packages(("sqlglot",)):  # then only an engine can tell
        return []
    try:
        _parsed(sql)
    except DataSetError as exc:
        return [exc.message]
    return []


def columns_of(sql: str) -> tuple[str, ...]:
    """Return the names of the columns that an expression reads.

    Raises:
        DataSetError: It cannot be parsed.
    """
    from sqlglot import exp

    names = (column.parts[0].name for column in _parsed(sql).find_all(exp.Column))
    return tuple(dict.fromkeys(names))


def plain_columns(sql: str) -> tuple[str, ...] | None:
    """Return the columns that an expression reads, if it can be worked out at any place.

    None where something else stands in it than comparisons, arithmetic and a few functions of
    values: windows and sub-queries cannot stand everywhere, a function of the user's may cost or
    vary, and of a qualified name or ``*`` the parser does not know which columns it means.
    """
    from sqlglot import exp

    plain = (
        *(exp.Binary, exp.Unary, exp.Between, exp.In, exp.Case, exp.If, exp.Cast, exp.Coalesce),
        *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.DataType),
        *(exp.DataTypeParam, exp.Length, exp.Upper, exp.Lower, exp.Trim, exp.Abs),
    )
    try:
        nodes = [*_parsed(sql).walk()]
    except DataSetError:  # what Spark alone can read
        return None
    if not all(isinstance(one, plain) and not isinstance(one, exp.Dot) for one in nodes):
        return None
    columns = [one for one in nodes if isinstance(one, exp.Column)]
    if any(len(one.parts) > 1 for one in columns):
        return None
    return tuple(dict.fromkeys(one.name for one in columns))


def violations(sql: str, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return which rows of a frame make an expression false; null is not false.

    Args:
        sql: An expression in Spark's SQL.
        frame: The frame; NaN in it is null.

    Raises:
        DataSetError: A package is missing, or the expression is not possible for this frame.
    """
    missing = missing_packages(_NEEDED)
    if missing:
        raise DataSetError(f"{missing[0]} It judges SQL expressions over frames of pandas.")
    import duckdb
    import numpy as np

    table = _table(sql, frame)
    translated = _translated(sql)
    query = f'SELECT "{_ROW}" AS row, coalesce(NOT ({translated}), false) AS bad FROM checked'  # noqa: S608 - parsed
    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        try:
            connection.register("checked", table)
            kind = str(connection.sql(f"SELECT ({translated}) FROM checked").types[0])  # noqa: S608
            if kind not in ("BOOLEAN", '"NULL"'):
                raise DataSetError(f"{sql!r} is not possible: it is a {kind}, not true or false.")
            result = connection.sql(query).to_arrow_table()
        except duckdb.Error as exc:
            raise DataSetError(f"{sql!r} is not possible: {first_line(str(exc))}") from exc
    if len(result) != len(frame):
        raise DataSetError(
            f"{sql!r} is not possible: it has {len(result)} results for {len(frame)} rows."
        )
    # Windows and sub-queries give rows in an order of their own.
    bad = np.zeros(len(frame), dtype=bool)
    bad[result.column("row").to_numpy()] = result.column("bad").to_numpy()
    return bad


def column_called(name: str, frame: pd.DataFrame) -> Any:
    """Return the label of a column; its case counts only where two differ by nothing else.

    Args:
        name: What it is called in a check.
        frame: The frame.

    Raises:
        DataSetError: There is none, or more than one.
    """
    labels = [label for label in frame.columns if str(label).lower() == name.lower()]
    found = [label for label in labels if str(label) == name] or labels
    if not found:
        raise DataSetError(
            f"there is no column '{name}'.", hint=did_you_mean(name, map(str, frame.columns))
        )
    if len(found) > 1:
        raise DataSetError(f"there is more than one column '{name}'.")
    return found[0]


def columns_used(sql: str, frame: pd.DataFrame) -> list[Any]:
    """Return the labels of the columns of a frame that an expression reads.

    Raises:
        DataSetError: One is not there, or it cannot be parsed.
    """
    try:
        return [*dict.fromkeys(column_called(name, frame) for name in columns_of(sql))]
    except DataSetError as exc:
        raise DataSetError(f"{exc.message[:-1]} in {sql!r}.", hint=exc.hint) from exc


def _table(sql: str, frame: pd.DataFrame) -> Any:
    """Return the columns of a frame that an expression reads, with the numbers of the rows."""
    import numpy as np
    import pyarrow as pa

    used = columns_used(sql, frame)
    _refuse_twins(sql, [str(label) for label in used])
    try:
        table = _without_zones(pa.Table.from_pandas(frame[used], preserve_index=False))
    except (pa.ArrowException, TypeError, ValueError) as exc:  # values of several types in a column
        raise DataSetError(f"{sql!r} is not possible: {first_line(str(exc))}") from exc
    # Also where no column is read: then the table alone has no rows.
    rows = pa.array(np.arange(len(frame)))
    return pa.table([*table.columns, rows], names=[*table.column_names, _ROW])


def _refuse_twins(sql: str, names: Sequence[str]) -> None:
    by_case: dict[str, str] = {}
    for name in names:
        other = by_case.setdefault(name.lower(), name)
        if other != name:
            raise DataSetError(
                f"{sql!r} is not possible: SQL takes '{other}' and '{name}' for one."
            )


def _translated(sql: str) -> str:
    """Return an expression in DuckDB's SQL, in which all times are in UTC."""
    from sqlglot import exp

    tree = _parsed(sql)
    kinds = exp.DataType.Type
    for kind in tree.find_all(exp.DataType):
        if kind.this in (kinds.TIMESTAMPTZ, kinds.TIMESTAMPLTZ):
            kind.set("this", kinds.TIMESTAMP)
    return str(tree.sql(dialect="duckdb"))


def _without_zones(table: Any) -> Any:
    """Return a table whose times are in UTC: zones need a part of DuckDB that not all have."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            plain = table.column(number).cast(pa.timestamp(field.type.unit, "UTC"))
            plain = plain.cast(pa.int64()).cast(pa.timestamp(field.type.unit))
            table = table.set_column(number, field.name, plain)
    return table


def _parsed(sql: str) -> Any:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(sql, dialect="spark", into=sqlglot.exp.Condition)
    except SqlglotError as exc:
        raise DataSetError(f"{sql!r} is no SQL expression: {first_line(str(exc))}") from exc
