"""What the plan of a frame tells: does it only read, does it have the same rows each time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sparkpipe.spark.active import is_connect

# What reads a table, and a view that is no temporary one: their names have several parts.
_TABLE = re.compile(r"^[\s:+-]*SubqueryAlias (\S+\.\S+)$", re.MULTILINE)
_VIEW = re.compile(r"^[\s:+-]*View \(`[^`]+`\.`", re.MULTILINE)

# Operators of an optimized plan that only pass rows on, and those where rows come from.
_PASSING = {"Project", "Filter", "SubqueryAlias", "View", "GlobalLimit", "LocalLimit"}
_SOURCES = {
    "LogicalRelation",
    "Relation",
    "DataSourceV2Relation",
    "DataSourceV2ScanRelation",
    "RelationV2",
    "HiveTableRelation",
    "LocalRelation",
    "InMemoryRelation",
}
# A line of a plan as 'explain' prints it: '+- Project [id#1]'.
_OPERATOR = re.compile(r"^[\s:+-]*'?(\w+)")

# Operators that choose rows: which ones may differ with each execution.
_CHOOSING = {"Sample", "GlobalLimit", "LocalLimit", "Tail", "Offset"}

# Messages of Connect that may name a table, also in a text or in what only the server can read,
# and operations that pyspark has no function for.
_NAMING = {"NamedTable", "SQL", "RelationChanges", "CallFunction", "Any"}
_OPERATIONS = {"and", "or", "not", "in"}

# Functions whose values differ between executions, or with the order in which rows arrive. Classic
# Spark knows them; of a plan on a Connect server a client sees no more than names.
_VARYING = re.compile(
    r"\b(rand|randn|random|randstr|uniform|uuid|shuffle|now|curdate|localtimestamp|unix_timestamp"
    r"|current_(timestamp|date|time)|monotonically_increasing_id|spark_partition_id"
    r"|input_file_(name|block_start|block_length)|first|first_value|last|last_value|any_value"
    r"|collect_(list|set)|array_agg|mode)\s*\(|\bTABLESAMPLE\b|\bLIMIT\b"
    r"|\bcurrent_(timestamp|date|time)\b|\blocaltimestamp\b",
    re.IGNORECASE,
)


def is_scan(frame: Any) -> bool:
    """Return whether a frame only reads, selects and filters: to read it again costs no more."""
    return all(
        operator in _PASSING or operator in _SOURCES for operator in _optimized_operators(frame)
    )


def is_computed_by_optimizer(frame: Any) -> bool:
    """Return whether Spark's optimizer knows all rows: it computes them, maybe more than once.

    Args:
        frame: A frame of a classic session.
    """
    name: str = frame._jdf.queryExecution().optimizedPlan().nodeName()
    return name == "LocalRelation"


def is_repeatable(frame: Any) -> bool:
    """Return whether a frame has the same rows each time that it is computed, as far as is known.

    A function of the user's counts as what it is declared to be, by default deterministic.
    """
    if is_connect(frame.sparkSession):
        return _is_repeatable_on_connect(frame)
    execution = frame._jdf.queryExecution()
    analyzed = execution.analyzed()
    if not analyzed.deterministic():
        return False
    patterns = frame.sparkSession._jvm.org.apache.spark.sql.catalyst.trees.TreePattern
    # Spark replaces the present time by a constant when it optimizes, once for each execution.
    if analyzed.containsPattern(patterns.CURRENT_LIKE()):
        return False
    return _CHOOSING.isdisjoint(_printed_operators(analyzed.toString()))


def tables_in(frame: Any) -> tuple[frozenset[str], bool]:
    """Return the tables that a frame reads by name, and whether it reads any through a view.

    Args:
        frame: A frame; what it reads that is kept already counts, too.
    """
    if is_connect(frame.sparkSession) and not _may_name_tables(frame):
        return frozenset(), False
    plan = analyzed_plan(frame)
    return frozenset(_TABLE.findall(plan)), _VIEW.search(plan) is not None


def calls_functions(frame: Any) -> bool:
    """Return whether the plan of a frame has functions of the user's in it; true if nobody tells.

    Args:
        frame: A frame.
    """
    if not is_connect(frame.sparkSession):
        analyzed = frame._jdf.queryExecution().analyzed()
        patterns = frame.sparkSession._jvm.org.apache.spark.sql.catalyst.trees.TreePattern
        return any(map(analyzed.containsPattern, (patterns.PYTHON_UDF(), patterns.SCALA_UDF())))
    plan = frame._plan.to_proto(frame.sparkSession.client)
    kinds = {message.DESCRIPTOR.name for message in _messages(plan)}
    # What is called in a text only the server knows.
    return not kinds.isdisjoint({"CommonInlineUserDefinedFunction", "CallFunction", "SQL"})


def _may_name_tables(frame: Any) -> bool:
    """Whether only the server can tell which tables a frame of Connect reads by name."""
    from pyspark.sql import functions

    for message in _messages(frame._plan.to_proto(frame.sparkSession.client)):
        kind = message.DESCRIPTOR.name
        if kind in _NAMING or (kind == "ExpressionString" and "(" in message.expression):
            return True
        if kind == "UnresolvedFunction":
            name = message.function_name
            is_operation = name in _OPERATIONS or not re.search(r"\w", name)
            if not is_operation and not hasattr(functions, name):  # one of SQL's may read tables
                return True
    return False


def _is_repeatable_on_connect(frame: Any) -> bool:
    client = frame.sparkSession.client
    plan = frame._plan.to_proto(client)
    for message in _messages(plan):
        kind = message.DESCRIPTOR.name
        if kind == "CommonInlineUserDefinedFunction" and not message.deterministic:
            return False
        if kind == "UnresolvedFunction" and _VARYING.search(f"{message.function_name}("):
            return False
        if kind in ("Sample", "Limit", "Tail", "Offset"):
            return False
        if kind == "SQL" and _VARYING.search(message.query):
            return False
        if kind == "ExpressionString" and _VARYING.search(message.expression):
            return False
    # What a view stands for only the server knows.
    printed = client.explain_string(plan, "extended")
    analyzed = _section(printed, "Analyzed")
    return not _VARYING.search(analyzed) and _CHOOSING.isdisjoint(_printed_operators(analyzed))


def analyzed_plan(frame: Any) -> str:
    """Return the analyzed plan of a frame as Spark prints it; no job is run for it.

    A Connect server plans the whole frame for it, and may list files.
    """
    if not is_connect(frame.sparkSession):
        return str(frame._jdf.queryExecution().analyzed().toString())
    # The first line is of the columns.
    return _section(_explained(frame), "Analyzed").lstrip("\n").partition("\n")[2]


def _messages(message: Any) -> Iterator[Any]:
    """Give a message of Connect's protocol and all messages in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = [one for one in value.values() if hasattr(one, "ListFields")]
        else:
            values = [value] if hasattr(value, "ListFields") else list(value)
        for one in values:
            yield from _messages(one)


def _optimized_operators(frame: Any) -> Iterator[str]:
    if not is_connect(frame.sparkSession):
        return _walk(frame._jdf.queryExecution().optimizedPlan())
    # A client has no plan but the printed one.
    return _printed_operators(_section(_explained(frame), "Optimized"))


def _explained(frame: Any) -> str:
    client = frame.sparkSession.client
    return str(client.explain_string(frame._plan.to_proto(client), "extended"))


def _section(printed: str, which: str) -> str:
    return printed.partition(f"== {which} Logical Plan ==")[2].partition("\n== ")[0]


def _printed_operators(plan: str) -> Iterator[str]:
    lines = [line for line in plan.splitlines() if line.strip()]
    return (match[1] for line in lines if (match := _OPERATOR.match(line)))


def _walk(plan: Any) -> Iterator[str]:
    yield plan.nodeName()
    children = plan.children()
    for position in range(children.size()):
        yield from _walk(children.apply(position))
