"""What to do about a run that lost time in Spark, by what Spark has told of its jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sparkpipe.events import DataSetReport, NodeEnded, RunEnded, RunStarted
from sparkpipe.notebook.result import RunResult
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.advice import Advice, find_advice, told_advice
from sparkpipe.report.figures import figure_lines
from sparkpipe.report.of_slices import SlicesSummary
from sparkpipe.spark_jobs import SparkJob, SparkStage

FINE = SparkStage(
    1,
    tasks=200,
    started=1000.0,
    ended=1100.0,
    task_seconds=750.0,
    longest_task=8.0,
    median_task=3.0,
    input_rows=10**7,
    input_bytes=10**9,
    shuffle_written_rows=10**7,
    shuffle_written_bytes=2 * 10**9,
    output_rows=10**7,
    output_bytes=10**9,
    result_bytes=10**6,
)


def ran(*stages: SparkStage, name: str = "join", **more: Any) -> NodeEnded:
    """Return the end of a node that has run each stage in a job of its own."""
    jobs = tuple(
        SparkJob(i, "p · n", started=stage.started, ended=stage.ended, stages=(stage,))
        for i, stage in enumerate(stages)
    )
    facts = {"jobs": jobs, "cores": 8} | more
    return NodeEnded("r", name, "done", 1000.0, 2000.0, **facts)


def kinds(*reports: NodeEnded, flow: Any = None) -> list[str]:
    return [piece.kind for piece in find_advice(flow or {}, reports)]


def again(stage: SparkStage, number: int, **facts: Any) -> SparkStage:
    later = {"started": stage.started + 200 * number, "ended": stage.ended + 200 * number}
    return replace(stage, id=stage.id + number, first_rdd=number * 100, **later | facts)


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert kinds(ran(FINE), ran(), NodeEnded("r", "n", "skipped", attempts=0)) == []
    assert "Advice:" not in figure_lines({}, [ran(FINE)], 10.0)


def test_advice_stands_at_the_end_of_what_a_run_comes_to() -> None:
    lines = figure_lines({}, [ran(replace(FINE, longest_task=50.0))], 10.0)

    assert lines[-3] == "Advice:"
    assert lines[-2].startswith("  join: skew: the longest of 200 tasks of stage 1 took 50.0 s")
    assert lines[-1].startswith("    One part of what is read is far larger")


@pytest.mark.parametrize(
    ("kind", "below", "above"),
    [
        ("skew", {"longest_task": 12.9}, {"longest_task": 15.1}),
        (
            "skew",
            {"longest_task": 50.0, "median_task": 10.0},
            {"longest_task": 50.1, "median_task": 10.0},
        ),
        ("spill", {"spilled_bytes": 10**9 - 1}, {"spilled_bytes": 10**9}),
        ("shuffle", {"shuffle_written_bytes": 10**10 - 1}, {"shuffle_written_bytes": 10**10}),
        ("files", {"output_bytes": 2 * 10**8}, {"output_bytes": 2 * 10**8 - 1}),
        ("files", {"output_bytes": 9, "tasks": 99}, {"output_bytes": 9, "tasks": 100}),
        ("collect", {"result_bytes": 2 * 10**8 - 1}, {"result_bytes": 2 * 10**8}),
        ("idle", {"task_seconds": 201.0}, {"task_seconds": 199.0}),
    ],
)
def test_a_word_is_said_from_the_limit_on(
    kind: str, below: dict[str, Any], above: dict[str, Any]
) -> None:
    assert kinds(ran(replace(FINE, **below))) == []
    assert kinds(ran(replace(FINE, **above))) == [kind]


def test_a_small_shuffle_and_one_of_what_is_made_in_memory_are_passed_over() -> None:
    assert kinds(ran(replace(FINE, input_bytes=1000, shuffle_written_bytes=10**9 - 1))) == []
    assert kinds(ran(replace(FINE, input_bytes=0))) == []
    of_a_database = replace(FINE, id=2, input_bytes=0, shuffle_written_bytes=0)
    small = replace(FINE, input_bytes=4000, input_rows=9, shuffle_written_bytes=3 * 10**9)
    assert kinds(ran(small)) == ["shuffle"]
    assert kinds(ran(small, of_a_database)) == []


def test_rows_that_are_computed_again_in_one_node_are_told() -> None:
    (piece,) = find_advice({}, [ran(FINE, again(FINE, 1), again(FINE, 2))])
    assert (piece.kind, piece.node) == ("repeated", "join")
    assert piece.figure == ("computed 3 times: the same 10,000,000 rows, 3 min 20 s for nothing.")


@pytest.mark.parametrize(
    "second",
    [
        again(FINE, 1, input_rows=10**7 + 1),
        again(FINE, 1, output_rows=10**6),
        again(FINE, 1, shuffle_written_bytes=3 * 10**9),
        again(FINE, 1, status="failed"),
        replace(again(FINE, 1), first_rdd=0),  # of one RDD, as what is persisted
        replace(again(FINE, 1), started=1100.0, ended=1109.9),
    ],
)
def test_what_is_only_like_it_is_not_computed_again(second: SparkStage) -> None:
    assert kinds(ran(FINE, second)) == []


def test_rounds_of_a_loop_are_not_computed_again() -> None:
    rounds = replace(FINE, input_rows=0, input_bytes=0, shuffle_read_rows=10**7)
    assert kinds(ran(rounds, again(rounds, 1), again(rounds, 2))) == []


def test_another_attempt_at_a_node_computes_again_what_it_must() -> None:
    assert kinds(ran(FINE, again(FINE, 1), attempts=2)) == []


def test_a_frame_that_its_readers_compute_is_told_of_who_makes_it() -> None:
    lazy = (DataSetReport("clean", "MemoryDataSet", "", "save", 0.0, is_lazy=True),)
    flow = {"make": ([], ["clean"]), "a": (["clean"], []), "b": (["clean"], []), "c": (["x"], [])}
    made = ran(replace(FINE, id=50, input_rows=5), name="make", data_sets=lazy)
    one, other = ran(FINE, name="a"), ran(again(FINE, 1), name="b")
    (piece,) = find_advice(flow, [made, one, other])
    assert (piece.kind, piece.node) == ("repeated", "make")
    assert piece.figure.startswith("computed 2 times: the same 10,000,000 rows of 'clean', by a, b")
    # Nodes that read something else may do the same.
    assert kinds(made, one, replace(other, node="c"), flow=flow) == []
    assert kinds(replace(made, data_sets=()), one, other, flow=flow) == []
    # What both have read besides may be what both have computed.
    orders = (DataSetReport("orders", "SparkDataSet", "orders", "load", 0.0),)
    one, other = (replace(report, data_sets=orders) for report in (one, other))
    assert kinds(made, one, other, flow=flow) == []


def test_a_frame_of_one_slice_is_not_that_of_another() -> None:
    summary = SlicesSummary()
    lazy = (DataSetReport("clean", "MemoryDataSet", "", "save", 0.0, is_lazy=True),)
    plan = make_plan(
        pipeline(
            [node(len, "xs", "clean", name="make")]
            + [node(len, "clean", name, name=name) for name in ("a", "b")]
        )
    )
    for day, readers in {"1": ("a",), "2": ("a", "b")}.items():
        first = int(day) * 10
        made = ran(replace(FINE, id=first, first_rdd=first, input_rows=5), name="make")
        summary.on_event(RunStarted(day, plan, slices={"day": day}))
        summary.on_event(replace(made, run_id=day, data_sets=lazy))
        for number, name in enumerate(readers, first + 1):
            read = ran(again(FINE, number), name=name)
            summary.on_event(replace(read, run_id=day))
        summary.on_event(RunEnded(day, "done", {}, 9.0))

    (piece,) = summary.advice
    assert (piece.kind, piece.node) == ("repeated", "make (day=2)")
    assert piece.figure.startswith(
        "computed 2 times: the same 10,000,000 rows of 'clean (day=2)', by a (day=2), b (day=2)"
    )


def test_cores_that_work_for_another_node_or_wait_for_the_longest_task_are_not_told_idle() -> None:
    waiting = replace(FINE, task_seconds=100.0)
    other = replace(FINE, id=2, first_rdd=7, task_seconds=640.0, input_rows=1)
    assert kinds(ran(waiting)) == ["idle"]
    assert kinds(ran(waiting), ran(other, name="other")) == []
    assert kinds(ran(replace(waiting, longest_task=99.0))) == ["skew"]
    assert kinds(ran(waiting, cores=None)) == []
    assert kinds(ran(replace(waiting, task_seconds=1.0), cores=2)) == []
    assert kinds(ran(waiting, jobs_left_out=1)) == []
    assert kinds(ran(replace(waiting, ended=1029.0, task_seconds=1.0))) == []


def test_the_dearest_of_each_kind_come_first_and_no_more_than_three() -> None:
    worse, bad = (
        ran(
            replace(FINE, id=i, longest_task=longest, spilled_bytes=10**10, result_bytes=10**9),
            name=name,
        )
        for i, name, longest in ((1, "worse", 90.0), (2, "bad", 20.0))
    )
    tiny = ran(replace(FINE, id=3, output_bytes=5, input_rows=1), name="tiny")
    pieces = find_advice({}, [bad, worse, tiny])
    assert [piece.kind for piece in pieces] == ["spill", "skew", "collect"]
    assert pieces[1].node == "worse"


def test_a_piece_is_two_lines_that_steer_no_terminal_and_no_notebook() -> None:
    piece = Advice("skew", "a\x1b[31m<b>", "skew: 3", "Do.")
    assert told_advice([piece]) == ["Advice:", "  a?[31m<b>: skew: 3", "    Do."]
    shown = RunResult({}, "p", 1.0, [], [], [piece])._repr_html_()
    assert "skew: 3" in shown
    assert "<b>" not in shown
