"""Columns and a few rows of what Spark saves, by one small read of what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.events import DataSetReport, NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = "SELECT 7 AS id, 'geheim' AS api_key, named_struct('token', 'geheim', 'b', array(1)) AS s"


class Reports(RunObserver):
    def __init__(self) -> None:
        self.saved: dict[str, DataSetReport] = {}
        self.jobs: dict[str, int] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        self.jobs[event.node] = len(event.jobs)
        self.saved |= {one.name: one for one in event.data_sets if one.direction == "save"}


def run(catalog: dict[str, Any], frame: Any) -> dict[str, DataSetReport]:
    return run_all(catalog, frame).saved


def run_all(catalog: dict[str, Any], frame: Any) -> Reports:
    reports = Reports()
    nodes = [node(lambda: frame, None, name, name=f"make_{name}") for name in catalog]
    with observing(reports):
        SequentialRunner().run(pipeline(nodes), DataCatalog.from_config(catalog))
    return reports


def test_files_and_tables_show_what_was_saved(session: SparkSession, tmp_path: Path) -> None:
    def entry(name: str, file_format: str, **more: Any) -> dict[str, Any]:
        place = {"type": "spark.SparkDataSet", "filepath": f"{tmp_path}/{name}"}
        return {**place, "file_format": file_format, **more}

    frame = session.sql(ROWS)
    told = run(
        {
            "files": entry("files", "parquet", preview=True),
            "typed": entry("typed", "json", preview=1),
            "cached": {
                "type": "CachedDataSet",
                "dataset": entry("cached", "parquet"),
                "preview": True,
            },
            "lazy": {"type": "MemoryDataSet", "preview": True},
        },
        frame,
    )
    names, row = told["files"].preview
    assert names == ("id", "api_key", "s")
    assert row == ("7", "***", "{token: ***, b: [1]}")
    assert told["typed"].preview == told["cached"].preview == told["files"].preview
    columns = (("id", "int"), ("api_key", "string"), ("s", "struct<token:string,b:array<int>>"))
    assert told["files"].columns == columns
    # A server is not asked to analyse what nobody has computed.
    assert told["lazy"].columns == (() if is_connect(session) else columns)
    assert told["lazy"].is_lazy
    assert told["lazy"].preview == ()


@pytest.mark.classic("Spark Connect tells of no jobs")
def test_the_preview_is_one_job_and_rows_are_not_counted_twice(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = {"type": "spark.SparkDataSet", "file_format": "csv"}
    plain = {**place, "filepath": f"{tmp_path}/plain"}
    shown = {**place, "filepath": f"{tmp_path}/shown", "preview": 3}
    reports = run_all({"plain": plain, "shown": shown}, spark.range(50).repartition(2))
    assert reports.jobs["make_shown"] - reports.jobs["make_plain"] == 1
    assert reports.saved["shown"].rows == 50
    assert len(reports.saved["shown"].preview) == 4


@pytest.mark.delta
def test_a_delta_table_shows_what_was_saved(spark: SparkSession, tmp_path: Path) -> None:
    place = {"type": "spark.DeltaTableDataSet", "filepath": f"{tmp_path}/t", "preview": True}
    pinned = {**place, "filepath": f"{tmp_path}/u", "load_args": {"versionAsOf": 0}}
    told = run({"table": place, "pinned": pinned}, spark.range(2).repartition(1))
    names, *rows = told["table"].preview
    assert names == ("id",)
    assert sorted(rows) == [("0",), ("1",)]
    assert told["pinned"].preview == ()
