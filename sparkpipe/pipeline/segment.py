"""Parts of a pipeline with their look-ups, and what clashes among nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sparkpipe.errors import ConfirmNotUniqueError, OutputNotUniqueError, PipelineError, report
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding


class Segment(NamedTuple):
    """Part of a pipeline with the look-ups that a sum needs; never changed once made.

    A pipeline is a short tuple of segments, each more than twice as long as the next. A sum adds a
    segment and merges those of like size, so that ``sum`` over many pipelines takes time in
    proportion to their nodes (times a logarithm) and each partial sum is still checked at once.
    """

    nodes: dict[Node, None]
    #: Nodes by the name that they were given, and by the data sets that they write, read, confirm.
    names: dict[str, Node]
    producers: dict[str, Node]
    consumers: dict[str, list[Node]]
    confirmers: dict[str, Node]
    #: For each data set that has forms, a node that uses one.
    transcoders: dict[str, Node]

    def merge(self, other: Segment) -> Segment:
        """Return a segment with the nodes of both."""
        consumers = dict(self.consumers)
        for name, nodes in other.consumers.items():
            consumers[name] = [*consumers.get(name, ()), *nodes]
        return Segment(
            self.nodes | other.nodes,
            self.names | other.names,
            self.producers | other.producers,
            consumers,
            self.confirmers | other.confirmers,
            self.transcoders | other.transcoders,
        )


def make_segment(
    nodes: Iterable[Node], beside: tuple[Segment, ...] = (), is_checked: bool = False
) -> Segment:
    """Make a segment of nodes; report those that clash with each other or with those beside them.

    Args:
        nodes: The nodes.
        beside: The other segments of the pipeline.
        is_checked: Whether it is known that none clashes.
    """
    consumers: dict[str, list[Node]] = defaultdict(list)
    made = Segment(dict.fromkeys(nodes), {}, {}, consumers, {}, {})
    for node in made.nodes:
        # Where errors are collected the node stays, so that it is judged too.
        for segment in () if is_checked else (made, *beside):
            _report_clashes(node, segment)
        if node.has_explicit_name:
            made.names.setdefault(node.name, node)
        for name in node.writes:
            made.producers.setdefault(name, node)
        for name in node.reads:
            consumers[name].append(node)
        for name in map(strip_transcoding, node.confirms):
            made.confirmers.setdefault(name, node)
        for name in node.transcodes:
            made.transcoders.setdefault(name, node)
    return made


def _report_clashes(node: Node, segment: Segment) -> None:
    if node.has_explicit_name and (other := segment.names.get(node.name)) is not None:
        report(
            PipelineError(
                f"Two nodes are named '{node.name}': {_both(other, node)}.",
                hint="Give one of them another name.",
            )
        )
    for name in node.writes:
        if (other := segment.producers.get(name)) is not None:
            report(
                OutputNotUniqueError(
                    f"Two nodes write '{name}': {_both(other, node)}.",
                    hint="Give one of them an output of its own.",
                )
            )
    for name in map(strip_transcoding, node.confirms):
        if (other := segment.confirmers.get(name)) is not None:
            report(
                ConfirmNotUniqueError(
                    f"Two nodes confirm '{name}': {_both(other, node)}.",
                    hint="Let only the one confirm it that is the last to need it.",
                )
            )
    if not node.transcodes and not segment.transcoders:
        return
    for name, other in _mixed(node, segment):
        report(
            PipelineError(
                f"'{name}' is used both with a form and without one: {_both(other, node)}.",
                hint=f"Write a form with each, such as '{name}@spark', or use another name.",
            )
        )


def _mixed(node: Node, segment: Segment) -> Iterator[tuple[str, Node]]:
    """Give names that a node uses with a form and another node without, or the reverse."""
    for name in sorted(node.transcodes - segment.transcoders.keys()):
        for other in (segment.producers.get(name), *segment.consumers.get(name, ())[:1]):
            if other is not None:
                yield name, other
                break
    for name in dict.fromkeys((*node.reads, *node.writes)):
        if name in segment.transcoders and name not in node.transcodes:
            yield name, segment.transcoders[name]


def _both(one: Node, other: Node) -> str:
    return " and ".join(sorted(map(str, (one, other))))
