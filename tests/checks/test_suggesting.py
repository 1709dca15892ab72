"""Checks that are suggested for data of any kind: it passes them, and YAML has them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml

from sparkpipe.checks.suggesting import suggest
from sparkpipe.config import to_yaml
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.facts import gathering
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TODAY = dt.date.today()
NAN, LONG = float("nan"), Decimal("12345678901234567890.123456789012345678")
SCHEMA = (
    "id int, `a.b` double, `c.d` string, nan double, inf double, none string, price decimal(5,2), "
    "long decimal(38,18), day date, at timestamp, many array<int>, pair struct<x:int>, data binary"
)
AT = dt.datetime.now()
ROWS: list[tuple[Any, ...]] = [
    (1, 1.5, "p", NAN, 1.0, None, Decimal("1.10"), LONG, TODAY, AT, [1], (1,), b"x"),
    (2, NAN, "q", 2.0, float("inf"), None, Decimal("2.20"), Decimal(2), TODAY, AT, [2], (2,), b"y"),
]
NAMES = ["id", "a.b", "c.d", "nan", "inf", "none", "price", "long"]
NAMES += ["day", "at", "many", "pair", "data"]


def of_column(checks: list[dict[str, Any]], word: str) -> dict[str, Any]:
    found = [check[word] for check in checks if word in check]
    return {name: value for one in found for name, value in one.items()}


def assert_is_passed(data: Any, entry: dict[str, Any]) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = yaml.safe_load(to_yaml({"checks": suggest(data)}))["checks"]
    catalog = DataCatalog.from_config({"trips": {**entry, "checks": checks}})
    with gathering() as facts:
        catalog.save("trips", data)
    assert [one.check for one in facts.checks if one.outcome != "passed"] == []
    return checks


def assert_is_as_expected(checks: list[dict[str, Any]]) -> None:
    (whole,) = (check["not_null"] for check in checks if "not_null" in check)
    assert not {"a.b", "nan", "none"}.intersection(whole)
    bounds = of_column(checks, "between")
    assert bounds["price"] == [1.1, 2.2]
    assert bounds["long"] == [2, 12345678901234567891]
    assert bounds["a.b"] == [1.5, 1.5]
    assert "inf" not in bounds
    assert set(of_column(checks, "fresh")) == {"day", "at"}


def test_frames_of_spark_pass_what_is_suggested_for_them(
    spark: SparkSession, tmp_path: Path
) -> None:
    entry = {"type": "spark.SparkDataSet", "filepath": f"{tmp_path}/trips"}
    with activated(SparkProvider(session=spark)):
        assert_is_as_expected(assert_is_passed(spark.createDataFrame(ROWS, SCHEMA), entry))
        names = spark.createDataFrame([("p",), ("q",)], "`c.d` string")
        assert {"unique": ["c.d"]} in assert_is_passed(
            names, {**entry, "filepath": f"{tmp_path}/c"}
        )
        with pytest.raises(DataSetError, match="more than one column 'a'"):
            suggest(spark.createDataFrame([(1, 2)], ["a", "A"]))


def test_frames_of_pandas_pass_what_is_suggested_for_them(tmp_path: Path) -> None:
    entry = {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/trips.csv"}
    assert_is_as_expected(assert_is_passed(pd.DataFrame(ROWS, columns=NAMES), entry))
    numbers = pd.DataFrame({"c": [1 + 2j], "a": [True]})
    assert of_column(assert_is_passed(numbers, entry), "between") == {}
    with pytest.raises(DataSetError, match="more than one column 'a'"):
        suggest(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataSetError, match="not a dict"):
        suggest({"a": 1})
