"""Rows that go by in a write are counted once, and judged at a price that grows with the checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sparkpipe.datasets.spark import SparkDataSet
from sparkpipe.io import DataCatalog
from sparkpipe.io.facts import gathering
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Of 100 rows, 20 are dropped and, of all, 35 warned of.
CHECKS: list[dict[str, Any]] = [
    {"check": "id < 90 OR id >= 0", "name": "holds"},
    {"check": "id < 80", "name": "small", "on_fail": "drop"},
    {"check": "part <> 1 OR id >= 70", "name": "part", "on_fail": "warn"},
    {"rows": {"min": 1}, "on_fail": "warn"},
]
COUNTED = {"holds": (0, 100), "small": (20, 100), "part": (35, 100), "rows": (None, 100)}

FRAMES: dict[str, Callable[[SparkSession], DataFrame]] = {
    "range": lambda spark: spark.range(100).selectExpr("id", "id % 2 AS part"),
    "values": lambda spark: spark.sql(
        f"SELECT * FROM VALUES {', '.join(f'({n}L, {n % 2}L)' for n in range(100))} AS t(id, part)"
    ),
    "pandas": lambda spark: spark.createDataFrame(_pandas()),
    "kept": lambda spark: FRAMES["range"](spark).persist(),
    "sampled for its ranges": lambda spark: FRAMES["range"](spark).repartitionByRange(3, "id"),
    "united": lambda spark: (
        FRAMES["values"](spark).where("id < 50").unionAll(FRAMES["range"](spark).where("id >= 50"))
    ),
}


def _pandas() -> Any:
    import pandas as pd

    return pd.DataFrame({"id": range(100), "part": [n % 2 for n in range(100)]})


def entries(folder: Path, database: str) -> dict[str, dict[str, Any]]:
    return {
        "delta": {"type": "spark.DeltaTableDataSet", "filepath": str(folder / "delta")},
        "csv": {
            "type": "spark.SparkDataSet",
            "filepath": str(folder / "csv"),
            "file_format": "csv",
            "save_args": {"mode": "overwrite", "partitionBy": ["part"]},
        },
        "table": {
            "type": "spark.SparkTableDataSet",
            "table": "counted",
            "database": database,
            "write_mode": "overwrite",
        },
    }


@pytest.mark.parametrize("frame", FRAMES)
def test_rows_are_counted_once_in_every_write(
    spark: SparkSession, tmp_path: Path, database: str, frame: str
) -> None:
    with activated(SparkProvider(session=spark)):
        for place, entry in entries(tmp_path, database).items():
            catalog = DataCatalog.from_config({"data": {**entry, "checks": CHECKS}})
            rows = FRAMES[frame](spark)
            with gathering() as facts:
                catalog.save("data", rows)
            rows.unpersist(blocking=True)
            found = {one.check: (one.failed, one.rows) for one in facts.checks}
            assert found == COUNTED, place
            assert catalog.load("data").count() == 80, place


#: Java's compilers leave a longer method alone.
LONGEST_METHOD = 8_000


def longest_method(frame: Any) -> int:
    """Return the bytes of the longest method that Spark makes of a plan."""
    debug: Any = frame.sparkSession._jvm.org.apache.spark.sql.execution.debug
    code = debug.package.codegenString(frame._jdf.queryExecution().executedPlan())
    return max(map(int, re.findall(r"maxMethodCodeSize:(\d+)", str(code))), default=0)


class Looked(SparkDataSet):
    """Keeps what is saved."""

    seen: ClassVar[list[Any]] = []

    def _save(self, data: Any) -> None:
        self.seen.append(data)
        super()._save(data)


@pytest.mark.parametrize("on_fail", ["fail", "warn", "drop"])
def test_many_checks_make_no_method_that_java_would_not_compile(
    spark: SparkSession, tmp_path: Path, on_fail: str
) -> None:
    checks = [
        {"between": {f"c{n % 4}": [-1 - n, 100]}, "name": f"k{n}", "on_fail": on_fail}
        for n in range(48)
    ]
    entry = {"type": f"{__name__}.Looked", "filepath": str(tmp_path / "data"), "checks": checks}
    spark.range(200).selectExpr(*(f"int(id) AS c{n}" for n in range(4))).write.parquet(
        str(tmp_path / "source")
    )
    rows = spark.read.parquet(str(tmp_path / "source"))
    Looked.seen.clear()
    with activated(SparkProvider(session=spark)), gathering() as facts:
        catalog = DataCatalog.from_config({"data": entry})
        if on_fail == "fail":
            rows = rows.where("c0 <= 100")
        catalog.save("data", rows)
        loaded = catalog.load("data")
    assert 0 < longest_method(rows) < LONGEST_METHOD
    assert longest_method(Looked.seen[0]) < LONGEST_METHOD
    assert longest_method(loaded) < LONGEST_METHOD
    assert {one.failed for one in facts.checks} == {0 if on_fail == "fail" else 99}
    assert loaded.count() == (200 if on_fail == "warn" else 101)
