"""What is wrong with a run over slices, found before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import location_of, save_effect, unwrapped
from sparkpipe.io.foreign import attribute
from sparkpipe.io.messages import kind_of
from sparkpipe.io.unchosen import hint
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.session.slices.depending import (
    Stage,
    is_in_memory,
    slices_by_node,
    slices_of_place,
)
from sparkpipe.slices.marks import PREFIX, marked, marks_in
from sparkpipe.words import named

_REPLACE_WHERE = "replacewhere"
# Of a merge: rows that do not come again are deleted.
_WITHIN = "within"


def find_unchosen(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Tell nodes that depend on slices that are not chosen.

    Args:
        pipeline: What is to run.
        catalog: In which marks stand for what is not chosen.
    """
    if not any(catalog.unchosen_slices(name) for name in catalog if name.startswith(PREFIX)):
        return []
    by_node = slices_by_node(pipeline, catalog)
    nodes_of: dict[tuple[str, ...], list[str]] = {}
    for node, slices in by_node.items():
        if slices:
            nodes_of.setdefault(slices, []).append(node.name)
    return [
        f"{named('Node', names)} {'depends' if len(names) == 1 else 'depend'} on {marked(slices)}, "
        f"and none is chosen. {hint(slices)}"
        for slices, names in nodes_of.items()
    ]


def find_slice_problems(
    by_node: Mapping[Node, tuple[str, ...]], asked: Iterable[str], catalog: DataCatalog
) -> list[str]:
    """Tell what keeps nodes from running once for each slice.

    Args:
        by_node: The slices of each node.
        asked: Names of the slices that are asked for.
        catalog: Of a session without slices.
    """
    asked = tuple(asked)
    problems = []
    depended = {name for slices in by_node.values() for name in slices}
    for name in asked:
        if name not in depended:
            problems.append(
                f"No node of this run depends on the slice '{name}'. Leave out --slice {name}, or "
                f"write ${{slice:{name}}} into an entry of the catalog that one reads or saves."
            )
    for node, slices in by_node.items():
        lacking = tuple(name for name in slices if name not in asked)
        if lacking:
            problems.append(
                f"Node '{node.name}' depends on {marked(lacking)}, and none is chosen. "
                f"{hint(lacking)}"
            )
    return problems + find_mixing(by_node, catalog)


def find_mixing(by_node: Mapping[Node, tuple[str, ...]], catalog: DataCatalog) -> list[str]:
    """Tell outputs in which slices would not stay apart, or would be doubled.

    Args:
        by_node: The slices of each node.
        catalog: Of a session without slices.
    """
    return [
        problem for node, slices in by_node.items() for problem in _mixing(node, slices, catalog)
    ]


def _mixing(node: Node, slices: tuple[str, ...], catalog: DataCatalog) -> Iterator[str]:
    for name in node.output_names if slices else ():
        if is_in_memory(name, catalog):
            continue
        try:
            data_set = unwrapped(catalog[name])
        except DataSetError:  # told with the entry
            continue
        effect = save_effect(data_set)
        place = location_of(data_set)
        what = f"Output '{name}' ({kind_of(data_set)}{f', {place}' if place else ''}) of "
        what += f"node '{node.name}'"
        if effect == "append":
            yield (f"{what} appends: a slice that runs again would be there twice. {_REMEDY}")
            continue
        config = catalog.config_of(name) or {}
        kept_apart = {*slices_of_place(name, catalog), *_replaced(config)}
        mixed = tuple(one for one in slices if one not in kept_apart)
        # Without a condition the rows tell which partition, or which rows, they take the place of.
        of_rows = effect in ("merge", "part") and not list(_conditions(config))
        if mixed and not of_rows:
            yield (
                f"{what} would mix slices: each {' and '.join(mixed)} would take the place of the "
                f"one before. {_REMEDY}"
            )


def find_leftovers(by_node: Mapping[Node, tuple[str, ...]], catalog: DataCatalog) -> list[str]:
    """Tell where something stays that a slice made before, or is taken from another one.

    Args:
        by_node: The slices of each node.
        catalog: Of a session without slices.
    """
    told = []
    for node, slices in by_node.items():
        for name in node.output_names:
            if is_in_memory(name, catalog):
                continue
            data_set = unwrapped(catalog[name])
            what = f"Output '{name}' ({kind_of(data_set)}) of node '{node.name}'"
            if marks_in(_within(data_set)) and _takes_from_others(data_set):
                told.append(
                    f"{what}: a row whose key another slice has, too, is taken from there. Put the "
                    "column of the slice among save_args: keys."
                )
            config = catalog.config_of(name) or {}
            kept_apart = {*slices_of_place(name, catalog), *_replaced(config)}
            lacking = [one for one in slices if one not in kept_apart]
            way_out = _why_left(data_set)
            if lacking and way_out:
                marks = " and ".join(f"${{slice:{one}}}" for one in lacking)
                told.append(
                    f"{what}: what a slice has made before and does not make again stays there. "
                    f"{way_out} {marks}."
                )
    return told


def _within(data_set: Any) -> str:
    """Return the part that a merge replaces; empty if it is no such merge."""
    return str(getattr(attribute(data_set, "_merge"), "within", "") or "")


def _takes_from_others(data_set: Any) -> bool:
    """Whether no key of a merge is a column of the part that it replaces."""
    keys = getattr(attribute(data_set, "_merge"), "keys", ())
    words = {word.lower() for word in re.findall(r"\w+", _within(data_set))}
    return words.isdisjoint(str(key).lower() for key in keys)


def _why_left(data_set: Any) -> str:
    """Return how a save replaces all of its part, if it does not."""
    file_format = attribute(data_set, "_file_format")
    if save_effect(data_set) != "part" or not isinstance(file_format, str):  # nothing of Spark's
        return ""
    if file_format.lower() == "delta":
        return "To replace all of it, give save_args: replaceWhere, and"
    return "To replace all of it, give it a path of its own, with"


def with_sharing(stage: Stage, catalog: DataCatalog) -> Stage:
    """Return a stage with what is known of outputs that its choices share.

    Args:
        stage: The stage.
        catalog: Of a session without slices.
    """
    if not stage.slices:
        return stage
    shared = tuple(
        name
        for name in sorted(stage.pipeline.all_outputs())
        if not is_in_memory(name, catalog)
        and not set(stage.slices) <= set(slices_of_place(name, catalog))
    )
    # Parts that a condition tells apart can be committed beside one another.
    in_turn = any(
        not _replaced(catalog.config_of(name) or {}) or _is_merged(name, catalog) for name in shared
    )
    return replace(stage, shared=shared, in_turn=in_turn)


_REMEDY = (
    "Put ${slice:...} into its path, replace a part only (replaceWhere, or partitionOverwriteMode "
    "dynamic), or merge (within)."
)


def _is_merged(name: str, catalog: DataCatalog) -> bool:
    return save_effect(catalog[name]) == "merge"


def _replaced(config: Mapping[str, Any]) -> set[str]:
    """Return the slices to which a save is limited by a condition."""
    return {name for condition in _conditions(config) for name in marks_in(condition)}


def _conditions(config: Any) -> Iterator[Any]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if str(key).lower() in (_REPLACE_WHERE, _WITHIN):
                yield value
            else:
                yield from _conditions(value)
