"""Columns that a query names and that none of its tables has, as far as these are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from sparkpipe.errors import did_you_mean
from sparkpipe.sql.combining import combine
from sparkpipe.sql.quiet import quiet
from sparkpipe.sql.reading import parse_text
from sparkpipe.sql.text import place_of

if TYPE_CHECKING:
    from sparkpipe.sql.query import SqlQuery

#: Columns of a source; None where they are not known.
Columns = tuple[str, ...] | None

# What gives columns that stand in no schema.
_GIVES_COLUMNS = (exp.Lateral, exp.Unnest, exp.Pivot, exp.UDTF)


def find_unknown_columns(query: SqlQuery, schemas: Mapping[str, Sequence[str]]) -> list[str]:
    """Tell columns that are nowhere, each with its place; nothing is told that is not known.

    Args:
        query: A query without other problems.
        schemas: The columns of tables, by the names that they have in the text.

    >>> from sparkpipe.sql import read_query
    >>> query, _ = read_query("select code, fares from trips", "x", "sql/x.sql")
    >>> find_unknown_columns(query, {"trips": ("code", "fare")})
    ["sql/x.sql:1:14: 'trips' has no column 'fares'. Did you mean 'fare'?"]
    """
    scopes, judge = _read(query, schemas)
    problems = []
    for scope in scopes:
        for column, message in judge.unknown(scope):
            offset = column.this.meta.get("start")
            if offset is not None:
                line, at = place_of(query.text, offset)
                problems.append(f"{query.shown}:{line}:{at}: {message}")
    return list(dict.fromkeys(problems))


def result_columns(query: SqlQuery, schemas: Mapping[str, Sequence[str]]) -> Columns:
    """Return the columns of the result of a query; None where they are not known.

    Args:
        query: A query without problems.
        schemas: The columns of tables, by the names that they have in the text.

    >>> from sparkpipe.sql import read_query
    >>> query, _ = read_query("select *, km * 2 as both from trips", "x")
    >>> result_columns(query, {"trips": ("code", "km")})
    ('code', 'km', 'both')
    """
    scopes, judge = _read(query, schemas)
    return judge.given_by(scopes[-1]) if scopes else None


def _read(query: SqlQuery, schemas: Mapping[str, Sequence[str]]) -> tuple[list[Scope], _Judge]:
    """Return the scopes of a query, the whole last; none of a text with problems."""
    named = {f"t{number}": name for number, name in enumerate(query.tables)}
    known = {key: tuple(schemas[name]) for key, name in named.items() if name in schemas}
    judge = _Judge(known, named)
    parsed = parse_text(query.text, query.dialect)
    if parsed.problems:
        return [], judge
    try:
        with quiet():
            return traverse_scope(combine(parsed)), judge
    except (SqlglotError, RecursionError):  # the engine will tell
        return [], judge


class _Judge:
    """Knows the columns of sources, as far as they can be known.

    Args:
        known: Columns of tables, by their keys in the tree.
        named: How these tables are called in the text.
    """

    def __init__(self, known: Mapping[str, tuple[str, ...]], named: Mapping[str, str]) -> None:
        self._known = known
        self._named = named

    def unknown(self, scope: Scope) -> Iterator[tuple[exp.Column, str]]:
        """Give the columns of a scope that are nowhere, with the words for it."""
        if not isinstance(scope.expression, exp.Select):
            return
        sources = {name.casefold(): source for name, source in scope.sources.items()}
        aliases = _aliases(scope)
        for column in scope.columns:
            if not isinstance(column.this, exp.Identifier) or column.is_star:
                continue
            if column.name.startswith("_"):  # such as what a change feed adds to a table
                continue
            owner = column.table.casefold()
            if owner in sources:
                found = self._columns(sources[owner])
                if found is not None and not _is_in(column.name, found):
                    yield column, self._words(column.name, {column.table: sources[owner]}, found)
            elif not owner and not _is_in(column.name, aliases):
                every = self._every(scope)
                if every is not None and not _is_in(column.name, every):
                    yield column, self._words(column.name, _selected(scope), every)

    def given_by(self, scope: Scope) -> Columns:
        """Return the columns of what a query gives."""
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            parts = scope.set_operation_scopes
            return self.given_by(parts[0]) if parts else None
        if not isinstance(query, exp.Select):
            return None
        found: list[str] = []
        for item in query.expressions:
            given = self._given(item, scope)
            if given is None:
                return None
            found += given
        return tuple(found)

    def _given(self, item: exp.Expr, scope: Scope) -> Columns:
        if isinstance(item, exp.Alias) or (isinstance(item, exp.Column) and not item.is_star):
            return (item.alias_or_name,)
        if not isinstance(item, (exp.Star, exp.Column)):  # its name is the engine's
            return None
        star = item.this if isinstance(item, exp.Column) else item
        if any(star.args.get(key) for key in ("except_", "except", "replace", "rename")):
            return None
        owner = item.table if isinstance(item, exp.Column) else ""
        if owner:
            return self._columns(scope.sources.get(owner))
        if any(join.args.get("using") or join.method for join in scope.find_all(exp.Join)):
            return None
        return self._every(scope, outer=False)

    def _every(self, scope: Scope, *, outer: bool = True) -> Columns:
        """Return the columns of all sources of a scope; None if those of one are not known."""
        if scope.expression.args.get("laterals") or scope.expression.find(*_GIVES_COLUMNS):
            return None
        found: list[str] = []
        for source in _selected(scope).values():
            columns = self._columns(source)
            if columns is None:
                return None
            found += columns
        if outer and scope.parent is not None and (scope.is_subquery or scope.is_udtf):
            beyond = self._every(scope.parent)
            return None if beyond is None else (*found, *beyond)
        return tuple(found)

    def _columns(self, source: object) -> Columns:
        if isinstance(source, exp.Table):
            renamed = source.args.get("alias")
            if renamed is not None and renamed.args.get("columns"):
                return tuple(one.name for one in renamed.args["columns"])
            if source.args.get("pivots"):
                return None
            return self._known.get(source.name)
        if isinstance(source, Scope):
            outer = source.expression.parent
            alias = outer.args.get("alias") if outer is not None else None
            if isinstance(alias, exp.TableAlias) and alias.args.get("columns"):
                return tuple(one.name for one in alias.args["columns"])
            return None if source.is_udtf else self.given_by(source)
        return None

    def _words(self, column: str, sources: Mapping[str, object], columns: Iterable[str]) -> str:
        names = [
            f"'{self._named.get(source.name, name) if isinstance(source, exp.Table) else name}'"
            for name, source in sources.items()
        ]
        listed = " and ".join(names)
        verb = "has" if len(names) == 1 else "have"
        if len(names) == 1:
            told = f"{listed} {verb} no column '{column}'."
        else:
            told = f"none of {', '.join(names)} has a column '{column}'."
        return f"{told} {did_you_mean(column, columns) or _listed(columns)}"


def _selected(scope: Scope) -> dict[str, object]:
    """Return what a query reads itself, without what is only defined for it."""
    return {name: scope.sources.get(name) for name, _ in scope.references}


def _aliases(scope: Scope) -> list[str]:
    """Return the names that a query gives itself, by which it may go on."""
    query = scope.expression
    named = [one.alias for one in query.find_all(exp.Alias)]
    # Of lambda functions and windows.
    named += [one.name for one in query.find_all(exp.Identifier) if _is_own(one)]
    return named


def _is_own(name: exp.Identifier) -> bool:
    return isinstance(name.parent, (exp.Lambda, exp.TableAlias, exp.Window))


def _is_in(name: str, columns: Iterable[str]) -> bool:
    return name.casefold() in {one.casefold() for one in columns}


def _listed(columns: Iterable[str], most: int = 10) -> str:
    shown = [*dict.fromkeys(columns)]
    more = f", and {len(shown) - most} more" if len(shown) > most else ""
    return f"Columns: {', '.join(shown[:most])}{more}." if shown else ""
