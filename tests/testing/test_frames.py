"""``assert_frames_equal``: what it accepts and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from sparkpipe.testing import assert_frames_equal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = [(1, "a", 0.5), (2, None, None)]


@pytest.fixture(params=["spark", "connect"])
def frame(request: pytest.FixtureRequest) -> Any:
    session: SparkSession = request.getfixturevalue(request.param)
    return session.createDataFrame(ROWS, "id INT, name STRING, share DOUBLE")


@pytest.mark.spark
@pytest.mark.session
# pyspark asks the terminal for its colours, and does not wait.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running")
def test_spark_frame_is_compared_with_rows_and_frames(frame: Any) -> None:
    assert_frames_equal(frame, ROWS)
    assert_frames_equal(frame, [dict(zip(frame.columns, row, strict=True)) for row in ROWS[::-1]])
    assert_frames_equal(frame, frame.orderBy(frame.id.desc()))
    assert_frames_equal(frame, frame.toPandas())
    for wrong, told in (
        ([(1, "a", 0.5), (2, "b", None)], "name='b'"),
        ([(1, "a", 0.5)], "name='a'"),
        ([{"id": 1, "nam": "a", "share": 0.5}], "`nam` is missing; `name` is not expected"),
        ([(1, "a")], "has 2 values; the columns are id, name, share"),
        (frame.withColumn("id", frame.id.cast("long")), "LongType"),
    ):
        with pytest.raises(AssertionError, match=told):
            assert_frames_equal(frame, wrong)
    with pytest.raises(AssertionError):
        assert_frames_equal(frame, ROWS[::-1], ordered=True)


def test_pandas_frame_is_compared_with_rows_and_frames() -> None:
    frame = pd.DataFrame({"id": [1, 2], "name": ["a", "b"]})
    assert_frames_equal(frame, [(2, "b"), (1, "a")])
    assert_frames_equal(frame, frame[["name", "id"]].iloc[::-1])
    assert_frames_equal(frame.iloc[:0], [])
    for wrong, told in (
        ([(1, "a"), (2, "c")], '"name"'),
        (frame.rename(columns={"id": "key"}), "`key` is missing; `id` is not expected"),
        (frame.astype({"id": float}), "dtype"),
    ):
        with pytest.raises(AssertionError, match=told):
            assert_frames_equal(frame, wrong)
    with pytest.raises(AssertionError):
        assert_frames_equal(frame, frame.iloc[::-1], ordered=True)


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match="must be a frame of Spark or pandas, not list"):
        assert_frames_equal([], [])
    with pytest.raises(TypeError, match="tuples or dictionaries, not int"):
        assert_frames_equal(pd.DataFrame({"id": [1]}), [1])
