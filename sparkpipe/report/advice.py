"""What to do about a run that lost time or memory in Spark, by Spark's own figures.

Each piece has a figure, a node and a remedy. At most three are given, one of a kind, those that
cost most first; where nothing is wrong there is none. What they go by is in :class:`Limits`. Spark
Connect tells of no jobs, and so there is none for its nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sparkpipe.report.text import amount, duration, printable, size

if TYPE_CHECKING:
    from sparkpipe.report.figures import Flow, Ran
    from sparkpipe.spark_jobs import SparkStage

_MOST = 3
# What bytes cost, to be compared with seconds: about what a disk or a network does.
_BYTES_A_SECOND = 100e6
# To open a file costs as much as to read four megabytes (spark.sql.files.openCostInBytes).
_FILE_SECONDS = 4e6 / _BYTES_A_SECOND
# Rows that are the same, but shuffled in another order, are compressed a little differently.
_SAME_BYTES = 1.01

Kind = Literal["skew", "spill", "shuffle", "files", "collect", "repeated", "idle"]


@dataclass(frozen=True)
class Limits:
    """From where on something is worth a word.

    Attributes:
        skew_seconds: By so much the longest task of a stage took longer than the median: with less,
            nobody waits for it.
        skew_times: So many times as long it took: what Spark's adaptive execution takes for skew.
        spill_bytes: So much a node spilled: tens of seconds of a disk.
        shuffle_bytes: So much one stage of a node shuffled.
        shuffle_times: That is so many times what the node has read; compressed columns of a file
            become several times larger as rows.
        files: So many tasks, each of which writes a file, have written a data set.
        file_bytes: Less than this each: to open such a file costs more than to read it.
        collect_bytes: So much a job has sent to the driver: a fifth of what Spark refuses by
            default (``spark.driver.maxResultSize``).
        repeated_seconds: So long the same rows were computed again.
        repeated_rows: With fewer rows, two stages may look the same by chance.
        idle_seconds: So long jobs of a node ran: those of shorter ones are mostly their start.
        idle_share: So much of the cores' time nothing ran in it.
        idle_cores: So many cores that was: those of a laptop have Spark itself to run.
    """

    skew_seconds: float = 10.0
    skew_times: float = 5.0
    spill_bytes: float = 1e9
    shuffle_bytes: float = 1e9
    shuffle_times: float = 10.0
    files: int = 100
    file_bytes: float = 1e6
    collect_bytes: float = 200e6
    repeated_seconds: float = 10.0
    repeated_rows: int = 1000
    idle_seconds: float = 30.0
    idle_share: float = 0.75
    idle_cores: float = 2.0


_LIMITS = Limits()


@dataclass(frozen=True)
class Advice:
    """Something that has cost a run time or memory.

    Attributes:
        kind: ``skew``, ``spill``, ``shuffle`` (far larger than what was read), ``files`` (many
            tiny ones), ``collect`` (to the driver), ``repeated`` (computed several times) or
            ``idle`` (cores).
        node: The node.
        figure: What Spark has measured, in words.
        remedy: What to do about it.
        cost: About how many seconds were lost; the dearest is told first.
    """

    kind: Kind
    node: str
    figure: str
    remedy: str
    cost: float = field(default=0.0, repr=False)


def find_advice(flow: Flow, reports: Iterable[Ran], limits: Limits = _LIMITS) -> tuple[Advice, ...]:
    """Return at most three pieces of advice, of a kind the dearest one.

    Args:
        flow: What the nodes read and write.
        reports: How they ended.
        limits: From where on something is worth a word.
    """
    ran = [one for one in reports if one.jobs]
    found = [piece for one in ran for piece in _of_node(one, limits)]
    found += _repeated_by_readers(flow, ran, limits)
    # Cores that wait for the longest task are idle for that.
    skewed = {piece.node for piece in found if piece.kind == "skew"}
    found += [piece for piece in _idle(ran, limits) if piece.node not in skewed]
    dearest: dict[Kind, Advice] = {}
    for piece in sorted(found, key=lambda piece: -piece.cost):
        dearest.setdefault(piece.kind, piece)
    return tuple(dearest.values())[:_MOST]


def told_advice(pieces: Sequence[Advice]) -> list[str]:
    """Return advice as lines; none where there is nothing to say."""
    lines = ["Advice:"] if pieces else []
    for piece in pieces:
        lines.append(printable(f"  {piece.node}: {piece.figure}"))
        lines.append(printable(f"    {piece.remedy}"))
    return lines


def _stages(one: Ran) -> list[SparkStage]:
    """Return the stages of a node, each once: two jobs may wait for one."""
    return [*{stage.id: stage for job in one.jobs for stage in job.stages}.values()]


def _of_node(one: Ran, limits: Limits) -> Iterator[Advice]:
    stages = _stages(one)
    yield from _skew(one.node, stages, limits)
    yield from _spill(one.node, stages, limits)
    yield from _shuffle(one.node, stages, limits)
    yield from _files(one.node, stages, limits)
    yield from _collect(one, limits)
    if one.attempts == 1:
        yield from _repeated(one.node, stages, limits)


def _skew(node: str, stages: Iterable[SparkStage], limits: Limits) -> Iterator[Advice]:
    for stage in stages:
        longest, median = stage.longest_task, stage.median_task
        if longest is None or median is None:
            continue
        if longest - median > limits.skew_seconds and longest > limits.skew_times * median:
            remedy = (
                "One value of the key holds most rows: count the rows of each, handle that one "
                "apart, or add a second column to the key."
                if stage.shuffle_read_bytes
                else "One part of what is read is far larger than the others: repartition() it, or "
                "write it as files of like size (compressed text cannot be read in parts)."
            )
            yield Advice(
                "skew",
                node,
                f"skew: the longest of {amount(stage.tasks)} tasks of stage {stage.id} took "
                f"{duration(longest)}, the median {_short(median)}.",
                remedy,
                longest - median,
            )


def _spill(node: str, stages: Sequence[SparkStage], limits: Limits) -> Iterator[Advice]:
    spilled = sum(stage.spilled_bytes for stage in stages)
    if spilled >= limits.spill_bytes:
        most = max(stages, key=lambda stage: stage.spilled_bytes)
        yield Advice(
            "spill",
            node,
            f"spill: {size(spilled)} did not fit in memory and went to disk, most of it in the "
            f"{amount(most.tasks)} tasks of stage {most.id}.",
            "Make smaller parts (spark.sql.shuffle.partitions, repartition()), read fewer columns, "
            "or give each core more memory (spark.executor.memory).",
            2 * spilled / _BYTES_A_SECOND,  # written, and read again
        )


def _shuffle(node: str, stages: Sequence[SparkStage], limits: Limits) -> Iterator[Advice]:
    if any(stage.input_rows and not stage.input_bytes for stage in stages):
        return  # a source that tells rows only, such as a database
    read = sum(stage.input_bytes for stage in stages)
    shuffled = max((stage.shuffle_written_bytes for stage in stages), default=0)
    # Of what is made in memory Spark tells no bytes.
    if read and shuffled >= limits.shuffle_bytes and shuffled >= limits.shuffle_times * read:
        yield Advice(
            "shuffle",
            node,
            f"shuffle: {size(shuffled)} were shuffled at once, of {size(read)} that were read.",
            "Look whether the keys of its joins are unique, and select columns, filter and "
            "aggregate before the rows become more (explode, joins).",
            (shuffled - read) / _BYTES_A_SECOND,
        )


def _files(node: str, stages: Iterable[SparkStage], limits: Limits) -> Iterator[Advice]:
    for stage in stages:
        is_tiny = 0 < stage.output_bytes < limits.file_bytes * stage.tasks
        if stage.tasks >= limits.files and is_tiny:
            yield Advice(
                "files",
                node,
                f"tiny files: {amount(stage.tasks)} tasks, each with files of its own if it has "
                f"rows, wrote {size(stage.output_bytes)}.",
                "coalesce() what is saved to a few parts; whoever reads it opens every file.",
                stage.tasks * _FILE_SECONDS,
            )


def _collect(one: Ran, limits: Limits) -> Iterator[Advice]:
    most = max(sum(stage.result_bytes for stage in job.stages) for job in one.jobs)
    if most >= limits.collect_bytes:
        yield Advice(
            "collect",
            one.node,
            f"collect: one job sent {size(most)} to the driver.",
            "Aggregate, filter or limit before collect() and toPandas(), or let Spark save it; if "
            "it is a broadcast join, lower spark.sql.autoBroadcastJoinThreshold.",
            most / _BYTES_A_SECOND,
        )


def _repeated(node: str, stages: Iterable[SparkStage], limits: Limits) -> Iterator[Advice]:
    for same in _same(stages, limits):
        yield _told_again(
            node,
            "",
            same,
            "persist() the frame before it is used for the first time, or let a node of its own "
            "save it.",
        )


def _repeated_by_readers(flow: Flow, ran: Sequence[Ran], limits: Limits) -> Iterator[Advice]:
    """Find frames left in memory that each of their readers has computed."""
    lazy = {
        data.name: one.node
        for one in ran
        for data in one.data_sets
        if data.is_lazy and data.direction == "save"
    }
    readers: dict[str, list[Ran]] = defaultdict(list)
    for one in ran:
        for name in {*flow.get(one.node, ((), ()))[0]} if one.attempts == 1 else ():
            readers[name].append(one)
    for name, nodes in readers.items():
        if len(nodes) > 1:
            owner = {stage.id: one.node for one in nodes for stage in _stages(one)}
            others = {one.node: _sources(one) - {name} for one in nodes}
            for same in _same((stage for one in nodes for stage in _stages(one)), limits):
                by = {owner[stage.id] for stage in same}
                # What they have read besides may be what they have in common.
                is_of_it = not set.intersection(*(others[node] for node in by))
                if len(by) > 1 and name in lazy and is_of_it:
                    yield _told_again(
                        lazy[name],
                        f" of '{name}', by {', '.join(sorted(by))}",
                        same,
                        f"Let an entry of the catalog save '{name}', or persist it (`persist`).",
                    )


def _sources(one: Ran) -> set[str]:
    """Return what a node has read that Spark may have had to read or compute."""
    return {
        data.name
        for data in one.data_sets
        if data.direction == "load" and (data.location or data.is_lazy)
    }


def _same(stages: Iterable[SparkStage], limits: Limits) -> Iterator[list[SparkStage]]:
    """Give stages that have read the same and made the same of it, of which nothing was shared."""
    alike: dict[tuple[int, ...], list[SparkStage]] = defaultdict(list)
    for stage in stages:
        read = (stage.input_rows, stage.shuffle_read_rows)
        rows = (*read, stage.shuffle_written_rows, stage.output_rows)
        # What reads only shuffles may be the next step of a loop: what is done again reads again.
        is_first = stage.status == "complete" and stage.input_rows > 0
        if is_first and max(rows) >= limits.repeated_rows:
            key = (*rows, stage.input_bytes)
            alike[key].append(stage)
    for same in alike.values():
        sizes = [stage.shuffle_written_bytes for stage in same]
        is_same = max(sizes) <= _SAME_BYTES * min(sizes)
        # What stages of several jobs have in common is persisted, or Spark skips it.
        are_apart = len({stage.first_rdd for stage in same}) == len(same) > 1
        if is_same and are_apart and _again(same) >= limits.repeated_seconds:
            yield same


def _again(same: Sequence[SparkStage]) -> float:
    return sum(stage.seconds for stage in same) - max(stage.seconds for stage in same)


def _told_again(node: str, of_what: str, same: Sequence[SparkStage], remedy: str) -> Advice:
    first = same[0]
    rows = first.output_rows or first.shuffle_written_rows or first.input_rows
    return Advice(
        "repeated",
        node,
        f"computed {len(same)} times: the same {amount(rows)} rows{of_what}, "
        f"{_short(_again(same))} for nothing.",
        remedy,
        _again(same),
    )


def _idle(ran: Sequence[Ran], limits: Limits) -> Iterator[Advice]:
    everything = [stage for one in ran for stage in _stages(one)]
    for one in ran:
        spans = [(job.started, job.ended) for job in one.jobs if job.ended and job.stages]
        if not one.cores or one.jobs_left_out or not spans:
            continue
        spans = _merged(spans)
        seconds = sum(end - start for start, end in spans)
        if seconds < limits.idle_seconds:
            continue
        # Tasks of other nodes that ran meanwhile were at work, too.
        busy = sum(stage.task_seconds * _share(stage, spans) for stage in everything)
        used = busy / one.cores / seconds
        unused = one.cores * (1 - used)
        if used <= 1 - limits.idle_share and unused >= limits.idle_cores:
            yield Advice(
                "idle",
                one.node,
                f"idle cores: of {one.cores} cores {busy / seconds:.1f} were at work on average in "
                f"{duration(seconds)} of Spark jobs.",
                "Make more parts (repartition() after reading, fewer coalesce()), run more nodes "
                "side by side (--runner ThreadRunner), or take fewer cores.",
                seconds * (1 - used),
            )


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


def _share(stage: SparkStage, spans: Iterable[tuple[float, float]]) -> float:
    """Return the share of a stage that lies in some spans of time."""
    if not stage.seconds:
        return 0.0
    within = (min(stage.ended, end) - max(stage.started, start) for start, end in spans)
    return sum(max(0.0, part) for part in within) / stage.seconds


def _short(seconds: float) -> str:
    return duration(max(seconds, 0.005))
