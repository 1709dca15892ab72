"""Where only the client of Spark Connect is installed; ``make connect`` runs the rest there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import DataSetError, PreflightError, SparkStartError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.session import Session
from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start import jars
from sparkpipe.spark.start.tune import tune
from sparkpipe.spark.warm import folder as warm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ADDRESS = "sc://spark.example:15002"


@pytest.fixture
def client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyspark without its jars; no session is there."""
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    for module in (jars, spark_session):
        monkeypatch.setattr(module, "spark_jars", lambda: None)
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    monkeypatch.setattr(spark_session, "uses_databricks", lambda: False)


def test_a_session_that_would_start_here_is_refused_with_what_to_do(client_alone: None) -> None:
    with pytest.raises(SparkStartError, match="only the client of Spark Connect") as caught:
        SparkProvider().get()
    assert "SPARK_REMOTE" in str(caught.value)
    assert "pip install 'sparkpipe[spark]'" in str(caught.value)


def test_so_is_a_warm_session(client_alone: None, tmp_path: Path) -> None:
    with pytest.raises(SparkStartError, match="only the client of Spark Connect"):
        warm.start(
            warm.WarmFolder(tmp_path / "warm"),
            {},
            SparkProvider().options,
            project=tmp_path,
            source_dir=tmp_path,
            idle_minutes=1,
        )


def test_packages_that_it_lacks_are_named_together(
    client_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", ADDRESS)
    for name in ("grpc", "grpc_status"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SparkStartError, match="not installed: grpc, grpc_status") as caught:
        SparkProvider().get()
    assert "pip install 'pyspark[connect]'" in str(caught.value)


def test_nothing_is_tuned_there(client_alone: None, tmp_path: Path) -> None:
    with pytest.raises(SparkStartError, match="only the client of Spark Connect"):
        tune({}, tmp_path / "spark.log")


def test_a_run_that_reads_by_spark_is_refused_before_it_starts(
    client_alone: None, tmp_path: Path
) -> None:
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "conf" / "base" / "catalog.yml").write_text(
        "flights: {type: spark.SparkDataSet, filepath: data/flights}\n"
    )
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "nothing"\n')
    (tmp_path / "src" / "nothing").mkdir(parents=True)
    (tmp_path / "src" / "nothing" / "__init__.py").write_text("")
    (tmp_path / "src" / "nothing" / "pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(len, 'flights', 'count')])}\n"
    )
    with pytest.raises((PreflightError, SparkStartError), match="'flights' is read by Spark"):
        Session(tmp_path).run()


def test_the_server_has_delta_not_the_client(
    client_alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "delta", None)
    table = {"type": "spark.DeltaTableDataSet", "filepath": "t"}
    assert DataCatalog.from_config_lazily({"t": table}).problems() == []


@pytest.mark.parametrize(
    ("pyspark", "delta", "package"),
    [
        ("3.5.9", "3.3.3", "io.delta:delta-spark_2.12:3.3.3"),
        ("4.0.1", "4.0.1", "io.delta:delta-spark_2.13:4.0.1"),
        ("4.2.0", "4.4.0", "io.delta:delta-spark_4.2_2.13:4.4.0"),
        ("4.0.1", "4.4.0", "io.delta:delta-spark_4.0_2.13:4.4.0"),
        ("4.2.0", "4.3.1", None),
        ("4.3.0", "4.1.0", None),
        ("3.5.9", "4.0.0", None),
        ("4.0.1", "3.3.3", None),
    ],
)
def test_the_jar_of_delta_goes_with_its_version(
    monkeypatch: pytest.MonkeyPatch, pyspark: str, delta: str, package: str | None
) -> None:
    monkeypatch.setattr(jars, "find_spec", lambda name: object())
    versions = {"pyspark": pyspark, "delta-spark": delta}
    monkeypatch.setattr(jars, "installed_version", versions.__getitem__)
    assert jars.delta_package() == package


def test_a_frame_of_connect_is_data_and_no_data_set(connect: SparkSession) -> None:
    """It answers to any name, ``load`` and ``save`` too, with a column."""
    frame = connect.range(3)
    kept: list[Any] = []
    pipe = pipeline([node(lambda f: kept.append(f) or f.count(), "frame", "count")])
    outputs = SequentialRunner().run(pipe, DataCatalog(feed_dict={"frame": frame}))
    assert outputs == {"count": 3}
    assert kept[0] is frame
    with pytest.raises(DataSetError, match="is no data set"):
        DataCatalog().add("frame", frame)
