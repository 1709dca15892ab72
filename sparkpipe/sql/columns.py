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
from sparkpipe.words import listed

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
    found: dict[int, str] = {}
    for scope in scopes:
        for named, message in judge.unknown(scope):
            offset = named.meta.get("start")
            if offset is not None:
                found.setdefault(offset, message)
    places = {offset: place_of(query.text, offset) for offset in found}
    return [f"{query.shown}:{line}:{at}: {found[offset]}" for offset, (line, at) in places.items()]


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

    def unknown(self, scope: Scope) -> Iterator[tuple[exp.Expr, str]]:
        """Give the names of columns of a scope that are nowhere, with the words for it."""
        if isinstance(scope.expression, exp.SetOperation):
            yield from self._unknown_in_order(scope)
        if not isinstance(scope.expression, exp.Select):
            return
        aliases = _aliases(scope)
        for column in [*scope.columns, *_columns_after(scope)]:
            if not isinstance(column.this, exp.Identifier) or column.is_star:
                continue
            # Those of a query within it are its own, unless they name a table of this one.
            is_free = _is_of(scope, column) and not _is_in(column.name, aliases)
            if column.table or is_free:
                yield from self._unknown_column(column.this, column.table, scope)
        for item in scope.expression.expressions:
            star = _star_of(item)
            for excluded in () if star is None else star.args.get("except_") or ():
                named = excluded.this if isinstance(excluded, exp.Column) else excluded
                if isinstance(named, exp.Identifier):
                    owner = excluded.text("table") or item.text("table")
                    yield from self._unknown_column(named, owner, scope, outer=False)
        yield from self._unknown_in_using(scope)

    def _unknown_column(
        self, named: exp.Identifier, owner: str, scope: Scope, *, outer: bool = True
    ) -> Iterator[tuple[exp.Expr, str]]:
        # What a change feed adds to a table, say; and what an engine calls what has no name.
        if named.name.startswith("_") or "(" in named.name:
            return
        if owner:
            sources = {name.casefold(): source for name, source in scope.sources.items()}
            if owner.casefold() not in sources:
                return
            selected: Mapping[str, object] = {owner: sources[owner.casefold()]}
            found = self._columns(sources[owner.casefold()])
        else:
            selected, found = _selected(scope), self._every(scope, outer=outer)
        if found is not None and not _is_in(named.name, found):
            yield named, self._words(named.name, selected, found)

    def _unknown_in_using(self, scope: Scope) -> Iterator[tuple[exp.Expr, str]]:
        """Give what stands in USING, and is not on both sides of the join."""
        first = scope.expression.args.get("from_")
        if first is None or scope.expression.args.get("laterals"):
            return
        before = {first.this.alias_or_name: scope.sources.get(first.this.alias_or_name)}
        for join in scope.expression.args.get("joins") or ():
            name = join.this.alias_or_name
            joined = {name: scope.sources.get(name)}
            for named in join.args.get("using") or ():
                for side in (before, joined):
                    columns = [self._columns(source) for source in side.values()]
                    found = [one for known in columns for one in known or ()]
                    if None not in columns and not _is_in(named.name, found):
                        yield named, self._words(named.name, side, found)
            before = {**before, **joined}

    def _unknown_in_order(self, scope: Scope) -> Iterator[tuple[exp.Expr, str]]:
        """Give what a union is ordered by, and is none of its columns."""
        order, given = scope.expression.args.get("order"), self.given_by(scope)
        if order is None or given is None:
            return
        for column in order.find_all(exp.Column):
            if not column.table and _is_of(scope, column) and not _is_in(column.name, given):
                hint = did_you_mean(column.name, given) or _listed(given)
                yield column.this, f"the result has no column '{column.name}'. {hint}"

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
        star = _star_of(item)
        if star is None or any(star.args.get(key) for key in ("replace", "rename")):
            return None  # its name is the engine's
        excluded = [one.name for one in star.args.get("except_") or ()]
        owner = item.text("table")
        if owner:
            found = self._columns(scope.sources.get(owner))
        elif any(join.args.get("using") or join.method for join in scope.find_all(exp.Join)):
            return None
        else:
            found = self._every(scope, outer=False)
        return found and tuple(name for name in found if not _is_in(name, excluded))

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


def _star_of(item: exp.Expr) -> exp.Star | None:
    """Return the star of ``*`` or ``t.*``; None of all else."""
    star = item.this if isinstance(item, exp.Column) else item
    return star if isinstance(star, exp.Star) else None


def _columns_after(scope: Scope) -> Iterator[exp.Column]:
    """Give the columns without a table that filter groups and windows, which sqlglot leaves out."""
    for clause in (scope.expression.args.get(key) for key in ("having", "qualify")):
        for column in () if clause is None else clause.find_all(exp.Column):
            if not column.table and _is_of(scope, column):
                yield column


def _is_of(scope: Scope, column: exp.Column) -> bool:
    """Whether a column stands in a query itself, and not in another one within it."""
    return column.find_ancestor(exp.Select, exp.SetOperation) is scope.expression


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
    told = listed(dict.fromkeys(columns), most)
    return f"Columns: {told}." if told else ""
