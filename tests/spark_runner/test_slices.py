"""Slices of Delta tables: a slice that runs again takes the place of its part, and of no other."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import PreflightError, SlicesFailedError
from sparkpipe.pipeline import node, pipeline
from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.delta, pytest.mark.session]

Make = Callable[..., Session]

SLICES = "day: {every: 1 day, from: 2024-01-01, to: 2024-01-04}"
CATALOG = """
raw: {type: json.JSONDataSet, filepath: "data/raw/${slice:day}.json"}
sales:
  type: spark.DeltaTableDataSet
  filepath: data/sales
  save_args: {mode: overwrite, partitionBy: [day], replaceWhere: "day = '${slice:day}'"}
by_rows:
  type: spark.DeltaTableDataSet
  filepath: data/by_rows
  save_args: {mode: overwrite, partitionBy: [day], partitionOverwriteMode: dynamic}
files:
  type: spark.SparkDataSet
  filepath: data/files/day=${slice:day}
merged: {type: spark.SparkTableDataSet, table: sales_by_day, write_mode: upsert, primary_key: day}
within:
  type: spark.DeltaTableDataSet
  filepath: data/within
  save_args: {mode: merge, keys: [day, amount], within: "day = '${slice:day}'"}
"""


def to_frame(rows: list[int], day: date) -> DataFrame:
    from sparkpipe.spark.session import get_spark

    return get_spark().createDataFrame(
        [(day.isoformat(), row) for row in rows], "day STRING, amount INT"
    )


def summed(sales: DataFrame) -> DataFrame:
    return sales.groupBy("day").sum("amount").withColumnRenamed("sum(amount)", "amount")


def select_day(sales: DataFrame, day: date) -> int:
    return sales.where(sales.day == day.isoformat()).count()


@pytest.fixture
def make(tmp_path: Path, spark: SparkSession) -> Make:
    """Make a project of these nodes, with raw data of three days."""

    def make_session(nodes: list[Any], catalog: str = CATALOG, slices: str = SLICES) -> Session:
        for name, text in {"catalog": catalog, "slices": slices}.items():
            path = tmp_path / f"conf/base/{name}.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "sliced"\n')
        for number in (1, 2, 3):
            write_raw(tmp_path, number, [number, 10 * number])
        session = Session(tmp_path, spark=spark)
        session._current.__dict__["registry"] = ({"__default__": pipeline(nodes)}, [])
        return session

    return make_session


def write_raw(folder: Path, number: int, rows: list[int]) -> None:
    (folder / "data/raw").mkdir(parents=True, exist_ok=True)
    (folder / f"data/raw/2024-01-0{number}.json").write_text(str(rows))


def rows_of(session: Session, name: str) -> list[tuple[str, int]]:
    folder = session.project.path / "data" / name
    form = "parquet" if name == "files" else "delta"
    spark = session.spark.get()
    frame = spark.read.format(form).load(str(folder)).selectExpr("string(day)", "int(amount)")
    return sorted(map(tuple, frame.collect()))


DAYS = "day=2024-01-01..2024-01-03"
FIRST = [
    ("2024-01-01", 1),
    ("2024-01-01", 10),
    ("2024-01-02", 2),
    ("2024-01-02", 20),
    ("2024-01-03", 3),
    ("2024-01-03", 30),
]


@pytest.mark.parametrize("runner", ["SequentialRunner", "ThreadRunner", "HybridRunner"])
@pytest.mark.parametrize("output", ["sales", "by_rows", "within"])
def test_a_slice_replaces_exactly_its_part(make: Make, runner: str, output: str) -> None:
    session = make([node(to_frame, ["raw", "slice:day"], output)])
    session.run(slices=DAYS, runner=runner)
    assert rows_of(session, output) == FIRST
    write_raw(session.project.path, 2, [7])
    session.run(slices="day=2024-01-02", runner=runner)
    assert rows_of(session, output) == [*FIRST[:2], ("2024-01-02", 7), *FIRST[4:]]


@pytest.mark.parametrize("output", ["sales", "within"])
def test_a_slice_that_has_no_rows_any_more_is_empty(make: Make, output: str) -> None:
    session = make([node(to_frame, ["raw", "slice:day"], output)])
    session.run(slices=DAYS, slices_at_once=2)
    write_raw(session.project.path, 2, [])
    session.run(slices="day=2024-01-02")
    assert rows_of(session, output) == [*FIRST[:2], *FIRST[4:]]


def test_a_folder_of_its_own_and_a_merge(
    make: Make, spark: SparkSession, request: pytest.FixtureRequest
) -> None:
    spark.sql("CREATE OR REPLACE TABLE sales_by_day (day STRING, amount BIGINT) USING delta")
    request.addfinalizer(lambda: spark.sql("DROP TABLE IF EXISTS sales_by_day"))
    session = make(
        [
            node(lambda rows, day: to_frame(rows, day).drop("day"), ["raw", "slice:day"], "files"),
            node(lambda rows, day: summed(to_frame(rows, day)), ["raw", "slice:day"], "merged"),
        ]
    )
    session.run(slices=DAYS)
    write_raw(session.project.path, 2, [7])
    session.run(slices="day=2024-01-02")
    assert rows_of(session, "files") == [*FIRST[:2], ("2024-01-02", 7), *FIRST[4:]]
    merged = sorted(map(tuple, session.catalog.load("merged").collect()))
    assert merged == [("2024-01-01", 11), ("2024-01-02", 7), ("2024-01-03", 33)]


def test_parts_of_one_table_are_written_side_by_side(make: Make) -> None:
    session = make([node(to_frame, ["raw", "slice:day"], "sales")])
    session.run(slices="day=2024-01-01")
    session.run(slices=DAYS, slices_at_once=3, runner="ThreadRunner")
    assert rows_of(session, "sales") == FIRST


@pytest.mark.classic("asks Spark's status tracker")
def test_slices_side_by_side_share_the_executors_fairly(make: Make, spark: SparkSession) -> None:
    ended: list[int] = []
    sleep = "java_method('java.lang.Thread', 'sleep', 50L)"

    def work(day: date) -> int:
        if day.day == 1:
            spark.range(0, 40, 1, 40).selectExpr(sleep).collect()
        else:
            while not spark.sparkContext.statusTracker().getActiveStageIds():
                time.sleep(0.01)
            spark.range(0, 4, 1, 4).selectExpr(sleep).collect()
        ended.append(day.day)
        return day.day

    session = make([node(work, "slice:day", "done")])
    session.run(slices="day=2024-01-01..2024-01-02", slices_at_once=2)
    assert ended == [2, 1]


@pytest.mark.parametrize("output", ["sales", "by_rows"])
def test_a_table_that_is_not_there_yet_is_made_by_slices_side_by_side(
    make: Make, output: str
) -> None:
    session = make([node(to_frame, ["raw", "slice:day"], output)])
    session.run(slices=DAYS, slices_at_once=3)
    assert rows_of(session, output) == FIRST


def test_a_frame_in_memory_of_a_node_that_runs_once_is_read_by_every_slice(make: Make) -> None:
    def at_first(parameters: dict[str, Any]) -> DataFrame:
        from sparkpipe.spark.session import get_spark

        return get_spark().createDataFrame([("2024-01-02", 100)], "day STRING, amount INT")

    def with_more(rows: list[int], day: date, more: DataFrame) -> DataFrame:
        return to_frame(rows, day).union(more.where(more.day == day.isoformat()))

    session = make(
        [
            node(at_first, "parameters", "more"),
            node(with_more, ["raw", "slice:day", "more"], "sales"),
        ]
    )
    session.run(slices=DAYS, slices_at_once=2)
    assert rows_of(session, "sales") == sorted([*FIRST, ("2024-01-02", 100)])


def test_a_failed_slice_leaves_its_part_as_it_was(make: Make) -> None:
    def not_two(rows: list[int], day: date) -> DataFrame:
        frame = to_frame(rows, day)
        return frame.selectExpr("day", "if(amount = 99, int(raise_error('99')), amount) amount")

    session = make([node(not_two, ["raw", "slice:day"], "sales")])
    session.run(slices=DAYS)
    write_raw(session.project.path, 2, [5, 99])
    with pytest.raises(SlicesFailedError, match="1 of 3 slices failed"):
        session.run(slices=DAYS)
    assert rows_of(session, "sales") == FIRST
    assert [row.cells[0].state for row in session.slices()] == [
        "done",
        "failed",
        "done",
        "missing",
    ]


def test_other_slices_of_a_shared_table_make_none_stale(make: Make) -> None:
    session = make(
        [
            node(to_frame, ["raw", "slice:day"], "sales", name="load"),
            node(select_day, ["sales", "slice:day"], "count", name="count"),
        ],
        CATALOG + "count: {type: json.JSONDataSet, filepath: 'data/count/${slice:day}.json'}\n",
    )
    session.run(slices="day=2024-01-01..2024-01-02")
    session.run(slices="day=2024-01-03")
    states = [[cell.state for cell in row.cells] for row in session.slices()]
    assert states == [["done", "done"]] * 3 + [["missing", "missing"]]
    session.run(slices="day=2024-01-02", node_names="load")
    row = session.slices("day=2024-01-02").rows[0]
    assert [cell.state for cell in row.cells] == ["done", "stale"]
    assert "sales was made anew in run" in row.why
    assert session.slices("day=2024-01-01").rows[0].why == ""


def test_rows_of_another_slice_are_refused_by_the_table(make: Make) -> None:
    def wrong(rows: list[int], day: date) -> DataFrame:
        return to_frame(rows, date(2024, 1, 1))

    session = make([node(wrong, ["raw", "slice:day"], "sales")])
    with pytest.raises(SlicesFailedError, match=r"day=2024-01-02: .*"):
        session.run(slices="day=2024-01-01..2024-01-02")
    assert rows_of(session, "sales") == FIRST[:2]


def test_what_would_mix_is_refused_before_a_table_is_made(make: Make) -> None:
    catalog = CATALOG + "whole: {type: spark.DeltaTableDataSet, filepath: data/whole}\n"
    session = make([node(to_frame, ["raw", "slice:day"], "whole")], catalog)
    with pytest.raises(PreflightError, match=r"'whole' \(DeltaTableDataSet, .*would mix slices"):
        session.run(slices=DAYS)
    assert not (session.project.path / "data/whole").exists()
