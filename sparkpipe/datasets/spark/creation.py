"""What a table of Delta is made with, beside its columns."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark.definitions import literal
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.options import in_known_case
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

_CONSTRAINT = "delta.constraints."

#: The options of an entry.
CREATION_WORDS = (
    *("partition_by", "cluster_by", "table_properties", "constraints", "generated", "identity"),
)


@dataclass(frozen=True)
class Creation:
    """What a table is made with.

    Attributes:
        partition_by: The columns by which it is partitioned.
        cluster_by: Those by which it is clustered.
        properties: Its properties.
        constraints: Conditions that all rows meet, by the name of the constraint.
        generated: How columns are worked out of others, in SQL, by their names.
        identity: Columns that Delta fills with numbers of its own.
    """

    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    constraints: Mapping[str, str] = field(default_factory=dict)
    generated: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said."""
        return self == Creation()

    @property
    def filled(self) -> frozenset[str]:
        """The columns that Delta fills, in lower case: rows to save need not have them."""
        return frozenset(name.lower() for name in (*self.generated, *self.identity))


def take_creation(options: Mapping[str, Any]) -> tuple[Creation, dict[str, Any]]:
    """Part what a table is made with from all other options.

    Raises:
        DataSetError: An option is not possible.

    >>> take_creation({"cluster_by": "day", "mergeSchema": True})
    (Creation(partition_by=(), cluster_by=('day',), ...), {'mergeSchema': True})
    """
    others = in_known_case(options, CREATION_WORDS)
    given = {name: others.pop(name) for name in CREATION_WORDS if name in others}
    creation = Creation(
        _names(given, "partition_by"),
        _names(given, "cluster_by"),
        _texts(given, "table_properties"),
        _texts(given, "constraints"),
        _texts(given, "generated"),
        _names(given, "identity"),
    )
    if creation.partition_by and creation.cluster_by:
        raise DataSetError(
            "save_args: a table is partitioned or clustered, not both.",
            hint="Give partition_by or cluster_by.",
        )
    return creation, others


def create(
    session: SparkSession,
    table: str,
    creation: Creation,
    frame: DataFrame,
    more: Sequence[str] = (),
) -> None:
    """Make an empty table, if there is none.

    Args:
        session: The session.
        table: Its name in SQL.
        creation: What it is made with.
        frame: Has its columns, but those that Delta fills.
        more: Further columns, as DDL.
    """
    session.sql(
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join([*_columns(creation, frame), *more])}) "
        f"USING delta{_clauses(creation)}"
    )
    for name, condition in creation.constraints.items():
        session.sql(f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} CHECK ({condition})")


def differences(creation: Creation, detail: Mapping[str, Any]) -> list[str]:
    """Return in what a table that is there differs from what an entry says of a new one.

    Args:
        creation: What the entry says.
        detail: What ``DESCRIBE DETAIL`` tells of the table.

    >>> differences(Creation(partition_by=("day",)), {"partitionColumns": ["month"]})
    ['it is partitioned by month, not by day (partition_by)']
    """
    told = []
    for option, wanted, column, word in (
        ("partition_by", creation.partition_by, "partitionColumns", "partitioned"),
        ("cluster_by", creation.cluster_by, "clusteringColumns", "clustered"),
    ):
        there = [*(detail.get(column) or ())]
        if wanted and [*map(str.lower, there)] != [*map(str.lower, wanted)]:
            by = f"{word} by {', '.join(there)}" if there else f"not {word}"
            told.append(f"it is {by}, not by {', '.join(wanted)} ({option})")
    properties = detail.get("properties") or {}
    for key, value in creation.properties.items():
        if properties.get(key) != value:
            is_there = f"is '{properties[key]}'" if key in properties else "is not set"
            told.append(f"its property {key} {is_there}, not '{value}' (table_properties)")
    for name, condition in creation.constraints.items():
        present = properties.get(f"{_CONSTRAINT}{name.lower()}")
        if present is None:
            told.append(f"it lacks the constraint {name} ({condition})")
        elif "".join(present.split()) != "".join(condition.split()):
            told.append(f"its constraint {name} is '{present}', not '{condition}'")
    return told


def make_or_compare(
    session: SparkSession,
    table: str,
    creation: Creation,
    frame: DataFrame,
    *,
    is_there: bool,
    more: Sequence[str] = (),
) -> None:
    """Make a table that is not there; warn of what differs in one that is.

    Args:
        session: The session.
        table: Its name in SQL.
        creation: What it is made with.
        frame: Has its columns, but those that Delta fills.
        is_there: Whether there is a table.
        more: Further columns, as DDL.
    """
    if not is_there:
        create(session, table, creation, frame, more)
    elif not creation.is_plain:
        (row,) = session.sql(f"DESCRIBE DETAIL {table}").collect()
        for told in differences(creation, row.asDict()):
            _logger.warning(
                "The table %s stays as it is: %s. ALTER TABLE changes it, or make it anew.",
                table,
                told,
            )


def _columns(creation: Creation, frame: DataFrame) -> Iterable[str]:
    fields = [one for one in frame.schema.fields if one.name.lower() not in creation.filled]
    for one in fields:
        comment = one.metadata.get("comment")
        told = f" COMMENT {literal(str(comment))}" if comment else ""
        yield f"{quoted(one.name)} {ddl_of(one.dataType)}{told}"
    for name, expression in creation.generated.items():
        (made,) = frame.selectExpr(f"({expression}) AS {quoted(name)}").schema.fields
        yield f"{quoted(name)} {ddl_of(made.dataType)} GENERATED ALWAYS AS ({expression})"
    for name in creation.identity:
        yield f"{quoted(name)} BIGINT GENERATED ALWAYS AS IDENTITY"


def _clauses(creation: Creation) -> str:
    text = ""
    if creation.partition_by:
        text += f" PARTITIONED BY ({', '.join(map(quoted, creation.partition_by))})"
    if creation.cluster_by:
        text += f" CLUSTER BY ({', '.join(map(quoted, creation.cluster_by))})"
    if creation.properties:
        listed = (f"{literal(key)} = {literal(v)}" for key, v in creation.properties.items())
        text += f" TBLPROPERTIES ({', '.join(listed)})"
    return text


def ddl_of(kind: Any) -> str:
    """Return a type as SQL takes it, whatever the names of its fields.

    Args:
        kind: A type of Spark.
    """
    name = type(kind).__name__
    if name == "ArrayType":
        return f"ARRAY<{ddl_of(kind.elementType)}>"
    if name == "MapType":
        return f"MAP<{ddl_of(kind.keyType)}, {ddl_of(kind.valueType)}>"
    if name == "StructType":
        inner = (f"{quoted(one.name)}: {ddl_of(one.dataType)}" for one in kind.fields)
        return f"STRUCT<{', '.join(inner)}>"
    return str(kind.simpleString())


def _names(given: Mapping[str, Any], option: str) -> tuple[str, ...]:
    value = given.get(option) or ()
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(one, str) for one in names):
        raise DataSetError(f"save_args: '{option}' is a list of columns, not {value!r}.")
    return tuple(names)


def _texts(given: Mapping[str, Any], option: str) -> dict[str, str]:
    value = given.get(option) or {}
    if not isinstance(value, Mapping) or any(isinstance(one, Mapping) for one in value.values()):
        raise DataSetError(f"save_args: '{option}' is a mapping of texts, not {value!r}.")
    return {str(key): _text(one) for key, one in value.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
