"""In what two schemas differ, told by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sparkpipe.errors import did_you_mean
from sparkpipe.schemas.model import Column, DataType, Schema

#: What may differ.
Kind = Literal["missing", "extra", "type", "nullable", "order", "case"]

_TEXTS = ("string", "char", "varchar")
# Each can hold what those before it hold.
_WHOLE = ("tinyint", "smallint", "int", "bigint")
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        column: The name of the column; of a field in it with a point, as ``place.city``.
        kind: In what it differs.
        text: The difference in words.
        wanted: The type that the schema has; None if it has no such column.
        found: The type that is there; None if there is none.
    """

    column: str
    kind: Kind
    text: str
    wanted: DataType | None = None
    found: DataType | None = None

    @property
    def is_nested(self) -> bool:
        """Whether it is inside of a column."""
        return "." in self.column

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


#: Whether a type that is found may stand where another one is wanted.
Fits = Callable[[DataType, DataType], bool]


def fits(wanted: DataType, found: DataType) -> bool:
    """Whether values of a type are those of another: texts of any length, and nothing but nulls.

    >>> fits(DataType("varchar", (5,)), DataType("string")), fits(DataType("int"), DataType("long"))
    (True, False)
    """
    if found.name == "void" or (wanted.name in _TEXTS and found.name in _TEXTS):
        return True
    return wanted.name == found.name and wanted.args == found.args


def compare(wanted: Schema, found: Schema, is_fitting: Fits = fits) -> tuple[Difference, ...]:
    """Return in what a schema differs from the one that is wanted.

    Args:
        wanted: The declared one.
        found: That of the data.
        is_fitting: Whether a type that is not nested may stand for another one.

    >>> from sparkpipe.schemas import read_schema
    >>> wanted = read_schema("id BIGINT NOT NULL, amount DOUBLE, day DATE")
    >>> for one in compare(wanted, read_schema("Day DATE, id BIGINT, amuont DOUBLE")):
    ...     print(one)
    missing: 'amount' (double) is missing. Did you mean 'amuont'?
    extra: 'amuont' (double) is not in the schema. Did you mean 'amount'?
    nullable: 'id' may hold nulls, and must not.
    case: 'Day' is called 'day' in the schema.
    order: the columns stand in another order: Day, id, not id, Day.
    """
    return tuple(_compared(wanted.columns, found.columns, "", is_fitting))


def _compared(
    wanted: Sequence[Column], found: Sequence[Column], within: str, is_fitting: Fits
) -> Iterator[Difference]:
    pairs, missing, extra = _paired(wanted, found)
    extras = [one.name for one in extra]
    for one in missing:
        name = f"{within}{one.name}"
        told = f"'{name}' ({one.type}) is missing. {did_you_mean(one.name, extras)}".rstrip()
        yield Difference(name, "missing", told, one.type)
    absent = [one.name for one in missing]
    for one in extra:
        hint = did_you_mean(one.name, absent)
        name = f"{within}{one.name}"
        told = f"'{name}' ({one.type}) is not in the schema. {hint}".rstrip()
        yield Difference(name, "extra", told, None, one.type)
    for want, have in pairs:
        yield from _differing(want, have, within, is_fitting)
    places = {id(have): place for place, have in enumerate(found)}
    ordered = sorted((have for _, have in pairs), key=lambda have: places[id(have)])
    if ordered != [have for _, have in pairs]:
        told = ", ".join(one.name for one in ordered)
        want_order = ", ".join(have.name for _, have in pairs)
        where = f" in '{within[:-1]}'" if within else ""
        yield Difference(
            f"{within}*" if within else "",
            "order",
            f"the columns{where} stand in another order: {told}, not {want_order}.",
        )


def _paired(
    wanted: Iterable[Column], found: Iterable[Column]
) -> tuple[list[tuple[Column, Column]], list[Column], list[Column]]:
    """Return columns that are the same one by name, in the order wanted; and those of one side."""
    left = {one.name: one for one in found}
    pairs: list[tuple[Column, Column]] = []
    missing: list[Column] = []
    for want in wanted:
        name = want.name if want.name in left else _in_any_case(want.name, left)
        if name is None:
            missing.append(want)
        else:
            pairs.append((want, left.pop(name)))
    return pairs, missing, list(left.values())


def _in_any_case(name: str, among: Iterable[str]) -> str | None:
    return next((one for one in among if one.casefold() == name.casefold()), None)


def _differing(want: Column, have: Column, within: str, is_fitting: Fits) -> Iterator[Difference]:
    name = f"{within}{want.name}"
    if want.name != have.name:
        told = f"'{within}{have.name}' is called '{want.name}' in the schema."
        yield Difference(f"{within}{have.name}", "case", told)
    yield from _of_types(want.type, have.type, name, is_fitting)
    if have.nullable and not want.nullable:
        told = f"'{name}' may hold nulls, and must not."
        yield Difference(name, "nullable", told, want.type, have.type)


def _of_types(want: DataType, have: DataType, name: str, is_fitting: Fits) -> Iterator[Difference]:
    if want.name == have.name == "struct":
        yield from _compared(want.fields, have.fields, f"{name}.", is_fitting)
    elif want.name == have.name and want.items:
        parts = ("element",) if want.name == "array" else ("key", "value")
        for part, one, other in zip(parts, want.items, have.items, strict=True):
            yield from _of_types(one, other, f"{name}.{part}", is_fitting)
    elif not is_fitting(want, have):
        yield Difference(name, "type", f"'{name}' is {have}, not {want}.", want, have)


def is_wider(wanted: DataType, found: DataType) -> bool:
    """Whether a type can hold every value of another one, and more.

    Args:
        wanted: What there is.
        found: What may be wider.

    >>> from sparkpipe.schemas.ddl import parse_type
    >>> is_wider(parse_type("int"), parse_type("bigint"))
    True
    >>> is_wider(parse_type("decimal(10, 2)"), parse_type("decimal(12, 2)"))
    True
    >>> is_wider(parse_type("decimal(10, 2)"), parse_type("decimal(10, 4)"))
    False
    """
    if wanted.name in _WHOLE and found.name in _WHOLE:
        return _WHOLE.index(found.name) > _WHOLE.index(wanted.name)
    if found.name == "decimal":
        whole, scale = found.args[0] - found.args[1], found.args[1]
        if wanted.name == "decimal":
            held = wanted.args[0] - wanted.args[1]
            return found != wanted and whole >= held and scale >= wanted.args[1]
        return wanted.name in _DIGITS and whole >= _DIGITS[wanted.name]
    return (wanted.name, found.name) in (("float", "double"), ("date", "timestamp_ntz"))
