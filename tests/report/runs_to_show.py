"""Runs that tests of the page show."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from sparkpipe.events import CheckReport, DataSetReport, ErrorReport
from sparkpipe.journal import NodeRecord, RunRecord

HOSTILE = "</script><script>window.hacked=1</script><!--<img src=x onerror=window.hacked=1>x\u202ey"


def saved(name: str, rows: int) -> DataSetReport:
    place = "s3://me:geheim@bucket/x"
    kind = "int64" if rows < 20 else "float64"
    return DataSetReport(
        *(name, "pandas.CSVDataSet", place, "save", 0.1),
        rows=rows,
        bytes=rows * 9,
        columns=(("id", "int64"), ("price", kind)),
    )


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
            error=ErrorReport("ValueError", "no\ntotal", "shop.py:3 in total"),
            data_sets=(),
        ),
        NodeRecord(run_id, "tell", ("total",), (), "skipped", reason="'total' failed"),
    ]
    return RunRecord(
        *(run_id, "failed", started, 6.5, "shop", "daily"),
        runner="ThreadRunner",
        params={"tax": {"rate": 0.2}, "password": "***"},
        nodes={one.node: one for one in nodes},
    )


def make_hostile() -> RunRecord:
    """Return a run with what would be markup and script in every field."""
    bad = HOSTILE
    report = DataSetReport(*[bad] * 3, "save", 0.1, rows=3, version=bad, state=bad)
    report = replace(report, columns=((bad, bad),), preview=((bad,), (bad,), (None,)))
    check = CheckReport(bad, bad, "save", "quarantined", 1, 2, bad, bad)
    failed = NodeRecord(
        *(bad, f"{bad}.one", (bad, f"params:{bad}"), (f"{bad}2",), "failed", 1.0, 3.0),
        error=ErrorReport(bad, bad, bad),
        data_sets=(report, replace(report, name=f"{bad}2")),
        reason=bad,
        identity={"code": {bad: [bad, bad]}},
        checks=(check,),
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
        )
    return RunRecord(run_id, "done", 1000.0, count / 4 + 1, "p", "long", nodes=nodes)
