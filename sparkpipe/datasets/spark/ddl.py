"""What is wrong with a schema in words of SQL, found without Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sparkpipe.errors import did_you_mean

_TYPES = (
    *("boolean", "byte", "tinyint", "short", "smallint", "int", "integer", "long", "bigint"),
    *("float", "real", "double", "decimal", "dec", "numeric", "date", "time", "timestamp"),
    *("timestamp_ntz", "timestamp_ltz", "string", "char", "character", "varchar", "binary"),
    *("interval", "variant", "void", "array", "map", "struct", "geometry", "geography"),
)
_OPENS, _CLOSES = "(<", ")>"
_COLUMN = re.compile(r"\s*(`(?:[^`]|``)+`|[^\s:,`()<>]+)\s*:?\s*(.*)", re.DOTALL)
_TYPE = re.compile(r"([a-zA-Z_]+)\s*(<.*>|\(.*?\))?", re.DOTALL)


def ddl_problems(text: str) -> list[str]:
    """Return what is wrong with columns and types, as ``id INT, name STRING``.

    >>> ddl_problems("id INTT, tags ARRAY<STRNG>, `a b` DECIMAL(10, 2) NOT NULL COMMENT 'x, y'")
    ["'INTT', the type of 'id', is no type of Spark. Did you mean 'int'?",
     "'STRNG', a type in 'tags', is no type of Spark. Did you mean 'string'?"]
    >>> ddl_problems("id INT, name"), ddl_problems("id ARRAY<INT")
    (["the column 'name' has no type."], ["a bracket is not closed in 'id ARRAY<INT'."])
    """
    if text.lstrip().startswith("{"):  # JSON
        return []
    parts = list(_parts(text))
    if any(_depth(part) != 0 for part in parts):
        return [f"a bracket is not closed in '{text.strip()}'."]
    found = []
    for part in parts:
        match = _COLUMN.fullmatch(part)
        if match is None:
            continue
        name = match[1].strip("`")
        if match[2].strip():
            found += type_problems(name, match[2].strip())
        elif not _TYPE.fullmatch(part.strip()) or part.strip().lower() not in _TYPES:
            found.append(f"the column '{name}' has no type.")
    return found


def type_problems(column: str, kind: str, what: str = "the type of") -> list[str]:
    """Return what is wrong with the type of a column.

    >>> type_problems("a", "map<string, array<strng>>")
    ["'strng', a type in 'a', is no type of Spark. Did you mean 'string'?"]
    """
    match = _TYPE.match(kind)
    if match is None:
        return [f"'{kind}', {what} '{column}', is no type of Spark."]
    word, inside = match[1].lower(), (match[2] or "")
    if word not in _TYPES:
        hint = did_you_mean(word, _TYPES)
        return [f"'{match[1]}', {what} '{column}', is no type of Spark. {hint}".rstrip()]
    if not inside.startswith("<"):
        return []
    within = "a type in"
    found = []
    for part in _parts(inside[1:-1]):
        field = _COLUMN.fullmatch(part) if word == "struct" else None
        found += type_problems(column, (field[2] if field else part).strip(), within)
    return found


def _parts(text: str) -> Iterator[str]:
    """Give what stands between commas that are in no bracket and no quotes."""
    depth, begin, quote = 0, 0, ""
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter in _OPENS:
            depth += 1
        elif letter in _CLOSES:
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[begin:position]
            begin = position + 1
    if text[begin:].strip():
        yield text[begin:]


def _depth(text: str) -> int:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "", text)
    return sum(bare.count(one) for one in _OPENS) - sum(bare.count(one) for one in _CLOSES)
