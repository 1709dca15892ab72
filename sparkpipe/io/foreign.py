"""What a data set that declares nothing can do, guessed from what it shows of itself.

Data sets of other libraries, and those that users wrote before there were declarations, show it in
``_describe``, in options that they keep, and in annotations. This is the only module that looks
there; each function answers the question of the method of the same name of ``AbstractDataSet``.

Nothing that an object is or does can harm: what it gives that is of no use counts as not given.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any

from sparkpipe.io.effects import LoadEffect, SaveEffect, effect_of_mode
from sparkpipe.io.target import is_table, path_target, spark_table, table_target
from sparkpipe.io.tokens import path_state

_LOCATIONS = ("filepath", "path", "table", "table_name", "load")

#: Formats whose writes are transactions: what is being read stays until the write is complete.
TRANSACTIONAL = ("delta", "iceberg", "hudi")

# Classes that need a session of Spark (or Snowpark); not all of them say that they stay.
_OF_SPARK = re.compile(
    r"kedro(_datasets|_datasets_experimental|\.extras\.datasets)\.(spark|databricks|snowflake)\."
)
_CONNECTIONS = ("_connection_str", "_url")
_OF_SNOWFLAKE = ("kedro_datasets.snowflake.", "kedro.extras.datasets.snowflake.")
_STREAMING = re.compile(r"SparkStreamingData[sS]et$")
_DELTA_TABLE = re.compile(r"DeltaTableData[sS]et$")
_BASES = ("AbstractDataSet", "AbstractDataset")
_PROTOCOL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")


def location(data_set: Any) -> str:
    """Return the path or table that it describes."""
    told = _described(data_set)
    return next((text for key in _LOCATIONS if (text := _text(told.get(key)))), "")


def target(data_set: Any) -> str:
    """Work out the target from path, protocol, table and connection."""
    if attribute(data_set, "_EPHEMERAL") is True:
        return ""
    told = _described(data_set)
    path = (
        _text(told.get("filepath"))
        or _text(told.get("path"))
        or _text(attribute(data_set, "_filepath"))
    )
    if path:
        protocol = _text(told.get("protocol")) or _text(attribute(data_set, "_protocol"))
        if protocol not in ("", "file", "local") and not _PROTOCOL.match(path):
            path = f"{protocol}://{path}"
        return path_target(path)
    return _table(data_set, told)


def _table(data_set: Any, told: Mapping[str, Any]) -> str:
    table = _text(told.get("table")) or _text(told.get("table_name"))
    if not table:
        return ""
    schema = told.get("schema") or _options(data_set, "_save_args").get("schema")
    schema = schema or _options(data_set, "_load_args").get("schema")
    above = [told.get("catalog"), told.get("database"), schema if isinstance(schema, str) else None]
    name = ".".join([*filter(None, map(_text, above)), table])
    url = _text(told.get("url")) or next(
        (found for name in _CONNECTIONS if (found := _text(attribute(data_set, name)))), ""
    )
    if url:
        return table_target(name, url)
    if type(data_set).__module__.startswith(_OF_SNOWFLAKE):
        return table_target(name, "snowflake")
    # Of one that does not tell of which database it is, nobody knows who shares it.
    return spark_table(name) if is_single_process(data_set) else ""


def is_stream(data_set: Any) -> bool:
    """Whether what it loads goes on: a stream of Spark."""
    says = attribute(data_set, "_IS_STREAM") is True
    return says or bool(_STREAMING.match(type(data_set).__name__))


def checkpoint(data_set: Any) -> str:
    """Return where a stream keeps how far it has come."""
    options = _options(data_set, "_save_args")
    given = _text(options.get("checkpoint")) if is_stream(data_set) else ""
    return path_target(given) if given else ""


def confirm_target(data_set: Any) -> str:
    """Return the place of the data set that keeps what was confirmed."""
    checkpoint = attribute(data_set, "_checkpoint")
    return "" if checkpoint is None else target(checkpoint)


def gives_handle(data_set: Any) -> bool:
    """Whether it loads a ``DeltaTable``: as it is told to, or as Kedro's class does."""
    kind = type(data_set)
    of_kedro = kind.__module__.startswith("kedro") and _DELTA_TABLE.match(kind.__name__)
    return bool(of_kedro) or _text(attribute(data_set, "_load_as")) == "delta_table"


