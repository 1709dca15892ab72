"""The columns of a frame as it tells them itself: without a job, and without a look at values."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.spark.active import is_connect

#: Of more columns of a frame nothing is told.
MOST_COLUMNS = 200

# The type of a struct names all that is in it.
_LONGEST_TYPE = 200


def columns_of(data: Any) -> tuple[tuple[str, str], ...]:
    """Return names and types of the first columns of a frame of Spark or pandas.

    The types are those of its library: what Spark or another journal would call them takes a look
    at the values (:func:`sparkpipe.schemas.schema_of`).

    Args:
        data: Anything; what is no frame has no columns.

    >>> import pandas
    >>> columns_of(pandas.DataFrame({"id": [1, 2], "price": [0.5, None]}))
    (('id', 'int64'), ('price', 'float64'))
    """
    with suppress(Exception):  # what is only told must not fail what has been saved
        if is_spark_frame(data):
            return _told(data.dtypes)
        if is_pandas_frame(data):
            return _told(zip(data.columns, data.dtypes, strict=True))
    return ()


def columns_of_lazy(frame: Any) -> tuple[tuple[str, str], ...]:
    """Return names and types of the first columns of a frame that nobody has computed yet.

    Args:
        frame: A Spark frame. One of Connect tells none: its server would analyse the whole plan for
            that, and again with each node of a chain.
    """
    return () if is_connect(frame) else columns_of(frame)


def _told(columns: Iterable[tuple[Any, Any]]) -> tuple[tuple[str, str], ...]:
    first = [*columns][:MOST_COLUMNS]
    return tuple((str(name), _cut(str(kind))) for name, kind in first)


def _cut(kind: str) -> str:
    return kind if len(kind) <= _LONGEST_TYPE else f"{kind[:_LONGEST_TYPE]}…"
