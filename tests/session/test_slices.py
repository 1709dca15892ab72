"""Runs over slices: what runs when, what is refused, what is handed on. None of it needs Spark."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sparkpipe.errors import ConfigError, DataSetError, PreflightError, SlicesFailedError
from sparkpipe.events import RunObserver, RunStarted, observing
from sparkpipe.pipeline import node, pipeline
from sparkpipe.session import Session
from sparkpipe.spark.jobs.run import current_run

Make = Callable[..., Session]


class Runs(RunObserver):
    """Notes the runs that start: their slices and nodes."""

    def __init__(self) -> None:
        self.started: list[tuple[dict[str, str], list[str]]] = []

    def on_run_started(self, event: RunStarted) -> None:
        self.started.append((dict(event.slices), [node.name for node in event.plan.nodes]))


def double(x: Any, *more: Any) -> Any:
    return 2 * x


def fails_on_two(x: int) -> int:
    if x == 2:
        raise ValueError("two is too many")
    return x


def saved(session: Session, folder: str = "clean") -> dict[str, str]:
    places = (session.project.path / "data" / folder).glob("*.json")
    return {place.stem: place.read_text() for place in sorted(places)}


def test_each_slice_is_a_run_of_its_own(make: Make) -> None:
    session = make([node(double, "raw", "clean")])
    with observing(runs := Runs()):
        found = session.run(slices="day=2024-01-01..2024-01-03")
    assert found == {"day=2024-01-01": {}, "day=2024-01-02": {}, "day=2024-01-03": {}}
    assert saved(session) == {"2024-01-01": "2", "2024-01-02": "4", "2024-01-03": "6"}
    assert [slices for slices, _ in runs.started] == [
        {"day": "2024-01-01"},
        {"day": "2024-01-02"},
        {"day": "2024-01-03"},
    ]


def test_a_node_reads_its_slice_as_what_it_is(make: Make) -> None:
    session = make(
        [node(lambda *values: values, ["slice:day", "slice:region", "params:text"], "seen")],
        parameters="text: 'of ${slice:day} in ${slice:region}'",
    )
    found = session.run(slices={"day": date(2024, 1, 2), "region": ["eu", "us"]})
    assert found == {
        f"day=2024-01-02 region={region}": {
            "seen": (date(2024, 1, 2), region, f"of 2024-01-02 in {region}")
        }
        for region in ("eu", "us")
    }


@pytest.mark.parametrize(
    "runner", ["SequentialRunner", "ThreadRunner", "ParallelRunner", "HybridRunner"]
)
def test_what_depends_on_no_slice_runs_once_before(make: Make, runner: str) -> None:
    session = make(
        [
            node(double, "rates", "doubled", name="once"),
            node(double, "doubled", "again", name="once_more"),
            node(int.__add__, ["raw", "doubled"], "clean", name="each"),
        ]
    )
    with observing(runs := Runs()):
        session.run(slices="day=2024-01-01..2024-01-02", runner=runner)
    assert [nodes for _, nodes in runs.started] == [["once", "once_more"], ["each"], ["each"]]
    assert runs.started[0][0] == {}
    assert saved(session) == {"2024-01-01": "21", "2024-01-02": "22"}


def test_what_reads_all_slices_runs_once_after(make: Make) -> None:
    parts = """
    parts@one: {type: json.JSONDataSet, filepath: "data/clean/${slice:day}.json"}
    parts@all: {type: PartitionedDataSet, path: data/clean, dataset: json.JSONDataSet}
    """
    session = make(
        [
            node(double, "raw", "parts@one", name="each"),
            node(lambda all_: sorted(one() for one in all_.values()), "parts@all", "total"),
        ],
        more=parts,
    )
    with observing(runs := Runs()):
        session.run(slices="day=2024-01-01..2024-01-03")
    assert [slices for slices, _ in runs.started][-1] == {}
    assert session.catalog.load("total") == [2, 4, 6]


def test_each_node_runs_for_the_slices_that_it_depends_on(make: Make) -> None:
    by_both = (
        "by_both: {type: json.JSONDataSet, filepath: 'data/both/${slice:day}-${slice:region}.json'}"
    )
    session = make(
        [
            node(double, "raw", "clean", name="by_day"),
            node(lambda x, region: f"{x} {region}", ["clean", "slice:region"], "by_both"),
        ],
        more=by_both,
    )
    with observing(runs := Runs()):
        session.run(slices=["day=2024-01-01,2024-01-02", "region=eu,us"])
    assert sum("by_day" in nodes for _, nodes in runs.started) == 2
    assert sorted(saved(session, "both")) == [
        "2024-01-01-eu",
        "2024-01-01-us",
        "2024-01-02-eu",
        "2024-01-02-us",
    ]


def test_a_slice_that_fails_stops_no_other(make: Make) -> None:
    session = make([node(fails_on_two, "raw", "clean", name="clean")])
    with pytest.raises(SlicesFailedError, match="1 of 3 slices failed") as caught:
        session.run(slices="day=2024-01-01..2024-01-03")
    assert [(one.name, one.status) for one in caught.value.outcomes] == [
        ("day=2024-01-01", "done"),
        ("day=2024-01-02", "failed"),
        ("day=2024-01-03", "done"),
    ]
    assert "day=2024-01-02: Node 'clean' failed" in str(caught.value)
    assert "two is too many" in str(caught.value)


def test_fail_fast_starts_no_other(make: Make) -> None:
    session = make([node(fails_on_two, "raw", "clean")])
    with pytest.raises(SlicesFailedError, match="and 1 did not run"):
        session.run(slices="day=2024-01-01..2024-01-03", fail_fast=True)
    assert sorted(saved(session)) == ["2024-01-01"]


def test_a_slice_without_data_fails_alone(make: Make) -> None:
    session = make([node(double, "raw", "clean")])
    with pytest.raises(SlicesFailedError, match=r"day=2024-01-04: .*does not exist"):
        session.run(slices="day=2024-01-03..2024-01-04")
    assert sorted(saved(session)) == ["2024-01-03"]
    with pytest.raises(PreflightError, match="does not exist"):
        session.run(slices="day=2024-01-04")


def test_what_reads_all_slices_does_not_run_after_a_failure(make: Make) -> None:
    parts = """
    parts@one: {type: json.JSONDataSet, filepath: "data/clean/${slice:day}.json"}
    parts@all: {type: PartitionedDataSet, path: data/clean, dataset: json.JSONDataSet}
    """
    session = make(
        [node(fails_on_two, "raw", "parts@one"), node(len, "parts@all", "total")],
        more=parts,
    )
    with pytest.raises(SlicesFailedError) as caught:
        session.run(slices="day=2024-01-01..2024-01-03")
    assert caught.value.outcomes[-1].status == "not run"
    assert not (session.project.path / "data/total.json").exists()


def test_slices_run_side_by_side(make: Make) -> None:
    together = threading.Barrier(3, timeout=30)
    third = threading.Event()

    def in_another_order(x: int) -> int:
        together.wait()
        if x == 3:
            third.set()
        assert third.wait(30)
        time.sleep(0.1 if x == 1 else 0)
        return x

    session = make([node(in_another_order, "raw", "clean")])
    found = session.run(slices="day=2024-01-01..2024-01-03", slices_at_once=3)
    assert [*found] == ["day=2024-01-01", "day=2024-01-02", "day=2024-01-03"]
    assert saved(session) == {"2024-01-01": "1", "2024-01-02": "2", "2024-01-03": "3"}


def test_an_interrupt_ends_all_slices(make: Make) -> None:
    begun = threading.Barrier(3, timeout=30)

    def waits(x: int) -> int:
        begun.wait()
        run = current_run()
        assert run is not None
        deadline = time.monotonic() + 30
        while not run.is_stopped and time.monotonic() < deadline:
            time.sleep(0.01)
        return x

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    session = make([node(waits, "raw", "waited"), node(double, "waited", "clean")])
    sliced = session.prepare_slices("day=2024-01-01..2024-01-03")
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        sliced.run(2)
    assert saved(session) == {}


# What is refused


def test_without_a_slice_a_run_that_needs_one_is_refused(make: Make) -> None:
    session = make([node(double, "raw", "clean", name="clean"), node(double, "rates", "total")])
    with pytest.raises(
        PreflightError, match=r"Node 'clean' depends on the slice 'day'.*--slice day="
    ):
        session.run()
    session.run(to_outputs="total")
    assert session.catalog.load("total") == 20


def test_the_catalog_can_be_listed_and_checked_without_a_slice(make: Make) -> None:
    session = make([node(double, ["raw", "slice:day"], "clean")])
    assert session.check() == []
    assert "raw/<slice:day>.json" in str(session.catalog["raw"])
    for use in (
        lambda: session.catalog.load("raw"),
        lambda: session.catalog.save("raw", 1),
        lambda: session.catalog.exists("raw"),
    ):
        with pytest.raises(
            DataSetError, match=r"'raw' \(.*catalog.yml:2\) depends on the slice 'day'.*with_slices"
        ):
            use()
    assert session.with_slices("day=2024-01-02").catalog.load("raw") == 2
    assert session.with_slices(day=date(2024, 1, 3)).catalog.load("slice:day") == date(2024, 1, 3)
    with pytest.raises(DataSetError, match="slice 'day'"):
        session.catalog.load("slice:day")


_TABLE = "type: spark.DeltaTableDataSet, filepath: data/table"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("type: json.JSONDataSet, filepath: data/one.json", "would mix slices: each day"),
        ("type: json.JSONDataSet, filepath: 'data/${slice:day}.json', versioned: true", ""),
        ("type: json.JSONDataSet, filepath: data/one.json, versioned: true", "would mix slices"),
        (
            "type: json.JSONDataSet, filepath: data/one.json, metadata: {of: '${slice:day}'}",
            "would mix slices",
        ),
        (
            "type: pandas.CSVDataSet, filepath: data/one.csv, "
            "checks: [{check: \"day = '${slice:day}'\"}]",
            "would mix slices",
        ),
        (
            "type: text.TextDataSet, filepath: 'data/${slice:day}.txt', "
            "fs_args: {open_args_save: {mode: a}}",
            "appends",
        ),
        ("type: PartitionedDataSet, path: data/parts, dataset: json.JSONDataSet", ""),
        (_TABLE, "would mix slices"),
        (f"{_TABLE}, save_args: {{mode: append}}", "appends"),
        (f"{_TABLE}, save_args: {{replaceWhere: \"day = '${{slice:day}}'\"}}", ""),
        (f"{_TABLE}, save_args: {{replaceWhere: 'day = 1'}}", "would mix"),
        (f"{_TABLE}, save_args: {{partitionOverwriteMode: dynamic}}", ""),
        (f"{_TABLE}, save_args: {{mode: merge, keys: [id], within: 'day = 1'}}", "would mix"),
        (
            f"{_TABLE}, save_args: {{mode: merge, keys: [id], within: \"day = '${{slice:day}}'\"}}",
            "",
        ),
        (
            "type: spark.SparkTableDataSet, table: shop.orders, write_mode: upsert, "
            "primary_key: id",
            "",
        ),
    ],
)
def test_a_data_set_that_would_mix_slices_is_refused(make: Make, entry: str, told: str) -> None:
    session = make([node(double, "raw", "out", name="n")], more=f"out: {{{entry}}}")
    try:
        session.prepare_slices("day=2024-01-01..2024-01-02")
        problem = ""
    except PreflightError as exc:
        problem = str(exc)
    assert (told in problem) if told else not problem, problem
    assert not told or "Output 'out'" in problem


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (f"{_TABLE}, save_args: {{mode: merge, keys: [id]}}", ""),
        (f"{_TABLE}, save_args: {{mode: merge, keys: [id], sequence_by: ts}}", ""),
        (
            f"{_TABLE}, save_args: {{mode: merge, keys: [day, id], "
            "within: \"day = '${slice:day}'\"}",
            "",
        ),
        (
            f"{_TABLE}, save_args: {{partitionOverwriteMode: dynamic}}",
            "give save_args: replaceWhere, and",
        ),
        (f"{_TABLE}, save_args: {{replaceWhere: \"day = '${{slice:day}}'\"}}", ""),
        (
            "type: spark.SparkTableDataSet, table: shop.orders, write_mode: upsert, "
            "primary_key: id",
            "",
        ),
        ("type: spark.SparkDataSet, filepath: 'data/${slice:day}'", ""),
        ("type: PartitionedDataSet, path: data/parts, dataset: json.JSONDataSet", ""),
    ],
)
def test_where_something_stays_of_what_a_slice_made_before_that_is_told(
    make: Make, caplog: pytest.LogCaptureFixture, entry: str, told: str
) -> None:
    session = make([node(double, "raw", "out", name="n")], more=f"out: {{{entry}}}")
    session.prepare_slices("day=2024-01-01..2024-01-02")
    expected = f"To replace all of it, {told} ${{slice:day}}."
    assert [message.rpartition(" stays there. ")[2] for message in caplog.messages] == (
        [expected] if told else []
    )


def test_a_merge_that_takes_rows_from_other_slices_is_told(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    entry = f"{_TABLE}, save_args: {{mode: merge, keys: [id], within: \"day = '${{slice:day}}'\"}}"
    session = make([node(double, "raw", "out", name="n")], more=f"out: {{{entry}}}")
    session.prepare_slices("day=2024-01-01..2024-01-02")
    (told,) = caplog.messages
    assert told.endswith("Put the column of the slice among save_args: keys.")


def test_a_load_is_of_the_slice_where_its_filter_says_so(make: Make) -> None:
    pandas = pytest.importorskip("pandas")

    def total(orders: Any) -> int:
        return int(orders["amount"].sum())

    session = make(
        [node(total, "orders", "clean")],
        more="""
        orders:
          type: pandas.ParquetDataSet
          filepath: data/orders.parquet
          load_args: {filters: [[day, "=", "${slice:day}"]]}
        """,
    )
    days = ["2024-01-01", "2024-01-01", "2024-01-02"]
    orders = pandas.DataFrame({"day": days, "amount": [1, 2, 40]})
    orders.to_parquet(session.project.path / "data/orders.parquet")
    session.run(slices="day=2024-01-01..2024-01-02")
    assert saved(session) == {"2024-01-01": "3", "2024-01-02": "40"}


def test_a_slice_that_nothing_depends_on_and_one_that_is_not_chosen_are_told(make: Make) -> None:
    session = make([node(double, "raw", "clean", name="n")])
    with pytest.raises(PreflightError) as caught:
        session.run(slices="region=eu")
    assert "No node of this run depends on the slice 'region'" in str(caught.value)
    assert "Node 'n' depends on the slice 'day', and none is chosen" in str(caught.value)


@pytest.mark.parametrize("at_once", [0, -1, 2.5, "2", None])
def test_what_is_no_number_of_slices_is_told(make: Make, at_once: Any) -> None:
    session = make([node(double, "raw", "clean", name="n")])
    with pytest.raises(ConfigError, match="slices_at_once must be a whole number from 1 on"):
        session.run(slices="day=2024-01-01", slices_at_once=at_once)
    assert not (session.project.path / "data/clean").exists()


def test_slices_may_be_any_iterable(make: Make) -> None:
    session = make([node(double, "raw", "clean", name="n")])
    days = (date(2024, 1, number) for number in (1, 2))
    assert [*session.run(slices={"day": days})] == ["day=2024-01-01", "day=2024-01-02"]
    names = [path.name for path in sorted((session.project.path / "data/clean").iterdir())]
    assert names == ["2024-01-01.json", "2024-01-02.json"]


def test_an_unknown_slice_in_the_catalog_is_told_with_its_line(make: Make) -> None:
    entry = "x: {type: json.JSONDataSet, filepath: '${slice:dya}.json'}"
    session = make([node(double, "raw", "clean")], more=entry)
    with pytest.raises(ConfigError, match=r"catalog.yml:6: 'x.filepath'.*Did you mean 'day'"):
        _ = session.catalog


def test_an_unknown_slice_of_a_node_is_told(make: Make) -> None:
    session = make([node(double, ["raw", "slice:dya"], "clean", name="n")])
    with pytest.raises(PreflightError, match=r"no slice 'dya', which node 'n' needs. Did you mean"):
        session.run(slices="day=2024-01-01")


def test_an_output_by_day_of_a_node_by_day_and_region_would_mix_regions(make: Make) -> None:
    session = make([node(double, ["raw", "slice:region"], "clean", name="n")])
    with pytest.raises(PreflightError, match="would mix slices: each region would take"):
        session.run(slices=["day=2024-01-01", "region=eu,us"])


def test_spark_and_credentials_are_those_of_the_whole_run(make: Make) -> None:
    session = make([node(double, "raw", "clean")], credentials="a: {key: '${slice:day}'}")
    with pytest.raises(PreflightError, match="depends on the slice 'day', which is not"):
        session.run(slices="day=2024-01-01")


def test_a_slice_keeps_its_name_in_a_namespace(make: Make) -> None:
    inner = pipeline([node(lambda raw, day: f"{raw} {day}", ["raw", "slice:day"], "clean")])
    session = make([*pipeline(inner, inputs="raw", outputs="clean", namespace="shop").nodes])
    session.run(slices="day=2024-01-02")
    assert saved(session) == {"2024-01-02": '"2 2024-01-02"'}


def test_hours_and_months_are_read_as_what_they_are(make: Make) -> None:
    slices = """
    month: {every: 1 month, from: 2024-01-01}
    hour: {every: 1 hour, from: 2024-03-31, timezone: Europe/Berlin}
    """
    session = make(
        [node(lambda *values: values, ["slice:month", "slice:hour"], "seen")],
        slices=slices,
        catalog="seen: {type: pickle.PickleDataSet, filepath: '${slice:month}/${slice:hour}.pkl'}",
    )
    session.run(slices=["month=2024-02", "hour=2024-03-31T01..2024-03-31T03"])
    seen = [
        session.with_slices(f"hour={hour}", "month=2024-02").catalog.load("seen")
        for hour in ("2024-03-31T01", "2024-03-31T03")
    ]
    assert [month for month, _ in seen] == [date(2024, 2, 1)] * 2
    # Clocks went forward: there was no hour between.
    assert [moment.isoformat() for _, moment in seen] == [
        "2024-03-31T01:00:00+01:00",
        "2024-03-31T03:00:00+02:00",
    ]
