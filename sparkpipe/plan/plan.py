"""What a run will do, worked out before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sparkpipe.events import NodeEnded
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import is_spark_frame
from sparkpipe.io.declared import is_memory_only
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan.dag import children_of, longest_remaining, width


class Gate(Protocol):
    """Tells which nodes of a run need not start, by what others have made in it."""

    def unchanged(self, position: int, run_id: str) -> NodeEnded | None:
        """Return how a node that need not run ends; None if it is to run now.

        Args:
            position: Its position in the plan; all that it waits for has ended.
            run_id: The run.
        """

    def ended(self, position: int) -> None:
        """Take note that a node has run and saved.

        Args:
            position: Its position in the plan.
        """


def confirmed_by(pipeline: Pipeline) -> set[str]:
    """Return the names of data sets that nodes of a pipeline confirm, whoever reads them."""
    return {name for node in pipeline.nodes for name in node.confirms}


@dataclass(frozen=True)
class Plan:
    """The nodes of a run in their fixed order, and what each position waits for and sets free.

    Attributes:
        nodes: In topological order; where there is a choice, an earlier position goes first.
        waits_for: For each position, how many nodes it needs.
        children: For each position, the positions that need it.
        readers: For each data set that is read, by how many nodes.
        releasable: Data sets that may be released once they are read: neither inputs nor outputs of
            the pipeline.
        remaining: For each position, the length of the longest path from it to an end: in seconds
            where they are known, else in nodes.
        width: How many nodes may run at once at most.
        problems: What is known to keep it from running, without anything loaded.
        expected_seconds: How long its nodes are expected to take, by name, where that is known.
        gate: Asked before a node starts whether it is to; None where all are.
    """

    nodes: tuple[Node, ...]
    waits_for: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    readers: dict[str, int]
    releasable: frozenset[str]
    remaining: tuple[float, ...]
    width: int
    problems: tuple[str, ...] = ()
    expected_seconds: Mapping[str, float] = field(default_factory=dict)
    gate: Gate | None = field(default=None, compare=False, repr=False)

    @property
    def data_sets(self) -> frozenset[str]:
        """The names of all that the nodes read, write and confirm."""
        return frozenset(
            name
            for node in self.nodes
            for name in (*node.input_names, *node.output_names, *node.confirms)
        )

    @property
    def outputs(self) -> frozenset[str]:
        """The names of what nodes write and no node reads."""
        written = frozenset(name for node in self.nodes for name in node.output_names)
        return written - self.releasable

    def shared(self, catalog: DataCatalog) -> dict[str, tuple[str, ...]]:
        """Return what more than one node reads from memory, with these nodes.

        Of these, Spark frames are persisted when they are first read, and released after the last
        node that reads them.

        Args:
            catalog: Tells what is in memory; what is not in it will be.
        """
        shared: dict[str, list[str]] = {
            name: []
            for name, count in self.readers.items()
            if count > 1 and (name not in catalog or may_be_persisted(catalog[name]))
        }
        for node in self.nodes:
            for name in node.input_names:
                if name in shared:
                    shared[name].append(node.name)
        return {name: tuple(node_names) for name, node_names in shared.items()}

    def resume_from(self, completed: Iterable[int], catalog: DataCatalog) -> tuple[str, ...]:
        """Return names of nodes from which a run that ended early can be continued.

        What is not done must run; so must all that follows it, whoever makes data for it that was
        only in memory, and whoever reads what it confirms: that would be what has come since, too.

        Args:
            completed: Positions of the nodes that have run and saved.
            catalog: Tells which data sets outlive the run.
        """
        needed, _ = self._needed_again(completed, catalog)
        parents = self._parents()
        return tuple(
            self.nodes[position].name
            for position in sorted(needed)
            if needed.isdisjoint(parents[position])
        )

    def lost_by(self, completed: Iterable[int], catalog: DataCatalog) -> tuple[str, ...]:
        """Return the data sets for which nodes that have run must run again to continue.

        Args:
            completed: Positions of the nodes that have run and saved.
            catalog: Tells which data sets outlive the run.
        """
        _, lost = self._needed_again(completed, catalog)
        return tuple(sorted(lost))

    def _parents(self) -> list[list[int]]:
        parents: list[list[int]] = [[] for _ in self.nodes]
        for position, children in enumerate(self.children):
            for child in children:
                parents[child].append(position)
        return parents

    def _needed_again(
        self, completed: Iterable[int], catalog: DataCatalog
    ) -> tuple[set[int], set[str]]:
        """Return the positions that must run, and the names for which completed ones are there."""
        parents = self._parents()
        done = set(completed)
        lost_names: set[str] = set()
        to_visit = [position for position in range(len(self.nodes)) if position not in done]
        needed = set(to_visit)
        reading: dict[str, list[int]] = {}
        if any(node.confirms for node in self.nodes):
            for position, node in enumerate(self.nodes):
                for name in node.input_names:
                    reading.setdefault(name, []).append(position)
        while to_visit:
            position = to_visit.pop()
            read = {strip_transcoding(name) for name in self.nodes[position].input_names}
            lost: list[int] = []
            for parent in parents[position]:
                names = [
                    name
                    for name in self.nodes[parent].output_names
                    if strip_transcoding(name) in read
                    and (name not in catalog or is_memory_only(catalog[name]))
                ]
                lost += [parent] if names else []
                lost_names.update(names if parent in done else ())
            for name in self.nodes[position].confirms:
                lost += reading.get(name, ())
            for other in (*self.children[position], *lost):
                if other not in needed:
                    needed.add(other)
                    to_visit.append(other)
        return needed, lost_names


def may_be_persisted(data_set: Any) -> bool:
    """Whether a data set may hold a Spark frame in memory that nobody has forbidden to persist."""
    if not is_memory_only(data_set) or getattr(data_set, "persist", None) is False:
        return False
    data = getattr(data_set, "_data", None)
    return is_spark_frame(data) or not data_set.exists()


def make_plan(
    pipeline: Pipeline,
    expected_seconds: Mapping[str, float] | None = None,
    problems: Iterable[str] = (),
) -> Plan:
    """Work out the plan of a pipeline, in time proportional to its nodes and edges.

    Args:
        pipeline: What is to run.
        expected_seconds: How long nodes are expected to take, by name, as of an earlier run; a node
            that is not in it counts as the mean of those that are.
        problems: What is known to keep it from running.
    """
    nodes = tuple(pipeline.nodes)
    children = children_of(pipeline)
    waits_for = [0] * len(nodes)
    for following in children:
        for position in following:
            waits_for[position] += 1
    seconds: list[float] | None = None
    if expected_seconds:
        mean = sum(expected_seconds.values()) / len(expected_seconds)
        seconds = [expected_seconds.get(node.name, mean) for node in nodes]
    readers = Counter(name for node in nodes for name in node.input_names)
    kept = pipeline.inputs() | pipeline.outputs()
    written = pipeline.all_outputs()
    return Plan(
        nodes,
        tuple(waits_for),
        children,
        readers,
        frozenset((written | set(readers)) - kept),
        longest_remaining(children, seconds),
        width(children),
        tuple(problems),
        expected_seconds or {},
    )
