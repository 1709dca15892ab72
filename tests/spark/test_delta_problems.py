"""Delta where none can be loaded: told before a run; and where somebody else brings it."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from sparkpipe.cli.main import cli
from sparkpipe.errors import PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.session import Session
from sparkpipe.spark import session as spark_session
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.profile import effective_settings

TABLE = {"type": "spark.DeltaTableDataSet", "filepath": "t"}
EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"

Install = Callable[[str, "str | None"], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    """Let these versions of pyspark and delta-spark be installed, and no session be there."""
    monkeypatch.setattr(spark_session, "active_session", lambda: None)
    for name in ("SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    real = importlib.metadata.version

    def put(pyspark: str, delta: str | None) -> None:
        versions = {"pyspark": pyspark, "delta-spark": delta}
        monkeypatch.setattr(
            importlib.metadata, "version", lambda name: versions.get(name) or real(name)
        )
        module = None if delta is None else ModuleType("delta")
        if module is not None:
            module.__spec__ = ModuleSpec("delta", None)
        monkeypatch.setitem(sys.modules, "delta", module)  # type: ignore[arg-type]

    return put


@pytest.fixture
def without_delta(install: Install) -> None:
    """The newest Spark, for which there is no Delta."""
    install("4.3.0", None)


def problems_of(**entry: Any) -> list[str]:
    return DataCatalog.from_config_lazily({"t": entry}).problems()


@pytest.mark.parametrize(
    ("pyspark", "delta", "why"),
    [
        ("4.3.0", None, "there is none for pyspark 4.3.0"),
        # An old one that asks for any newer Spark.
        ("4.3.0", "4.1.0", "there is none for pyspark 4.3.0"),
        ("4.2.0", None, "the package delta-spark is not installed"),
        ("4.2.1", None, "the package delta-spark is not installed"),
        ("4.2.0", "4.3.1", "delta-spark 4.3.1 has no jar for pyspark 4.2.0"),
    ],
)
def test_it_is_told_why_no_delta_can_be_loaded_and_what_to_do(
    install: Install, pyspark: str, delta: str | None, why: str
) -> None:
    install(pyspark, delta)
    (problem,) = problems_of(**TABLE)
    assert problem.startswith("Data set 't' ")
    assert f"Delta is needed, and {why}" in problem
    assert "pyspark 4.2.0 with delta-spark 4.4.0" in problem
    assert "pip install" in problem
    assert "'sparkpipe[spark]'" in problem


@pytest.mark.parametrize(
    ("pyspark", "delta"),
    [("3.5.9", "3.3.3"), ("4.0.1", "4.0.1"), ("4.1.1", "4.4.0"), ("4.2.0", "4.4.0")],
)
def test_nothing_is_told_of_a_pair_that_works(install: Install, pyspark: str, delta: str) -> None:
    install(pyspark, delta)
    assert problems_of(**TABLE) == []


def test_a_delta_that_is_newer_than_this_sparkpipe_is_taken_at_its_word(install: Install) -> None:
    install("4.3.0", "4.5.0")
    assert problems_of(**TABLE) == []
    packages = effective_settings({})["spark.jars.packages"]
    assert packages == "io.delta:delta-spark_4.3_2.13:4.5.0"


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "spark.DeltaTableDataSet", "filepath": "t", "load_as": "delta_table"},
        {"type": "spark.SparkDataSet", "filepath": "t", "file_format": "delta"},
        {"type": "spark.SparkStreamingDataSet", "filepath": "t", "file_format": "delta"},
        {"type": "spark.SparkTableDataSet", "table": "t", "write_mode": "append"},
        {"type": "databricks.ManagedTableDataSet", "table": "t", "write_mode": "overwrite"},
        {"type": "CachedDataSet", "dataset": TABLE},
    ],
)
def test_whatever_needs_delta_is_told(without_delta: None, entry: dict[str, Any]) -> None:
    (problem,) = problems_of(**entry)
    assert "Delta is needed" in problem


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "spark.SparkDataSet", "filepath": "t"},
        # In a format of its own, which Spark knows.
        {"type": "spark.SparkTableDataSet", "table": "t"},
        {
            "type": "spark.SparkTableDataSet",
            "table": "t",
            "write_mode": "append",
            "file_format": "parquet",
        },
        {"type": "spark.SparkHiveDataSet", "database": "d", "table": "t"},
        {"type": "spark.SparkStreamingDataSet", "filepath": "t"},
    ],
)
def test_what_needs_no_delta_is_not(without_delta: None, entry: dict[str, Any]) -> None:
    assert problems_of(**entry) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"spark.jars.packages": "io.delta:delta-spark_4.3_2.13:4.5.0"},
        {"spark.jars": "/jars/delta-spark_4.3_2.13-4.5.0.jar,/jars/delta-storage-4.5.0.jar"},
        {"spark.driver.extraClassPath": "/jars/delta-core.jar"},
        {"spark.jars": "/jars/all.jar", "spark.sql.extensions": EXTENSION},
        {"spark.remote": "sc://spark.example:15002"},
    ],
)
def test_nothing_is_told_where_the_settings_bring_delta(
    without_delta: None, settings: dict[str, str], project: Path
) -> None:
    assert any("Delta is needed" in problem for problem in Session(project).check())
    lines = "".join(f'{key}: "{value}"\n' for key, value in settings.items())
    (project / "conf" / "base" / "spark.yml").write_text(lines)
    assert not any("Delta" in problem for problem in Session(project).check())


@pytest.mark.parametrize(
    "settings", [{"spark.sql.extensions": EXTENSION}, {"spark.jars": "/jars/my.jar"}]
)
def test_an_extension_without_a_jar_or_another_jar_brings_none(
    without_delta: None, settings: dict[str, str]
) -> None:
    assert "Delta is needed" in SparkProvider(settings).delta_problem()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPARK_REMOTE", "sc://spark.example:15002"),
        ("DATABRICKS_RUNTIME_VERSION", "17.3"),
        # That of spark-submit, which knows its own packages.
        ("PYSPARK_GATEWAY_PORT", "4040"),
        ("PYSPARK_SUBMIT_ARGS", "--packages io.delta:delta-spark_4.3_2.13:4.5.0 pyspark-shell"),
    ],
)
def test_nothing_is_told_where_the_environment_brings_delta(
    without_delta: None, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert problems_of(**TABLE) == []


def test_nor_where_sparks_own_configuration_does(without_delta: None, tmp_path: Path) -> None:
    assert problems_of(**TABLE)
    defaults = tmp_path / "spark-defaults.conf"
    defaults.write_text("spark.jars.packages io.delta:delta-spark_4.3_2.13:4.5.0\n")
    assert problems_of(**TABLE) == []


def test_nor_of_a_session_that_is_given_or_there_already(
    without_delta: None, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: Any = lambda: None  # noqa: E731
    assert not any("Delta" in problem for problem in Session(project, spark=given).check())
    monkeypatch.setattr(spark_session, "active_session", lambda: object())
    assert not any("Delta" in problem for problem in Session(project).check())


def test_a_run_is_refused_before_anything_runs(without_delta: None, project: Path) -> None:
    with pytest.raises(PreflightError, match=r"there is none for pyspark 4\.3\.0"):
        Session(project).run()
    assert not (project / "ran").exists()


@pytest.mark.parametrize("delta", [None, "4.1.0"])
def test_a_session_starts_without_looking_for_a_delta_that_is_not_there(
    install: Install, delta: str | None
) -> None:
    install("4.3.0", delta)
    settings = effective_settings({})
    assert "spark.jars.packages" not in settings
    assert "spark.sql.extensions" not in settings
    assert "spark.sql.catalog.spark_catalog" not in settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of which the second node saves a Delta table."""
    name = f"tables_{uuid4().hex}"  # a process imports each package once
    base = tmp_path / "conf" / "base"
    base.mkdir(parents=True)
    (base / "catalog.yml").write_text("table: {type: spark.DeltaTableDataSet, filepath: data/t}\n")
    (tmp_path / "pyproject.toml").write_text(f'[tool.sparkpipe]\npackage_name = "{name}"\n')
    package = tmp_path / "src" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "pipeline_registry.py").write_text(
        "from pathlib import Path\n"
        "from sparkpipe.pipeline import node, pipeline\n"
        f"def run(): Path({str(tmp_path / 'ran')!r}).touch(); return 1\n"
        "def keep(number): return number\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline(\n"
        "        [node(run, None, 'number'), node(keep, 'number', 'table')]\n"
        "    )}\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        (None, "there is none for pyspark 4.3.0 that sparkpipe knows of. pyspark 4.2.0 with "),
        ("4.5.0", "io.delta:delta-spark_4.3_2.13:4.5.0 (fetched at the first start)"),
    ],
)
def test_info_tells_it_in_a_line(
    install: Install, delta: str | None, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("4.3.0", delta)
    monkeypatch.setenv("SPARKPIPE_CACHE", str(tmp_path))
    said = CliRunner().invoke(cli, ["info"])
    assert said.exit_code == 0
    (line,) = (line for line in said.output.splitlines() if line.startswith("Delta "))
    assert told in line
