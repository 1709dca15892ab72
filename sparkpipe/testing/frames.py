"""Assert that frames are equal, of Spark or of pandas."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sparkpipe.io.core import is_spark_frame
from sparkpipe.spark.start.jars import spark_jars

#: How many rows are shown of frames that differ.
_MOST_ROWS = 10


def assert_frames_equal(
    actual: Any,
    expected: Any,
    *,
    ordered: bool = False,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    **options: Any,
) -> None:
    """Assert that a frame has the columns, types and rows that are expected.

    Spark frames, classic or Connect, are compared by ``pyspark.testing.assertDataFrameEqual``,
    pandas frames by ``pandas.testing.assert_frame_equal``.

    Args:
        actual: A frame of Spark or pandas.
        expected: A frame of either, or rows as tuples or dictionaries; what is not a frame of the
            kind of ``actual`` becomes one, with its columns and types.
        ordered: Whether the order of rows counts.
        rtol: How far floating-point numbers may differ, relative to the expected one.
        atol: How far they may differ besides.
        options: What else the function of pyspark or pandas takes.

    Raises:
        AssertionError: They differ; says in what.
        TypeError: ``actual`` is no frame, or ``expected`` cannot become one.
    """
    __tracebackhide__ = True
    if is_spark_frame(actual):
        _assert_spark(actual, expected, ordered, rtol=rtol, atol=atol, **options)
    elif _is_pandas(actual):
        _assert_pandas(actual, expected, ordered, rtol=rtol, atol=atol, **options)
    else:
        raise TypeError(
            f"What is compared must be a frame of Spark or pandas, not {type(actual).__name__}."
        )


def _is_pandas(data: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _assert_spark(actual: Any, expected: Any, ordered: bool, **options: Any) -> None:
    __tracebackhide__ = True
    from pyspark.testing import assertDataFrameEqual, assertSchemaEqual

    if not is_spark_frame(expected):
        if _is_pandas(expected):
            _check_columns(actual.columns, [*map(str, expected.columns)])
            # pandas has no null of every type: what is missing there is None in Spark.
            known = expected.astype(object).where(expected.notna(), None)
            expected = known[[*actual.columns]].itertuples(index=False, name=None)
        rows = _rows(expected, actual.columns)
        expected = actual.sparkSession.createDataFrame(rows, actual.schema)
    if _has_pandas_on_spark():
        with _any_spark_home():
            assertDataFrameEqual(actual, expected, checkRowOrder=ordered, **options)
    else:
        assertSchemaEqual(actual.schema, expected.schema)
        try:
            _assert_pandas(actual.toPandas(), expected.toPandas(), ordered, **options)
        except AssertionError as exc:
            shown = f"Rows: {actual.take(_MOST_ROWS)}\nExpected: {expected.take(_MOST_ROWS)}"
            raise AssertionError(f"{exc}\n{shown}") from None


def _has_pandas_on_spark() -> bool:
    """Whether pyspark has what its comparison imports; that of 4.2 has not beside pandas 3."""
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")  # of a variable that timestamps of pandas need
        import pyspark.pandas  # noqa: F401

        return True
    return False


@contextmanager
def _any_spark_home() -> Iterator[None]:
    """Name a home of Spark where there is none: pyspark.testing would end the process."""
    adds = spark_jars() is None and "SPARK_HOME" not in os.environ
    if adds:
        os.environ["SPARK_HOME"] = str(Path.cwd())
    try:
        yield
    finally:
        if adds:
            del os.environ["SPARK_HOME"]


def _assert_pandas(actual: Any, expected: Any, ordered: bool, **options: Any) -> None:
    import pandas as pd

    __tracebackhide__ = True
    if is_spark_frame(expected):
        expected = expected.toPandas()
    elif not _is_pandas(expected):
        rows = _rows(expected, [*actual.columns])
        expected = pd.DataFrame(rows, columns=actual.columns)
        expected = expected.astype(actual.dtypes.to_dict())
    _check_columns([*map(str, actual.columns)], [*map(str, expected.columns)])
    expected = expected[[*actual.columns]]
    # An index without a name only counts the rows.
    counts = actual.index.name is None
    if not ordered:
        actual, expected = _sorted(actual), _sorted(expected)
    if counts:
        actual, expected = (frame.reset_index(drop=True) for frame in (actual, expected))
    pd.testing.assert_frame_equal(actual, expected, **options)


def _sorted(frame: Any) -> Any:
    # By texts: values of one column need not be comparable with one another.
    texts = ["\0".join(map(str, row)) for row in frame.itertuples(index=False, name=None)]
    return frame.iloc[sorted(range(len(frame)), key=texts.__getitem__)]


def _check_columns(actual: Sequence[str], expected: Sequence[str]) -> None:
    __tracebackhide__ = True
    if sorted(actual) == sorted(expected):
        return
    parts = [f"`{name}` is missing" for name in expected if name not in actual]
    parts += [f"`{name}` is not expected" for name in actual if name not in expected]
    raise AssertionError(f"The columns differ: {'; '.join(parts) or 'one is there twice'}.")


def _rows(expected: Any, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    __tracebackhide__ = True
    rows = []
    for row in expected:
        if isinstance(row, dict):
            _check_columns(columns, [*row])
            rows.append(tuple(row[name] for name in columns))
        elif isinstance(row, (tuple, list)):
            if len(row) != len(columns):
                raise AssertionError(
                    f"An expected row has {len(row)} values; the columns are "
                    f"{', '.join(columns)}: {row}"
                )
            rows.append(tuple(row))
        else:
            raise TypeError(
                f"Expected rows must be tuples or dictionaries, not {type(row).__name__}."
            )
    return rows
