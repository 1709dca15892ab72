"""Where rejected rows go: no row of a chunk or a partition is lost, and what is wrong is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from sparkpipe.errors import DataSetError, PreflightError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHECKS = [{"check": "fare >= 0", "on_fail": "quarantine"}]
TRIPS = pd.DataFrame({"id": [1, 2], "fare": [1.0, -2.0]})


def run(catalog: DataCatalog, function: Any) -> None:
    SequentialRunner().run(pipeline([node(function, None, "trips", name="make")]), catalog)


def csv(path: Path, **more: Any) -> dict[str, Any]:
    return {"type": "pandas.CSVDataSet", "filepath": str(path), **more}


def chunks() -> Iterator[pd.DataFrame]:
    yield TRIPS
    yield TRIPS.assign(id=[3, 4])


def test_a_quarantine_that_each_part_would_replace_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    judged = {"checks": CHECKS, "quarantine": "bad"}
    trips = csv(tmp_path / "trips.csv", **judged, save_args={"mode": "a"})
    bad = csv(tmp_path / "bad.csv")
    with pytest.raises(PreflightError, match="keeps the rejected rows of one chunk only"):
        run(DataCatalog.from_config({"trips": trips, "bad": bad}), chunks)
    assert not (tmp_path / "trips.csv").exists()
    adding = {**bad, "save_args": {"mode": "a", "header": False}}
    catalog = DataCatalog.from_config({"trips": trips, "bad": adding})
    run(catalog, chunks)
    assert [*pd.read_csv(tmp_path / "bad.csv", header=None)[0]] == [2, 4]

    parts = {"type": "PartitionedDataSet", "path": str(tmp_path / "p"), **judged}
    parts["dataset"] = "pandas.CSVDataSet"
    with pytest.raises(DataSetError, match="keeps the rejected rows of one partition only"):
        DataCatalog.from_config({"trips": parts, "bad": bad})
    catalog = DataCatalog.from_config({"trips": parts, "bad": adding})
    run(catalog, lambda: {"a": TRIPS, "b": TRIPS.assign(id=[5, 6])})
    assert [*pd.read_csv(tmp_path / "bad.csv", header=None)[0]] == [2, 4, 2, 6]


@pytest.mark.delta
def test_a_quarantine_of_a_table_gets_the_columns_that_the_table_gets(
    spark: SparkSession, tmp_path: Path
) -> None:
    name = "sparkpipe_quarantined"
    table = {"type": "spark.SparkTableDataSet", "table": name, "checks": CHECKS}
    catalog = DataCatalog.from_config({"trips": {**table, "write_mode": "overwrite"}})
    rows = spark.createDataFrame([(1, 1.0), (2, -2.0)], "id INT, fare DOUBLE")
    try:
        with activated(SparkProvider(session=spark)):
            run(catalog, lambda: rows)
            run(catalog, lambda: rows.selectExpr("*", "'new' AS more"))
        rejected = spark.read.table(f"{name}_rejected").select("id", "more")
        assert sorted(map(tuple, rejected.collect()), key=str) == [(2, "new"), (2, None)]
    finally:
        for one in (name, f"{name}_rejected"):
            spark.sql(f"DROP TABLE IF EXISTS {one}")


@pytest.mark.delta
def test_a_quarantine_that_cannot_take_the_rows_is_told_as_such(
    spark: SparkSession, tmp_path: Path
) -> None:
    delta = {"type": "spark.DeltaTableDataSet", "save_args": {"mode": "append"}}
    trips = {**delta, "filepath": str(tmp_path / "t"), "checks": CHECKS, "quarantine": "bad"}
    rows = spark.createDataFrame([(1, 1.0), (2, -2.0)], "id INT, fare DOUBLE")
    with pytest.raises(DataSetError, match="its quarantine is for frames of pandas"):
        DataCatalog.from_config({"trips": trips, "bad": csv(tmp_path / "bad.csv")})
    with activated(SparkProvider(session=spark)):
        bad = {**delta, "filepath": str(tmp_path / "bad")}
        catalog = DataCatalog.from_config({"trips": trips, "bad": bad})
        run(catalog, lambda: rows)
        with pytest.raises(
            RunFailedError, match=r"rejected rows .* its quarantine \(.*bad\): .*new"
        ):
            run(catalog, lambda: rows.selectExpr("*", "'new' AS more"))
        assert catalog.load("trips").count() == 1
