"""What is noted about the runs of a place, so that a run that begins need not read them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.journal.lines import SCHEMA
from sparkpipe.journal.records import RunRecord

# What an earlier version has noted lacks something.
_FORM = 2

#: How a node ends that has been tried.
TRIED = ("done", "unchanged", "failed", "cancelled", "running")


class Index:
    """Which runs tell of the last time that nodes ran well, and of the last tries at them.

    It can always be made anew from the runs, and only says which of them to read.

    Args:
        noted: What :meth:`dump` has returned; what cannot be read counts as nothing.
    """

    def __init__(self, noted: bytes = b"") -> None:
        self._seen: set[str] = set()
        # By environment and slice, and by node: where it was last looked at, and where it last ran.
        self._good: dict[str, dict[str, list[str]]] = {}
        # In the same way, where a node last stood in a plan and was last tried, if that is later.
        self._late: dict[str, dict[str, list[str]]] = {}
        try:
            told = json.loads(noted)
            if (told["schema"], told["form"]) == (SCHEMA, _FORM):
                good, late = _names_by_node(told["good"]), _names_by_node(told["late"])
                self._seen, self._good, self._late = {*told["seen"]}, good, late
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass

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
            if node not in good or good[node][0] < name:
                self._note_late(_scope(record.environment, record.slices), node, name, one.status)

    def _note_late(self, scope: str, node: str, name: str, status: str) -> None:
        planned, tried = self._late.setdefault(scope, {}).get(node, ["", ""])
        tried = max(tried, name) if status in TRIED else tried
        self._late[scope][node] = [max(planned, name), tried]

    def tries_of(self, node: str, slices: Mapping[str, str], environment: str | None) -> set[str]:
        """Return the names of the runs that tell of the last tries at a node, as noted."""
        scope = _scope(environment, slices)
        late = self._late.get(scope, {}).get(node, ())
        return {name for name in (*late, *self._good.get(scope, {}).get(node, ())) if name}

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
        told: dict[str, Any] = {"schema": SCHEMA, "form": _FORM, "seen": seen}
        told |= {"good": self._good, "late": {}}
        for scope, nodes in self._late.items():
            good = self._good.get(scope, {})
            late = {node: one for node, one in nodes.items() if one[0] > good.get(node, [""])[0]}
            if late:
                told["late"][scope] = late
        return json.dumps(told, separators=(",", ":")).encode()


def _names_by_node(noted: Any) -> dict[str, dict[str, list[str]]]:
    return {
        scope: {node: [*map(str, names)] for node, names in nodes.items()}
        for scope, nodes in noted.items()
    }


def _scope(environment: str | None, slices: Mapping[str, str]) -> str:
    return json.dumps([environment, dict(slices)], sort_keys=True)
