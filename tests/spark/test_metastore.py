"""Tables by name outlive the process that made them, where a project has any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparkpipe.errors import ConfigError
from sparkpipe.session import Session
from sparkpipe.spark.failures.chain import Link
from sparkpipe.spark.failures.reasons import tell
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.start.profile import effective_settings

URL = "spark.hadoop.javax.jdo.option.ConnectionURL"
TABLE = "orders: {type: spark.SparkTableDataSet, table: orders, write_mode: overwrite}\n"
REGISTRY = """
from sparkpipe.pipeline import node, pipeline
from sparkpipe.spark.session import get_spark


def make():
    spark = get_spark()
    before = spark.table("orders").count() if spark.catalog.tableExists("orders") else 0
    return spark.range(before, before + 5)


def register_pipelines():
    return {"__default__": pipeline([node(make, None, "orders")])}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "named"\n',
        "named/__init__.py": "",
        "named/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": TABLE,
        "conf/base/spark.yml": "spark.master: local[1]\nspark.profile: dev\n"
        "spark.ui.enabled: false\n",
    }
    for name, text in files.items():
        path = tmp_path / "a project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "a project"


def _url(project: Path, **changes: str) -> str | None:
    """Where a session that the project starts on one machine has its metastore."""
    provider = Session(project).spark
    return effective_settings({**provider.settings, **changes}, provider.start_options).get(URL)


def test_a_project_with_a_table_by_name_has_a_metastore(project: Path) -> None:
    assert _url(project) == f"jdbc:derby:;databaseName={project / 'metastore_db'};create=true"
    assert _url(project, **{"spark.master": "spark://host:7077"}) is None
    assert _url(project, **{"spark.hadoop.hive.metastore.uris": "thrift://h:9083"}) is None


@pytest.mark.parametrize(
    ("entry", "option", "expected"),
    [
        ("orders: {type: spark.SparkDataSet, filepath: orders}\n", "", False),
        ("orders: {type: pandas.CSVDataSet, filepath: o.csv}\n", "", False),
        ("'{any}_t': {type: databricks.ManagedTableDataSet, table: '{any}'}\n", "", True),
        ("orders: {type: CachedDataSet, dataset: {type: spark.SparkHiveDataSet}}\n", "", True),
        (TABLE, "memory", False),
        ("orders: {type: spark.SparkDataSet, filepath: orders}\n", "project", True),
        ("orders: {type: nowhere.DataSet}\n", "", False),
        ("orders: [\n", "", False),
    ],
)
def test_who_has_a_metastore(project: Path, entry: str, option: str, expected: bool) -> None:
    (project / "conf/base/catalog.yml").write_text(entry)
    if option:
        (project / "conf/base/spark.yml").write_text(f"spark.metastore: {option}\n")
    assert (_url(project) is not None) is expected


def test_a_metastore_is_in_the_project_or_in_memory() -> None:
    with pytest.raises(ConfigError, match=r"'spark\.metastore' is 'projekt'.*Did you mean"):
        SparkProvider({"spark.metastore": "projekt"})


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who has a lock")
def test_who_has_the_metastore_is_told(tmp_path: Path) -> None:
    import fcntl

    text = (
        f"ERROR XSDB6: Another instance of Derby may have already booted the database {tmp_path}."
    )
    link = Link("StandardException", text)
    assert f"remembered in {tmp_path}, which another process is using.\n" in tell([link])
    with (tmp_path / "dbex.lck").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        told = tell([link])
    assert f"process {os.getppid()} (" in told or f"process {os.getpid()} " in told
    assert "sparkpipe session start" in told


@pytest.mark.spark
def test_the_next_run_knows_the_table(delta_jars: None, project: Path) -> None:
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-m", "sparkpipe", "run"],
            cwd=project / "named",  # wherever in the project it is started
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in project.iterdir() if path.is_dir()) == [
        ".sparkpipe",  # what is remembered of the runs
        "conf",
        "logs",
        "metastore_db",
        "named",
        "spark-warehouse",
    ]
    commits = (project / "spark-warehouse/orders/_delta_log").glob("*.json")
    assert len(list(commits)) == 2
