"""What is noted about the runs of a place, so that a run that begins need not read them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.journal.lines import SCHEMA
from sparkpipe.journal.records import RunRecord


class Index:
    """Which runs tell of the last time that nodes ran well.

    It can always be made anew from the runs, and only says which of them to read.

    Args:
        noted: What :meth:`dump` has returned; what cannot be read counts as nothing.
    """

    def __init__(self, noted: bytes = b"") -> None:
        self._seen: set[str] = set()
        # By environment and slice, and by node: where it was last looked at, and where it last ran.
        self._good: dict[str, dict[str, list[str]]] = {}
        try:
            told = json.loads(noted)
            if told["schema"] == SCHEMA:
                self._seen = {*told["seen"]}
                self._good = {
                    scope: {node: [*map(str, names)] for node, names in nodes.items()}
                    for scope, nodes in told["good"].items()
                }
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._seen, self._good = set(), {}

    def __contains__(self, name: str) -> bool:
        return name in self._seen

    def add(self, name: str, record: RunRecord | None) -> None:
        """Note a run that is over.

        Args:
            name: The name under which it lies.
            record: The run; None for a file that holds none.
        """
        self._seen.add(name)
        if record is None:
            return
        good = self._good.setdefault(_scope(record.environment, record.slices), {})
        for node, one in record.nodes.items():
            is_newer = node not in good or good[node][0] < name
            if one.status == "done" and is_newer:
                good[node] = [name]
            elif one.status == "unchanged" and is_newer:
                good[node] = [name, one.since]

    def names_of(
        self, nodes: Iterable[str], slices: Mapping[str, str], environment: str | None
    ) -> set[str]:
        """Return the names of the runs that tell when nodes last ran well, as noted."""
        good = self._good.get(_scope(environment, slices), {})
        return {name for node in nodes for name in good.get(node, ())}

    def dump(self, names: Iterable[str]) -> bytes:
        """Return all that is noted, to be kept.

        Args:
            names: The names of the runs that there are.
        """
        seen = sorted(self._seen.intersection(names))
        told: dict[str, Any] = {"schema": SCHEMA, "seen": seen, "good": self._good}
        return json.dumps(told, separators=(",", ":")).encode()


def _scope(environment: str | None, slices: Mapping[str, str]) -> str:
    return json.dumps([environment, dict(slices)], sort_keys=True)
