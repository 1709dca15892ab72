"""Failures of Spark and Java in plain words; pyspark is not imported to tell them."""

from __future__ import annotations

import re
from typing import Any

# 'SQLSTATE: 42703; line 1 pos 7' and the query plan after it help only those who debug Spark.
_SQLSTATE = re.compile(r"\s*SQLSTATE:.*", re.DOTALL)
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 400


def spark_reason(exc: BaseException) -> str:
    """Return the reason of a failure in Spark in one line, or an empty string if it is none."""
    kind = type(exc)
    if not kind.__module__.startswith(("pyspark.", "py4j.")):
        return ""
    if kind.__name__ == "Py4JJavaError":
        return _short(_java_reason(exc))
    if kind.__module__.startswith("py4j."):
        return _gateway_reason(str(exc))
    text = str(exc).strip()
    if kind.__name__ == "PythonException" or _TRACEBACK in text:
        return _short(_python_worker_reason(text))
    first = _first_line(text) or kind.__name__
    cause = getattr(exc, "_cause", None)
    if first.endswith(":") and isinstance(cause, BaseException):  # only says that something failed
        first = f"{first} {spark_reason(cause) or cause}"
    return _short(first)


def _first_line(text: str) -> str:
    return next(iter(_SQLSTATE.sub("", text).strip().splitlines()), "")


def _gateway_reason(text: str) -> str:
    # A JVM that answers sends its trace; the first line of it is the reason.
    trace = text.partition("Trace:")[2].strip()
    if trace:
        return _short(_without_package(trace.splitlines()[0]))
    return "the connection to Spark's JVM is lost: it has ended or was killed."


def _without_package(text: str) -> str:
    # 'org.apache.spark.SparkException: Job aborted' reads better without its packages.
    return re.sub(r"^(?:\w+\.)+(\w+): ", r"\1: ", text)


def _java_reason(exc: Any) -> str:
    try:
        cause = exc.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        text = str(cause.toString())
    except Exception:  # the JVM may be gone; then the exception itself is all there is
        text = str(exc)
    if _TRACEBACK in text:
        return _python_worker_reason(text)
    return _without_package(_first_line(text)) or type(exc).__name__


def _python_worker_reason(text: str) -> str:
    """Return the last line of the worker's traceback: the exception that the user's code raised."""
    # Each traceback of a chain ends with its exception, the first line that is not indented.
    raised = re.findall(rf"^{re.escape(_TRACEBACK)}.*?^(\S[^\n]*)", text, re.DOTALL | re.MULTILINE)
    named = [line for line in raised if not line.startswith(("pyspark.", "org."))]
    return f"in a Python worker: {(named or raised or text.strip().splitlines())[-1]}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
