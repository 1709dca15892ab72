"""What a text of SQL says: which tables and parameters it reads, and what cannot be in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError

from sparkpipe.sql.query import Statement
from sparkpipe.sql.quiet import quiet
from sparkpipe.sql.tables import Span, find_tables, with_fields
from sparkpipe.sql.text import MarkedText, Problem, mark

_READS = (exp.Query, exp.Values)
# Names classes of the parser, which mean nothing to who writes SQL.
_LACKING = re.compile(r"[Rr]equired keyword: .* missing for <class '[\w.]*?(\w+)'>")
_ONLY_READS = "a SQL node only reads: what it finds is saved by its output."
_AFTER_COMMA = (TokenType.COMMA, TokenType.FROM, TokenType.R_PAREN, TokenType.WHERE)


@dataclass
class Parsed:
    """What is known of a text.

    Attributes:
        marked: The text with markers of SQL.
        tables: Names of the tables that it reads; the first one is ``t0`` in the statements.
        offsets: Where each of them stands first.
        markers: Those of its parameters.
        statements: The views that it makes for itself, then the query.
        bodies: The trees of these.
        problems: All that is wrong.
        words: What of the text counts; comments and the way it is laid out do not.
    """

    marked: MarkedText
    tables: list[str] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    markers: dict[str, None] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    bodies: list[exp.Expr] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    words: tuple[str, ...] = ()


def parse(text: str, dialect: str = "spark") -> Parsed:
    """Return what a text says.

    Args:
        text: One query; before it there may be temporary views for it.
        dialect: The dialect of SQL, one that sqlglot knows.

    >>> parsed = parse("with a as (select * from trips) select * from a join eu.airlines")
    >>> parsed.tables
    ['trips', 'eu.airlines']
    """
    marked = mark(text)
    parsed = Parsed(marked, problems=[*marked.problems])
    known = Dialect.get_or_raise(dialect)
    try:
        tokens = known.tokenize(marked.text)
    except TokenError as exc:
        parsed.problems.append(_not_read(marked.text, exc))
        return parsed
    parsed.words = tuple(
        word for part in _parts(tokens) if part for word in (*map(_word, part), ";")
    )
    _Reader(parsed, known).read(tokens)
    return parsed


def _word(token: Token) -> str:
    kind = token.token_type
    if kind in (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER):
        return f"{kind.name}:{token.text}"
    return token.text.upper()


def _not_read(text: str, exc: TokenError) -> Problem:
    """Tell what is no part of SQL: almost always a quote or comment that has no end."""
    opened = max(text.rfind(quote) for quote in ("'", '"', "`", "/*"))
    return Problem(max(opened, 0), "a quote or a comment that begins here has no end.")


class _Reader:
    """Reads the statements of one text."""

    def __init__(self, parsed: Parsed, dialect: Dialect) -> None:
        self._parsed = parsed
        self._dialect = dialect
        self._text = parsed.marked.text
        # By their names as SQL compares them; a later one of a name takes its place.
        self._views: dict[str, str] = {}

    def read(self, tokens: Sequence[Token]) -> None:
        parts = [part for part in _parts(tokens) if part]
        if not parts:
            self._refuse(0, "there is no query.", "Write SELECT ... FROM ...")
        for number, part in enumerate(parts):
            tree = self._tree(part)
            if tree is None:
                continue
            if number < len(parts) - 1:
                self._read_view(part, tree)
            elif isinstance(tree, _READS):
                self._add(part, tree)
            else:
                self._refuse_command(part, tree, is_last=True)

    def _refuse(self, offset: int, message: str, hint: str = "") -> None:
        self._parsed.problems.append(Problem(offset, message, hint))

    def _tree(self, tokens: Sequence[Token]) -> exp.Expr | None:
        """Return the tree of a statement; None if it has none."""
        for token, following in pairwise(tokens):
            if _is_gap(token, following):
                self._refuse(following.start, f"something is missing before {following.text!r}.")
                return None
        parser = self._dialect.parser()
        try:
            with quiet():
                trees = parser.parse([*tokens], self._text)
        except ParseError as exc:
            told = exc.errors[0]
            at = str(told.get("highlight") or "")
            offset = len(self._text) if told.get("line") is None else self._offset(tokens, told)
            near = f" near {at!r}" if at else ""
            self._refuse(offset, f"this is no SQL{near}: {_words_of(told)}.")
            return None
        return trees[0]

    def _offset(self, tokens: Sequence[Token], told: Mapping[str, object]) -> int:
        place = (told.get("line"), told.get("col"))
        found = [token.start for token in tokens if (token.line, token.col) == place]
        return found[0] if found else tokens[0].start

    def _read_view(self, tokens: Sequence[Token], tree: exp.Expr) -> None:
        start = tokens[0].start
        if isinstance(tree, _READS):
            self._refuse(
                start,
                "there is a second result: only the last statement gives one.",
                "Make this one a CREATE TEMPORARY VIEW that the last reads, or a node of its own.",
            )
            return
        query = tree.args.get("expression")
        if not _is_own_view(tree) or not isinstance(query, _READS):
            self._refuse_command(tokens, tree, is_last=False)
            return
        named = tree.this
        columns = [one.name for one in named.expressions] if isinstance(named, exp.Schema) else []
        name = named.this.name if isinstance(named, exp.Schema) else named.name
        if name.casefold() in self._views and not tree.args.get("replace"):
            self._refuse(start, f"there is a view '{name}' already.", "Name them differently.")
        self._add(_body(tokens), query, tuple(columns))
        self._views[name.casefold()] = f"v{len(self._parsed.statements) - 1}"

    def _refuse_command(self, tokens: Sequence[Token], tree: exp.Expr, *, is_last: bool) -> None:
        what = _kind_of(tokens, tree)
        if is_last and _is_own_view(tree):
            self._refuse(tokens[0].start, "there is no query after the views.")
            return
        self._refuse(
            tokens[0].start,
            f"{what} is no query, and {_ONLY_READS}",
            "Write SELECT ...; before it only CREATE TEMPORARY VIEW ... AS SELECT ... may stand.",
        )

    def _add(self, tokens: Sequence[Token], body: exp.Expr, columns: tuple[str, ...] = ()) -> None:
        """Add a statement that gives rows."""
        spans = find_tables(body)
        keys = {span.start: self._key(span.name, span.start) for span in spans}
        self._refuse_unfit(body, spans)
        present = {one.name for one in body.find_all(exp.Placeholder)}
        markers = tuple(name for name in self._parsed.marked.inputs if name in present)
        fields = [one for one in self._parsed.marked.spans if one[2] in present]
        text = with_fields(self._text, tokens, body, spans, keys, fields)
        tables = tuple(dict.fromkeys(keys.values()))
        self._parsed.markers.update(dict.fromkeys(markers))
        self._parsed.statements.append(Statement(text, tables, markers, columns))
        self._parsed.bodies.append(body)

    def _key(self, name: str, offset: int) -> str:
        view = self._views.get(name.casefold())
        if view is not None:
            return view
        tables = self._parsed.tables
        if name not in tables:
            tables.append(name)
            self._parsed.offsets[name] = offset
        return f"t{tables.index(name)}"

    def _refuse_unfit(self, body: exp.Expr, spans: Sequence[Span]) -> None:
        """Tell what parses, and can be in no query of a node."""
        for span in spans:
            if span.node.args.get("version") is not None:
                self._refuse(
                    span.start,
                    f"the version of '{span.name}' cannot be chosen here.",
                    "Choose it in the catalog, or by --load-versions.",
                )
        for table in body.find_all(exp.Table):
            if table.this is not None and table.this.name.upper() == "IDENTIFIER":
                self._refuse(
                    table.this.meta.get("start", 0),
                    "the name of a table must stand in the text, so that its node can be ordered.",
                )
        for found in body.find_all(exp.In):
            listed = found.args.get("field")
            if isinstance(listed, exp.Placeholder):
                at = self._parsed.marked.offsets[self._parsed.marked.inputs[listed.name]]
                self._refuse(
                    at, "the values of IN stand in brackets.", f"Write IN (:{listed.name})."
                )
        for kind in (exp.Insert, exp.Into):
            if body.find(kind) is not None:
                self._refuse(0, _ONLY_READS)


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Give the tokens of each statement."""
    part: list[Token] = []
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _is_gap(token: Token, following: Token) -> bool:
    """Whether something lacks between two tokens that the parser does not ask for."""
    kind, then = token.token_type, following.token_type
    return (kind == TokenType.COMMA and then in _AFTER_COMMA) or (
        kind == TokenType.SELECT and then == TokenType.FROM
    )


