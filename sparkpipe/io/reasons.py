"""Why a load or save failed, in a phrase."""

from __future__ import annotations

from sparkpipe.errors import DataSetError, SparkpipeError
from sparkpipe.redaction import redacted_text

# Some errors tell all data that they could not take, or all of a query.
_MOST = 20_000


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
    return redacted_text(text_of(exc))  # drivers tell the address that they were given


def text_of(exc: BaseException) -> str:
    """Return the kind of an error and what it says, of very much the beginning."""
    try:
        text = str(exc).strip()
    except Exception:  # it is the user's
        text = ""
    if len(text) > _MOST:
        # At a space, for half of a secret would be known as none.
        end = text.rfind(" ", _MOST // 2, _MOST)
        text = f"{text[: _MOST if end < 0 else end]}... ({len(text):,} characters)"
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _path(exc: OSError) -> str:
    return redacted_text(str(exc.filename or exc))


def hint_of(exc: BaseException) -> str:
    """Return what an error says to do next; empty if it is none of ours."""
    return exc.hint if isinstance(exc, SparkpipeError) else ""
