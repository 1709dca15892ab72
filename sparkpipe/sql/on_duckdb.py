"""A query on DuckDB, over frames of pandas and tables of Arrow, in a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from sparkpipe.errors import PipelineError
from sparkpipe.spark.jobs.values import is_frame
from sparkpipe.sql.kinds import is_arrow, is_pandas

#: What a query reads stands in its text: neither variables of Python nor files by themselves.
SETTINGS: dict[str, Any] = {
    "python_enable_replacements": "false",
    "enable_external_access": "false",
}


def run_on_duckdb(
    text: str,
    tables: Mapping[str, Any],
    values: Mapping[str, Any],
    called: Callable[[str], str],
) -> Any:
    """Return the rows of a query: as a table of Arrow if all that it reads are such, else pandas.

    Args:
        text: The query.
        tables: What it reads, by the names that they have in it.
        values: Its parameters, by their markers.
        called: Returns what to call a table in messages.

    Raises:
        PipelineError: DuckDB is not installed, or a table is nothing that it reads.
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
        found = connection.sql(text, params=dict(values) or None)
        rows = _with_usual_numbers(found).to_arrow_table()
    if tables and all(map(is_arrow, tables.values())):
        return rows
    return rows.to_pandas()


def _arrow(key: str, table: Any, called: Callable[[str], str]) -> Any:
    if is_arrow(table):
        return table
    if is_pandas(table):
        import pyarrow

        return pyarrow.Table.from_pandas(table, preserve_index=False)
    hint = "It reads frames of pandas and tables of Arrow."
    if is_frame(table):
        hint += " Read the data set by an entry of pandas, or leave out engine='duckdb'."
    raise PipelineError(
        f"The table {called(key)} is a {type(table).__name__}, which DuckDB cannot read.", hint=hint
    )


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
