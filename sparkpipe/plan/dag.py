"""What is known from the shape of a DAG alone, each in time proportional to its nodes and edges.

A DAG is given as the children of each position; positions are in topological order, so that a child
comes after its parents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkpipe.pipeline import Pipeline

Children = Sequence[Sequence[int]]


def children_of(pipeline: Pipeline) -> tuple[tuple[int, ...], ...]:
    """Return for each position of a pipeline's nodes those of the nodes that need it, sorted."""
    nodes = pipeline.nodes
    positions = {node: position for position, node in enumerate(nodes)}
    return tuple(
        tuple(sorted([positions[child] for child in pipeline._children_of(node)])) for node in nodes
    )


def longest_remaining(
    children: Children, seconds: Sequence[float] | None = None
) -> tuple[float, ...]:
    """Return for each position the length of the longest path from it to an end, itself included.

    Args:
        children: For each position, those that need it.
        seconds: What each position is expected to take; by default each counts 1.

    >>> longest_remaining([[1, 2], [3], [], []])
    (3.0, 2.0, 1.0, 1.0)
    >>> longest_remaining([[1, 2], [3], [], []], seconds=[1, 2, 10, 3])
    (11.0, 5.0, 10.0, 3.0)
    """
    lengths = [0.0] * len(children)
    for position in range(len(children) - 1, -1, -1):
        longest = 1.0 if seconds is None else float(seconds[position])
        if children[position]:
            longest += max([lengths[child] for child in children[position]])
        lengths[position] = longest
    return tuple(lengths)


def width(children: Children) -> int:
    """Return how many positions may run at once at most: never too few, now and then too many.

    Positions that can run at once lie on no common path. So no more can than the number of paths
    that together visit every position, and such paths are laid here one step at a time: a position
    goes on with paths that have reached its parents, and begins a new one if there is none. The
    exact number would take a matching over all pairs of positions.

    Counting by level (how far from the start, how far from the end) would be no bound: of two
    separate branches one may have its many nodes early and the other late.

    >>> width([[1, 2, 3], [4], [4], [4], [5, 6], [], []])
    3
    >>> width([[1], [2], []]), width([[], [], []]), width([])
    (1, 3, 0)
    """
    parents: list[list[int]] = [[] for _ in children]
    for position, following in enumerate(children):
        for child in following:
            parents[child].append(position)
    paths = [0] * len(children)  # that have come to a position and not gone on yet
    to_come = [len(following) for following in children]
    total = 0
    for position, following in enumerate(children):
        arrived = 0
        for parent in parents[position]:
            to_come[parent] -= 1
            # One is left for each child to come; an end has no use for more than one.
            taken = max(0, paths[parent] - to_come[parent]) if following else 0
            if not taken and not arrived:
                taken = min(1, paths[parent])
            paths[parent] -= taken
            arrived += taken
        total += not arrived
        paths[position] = max(1, arrived)
    return total


class Order:
    """Which of some chosen positions come before, and which after, each position.

    Args:
        children: For each position, those that need it.
        chosen: The positions to tell of; the fewer, the less memory.

    >>> order = Order([[1, 2], [3], [], []], chosen=[1])
    >>> order.is_before(1, 3), order.is_after(1, 0), order.orders(1, 2)
    (True, True, False)
    """

    def __init__(self, children: Children, chosen: Iterable[int]) -> None:
        # Sets as the bits of integers: joining two is one operation for many positions.
        self._bits = {position: 1 << n for n, position in enumerate(sorted(set(chosen)))}
        self._before = [0] * len(children)
        self._after = [0] * len(children)
        for position, following in enumerate(children):
            passed_on = self._before[position] | self._bits.get(position, 0)
            for child in following:
                self._before[child] |= passed_on
        for position in range(len(children) - 1, -1, -1):
            for child in children[position]:
                self._after[position] |= self._after[child] | self._bits.get(child, 0)

    def is_before(self, chosen: int, position: int) -> bool:
        """Whether a path leads from the chosen position to the other."""
        return bool(self._before[position] & self._bits[chosen])

    def is_after(self, chosen: int, position: int) -> bool:
        """Whether a path leads from the other position to the chosen one."""
        return bool(self._after[position] & self._bits[chosen])

    def orders(self, chosen: int, position: int) -> bool:
        """Whether one of the two always comes before the other."""
        return self.is_before(chosen, position) or self.is_after(chosen, position)
