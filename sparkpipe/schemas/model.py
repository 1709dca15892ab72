"""What a schema is: columns, their types, and what is told of them; plain values, without Spark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The one name that each type has here, by the names that Spark knows for it.
TYPE_NAMES: Mapping[str, str] = {
    **{name: name for name in ("boolean", "tinyint", "smallint", "int", "bigint", "float")},
    **{name: name for name in ("double", "decimal", "date", "time", "timestamp", "timestamp_ntz")},
    **{name: name for name in ("string", "char", "varchar", "binary", "interval", "variant")},
    **{name: name for name in ("void", "array", "map", "struct", "geometry", "geography")},
    "byte": "tinyint",
    "short": "smallint",
    "integer": "int",
    "long": "bigint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "character": "char",
    "timestamp_ltz": "timestamp",
    "null": "void",
}

# As Spark's own JSON calls them.
_IN_JSON = {"tinyint": "byte", "smallint": "short", "int": "integer", "bigint": "long"}
_PLAIN = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class DataType:
    """The type of a column, by the name that Spark's ``simpleString`` gives it.

    Attributes:
        name: Such as ``bigint``, ``decimal``, ``array``.
        args: What stands in brackets: precision and scale, or a length.
        items: Of an array its elements' type; of a map those of keys and values.
        fields: Those of a struct.

    >>> str(DataType("map", items=(DataType("string"), DataType("decimal", (10, 2)))))
    'map<string,decimal(10,2)>'
    """

    name: str
    args: tuple[int, ...] = ()
    items: tuple[DataType, ...] = ()
    fields: tuple[Column, ...] = ()

    def __str__(self) -> str:
        if self.name == "struct":
            inside = ",".join(f"{quoted(one.name)}:{one.type}" for one in self.fields)
            return f"struct<{inside}>"
        if self.items:
            return f"{self.name}<{','.join(map(str, self.items))}>"
        return f"{self.name}({','.join(map(str, self.args))})" if self.args else self.name

    def ddl(self) -> str:
        """Return it as it stands in DDL: with what is told of the fields of a struct."""
        if self.name == "struct":
            fields = (f"{quoted(one.name)}:{one.type.ddl()}{one.notes}" for one in self.fields)
            return f"struct<{','.join(fields)}>"
        if self.items:
            return f"{self.name}<{','.join(one.ddl() for one in self.items)}>"
        return str(self)

    def as_json(self) -> Any:
        """Return it as it stands in the JSON form of Spark's types."""
        if self.name == "struct":
            return {"type": "struct", "fields": [one.as_json() for one in self.fields]}
        if self.name == "array":
            return {
                "type": "array",
                "elementType": self.items[0].as_json(),
                "containsNull": True,
            }
        if self.name == "map":
            return {
                "type": "map",
                "keyType": self.items[0].as_json(),
                "valueType": self.items[1].as_json(),
                "valueContainsNull": True,
            }
        return _IN_JSON.get(self.name, str(self))


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        type: Its type.
        nullable: Whether it may hold nulls.
        comment: What is told of it.
        metadata: What else is noted, such as ``tags``.
    """

    name: str
    type: DataType
    nullable: bool = True
    comment: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the JSON form of a ``StructType``."""
        comment = {"comment": self.comment} if self.comment else {}
        return {
            "name": self.name,
            "type": self.type.as_json(),
            "nullable": self.nullable,
            "metadata": {**self.metadata, **comment},
        }

    def ddl(self) -> str:
        """Return it as a line of a ``CREATE TABLE``."""
        return f"{quoted(self.name)} {self.type.ddl()}{self.notes}"

    @property
    def notes(self) -> str:
        """What DDL tells of it after its type; empty where there is nothing to tell."""
        notes = "" if self.nullable else " NOT NULL"
        if self.comment:
            escaped = self.comment.replace("\\", "\\\\").replace("'", "\\'")
            notes += f" COMMENT '{escaped}'"
        return notes


@dataclass(frozen=True)
class Schema:
    """The columns of a data set, in their order.

    >>> from sparkpipe.schemas import read_schema
    >>> schema = read_schema("id BIGINT NOT NULL COMMENT 'of the trip', tags ARRAY<STRING>")
    >>> schema.names, str(schema["tags"].type), schema["id"].nullable
    (('id', 'tags'), 'array<string>', False)
    >>> print(schema.ddl())
    id bigint NOT NULL COMMENT 'of the trip', tags array<string>
    """

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(one.name for one in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(one for one in self.columns if one.name == name)

    def ddl(self) -> str:
        """Return it as DDL, from which it can be read again; tags are not part of it."""
        return ", ".join(one.ddl() for one in self.columns)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form of a ``StructType``, which Spark reads, too."""
        return {"type": "struct", "fields": [one.as_json() for one in self.columns]}


def quoted(name: str) -> str:
    """Return a name as SQL takes it.

    >>> quoted("trip_id"), quoted("a b"), quoted("a`b")
    ('trip_id', '`a b`', '`a``b`')
    """
    return name if _PLAIN.fullmatch(name) else f"`{name.replace('`', '``')}`"


def twice(names: Iterable[str]) -> str:
    """Return a name that is there twice, in any case; empty if none is.

    >>> twice(["id", "name", "ID"])
    'ID'
    """
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""
