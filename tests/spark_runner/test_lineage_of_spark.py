"""Lineage of nodes on Spark: runs, columns and rows on both kinds, what columns are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("openlineage.client")

from openlineage_standard import check_event

from sparkpipe import sql_node
from sparkpipe.errors import RunFailedError
from sparkpipe.pipeline import node, pipeline
from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.session]

CATALOG = """
orders: {type: pandas.ParquetDataSet, filepath: data/orders.parquet, checks: [not_null: id]}
paid:
  type: spark.SparkDataSet
  filepath: data/paid
  save_args: {mode: overwrite}
  schema: "id BIGINT, cents DOUBLE"
  checks: [{check: "cents > 0", on_fail: drop}]
best: {type: spark.SparkDataSet, filepath: data/best, save_args: {mode: overwrite}}
"""


def to_spark(orders: Any) -> DataFrame:
    from sparkpipe.spark.session import get_spark

    return get_spark().createDataFrame(orders)


def pay(frame: DataFrame) -> DataFrame:
    return frame.where("id > 0").selectExpr("id", "amount * 100 AS cents")


def fail(best: DataFrame) -> int:
    raise ValueError(f"there are {best.count()}")


@pytest.fixture
def events(tmp_path: Path, session: SparkSession) -> list[dict[str, Any]]:
    """Run a project on Spark, and return what it has told, by the words of the standard."""
    pytest.importorskip("sqlglot")
    pd = pytest.importorskip("pandas")
    for name, text in {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "lined"\nproject_name = "shop"\n',
        "conf/base/catalog.yml": CATALOG,
        "conf/base/lineage.yml": "transport: {type: file, log_file_path: lineage.jsonl}\n",
        "sql/best.sql": "select max(cents) as most, count(*) as n from paid",
        "data/.keep": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    orders = pd.DataFrame({"id": [1, 2, 3], "amount": [1.5, 0.0, 2.0]})
    orders.to_parquet(tmp_path / "data/orders.parquet")
    whole = pipeline(
        [
            node(to_spark, "orders", "frame", name="to_spark"),
            node(pay, "frame", "paid", name="pay"),
            sql_node(tmp_path / "sql/best.sql", outputs="best", name="best"),
            node(fail, "best", "n", name="fail"),
        ]
    )
    with Session(tmp_path, spark=session) as opened:
        opened._current.__dict__["registry"] = ({"__default__": whole}, [])
        with pytest.raises(RunFailedError, match="there are 1"):
            opened.run()
    told = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()]
    for event in told:
        check_event(event)
    return told


def test_a_run_on_spark_tells_runs_columns_and_rows_of_both_kinds(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    ends = {
        one["job"]["name"].removeprefix("__default__."): one
        for one in events
        if one.get("eventType", "START") != "START"
    }
    assert {name: one["eventType"] for name, one in ends.items()} == {
        **dict.fromkeys(("to_spark", "pay", "best"), "COMPLETE"),
        **dict.fromkeys(("fail", "__default__"), "FAIL"),
    }
    whole = ends["__default__"]["run"]["runId"]
    nodes = [one for name, one in ends.items() if name != "__default__"]
    assert {one["run"]["facets"]["parent"]["run"]["runId"] for one in nodes} == {whole}
    (frame,), (paid,) = ends["pay"]["inputs"], ends["pay"]["outputs"]
    assert (frame["namespace"], frame["name"]) == ("shop", "__default__.frame")
    assert (paid["namespace"], paid["name"]) == ("file", str(tmp_path / "data/paid"))
    assert columns_of(paid) == {"id": "bigint", "cents": "double"}
    assert paid["outputFacets"]["outputStatistics"]["rowCount"] == 2
    (check,) = paid["facets"]["dataQualityAssertions"]["assertions"]
    assert (check["assertion"], check["success"]) == ("cents > 0", False)
    (best,) = ends["best"]["outputs"]
    assert columns_of(best) == {"most": "double", "n": "bigint"}
    assert best["outputFacets"]["outputStatistics"]["rowCount"] == 1
    error = ends["fail"]["run"]["facets"]["errorMessage"]
    assert error["message"] == "Node 'fail' failed: ValueError: there are 1"


def test_columns_of_queries_are_traced_on_both_kinds(
    events: list[dict[str, Any]], tmp_path: Path
) -> None:
    (best,) = ended(events, "best")["outputs"]
    paid = str(tmp_path / "data/paid")
    assert origins_of(best)["most"] == [("file", paid, "cents")]


@pytest.mark.parametrize("session", ["classic"], indirect=True)
@pytest.mark.classic("a client of Connect has no plan")
def test_columns_of_frames_are_traced_by_their_analysed_plan(events: list[dict[str, Any]]) -> None:
    (paid,) = ended(events, "pay")["outputs"]
    frame = ("shop", "__default__.frame")
    assert origins_of(paid) == {"id": [(*frame, "id")], "cents": [(*frame, "amount")]}


@pytest.mark.parametrize("session", ["connect"], indirect=True)
def test_nothing_is_guessed_of_the_columns_of_frames_of_connect(
    events: list[dict[str, Any]],
) -> None:
    (paid,) = ended(events, "pay")["outputs"]
    assert "columnLineage" not in paid["facets"]


def ended(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (event,) = (
        one
        for one in events
        if one.get("eventType") == "COMPLETE" and one["job"]["name"] == f"__default__.{name}"
    )
    return event


def columns_of(data_set: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["type"] for one in data_set["facets"]["schema"]["fields"]}


def origins_of(data_set: dict[str, Any]) -> dict[str, list[tuple[str, str, str]]]:
    return {
        column: [(one["namespace"], one["name"], one["field"]) for one in told["inputFields"]]
        for column, told in data_set["facets"]["columnLineage"]["fields"].items()
    }
