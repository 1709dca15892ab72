"""What is wrong with SQL nodes beside their texts: columns that are nowhere, a missing DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import location_of, unwrapped, version_of
from sparkpipe.io.files import split_protocol
from sparkpipe.io.importing import missing_packages
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.sql import SqlQuery

Columns = tuple[str, ...] | None


def find_sql_problems(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Tell columns that are nowhere, as far as the columns of tables are known, without Spark.

    Known are those of the schema of an entry, of what is stored where no node writes it, and of the
    results of SQL nodes.

    Args:
        pipeline: The nodes.
        catalog: Where their data is.
    """
    nodes = [node for node in pipeline.nodes if isinstance(node.func, SqlQuery)]
    if not nodes:
        return []
    from sparkpipe.sql.columns import find_unknown_columns, result_columns
    from sparkpipe.sql.given import find_unfit_values

    written = pipeline.all_outputs()
    made: dict[str, Columns] = {}
    problems: list[str] = []
    for node in nodes:
        query: Any = node.func
        if query.engine == "duckdb":
            problems += [f"Node '{node.name}': {told}" for told in missing_packages(("duckdb",))]
        known: dict[str, tuple[str, ...]] = {}
        for called, name in zip(query.tables, node.arguments, strict=False):
            columns = made.get(name) or _columns_of(name, catalog, is_written=name in written)
            if columns is not None:
                known[called] = columns
        problems += find_unknown_columns(query, known)
        problems += find_unfit_values(query, _values_of(node, catalog))
        made[node.output_names[0]] = result_columns(query, known)
    return problems


def _values_of(node: Node, catalog: DataCatalog) -> dict[str, Any]:
    """Return the parameters that a query reads, by their names in it, as far as they are there."""
    query: Any = node.func
    found: dict[str, Any] = {}
    for called, name in zip(query.inputs, node.arguments, strict=True):
        if name.startswith("params:") and name in catalog and not catalog.unchosen_slices(name):
            with suppress(DataSetError):  # told when it is loaded
                found[called] = catalog.load(name)
    return found


def _columns_of(name: str, catalog: DataCatalog, *, is_written: bool) -> Columns:
    """Return the columns of a data set; None where they are not known."""
    if name not in catalog or catalog.unchosen_slices(name):
        return None
    try:
        data_set = catalog[name]
        config = catalog.config_of(name) or {}
        declared = _declared(data_set, config)
    except DataSetError:  # told with the entry
        return None
    if declared is not None or is_written or not _is_loaded_as_it_lies(data_set, config):
        return declared
    from sparkpipe.schemas.stored import stored_columns

    protocol, path = split_protocol(location_of(data_set))
    return stored_columns(Path(path)) if protocol == "file" and path else None


def _is_loaded_as_it_lies(data_set: Any, config: Mapping[str, Any]) -> bool:
    """Whether a load gives the columns that are stored now: no option or class gives others."""
    is_ours = all(
        type(one).__module__.startswith("sparkpipe.") for one in (data_set, unwrapped(data_set))
    )
    chooses = any(config.get(key) for key in ("load_args", "changes", "versioned"))
    return is_ours and not chooses and version_of(data_set) is None


def _declared(data_set: Any, config: Mapping[str, Any]) -> Columns:
    """Return the columns that an entry declares, where the data can have no others."""
    from sparkpipe.schemas import Schema, read_schema

    schema = getattr(data_set, "declared_schema", None)
    if isinstance(schema, Schema):
        is_whole = config.get("schema_change", "fail") in ("fail", "widen")
        return schema.names if is_whole else None
    arguments = config.get("load_args")
    given = arguments.get("schema") if isinstance(arguments, Mapping) else None
    return None if given is None else read_schema(given).names
