"""A pipeline: a set of nodes that form a DAG through the data sets that they read and write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain

from sparkpipe.errors import (
    CircularDependencyError,
    ConfirmNotUniqueError,
    OutputNotUniqueError,
    PipelineError,
    did_you_mean,
    report,
)
from sparkpipe.pipeline.distinct_names import give_distinct_names
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.segment import Segment, make_segment
from sparkpipe.pipeline.transcoding import strip_transcoding

__all__ = [
    "CircularDependencyError",
    "ConfirmNotUniqueError",
    "OutputNotUniqueError",
    "Pipeline",
]


class Pipeline:
    """A DAG of nodes. Immutable; pipelines are added, subtracted, intersected and filtered.

    Args:
        nodes: Nodes and other pipelines.
        tags: Put on every node.

    Raises:
        OutputNotUniqueError: Two nodes write the same data set.
        ConfirmNotUniqueError: Two nodes confirm the same data set.
        CircularDependencyError: Nodes wait for one another.
        PipelineError: Two nodes have the same name, or a data set is used with and without a form.
    """

    _segments: tuple[Segment, ...]

    def __init__(
        self, nodes: Iterable[Node | Pipeline] = (), *, tags: str | Iterable[str] | None = None
    ) -> None:
        if not isinstance(nodes, Iterable):
            raise PipelineError(
                f"A pipeline is made of a list of nodes and pipelines, not of {_kind(nodes)}.",
                hint="Write Pipeline([node(...), node(...)]).",
            )
        given: list[Node] = []
        for item in nodes:
            if isinstance(item, Pipeline):
                given.extend(item._unordered)
            elif isinstance(item, Node):
                given.append(item)
            else:
                raise PipelineError(
                    f"A pipeline is made of nodes and pipelines, not of {_kind(item)}.",
                    hint="Write Pipeline([node(...), node(...)]).",
                )
        if tags:
            given = [node.tag(tags) for node in given]
        self._segments = (make_segment(given),)
        _ = self._layers  # finds a cycle

    @classmethod
    def _of(cls, segments: tuple[Segment, ...]) -> Pipeline:
        pipeline = cls.__new__(cls)
        pipeline._segments = segments
        return pipeline

    # The algebra

    def __add__(self, other: Pipeline) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        large, small = (self, other) if len(self) >= len(other) else (other, self)
        segments = large._segments
        added = make_segment((node for node in small._unordered if node not in large), segments)
        merged = added
        while segments and len(segments[-1].nodes) <= 2 * len(merged.nodes):
            merged = segments[-1].merge(merged)
            segments = segments[:-1]
        total = Pipeline._of((*segments, merged))
        if total._leads_back_into(added):
            _ = total._layers  # reports the names on the cycle
        return total

    def __radd__(self, other: object) -> Pipeline:
        if other == 0:  # the start of sum()
            return self
        return NotImplemented

    def __sub__(self, other: Pipeline) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return self._part({node for node in self._unordered if node not in other})

    def __and__(self, other: Pipeline) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return self._part({node for node in self._unordered if node in other})

    def __or__(self, other: Pipeline) -> Pipeline:
        return self + other

    def __contains__(self, node: object) -> bool:
        return any(node in segment.nodes for segment in self._segments)

    def __len__(self) -> int:
        return sum(len(segment.nodes) for segment in self._segments)

    def __bool__(self) -> bool:
        return any(segment.nodes for segment in self._segments)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return len(self) == len(other) and all(node in other for node in self._unordered)

    def __hash__(self) -> int:
        return hash(frozenset(self._unordered))

    def __repr__(self) -> str:
        nodes = self.nodes
        shown = [repr(node) for node in nodes[:10]]
        if len(nodes) > len(shown):
            shown.append(f"... {len(nodes) - len(shown)} more")
        return "Pipeline([\n" + ",\n".join(shown) + "\n])"

    def _repr_html_(self) -> str:
        from sparkpipe.pipeline.html import pipeline_html

        return pipeline_html(self)

    def __getstate__(self) -> list[Node]:
        return list(self._unordered)

    def __setstate__(self, nodes: list[Node]) -> None:
        self._segments = (make_segment(nodes, is_checked=True),)

    # Look-ups

    @property
    def _unordered(self) -> Iterator[Node]:
        return chain.from_iterable(segment.nodes for segment in self._segments)

    def _producer(self, stripped_name: str) -> Node | None:
        for segment in self._segments:
            if stripped_name in segment.producers:
                return segment.producers[stripped_name]
        return None

    def _consumers(self, stripped_name: str) -> Iterator[Node]:
        for segment in self._segments:
            yield from segment.consumers.get(stripped_name, ())

    def _leads_back_into(self, added: Segment) -> bool:
        """Whether some path leaves the nodes just added and returns to them."""
        entered = any(
            parent not in added.nodes for node in added.nodes for parent in self._parents_of(node)
        )
        if not entered:
            return False
        outside = {
            child
            for node in added.nodes
            for child in self._children_of(node)
            if child not in added.nodes
        }
        to_visit = list(outside)
        while to_visit:
            for child in self._children_of(to_visit.pop()):
                if child in added.nodes:
                    return True
                if child not in outside:
                    outside.add(child)
                    to_visit.append(child)
        return False

    # Order

    @property
    def grouped_nodes(self) -> list[list[Node]]:
        """Nodes in layers: those of a layer need only nodes of earlier ones. Sorted by name."""
        return [list(layer) for layer in self._layers]

    @cached_property
    def _layers(self) -> list[list[Node]]:
        nodes = give_distinct_names(self._unordered)
        by_node = {node: node for node in nodes}
        waits_for = {node: len(self._parents_of(node)) for node in nodes}
        layer = [node for node in nodes if not waits_for[node]]
        layers: list[list[Node]] = []
        while layer:
            layer.sort(key=_sorting_key)
            layers.append(layer)
            following: list[Node] = []
            for node in layer:
                for child in self._children_of(node):
                    waits_for[child] -= 1
                    if not waits_for[child]:
                        following.append(by_node[child])
            layer = following
        if sum(map(len, layers)) < len(nodes):
            waiting = sorted((node for node in nodes if waits_for[node] > 0), key=_sorting_key)
            report(self._cycle({node: node for node in waiting}))
            layers.append(waiting)
        return layers

    def _parents_of(self, node: Node) -> set[Node]:
        parents = {parent for name in node.reads if (parent := self._producer(name)) is not None}
        parents.discard(node)
        return parents

    def _children_of(self, node: Node) -> set[Node]:
        children = {child for name in node.writes for child in self._consumers(name)}
        children.discard(node)
        return children

    def _cycle(self, remaining: dict[Node, Node]) -> CircularDependencyError:
        """Walk up from a node that never became ready until a node comes twice."""
        path: list[Node] = []
        node = min(remaining, key=_sorting_key)
        while node not in path:
            path.append(node)
            waiting = (remaining[p] for p in self._parents_of(node) if p in remaining)
            node = min(waiting, key=_sorting_key)
        names = [node.name for node in path[path.index(node) :][::-1]]
        first = names.index(min(names))  # told in the same words from wherever it was entered
        cycle = [*names[first:], *names[: first + 1]]
        return CircularDependencyError(
            f"These nodes wait for one another: {' -> '.join(cycle)}.",
            hint="Let one of them read or write a data set of another name.",
        )

    @cached_property
    def _nodes(self) -> tuple[Node, ...]:
        return tuple(chain.from_iterable(self._layers))

    @property
    def nodes(self) -> list[Node]:
        """The nodes in topological order; the same for the same nodes, however combined."""
        return list(self._nodes)

    @property
    def node_dependencies(self) -> dict[Node, set[Node]]:
        """The nodes that each node needs."""
        return self._related(self._parents_of)

    @property
    def children(self) -> dict[Node, set[Node]]:
        """The nodes that need each node."""
        return self._related(self._children_of)

    def _related(self, step: Callable[[Node], set[Node]]) -> dict[Node, set[Node]]:
        shown = {node: node for node in self._nodes}  # under the names that they have here
        return {node: {shown[other] for other in step(node)} for node in self._nodes}

    # Data sets

    def all_inputs(self) -> set[str]:
        """Every data set that some node reads."""
        return {name for node in self._unordered for name in node.input_names}

    def all_outputs(self) -> set[str]:
        """Every data set that some node writes."""
        return {name for node in self._unordered for name in node.output_names}

    def inputs(self) -> set[str]:
        """Data sets that are read and that no other node of this pipeline writes."""
        return {
            name
            for node in self._unordered
            for name in node.input_names
            # A node that turns x@excel into x@csv needs the first, and makes only the second.
            if (producer := self._producer(strip_transcoding(name))) is None or producer == node
        }

    def outputs(self) -> set[str]:
        """Data sets that are written and that no other node of this pipeline reads."""
        return {
            name
            for node in self._unordered
            for name in node.output_names
            if all(reader == node for reader in self._consumers(strip_transcoding(name)))
        }

    def data_sets(self) -> set[str]:
        """Every data set of the pipeline."""
        return self.all_inputs() | self.all_outputs()

    datasets = data_sets

    def describe(self, names_only: bool = True) -> str:
        """Tell inputs, nodes in the order of execution, and outputs.

        Args:
            names_only: Show names of nodes instead of names, functions and data sets.
        """
        lines = [node.name if names_only else str(node) for node in self._nodes]
        inputs = ", ".join(sorted(self.inputs())) or "none"
        outputs = ", ".join(sorted(self.outputs())) or "none"
        return "\n".join([f"Inputs: {inputs}", "", *lines, "", f"Outputs: {outputs}"])

    def to_json(self) -> str:
        """Return the nodes in their order as JSON: names, inputs, outputs, tags."""
        import json
        import sys

        nodes = [
            {
                "name": node.name,
                "inputs": node.inputs,
                "outputs": node.outputs,
                "tags": sorted(node.tags),
            }
            for node in self._nodes
        ]
        version = sys.modules["sparkpipe"].__version__  # an import would be one in a circle
        return json.dumps({"sparkpipe_version": version, "pipeline": nodes})

    # Filters

    def tag(self, tags: str | Iterable[str]) -> Pipeline:
        """Put more tags on every node."""
        return Pipeline(self._nodes, tags=tags)

    def only_nodes(self, *node_names: str) -> Pipeline:
        """Keep the nodes of these names."""
        return self._part(self._named(*node_names))

    def only_nodes_with_tags(self, *tags: str) -> Pipeline:
        """Keep the nodes that have at least one of these tags."""
        return self._part(self._tagged(*tags))

    def only_nodes_with_namespace(self, node_namespace: str) -> Pipeline:
        """Keep the nodes of a namespace and of those inside it."""
        return self._part(self._in_namespace(node_namespace))

    def only_nodes_with_inputs(self, *inputs: str) -> Pipeline:
        """Keep the nodes that read at least one of these data sets."""
        return self._part(self._reading(*inputs))

    def only_nodes_with_outputs(self, *outputs: str) -> Pipeline:
        """Keep the nodes that write at least one of these data sets."""
        return self._part(self._writing(*outputs))

    def from_nodes(self, *node_names: str) -> Pipeline:
        """Keep these nodes and all that depend on them."""
        return self._part(self._after(self._named(*node_names)))

    def to_nodes(self, *node_names: str) -> Pipeline:
        """Keep these nodes and all that they depend on."""
        return self._part(self._before(self._named(*node_names)))

    def from_inputs(self, *inputs: str) -> Pipeline:
        """Keep the nodes that read these data sets and all that depend on them."""
        return self._part(self._after(self._reading(*inputs)))

    def to_outputs(self, *outputs: str) -> Pipeline:
        """Keep the nodes that write these data sets and all that they depend on."""
        return self._part(self._before(self._writing(*outputs)))

    def filter(
        self,
        tags: Iterable[str] | None = None,
        from_nodes: Iterable[str] | None = None,
        to_nodes: Iterable[str] | None = None,
        node_names: Iterable[str] | None = None,
        from_inputs: Iterable[str] | None = None,
        to_outputs: Iterable[str] | None = None,
        node_namespace: str | None = None,
    ) -> Pipeline:
        """Keep the nodes that every given filter keeps.

        Raises:
            PipelineError: A name is not in the pipeline, or no node is left.
        """
        kept: set[Node] | None = None
        for given, chosen in (
            (tags, self._tagged),
            (from_nodes, lambda *names: self._after(self._named(*names))),
            (to_nodes, lambda *names: self._before(self._named(*names))),
            (node_names, self._named),
            (from_inputs, lambda *names: self._after(self._reading(*names))),
            (to_outputs, lambda *names: self._before(self._writing(*names))),
            (node_namespace, self._in_namespace),
        ):
            if given:
                found = chosen(*((given,) if isinstance(given, str) else given))
                kept = found if kept is None else kept & found
        if kept is None:
            return self
        if not kept and self:
            raise PipelineError(
                "No node is left by the given filters.",
                hint=f"Tags here: {', '.join(sorted(self.tags)) or 'none'}." if tags else "",
            )
        return self._part(kept)

    @property
    def tags(self) -> set[str]:
        """Every tag of a node."""
        return {tag for node in self._unordered for tag in node.tags}

    # What the filters choose

    def _part(self, nodes: set[Node]) -> Pipeline:
        # A part has neither clashes nor cycles, so that its order may wait until it is needed.
        kept = (node for node in self._nodes if node in nodes)
        return Pipeline._of((make_segment(kept, is_checked=True),))

    def _named(self, *names: str) -> set[Node]:
        by_name = {node.name: node for node in self._nodes}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise PipelineError(
                f"No such node in the pipeline: {', '.join(map(repr, unknown))}.",
                hint=_meant_in_a_namespace(unknown[0], by_name)
                or did_you_mean(unknown[0], by_name),
            )
        return {by_name[name] for name in names}

    def _tagged(self, *tags: str) -> set[Node]:
        return {node for node in self._nodes if not node.tags.isdisjoint(tags)}

    def _in_namespace(self, namespace: str) -> set[Node]:
        found = {
            node
            for node in self._nodes
            if node.namespace and f"{node.namespace}.".startswith(f"{namespace}.")
        }
        if not found:
            known = {node.namespace for node in self._nodes if node.namespace}
            raise PipelineError(
                f"No node has the namespace '{namespace}'.", hint=did_you_mean(namespace, known)
            )
        return found

    def _reading(self, *names: str) -> set[Node]:
        wanted = self._resolve_data_sets(names)
        return {node for node in self._nodes if not wanted.isdisjoint(node.input_names)}

    def _writing(self, *names: str) -> set[Node]:
        wanted = self._resolve_data_sets(names)
        return {node for node in self._nodes if not wanted.isdisjoint(node.output_names)}

    def _after(self, start: set[Node]) -> set[Node]:
        return _reached(start, self._children_of)

    def _before(self, start: set[Node]) -> set[Node]:
        return _reached(start, self._parents_of)

    def _resolve_data_sets(self, names: Sequence[str]) -> set[str]:
        """Names without transcoding stand for every transcoded form."""
        known = self.data_sets()
        forms: dict[str, set[str]] = defaultdict(set)
        for name in known:
            forms[name].add(name)
            forms[strip_transcoding(name)].add(name)
        unknown = [name for name in names if name not in forms]
        if unknown:
            raise PipelineError(
                f"No such data set in the pipeline: {', '.join(map(repr, unknown))}.",
                hint=did_you_mean(unknown[0], known),
            )
        return {form for name in names for form in forms[name]}


def _reached(start: set[Node], step: Callable[[Node], set[Node]]) -> set[Node]:
    reached = set(start)
    to_visit = list(reached)
    while to_visit:
        following = step(to_visit.pop()) - reached
        reached |= following
        to_visit.extend(following)
    return reached


def _meant_in_a_namespace(name: str, known: Iterable[str]) -> str:
    inside = sorted(other for other in known if other.endswith(f".{name}"))
    return f"Did you mean {' or '.join(map(repr, inside[:3]))}?" if inside else ""


def _kind(thing: object) -> str:
    return type(thing).__name__


def _sorting_key(node: Node) -> str:
    return node.name
