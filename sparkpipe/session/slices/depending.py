"""Which nodes depend on a slice, and in which stages a run goes over its slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_memory_only
from sparkpipe.io.entries import without_keys
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.slices.marks import marks_in

# Of an entry, what has no part in the other.
_OF_SAVES, _OF_LOADS = "save_args", "load_args"
# What says nothing of where the data lies.
_OF_NO_PLACE = (
    *("checks", "quarantine", "validator", "warn_below", "changed_by", "schema_change"),
    *("metadata", "layer", "preview", "changes", "load_as"),
)


@dataclass(frozen=True)
class Stage:
    """Nodes that run together: once for each choice of the slices on which they depend.

    Attributes:
        slices: The names of these slices; none for what runs once.
        pipeline: The nodes.
        handed_on: Data in memory that later stages read.
        unregistered: Of these, what the catalog does not have.
        shared: Outputs of which each choice replaces a part.
        in_turn: Whether choices must not run side by side, as their writes would conflict.
    """

    slices: tuple[str, ...]
    pipeline: Pipeline
    handed_on: tuple[str, ...]
    unregistered: tuple[str, ...]
    shared: tuple[str, ...] = ()
    in_turn: bool = False


def slices_by_node(pipeline: Pipeline, catalog: DataCatalog) -> dict[Node, tuple[str, ...]]:
    """Return the names of the slices on which each node depends.

    A node depends on a slice that it reads, that stands in what a load of its inputs needs or a
    save of its outputs, or on which a node depends from which it has data in memory.

    Args:
        pipeline: The nodes.
        catalog: Of a session without slices, so that marks stand for them.
    """
    found: dict[Node, tuple[str, ...]] = {}
    writers = {strip_transcoding(n): node for node in pipeline.nodes for n in node.output_names}
    for node in pipeline.nodes:
        names: set[str] = set()
        for name in node.input_names:
            names.update(slices_of_load(name, catalog))
            writer = writers.get(strip_transcoding(name))
            if writer is not None and is_in_memory(name, catalog):
                names.update(found.get(writer, ()))  # of a cycle, told elsewhere, there is none
        for name in node.output_names:
            names.update(slices_of_save(name, catalog))
        found[node] = tuple(sorted(names))
    return found


def slices_of_load(name: str, catalog: DataCatalog) -> tuple[str, ...]:
    """Return the slices on which it depends what is loaded under a name."""
    if is_parameter(name) and name in catalog and not catalog.unchosen_slices(name):
        return marks_in(catalog.load(name))
    return catalog.unchosen_slices(name) and (
        marks_in(without_keys(_config(name, catalog), _OF_SAVES)) or _read(name, catalog)
    )


def slices_of_save(name: str, catalog: DataCatalog) -> tuple[str, ...]:
    """Return the slices on which it depends where and how a data set is saved."""
    if not catalog.unchosen_slices(name):
        return ()
    return marks_in(without_keys(_config(name, catalog), _OF_LOADS))


def slices_of_place(name: str, catalog: DataCatalog) -> tuple[str, ...]:
    """Return the slices for each of which a data set has a place of its own."""
    kept = without_keys(_config(name, catalog), _OF_SAVES, _OF_LOADS, *_OF_NO_PLACE)
    return marks_in(kept)


def _read(name: str, catalog: DataCatalog) -> tuple[str, ...]:
    """Return the slice that a name such as ``slice:day`` stands for."""
    return () if _config(name, catalog) else catalog.unchosen_slices(name)


def _config(name: str, catalog: DataCatalog) -> Mapping[str, Any]:
    return catalog.config_of(name) or {}


def is_in_memory(name: str, catalog: DataCatalog) -> bool:
    """Whether data of a name ends with the run."""
    try:
        return name not in catalog or is_memory_only(catalog[name])
    except DataSetError:  # told with the entry
        return False


def find_stages(
    pipeline: Pipeline, by_node: Mapping[Node, tuple[str, ...]], catalog: DataCatalog
) -> tuple[Stage, ...]:
    """Part a pipeline into stages, each of nodes that depend on the same slices.

    Args:
        pipeline: What runs.
        by_node: The slices of each node.
        catalog: Tells what is in memory.
    """
    # What depends on nothing comes first, so that as much as can be runs once, and before the rest.
    kinds = sorted({(), *by_node.values()}, key=lambda names: (len(names), names))
    parents = pipeline.node_dependencies
    level: dict[Node, int] = {}
    for node in pipeline.nodes:
        least = max((level[parent] for parent in parents[node]), default=0)
        kind = kinds.index(by_node[node])
        level[node] = least + (kind - least) % len(kinds)
    stages = []
    for number in sorted(set(level.values())):
        here = [node for node in pipeline.nodes if level[node] == number]
        later = [node for node in pipeline.nodes if level[node] > number]
        read = {strip_transcoding(name) for node in later for name in node.input_names}
        handed_on = tuple(
            name
            for node in here
            for name in node.output_names
            if strip_transcoding(name) in read and is_in_memory(name, catalog)
        )
        stages.append(
            Stage(
                by_node[here[0]],
                pipeline.only_nodes(*(node.name for node in here)),
                handed_on,
                tuple(name for name in handed_on if name not in catalog),
            )
        )
    return tuple(stages)
