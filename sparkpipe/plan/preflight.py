"""What is known to keep a pipeline from running, before anything is loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sparkpipe.errors import did_you_mean
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.io.chunking import may_give_many, only_last, way_of_chunks
from sparkpipe.io.declared import (
    checkpoint_of,
    is_confirmable,
    location_of,
    missing_data,
    unwrapped,
    warnings_of,
    why_unreadable,
    why_unwritable,
)
from sparkpipe.io.deferred import DeferredDataSet
from sparkpipe.io.messages import kind_of
from sparkpipe.io.working import lending
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.sql_node import places_of_inputs
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan.companions import companion_problems
from sparkpipe.plan.conflicts import target_problems
from sparkpipe.plan.plan import confirmed_by
from sparkpipe.slices.marks import PREFIX
from sparkpipe.spark.databricks import folder_problems
from sparkpipe.words import named

_logger = logging.getLogger(__name__)

#: For how many unknown inputs a run is told what may have been meant.
_GUESSES = 10


def find_problems(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Return all that is known to keep a pipeline from running, without loading anything.

    Args:
        pipeline: What is to run.
        catalog: Where its data is.
    """
    names = sorted(pipeline.data_sets())
    confirmed = confirmed_by(pipeline)
    problems = catalog.problems(n for n in sorted(confirmed.union(names)) if n in catalog)
    needed_by: dict[str, list[str]] = {}
    for node in pipeline.nodes:
        for name in node.input_names:
            needed_by.setdefault(name, []).append(node.name)
    inputs = pipeline.inputs()
    places = places_of_inputs(pipeline.nodes)
    made = {
        name: found
        for name in names
        if name in catalog and (found := _made(name, catalog)) is not None
    }
    known = [*catalog, *pipeline.all_outputs()]
    unknown = 0
    for name in sorted(inputs):
        if name not in catalog:
            unknown += 1
            readers = named("node", needed_by[name])
            # Each guess looks at every name; where all are missing, none of them was misspelt.
            guesses = known if unknown <= _GUESSES else []
            problems.append(_unknown_input(name, readers, places.get(name, ""), guesses))
            continue
        missing = _missing_data(name, catalog)
        if missing:
            problems.append(f"Input '{name}' of {named('node', needed_by[name])}{missing}")
    for name in names:
        if name != strip_transcoding(name) and name not in catalog and name not in inputs:
            problems.append(
                f"'{name}' is one form of '{strip_transcoding(name)}' and needs an entry of its "
                "own in the catalog: forms share a file, which data in memory has not."
            )
    if confirmed:
        problems += _unconfirmable(pipeline, catalog)
        _warn_of_unread(pipeline)
    problems += _unreadable(needed_by, made)
    problems += _unwritable(pipeline, made)
    problems += _losing_chunks(pipeline, catalog, made)
    # Of ours in memory there may be very many.
    stored = {name: found for name, found in made.items() if type(found) is not MemoryDataSet}
    problems += _shared_checkpoints(pipeline, stored)
    _warn(stored)
    problems += companion_problems(pipeline, stored)
    return problems + target_problems(pipeline, catalog)


def _shared_checkpoints(pipeline: Pipeline, stored: dict[str, Any]) -> list[str]:
    """Tell streams of one checkpoint: each takes what another one has processed for its own."""
    sharing: dict[str, list[str]] = {}
    for name in sorted(pipeline.all_outputs() & stored.keys()):
        place = checkpoint_of(unwrapped(stored[name]))
        if place:
            sharing.setdefault(place, []).append(name)
    return [
        f"The streams {', '.join(map(repr, names))} share the checkpoint {place}: each would leave "
        "out what another one has processed. Give each a checkpoint of its own."
        for place, names in sharing.items()
        if len(names) > 1
    ]


def _warn(stored: dict[str, Any]) -> None:
    """Log what has no effect; nothing of it keeps a pipeline from running."""
    for name, data_set in stored.items():
        for warning in warnings_of(data_set):
            _logger.warning("Data set '%s' (%s): %s", name, kind_of(data_set), warning)


def _warn_of_unread(pipeline: Pipeline) -> None:
    """Tell what is confirmed without being read: by a part of a pipeline, mostly."""
    read = {strip_transcoding(name) for name in pipeline.all_inputs()}
    for node in pipeline.nodes:
        for name in node.confirms:
            if strip_transcoding(name) not in read:
                _logger.warning(
                    "Node '%s' confirms '%s', which no node of this run reads: what has come since "
                    "it was read counts as dealt with, too.",
                    node.name,
                    name,
                )