def can_tell_presence(data_set: Any) -> bool:
    """Whether its class has an ``_exists`` of its own, or an ``exists``."""
    for base in type(data_set).__mro__:
        # Those of the bases say that there is nothing, whatever there is.
        if base.__name__ in _BASES:
            return False
        if "_exists" in vars(base) or "exists" in vars(base):
            return True
    return False


def table_in_file(data_set: Any) -> str:
    """Return the name of its table in a file that can hold several; empty if it has none.

    A save writes the file anew, with this table alone.
    """
    return _text(_described(data_set).get("key")) if target(data_set) else ""


def save_effect(data_set: Any) -> SaveEffect:
    """Return the effect that versions, modes and options have."""
    if keeps_versions(data_set):
        return "keep"
    own_mode = _write_mode(data_set)
    of_partitions = isinstance(attribute(data_set, "_dataset_type"), type)
    if of_partitions or isinstance(attribute(data_set, "_filepath_arg"), str):
        return "replace" if attribute(data_set, "_overwrite") is True else "part"
    options = _options(data_set, "_save_args")
    opened = _options(data_set, "_open_args_save") or _options(data_set, "_fs_open_args_save")
    if is_single_process(data_set):
        streamed = {"append": "append", "update": "append", "complete": "overwrite"}
        mode = options.get("mode") or own_mode or streamed.get(str(options.get("output_mode")))
        return effect_of_mode(mode or "error", options)
    mode = _text(options.get("mode"))
    own_modes = (own_mode, _text(attribute(data_set, "_mode")))
    for given in (*own_modes, options.get("if_exists"), opened.get("mode")):
        # The first that does not replace: an 'open' for writing says nothing of a table.
        if isinstance(given, str) and effect_of_mode(given) != "replace":
            return effect_of_mode(given)
    # One letter is of 'open', and has no effect on a file that is open already.
    return effect_of_mode(mode if len(mode) > 2 else "overwrite", options)


def load_effect(data_set: Any) -> LoadEffect:
    """Take all that is of Spark for lazy."""
    return "live" if is_single_process(data_set) else "snapshot"


def why_unreadable(data_set: Any) -> str:
    """Tell a class whose ``load`` never returns."""
    if not _never_returns(data_set, "_load", "load"):
        return ""
    return (
        f"a {type(data_set).__name__} is for writing only. "
        "Read what the node returned under another name, or of another type."
    )


def why_unwritable(data_set: Any) -> str:
    """Tell a class whose ``save`` never returns, and a table that has no mode of writing."""
    told = _described(data_set) if type(data_set).__module__.startswith("kedro") else {}
    if "write_mode" in told and told["write_mode"] is None and is_single_process(data_set):
        return "it has no write_mode, and is for reading only. Give it one, such as overwrite."
    if not _never_returns(data_set, "_save", "save"):
        return ""
    return f"a {type(data_set).__name__} is for reading only. Save to one of another type."


def is_confirmable(data_set: Any) -> bool:
    """Whether it has ``confirm``."""
    try:
        return callable(getattr(data_set, "confirm", None))
    except Exception:
        return False


def is_transactional(data_set: Any) -> bool:
    """Whether its format is one of transactions, or it is a table that Spark knows by name."""
    file_format = _text(attribute(data_set, "_file_format"))
    if file_format:
        return file_format.lower() in TRANSACTIONAL
    found = target(data_set)
    # Over a connection of its own a table is emptied first.
    return is_table(found) and "#" not in found


