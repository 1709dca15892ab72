"""The table of where the time of a run went."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.events import DataSetReport, NodeEnded, RunEnded
from sparkpipe.report.summary import RunSummary, summary_lines


def _done(name: str, seconds: float, lazy: str = "", **details: Any) -> NodeEnded:
    frames = (
        DataSetReport(one, "MemoryDataSet", "", "save", 0.0, is_lazy=True) for one in lazy.split()
    )
    times = (100.0, 100.0 + seconds)
    return NodeEnded("run", name, "done", *times, data_sets=tuple(frames), **details)


def test_slowest_nodes_come_first_with_the_time_of_each_step() -> None:
    lines = summary_lines(
        [
            _done("clean", 0.25, load_seconds=0.05, function_seconds=0.2, spark_seconds=0.0),
            _done("join", 75, load_seconds=0.1, save_seconds=74.9, spark_seconds=70.4),
            _done("count", 1.5, function_seconds=1.5),
        ]
    )

    assert lines == [
        "Node        Total    Load  Function        Save       Spark",
        "join   1 min 15 s  0.10 s         -  1 min 15 s  1 min 10 s",
        "count       1.5 s       -     1.5 s           -",
        "clean      0.25 s  0.05 s    0.20 s           -           -",
    ]


def test_lazy_results_are_marked_and_explained_once() -> None:
    lines = summary_lines(
        [
            _done("join", 0.02, function_seconds=0.02, lazy="joined"),
            _done("split", 0.01, lazy="a b c d e", attempts=2),
        ]
    )

    assert lines[1].endswith("  lazy: joined")
    assert lines[2].endswith("  lazy: a, b, c and 2 more; 2 attempts")
    assert lines[3:] == [
        "lazy: a Spark frame left in memory; its time is that of the nodes that read it."
    ]
    assert (
        "lazy: a, b, c, d, e; 2 attempts"
        in summary_lines([_done("split", 0.01, lazy="a b c d e", attempts=2)], verbose=True)[1]
    )


def test_what_failed_comes_before_what_was_slow() -> None:
    lines = summary_lines(
        [
            _done("slow", 9.0),
            NodeEnded("run", "never", "skipped"),
            NodeEnded("run", "stopped", "cancelled", 100.0, 101.0),
            NodeEnded("run", "broken", "failed", 100.0, 100.5),
        ]
    )

    assert [line.split()[:2] for line in lines[1:]] == [
        ["broken", "failed"],
        ["stopped", "cancelled"],
        ["slow", "done"],
        ["never", "skipped"],
    ]


def test_status_is_told_only_if_not_all_are_done() -> None:
    assert "done" not in "\n".join(summary_lines([_done("a", 1.0), _done("b", 2.0)]))


def test_hundreds_of_nodes_fit_on_a_screen_and_verbose_has_all() -> None:
    reports = [_done(f"node_{i}", i) for i in range(300)]
    reports += [NodeEnded("run", f"after_{i}", "skipped") for i in range(5)]

    lines = summary_lines(reports)

    assert len(lines) <= 15
    assert lines[1].startswith("node_299 ")
    assert lines[-1] == "… 293 more (288 done, 5 skipped)"
    assert len(summary_lines(reports, verbose=True)) == 306


@pytest.mark.parametrize("name", ["\x1b[2Jwiped", "two\nlines", "\u202eright to left", "x\x9b1m"])
def test_names_cannot_steer_the_terminal(name: str) -> None:
    for verbose in (False, True):
        frame = DataSetReport(name, "MemoryDataSet", "", "save", 0.0, is_lazy=True)
        ended = NodeEnded("run", name, "done", 100.0, 101.0, data_sets=(frame,))
        lines = summary_lines([ended], verbose)
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)


def test_wide_characters_keep_columns_aligned() -> None:
    lines = summary_lines([_done("結合する", 2.0), _done("join", 1.0)])

    assert lines == ["Node      Total", "結合する  2.0 s", "join      1.0 s"]


def test_long_names_are_cut_unless_verbose() -> None:
    name = "a_long_name_" * 10

    assert "…" in summary_lines([_done(name, 1.0)])[1]
    assert name in summary_lines([_done(name, 1.0)], verbose=True)[1]


def test_nothing_ran_and_nothing_is_told() -> None:
    assert summary_lines([]) == []


def test_summary_collects_the_reports_of_its_run() -> None:
    summary = RunSummary()
    summary.on_event(_done("join", 1.0))
    summary.on_event(RunEnded("run", "done", {"done": 1}, 2.5))

    assert summary.lines() == ["Node  Total", "join  1.0 s"]
    assert summary.seconds == 2.5
