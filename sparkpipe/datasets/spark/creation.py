"""What a table of Delta is made with, beside its columns."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkpipe.datasets.spark import unmade
from sparkpipe.datasets.spark.commits import is_delta_table
from sparkpipe.datasets.spark.definitions import literal
from sparkpipe.datasets.spark.first_append import was_made_meanwhile
from sparkpipe.datasets.spark.frames import need_columns
from sparkpipe.datasets.spark.names import quoted
from sparkpipe.datasets.spark.options import CREATION_WORDS, in_known_case
from sparkpipe.errors import DataSetError
from sparkpipe.io.effects import effect_of_mode
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.failures.judging import spark_reason

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_logger = logging.getLogger(__name__)

_CONSTRAINT = "delta.constraints."
# What the log keeps of a column that Delta fills.
_GENERATED, _IDENTITY = "delta.generationExpression", "delta.identity.step"

# What the commits are called in which a table is made, and how many of them are looked at.
_MAKING = ("CREATE TABLE", "ADD CONSTRAINT")
_MOST_COMMITS = 100

# Options by which something that is there would be replaced.
_ANEW = "overwriteSchema"
_REPLACING = ("mode", "replacewhere", "partitionoverwritemode", "overwriteschema")


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

    @property
    def words(self) -> list[str]:
        """The options that say something."""
        said = {"table_properties": self.properties}
        return [word for word in CREATION_WORDS if said.get(word, getattr(self, word, ()))]

    def whole(self, partitions: str | Sequence[str] | None, is_merged: bool) -> Creation:
        """Return the same with the partitions that an entry gives to Spark's writer.

        Args:
            partitions: The columns, or the only one, as they stand in the entry; None for none.
            is_merged: Whether rows are merged, so that no writer makes the table.

        Raises:
            DataSetError: They are not those of ``partition_by``, or there is ``cluster_by``.
        """
        partitions = (partitions,) if isinstance(partitions, str) else tuple(partitions or ())
        given, own = [*map(str.lower, partitions)], [*map(str.lower, self.partition_by)]
        if not given or given == own or (self.is_plain and not is_merged):
            return self
        if own:
            raise DataSetError(
                f"a table is partitioned in one way, not by {', '.join(self.partition_by)} "
                f"(partition_by) and by {', '.join(partitions)}.",
                hint="Leave out one of the two.",
            )
        return _refuse_both(replace(self, partition_by=partitions))


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
    return _refuse_both(creation), others


def _refuse_both(creation: Creation) -> Creation:
    if creation.partition_by and creation.cluster_by:
        raise DataSetError(
            "save_args: a table is partitioned or clustered, not both.",
            hint="Give partition_by or cluster_by.",
        )
    return creation


def layout_problems(options: Iterable[str], file_format: str) -> list[str]:
    """Report options that have no effect where it is not we who make the table.

    Args:
        options: Their names.
        file_format: The format of what is saved.

    >>> layout_problems(["identity", "mode"], "parquet")
    ["save_args: identity has no effect on file_format 'parquet': it is for tables of Delta."]
    """
    known = {name.lower() for name in options}
    found = [name for name in CREATION_WORDS if name in known]
    if not found:
        return []
    has, it_is = ("have", "they are") if len(found) > 1 else ("has", "it is")
    why = f"on file_format '{file_format}': {it_is} for tables of Delta."
    if file_format.lower() == "delta":
        why = "here. Give type: spark.DeltaTableDataSet."
    return [f"save_args: {', '.join(found)} {has} no effect {why}"]


def create(
    session: SparkSession,
    table: str,
    creation: Creation,
    frame: DataFrame,
    more: Sequence[str] = (),
) -> bool:
    """Make an empty table, and return whether there was none.

    Args:
        session: The session.
        table: Its name in SQL.
        creation: What it is made with.
        frame: Has its columns, but those that Delta fills.
        more: Further columns, as DDL.

    Raises:
        DataSetError: A constraint is not possible; then there is no table.
    """
    # As they are told by us, none has a backtick in its name; fields of its type may have some.
    own = {name: kind.strip() for _, name, kind in (one.split("`", 2) for one in more)}
    known = [*frame.columns, *creation.filled, *own]
    need_columns([*creation.partition_by, *creation.cluster_by], known, "by which a table is made")
    _refuse_constraints(creation, frame, own)
    columns = ", ".join([*_columns(creation, frame), *more])
    made_by = f"CREATE TABLE {table} ({columns}) USING delta{_clauses(creation)}"
    if not _create(session, table, made_by):
        return False
    for name, condition in creation.constraints.items():
        session.sql(f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} CHECK ({condition})")
    return True


def _create(session: SparkSession, table: str, made_by: str) -> bool:
    """Make a table, and return whether there was none."""
    has_come = partial(is_delta_table, session, table)
    try:
        session.sql(made_by)
    except Exception as exc:
        if was_made_meanwhile(exc) and has_come():
            return False
        place = unmade.place_of(table, exc)
        if place is None or not unmade.clear(place, has_come):
            if was_made_meanwhile(exc):
                return False
            raise
        session.sql(made_by)
    return True


def _refuse_constraints(creation: Creation, frame: DataFrame, more: Mapping[str, str]) -> None:
    """Refuse conditions that cannot be judged: the table would be there without them."""
    if not creation.constraints:
        return
    filled = [f"({how}) AS {quoted(name)}" for name, how in creation.generated.items()]
    filled += [f"0L AS {quoted(name)}" for name in creation.identity]
    filled += [f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in more.items()]
    own = [quoted(one) for one in frame.columns if one.lower() not in creation.filled]
    rows = frame.selectExpr(*own, *filled)
    for name, condition in creation.constraints.items():
        try:
            # Spark Connect looks at it only when it is asked for its columns.
            _ = rows.where(f"({condition}\n)").columns
        except Exception as exc:
            told = f"save_args: the constraint {name} is not possible: {spark_reason(exc) or exc}"
            raise DataSetError(told) from exc


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


def differences_of_filled(creation: Creation, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return which columns that Delta is to fill a table lacks, or fills otherwise.

    Args:
        creation: What the entry says.
        found: What the table keeps of its columns, by their names in lower case.

    >>> differences_of_filled(Creation(generated={"day": "CAST(ts AS DATE)"}), {"ts": {}})
    ['it lacks the column day (generated)']
    """
    told = []
    for name, expression in creation.generated.items():
        kept = found.get(name.lower())
        present = "" if kept is None else kept.get(_GENERATED, "")
        if kept is None:
            told.append(f"it lacks the column {name} (generated)")
        elif present is not None and "".join(present.split()) != "".join(expression.split()):
            by = f"worked out by {present}" if present else "not worked out of others"
            told.append(f"its column {name} is {by}, not by {expression} (generated)")
    for name in creation.identity:
        kept = found.get(name.lower())
        if kept is None:
            told.append(f"it lacks the column {name} (identity)")
        elif kept.get(_IDENTITY, "") == "":
            told.append(f"its column {name} is not numbered by Delta (identity)")
    return told