def _unwritable(pipeline: Pipeline, made: Mapping[str, Any]) -> list[str]:
    """Tell outputs of which it is known that no save can succeed: a table for reading only."""
    problems = []
    for node in pipeline.nodes:
        for name in node.output_names:
            data_set = made.get(name)
            reason = "" if data_set is None else why_unwritable(data_set)
            if reason:
                where = _described(unwrapped(data_set), reason)
                problems.append(f"Output '{name}' of node '{node.name}' {where}: {reason}")
    return problems


def _losing_chunks(pipeline: Pipeline, catalog: DataCatalog, made: Mapping[str, Any]) -> list[str]:
    """Tell outputs of generators of which only the last chunk would stay, or be judged."""
    problems = []
    for node in pipeline.nodes:
        if not may_give_many(node.func):
            continue
        from sparkpipe.checks.checked import checked_in  # few nodes give chunks

        for name in node.output_names:
            data_set = made.get(name) if name in catalog else MemoryDataSet()
            where = f"Output '{name}' of node '{node.name}'"
            if data_set is None:
                continue
            way, checked = way_of_chunks(data_set), checked_in(data_set)
            if way == "last":
                problems.append(f"{where}: {only_last(data_set)}")
            elif way != "collect" and checked is not None:
                with lending(catalog):
                    problems += [f"{where}: {problem}" for problem in checked.chunk_problems()]
                for warning in checked.chunk_warnings():
                    _logger.warning("%s: %s", where, warning)
    return problems


def _unreadable(needed_by: Mapping[str, list[str]], made: Mapping[str, Any]) -> list[str]:
    """Tell inputs of which it is known that no load can succeed: images of figures."""
    problems = []
    for name in sorted(needed_by):
        data_set = made.get(name)
        reason = "" if data_set is None else why_unreadable(data_set)
        if reason:
            where = _described(unwrapped(data_set), reason)
            problems.append(f"Input '{name}' of {named('node', needed_by[name])} {where}: {reason}")
    return problems


def _made(name: str, catalog: DataCatalog) -> Any:
    """Return a data set; None if there is none, or if its entry is a problem already."""
    try:
        return catalog.get(name)
    except Exception:
        return None


def _described(data_set: Any, reason: str) -> str:
    """Return the type and place of a data set, as far as the reason does not tell them."""
    location = location_of(data_set)
    where = "" if not location or location in reason else f", {location}"
    return f"({kind_of(data_set)}{where})"


def _unknown_input(name: str, readers: str, place: str, known: list[str]) -> str:
    readers = f"{readers} ({place})" if place else readers
    if name.startswith("params:"):
        what = f"The parameter '{name.removeprefix('params:')}' that {readers} needs is not set."
        params = [one.removeprefix("params:") for one in known if one.startswith("params:")]
        hint = did_you_mean(name.removeprefix("params:"), params) or (
            "Set it in conf/base/parameters.yml."
        )
    elif name.startswith(PREFIX):
        what = f"There is no slice '{name.removeprefix(PREFIX)}', which {readers} needs."
        slices = [one.removeprefix(PREFIX) for one in known if one.startswith(PREFIX)]
        hint = did_you_mean(name.removeprefix(PREFIX), slices) or (
            "Declare it in conf/base/slices.yml."
        )
    else:
        what = f"The input '{name}' of {readers} is neither in the catalog nor made in this run."
        hint = did_you_mean(name, known) or (
            "Add it to conf/base/catalog.yml, or start the run from the node that makes it."
        )
    return f"{what} {hint}"


def _unconfirmable(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    problems = []
    for node in pipeline.nodes:
        for name in node.confirms:
            if name not in catalog:
                told = f"Node '{node.name}' confirms '{name}', which is not in the catalog."
                hint = did_you_mean(name, catalog)
            else:
                data_set = _made(name, catalog)
                if data_set is None or is_confirmable(data_set):
                    continue
                kind = kind_of(data_set)
                told = f"Node '{node.name}' confirms '{name}' ({kind}), which cannot be confirmed."
                hint = "Only data sets that remember what was read can be, as IncrementalDataSet."
                if isinstance(data_set, DeferredDataSet):
                    hint = (
                        f"It is read from the environment '{data_set.environment}', where nothing "
                        "is changed. Give it an entry with a checkpoint of its own."
                    )
            problems.append(f"{told} {hint}".rstrip())
    return problems


def _missing_data(name: str, catalog: DataCatalog) -> str:
    if catalog.unchosen_slices(name):  # it lies somewhere else for each
        return ""
    data_set = _made(name, catalog)
    # Of one that cannot be loaded, or that lies on Databricks, it is told in other words.
    if why_unreadable(data_set) or folder_problems(location_of(unwrapped(data_set))):
        return ""
    reason = missing_data(data_set)
    return f" {_described(data_set, reason)}: {reason}" if reason else ""
