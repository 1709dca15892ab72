"""What nodes are given in a rehearsal: frames without rows, or the first rows of what is there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.chunking import saves_lazily, way_of_chunks
from sparkpipe.io.declared import (
    gives_handle,
    is_confirmable,
    is_memory_only,
    is_single_process,
    unwrapped,
)
from sparkpipe.io.incremental import IncrementalDataSet
from sparkpipe.io.kinds import is_pandas_frame, is_read_once, is_spark_frame
from sparkpipe.io.messages import as_shown
from sparkpipe.io.partitioned import PartitionedDataSet
from sparkpipe.schemas import Schema, schema_of
from sparkpipe.schemas.declared import declared_schema
from sparkpipe.schemas.empty import empty_pandas, empty_spark
from sparkpipe.spark.session import get_spark

# What pandas reads of a file to tell its types where no rows are asked for.
_ROWS_FOR_TYPES = 100


@dataclass(frozen=True)
class Unknown:
    """Stands for data of which nothing is known.

    Attributes:
        reason: Why.
    """

    reason: str


def empty_for(data_set: Any, schema: Schema) -> Any:
    """Return a frame without rows, or a partition of it, of the kind that a data set loads."""
    inner = unwrapped(data_set)
    of_pandas = foreign.attribute(inner, "_dataframe_type") == "pandas"
    is_of_spark = is_single_process(inner) and not of_pandas
    frame = empty_spark(get_spark(), schema) if is_of_spark else empty_pandas(schema)
    if isinstance(inner, IncrementalDataSet):
        return {"partition": frame}
    return {"partition": lambda: frame} if isinstance(inner, PartitionedDataSet) else frame


def take_input(name: str, data_set: Any, rows: int) -> Any:
    """Return what a node is given of data that no node of the rehearsal makes.

    Args:
        name: The name of the data set.
        data_set: The data set.
        rows: How many rows at most.
    """
    if gives_handle(data_set):
        return Unknown(f"'{name}' is loaded as a handle, by which the real table can be changed")
    schema = declared_schema(data_set)
    if rows == 0 and schema is not None:
        return empty_for(data_set, schema)
    try:
        # What judges a load may write what it rejects.
        found = _load(as_shown(data_set), rows)
        return first_rows(_first_part(found, rows) if _has_parts(data_set) else found, rows)
    except DataSetError as exc:
        if schema is not None:
            return empty_for(data_set, schema)
        told = exc.message.partition("\n")[0]
        return Unknown(f"'{name}' cannot be loaded, and its entry has no schema: {told}")


def first_rows(data: Any, rows: int) -> Any:
    """Return the first rows of frames, also of those in a dictionary; all else as it is."""
    if is_spark_frame(data):
        return _first_of_spark(data, rows)
    if is_pandas_frame(data):
        return data.head(rows)
    if isinstance(data, dict) and any(map(_is_frame, data.values())):
        taken = copy.copy(data)  # it may be of a class of its own
        taken.update((n, first_rows(one, rows)) for n, one in data.items() if _is_frame(one))
        return taken
    if schema_of(data) is not None:  # of Arrow
        return data.slice(0, rows)
    return data


def _first_part(data: Any, rows: int) -> Any:
    """Return the first of several partitions alone."""
    if not (isinstance(data, dict) and data):
        return data
    name, part = next(iter(data.items()))
    return {name: partial(_load_part, part, rows) if callable(part) else part}


def called_parts(data: Any, data_set: Any) -> Any:
    """Return partitions as what their functions give; functions that are data are not called."""
    if not (isinstance(data, dict) and _has_parts(data_set) and saves_lazily(data_set)):
        return data
    # A class is data, too: a save would not call it.
    return {
        n: part() if callable(part) and not isinstance(part, type) else part
        for n, part in data.items()
    }


def parts_of(data: Any) -> list[Any]:
    """Return the partitions that are there of data, or the data if it has none."""
    if isinstance(data, dict):
        return [part for part in data.values() if not callable(part)]
    return [data]


def as_loaded(data: Any, data_set: Any) -> Any:
    """Return partitions as the next node gets them: as functions, unless they are incremental."""
    if not (isinstance(data, dict) and _has_parts(data_set)):
        return data
    if is_confirmable(unwrapped(data_set)):  # incremental
        return data
    return {name: partial(_as_it_is, part) for name, part in data.items()}


def _as_it_is(part: Any) -> Any:
    return part


def _has_parts(data_set: Any) -> bool:
    return way_of_chunks(data_set) == "collect"


def _is_frame(value: Any) -> bool:
    return is_spark_frame(value) or is_pandas_frame(value)


def _load_part(load: Callable[[], Any], rows: int) -> Any:
    return first_rows(load(), rows)


def _first_of_spark(frame: Any, rows: int) -> Any:
    session = frame.sparkSession
    if frame.isStreaming:
        return without_plan(frame)
    if rows == 0:
        return frame.limit(0)
    taken = frame.limit(rows)
    found = taken.toArrow() if hasattr(taken, "toArrow") else taken.collect()
    return session.createDataFrame(found, frame.schema)


def without_plan(frame: Any) -> Any:
    """Return a frame of Spark without rows and without what it was made of."""
    return frame.sparkSession.createDataFrame([], frame.schema)


def _load(data_set: Any, rows: int) -> Any:
    inner = unwrapped(data_set)
    if is_memory_only(data_set) or not type(inner).__module__.startswith("sparkpipe."):
        return data_set.load()
    return _read_little(inner, data_set, rows)


def _read_little(inner: Any, data_set: Any, rows: int) -> Any:
    """Read no more of a file or a query of pandas than is needed."""
    kind = type(inner).__name__.lower()
    if kind.startswith(("csv", "excel")) and ".pandas." in type(inner).__module__:
        return _with_options(inner, nrows=rows or _ROWS_FOR_TYPES).load()
    if kind.startswith("sql"):
        found = _with_options(inner, chunksize=rows or 1).load()
        return next(found) if isinstance(found, Iterator) or is_read_once(found) else found
    if kind.startswith("parquet"):
        return _head_of_parquet(inner, rows)
    return data_set.load()


def _with_options(data_set: Any, **options: Any) -> Any:
    other = copy.copy(data_set)
    other._load_args = {**data_set._load_args, **options}
    return other


def _head_of_parquet(data_set: Any, rows: int) -> Any:
    from pyarrow import dataset

    missing = data_set._missing()
    if missing:
        raise DataSetError(missing)
    path = data_set._fs._strip_protocol(str(data_set._get_load_path()))
    try:
        found = dataset.dataset(path, format="parquet", filesystem=data_set._fs)
        return found.head(rows, columns=data_set._load_args.get("columns")).to_pandas()
    except Exception:  # options, or files, that pandas alone understands
        return data_set.load()
