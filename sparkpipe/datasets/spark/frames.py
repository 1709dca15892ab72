"""Frames that go into and come out of the data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import is_pandas_on_spark, is_spark_frame
from sparkpipe.schemas import DataType, Schema, schema_of
from sparkpipe.schemas.empty import empty_spark
from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def need_frame(
    data: Any,
    hint: str = "Make one by spark.createDataFrame(data), or use a data set of pandas.",
    *,
    is_stream: bool = False,
) -> DataFrame:
    """Return ``data`` if it is a Spark DataFrame.

    Args:
        data: What is to be saved.
        hint: What to do where it is none.
        is_stream: Whether it must be a stream; else it must not.

    Raises:
        DataSetError: It is something else.
    """
    if is_pandas_on_spark(data):
        raise DataSetError(
            "a Spark DataFrame is needed, not one of pandas on Spark.",
            hint="Give its frame.to_spark().",
        )
    if not is_spark_frame(data):
        kind = type(data)
        raise DataSetError(
            f"a Spark DataFrame is needed, not {kind.__module__.partition('.')[0]}'s "
            f"{kind.__name__}.",
            hint=hint,
        )
    frame: DataFrame = data
    if frame.isStreaming == is_stream:
        return frame
    if is_stream:
        raise DataSetError(
            "a streaming DataFrame is needed, and this one is none.",
            hint="Load it by a SparkStreamingDataSet, or save it by spark.SparkDataSet.",
        )
    raise DataSetError(
        "a stream cannot be saved by this type of data set.",
        hint="Save it by spark.SparkStreamingDataSet, which takes filepath or table.",
    )


def as_spark_frame(data: Any, session: SparkSession) -> DataFrame:
    """Return a DataFrame of Spark, or one of pandas as such.

    Raises:
        DataSetError: It is neither.
    """
    if is_spark_frame(data) or is_pandas_on_spark(data) or not hasattr(data, "iloc"):
        return need_frame(data)  # a frame of Spark Connect has any attribute
    return from_pandas(data, session)


def from_pandas(data: Any, session: SparkSession) -> DataFrame:
    """Return a frame of pandas as one of Spark, also where it has no rows to tell its types by.

    Args:
        data: The frame; of a column of objects without rows nobody knows the type.
        session: The session.

    Raises:
        DataSetError: It has no columns, of which Spark can save nothing.
    """
    if not len(data.columns):
        raise DataSetError("the frame has no columns.")
    if len(data):
        return session.createDataFrame(data)
    columns = (schema_of(data) or Schema(())).columns
    # Times without a zone are instants for Spark where there are rows, too.
    instant = DataType("timestamp")
    kinds = [instant if one.type.name == "timestamp_ntz" else one.type for one in columns]
    told = (replace(one, type=kind) for one, kind in zip(columns, kinds, strict=True))
    frame: DataFrame = empty_spark(session, Schema(tuple(told)))
    return frame


def analysed(frame: DataFrame) -> DataFrame:
    """Return a frame that Spark has found to be possible; what is wrong is raised here.

    Classic Spark does so by itself, Connect only when the frame is used, in another node maybe.
    """
    if is_connect(frame.sparkSession):
        _ = frame.schema
    return frame


def need_columns(wanted: Sequence[str], present: Sequence[str], what: str) -> None:
    """Refuse data that lacks columns.

    Args:
        wanted: Names of columns.
        present: Names of those that are there; Spark does not know upper case.
        what: What the wanted ones are, such as 'of the schema'.

    Raises:
        DataSetError: Some are not there.
    """
    known = {name.lower() for name in present}
    missing = [name for name in wanted if name.lower() not in known]
    if missing:
        raise DataSetError(
            f"the data lacks the columns {what}: {', '.join(missing)}.",
            hint=f"It has {', '.join(present)}.",
        )


def same_columns(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether two frames have columns of the same names, in any order and case."""
    return {name.lower() for name in one} == {name.lower() for name in other}


def rows_of_pandas(data: Any, session: SparkSession, struct: Any = None) -> DataFrame:
    """Return a frame of pandas as one of Spark; all else is refused.

    Args:
        data: What a node has returned.
        session: The session.
        struct: The columns that are wanted; by default all.

    Raises:
        DataSetError: It is something else, or lacks a column.
    """
    if is_pandas_on_spark(data):
        raise DataSetError(
            "a pandas DataFrame is needed, not one of pandas on Spark.",
            hint="Give its frame.to_pandas(); or leave out dataframe_type, and give its "
            "frame.to_spark().",
        )
    if not (hasattr(data, "iloc") and hasattr(data, "columns")):
        raise DataSetError(
            f"a pandas DataFrame is needed, not {type(data).__name__}.",
            hint="For one of Spark leave out dataframe_type: pandas.",
        )
    if struct is None:
        return from_pandas(data, session)
    need_columns(struct.names, list(data.columns), "of the schema")
    return session.createDataFrame(data.loc[:, struct.names], schema=struct)
