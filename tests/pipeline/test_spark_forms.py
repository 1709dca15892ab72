"""One data set that Spark writes and pandas reads, in one pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import HybridRunner, SequentialRunner, ThreadRunner

ROUND_TRIP = pipeline(
    [
        node(lambda table: float(table["price"].sum()), "prices@pandas", "total", name="a_sum"),
        node(lambda rows: rows.selectExpr("id * 1.5 AS price"), "rows", "prices@spark", name="z"),
        node(lambda frame: frame.count(), "prices@spark", "count", name="a_count"),
    ]
)


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, HybridRunner])
@pytest.mark.parametrize("namespace", [None, "shop"])
def test_pandas_reads_the_folder_that_spark_wrote(
    spark: Any, tmp_path: Path, runner: Any, namespace: str | None
) -> None:
    made = pipeline(ROUND_TRIP, inputs="rows", outputs={"total", "count"}, namespace=namespace)
    prefix = f"{namespace}." if namespace else ""
    where = (tmp_path / "prices").as_posix()
    catalog = DataCatalog.from_config(
        {
            f"{prefix}prices@spark": {"type": "spark.SparkDataSet", "filepath": where},
            f"{prefix}prices@pandas": {"type": "pandas.ParquetDataSet", "filepath": where},
        }
    )
    catalog.add_feed_dict({"rows": spark.range(5)})
    assert runner().run(made, catalog) == {"total": 15.0, "count": 5}
