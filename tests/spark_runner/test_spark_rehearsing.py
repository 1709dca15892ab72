"""A rehearsal on Spark finds a wrong column by schemas alone, classic and Connect."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sparkpipe.session import Session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_number = itertools.count()

LONG = """
from sparkpipe.pipeline import node, pipeline


def step(number):
    def add(frame):
        column = "amuont" if number == 87 else "amount"
        return frame.withColumn("amount", frame[column] + 1)
    return add


def register_pipelines():
    return {"__default__": pipeline([
        node(step(n), f"t{n - 1}", f"t{n}", name=f"step{n}") for n in range(1, 101)
    ])}
"""

MIXED = """
from pyspark.sql.functions import udf
from sparkpipe.pipeline import node, pipeline


def land(source):
    return source


def double(raw):
    return raw.selectExpr("id", "amount * 2 AS amount")


def largest(doubled):
    return doubled.agg({"amount": "max"}).first()[0] + 1


def change(table):
    raise AssertionError("a real table could be changed")


def split(doubled):
    return doubled.selectExpr("id AS day", "amount")


def register_pipelines():
    return {"__default__": pipeline([
        node(land, "source", "raw@pandas", name="land"),
        node(double, "raw@spark", "doubled", name="double"),
        node(largest, "doubled", "most", name="largest"),
        node(change, "handle", "changed", name="change"),
        node(split, "doubled", "parts", name="split"),
    ])}
"""

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    package = f"rehearsing_spark_{next(_number)}"

    def make_project(registry: str, entries: dict[str, Any]) -> Path:
        for name, text in {
            "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{package}"\n',
            f"{package}/__init__.py": "",
            f"{package}/pipeline_registry.py": registry,
            "conf/base/catalog.yml": yaml.safe_dump(entries),
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return make_project


def parquet(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "spark.SparkDataSet", "filepath": f"data/{name}", **more}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("classic", marks=pytest.mark.classic("the other kind of session is tested")),
        "connect",
    ],
)
def test_a_wrong_column_in_node_87_of_100_is_told_in_seconds(
    request: pytest.FixtureRequest, spark: SparkSession, make: Make, kind: str
) -> None:
    session = spark if kind == "classic" else request.getfixturevalue("connect")
    schema = "id BIGINT, amount DOUBLE"
    entries = {"t{n}": parquet("{n}"), "t0": parquet("0", schema=schema)}
    entries["t87"] = parquet("87", schema=schema)
    project = make(LONG, entries)
    found = Session(project, spark=session).rehearse()
    (wrong,) = found.of("wrong")
    assert wrong.node == "step87"
    assert "amuont" in wrong.reason
    assert wrong.location.endswith("in add")
    assert len(found.of("good")) == 99, "what comes after goes on with the declared schema"
    assert found.seconds < 60, "a few seconds where nothing else runs"
    assert not (project / "data").exists()


def test_forms_handles_and_rows(spark: SparkSession, make: Make) -> None:
    entries = {
        "source": {"type": "pandas.CSVDataSet", "filepath": "data/source.csv"},
        "raw@pandas": {"type": "pandas.ParquetDataSet", "filepath": "data/raw.parquet"},
        "raw@spark": parquet("raw.parquet"),
        "handle": {
            "type": "spark.DeltaTableDataSet",
            "filepath": "data/t",
            "load_as": "delta_table",
        },
        "parts": parquet("parts", save_args={"partitionBy": "month"}),
    }
    project = make(MIXED, entries)
    (project / "data").mkdir()
    (project / "data/source.csv").write_text("id,amount\n1,2.5\n2,3.5\n")
    session = Session(project, spark=spark)

    found = {one.node: one for one in session.rehearse().nodes}
    assert {name: one.verdict for name, one in found.items()} == {
        "land": "good",
        "double": "good",
        "largest": "unjudged",
        "change": "unjudged",
        "split": "wrong",
    }
    assert "it is partitioned by 'month', and the data has no such column" in found["split"].reason
    assert "by which the real table can be changed" in found["change"].reason

    found = {one.node: one for one in session.rehearse(rows=1).nodes}
    assert [one.node for one in found.values() if one.verdict == "good"] == [
        "land",
        "double",
        "largest",
    ]
    assert found["split"].verdict == "wrong"
    assert [path.name for path in (project / "data").iterdir()] == ["source.csv"]


SAVES = """
from sparkpipe.pipeline import node, pipeline


def same(raw):
    return raw


def register_pipelines():
    names = ("merged", "ordered", "clustered", "fine")
    return {"__default__": pipeline([node(same, "raw", name, name=name) for name in names])}
"""


def test_columns_that_a_save_to_delta_needs_are_judged(spark: SparkSession, make: Make) -> None:
    def delta(name: str, **save_args: Any) -> dict[str, Any]:
        place = {"type": "spark.DeltaTableDataSet", "filepath": f"data/{name}"}
        return {**place, "save_args": save_args}

    entries = {
        "raw": parquet("raw", schema="id INT, ts INT"),
        "merged": delta("merged", mode="merge", keys=["idd"]),
        "ordered": delta("ordered", mode="merge", keys=["id"], sequence_by="tss"),
        "clustered": delta("clustered", cluster_by=["day"]),
        "fine": delta("fine", mode="merge", keys=["ID"], sequence_by="ts"),
    }
    found = {one.node: one for one in Session(make(SAVES, entries), spark=spark).rehearse().nodes}
    judged = {name: one.verdict for name, one in found.items()}
    assert judged == {"merged": "wrong", "ordered": "wrong", "clustered": "wrong", "fine": "good"}
    assert "it is merged by 'idd', and the data has no such column: id, ts." in (
        found["merged"].reason
    )


STREAMS = """
from sparkpipe.pipeline import node, pipeline


def register_pipelines():
    return {"__default__": pipeline([
        node(lambda news: news.where("id > 0"), "news", "kept@stream", name="keep"),
        node(lambda kept: kept.select("id"), "kept@batch", "ids", name="read"),
        node(lambda news: news, "news", "checked@stream", name="check"),
    ])}
"""


@pytest.mark.parametrize("rows", [0, 2])
def test_streams_go_on_without_rows(spark: SparkSession, make: Make, rows: int) -> None:
    def stream(name: str, **more: Any) -> dict[str, Any]:
        saving = {"save_args": {"checkpoint": f"data/of_{name}"}, "file_format": "delta"}
        place = {"type": "spark.SparkStreamingDataSet", "filepath": f"data/{name}"}
        return {**place, **saving, **more}

    schema = {"schema": "id INT"}
    entries = {
        "news": stream("news", file_format="json", load_args=schema, save_args={}),
        "kept@stream": stream("kept"),
        "kept@batch": {"type": "spark.DeltaTableDataSet", "filepath": "data/kept"},
        "checked@stream": stream("checked", checks=[{"check": "idd > 1", "on_fail": "warn"}]),
    }
    project = make(STREAMS, entries)
    (project / "data/news").mkdir(parents=True)
    (project / "data/news/1.json").write_text('{"id": 1}')
    found = {one.node: one for one in Session(project, spark=spark).rehearse(rows=rows).nodes}
    judged = {name: one.verdict for name, one in found.items()}
    assert judged == {"keep": "good", "read": "good", "check": "wrong"}
    assert "there is no column `idd`. Did you mean `id`?" in found["check"].reason
    assert [path.name for path in (project / "data").iterdir()] == ["news"]
