"""Nodes that would disturb each other at one path or table, found before anything runs.

A Spark DataFrame is lazy: what a node has loaded is read later, whenever a node that was handed the
frame in memory needs it. So a path is in use not only by the node that loads it, but by all that
hold such a frame, and whoever overwrites it must come after all of these, or before the load. What
stays as it was when it was loaded, as a version of a Delta table does, is in use by its readers.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import (
    file_suffix,
    is_memory_only,
    is_single_process,
    is_stream,
    is_transactional,
    load_effect,
    location_of,
    save_effect,
    table_in_file,
    target_of,
    unwrapped,
    version_of,
)
from sparkpipe.io.messages import as_shown
from sparkpipe.io.target import is_table, path_target
from sparkpipe.io.wrapper import WrapperDataSet
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan.dag import Order, children_of


def target_problems(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    """Return where nodes would disturb each other by writing what another one writes or reads.

    Args:
        pipeline: What is to run.
        catalog: Where its data is; nothing is loaded.
    """
    pairs = _pairs(pipeline, catalog)
    if not pairs:
        return []
    guard = _Guard(pipeline, catalog, pairs)
    problems: dict[str, list[str]] = defaultdict(list)
    for outer, inner in pairs:
        problem = guard.problem(outer, inner)
        if problem:
            problems[outer.target].append(problem)
    return [line for told in problems.values() for line in _first_of(told)]


def changed_sources(pipeline: Pipeline, catalog: DataCatalog) -> frozenset[str]:
    """Return the data sets in memory whose frames read what a later node may change.

    They are what the nodes return that load it lazily. No problem is seen in them: a run computes
    their frames when they are saved.

    Args:
        pipeline: What runs.
        catalog: Where its data is; nothing is loaded.
    """
    pairs = _pairs(pipeline, catalog)
    if not pairs:
        return frozenset()
    guard = _Guard(pipeline, catalog, pairs)
    return frozenset(
        name for one, other in _both_ways(pairs) for name in guard.lazy_outputs(one, other)
    )


def shared_places(pipeline: Pipeline, catalog: DataCatalog) -> frozenset[str]:
    """Return the data sets at whose places a pipeline saves others.

    Args:
        pipeline: What runs.
        catalog: Where its data is; nothing is loaded.
    """
    outputs = pipeline.all_outputs()
    pairs = _both_ways(_pairs(pipeline, catalog))
    return frozenset(one.name for one, other in pairs if other.name in outputs)


def _both_ways(pairs: list[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
    """Return pairs, and each of them the other way round."""
    return [*pairs, *((inner, outer) for outer, inner in pairs)]


def _pairs(pipeline: Pipeline, catalog: DataCatalog) -> list[tuple[Place, Place]]:
    """Return the pairs of data sets that share a target, of which a node writes at least one."""
    outputs = pipeline.all_outputs()
    written = places_of(outputs, catalog)
    if not written:
        return []
    read = places_of(pipeline.all_inputs() - outputs, catalog)
    places = [*written, *read]
    pairs = chain(_sharing(places), _matching(places))
    return [(a, b) for a, b in pairs if {a.name, b.name} & outputs]


def _first_of(problems: list[str], most: int = 3) -> list[str]:
    left = len(problems) - most
    return problems if left < 2 else [*problems[:most], f"{left} more problems of this path."]


# Of a path that stands for many, as Spark and shells have them.
_PATTERN = "*?["


class Place:
    """A data set and its target."""

    def __init__(self, name: str, data_set: Any, target: str) -> None:
        self.name = name
        self.data_set = data_set
        self.target = target

    @property
    def where(self) -> str:
        """Its place as messages show it."""
        return location_of(self.data_set) or self.target

    @property
    def version(self) -> Any:
        """The version that is loaded or saved, if it has any."""
        return version_of(self.data_set)

    @cached_property
    def overwrites(self) -> bool:
        """Whether a save takes away what others may read."""
        effect = save_effect(self.data_set)
        # Of a folder of partitions only those of the same names change, each as a whole: nodes that
        # deal with others share it. What Spark reads is the whole table.
        of_partitions = isinstance(self.data_set, WrapperDataSet) or not self.is_spark
        return effect in ("replace", "merge") or (effect == "part" and not of_partitions)

    @cached_property
    def writes_its_part(self) -> bool:
        """Whether others may write to the same target at the same time."""
        partial = save_effect(self.data_set) in ("append", "part")
        return partial and (self.is_transactional or is_table(self.target))

    @cached_property
    def is_stream(self) -> bool:
        """Whether it is read or written as a stream."""
        return is_stream(self.data_set)

    @cached_property
    def table(self) -> str:
        """Its table in a file of several."""
        return table_in_file(self.data_set)

    @cached_property
    def changes(self) -> bool:
        """Whether a save changes what others may read lazily."""
        return save_effect(self.data_set) != "keep"

    @cached_property
    def load_effect(self) -> str:
        """What becomes of what was loaded when others write."""
        return load_effect(self.data_set)

    @cached_property
    def is_transactional(self) -> bool:
        """Whether a log tells which files are its own."""
        return is_transactional(self.data_set)

    @cached_property
    def is_spark(self) -> bool:
        """Whether Spark reads and writes it."""
        return is_single_process(self.data_set)


def places_of(names: Iterable[str], catalog: DataCatalog) -> list[Place]:
    """Return where data sets lie, of those that have a place."""
    places = []
    for name in sorted(name for name in names if name in catalog):
        try:
            data_set = catalog[name]
        except DataSetError:  # told as a problem of the data set already
            continue
        if not is_memory_only(data_set) and (
            target := target_of(data_set) or _pattern_of(data_set)
        ):
            places.append(Place(name, unwrapped(data_set), target))
    return places


def _sharing(places: list[Place]) -> Iterator[tuple[Place, Place]]:
    """Give each pair of which the second is at the target of the first, or in its folder."""
    by_target: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_target[place.target].append(place)
    for target, here in by_target.items():
        for number, place in enumerate(here):
            for other in here[number + 1 :]:
                yield place, other
        for folder in _folders_of(target):
            for outer in by_target.get(folder, ()):
                for inner in here:
                    if _reaches(outer, inner):
                        yield outer, inner


def _pattern_of(data_set: Any) -> str:
    """Return the pattern of paths that Spark reads as one; empty if it is given none."""
    place = location_of(data_set)
    first = next((n for n, character in enumerate(place) if character in _PATTERN), None)
    if first is None or not is_single_process(data_set):
        return ""
    folder = place[:first].rpartition("/")[0]
    return f"{path_target(folder or '.')}/{place[len(folder) :].lstrip('/')}"


def _matching(places: list[Place]) -> Iterator[tuple[Place, Place]]:
    """Give each pair of which the first is read by a pattern that the path of the second fits."""
    for pattern in places:
        # In a name of a table, and in an address, these characters mean something else, too.
        if not is_table(pattern.target) and any(c in pattern.target for c in _PATTERN):
            for place in places:
                if place is not pattern and PurePosixPath(place.target).match(pattern.target):
                    yield pattern, place


def _folders_of(target: str) -> Iterator[str]:
    folder = target.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _reaches(outer: Place, inner: Place) -> bool:
    """Whether what lies in the folder of a data set is read, or deleted, with it."""
    if outer.is_transactional:  # its log tells which files are its own
        return False
    return inner.target.endswith(file_suffix(outer.data_set))


class _Guard:
    """Judges pairs of data sets that share a target. Nodes go by their position in the pipeline."""

    def __init__(
        self, pipeline: Pipeline, catalog: DataCatalog, pairs: list[tuple[Place, Place]]
    ) -> None:
        self._catalog = catalog
        self._nodes = pipeline.nodes
        self._writer: dict[str, int] = {}
        self._readers: dict[str, list[int]] = defaultdict(list)
        self._readers_of_any_form: dict[str, list[int]] = defaultdict(list)
        for position, node in enumerate(self._nodes):
            self._writer.update(dict.fromkeys(node.output_names, position))
            for name in node.input_names:
                self._readers[name].append(position)
                self._readers_of_any_form[strip_transcoding(name)].append(position)
        names = {place.name for pair in pairs for place in pair}
        self._order = Order(
            children_of(pipeline), (self._writer[n] for n in names if n in self._writer)
        )

    def problem(self, outer: Place, inner: Place) -> str:
        """Return how the nodes of two data sets would disturb each other; empty if they do not."""
        # In any order: a save of one loses the other.
        if outer.target == inner.target and outer.table != inner.table:
            return self._one_table_a_file(outer, inner)
        return (
            self._both_write(outer, inner)
            or self._overwritten(outer, inner)
            or self._overwritten(inner, outer)
            or self._own_source(outer, inner)
            or self._own_source(inner, outer)
        )

    def _both_write(self, outer: Place, inner: Place) -> str:
        first, second = self._writer.get(outer.name), self._writer.get(inner.name)
        if first is None or second is None or _may_write_together(outer, inner):
            return ""
        if first != second and self._order.orders(first, second):
            return ""
        return self._two_writers(outer, inner, first, second)

    def _overwritten(self, written: Place, read: Place) -> str:
        """Tell a node that changes what other nodes may still read."""
        writer = self._writer.get(written.name)
        readers = self._readers.get(read.name, ())
        adds_version = written.version is not None and getattr(read.version, "load", None) is None
        if writer is None or not (written.overwrites or adds_version):
            return ""
        if read.load_effect == "fixed":
            return ""
        # Where one of both is no table of transactions, there are no versions to stay with.
        is_live = read.load_effect == "live" or (read.is_spark and not written.is_transactional)
        lazily = written.overwrites and is_live
        for reader in readers:
            if self._order.is_before(writer, reader):
                continue
            for holder, frame in self._holders(reader, lazily):
                if holder == writer:
                    if lazily and written.is_spark and not written.is_transactional:
                        return self._own_input(written, read, writer, reader, frame)
                elif not self._order.is_after(writer, holder):
                    return self._still_read(written, read, writer, reader, holder, frame)
        return ""

    def _own_source(self, written: Place, read: Place) -> str:
        """Tell a stream that reads what it writes, and so never comes to an end."""
        writer = self._writer.get(written.name)
        is_within = written.target == read.target or written.target.startswith(f"{read.target}/")
        if writer is None or not is_within or not (written.is_stream and read.is_stream):
            return ""
        for reader in self._readers.get(read.name, ()):
            if any(holder == writer for holder, _ in self._holders(reader, lazily=True)):
                return (
                    f"Node {self._name(writer)} writes the stream {_shown(written)} into its own "
                    f"source, {_shown(read)}. Write to another path."
                )
        return ""

    def lazy_outputs(self, written: Place, read: Place) -> Iterator[str]:
        """Give what stays in memory of a data set that is changed, not before it has been read."""
        writer = self._writer.get(written.name)
        if writer is None or not (written.changes and read.is_spark and read.load_effect == "live"):
            return
        for reader in self._readers.get(read.name, ()):
            if not self._order.is_before(writer, reader):
                yield from filter(self._stays_in_memory, self._nodes[reader].output_names)

    def _holders(self, reader: int, lazily: bool) -> Iterator[tuple[int, str]]:
        """Give the nodes that read what one has loaded, each with the name under which it does."""
        yield reader, ""
        found = {reader}
        to_visit = deque([reader] if lazily else ())
        while to_visit:
            for name in self._nodes[to_visit.popleft()].output_names:
                if not self._stays_in_memory(name):
                    continue
                for position in self._readers_of_any_form[strip_transcoding(name)]:
                    if position not in found:
                        found.add(position)
                        to_visit.append(position)
                        yield position, name

    def _stays_in_memory(self, name: str) -> bool:
        if name not in self._catalog:
            return True
        try:
            data_set = self._catalog[name]
        except DataSetError:
            return False
        # A cache keeps it; what only judges or shows a data set does not.
        return is_memory_only(data_set) or unwrapped(data_set) is not as_shown(data_set)

    # Messages

    def _two_writers(self, outer: Place, inner: Place, first: int, second: int) -> str:
        if outer.target != inner.target:
            other = "it" if first == second else f"node {self._name(second)}"
            told = (
                f"Node {self._name(first)} overwrites the folder {_shown(outer)}, and {other} "
                f"writes {_shown(inner)} in it"
            )
        elif first == second:
            told = f"Node {self._name(first)} writes {outer.where} twice"
            told += f" ('{outer.name}', '{inner.name}')"
        else:
            told = f"Nodes {self._name(first)} and {self._name(second)} both write {outer.where}"
            told += f" ('{outer.name}', '{inner.name}')"
        if first == second:
            return f"{told}. Give each a path of its own."
        return (
            f"{told}, and nothing orders them. Let one read the other's output, or give each a "
            "path of its own."
        )

    def _one_table_a_file(self, outer: Place, inner: Place) -> str:
        return (
            f"'{outer.name}' and '{inner.name}' are two tables ('{outer.table}', '{inner.table}') "
            f"of one file, {outer.where}: each save writes it anew, with its own table alone. "
            "Give each a file of its own."
        )

    def _own_input(self, written: Place, read: Place, writer: int, reader: int, frame: str) -> str:
        how = f"while it reads {_shown(read)} lazily. Use"
        if frame:
            how = (
                f"while it reads '{frame}', a lazy frame that node {self._name(reader)} has made "
                f"of {_shown(read)}. Save '{frame}' to a file in the catalog, use"
            )
        return (
            f"Node {self._name(writer)} overwrites {_shown(written)} {how} a Delta table "
            "(spark.DeltaTableDataSet), or write to another path."
        )

    def _still_read(
        self, written: Place, read: Place, writer: int, reader: int, holder: int, frame: str
    ) -> str:
        does = "overwrites" if written.overwrites else "saves a new version of"
        told = f"Node {self._name(writer)} {does} {_shown(written)}"
        if not frame:
            return (
                f"{told} and node {self._name(reader)} reads {_shown(read)}, and nothing orders "
                "them. Let one read the other's output, or write to another path."
            )
        way_out = f"Save '{frame}' to a file in the catalog, or write to another path"
        if not self._order.is_before(writer, holder):
            way_out += f", or let {self._name(writer)} read an output of {self._name(holder)}"
        return (
            f"{told}, which node {self._name(holder)} may have still to read: '{frame}' is a lazy "
            f"frame that node {self._name(reader)} has made of {_shown(read)}. {way_out}."
        )

    def _name(self, position: int) -> str:
        return f"'{self._nodes[position].name}'"


def _shown(place: Place) -> str:
    return f"{place.where} ('{place.name}')"


def _may_write_together(outer: Place, inner: Place) -> bool:
    if outer.target != inner.target:
        return not outer.overwrites
    return outer.writes_its_part and inner.writes_its_part
