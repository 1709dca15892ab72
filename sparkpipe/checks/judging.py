"""Judging a frame of either engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sparkpipe.checks.findings import no_frame
from sparkpipe.checks.words import Check
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame


def judge(
    data: Any, checks: Sequence[Check], find: Callable[[str], Any], rows_before: int | None
) -> Any:
    """Judge a frame by what its engine has for that.

    Args:
        data: A frame of Spark or pandas.
        checks: The checks.
        find: Loads another data set by its name.
        rows_before: How many rows the last good run saved.

    Returns:
        The findings, and the rows by how they passed.

    Raises:
        DataSetError: It is no frame, or a check is not possible for it.
    """
    if is_spark_frame(data):
        from sparkpipe.checks.keeping import judge as judge_spark

        return judge_spark(data, checks, find, rows_before)
    if not is_pandas_frame(data):
        raise no_frame(data)
    from sparkpipe.checks.on_pandas import judge as judge_pandas

    return judge_pandas(data, checks, find, rows_before)
