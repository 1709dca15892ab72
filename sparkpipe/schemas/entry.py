"""``schema`` and ``schema_change`` of an entry of the catalog."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.declared import save_effect
from sparkpipe.io.factory import options_of
from sparkpipe.schemas.data_set import SchemaDataSet
from sparkpipe.schemas.policy import CHANGES

# What Delta is told, so that a write may change its table.
_ADD = {"mergeSchema": True}
_REPLACE = {"overwriteSchema": True}
_WIDENING = {"delta.enableTypeWidening": "true"}


def fit_arguments(
    cls: Any, config: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments that are left for the class of a data set.

    Args:
        cls: The class.
        config: The entry.
        arguments: All that the entry says.

    Raises:
        DataSetError: ``schema_change`` is not known, or stands alone.
    """
    fitted = {key: value for key, value in arguments.items() if key != "schema_change"}
    if not is_enforced(cls, config):
        return fitted
    if not _selects(cls, config):
        fitted.pop("schema", None)
    change = change_of(config)
    if change == "fail" or not _is_delta(cls, arguments):
        return fitted
    given = fitted.get("save_args")
    if given is None or isinstance(given, Mapping):
        fitted["save_args"] = {**_options(change, arguments, given or {}), **(given or {})}
    return fitted


def put_around(data_set: Any, config: Mapping[str, Any]) -> Any:
    """Return a data set that lets in only what has the schema of its entry.

    Args:
        data_set: The data set.
        config: The entry.

    Raises:
        DataSetError: The format cannot take the changes that ``schema_change`` allows.
    """
    cls = type(data_set)
    if not is_enforced(cls, config):
        return data_set
    change = change_of(config)
    effect = save_effect(data_set)
    if change != "fail" and effect in ("append", "part", "merge") and not _is_delta(cls, config):
        raise DataSetError(
            f"'schema_change: {change}' cannot be where a save leaves rows that are there, as they "
            "would keep their old columns.",
            hint="Use a Delta table, overwrite the whole, or give schema_change: fail.",
        )
    return SchemaDataSet(
        data_set,
        config["schema"],
        change,
        selects=_selects(cls, config),
        leaves_out=effect == "merge" and "columns" in (config.get("save_args") or {}),
    )


def change_of(config: Mapping[str, Any]) -> str:
    """Return which changes of its schema an entry allows.

    Raises:
        DataSetError: What it says is not known, or there is no schema.
    """
    change = config.get("schema_change", "fail")
    if change not in CHANGES:
        hint = did_you_mean(str(change), CHANGES)
        told = f"'schema_change' must be one of {', '.join(CHANGES)}, not {change!r}."
        raise DataSetError(told, hint=hint)
    if config.get("schema") is None:
        raise DataSetError("'schema_change' needs a 'schema'.", hint="Give one, or remove it.")
    return str(change)


def is_enforced(cls: Any, config: Mapping[str, Any]) -> bool:
    """Whether the schema of an entry is enforced, and is no option of a class of another library.

    Args:
        cls: The class of the data set.
        config: The entry.
    """
    return "schema_change" in config or _is_ours(cls) or not _has_own(cls)


def _selects(cls: Any, config: Mapping[str, Any]) -> bool:
    """Whether the class gets the schema, too, as it has before: unless the entry says more."""
    return _has_own(cls) and _is_ours(cls) and "schema_change" not in config


def _has_own(cls: Any) -> bool:
    options = options_of(cls)
    return "schema" in options.known or (options.open_ended and not _is_ours(cls))


def _is_ours(cls: Any) -> bool:
    return bool(cls.__module__.startswith("sparkpipe."))


def _is_delta(cls: Any, arguments: Mapping[str, Any]) -> bool:
    given = arguments.get("file_format")
    if given is None:
        parameter = inspect.signature(cls).parameters.get("file_format")
        given = "delta" if "DeltaTable" in cls.__name__ else getattr(parameter, "default", "")
    return str(given).lower() == "delta"


def _options(change: str, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a writer that let a Delta table change."""
    mode = str(given.get("mode") or arguments.get("write_mode") or "overwrite").lower()
    if mode in ("merge", "upsert"):
        return {"schema_change": "add"} if mode == "merge" else {}
    if change == "add":
        return dict(_ADD)
    of_a_part = {name.lower() for name in given} & {"replacewhere", "partitionoverwritemode"}
    if mode == "overwrite" and not of_a_part:
        return {**_REPLACE, **_WIDENING}
    return {**_ADD, **_WIDENING}
