"""SQL expressions over frames of pandas, with the three-valued logic of SQL: by DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, did_you_mean, first_line
from sparkpipe.io.importing import missing_packages

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NEEDED = ("duckdb", "sqlglot", "pyarrow")


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
    import pyarrow as pa

    by_name = {str(name).lower(): name for name in frame.columns}
    used = []
    for name in columns_of(sql):
        if name.lower() not in by_name:
            hint = did_you_mean(name, map(str, frame.columns))
            raise DataSetError(f"there is no column '{name}' in {sql!r}.", hint=hint)
        used.append(by_name[name.lower()])
    # A constant needs a column, too, that says how many rows there are.
    needed = frame[used] if used else frame.iloc[:, :1]
    table = _without_zones(pa.Table.from_pandas(needed, preserve_index=False))
    translated = _translated(sql)
    query = f"SELECT coalesce(NOT ({translated}), false) AS bad FROM checked"  # noqa: S608 - parsed
    with duckdb.connect(":memory:") as connection:
        connection.register("checked", table)
        try:
            kind = str(connection.sql(f"SELECT ({translated}) FROM checked").types[0])  # noqa: S608
            if kind not in ("BOOLEAN", '"NULL"'):
                raise DataSetError(f"{sql!r} is not possible: it is a {kind}, not true or false.")
            result = connection.sql(query).to_arrow_table()
        except duckdb.Error as exc:
            raise DataSetError(f"{sql!r} is not possible: {first_line(str(exc))}") from exc
    bad: np.ndarray[Any, Any] = result.column("bad").to_numpy()
    return bad


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
