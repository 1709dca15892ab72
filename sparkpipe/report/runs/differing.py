"""What differs between two runs: code, parameters, inputs, rows and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sparkpipe.html.grid import headline, scrolling, table
from sparkpipe.io.tokens import told_state
from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.report.text import aligned, duration, printable

# A time that differs by less than this, or by less than this share, tells nothing.
_LEAST_SECONDS = 1.0
_LEAST_SHARE = 0.2

# More of them are only counted.
_MOST_COLUMNS = 20

Columns: TypeAlias = tuple[tuple[str, str], ...]

_TITLES = ("What", "Where", "Before", "After")


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        kind: ``outcome``, ``node``, ``code``, ``parameter``, ``input``, ``options``, ``rows``,
            ``schema``, ``state`` or ``time``.
        where: The node, data set or parameter.
        before: What it was.
        after: What it is.
    """

    kind: str
    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Differences:
    """What differs between two runs.

    Attributes:
        earlier: The one.
        later: The other.
    """

    earlier: RunRecord
    later: RunRecord

    def __iter__(self) -> Iterator[Difference]:
        before, after = self.earlier, self.later
        for name in ("outcome", "environment", "runner"):
            yield from _if_other(name, "run", getattr(before, name), getattr(after, name))
        yield from _of_mappings("version", before.versions, after.versions)
        parameters = [*_of_mappings("parameter", _flat(before.params), _flat(after.params))]
        yield from parameters
        told = {one.where for one in parameters}
        for name in (*before.nodes, *(name for name in after.nodes if name not in before.nodes)):
            one, other = before.nodes.get(name), after.nodes.get(name)
            if one is None or other is None:
                yield Difference("node", name, _there(one), _there(other))
            else:
                yield from _of_nodes(one, other, told)

    def __str__(self) -> str:
        rows = [(one.kind, one.where, one.before, one.after) for one in self]
        title = f"{self.earlier.run_id} -> {self.later.run_id}"
        if not rows:
            return f"{title}: nothing differs."
        printed = [[*map(printable, row)] for row in rows]
        return "\n".join([title, *aligned([_TITLES, *printed])])

    def as_dict(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {
            "earlier": self.earlier.run_id,
            "later": self.later.run_id,
            "differences": [vars(one) for one in self],
        }

    def _repr_html_(self) -> str:
        rows = [(one.kind, one.where, one.before, one.after) for one in self]
        title = f"{self.earlier.run_id} → {self.later.run_id}"
        return headline(title) + scrolling(table(_TITLES, rows), "Differences")


def _of_nodes(one: NodeRecord, other: NodeRecord, told: set[str]) -> Iterator[Difference]:
    """Give what differs of a node, but for parameters that are told already."""
    yield from _if_other("state", one.node, one.status, other.status)
    for kind, title in (("code", "code"), ("params", "parameter"), ("options", "options")):
        for name in _changed(one.identity.get(kind, {}), other.identity.get(kind, {})):
            if kind == "params" and _is_told(name, told):
                continue
            where = one.node if name == one.node else f"{one.node}: {name}"
            yield Difference(title, where, _part(one, kind, name), _part(other, kind, name))
    before, after = one.loaded, other.loaded
    for name in sorted(before.keys() & after.keys()):
        read = [report.version or report.state for report in (before[name], after[name])]
        if read[0] != read[1]:
            yield Difference("input", f"{one.node}: {name}", *_told_states(*read))
    for name in sorted(one.saved.keys() & other.saved.keys()):
        yield from _if_other("rows", name, one.saved[name].rows, other.saved[name].rows)
        yield from _of_columns(name, one.saved[name].columns, other.saved[name].columns)
    if one.ended and other.ended:
        apart = abs(one.seconds - other.seconds)
        if apart >= max(_LEAST_SECONDS, _LEAST_SHARE * max(one.seconds, other.seconds)):
            yield Difference("time", one.node, duration(one.seconds), duration(other.seconds))


def _of_columns(name: str, before: Columns, after: Columns) -> Iterator[Difference]:
    """Give the columns that differ of a data set, where both runs have told them."""
    if before and after and {*before} != {*after}:
        yield Difference("schema", name, _only(before, after), _only(after, before))


def _only(columns: Columns, others: Columns) -> str:
    told = [f"{name} {kind}" for name, kind in columns if (name, kind) not in others]
    more = len(told) - _MOST_COLUMNS
    return ", ".join(told[:_MOST_COLUMNS] + [f"and {more} more"] * (more > 0)) or "-"


def _is_told(name: str, told: set[str]) -> bool:
    """Whether it is told what differs in a parameter, or in a part of it."""
    param = name.removeprefix("params:")
    return bool(told) and (
        name == "parameters" or any(f"{one}.".startswith(f"{param}.") for one in told)
    )


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the parts whose hashes differ; where a part of code stands does not count."""
    names = sorted({*one, *other})
    return [name for name in names if _hash(one.get(name)) != _hash(other.get(name))]


def _hash(part: Any) -> Any:
    return part[0] if isinstance(part, (list, tuple)) and part else part


def _part(record: NodeRecord, kind: str, name: str) -> str:
    part = record.identity.get(kind, {}).get(name)
    if part is None:
        return "-"
    if isinstance(part, (list, tuple)) and len(part) > 1:
        # Code that has changed mostly stands where it stood.
        return f"{part[1]} (text {str(part[0])[:8]})" if kind == "code" else str(part[1])
    return str(part)[:8]


def _told_states(*states: str | None) -> tuple[str, ...]:
    """Return states in words that differ as they do."""
    told = tuple("-" if state is None else told_state(state) for state in states)
    return told if len({*told}) == len(told) else tuple(str(state) for state in states)


def _of_mappings(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        yield from _if_other(kind, name, before.get(name), after.get(name))


def _if_other(kind: str, where: str, before: Any, after: Any) -> Iterator[Difference]:
    if before != after:
        yield Difference(kind, where, *("-" if v is None else str(v) for v in (before, after)))


def _flat(params: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _there(record: NodeRecord | None) -> str:
    return "-" if record is None else record.status