def is_memory_only(data_set: Any) -> bool:
    """Whether it says so."""
    return attribute(data_set, "_EPHEMERAL") is True


def is_single_process(data_set: Any) -> bool:
    """Whether it says so, or its class, which may be given itself, is known to be of Spark."""
    if attribute(data_set, "_SINGLE_PROCESS") is True:
        return True
    of_partitions = attribute(data_set, "_dataset_type")
    if isinstance(of_partitions, type) and is_single_process(of_partitions):
        return True
    kind = data_set if isinstance(data_set, type) else type(data_set)
    modules = (base.__module__ for base in kind.__mro__)
    return any(name.startswith("kedro") and _OF_SPARK.match(f"{name}.") for name in modules)


def wrapped(data_set: Any) -> Any | None:
    """Return what ``_dataset`` holds, if it is a data set."""
    inner = attribute(data_set, "_dataset")
    if inner is None:
        return None
    # Looked up without asking the object: some have every attribute that they are asked for.
    has_both = all(getattr_static(inner, name, None) is not None for name in ("load", "save"))
    return inner if has_both else None


def state(data_set: Any) -> str | None:
    """Return the state of what lies on local disk; of a versioned one, its version."""
    place = target(data_set)
    if not place or is_table(place) or _PROTOCOL.match(place):
        return None
    if not keeps_versions(data_set):
        return path_state(place)
    asked = _text(attribute(versions(data_set), "load"))
    if asked:
        return asked
    from pathlib import Path

    return max(
        (found.parent.name for found in Path(place).glob(f"*/{Path(place).name}")), default=None
    )


def versions(data_set: Any) -> Any:
    """Return the versions that it was made to load and save; None if it has none."""
    found = attribute(data_set, "_version")
    return found if isinstance(found, tuple) else None


def keeps_versions(data_set: Any) -> bool:
    """Whether each save makes a version of its own, in files."""
    # A table of Databricks counts its versions by itself: a save replaces what was there.
    return versions(data_set) is not None and not _write_mode(data_set)


def file_suffix(data_set: Any) -> str:
    """Return the ending of the files that are its own in its folder; empty if all are."""
    return _text(attribute(data_set, "_suffix")) or _text(attribute(data_set, "_filename_suffix"))


def attribute(data_set: Any, name: str) -> Any:
    """Return an attribute; None if it has none, or if it has any that one asks for."""
    try:
        mock = sys.modules.get("unittest.mock")
        if mock is not None and isinstance(data_set, mock.NonCallableMock):
            return None if getattr_static(data_set, name, None) is None else getattr(data_set, name)
        return getattr(data_set, name, None)
    except Exception:
        return None


def _write_mode(data_set: Any) -> str:
    """Return the mode of a table that is written in one."""
    own = _text(attribute(data_set, "_write_mode"))
    return own or _text(_described(data_set).get("write_mode"))


def _described(data_set: Any) -> Mapping[str, Any]:
    describe = attribute(data_set, "_describe")
    try:
        told = describe() if callable(describe) else {}
    except Exception:  # a description must never hide the error that it is for
        return {}
    return told if isinstance(told, Mapping) else {}


def _text(value: Any) -> str:
    """Return a path or name as text; what is neither, and the text of None, is none."""
    text = str(value).strip() if isinstance(value, (str, os.PathLike)) else ""
    return "" if text == "None" else text


def _options(data_set: Any, name: str) -> Mapping[str, Any]:
    found = attribute(data_set, name)
    return found if isinstance(found, Mapping) else {}


def _never_returns(data_set: Any, *methods: str) -> bool:
    for name in methods:
        annotations = attribute(getattr(type(data_set), name, None), "__annotations__")
        told = annotations.get("return") if isinstance(annotations, Mapping) else None
        if str(told).rpartition(".")[2] in ("NoReturn", "Never"):
            return True
    return False
