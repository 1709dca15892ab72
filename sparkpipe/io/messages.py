"""How messages name a data set."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.declared import location_of
from sparkpipe.io.reasons import reason_of, text_of
from sparkpipe.redaction import redacted_text, without

# Their packages hand out what is defined in modules below.
_KEDROS = ("kedro_datasets", "kedro_datasets_experimental")


def kind_of(data_set: Any) -> str:
    """Return the name of the class of a data set."""
    return type(as_shown(data_set)).__name__


def as_shown(data_set: Any) -> Any:
    """Return the data set as which one shows itself: of what only adds to it, the one inside."""
    while getattr(type(data_set), "_SHOWS_INNER", False) is True:
        data_set = data_set.wrapped()
    return data_set


def type_of(data_set: Any) -> str:
    """Return the type of a data set as an entry names it: classes of one name are told apart.

    >>> from sparkpipe.datasets.json import JSONDataSet
    >>> type_of(JSONDataSet("a.json"))
    'json.JSONDataSet'
    """
    kind = type(as_shown(data_set))
    library, *parts = kind.__module__.split(".")
    if library == "sparkpipe":
        technology = parts[1:2] if parts[:1] == ["datasets"] else []
        return ".".join((*technology, kind.__name__))
    return ".".join((library, *(parts[:1] if library in _KEDROS else parts), kind.__qualname__))


def describe_data_set(data_set: Any) -> str:
    """Return class and place of a data set."""
    location = location_of(data_set)
    return f"{kind_of(data_set)}, {location}" if location else kind_of(data_set)


def name_error(exc: Exception, what: str, secrets: Collection[str] = ()) -> DataSetError:
    """Put the name of the data set before the reason, which is told without these secrets."""
    reason = exc.message if isinstance(exc, DataSetError) else text_of(exc)
    return _telling(exc, f"{what}: ", reason, secrets)


def failed(
    name: str, data_set: Any, what: str, exc: Exception, secrets: Collection[str] = ()
) -> DataSetError:
    """Return the error of a method that failed, which tells of which data set it is.

    Args:
        name: Its name in the catalog.
        data_set: The data set.
        what: What it could not do, where the error does not tell that by itself.
        exc: Why, whatever a stranger's class raises.
        secrets: What is not to be told of the reason.
    """
    reason = exc.message if isinstance(exc, DataSetError) else f"{what}: {reason_of(exc)}"
    return _telling(exc, f"'{name}' ({describe_data_set(data_set)}) ", reason, secrets)


def _telling(exc: Exception, what: str, reason: str, secrets: Collection[str]) -> DataSetError:
    hint = exc.hint if isinstance(exc, DataSetError) else ""
    return same_kind(exc)(what + without(secrets, redacted_text(reason)), hint=hint)


def could_not(
    do: str, name: str, data_set: Any, exc: Exception, secrets: Collection[str] = ()
) -> DataSetError:
    """Return why something could not be done with a data set, with its name before the reason."""
    return name_error(exc, f"Could not {do} '{name}' ({describe_data_set(data_set)})", secrets)


def same_kind(exc: Exception) -> type[DataSetError]:
    """Return the class in which an error is told on: its own, if it takes the same arguments."""
    kind = type(exc)
    is_ours = issubclass(kind, DataSetError) and kind.__init__ is DataSetError.__init__
    return kind if is_ours else DataSetError  # type: ignore[return-value]
