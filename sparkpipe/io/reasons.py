"""Why a load or save failed, in a phrase."""

from __future__ import annotations

from sparkpipe.errors import DataSetError, SparkpipeError
from sparkpipe.redaction import redacted_text


def reason_of(exc: BaseException) -> str:
    """Say in a phrase why something failed: what the exception says, with its kind where needed."""
    if isinstance(exc, FileNotFoundError):
        return f"the file does not exist: {_path(exc)}" if exc.filename else f"no file: {exc}"
    if isinstance(exc, PermissionError):
        return f"no permission: {_path(exc)}"
    if isinstance(exc, DataSetError) and exc.where:
        return f"{exc.where}: {exc.message}"
    if isinstance(exc, SparkpipeError):
        return exc.message
    # Only after a failure: it costs every import.
    from sparkpipe.spark.failures.judging import spark_reason

    told = spark_reason(exc)
    if told:
        return redacted_text(told)
    text = redacted_text(_text_of(exc))  # drivers tell the address that they were given
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _text_of(exc: BaseException) -> str:
    try:
        return str(exc).strip()
    except Exception:  # it is the user's
        return ""


def _path(exc: OSError) -> str:
    return redacted_text(str(exc.filename or exc))


def hint_of(exc: BaseException) -> str:
    """Return what an error says to do next; empty if it is none of ours."""
    return exc.hint if isinstance(exc, SparkpipeError) else ""
