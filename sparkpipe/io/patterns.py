"""Names with fields in braces: one entry of a catalog that stands for many data sets.

The entry ``"{layer}.{table}"`` makes the data set of every name with a dot in it, and where its
body says ``{table}``, stands what the name has in that place. A field takes one character or more,
and as few as it can.

If several patterns match a name, the first in this order makes it:

1. the one with most characters outside braces,
2. the one with most fields,
3. the one whose name is first in the alphabet.

So a pattern that is nothing but a field, such as ``"{default}"``, comes last. An entry without
braces comes before all patterns. Parameters are never made of patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any, TypeVar

from sparkpipe.errors import DataSetError, did_you_mean

# What a name may put into an entry. It excludes what leads out of a folder on any file system
# (drives, home folders, globs, escapes of addresses), and quotes, as an entry may hold a query.
_SAFE = re.compile(r"[\w .+=@,#/-]+")


def is_pattern(name: object) -> bool:
    """Whether the name of an entry is a pattern.

    >>> is_pattern("{layer}.orders"), is_pattern("raw.orders")
    (True, False)
    """
    return "{" in str(name)


@dataclass(frozen=True)
class Pattern:
    """A name with fields.

    Args:
        name: The name as written.
        literals: What stands before, between and after the fields; may be empty at either end.
        fields: The names of the fields, in order.
    """

    name: str
    literals: tuple[str, ...]
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, name: str) -> Pattern:
        """Read a pattern.

        Raises:
            DataSetError: It is none.

        >>> Pattern.parse("{layer}.orders").match("raw.orders")
        {'layer': 'raw'}
        """
        literals = [""]
        fields: list[str] = []
        try:
            for literal, field in _pieces(name):
                if literal:
                    literals[-1] += literal
                if field is None:
                    continue
                if fields and not literals[-1]:
                    raise DataSetError(
                        f"nothing tells where field '{fields[-1]}' ends and '{field}' begins.",
                        hint="Put a character between them, such as {a}.{b}.",
                    )
                fields.append(field)
                literals.append("")
            if not fields:
                raise DataSetError(
                    "it has braces and no field.", hint="Give the entry a name without braces."
                )
        except DataSetError as exc:
            raise DataSetError(f"'{name}' is no pattern: {exc.message}", hint=exc.hint) from exc
        return cls(name, tuple(literals), tuple(fields))

    @property
    def precedence(self) -> tuple[int, int, str]:
        """Sorts patterns: the first that matches wins."""
        return (-sum(map(len, self.literals)), -len(self.fields), self.name)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        text = re.escape(self.literals[0])
        seen: set[str] = set()
        for field, literal in zip(self.fields, self.literals[1:], strict=True):
            text += f"(?P={field})" if field in seen else f"(?P<{field}>.+?)"
            text += re.escape(literal)
            seen.add(field)
        return re.compile(text, re.DOTALL)

    def match(self, name: str) -> dict[str, str] | None:
        """Return what the fields stand for in a name; None if it does not match."""
        found = self._expression.fullmatch(name)
        return None if found is None else found.groupdict()


class Patterns:
    """Patterns in order of precedence; quick to search, however many there are.

    Args:
        names: The patterns.
        origins: File and line of each, for messages.

    Raises:
        DataSetError: Some are no patterns, or are the same but for the names of their fields; all
            such are told.
    """

    def __init__(self, names: Iterable[str], origins: Mapping[str, str] | None = None) -> None:
        problems = []
        patterns: list[Pattern] = []
        alike: dict[tuple[str, ...], Pattern] = {}
        where = {name: f" ({origin})" for name, origin in (origins or {}).items() if origin}
        for name in names:
            try:
                pattern = Pattern.parse(name)
            except DataSetError as exc:
                problems.append(f"{exc}{where.get(name, '')}")
                continue
            order = tuple(str(pattern.fields.index(field)) for field in pattern.fields)
            other = alike.setdefault((*pattern.literals, *order), pattern)
            if other is not pattern:
                problems.append(
                    f"The patterns '{other.name}'{where.get(other.name, '')} and '{name}'"
                    f"{where.get(name, '')} match the same names. Remove one of them."
                )
            patterns.append(pattern)
        if problems:
            raise DataSetError("\n".join(problems))
        self._sorted = tuple(sorted(patterns, key=lambda pattern: pattern.precedence))
        # By what comes before the first field, after the last, and the longest between.
        index: dict[str, dict[str, dict[str, list[tuple[int, Pattern]]]]] = {}
        for rank, pattern in enumerate(self._sorted):
            start, *between, end = pattern.literals
            of_end = index.setdefault(start, {}).setdefault(end, {})
            of_end.setdefault(max(between, key=len, default=""), []).append((rank, pattern))
        self._index = _by_length(
            {
                start: _by_length({end: _by_length(middles) for end, middles in ends.items()})
                for start, ends in index.items()
            }
        )

    def __iter__(self) -> Iterator[Pattern]:
        return iter(self._sorted)

    def find(self, name: str) -> tuple[Pattern, dict[str, str]] | None:
        """Return the pattern that makes a name, with what its fields stand for; None if none does.

        >>> patterns = Patterns(["{any}", "{layer}.orders", "raw.{table}"])
        >>> pattern, values = patterns.find("raw.orders")
        >>> pattern.name, values
        ('{layer}.orders', {'layer': 'raw'})
        """
        if name == "parameters" or name.startswith("params:"):
            return None
        for _, pattern in sorted(self._candidates(name), key=_rank):
            values = pattern.match(name)
            if values is not None:
                return pattern, values
        return None

    def _candidates(self, name: str) -> Iterator[tuple[int, Pattern]]:
        size = len(name)
        for start, by_start in self._index:
            for end, by_end in by_start.get(name[:start], ()):
                for middle, patterns in by_end.get(name[size - end :], ()) if end < size else ():
                    for place in range(start, size - end - middle + 1) if middle else (0,):
                        yield from patterns.get(name[place : place + middle], ())


T = TypeVar("T")


def _by_length(table: dict[str, T]) -> list[tuple[int, dict[str, T]]]:
    """Part a table by the length of its keys, as a look-up has to know what length to look for."""
    parted: dict[int, dict[str, T]] = {}
    for key, value in table.items():
        parted.setdefault(len(key), {})[key] = value
    return sorted(parted.items(), key=lambda item: item[0])


def _rank(candidate: tuple[int, Pattern]) -> int:
    return candidate[0]


def _pieces(text: str) -> list[tuple[str, str | None]]:
    """Part a text into literals and the fields after them.

    Raises:
        DataSetError: Its braces are not those of fields.
    """
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as exc:
        raise DataSetError(
            f"its braces do not match ({str(exc).lower()}).",
            hint="A brace that begins no field is written twice: {{ or }}.",
        ) from exc
    for _, field, options, conversion in parsed:
        if field is not None and (options or conversion or not field.isidentifier()):
            raise DataSetError(
                f"'{{{field}{'!' + conversion if conversion else ''}"
                f"{':' + options if options else ''}}}' is no field.",
                hint="A field is a name in braces, such as {layer}.",
            )
    return [(literal, field) for literal, field, _, _ in parsed]


def body_problems(pattern: Pattern, body: Any) -> list[str]:
    """Return what is wrong with the fields in the body of a pattern."""
    problems = []
    for text in _texts(body):
        try:
            used = [field for _, field in _pieces(text) if field is not None]
        except DataSetError as exc:
            problems.append(f"'{text}': {exc}")
            continue
        problems += [
            f"'{text}' has the field '{field}', which is not in the name. "
            + (did_you_mean(field, pattern.fields) or f"Fields: {', '.join(pattern.fields)}.")
            for field in used
            if field not in pattern.fields
        ]
    return problems


def _texts(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        if "{" in body or "}" in body:
            yield body
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from _texts(value)
    elif isinstance(body, (list, tuple)):
        for value in body:
            yield from _texts(value)


def filled(body: Any, values: Mapping[str, str]) -> Any:
    """Return the body of a pattern with the values of its fields in place.

    Raises:
        DataSetError: A value could lead out of the folder that the body names.

    >>> filled({"filepath": "data/{layer}/{table}.csv"}, {"layer": "raw", "table": "orders"})
    {'filepath': 'data/raw/orders.csv'}
    """
    if isinstance(body, Mapping):
        return {key: filled(value, values) for key, value in body.items()}
    if isinstance(body, (list, tuple)):
        return [filled(value, values) for value in body]
    if isinstance(body, str) and ("{" in body or "}" in body):
        return _filled_text(body, values)
    return body


def _filled_text(text: str, values: Mapping[str, str]) -> str:
    made = steps_up = ""
    for literal, field in _pieces(text):
        made += literal
        steps_up += literal
        if field is not None:
            _check_value(values[field])
            made += values[field]
            steps_up += "_"
    # Also where a literal and a value meet, no step up may come about.
    if _steps_up(made) > _steps_up(steps_up):
        raise DataSetError(f"'{text}' would become '{made}', which leads out of its folder.")
    return made


def _check_value(value: str) -> None:
    if not _SAFE.fullmatch(value) or value.startswith("/") or _steps_up(value):
        raise DataSetError(
            f"{value!r}, a part of its name, cannot be put into a path.",
            hint="A part that fills a field has letters, digits, spaces and . + = @ , # / - _, "
            "no '..', and does not begin with '/'.",
        )


def _steps_up(path: str) -> int:
    return re.split(r"[/\\]", path).count("..")
