"""What a run comes to, in a few lines."""

from __future__ import annotations

from typing import Any

from sparkpipe.events import CheckReport, DataSetReport, NodeEnded, RunEnded, RunStarted
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.figures import figure_lines, find_lanes, slowest_path
from sparkpipe.report.summary import RunSummary


def ended(name: str, start: float, end: float, *saved: DataSetReport, **more: Any) -> NodeEnded:
    status = more.pop("status", "done")
    return NodeEnded("r", name, status, 100.0 + start, 100.0 + end, data_sets=saved, **more)


def saved(name: str, **facts: Any) -> DataSetReport:
    return DataSetReport(name, "CSVDataSet", f"data/{name}.csv", "save", 0.1, **facts)


FLOW = {
    "read": (["orders"], ["raw@pandas"]),
    "clean": (["raw@spark"], ["clean"]),
    "rates": (["rates"], ["fx"]),
    "join": (["clean", "fx"], ["joined"]),
}
REPORTS = [
    ended("read", 0, 1, saved("raw", rows=10, bytes=1000)),
    ended("rates", 0, 3),
    ended("clean", 1, 5, saved("clean", bytes=2500)),
    ended("join", 5, 7, saved("joined")),
]


def test_slowest_path_follows_data_in_whatever_form_by_measured_times() -> None:
    assert slowest_path(FLOW, REPORTS) == ("read", "clean", "join")
    slow_rates = [*REPORTS[:1], ended("rates", 0, 9), *REPORTS[2:]]
    assert slowest_path(FLOW, slow_rates) == ("rates", "join")
    assert slowest_path(FLOW, []) == ()


def test_what_never_ran_takes_no_part_in_the_path() -> None:
    unchanged = NodeEnded("r", "read", "unchanged", attempts=0)

    assert slowest_path(FLOW, [unchanged, *REPORTS[1:]]) == ("clean", "join")


def test_lanes_are_those_that_were_used_at_once() -> None:
    lanes = find_lanes(REPORTS, 8.0)

    assert (lanes.count, lanes.seconds, lanes.idle) == (2, 16.0, 6.0)


def test_run_in_a_few_lines() -> None:
    assert figure_lines(FLOW, REPORTS, 8.0) == [
        "Slowest path: 7.0 s of 8.0 s: read 1.0 s → clean 4.0 s → join 2.0 s",
        "Lanes: 2, idle 38% of the time (6.0 s of 16.0 s)",
        "Written: 3 data sets, 10 rows in 1 of them, 3.5 kB in 2 of them",
    ]


def test_checks_are_counted_and_what_did_not_pass_is_named() -> None:
    checks = (
        CheckReport("trips", "fare >= 0", "save", "dropped", 12, 100, "12 of 100 rows"),
        CheckReport("trips", "id unique", "save", "passed", 0, 100),
    )

    assert figure_lines({}, [ended("clean", 0, 1, checks=checks)], 1.0) == [
        "Checks: 1 dropped, 1 passed",
        "  trips, fare >= 0: dropped, 12 of 100 rows",
    ]


def test_of_a_long_path_the_slowest_nodes_are_told_in_their_order() -> None:
    flow = {f"n{i}": ([f"d{i}"], [f"d{i + 1}"]) for i in range(9)}
    reports = [ended(f"n{i}", 10 * i, 10 * i + 1 + i % 5) for i in range(9)]

    (line,) = figure_lines(flow, reports, 90.0)

    assert line.endswith("n2 3.0 s → n3 4.0 s → n4 5.0 s → n7 3.0 s → n8 4.0 s and 4 more")


def test_a_run_of_which_there_is_nothing_to_tell_tells_nothing() -> None:
    assert figure_lines({"read": FLOW["read"]}, [ended("read", 0, 1)], 1.0) == []


def test_names_cannot_steer_a_terminal() -> None:
    flow = {"a\x1b[31m": ([], ["x"]), "b": (["x"], [])}

    (line,) = figure_lines(flow, [ended("a\x1b[31m", 0, 1), ended("b", 1, 2)], 2.0)

    assert "\x1b" not in line


def test_the_summary_of_a_run_has_the_figures_below_its_table() -> None:
    plan = make_plan(pipeline([node(len, "xs", "n", name="count"), node(abs, "n", "m", name="b")]))
    summary = RunSummary()

    for event in (
        RunStarted("r", plan),
        ended("count", 0, 12),
        ended("b", 12, 14, saved("m", rows=1200)),
        RunEnded("r", "done", {"done": 2}, 14.0),
    ):
        summary.on_event(event)

    assert summary.lines()[-2:] == [
        "Slowest path: 14.0 s of 14.0 s: count 12.0 s → b 2.0 s",
        "Written: 1 data set, 1,200 rows",
    ]
