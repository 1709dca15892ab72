"""Where rows go that did not pass: a data set of the catalog, or one beside that of the entry."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from sparkpipe.checks.words import Check
from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.declared import (
    is_stream,
    location_of,
    save_effect,
    saves_once,
    target_of,
    unwrapped,
)
from sparkpipe.io.factory import build_data_set, find_class
from sparkpipe.io.facts import gathering
from sparkpipe.io.kinds import is_spark_frame
from sparkpipe.io.messages import same_kind
from sparkpipe.io.partitioned import PartitionedDataSet
from sparkpipe.io.working import current_work
from sparkpipe.redaction import HIDDEN, is_secret
from sparkpipe.spark.jobs.saves import rejected_at
from sparkpipe.spark.session import get_spark

#: The columns that rejected rows have beside their own.
ADDED = ("failed_checks", "rejected_by_run", "rejected_by_node", "rejected_at")

_SUFFIX = "_rejected"
# What an entry says of a save that is not for the quarantine, to which rows are only added.
_OF_SAVES = frozenset(
    (
        *("mode", "partitionby", "partition_by", "cluster_by", "replacewhere", "overwriteschema"),
        *("partitionoverwritemode", "keys", "update_when", "delete_when", "insert", "sequence_by"),
        *("scd", "columns", "schema_change", "if_exists", "table_properties", "constraints"),
        *("generated", "identity", "usermetadata"),
    )
)
# What it says of the query of a stream.
_OF_QUERIES = frozenset(
    (
        *("checkpoint", "checkpointlocation", "output_mode", "outputmode", "trigger"),
        *("queryname", "retention"),
    )
)
_OF_ENTRY = frozenset(
    (
        *("checks", "quarantine", "validator", "versioned", "layer", "warn_below", "changed_by"),
        *("schema", "schema_change", "metadata", "changes", "load_as", "preview"),
    )
)


def beside(
    name: str, config: Mapping[str, Any], credentials: Mapping[str, Any] | None, given: str = ""
) -> Any:
    """Return a data set beside that of an entry, to which rejected rows are added.

    Args:
        name: The name of the data set.
        config: The entry.
        credentials: All credentials of the project by name.
        given: What it is called; by default the same with ``_rejected`` behind.

    Returns:
        None if the entry tells no place.

    Raises:
        DataSetError: There can be none of such a type.
    """
    kept = {str(key): value for key, value in config.items() if key not in _OF_ENTRY}
    saving = {
        option: value
        for option, value in (kept.get("save_args") or {}).items()
        if str(option).lower() not in _OF_SAVES
    }
    cls = find_class(config.get("type"))
    is_of_spark, of_query = _is_of_spark(cls), getattr(cls, "_IS_STREAM", False) is True
    if of_query and is_of_spark:
        # Rows of each batch are added to a table by a save of their own.
        by_name = "spark.SparkTableDataSet" if "table" in kept else "spark.SparkDataSet"
        kept = {"type": by_name, **_without(kept, ("type", "load_args"))}
        saving = _without(saving, _OF_QUERIES)
    if "table" in kept and is_of_spark:
        if of_query:
            kept = _without(kept, ("filepath", "credentials"))  # a table by its name has none
        kept = {key: v for key, v in kept.items() if key not in ("primary_key", "write_mode")}
        kept["table"] = given or f"{kept['table']}{_SUFFIX}"
        kept["write_mode"] = "append"
        if str(kept.get("file_format", "delta")).lower() == "delta":
            saving["mergeSchema"] = True
        return build_data_set({**kept, "save_args": saving}, credentials)
    if "table_name" in kept:
        kept["table_name"] = given or f"{kept['table_name']}{_SUFFIX}"
        return build_data_set({**kept, "save_args": {**saving, "if_exists": "append"}}, credentials)
    place = "path" if "path" in kept else "filepath"
    if not isinstance(kept.get(place), str):
        return None
    path = PurePosixPath(kept[place].rstrip("/"))
    protocol = kept[place].partition("://")[0] + "://" if "://" in kept[place] else ""
    plain = PurePosixPath(kept[place].removeprefix(protocol).rstrip("/"))
    moved = f"{protocol}{plain.with_name(given or plain.stem + _SUFFIX)}"
    if is_of_spark:
        if "delta" in (str(kept["type"]) + str(kept.get("file_format", ""))).lower():
            saving["mergeSchema"] = True
        return build_data_set(
            {**kept, "filepath": moved, "save_args": {**saving, "mode": "append"}}, credentials
        )
    # What pandas writes is a file, to which not every format can add: each save is one of its own.
    if place == "path":
        inner = kept.get("dataset", {})
        suffix = kept.get("filename_suffix", "")
        shared = kept.get("credentials")
    else:
        inner = {key: v for key, v in kept.items() if key not in ("filepath", "credentials")}
        inner["save_args"] = saving
        suffix, shared = path.suffix, kept.get("credentials")
    entry = {
        "type": PartitionedDataSet,
        "path": moved,
        "dataset": inner,
        "filename_suffix": suffix,
        **({} if shared is None else {"credentials": shared}),
    }
    return build_data_set(entry, credentials)


def _without(options: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if str(name).lower() not in names}


def _is_of_spark(cls: Any) -> bool:
    module = f".{cls.__module__}."
    return ".spark." in module or ".databricks." in module


def _takes_spark_frames(data_set: Any) -> bool:
    inner = unwrapped(data_set)
    of_pandas = foreign.attribute(inner, "_dataframe_type") == "pandas"
    return _is_of_spark(type(inner)) and not of_pandas


def destination(given: str, built: Any) -> Any:
    """Return the data set that takes rejected rows; None if there is none.

    Args:
        given: What ``quarantine`` says; empty if nothing.
        built: What lies beside the data set of the entry.
    """
    catalog = current_work().catalog
    if given and catalog is not None and given in catalog:
        return catalog[given]
    return built


def problems(where: Any, data_set: Any) -> list[str]:
    """Return why rejected rows of a data set cannot be put somewhere.

    Args:
        where: The data set that is to take them; None if there is none.
        data_set: The one whose rows they are.
    """
    if where is None:
        return ["it has no place for a quarantine beside it. Name a data set: quarantine: x."]
    if target_of(where) and target_of(where) == target_of(data_set):
        return [f"its quarantine is the data set itself ({location_of(where)})."]
    if _takes_spark_frames(data_set) and ".datasets.pandas." in type(unwrapped(where)).__module__:
        return [
            f"its quarantine is for frames of pandas ({location_of(where)}), and rows of Spark are "
            "rejected. Name a data set of Spark: quarantine: x."
        ]
    if is_stream(data_set) and not saves_once(where):
        return [
            f"its quarantine is no Delta table ({location_of(where)}): a batch of a stream may "
            "come again, and its rows would be there twice. Name a Delta table: quarantine: x."
        ]
    if is_stream(data_set) and save_effect(where) != "append":
        return [
            f"its quarantine ({location_of(where)}) does not keep the rows of each batch "
            "of the stream. Let it append."
        ]
    return []


def replaced_problems(where: Any, part: str) -> list[str]:
    """Tell that rejected rows would be lost where each part of the data is saved by itself.

    Args:
        where: The data set that takes them; None if there is none.
        part: What such a part is called.
    """
    if where is None or save_effect(where) != "replace":
        return []
    return [
        f"its quarantine ({location_of(where)}) keeps the rejected rows of one {part} only, as "
        "each save replaces what is there. Let it append."
    ]


def is_used(checks: Iterable[Any]) -> bool:
    """Whether some of the checks put rows into a quarantine.

    Args:
        checks: Checks of a data set.
    """
    return any(check.on_fail == "quarantine" for check in checks)


def column_problems(columns: Iterable[str]) -> list[str]:
    """Tell columns that are called like those that rejected rows get.

    Args:
        columns: Those of the data that is judged.
    """
    taken = [name for name in columns if name.lower() in ADDED]
    if not taken:
        return []
    told = ", ".join(f"'{name}'" for name in taken)
    return [
        f"rejected rows get {told} in a quarantine, and what the data has in columns of that name "
        "would be lost. Rename or drop them, or choose another on_fail."
    ]


def dropped(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return checks that leave out the rows that they would put into a quarantine."""
    return tuple(
        replace(one, on_fail="drop") if one.on_fail == "quarantine" else one for one in checks
    )


