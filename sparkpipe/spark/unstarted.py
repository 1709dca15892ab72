"""Code that needs a Spark session when it is imported, while there is none yet."""

from __future__ import annotations

import traceback

_SAYING = ("SESSION_OR_CONTEXT_NOT_EXISTS", "NO_ACTIVE_SESSION", "SparkContext should be")


def hint_without_session(exc: BaseException) -> str:
    """Return what to do where an import failed for want of a Spark session; else nothing.

    A column, a window or a UDF with a type as text asks Spark's JVM when it is made.
    """
    frames = traceback.extract_tb(exc.__traceback__)
    is_of_spark = bool(frames) and "pyspark" in frames[-1].filename
    if not is_of_spark:
        return ""
    if not isinstance(exc, AssertionError) and not any(word in str(exc) for word in _SAYING):
        return ""
    return (
        "This line needs a Spark session, and there is none while modules are imported. Make the "
        "column or window in a function; give a UDF its type as an object, such as StringType()."
    )
