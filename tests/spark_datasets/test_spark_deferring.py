"""Runs on Spark that read production's data from development, and change nothing there."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sparkpipe.errors import PreflightError
from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_number = itertools.count()

REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def join(events, rates, customers):
    return events.join(rates, "id").join(customers, "id")


def take(data):
    return data


def register_pipelines():
    return {
        "__default__": pipeline(
            [node(join, ["events", "rates", "customers"], "joined", name="join")]
        ),
        "copy": pipeline([node(take, "rates", "copied", name="copy")]),
    }
"""

Entries = dict[str, Any]
MakeProject = Callable[[Entries, Entries], Path]


def delta(path: str) -> Entries:
    return {"type": "spark.DeltaTableDataSet", "filepath": path, "save_args": {"mode": "overwrite"}}


def parquet(path: str) -> Entries:
    return {"type": "spark.SparkDataSet", "filepath": path, "save_args": {"mode": "overwrite"}}


def table(name: str) -> Entries:
    return {"type": "spark.SparkTableDataSet", "table": name, "write_mode": "overwrite"}


def hive(database: str, name: str) -> Entries:
    kind = {"type": "spark.SparkHiveDataSet", "database": database, "table": name}
    return {**kind, "write_mode": "overwrite"}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProject:
    package = f"spark_deferring_{next(_number)}"

    def make_project(dev: Entries, prod: Entries) -> Path:
        for name, text in {
            "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{package}"\n',
            f"{package}/__init__.py": "",
            f"{package}/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": "",
            "conf/dev/catalog.yml": yaml.safe_dump(dev),
            "conf/prod/catalog.yml": yaml.safe_dump(prod),
        }.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return make_project


def files_in(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.delta
@pytest.mark.session
@pytest.mark.spark
@pytest.mark.parametrize("runner", ["ThreadRunner", "HybridRunner"])
def test_delta_parquet_and_tables_of_production_are_read_and_stay_as_they_are(
    make: MakeProject,
    spark: SparkSession,
    database: str,
    runner: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prod = {
        "events": delta("data/prod/events"),
        "rates": parquet("data/prod/rates"),
        "customers": table(f"{database}.customers"),
        "joined": delta("data/prod/joined"),
    }
    dev = {
        "events": delta("data/dev/events"),
        "rates": parquet("data/dev/rates"),
        "customers": table(f"{database}.customers_of_dev"),
        "joined": delta("data/dev/joined"),
    }
    project = make(dev, prod)
    data = project / "data"
    spark.range(5).write.format("delta").save(f"{data}/prod/events")
    spark.range(3, 9).selectExpr("id", "id * 2 AS rate").write.parquet(f"{data}/prod/rates")
    customers = spark.range(4, 7).selectExpr("id", "'x' AS name")
    customers.write.format("delta").saveAsTable(f"{database}.customers")
    before = files_in(data / "prod")
    tables = [row.tableName for row in spark.sql(f"SHOW TABLES IN {database}").collect()]
    caplog.set_level(logging.INFO)

    with Session(project, "dev", spark=spark, defer="prod") as session:
        session.run(runner=runner)
        planned = session.plan()

    joined = spark.read.format("delta").load(f"{data}/dev/joined").collect()
    assert [tuple(row) for row in joined] == [(4, 8, "x")]
    assert files_in(data / "prod") == before
    assert [path.name for path in (data / "dev").iterdir()] == ["joined"], "no byte is copied"
    assert [row.tableName for row in spark.sql(f"SHOW TABLES IN {database}").collect()] == tables
    assert spark.sql(f"DESCRIBE HISTORY {database}.customers").count() == 1
    loads = {one.name: (one.place, one.environment) for one in planned.nodes[0].loads}
    assert loads["events"] == (f"{data}/prod/events", "prod")
    assert loads["rates"] == (f"{data}/prod/rates", "prod")
    assert f"'events' is read from 'prod': {data}/prod/events" in caplog.text
    assert f"Reading from {database}.customers." in caplog.text

    # What dev has since then is read there.
    spark.range(4, 5).write.format("delta").save(f"{data}/dev/events")
    spark.sql(
        f"CREATE TABLE {database}.customers_of_dev USING delta AS SELECT 4 AS id, 'y' AS name"
    )
    with Session(project, "dev", spark=spark, defer="prod") as session:
        session.run(runner=runner)
    joined = spark.read.format("delta").load(f"{data}/dev/joined").collect()
    assert [tuple(row) for row in joined] == [(4, 8, "y")]
    assert files_in(data / "prod") == before


PATHS = [
    "data/prod/copied",
    "data/prod/copied/",
    "./data/prod/../prod//copied",
    "{project}/data/prod/copied",
    "file:{project}/data/prod/copied",
    "file://{project}/data/prod/copied/",
    "data/link/copied",
    "data/link_to_copied",
    "data/prod",
    "data/prod/copied/day=1",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [delta, parquet])
def test_a_save_to_a_path_of_production_is_refused_however_it_is_spelt(
    make: MakeProject, kind: Callable[[str], Entries], path: str, tmp_path: Path
) -> None:
    (tmp_path / "data/prod/copied").mkdir(parents=True)
    (tmp_path / "data/link").symlink_to(tmp_path / "data/prod")
    (tmp_path / "data/link_to_copied").symlink_to(tmp_path / "data/prod/copied")
    prod = {"rates": parquet("data/prod/rates"), "copied": delta("data/prod/copied")}
    project = make({"copied": kind(path.format(project=tmp_path))}, prod)
    (project / "data/prod/rates").mkdir()
    with (
        Session(project, "dev", defer="prod") as session,
        pytest.raises(PreflightError, match="nothing of 'prod' is changed"),
    ):
        session.run("copy")
    assert [*(project / "data/prod/copied").iterdir()] == []


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (table("shop.copied"), "shop.copied"),
        (table("copied"), "default.copied"),
        (table("default.copied"), "copied"),
        (table("spark_catalog.default.copied"), "copied"),
        (table("SHOP.Copied"), "shop.copied"),
        (table("`shop`.`copied`"), "shop.copied"),
        (table("copied") | {"database": "shop"}, "shop.copied"),
        (hive("shop", "copied"), "shop.copied"),
        (hive("default", "copied"), "copied"),
    ],
)
def test_a_save_to_a_table_of_production_is_refused_however_it_is_spelt(
    make: MakeProject, own: Entries, theirs: str
) -> None:
    prod = {"rates": table("shop.rates"), "copied": table(theirs)}
    project = make({"copied": own}, prod)
    with (
        Session(project, "dev", defer="prod") as session,
        pytest.raises(PreflightError, match="nothing of 'prod' is changed"),
    ):
        session.run("copy")