def put(rows: Any, where: Any) -> str:
    """Add rejected rows to a quarantine, and return where it lies.

    Args:
        rows: A frame with the column ``failed_checks``.
        where: The data set that takes it.
    """
    work, now = current_work(), dt.datetime.now(dt.timezone.utc)
    time = now.isoformat(sep=" ")
    if not is_spark_frame(rows) and _takes_spark_frames(where):
        from sparkpipe.datasets.spark.frames import as_spark_frame

        rows = as_spark_frame(rows, get_spark())  # a merge takes frames of pandas, an append none
    if is_spark_frame(rows):
        from sparkpipe.checks.on_spark import functions_for

        functions = functions_for(rows)
        values = (functions.lit(work.run_id), functions.lit(work.node))
        at = functions.expr(f"TIMESTAMP '{time}'")
        for name, value in zip(ADDED[1:], (*values, at), strict=True):
            rows = rows.withColumn(name, value)
    else:
        added = (work.run_id, work.node, now)
        rows = rows.assign(**dict(zip(ADDED[1:], added, strict=True)))
    if isinstance(where, PartitionedDataSet):
        named = re.sub(r"[^\w.-]+", "-", f"{now:%Y-%m-%dT%H.%M.%S}-{work.node}").strip("-")
        rows = {f"{named}-{os.urandom(3).hex()}": rows}
    # Its rows and bytes are not those of the data set that is judged.
    try:
        with gathering(), rejected_at(time):
            where.save(rows)
    except DataSetError as exc:
        told = f"rejected rows could not be put into its quarantine ({location_of(where)})"
        raise same_kind(exc)(f"{told}: {exc.message}", hint=exc.hint) from exc
    return location_of(where)


