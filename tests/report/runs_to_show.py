"""Runs that tests of the page show."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sparkpipe.events import CheckReport, DataSetReport, ErrorReport
from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.spark_jobs import SparkJob, SparkStage

HOSTILE = "</script><script>window.hacked=1</script><!--<img src=x onerror=window.hacked=1>x\u202ey"

LINES = (
    ("shop.py:9 in add_up", "return total(prices, 'token=geheim')"),
    ("shop.py:3 in total", "raise ValueError('no\\ntotal')"),
)


def saved(name: str, rows: int) -> DataSetReport:
    place = "s3://me:geheim@bucket/x"
    kind = "int64" if rows < 20 else "float64"
    return DataSetReport(
        *(name, "pandas.CSVDataSet", place, "save", 0.1),
        rows=rows,
        bytes=rows * 9,
        columns=(("id", "int64"), ("price", kind)),
    )


def jobs(count: int, start: float, seconds: float, text: str = "save") -> tuple[SparkJob, ...]:
    """Return jobs one after the other, each with two stages."""
    each = seconds / count
    found = []
    for number in range(count):
        at = start + number * each
        facts = {"input_rows": 9, "input_bytes": 90, "shuffle_written_bytes": 70}
        more = {"longest_task": each, "median_task": each / 9, "spilled_bytes": 5000, "tasks": 8}
        stages = (
            SparkStage(2 * number, text, started=at, ended=at + each / 2, **facts),
            SparkStage(2 * number + 1, text, started=at + each / 2, ended=at + each, **more),
        )
        found.append(SparkJob(number, f"{text} {number}", "succeeded", at, at + each, stages))
    return tuple(found)


def skewed(stage: SparkStage) -> SparkStage:
    return replace(stage, tasks=8, longest_task=90.0, median_task=1.0)


def make_run(run_id: str = "b", rows: int = 20, started: float = 1000.0) -> RunRecord:
    def ran(name: str, inputs: str, output: str, start: float, end: float) -> NodeRecord:
        return NodeRecord(
            *(run_id, name, tuple(inputs.split()), (output,), "done"),
            *(started + start, started + end, 1, None, 0.1, (end - start) / 2, 0.2),
            data_sets=(saved(output, rows),),
        )

    nodes = [
        ran("shop.read", "orders", "read", 0, 2),
        ran("shop.tax", "read params:tax.rate params:password", "taxed", 2.01, 5),
        ran("other", "orders", "noise", 0, 1),
        replace(
            ran("total", "taxed noise", "total", 5, 6),
            status="failed",
            error=ErrorReport("ValueError", "no\ntotal", "shop.py:3 in total", LINES),
            data_sets=(),
        ),
        NodeRecord(run_id, "tell", ("total",), (), "skipped", reason="'total' failed"),
    ]
    nodes[1] = replace(nodes[1], spark_seconds=2.0, jobs=jobs(2, started + 2.5, 2.0))
    return RunRecord(
        *(run_id, "failed", started, 6.5, "shop", "daily"),
        runner="ThreadRunner",
        lanes=12,
        params={"tax": {"rate": 0.2}, "password": "***"},
        nodes={one.node: one for one in nodes},
    )


def make_hostile() -> RunRecord:
    """Return a run with what would be markup and script in every field."""
    bad = HOSTILE
    report = DataSetReport(*[bad] * 3, "save", 0.1, rows=3, version=bad, state=bad)
    report = replace(report, columns=((bad, bad),), preview=((bad,), (bad,), (None,)))
    (job,) = jobs(1, 1.0, 1.0, bad)
    check = CheckReport(bad, bad, "save", "quarantined", 1, 2, bad, bad)
    failed = NodeRecord(
        *(bad, f"{bad}.one", (bad, f"params:{bad}"), (f"{bad}2",), "failed", 1.0, 3.0),
        error=ErrorReport(bad, bad, bad, ((bad, bad), (f"{bad}:1 in one", bad))),
        data_sets=(report, replace(report, name=f"{bad}2")),
        reason=bad,
        identity={"code": {bad: [bad, bad]}},
        checks=(check,),
        jobs=(replace(job, status=bad, stages=(skewed(job.stages[0]),)),),
    )
    skipped = NodeRecord(bad, bad, (f"{bad}2",), (), "skipped", reason=bad, since=bad)
    return RunRecord(
        *(bad, "failed", 1.0, 3.0, bad, bad, {bad: bad}, bad, bad, {bad: bad}),
        *({bad: {bad: bad}}, {bad: bad}, {bad: bad}, {bad: bad}, bad, {bad: bad}, bad),
        nodes={one.node: one for one in (failed, skipped)},
        notes=(bad,),
    )


def make_chain(count: int, run_id: str = "b") -> RunRecord:
    """Return a run of many nodes, each of which reads what one or two of the last forty wrote."""
    chance = Random(count)
    nodes = {}
    for number in range(count):
        reads = (
            {f"t{max(0, number - 1 - chance.randrange(40))}" for _ in range(2)} if number else {"s"}
        )
        name = f"part_{number * 8 // count}.step_{number}"
        at = 1000.0 + number / 4
        nodes[name] = NodeRecord(
            *(run_id, name, tuple(sorted(reads)), (f"t{number}",), "done", at, at + 1),
            data_sets=(saved(f"t{number}", number),),
            jobs=jobs(30, at, 1.0),
        )
    return RunRecord(run_id, "done", 1000.0, count / 4 + 1, "p", "long", nodes=nodes)
