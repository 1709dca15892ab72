"""Where in a statement its tables stand, and the statement with others in their place.

What Spark is given is the text as it was written, but for the names of tables: sqlglot tells where
they are, and only Spark itself reads the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import Token, TokenType, exp

from sparkpipe.sql.query import EACH, escaped


@dataclass(frozen=True)
class Span:
    """A table in the text of a statement.

    Attributes:
        name: What it is called: the parts of the name with dots between them.
        start: Where it begins in the text, in characters.
        end: Where it ends.
        has_alias: Whether columns can go by another name.
        last: The last part of the name, by which columns go where there is no other.
        node: Where it stands in the tree.
    """

    name: str
    start: int
    end: int
    has_alias: bool
    last: str
    node: exp.Table


def find_tables(statement: exp.Expr) -> list[Span]:
    """Return the tables that a statement reads, in the order of the text.

    What a ``WITH`` defines, functions that give tables, and names in hints are none.

    Args:
        statement: A query, or what holds one.
    """
    found = [
        _span(table)
        for table in statement.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
        and table.parts[0].meta.get("start") is not None
        and table.find_ancestor(exp.Hint) is None
        and not _is_defined(table)
    ]
    return sorted(found, key=lambda span: span.start)


def _span(table: exp.Table) -> Span:
    parts = table.parts
    return Span(
        ".".join(part.name for part in parts),
        parts[0].meta["start"],
        parts[-1].meta["end"] + 1,
        bool(table.alias),
        parts[-1].name,
        table,
    )


def _is_defined(table: exp.Table) -> bool:
    """Whether a table is what a ``WITH`` around it defines."""
    if len(table.parts) > 1:
        return False
    name = table.name.casefold()
    below: exp.Expr = table
    while below.parent is not None:
        above = below.parent
        if isinstance(above, exp.With):
            # A definition sees those before it; a recursive one itself, too.
            earlier = above.expressions[: below.index or 0]
            seen = above.expressions if above.recursive else earlier
            if _is_among(name, seen):
                return True
            above = above.parent or above
        elif _is_among(name, _definitions(above)):
            return True
        below = above
    return False


def _definitions(query: exp.Expr) -> Sequence[exp.Expr]:
    defined = query.args.get("with_")
    return defined.expressions if isinstance(defined, exp.With) else ()


def _is_among(name: str, definitions: Sequence[exp.Expr]) -> bool:
    return any(one.alias.casefold() == name for one in definitions)


def with_fields(
    text: str,
    tokens: Sequence[Token],
    body: exp.Expr,
    spans: Sequence[Span],
    keys: Mapping[int, str],
    markers: Sequence[tuple[int, int, str]],
) -> str:
    """Return a statement as a format string, in which tables and parameters are fields.

    Args:
        text: The whole text.
        tokens: Those of the statement that are kept.
        body: The tree of the statement.
        spans: Its tables.
        keys: For where a table begins, the name of its field.
        markers: Where the markers of parameters begin and end, with their names.
    """
    start, end = tokens[0].start, tokens[-1].end + 1
    edits = [*_of_columns(body, spans)]
    for span in spans:
        edits.append((span.start, span.end, f"{{{keys[span.start]}}}"))
        if not span.has_alias:
            at = _after_sample(tokens, span.end)
            edits.append((at, at, f" AS `{span.last.replace('`', '``')}`"))
    for at, until, name in markers:
        if start <= at < end:
            kind = EACH if is_in_list(tokens, at) else "p_"
            edits.append((at, until, f"{{{kind}{name}}}"))
    # Spark's own messages name the line of the file.
    told, at = "\n" * text.count("\n", 0, start), start
    for edit_start, edit_end, new in sorted(edits, key=lambda edit: edit[:2]):
        told += escaped(text[at:edit_start]) + new
        at = edit_end
    return told + escaped(text[at:end])


def is_in_list(tokens: Sequence[Token], at: int) -> bool:
    """Whether a marker is one of the values of an ``IN``, where a list stands for each of its own.

    Args:
        tokens: Those of the statement.
        at: Where the marker begins in the text.
    """
    before = [token for token in tokens if token.start < at]
    # Of the marker itself there are two: a colon, and its name.
    after = [token for token in tokens if token.start >= at][2:]
    if not before or not after or after[0].token_type not in (TokenType.COMMA, TokenType.R_PAREN):
        return False
    if before[-1].token_type not in (TokenType.COMMA, TokenType.L_PAREN):
        return False
    depth = 0
    for number in range(len(before) - 1, 0, -1):
        kind = before[number].token_type
        if kind == TokenType.L_PAREN and depth == 0:
            return before[number - 1].token_type == TokenType.IN
        depth += (kind == TokenType.R_PAREN) - (kind == TokenType.L_PAREN)
    return False


def _of_columns(body: exp.Expr, spans: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    """Give the edits of columns that go by all parts of a table's name: the last one stays."""
    for column, start in columns_by_whole_name(body, spans):
        table = column.args["table"]
        yield start, table.meta["start"], ""


def columns_by_whole_name(
    body: exp.Expr, spans: Sequence[Span]
) -> Iterator[tuple[exp.Column, int]]:
    """Give columns such as ``eu.trips.fare`` of a table ``eu.trips``, and where each begins."""
    names = {span.name.casefold() for span in spans if not span.has_alias}
    for column in body.find_all(exp.Column):
        parts: list[Any] = column.parts[:-1]
        if len(parts) > 1 and ".".join(part.name for part in parts).casefold() in names:
            yield column, parts[0].meta["start"]


def _after_sample(tokens: Sequence[Token], end: int) -> int:
    """Return where the alias of a table can stand: after its ``TABLESAMPLE``, if it has one."""
    following: Sequence[Token] = [token for token in tokens if token.start >= end]
    at = end
    while following and following[0].token_type == TokenType.TABLE_SAMPLE:
        following, at = _after_parentheses(following[1:], at)
        if following and following[0].text.upper() == "REPEATABLE":
            following, at = _after_parentheses(following[1:], at)
    return at


def _after_parentheses(tokens: Sequence[Token], at: int) -> tuple[Sequence[Token], int]:
    depth = 0
    for number, token in enumerate(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        at = token.end + 1
        if depth == 0:
            return tokens[number + 1 :], at
    return [], at
