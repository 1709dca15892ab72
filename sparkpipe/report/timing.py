"""When nodes ran: on which lanes, and which of them decided how long the run took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

# Clocks of processes differ, and a lane is not free in the same moment in which its node ends.
_APART = 0.001
# Between the end of one node and the start of the next there is little else to do.
_SOON = 0.5


@dataclass(frozen=True)
class Span:
    """The time of a node.

    Attributes:
        node: Its name.
        start: Seconds since any moment.
        end: Likewise, not before it.
    """

    node: str
    start: float
    end: float


@dataclass(frozen=True)
class Step:
    """A node of the path that decided how long the run took.

    Attributes:
        node: Its name.
        after: What it waited for: ``data`` of the node before it on the path, a free ``lane``, or
            ``start`` for the first.
    """

    node: str
    after: str


def lanes_of(spans: Sequence[Span]) -> dict[str, int]:
    """Return for each node the lane on which it is drawn: the first that is free.

    Args:
        spans: In any order.

    >>> lanes_of([Span("a", 0, 2), Span("b", 1, 3), Span("c", 2, 4)])
    {'a': 0, 'b': 1, 'c': 0}
    """
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    lanes: dict[str, int] = {}
    for span in sorted(spans, key=lambda one: (one.start, one.end, one.node)):
        while busy and busy[0][0] <= span.start + _APART:
            heappush(free, heappop(busy)[1])
        lanes[span.node] = heappop(free) if free else len(busy)
        heappush(busy, (span.end, lanes[span.node]))
    return lanes


def deciding_path(
    spans: Sequence[Span], parents: Mapping[str, Sequence[str]], lanes: int = 0
) -> list[Step]:
    """Return the chain of nodes, each of which started when the one before it ended.

    It goes back from the node that ended last: to the input that came last or, where the node had
    to wait for longer than that, to the node whose end made room for it.

    Args:
        spans: In any order.
        parents: For each node the nodes that make its inputs.
        lanes: How many nodes could run at once; 0 if not known. Nobody waits for a lane while
            fewer of them run.

    >>> spans = [Span("a", 0, 1), Span("b", 0, 3), Span("c", 3, 4)]
    >>> [(step.node, step.after) for step in deciding_path(spans, {"c": ["a"]})]
    [('b', 'start'), ('c', 'lane')]
    """
    by_node = {span.node: span for span in spans}
    ended = sorted(spans, key=lambda one: (one.end, one.node))
    path: list[Step] = []
    now = ended[-1] if ended else None
    while now is not None:
        makers = [by_node[name] for name in parents.get(now.node, ()) if name in by_node]
        data = max(makers, key=lambda one: (one.end, one.node), default=None)
        room = _made_room(ended, now, None if data is None else data.end)
        if room is not None and _running_at(room.end, spans) < lanes:
            room = None
        before = room or data
        after = "start" if before is None else "lane" if room else "data"
        path.append(Step(now.node, after))
        while ended and ended[-1].end >= now.end:
            ended.pop()  # a chain goes back in time, also where clocks do not
        now = before if before is None or before in ended else None
    return path[::-1]


def _running_at(end: float, spans: Sequence[Span]) -> int:
    """Return how many nodes ran when one of them ended, itself included."""
    return sum(one.start < end - _APART and one.end >= end for one in spans)


def _made_room(ended: Sequence[Span], node: Span, ready: float | None) -> Span | None:
    """Return the node at whose end another one started, if that was after its data was there."""
    for one in reversed(ended):
        if one.end > node.start + _APART or one.node == node.node:
            continue
        is_why = one.end > node.start - _SOON and (ready is None or one.end > ready + _APART)
        return one if is_why else None
    return None
