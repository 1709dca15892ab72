"""The last tries at nodes in each slice, without a look at all of the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sparkpipe.journal.index import Index
from sparkpipe.journal.records import RunRecord

Read = Callable[[str], "RunRecord | None"]


class Tries:
    """What the runs of a journal tell of the last tries at nodes.

    Args:
        names: The names of the runs, the last one first.
        index: Knows all of them that are over.
        open_runs: The others by their names, the last one first.
        read: Reads a run that is over; None if it is none.
        environment: Only runs of this configuration environment count.
    """

    def __init__(
        self,
        names: Iterable[str],
        index: Index,
        open_runs: Mapping[str, RunRecord],
        read: Read,
        environment: str | None,
    ) -> None:
        self._names = set(names)
        self._index = index
        self._open = dict(open_runs)
        self._read = read
        self._environment = environment
        self._known: dict[str, RunRecord | None] = dict(open_runs)

    def of(self, node: str, slices: Mapping[str, str]) -> list[RunRecord]:
        """Return, the last one first, the runs that tell of the last tries at a node.

        They are those in which it last stood in the plan, was last tried, and last ran well.

        Args:
            node: The name of the node.
            slices: Only runs of this slice count.
        """
        noted = self._index.tries_of(node, slices, self._environment) & self._names
        for name in noted - self._known.keys():
            self._known[name] = self._read(name)
        begun = {name for name, run in self._open.items() if self._fits(run, node, slices)}
        found = (self._known[name] for name in sorted(noted | begun, reverse=True))
        return [run for run in found if run is not None]

    def _fits(self, run: RunRecord, node: str, slices: Mapping[str, str]) -> bool:
        is_of_slice = dict(run.slices) == dict(slices)
        return is_of_slice and run.environment == self._environment and node in run.nodes
