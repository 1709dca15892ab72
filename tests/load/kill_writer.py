"""Runs that save the same data sets again and again, each time as data of its own: to be killed.

``python -m tests.load.kill_writer FOLDER NAME KIND`` prints a line after each run that ended well,
or what it failed of. The kind is ``all``, or ``plain`` to leave Spark out.
"""

from __future__ import annotations

import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated, get_spark

#: How many rows each data set has; all are of one run.
ROWS = 200

PARTS = ("north", "south")

SETTINGS = {
    "spark.master": "local[2]",
    "spark.profile": "dev",
    "spark.ui.enabled": False,
    "spark.driver.memory": "700m",
    "spark.sql.shuffle.partitions": 2,
}


def entries(folder: Path) -> dict[str, Any]:
    """Return the entries of the catalog."""
    spark = {"type": "spark.SparkDataSet"}
    return {
        "csv": {"type": "pandas.CSVDataSet", "filepath": f"{folder}/a.csv"},
        "json": {"type": "json.JSONDataSet", "filepath": f"{folder}/a.json"},
        "pickle": {"type": "pickle.PickleDataSet", "filepath": f"{folder}/a.pkl"},
        "parquet": {"type": "pandas.ParquetDataSet", "filepath": f"{folder}/a.parquet"},
        "versions": {
            "type": "pickle.PickleDataSet",
            "filepath": f"{folder}/versions.pkl",
            "versioned": True,
        },
        "parts": {
            "type": "PartitionedDataSet",
            "path": f"{folder}/parts",
            "dataset": "json.JSONDataSet",
            "overwrite": True,
        },
        "spark_parquet": {**spark, "filepath": f"{folder}/spark_parquet"},
        "spark_csv": {**spark, "filepath": f"{folder}/spark_csv", "file_format": "csv"},
        "spark_orc": {**spark, "filepath": f"{folder}/spark_orc", "file_format": "orc"},
        "spark_delta": {"type": "spark.DeltaTableDataSet", "filepath": f"{folder}/spark_delta"},
        "spark_versions": {**spark, "filepath": f"{folder}/spark_versions", "versioned": True},
        "spark_parts": {
            "type": "PartitionedDataSet",
            "path": f"{folder}/spark_parts",
            "dataset": "spark.SparkDataSet",
            "overwrite": True,
        },
    }


def make_pipeline(kind: str) -> Pipeline:
    """Return a pipeline of which each node saves one data set."""
    nodes = []
    for name in entries(Path()):
        if kind == "plain" and name.startswith("spark"):
            continue
        function = _make_spark if name.startswith("spark") else _make_plain
        # Delta refuses one of two that save at once.
        options: dict[str, Any] = {"retries": 5, "retry_delay": 0.1} if "delta" in name else {}
        make = partial(function, name)
        nodes.append(node(make, "who", name, name=name, **options))
    return Pipeline(nodes)


def _make_plain(name: str, who: str) -> Any:
    rows = [who] * ROWS
    if name in ("csv", "parquet"):
        import pandas as pd

        return pd.DataFrame({"who": rows})
    return dict.fromkeys(PARTS, rows) if name == "parts" else rows


def _make_spark(name: str, who: str) -> Any:
    frame = get_spark().range(0, ROWS, 1, 4).selectExpr(f"'{who}' AS who")
    return dict.fromkeys(PARTS, frame) if name == "spark_parts" else frame


def main(folder: str, name: str, kind: str) -> None:
    logging.getLogger("sparkpipe").setLevel("ERROR")
    steps = make_pipeline(kind)
    with activated(SparkProvider(SETTINGS)):
        if kind != "plain":
            get_spark()
        print("ready", flush=True)
        count = 0
        while True:
            started = time.monotonic()
            catalog = DataCatalog.from_config(entries(Path(folder)))
            catalog.add_feed_dict({"who": f"{name}-{count}"})
            try:
                SequentialRunner().run(steps, catalog)
            except Exception as exc:
                print(f"failed {exc}".replace("\n", " "), flush=True)
            else:
                print(f"ran {time.monotonic() - started}", flush=True)
            count += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
