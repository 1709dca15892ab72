"""What is wrong with the values that parameters of a query have, before it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from sparkpipe.errors import PipelineError
from sparkpipe.sql.literals import each_of, literal
from sparkpipe.sql.query import SqlQuery

# DuckDB is given values, and no text that stands for them.
_OF_DUCKDB = (bytes, dt.time, dt.timedelta)


def find_unfit_values(query: SqlQuery, values: Mapping[str, Any]) -> Iterator[str]:
    """Tell values that no query can hold, and empty lists where there must be a value.

    Args:
        query: The query.
        values: Those of its parameters that are known, by the names of their inputs.

    >>> from sparkpipe.sql import read_query
    >>> query, _ = read_query("select * from trips where status in (:names)", "x", "sql/x.sql")
    >>> [*find_unfit_values(query, {"params:names": {1, 2}})][0].partition(". ")[0]
    'sql/x.sql:1:38: A set cannot be a parameter of a query'
    """
    listed = {one for statement in query.statements for one in statement.listed}
    for marker, source in query.parameters:
        if source not in values:
            continue
        value = values[source]
        try:
            if marker in listed:
                each_of(marker, value)
            if query.engine != "duckdb" or not isinstance(value, _OF_DUCKDB):
                literal(value)
        except PipelineError as exc:
            yield f"{query.place_of(source)}: {exc}"
