"""Which columns the columns of a result are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify

from sparkpipe.sql.combining import combine
from sparkpipe.sql.quiet import quiet
from sparkpipe.sql.reading import parse_text

if TYPE_CHECKING:
    from sqlglot.lineage import Node

    from sparkpipe.sql.query import SqlQuery

Origins = tuple[tuple[str, str], ...]


def trace_columns(query: SqlQuery, schemas: Mapping[str, Sequence[str]]) -> dict[str, Origins]:
    """Return for each column of a result the columns of tables that it is made of.

    Args:
        query: The query.
        schemas: The columns of the tables, as far as they are known.
    """
    tree = combine(parse_text(query.text, query.dialect))
    names = {f"t{number}": name for number, name in enumerate(query.tables)}
    known: dict[str, object] = {
        key: dict.fromkeys(schemas[name], "unknown")
        for key, name in names.items()
        if name in schemas
    }
    with quiet(), suppress(SqlglotError):  # such as of a join by what it does not know
        qualified = qualify(
            tree.copy(), schema=known, dialect=query.dialect, validate_qualify_columns=False
        )
        assert isinstance(qualified, exp.Query)
        return {
            column: _origins(lineage(column, tree.copy(), known, dialect=query.dialect), names)
            if column != "*"
            else tuple((name, "*") for name in query.tables)
            for column in qualified.named_selects
        }
    return {}


def _origins(node: Node, names: Mapping[str, str]) -> Origins:
    found = (
        (names[one.source.name], one.name.rpartition(".")[2])
        for one in node.walk()
        if not one.downstream and isinstance(one.source, exp.Table) and one.source.name in names
    )
    return tuple(dict.fromkeys(found))