def _kind_of(tokens: Sequence[Token], tree: exp.Expr) -> str:
    """Return what a statement is called: CREATE VIEW, INSERT."""
    if tokens[0].token_type == TokenType.WITH:
        return tree.key.upper()
    words = " ".join(token.text.upper() for token in tokens[:2])
    return words if isinstance(tree, (exp.Create, exp.Drop)) else words.split()[0]


def _is_own_view(tree: exp.Expr) -> bool:
    """Whether a statement makes a view that ends with its session."""
    if not isinstance(tree, exp.Create) or str(tree.kind).upper() != "VIEW":
        return False
    properties = tree.args.get("properties")
    kinds = {type(one) for one in properties.expressions} if properties is not None else set()
    return kinds == {exp.TemporaryProperty} and len(_parts_of_name(tree)) == 1


def _parts_of_name(tree: exp.Create) -> Sequence[exp.Expr]:
    named = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return named.parts if isinstance(named, exp.Table) else ()


def _body(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens of the query of a view: those after its AS."""
    depth = 0
    for number, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.ALIAS:
            return tokens[number + 1 :]
    return tokens


def _words_of(told: Mapping[str, object]) -> str:
    words = str(told.get("description") or "it cannot be parsed").rstrip(".")
    if words == "Invalid expression / Unexpected token":
        return "it is not expected here"
    lacking = _LACKING.search(words)
    if lacking:
        return f"something is missing in {lacking[1].upper()}"
    return words[:1].lower() + words[1:]
