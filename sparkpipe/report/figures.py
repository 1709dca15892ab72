"""What a run comes to: the path that took longest, how busy its lanes were, what it has written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

from sparkpipe.errors import first_line
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.report.advice import find_advice, told_advice
from sparkpipe.report.checks import told_checks
from sparkpipe.report.text import amount, duration, printable, size
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded
    from sparkpipe.journal import NodeRecord

# What fits on a line; the rest of a path is counted.
_MOST_OF_PATH = 5
_MOST_FINDINGS = 3
# Of less nobody can make anything.
_LEAST_IDLE = 0.05
# For less nobody waits, and so nobody asks where it went.
_LEAST_SECONDS = 0.1

#: Each node that was to run, in an order in which none comes before what it reads: its inputs and
#: its outputs.
Flow = Mapping[str, tuple[Sequence[str], Sequence[str]]]


#: How a node ended: an event, or what a journal tells of it.
Ran: TypeAlias = "NodeEnded | NodeRecord"


@dataclass(frozen=True)
class Lanes:
    """How busy the places were in which nodes ran.

    Attributes:
        count: As many nodes ran at once, at most.
        idle: For how many seconds, in all lanes, nothing ran.
        seconds: How long all of them were open.
    """

    count: int
    idle: float
    seconds: float

    @property
    def share(self) -> float:
        """The share of the time in which nothing ran."""
        return self.idle / self.seconds if self.seconds else 0.0


def slowest_path(flow: Flow, reports: Iterable[Ran]) -> tuple[str, ...]:
    """Return the nodes of the path through the graph that took longest, by measured times.

    No number of lanes makes the same run shorter than this path.

    Args:
        flow: What the nodes read and write.
        reports: How they ended; one that never started takes no time, and is left out.
    """
    seconds = _seconds(reports)
    makers: dict[str, str] = {}
    until: dict[str, float] = {"": 0.0}
    before: dict[str, str] = {}
    for name, (inputs, outputs) in flow.items():
        makes = [makers[one] for one in map(strip_transcoding, inputs) if one in makers]
        before[name] = max(makes, key=until.__getitem__, default="")
        until[name] = until[before[name]] + seconds.get(name, 0.0)
        makers.update(dict.fromkeys(map(strip_transcoding, outputs), name))
    path: list[str] = []
    name = max(until, key=until.__getitem__)
    while name:
        if name in seconds:
            path.append(name)
        name = before[name]
    return tuple(reversed(path))


def find_lanes(reports: Iterable[Ran], seconds: float) -> Lanes:
    """Return how busy the lanes of a run were.

    Args:
        reports: How its nodes ended.
        seconds: How long the run took.
    """
    spans = sorted((one.started, one.ended) for one in reports if one.started and one.ended)
    running: list[float] = []
    count = 0
    for started, ended in spans:
        while running and running[0] <= started:
            heappop(running)
        heappush(running, ended)
        count = max(count, len(running))
    open_for = count * seconds
    return Lanes(count, max(0.0, open_for - sum(end - start for start, end in spans)), open_for)


def figure_lines(flow: Flow, reports: Sequence[Ran], seconds: float) -> list[str]:
    """Return a run in a few lines; a line that would tell nothing is left out.

    Args:
        flow: What its nodes read and write.
        reports: How they ended.
        seconds: How long the run took.
    """
    times = []
    if seconds >= _LEAST_SECONDS:
        times += _path_lines(slowest_path(flow, reports), _seconds(reports), seconds)
        times += _lane_lines(find_lanes(reports, seconds))
    return [
        *times,
        *_written_lines(reports),
        *_check_lines(reports),
        *told_advice(find_advice(flow, reports)),
    ]


def _seconds(reports: Iterable[Ran]) -> dict[str, float]:
    return {one.node: one.ended - one.started for one in reports if one.started and one.ended}


def _path_lines(path: Sequence[str], took: Mapping[str, float], seconds: float) -> list[str]:
    if len(path) < 2:
        return []
    longest = sorted(path, key=lambda name: -took[name])[:_MOST_OF_PATH]
    shown = [_with_time(name, took[name]) for name in path if name in longest]
    more = f" and {len(path) - len(shown)} more" if len(path) > len(shown) else ""
    whole = duration(sum(took[name] for name in path))
    return [f"Slowest path: {whole} of {duration(seconds)}: {' → '.join(shown)}{more}"]


def _with_time(name: str, seconds: float) -> str:
    told = duration(seconds)
    return printable(name) if told == "-" else f"{printable(name)} {told}"


def _lane_lines(lanes: Lanes) -> list[str]:
    if lanes.count < 2 or lanes.share < _LEAST_IDLE:
        return []
    return [
        f"Lanes: {lanes.count}, idle {lanes.share:.0%} of the time "
        f"({duration(lanes.idle)} of {duration(lanes.seconds)})"
    ]


def _written_lines(reports: Iterable[Ran]) -> list[str]:
    saved = [
        one
        for report in reports
        if report.status == "done"
        for one in report.data_sets
        if one.direction == "save" and one.location
    ]
    if not saved:
        return []
    rows = [one.rows for one in saved if one.rows is not None]
    measured = [one.bytes for one in saved if one.bytes is not None]
    told = [counted(len(saved), "data set")]
    if rows:
        told.append(f"{amount(sum(rows))} rows{_of(len(rows), len(saved))}")
    if measured:
        told.append(f"{size(sum(measured))}{_of(len(measured), len(saved))}")
    return [f"Written: {', '.join(told)}"]


def _of(known: int, all_of_them: int) -> str:
    """Say of how many a sum is, where it is not that of all."""
    return f" in {known} of them" if known < all_of_them else ""


def _check_lines(reports: Iterable[Ran]) -> list[str]:
    found = [one for report in reports for one in report.checks]
    if not found:
        return []
    lines = [told_checks(found).capitalize()]
    others = [one for one in found if one.outcome != "passed"]
    lines += [
        printable(f"  {one.data_set}, {one.check}: {one.outcome}, {first_line(one.told)}")
        for one in others[:_MOST_FINDINGS]
    ]
    left = len(others) - _MOST_FINDINGS
    return [*lines, *([f"  and {left} more"] if left > 0 else [])]
