"""What is asked of all data sets of pandas before a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.core import is_pandas_on_spark, is_spark_frame
from sparkpipe.io.factory import options_of


def unknown_options(
    what: str, options: Mapping[str, Any], function: Callable[..., Any]
) -> list[str]:
    """Report options that a function of pandas does not have."""
    known, _, open_ended = options_of(function)
    if open_ended:
        return []
    return [
        f"{what}: {getattr(function, '__name__', function)} has no option '{option}'. "
        f"{did_you_mean(option, known)}".rstrip()
        for option in options
        if option not in known
    ]


def check_frame(data: Any, data_set: Any, method: str) -> None:
    """Refuse what is no frame of pandas.

    Raises:
        DataSetError: It is a frame of Spark, or has no such method.
    """
    if is_pandas_on_spark(data):
        raise DataSetError(
            f"a pandas DataFrame is needed for {type(data_set).__name__}, this is one of pandas on "
            "Spark.",
            hint="Give its frame.to_pandas(), or use spark.SparkDataSet with frame.to_spark().",
        )
    if is_spark_frame(data):
        raise DataSetError(
            f"a pandas DataFrame is needed for {type(data_set).__name__}, this is one of Spark.",
            hint="Use spark.SparkDataSet, or return frame.toPandas().",
        )
    if not hasattr(data, method):
        raise DataSetError(f"a pandas DataFrame is needed, not {type(data).__name__}.")