def _kept_of_columns(
    session: SparkSession, table: str, location: str
) -> dict[str, Mapping[str, Any]]:
    """Return what a table keeps of its columns; how it fills them only its log tells.

    Where nobody reads that, as on Spark Connect, it is None.
    """
    if not is_connect(session):
        with suppress(Exception):  # a cluster that guards the JVM, or another Delta
            java: Any = session
            log = java._jvm.org.apache.spark.sql.delta.DeltaLog
            kept = log.forTable(java._jsparkSession, location).unsafeVolatileSnapshot()
            fields = json.loads(kept.metadata().schemaString())["fields"]
            return {one["name"].lower(): one["metadata"] for one in fields}
    unknown = {_GENERATED: None, _IDENTITY: None}
    return dict.fromkeys((one.lower() for one in session.read.table(table).columns), unknown)


def make_or_compare(
    session: SparkSession,
    table: str,
    creation: Creation,
    frame: DataFrame,
    *,
    is_there: bool,
    more: Sequence[str] = (),
    mode: str = "",
) -> bool:
    """Make a table that is not there; warn of what differs in one that is.

    Args:
        session: The session.
        table: Its name in SQL.
        creation: What it is made with.
        frame: Has its columns, but those that Delta fills.
        is_there: Whether there is a table.
        more: Further columns, as DDL.
        mode: How the rows are saved then.

    Returns:
        Whether it was made for these rows; in a mode that keeps what is there also whether it has
        only been made so far: a save that failed then has left nothing to keep.
    """
    if not is_there and create(session, table, creation, frame, more):
        return True
    if not creation.is_plain:
        (row,) = session.sql(f"DESCRIBE DETAIL {table}").collect()
        different = differences(creation, row.asDict())
        if creation.filled:
            kept = _kept_of_columns(session, table, row["location"])
            different += differences_of_filled(creation, kept)
        for told in different:
            _logger.warning(
                "The table %s stays as it is: %s. ALTER TABLE changes it, or make it anew.",
                table,
                told,
            )
        # One that another save has made just now is filled by that.
        is_kept = is_there and effect_of_mode(mode) == "keep"
        return is_kept and row["format"] == "delta" and _is_untouched(session, table)
    return False


