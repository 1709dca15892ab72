"""What an object is, asked without importing the library that it would be of."""

from __future__ import annotations

import sys
from typing import Any


def is_spark_frame(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame, classic or Connect; never imports pyspark."""
    module = sys.modules.get("pyspark.sql")
    frame = getattr(module, "DataFrame", None)
    # The type may be absent while another thread is still importing pyspark.
    return isinstance(frame, type) and isinstance(data, frame)


def has_load_and_save(data: Any) -> bool:
    """Whether ``data`` has the methods of a data set."""
    # A frame of Spark Connect has any name that it is asked for: as a column.
    return not is_spark_frame(data) and hasattr(data, "load") and hasattr(data, "save")


def holds_spark(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame or session, or a list, tuple or dict that holds one."""
    if "pyspark" not in sys.modules:
        return False
    if isinstance(data, (list, tuple)):
        return any(map(holds_spark, data))
    if isinstance(data, dict):
        return any(map(holds_spark, data.values()))
    if is_spark_frame(data):
        return True
    # Sessions of Connect are no subclass of pyspark.sql.SparkSession: look at where the type lives.
    kind = type(data)
    return kind.__name__ in ("SparkSession", "SparkContext", "RDD", "DeltaTable") and (
        kind.__module__.startswith(("pyspark.", "delta."))
    )
