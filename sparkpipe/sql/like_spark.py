"""What a translated query says otherwise than Spark, made to mean the same on DuckDB.

The parser translates names and syntax; some functions of both have one name and other results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

#: Dialects whose words mean what they mean on Spark.
DIALECTS = ("spark", "spark2", "databricks", "hive")

_WHOLE = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
_OF_WEEKS = ("DOW", "DAYOFWEEK")
_UNITS = {"MM": "MONTH", "MON": "MONTH", "YY": "YEAR", "YYYY": "YEAR"}
_CAST = """
CASE WHEN typeof({it}) IN ('FLOAT', 'DOUBLE') THEN {cast}(trunc(TRY_CAST({it} AS DOUBLE)) AS {kind})
WHEN starts_with(typeof({it}), 'DECIMAL')
THEN {cast}(split_part(CAST({it} AS VARCHAR), '.', 1) AS {kind})
ELSE {cast}({it} AS {kind}) END
"""


def like_spark(tree: exp.Expr) -> exp.Expr:
    """Return a tree of Spark's SQL that gives the same on DuckDB when it is translated.

    Args:
        tree: A query.

    >>> import sqlglot
    >>> tree = sqlglot.parse_one("select dayofweek(day) from t", dialect="spark")
    >>> like_spark(tree).sql("duckdb")
    'SELECT (DAYOFWEEK(CAST(day AS DATE)) + 1) AS "DAYOFWEEK(day)" FROM t'
    """
    _name_columns(tree)
    # Those within others come first, so that what is put around them is not read again.
    for node in reversed([*tree.find_all(*_CHANGED)]):
        made = _CHANGED[type(node)](node)
        if made is not None:
            node.replace(made)
    return tree


def _name_columns(tree: exp.Expr) -> None:
    """Call columns without a name as they are written: what is put around them is no part of it."""
    for query in tree.find_all(exp.Select):
        for item in query.expressions:
            if isinstance(item, exp.Alias) or item.find(*_CHANGED) is None:
                continue
            is_plain = isinstance(item, exp.Cast) and isinstance(item.this, exp.Column)
            name = item.this.name if is_plain else item.sql("spark")
            item.replace(exp.alias_(item.copy(), name, quoted=True))


def _next_day(node: exp.Expr) -> exp.Expr | None:
    """Count the days of a week from one, and Sunday first."""
    if isinstance(node, exp.Extract) and node.name.upper() not in _OF_WEEKS:
        return None
    return exp.paren(exp.Add(this=node.copy(), expression=exp.Literal.number(1)))


def _day_of_week(node: exp.Expr) -> exp.Expr | None:
    """Count from Monday, which is none; read the part of a date that stands in quotes."""
    name, given = node.name.lower(), node.expressions
    if name == "weekday" and len(given) == 1:
        day = exp.Anonymous(this="ISODOW", expressions=[given[0].copy()])
        return exp.paren(exp.Sub(this=day, expression=exp.Literal.number(1)))
    if name in ("date_part", "datepart") and given[0].name.upper() in _OF_WEEKS:
        return _next_day(exp.DayOfWeek(this=given[1].copy()))
    return None


def _as_date(node: exp.Expr) -> exp.Expr:
    """Give a date, where DuckDB gives the time of its midnight."""
    made = node.copy()
    unit = made.args.get("unit")
    if isinstance(made, exp.DateTrunc) and unit is not None:
        made.set("unit", exp.Literal.string(_UNITS.get(unit.name.upper(), unit.name)))
    return exp.cast(made, "date")


def _false_for_null(node: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=node.copy(), expressions=[exp.false()])


def _none_as_list(node: exp.Expr) -> exp.Expr | None:
    """Give an empty list for no rows; what is around the function belongs to it."""
    outer = node
    while isinstance(outer.parent, (exp.Filter, exp.Window)) and outer.arg_key == "this":
        outer = outer.parent
    around = exp.Coalesce(this=outer.copy(), expressions=[exp.Array(expressions=[])])
    if outer is node:
        return around
    outer.replace(around)
    return None


def _nulls_too(node: exp.Expr) -> exp.Expr:
    """Give the value of the row, also where it is null."""
    name = "ARG_MIN_NULL" if isinstance(node, exp.ArgMin) else "ARG_MAX_NULL"
    return exp.Anonymous(this=name, expressions=[node.this.copy(), node.expression.copy()])


def _zero_for_none(node: exp.Expr) -> exp.Expr:
    place = exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])
    is_there = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.null()))
    return exp.Case(ifs=[exp.If(this=is_there, true=place)])


def _from_one(node: exp.Expr) -> exp.Expr | None:
    """Take the beginning of a text for what is before it."""
    start = node.args.get("start")
    if not isinstance(start, exp.Literal) or start.name != "0":
        return None
    made = node.copy()
    made.set("start", exp.Literal.number(1))
    return made


def _truncated(node: exp.Expr) -> exp.Expr | None:
    """Cut what is behind the point, which DuckDB rounds; what the value is, only it knows."""
    kind = node.args["to"]
    if kind.this not in _WHOLE or isinstance(node.this, (exp.Boolean, exp.Null)):
        return None
    cast = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
    words = {"it": f"({node.this.sql('duckdb')})", "cast": cast, "kind": kind.sql("duckdb")}
    return exp.paren(exp.maybe_parse(_CAST.format(**words), dialect="duckdb"))


_CHANGED: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr | None]] = {
    exp.DayOfWeek: _next_day,
    exp.Extract: _next_day,
    exp.Anonymous: _day_of_week,
    exp.TsOrDsAdd: _as_date,
    exp.AddMonths: _as_date,
    exp.DateTrunc: _as_date,
    exp.IsNan: _false_for_null,
    exp.ArrayAgg: _none_as_list,
    exp.ArrayUniqueAgg: _none_as_list,
    exp.ArgMin: _nulls_too,
    exp.ArgMax: _nulls_too,
    exp.ArrayPosition: _zero_for_none,
    exp.Substring: _from_one,
    exp.Cast: _truncated,
    exp.TryCast: _truncated,
}