def _is_untouched(session: SparkSession, table: str) -> bool:
    """Whether a table of Delta has never had rows, nor anything else than it was made with."""
    told = session.sql(f"DESCRIBE HISTORY {table} LIMIT {_MOST_COMMITS}")
    found = told.select("version", "operation").collect()
    is_all = any(version == 0 for version, _ in found)  # older commits may be gone
    return is_all and all(operation in _MAKING for _, operation in found)


def options_for(
    frame: DataFrame,
    table: str,
    creation: Creation,
    options: Mapping[str, Any],
    *,
    is_made: bool,
) -> dict[str, Any]:
    """Return options of a writer with which a table stays what it was made with.

    Args:
        frame: The rows.
        table: The name of the table in SQL.
        creation: What it is made with.
        options: As they stand in an entry.
        is_made: Whether it was just made, for these rows: they are added, and replace nothing.
    """
    if is_made:
        return {name: value for name, value in options.items() if name.lower() not in _REPLACING}
    kept = in_known_case(options, (_ANEW,))
    if not creation.filled or str(kept.get(_ANEW)).lower() != "true":
        return dict(options)
    # It would leave the columns of the frame alone, none of which Delta fills.
    del kept[_ANEW]
    known = {*map(str.lower, frame.columns), *creation.filled}
    others = [
        one for one in frame.sparkSession.read.table(table).columns if one.lower() not in known
    ]
    if others:
        _logger.warning(
            "The table %s keeps the columns %s, in spite of overwriteSchema: else those were gone, "
            "too, that Delta fills.",
            table,
            ", ".join(others),
        )
    return {"mergeSchema": True, **kept}


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
    if not isinstance(names, (list, tuple)) or not all(isinstance(o, str) and o for o in names):
        raise DataSetError(f"save_args: '{option}' is a list of columns, not {value!r}.")
    return tuple(names)


def _texts(given: Mapping[str, Any], option: str) -> dict[str, str]:
    value = given.get(option) or {}
    if not isinstance(value, Mapping) or any(map(_is_no_text, value.values())):
        raise DataSetError(f"save_args: '{option}' is a mapping of texts, not {value!r}.")
    return {str(key): _text(one) for key, one in value.items()}


def _is_no_text(value: Any) -> bool:
    return value is None or isinstance(value, (Mapping, list, tuple))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
