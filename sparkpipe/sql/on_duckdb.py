"""A query on DuckDB, over frames of pandas and tables of Arrow, in a database of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sparkpipe.errors import PipelineError, first_line
from sparkpipe.spark.jobs.values import is_frame
from sparkpipe.sql.kinds import is_arrow, is_pandas
from sparkpipe.sql.literals import each_of
from sparkpipe.sql.query import EACH

#: What a query reads stands in its text: neither variables of Python nor files by themselves.
SETTINGS: dict[str, Any] = {
    "python_enable_replacements": "false",
    "enable_external_access": "false",
}

# What is quoted, and the names of parameters.
_MARKER = re.compile(r"""'(?:''|[^'])*'|"(?:""|[^"])*"|\$(?P<name>\w+)""")

# Floats, in which pandas keeps whole numbers beside nulls, hold each of them up to here.
_MOST_OF_FLOATS = 2**53


def run_on_duckdb(
    text: str,
    tables: Mapping[str, Any],
    values: Mapping[str, Any],
    called: Callable[[str], str],
    shown: str = "the query",
) -> Any:
    """Return the rows of a query: as a table of Arrow if all that it reads are such, else pandas.

    Args:
        text: The query.
        tables: What it reads, by the names that they have in it.
        values: Its parameters, by their markers.
        called: Returns what to call a table in messages.
        shown: What to call the query.

    Raises:
        PipelineError: DuckDB is not installed or refuses the query, or a table is nothing that it
            reads.
    """
    try:
        import duckdb
    except ModuleNotFoundError as exc:
        raise PipelineError(
            "The engine duckdb needs the package duckdb, which is not installed.",
            hint="Install it with: pip install 'sparkpipe[duckdb]'",
        ) from exc
    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        with suppress(duckdb.Error):  # not every build of it knows time zones
            connection.execute("SET TimeZone = 'UTC'")
        for key, table in tables.items():
            connection.register(key, _arrow(key, table, called))
        text, params = _with_lists(text, values)
        try:
            found = connection.sql(text, params=params or None)
            rows = _with_usual_numbers(found).to_arrow_table()
        except duckdb.Error as exc:  # it shows the line of a text that nobody has written
            reason = str(exc).partition("\n\nLINE ")[0]
            raise PipelineError(f"{shown}: DuckDB refuses it: {reason}") from exc
    if tables and all(map(is_arrow, tables.values())):
        return rows
    return _as_pandas(rows)


def _with_lists(text: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a query and its parameters, with one for each value that stands in an ``IN``."""
    params: dict[str, Any] = {}

    def replace(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:  # in quotes
            return found[0]
        marker = name.removeprefix(EACH)
        if marker == name:
            params[name] = values[name]
            return found[0]
        each = {f"{name}_{n}": one for n, one in enumerate(each_of(marker, values[marker]))}
        params.update(each)
        return ", ".join(f"${one}" for one in each)

    return _MARKER.sub(replace, text), params


def _arrow(key: str, table: Any, called: Callable[[str], str]) -> Any:
    if is_arrow(table):
        return table
    if is_pandas(table):
        import pyarrow

        try:
            return pyarrow.Table.from_pandas(table, preserve_index=False)
        except (pyarrow.ArrowException, TypeError, ValueError) as exc:
            # Values of several types in a column, for one.
            raise PipelineError(
                f"The table {called(key)} cannot be read by DuckDB: {first_line(str(exc))}"
            ) from exc
    hint = "It reads frames of pandas and tables of Arrow."
    if is_frame(table):
        hint += " Read the data set by an entry of pandas, or leave out engine='duckdb'."
    raise PipelineError(
        f"The table {called(key)} is a {type(table).__name__}, which DuckDB cannot read.", hint=hint
    )


def _as_pandas(rows: Any) -> Any:
    """Return a table as a frame of pandas, whose floats must not stand for longer numbers."""
    import pandas
    import pyarrow
    from pyarrow import compute

    frame = rows.to_pandas()
    for place, column in enumerate(rows.columns):
        if not column.null_count or not pyarrow.types.is_integer(column.type):
            continue
        bounds = compute.min_max(column).as_py()
        if any(abs(bound) > _MOST_OF_FLOATS for bound in bounds.values() if bound is not None):
            kind = "UInt64" if pyarrow.types.is_unsigned_integer(column.type) else "Int64"
            frame.isetitem(place, pandas.array(column.to_pylist(), dtype=kind))
    return frame


def _with_usual_numbers(found: Any) -> Any:
    """Return a relation in which sums of whole numbers are BIGINT, as they are on Spark."""
    wide = [str(kind) == "HUGEINT" for kind in found.types]
    if not any(wide):
        return found
    columns = (f'"{name.replace(chr(34), chr(34) * 2)}"' for name in found.columns)
    return found.project(
        ", ".join(
            f"CAST({column} AS BIGINT) AS {column}" if is_wide else column
            for column, is_wide in zip(columns, wide, strict=True)
        )
    )
