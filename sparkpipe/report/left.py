"""How long a run still takes, as far as earlier runs tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkpipe.plan import Plan


class TimeLeft:
    """Estimates what is left of a run.

    It is the longest of the paths that are left, and not less than the work that is left shared
    among the places where nodes run: the two lower bounds of Graham, "Bounds on Multiprocessing
    Timing Anomalies" (1969), for lists of jobs.

    Args:
        plan: What runs, with the seconds that its nodes are expected to take.
    """

    def __init__(self, plan: Plan) -> None:
        known = plan.expected_seconds
        mean = sum(known.values()) / len(known)
        self._places = 1  # as many nodes as were seen to run at once
        self._left = {
            node.name: (known.get(node.name, mean), path)
            for node, path in zip(plan.nodes, plan.remaining, strict=True)
        }

    def settle(self, node: str) -> None:
        """Take note that a node has ended."""
        self._left.pop(node, None)

    def seconds(self, running: Mapping[str, float]) -> float:
        """Return how many seconds are left.

        Args:
            running: Nodes that run, and for how many seconds they have.
        """
        self._places = max(self._places, len(running))
        work = longest = 0.0
        for name, (expected, path) in self._left.items():
            ran = min(running.get(name, 0.0), expected)
            work += expected - ran
            longest = max(longest, path - ran)
        return max(longest, work / self._places)
