"""Makes what is told of a run from its plan and its catalog; nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import location_of, plan_notes, version_of
from sparkpipe.io.deferred import DeferredDataSet
from sparkpipe.io.messages import type_of
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.plan import Plan
from sparkpipe.report.planned.run import PlannedDataSet, PlannedNode


def planned_nodes(
    plan: Plan,
    catalog: DataCatalog,
    decisions: Mapping[str, tuple[bool, tuple[str, ...]]] | None = None,
) -> tuple[PlannedNode, ...]:
    """Return the nodes of a plan as they are told.

    Args:
        plan: The plan.
        catalog: Tells type and place of each data set.
        decisions: For names of nodes, whether they run, and why, in words. A node without one runs.
    """
    decisions = decisions or {}
    told: dict[str, PlannedDataSet] = {}

    def tell(names: tuple[str, ...]) -> tuple[PlannedDataSet, ...]:
        for name in names:
            if name not in told:
                told[name] = _planned_data_set(name, catalog)
        return tuple(told[name] for name in names)

    nodes = []
    for node, level in zip(plan.nodes, _levels(plan), strict=True):
        runs, reasons = decisions.get(node.name, (True, ()))
        tags = tuple(sorted(node.tags))
        loads, saves = tell(node.input_names), tell(node.output_names)
        nodes.append(PlannedNode(node.name, level, tags, loads, saves, runs, tuple(reasons)))
    return tuple(nodes)


def _levels(plan: Plan) -> list[int]:
    levels = [1] * len(plan.nodes)
    for position, children in enumerate(plan.children):
        for child in children:
            levels[child] = max(levels[child], levels[position] + 1)
    return levels


def _planned_data_set(name: str, catalog: DataCatalog) -> PlannedDataSet:
    if is_parameter(name):
        return PlannedDataSet(name, "parameter")
    if name not in catalog:
        return PlannedDataSet(name, "MemoryDataSet", "in memory")
    try:
        data_set = catalog[name]
    except DataSetError:  # told as a problem
        config = catalog.config_of(name) or {}
        return PlannedDataSet(name, str(config.get("type")))
    if not isinstance(data_set, DeferredDataSet):
        note = ", ".join(plan_notes(data_set))
        return PlannedDataSet(name, type_of(data_set), _place_of(data_set), note=note)
    theirs = data_set.wrapped()
    note = ""
    if data_set.own is not None:
        note = f"unless {location_of(data_set.own)} has data, which the run asks Spark"
    return PlannedDataSet(name, type_of(theirs), _place_of(theirs), data_set.environment, note)


def _place_of(data_set: Any) -> str:
    version = getattr(version_of(data_set), "load", None)
    return location_of(data_set) + (f", version {version}" if version else "")
