"""A run that reads from another environment what its own has not, and changes nothing there."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparkpipe.checks.checked import checked_in
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import (
    can_tell_presence,
    checkpoint_of,
    confirm_target,
    file_suffix,
    is_confirmable,
    is_memory_only,
    location_of,
    missing_data,
    target_of,
    unwrapped,
)
from sparkpipe.io.deferred import DeferredDataSet
from sparkpipe.io.presence import is_present
from sparkpipe.io.target import is_table, path_target
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.slices.marks import pattern_of_places


@dataclass(frozen=True)
class Other:
    """Another environment, and the one that defers to it.

    Attributes:
        name: Its name.
        catalog: Its catalog.
        here: The name of the one that defers to it.
        is_slice: Whether there is a slice of a name, by its text.
    """

    name: str
    catalog: DataCatalog
    here: str
    is_slice: Callable[[str, str], bool] = lambda name, text: False


def find_deferred(
    pipeline: Pipeline, catalog: DataCatalog, other: Other
) -> tuple[dict[str, DeferredDataSet], list[str]]:
    """Return what is read from another environment, and what is wrong with that.

    These are the inputs that the pipeline does not make, and of which this environment has no data.
    Where only Spark can tell, a load decides.

    Args:
        pipeline: What is to run.
        catalog: That of this environment.
        other: The other one.
    """
    deferred: dict[str, DeferredDataSet] = {}
    problems: list[str] = []
    here: set[str] = set()  # without their forms, of which one is enough
    for name in sorted(pipeline.inputs()):
        if is_parameter(name) or name not in other.catalog:
            continue
        try:
            own = catalog.get(name)
            present = _has_data(own)
        except DataSetError as exc:
            if name in catalog and not _is_made(name, catalog):
                continue  # told as a problem of its entry
            problems.append(
                f"Whether '{other.here}' has data for '{name}' cannot be told: {exc.message}"
            )
            continue
        if present:
            here.add(strip_transcoding(name))
            continue
        try:
            theirs = other.catalog[name]
        except DataSetError as exc:
            problems.append(f"Of the environment '{other.name}': {exc}")
            continue
        is_shared = own is not None and target_of(own) and target_of(own) == target_of(theirs)
        if is_shared or is_memory_only(theirs):
            continue
        deferred[name] = DeferredDataSet(theirs, other.name, own if present is None else None)
    kept = {n: found for n, found in deferred.items() if strip_transcoding(n) not in here}
    return kept, problems


def _is_made(name: str, catalog: DataCatalog) -> bool:
    try:
        return catalog[name] is not None
    except DataSetError:
        return False


def _has_data(data_set: Any) -> bool | None:
    if data_set is None:
        return False
    if not can_tell_presence(data_set):
        return not missing_data(data_set)
    return is_present(data_set)


def find_foreign_saves(
    pipeline: Pipeline, catalog: DataCatalog, other: Other, unjudged: Container[str] = ()
) -> list[str]:
    """Return where a run would change what belongs to another environment.

    Args:
        pipeline: What is to run.
        catalog: That of this environment, in which what is read from the other one stands already.
        other: The other one.
        unjudged: Names of what no check judges when it is read: nothing of it is rejected then.
    """
    written = [*_written(pipeline, catalog, unjudged)]
    if not written:
        return []
    theirs = _Places.of(pipeline, other)
    problems = []
    for change in written:
        owner = theirs.owner_of(change) or _same_entry(change, catalog, other.catalog)
        if owner:
            problems.append(_told(change, owner, other))
    return problems


@dataclass(frozen=True)
class _Change:
    """A place that a run would change; the target is empty where it is not known."""

    name: str
    node: str
    verb: str
    target: str
    place: str
    suffix: str = ""  # of the files that it writes into its folder


def _written(
    pipeline: Pipeline, catalog: DataCatalog, unjudged: Container[str]
) -> Iterator[_Change]:
    for node in pipeline.nodes:
        for name in node.output_names:
            data_set = _made(name, catalog)
            if data_set is None or is_memory_only(data_set):
                continue
            place = location_of(data_set)
            suffix = file_suffix(data_set)
            yield _Change(name, node.name, "saves", target_of(data_set), place, suffix)
            checkpoint = checkpoint_of(unwrapped(data_set))
            if checkpoint:
                yield _Change(name, node.name, "keeps a checkpoint of", checkpoint, checkpoint)
        read = (name for name in node.input_names if name not in unjudged)
        for name in (*read, *node.output_names):
            data_set = _made(name, catalog)
            if data_set is not None and not isinstance(data_set, DeferredDataSet):
                yield from _written_beside(node.name, name, data_set, catalog)
        for name in node.confirms:
            data_set = _made(name, catalog)
            if data_set is None or not is_confirmable(data_set):
                continue
            place = confirm_target(data_set)
            told = place or location_of(data_set)
            yield _Change(name, node.name, "confirms", place or target_of(data_set), told)


def _written_beside(node: str, name: str, data_set: Any, catalog: DataCatalog) -> Iterator[_Change]:
    """Give the place to which the checks of a data set put rejected rows, if they do."""
    judge = checked_in(data_set)
    where = None if judge is None else judge.where_rejected(catalog)
    if where is not None:
        verb = "puts rejected rows of"
        yield _Change(name, node, verb, target_of(where), location_of(where), file_suffix(where))


@dataclass(frozen=True)
class _Places:
    """The names of data sets of an environment by their targets, and endings of their files.

    Attributes:
        sliced: Names of those that have a place for each slice, by what these places match.
    """

    owners: Mapping[str, str]
    suffixes: Mapping[str, str]
    sliced: Mapping[re.Pattern[str], str]
    is_slice: Callable[[str, str], bool]

    @classmethod
    def of(cls, pipeline: Pipeline, other: Other) -> _Places:
        catalog = other.catalog
        sliced: dict[re.Pattern[str], str] = {}
        owners: dict[str, str] = {}
        suffixes: dict[str, str] = {}
        # A pattern has a place for any name: those of the run are what matters.
        for name in dict.fromkeys((*catalog, *sorted(pipeline.data_sets()))):
            if is_parameter(name) or name not in catalog:
                continue
            data_set = _made(name, catalog)
            if data_set is None:
                targets = [_place_in(catalog.config_of(name) or {})]
            else:
                checkpoint = checkpoint_of(unwrapped(data_set))
                confirmed = confirm_target(data_set) if is_confirmable(data_set) else ""
                targets = [target_of(data_set), checkpoint, confirmed]
                suffixes[targets[0]] = file_suffix(data_set)
                for beside in _written_beside("", name, data_set, catalog):
                    targets.append(beside.target)
                    suffixes[beside.target] = beside.suffix
            for target in filter(None, targets):
                owners.setdefault(target, name)
                places = pattern_of_places(target)
                if places is not None:
                    sliced[places] = name
        return cls(owners, suffixes, sliced, other.is_slice)

    def owner_of(self, change: _Change) -> str:
        """Return the data set whose place would be changed; empty if there is none."""
        target = change.target
        if not target or target in self.owners:
            return self.owners.get(target, "")
        for places, name in self.sliced.items():
            found = places.fullmatch(target)
            if found is not None and all(self.is_slice(*one) for one in found.groupdict().items()):
                return name
        if is_table(target):
            return ""
        for folder in _folders_of(target):
            suffix = self.suffixes.get(folder, "")
            if folder in self.owners and (target.endswith(suffix) or change.suffix == suffix):
                return self.owners[folder]
        if change.verb not in ("saves", "puts rejected rows of"):
            return ""
        inside = (name for place, name in self.owners.items() if place.startswith(f"{target}/"))
        return next(inside, "")


def _folders_of(target: str) -> Iterator[str]:
    folder = target.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _same_entry(change: _Change, catalog: DataCatalog, other: DataCatalog) -> str:
    """Return the name of a data set of unknown place that both environments have of one entry."""
    if change.target or change.name not in other:
        return ""
    entry = catalog.config_of(change.name)
    return change.name if entry is not None and entry == other.config_of(change.name) else ""


def _place_in(entry: Mapping[str, Any]) -> str:
    path = entry.get("filepath") or entry.get("path")
    return path_target(path) if isinstance(path, str) else ""


def _made(name: str, catalog: DataCatalog) -> Any:
    try:
        return catalog.get(name)
    except DataSetError:
        return None


def _told(change: _Change, owner: str, other: Other) -> str:
    where = f" ({change.place})" if change.place else ""
    same = owner == change.name
    whose = (
        f"its place in '{other.name}', too" if same else f"the place of '{owner}' in '{other.name}'"
    )
    return (
        f"Node '{change.node}' {change.verb} '{change.name}'{where}, which is {whose}: "
        f"nothing of '{other.name}' is changed by a run that defers to it. Give "
        f"'{change.name}' a place of its own, by an entry in the environment '{other.here}'."
    )
