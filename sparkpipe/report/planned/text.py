"""A planned run as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sparkpipe.report.planned.run import PlannedDataSet, PlannedNode, PlannedRun
from sparkpipe.report.text import aligned, printable
from sparkpipe.words import counted


def text_of(planned: PlannedRun, shown: Callable[[str], str]) -> str:
    """Return a planned run level by level, and how much of it runs.

    Args:
        planned: The run.
        shown: Gives the words for a place.
    """
    lines = [f"{headline(planned)}:"]
    level = 0
    for node in sorted(planned.nodes, key=lambda node: node.level):  # within one, as it stands
        if node.level != level:
            level = node.level
            lines.append(f"Level {level}")
        lines += _lines_of(node, shown)
    return "\n".join([*lines, count(planned)])


def headline(planned: PlannedRun) -> str:
    """Return which pipeline runs where, and with what."""
    about = ", ".join(filter(None, (planned.environment, planned.runner, _slices(planned))))
    return printable(f"Pipeline '{planned.pipeline}'" + (f" ({about})" if about else ""))


def _slices(planned: PlannedRun) -> str:
    slices = planned.slices
    if not slices:
        return ""
    if len(slices) == 1:
        return slices[0]
    return f"{len(slices)} slices from {slices[0]} to {slices[-1]}; this is the first"


def count(planned: PlannedRun) -> str:
    """Return how many nodes run and how many do not, in words."""
    running = sum(node.runs for node in planned.nodes)
    skipped = len(planned.nodes) - running
    told = f"{counted(running, 'node')} to run"
    if skipped:
        told += f", {skipped} skipped"
    if planned.left_out:
        told += f", {planned.left_out} left out by the filters"
    return f"{told}."


def _lines_of(node: PlannedNode, shown: Callable[[str], str]) -> Iterator[str]:
    yield f"  {printable(node.name)}"
    if node.reasons or not node.runs:
        reasons = [printable(reason) for reason in node.reasons or ("",)]
        yield from _titled("runs" if node.runs else "skipped", reasons)
    rows = [_cells(one, shown) for one in (*node.loads, *node.saves)]
    lines = aligned(rows)
    yield from _titled("loads", lines[: len(node.loads)])
    yield from _titled("saves", lines[len(node.loads) :])


def _cells(data_set: PlannedDataSet, shown: Callable[[str], str]) -> list[str]:
    place = shown(data_set.place) if data_set.place else ""
    if data_set.about:
        place = f"{place} ({data_set.about})".lstrip()
    return [printable(cell) for cell in (data_set.name, data_set.type, place)]


def _titled(title: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"    {title if number == 0 else '':<7}  {line}".rstrip()
