"""Failures of Spark and Java in plain words; pyspark is not imported to tell them."""

from __future__ import annotations

import re
from typing import Any

# 'SQLSTATE: 42703; line 1 pos 7' and the query plan after it help only those who debug Spark.
_SQLSTATE = re.compile(r"\s*SQLSTATE:.*", re.DOTALL)
_LONGEST = 400


def spark_reason(exc: BaseException) -> str:
    """Return the reason of a failure in Spark in one line, or an empty string if it is none."""
    kind = type(exc)
    if not kind.__module__.startswith(("pyspark.", "py4j.")):
        return ""
    if kind.__name__ == "Py4JJavaError":
        return _short(_java_reason(exc))
    if kind.__module__.startswith("py4j."):
        return "the connection to Spark's JVM is lost: it has ended or was killed."
    text = str(exc).strip()
    if kind.__name__ == "PythonException" or "Traceback (most recent call last)" in text:
        return _short(_python_worker_reason(text))
    return _short(_SQLSTATE.sub("", text).splitlines()[0] if text else kind.__name__)


def _java_reason(exc: Any) -> str:
    try:
        cause = exc.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        text = str(cause.toString())
    except Exception:  # the JVM may be gone; then the exception itself is all there is
        text = str(exc)
    if "Traceback (most recent call last)" in text:
        return _python_worker_reason(text)
    first = _SQLSTATE.sub("", text).strip().splitlines()
    # 'org.apache.spark.SparkException: Job aborted' reads better without its packages.
    return re.sub(r"^(?:\w+\.)+(\w+): ", r"\1: ", first[0]) if first else type(exc).__name__


def _python_worker_reason(text: str) -> str:
    """Return the last line of the worker's traceback: the exception that the user's code raised."""
    raised = [
        line.strip()
        for line in text.splitlines()
        if re.match(r"[A-Za-z_][\w.]*(Error|Exception|Warning|Interrupt|Exit)\b", line.strip())
    ]
    named = [line for line in raised if not line.startswith(("pyspark.", "org."))]
    return f"in a Python worker: {(named or raised or [text.strip()])[-1]}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
