"""Reads types and columns in the words of Spark SQL, without Spark."""

from __future__ import annotations

import re
from typing import NoReturn

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.schemas.model import TYPE_NAMES, Column, DataType

_TOKEN = re.compile(
    r"""\s*(?:
        `(?P<name>(?:[^`]|``)+)`
      | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
      | (?P<word>[^\s`'"<>(),:]+)
      | (?P<mark>[<>(),:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_UNITS = ("year", "month", "day", "hour", "minute", "second")
_MOST_ARGS = {"decimal": 2, "char": 1, "varchar": 1, "time": 1, "geometry": 1, "geography": 1}
_LENGTH_NEEDED = ("char", "varchar")


def parse_columns(text: str) -> tuple[Column, ...]:
    """Return the columns that a text declares, such as ``id INT NOT NULL, name STRING``.

    Args:
        text: Columns as in ``CREATE TABLE``: name, type, ``NOT NULL``, ``COMMENT``.

    Raises:
        DataSetError: It is none; tells where.

    >>> [one.name for one in parse_columns("id INT, `a b` STRUCT<x: INT, y: DECIMAL(9, 2)>")]
    ['id', 'a b']
    >>> parse_columns("id INTT")
    Traceback (most recent call last):
    sparkpipe.errors.DataSetError: the schema: 'INTT', the type of 'id', is no type of Spark. ...
    """
    parser = _Parser(text)
    columns = parser.columns("")
    parser.expect_end()
    return columns


def parse_type(text: str, column: str = "") -> DataType:
    """Return a type that is told in words.

    Args:
        text: Such as ``decimal(10, 2)`` or ``array<string>``.
        column: Whose type it is, for messages.

    Raises:
        DataSetError: It is none.

    >>> str(parse_type("MAP<STRING, ARRAY<LONG>>"))
    'map<string,array<bigint>>'
    """
    parser = _Parser(text)
    found = parser.type(column)
    parser.expect_end()
    return found


class _Parser:
    """Reads tokens one after the other; each method reads what it is called for."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None:
                self.fail(f"a quote is not closed in '{self._text}'.")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            position = match.end()
        self._next = 0

    def columns(self, end: str, within: str = "") -> tuple[Column, ...]:
        """Read columns up to a mark; of a struct, a colon may part name and type."""
        found: list[Column] = []
        while not (end and self._takes(end)):
            if found:
                self._need(",", within)
            found.append(self._column(within))
            if not end and self._is_over:
                break
        return tuple(found)

    def _column(self, within: str) -> Column:
        kind, name = self._take()
        if kind not in ("name", "word"):
            self.fail(f"a name of a column is needed, not '{name}', in '{self._text}'.")
        name = name.replace("``", "`") if kind == "name" else name
        self._takes(":")
        if self._is_over or self._peek() in (",", ">"):
            self.fail(f"the column '{name}' has no type.")
        column_type = self.type(within or name)
        nullable, comment = True, ""
        while not self._is_over and self._peek() not in (",", ">"):
            if self._takes_words("not", "null"):
                nullable = False
            elif self._takes_words("comment"):
                comment = _unquoted(self._take()[1])
            else:
                self.fail(
                    f"the column '{name}': '{self._peek()}' is not known here. After the type "
                    "may stand NOT NULL and COMMENT '...'."
                )
        return Column(name, column_type, nullable, comment)

    def type(self, column: str) -> DataType:
        """Read a type."""
        kind, given = self._take()
        name = TYPE_NAMES.get(given.lower()) if kind == "word" else None
        if name is None:
            of = f", the type of '{column}'," if column else ""
            hint = did_you_mean(given, TYPE_NAMES)
            self.fail(f"'{given}'{of} is no type of Spark. {hint}".rstrip())
        if name == "interval":
            return DataType(self._interval())
        if name == "string" and self._takes_words("collate"):
            return DataType(f"string collate {self._take()[1]}")
        if name in ("array", "map", "struct"):
            return self._nested(name, column)
        args = self._args(name, column)
        if name == "decimal":
            args = (*args, *(10, 0)[len(args) :])
            if not (0 < args[0] <= 38 and 0 <= args[1] <= args[0]):
                self.fail(f"'{column}': decimal has 1 to 38 digits, some of them after the point.")
        return DataType(name, args)

    def _nested(self, name: str, column: str) -> DataType:
        if not self._takes("<"):
            self.fail(f"'{column}': {name} needs the type of what is in it: {name}<...>.")
        if name == "struct":
            return DataType(name, fields=self.columns(">", column))
        items = [self.type(column)]
        if name == "map":
            self._need(",", column)
            items.append(self.type(column))
        self._need(">", column)
        return DataType(name, items=tuple(items))

    def _args(self, name: str, column: str) -> tuple[int, ...]:
        args: list[int] = []
        if self._peek() == "(" and name in _MOST_ARGS and self._takes("("):
            while not self._takes(")"):
                if args:
                    self._need(",", column)
                number = self._take()[1]
                if not number.isdecimal():
                    self.fail(f"'{column}': a number is needed in {name}(...), not '{number}'.")
                args.append(int(number))
        if len(args) > _MOST_ARGS.get(name, 0) or (name in _LENGTH_NEEDED and not args):
            example = {"decimal": "decimal(10, 2)"}.get(name, f"{name}(10)")
            self.fail(f"'{column}': {name} is written as {example}.")
        return tuple(args)

    def _interval(self) -> str:
        words = ["interval"]
        while self._peek().lower() in (*_UNITS, "to"):
            words.append(self._take()[1].lower())
        return " ".join(words)

    @property
    def _is_over(self) -> bool:
        return self._next >= len(self._tokens)

    def _peek(self) -> str:
        return "" if self._is_over else self._tokens[self._next][1]

    def _take(self) -> tuple[str, str]:
        if self._is_over:
            self.fail(f"something is missing at the end of '{self._text}'.")
        self._next += 1
        return self._tokens[self._next - 1]

    def _takes(self, mark: str) -> bool:
        found = not self._is_over and self._tokens[self._next] == ("mark", mark)
        self._next += found
        return found

    def _takes_words(self, *words: str) -> bool:
        ahead = self._tokens[self._next : self._next + len(words)]
        found = [(kind, word.lower()) for kind, word in ahead] == [("word", one) for one in words]
        self._next += len(words) * found
        return found

    def _need(self, mark: str, column: str) -> None:
        if not self._takes(mark):
            where = f" in '{column}'" if column else ""
            found = f", not '{self._peek()}'" if self._peek() else ""
            self.fail(f"'{mark}' is missing{where}{found}: '{self._text}'.")

    def expect_end(self) -> None:
        """Refuse what is left.

        Raises:
            DataSetError: Something is.
        """
        if not self._is_over:
            self.fail(f"'{self._peek()}' is too much in '{self._text}'.")

    def fail(self, told: str) -> NoReturn:
        """Tell what is wrong.

        Raises:
            DataSetError: Always.
        """
        raise DataSetError(f"the schema: {told}")


def _unquoted(text: str) -> str:
    quote = text[:1]
    if quote not in ("'", '"') or len(text) < 2:
        raise DataSetError(f"the schema: COMMENT needs a text in quotes, not {text}.")
    inside = text[1:-1].replace("''", "'") if quote == "'" else text[1:-1]
    return re.sub(r"\\(.)", r"\1", inside)
