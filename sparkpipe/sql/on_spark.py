"""A query on Spark, over frames that nobody else sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import PipelineError
from sparkpipe.spark.answers import answering_itself
from sparkpipe.spark.jobs.values import is_frame
from sparkpipe.spark.session import get_spark
from sparkpipe.sql.kinds import is_arrow, is_pandas
from sparkpipe.sql.literals import each_of, literal
from sparkpipe.sql.query import EACH, Statement, escaped

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run_on_spark(
    statements: Sequence[Statement],
    tables: Mapping[str, Any],
    values: Mapping[str, Any],
    called: Callable[[str], str],
) -> DataFrame:
    """Return the frame of the last statement; those before it are views for it alone.

    Args:
        statements: Those of the query.
        tables: What it reads, by the keys of the fields.
        values: Its parameters, by their markers.
        called: Returns what to call a table in messages.

    Raises:
        PipelineError: A table is nothing that Spark reads.
    """
    given = next((table for table in tables.values() if is_frame(table)), None)
    session: SparkSession = get_spark() if given is None else given.sparkSession
    frames = {key: _frame(session, key, table, called) for key, table in tables.items()}
    for number, statement in enumerate(statements):
        frames[f"v{number}"] = _ask(session, statement, frames, values)
    return frames[f"v{len(statements) - 1}"]


def _ask(
    session: SparkSession,
    statement: Statement,
    frames: Mapping[str, DataFrame],
    values: Mapping[str, Any],
) -> DataFrame:
    # Spark reads them under names that no one else has, which are gone when it has looked them up;
    # with them goes what is persisted of the same plan, so it gets another one.
    read: dict[str, Any] = {key: frames[key].where("true") for key in statement.tables}
    text = _written(statement.text, values)
    with answering_itself():
        found = session.sql(text if read else text.format(), **read)
    return found.toDF(*statement.columns) if statement.columns else found


def _written(text: str, values: Mapping[str, Any]) -> str:
    """Return a format string with its parameters written into it."""
    told = ""
    for before, name, _, _ in Formatter().parse(text):
        told += escaped(before)
        if name is None:
            continue
        if name.startswith(EACH):
            marker = name.removeprefix(EACH)
            told += escaped(", ".join(map(literal, each_of(marker, values[marker]))))
        elif name.startswith("p_"):
            told += escaped(literal(values[name.removeprefix("p_")]))
        else:
            told += f"{{{name}}}"
    return told


def _frame(session: SparkSession, key: str, table: Any, called: Callable[[str], str]) -> DataFrame:
    if is_frame(table):
        frame: DataFrame = table
        return frame
    if is_arrow(table):
        return _of_arrow(session, table)
    if is_pandas(table):
        return _of_pandas(session, table)
    raise PipelineError(
        f"The table {called(key)} is a {type(table).__name__}, which Spark cannot read as one.",
        hint="A SQL node on Spark reads frames of Spark and pandas, and tables of Arrow.",
    )


def _of_pandas(session: SparkSession, table: Any) -> DataFrame:
    if len(table):
        return session.createDataFrame(table)
    import pyarrow as pa

    # Of no rows Spark cannot tell the types; of a column of objects nobody can.
    return _of_arrow(session, pa.Table.from_pandas(table, preserve_index=False))


def _of_arrow(session: SparkSession, table: Any) -> DataFrame:
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    kinds = [field.with_type(_known_type(field.type)) for field in table.schema]
    table = table.cast(pa.schema(kinds))
    if not len(table):
        return session.createDataFrame([], from_arrow_schema(table.schema))
    if session.version.startswith("3."):
        return session.createDataFrame(table.to_pandas())
    # By way of pandas whole numbers would be floats where one of them is null, and NaN null.
    return session.createDataFrame(table)


def _known_type(kind: Any) -> Any:
    """Return a type of Arrow that Spark knows, for one that it does not."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _known_type(kind.value_type)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    return pa.float32() if pa.types.is_float16(kind) else kind