def rejected_before(batch: Any, where: Any) -> Any:
    """Return the rows of a batch that are in a quarantine already; None without any.

    Args:
        batch: A batch of a stream, which may come again and be judged otherwise.
        where: The data set that takes rejected rows: a Delta table.
    """
    from sparkpipe.checks.on_spark import functions_for
    from sparkpipe.datasets.spark.commits import earlier_saves

    name_in_sql = foreign.attribute(unwrapped(where), "name_in_sql")
    if not callable(name_in_sql):  # a class of the user's
        return None
    table = name_in_sql()
    marks = earlier_saves(batch.sparkSession, table)
    times = [f"TIMESTAMP '{mark['rejected_at']}'" for mark in marks if mark.get("rejected_at")]
    if not times:
        return None
    is_of_batch = functions_for(batch).expr(f"rejected_at IN ({', '.join(times)})")
    return batch.sparkSession.read.table(table).where(is_of_batch)


def rejected_rows(where: Any, most: int) -> tuple[str, list[dict[str, Any]]]:
    """Return where a quarantine lies, and some of its rows; what is secret in them is hidden.

    Args:
        where: The data set; None if there is none.
        most: How many rows, the last ones first.
    """
    if where is None:
        return "", []
    place = location_of(where)
    if not where.exists():
        return place, []
    data = where.load()
    if isinstance(data, dict):  # a partition for each save
        rows: list[dict[str, Any]] = []
        for name in sorted(data, reverse=True):
            rows += _first_of(data[name](), most - len(rows))
            if len(rows) >= most:
                break
    elif is_spark_frame(data):
        rows = _first_of(data.orderBy(data["rejected_at"].desc()), most)
    else:
        rows = _first_of(data.sort_values("rejected_at", ascending=False), most)
    hidden = {str(name) for row in rows for name in row if is_secret(str(name))}
    return place, [
        {str(name): HIDDEN if str(name) in hidden else value for name, value in row.items()}
        for row in rows
    ]


def _first_of(frame: Any, most: int) -> list[dict[str, Any]]:
    if is_spark_frame(frame):
        return [row.asDict() for row in frame.limit(most).collect()]
    rows: list[dict[str, Any]] = frame.head(most).to_dict("records")
    return rows
