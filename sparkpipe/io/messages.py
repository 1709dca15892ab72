"""How messages name a data set."""

from __future__ import annotations

from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.declared import location_of
from sparkpipe.redaction import redacted_text


def kind_of(data_set: Any) -> str:
    """Return the name of the class of a data set."""
    return type(data_set).__name__


def describe_data_set(data_set: Any) -> str:
    """Return class and place of a data set."""
    location = location_of(data_set)
    return f"{kind_of(data_set)}, {location}" if location else kind_of(data_set)


def name_error(exc: Exception, what: str) -> DataSetError:
    """Put the name of the data set before the reason."""
    # An error class of the user's may take other arguments.
    ours = isinstance(exc, DataSetError) and type(exc).__init__ is DataSetError.__init__
    kind: type[DataSetError] = type(exc) if ours else DataSetError  # type: ignore[assignment]
    hint = exc.hint if isinstance(exc, DataSetError) else ""
    if isinstance(exc, DataSetError):
        reason = exc.message
    else:
        reason = f"{type(exc).__name__}: {redacted_text(str(exc))}"
    return kind(f"{what}: {reason}", hint=hint)
