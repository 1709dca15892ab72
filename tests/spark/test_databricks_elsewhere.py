"""What is there on Databricks only, asked for elsewhere: one clear message. And the runtime."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_project import ShopProject, make_shop

from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import SparkProvider


@pytest.fixture
def shop(tmp_path: Path) -> ShopProject:
    return make_shop(tmp_path / "shop")


def _asks_for_dbutils(x: int) -> str:
    return str(dbutils.widgets.get("day"))  # type: ignore[name-defined]  # noqa: F821


def _asks_for_the_notebooks_spark(x: int) -> object:
    return spark.range(x)  # type: ignore[name-defined]  # noqa: F821


def _imports_dbutils(x: int) -> object:
    from pyspark.dbutils import DBUtils

    return DBUtils


def _imports_the_runtime(x: int) -> object:
    from databricks.sdk.runtime import dbutils

    return dbutils


def _connects(x: int) -> object:
    from databricks.connect import DatabricksSession

    return DatabricksSession


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (_asks_for_dbutils, "dbutils is there on Databricks only"),
        (_asks_for_the_notebooks_spark, "Take get_spark() of sparkpipe.spark.session"),
        (_imports_dbutils, "pyspark.dbutils is there on Databricks only"),
        (_imports_the_runtime, "elsewhere install it with: pip install databricks-sdk"),
        (_connects, "DatabricksSession is of databricks-connect, which is not installed"),
    ],
)
def test_a_node_that_asks_for_databricks_is_told_what_to_do(
    function: Callable[[int], object], told: str
) -> None:
    pipe = pipeline([node(function, "x", "y", name="n")])
    with pytest.raises(RunFailedError) as caught:
        SequentialRunner().run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert str(caught.value).count(told) == 1
    assert str(caught.value).startswith("Node 'n' failed: ")


def test_a_project_that_needs_databricks_to_be_imported_is_told(shop: ShopProject) -> None:
    shop.write("shop/nodes.py", f"day = dbutils.widgets.get('day')\n{shop.read('shop/nodes.py')}")
    said = shop.command("run")
    assert said.status == 2
    assert said.err.count("dbutils is there on Databricks only") == 1
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"type": "json.JSONDataSet", "filepath": "/Volumes/m/s/a.json"},
            "no folder /Volumes here",
        ),
        ({"type": "text.TextDataSet", "filepath": "dbfs:/mnt/a.txt"}, "no folder /dbfs here"),
        ({"type": "spark.SparkDataSet", "filepath": "/Volumes/m/s/a"}, "no folder /Volumes here"),
        (
            {"type": "spark.SparkStreamingDataSet", "filepath": "/Volumes/m/s/a"},
            "no folder /Volumes here",
        ),
        (
            {"type": "PartitionedDataSet", "path": "/Volumes/m/s/a", "dataset": "text.TextDataSet"},
            "no folder /Volumes here",
        ),
        (
            {
                "type": "CachedDataSet",
                "dataset": {"type": "spark.SparkDataSet", "filepath": "/Workspace/a"},
            },
            "no folder /Workspace here",
        ),
    ],
)
def test_a_folder_of_databricks_is_told_once_and_before_the_run(
    entry: Mapping[str, Any], told: str
) -> None:
    catalog = DataCatalog.from_config_lazily({"x": dict(entry)})
    pipe = pipeline([node(lambda x: x, "x", "y", name="n")])
    with pytest.raises(PreflightError) as caught:
        SequentialRunner().run(pipe, catalog)
    (problem,) = caught.value.problems
    assert "is there on Databricks only" in problem
    assert told in problem


def test_an_address_of_dbfs_is_told_where_sparks_own_has_none(shop: ShopProject) -> None:
    shop.write(
        "conf/base/catalog.yml",
        shop.read("conf/base/catalog.yml").replace(
            "numbers:\n  type: json.JSONDataSet\n  filepath: data/numbers.json",
            "numbers:\n  type: spark.SparkDataSet\n  filepath: dbfs:/Volumes/m/s/numbers",
        ),
    )
    said = shop.command("run")
    assert said.status == 2
    assert said.err == (
        "Error: Data set 'numbers' (dbfs:/Volumes/m/s/numbers) is there on Databricks only: the "
        "Spark of this machine has no dbfs:/. Give another path in an environment for this "
        "machine.\n"
    )


# The runtime


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "json.JSONDataSet", "filepath": "/Volumes/main/shop/files/a.json"},
        {"type": "spark.SparkDataSet", "filepath": "/Volumes/main/shop/files/a"},
        {"type": "spark.DeltaTableDataSet", "filepath": "/Volumes/main/shop/files/a"},
        {"type": "spark.SparkTableDataSet", "table": "main.shop.a"},
    ],
)
def test_on_databricks_nothing_is_asked_for_but_the_entry(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    # The runtime has Delta, and not as a package.
    monkeypatch.setitem(sys.modules, "delta", None)
    catalog = DataCatalog.from_config({"a": entry})
    assert list(catalog.problems()) == []


def test_info_on_databricks_proposes_to_install_no_spark(
    shop: ShopProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    said = shop.command("info")
    assert said.status == 0
    assert "runtime 17.3, whose Spark is taken as it is" in said.out
    assert "pip install" not in said.out


def test_compute_that_cannot_be_reached_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = object()
    monkeypatch.setenv("DATABRICKS_CLUSTER_ID", "0123")
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(spark_session, "start_session", lambda *_: started)
    with caplog.at_level(logging.WARNING, "sparkpipe"):
        assert SparkProvider().get() is started  # type: ignore[comparison-overlap]
    assert "DATABRICKS_CLUSTER_ID is set, but databricks-connect is not installed" in caplog.text
