"""Functions of nodes that show in their code whether they use Spark."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


def annotated_as_spark(x: list[DataFrame] | int) -> int:
    return os.getpid()


def annotated_as_pandas(x: pd.DataFrame | int) -> int:
    return os.getpid()


def imports_pyspark(x: Any) -> int:
    if x is None:
        from pyspark.sql import functions as F

        return F
    return os.getpid()


def names_get_spark(x: Any) -> int:
    return os.getpid() if x else get_spark()


def calls_one_that_uses_spark(x: Any) -> int:
    return names_get_spark(x)


def process_id_of(f: Any) -> int:
    return os.getpid()


def asks_for_spark(x: Any) -> Any:
    return get_spark().range(x).count()


def numbers(n: int) -> DataFrame:
    return get_spark().range(n)


def to_pandas(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas()


def doubled(local: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    return local * 2, os.getpid()


def total(twice: pd.DataFrame, table: DataFrame) -> int:
    assert get_spark() is not None
    return int(twice["id"].sum()) + table.count()
