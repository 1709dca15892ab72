"""The statements of a text as one query: its views become definitions before the last statement."""

from __future__ import annotations

from string import Formatter

from sqlglot import exp

from sparkpipe.sql.parsing import Parsed
from sparkpipe.sql.query import EACH, Statement
from sparkpipe.sql.tables import columns_by_whole_name, find_tables


def combine(parsed: Parsed) -> exp.Expr:
    """Return one tree, in which tables are called ``t0``, ``t1``, and columns go by what they did.

    Args:
        parsed: A text without problems.

    >>> from sparkpipe.sql.parsing import parse
    >>> views = "create temporary view late as select * from trips; select * from late"
    >>> combine(parse(views)).sql("duckdb")
    'WITH "v0" AS (SELECT * FROM "t0" AS "trips") SELECT * FROM "v0" AS "late"'
    """
    views = [f"v{number}" for number in range(len(parsed.statements) - 1)]
    bodies = [body.copy() for body in parsed.bodies]
    for body, statement in zip(bodies, parsed.statements, strict=True):
        _rename(body, statement)
    query = bodies[-1]
    if views:
        definitions = [
            _definition(view, body, statement.columns)
            for view, body, statement in zip(views, bodies, parsed.statements, strict=False)
        ]
        present = query.args.get("with_")
        own = present.expressions if isinstance(present, exp.With) else []
        recursive = bool(present is not None and present.args.get("recursive"))
        query.set("with_", exp.With(expressions=[*definitions, *own], recursive=recursive))
    return query


def _rename(body: exp.Expr, statement: Statement) -> None:
    spans = find_tables(body)
    for column, _ in [*columns_by_whole_name(body, spans)]:
        column.set("db", None)
        column.set("catalog", None)
    fields = iter(_fields(statement.text))
    for span in spans:
        table = span.node
        if not span.has_alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(span.last, quoted=True)))
        table.set("this", exp.to_identifier(next(fields), quoted=True))
        table.set("db", None)
        table.set("catalog", None)


def _fields(text: str) -> list[str]:
    """Return the fields of tables, in the order of the text."""
    return [name for _, name, _, _ in Formatter().parse(text) if name and name[0] != "p"]


def _definition(name: str, body: exp.Expr, columns: tuple[str, ...]) -> exp.CTE:
    alias = exp.TableAlias(
        this=exp.to_identifier(name, quoted=True),
        columns=[exp.to_identifier(column, quoted=True) for column in columns],
    )
    return exp.CTE(this=body, alias=alias)


def with_percentiles(tree: exp.Expr) -> exp.Expr:
    """Return a tree in which percentiles lie between rows, as Spark's do, also on DuckDB.

    Args:
        tree: A query of another dialect than that of DuckDB, which takes one of the rows.
    """
    exact = [one for one in tree.find_all(exp.Quantile) if type(one) is exp.Quantile]
    for found in exact:
        arguments = [found.this, found.args["quantile"]]
        found.replace(exp.Anonymous(this="QUANTILE_CONT", expressions=arguments))
    return tree


def with_lists(tree: exp.Expr) -> exp.Expr:
    """Return a tree in which parameters among the values of an ``IN`` have names of their own."""
    for found in tree.find_all(exp.In):
        for one in found.expressions:
            if isinstance(one, exp.Placeholder):
                one.set("this", f"{EACH}{one.name}")
    return tree
