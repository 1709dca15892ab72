"""Whether something has changed in tables is told without Spark, also of tables by name."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.delta]

REGISTRY = """
from sparkpipe.pipeline import node, pipeline
from sparkpipe.spark.session import get_spark


def make(rows):
    return get_spark().range(rows)


def count(orders):
    return orders.groupBy().count()


def register_pipelines():
    return {
        "__default__": pipeline([
            node(make, "params:rows", "orders"),
            node(count, "orders", "counted"),
            node(count, "counted", "again", name="count_again"),
        ])
    }
"""
CATALOG = """
orders: {type: spark.SparkTableDataSet, table: Orders, write_mode: overwrite}
counted: {type: databricks.ManagedTableDataSet, table: counted, write_mode: overwrite}
again: {type: spark.DeltaTableDataSet, filepath: data/again}
"""
SPARK = "spark.master: local[1]\nspark.profile: dev\nspark.ui.enabled: false\n"
COMMAND = """
import sys
from sparkpipe.cli.main import cli
try:
    cli(sys.argv[1:])
finally:
    print("pyspark:", "pyspark" in sys.modules)
"""


@pytest.fixture
def project(delta_jars: None, tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "named"\n',
        "named/__init__.py": "",
        "named/pipeline_registry.py": REGISTRY,
        "conf/base/catalog.yml": CATALOG,
        "conf/base/spark.yml": SPARK,
        "conf/base/parameters.yml": "rows: 5\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def told(project: Path, *words: str) -> str:
    """Return what a command tells in a process of its own, and whether it has imported pyspark."""
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def in_spark(project: Path, *statements: str, then_run: bool = False) -> None:
    """Have somebody else change tables, by the metastore of the project."""
    program = f"""
        from sparkpipe.session import Session
        with Session(".") as session:
            for statement in {statements!r}:
                session.spark.get().sql(statement)
            if {then_run}:
                session.run()
        """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=project, check=True, timeout=300
    )


def test_a_run_of_unchanged_tables_ends_without_spark(project: Path) -> None:
    assert "pyspark: True" in told(project, "run", "--changed")
    ended = told(project, "run", "--changed")
    assert "Nothing has changed" in ended
    assert "pyspark: False" in ended
    # Where a metastore of the user's own puts tables is not guessed at.
    uri = "spark.hadoop.hive.metastore.uris: thrift://nowhere.example.com:9083\n"
    (project / "conf/base/spark.yml").write_text(SPARK + uri)
    assert "output orders: state not known" in told(project, "plan", "--changed")
    (project / "conf/base/spark.yml").write_text(SPARK)
    in_spark(project, "INSERT INTO orders VALUES (9)", "DROP TABLE counted")
    planned = told(project, "plan", "--changed")
    assert "output orders was changed by someone else" in planned
    assert "orders: Delta version 0 → 1" in planned
    assert "output counted: state not known" in planned
    assert "pyspark: False" in planned


def test_where_a_table_lies_that_has_a_place_of_its_own_only_spark_knows(project: Path) -> None:
    place = (project / "elsewhere").as_uri()
    made = f"CREATE TABLE orders (id LONG) USING delta LOCATION '{place}'"
    in_spark(project, made, then_run=True)
    planned = told(project, "plan", "--changed")
    assert "output orders: state not known" in planned
    assert "output counted" not in planned
    assert "pyspark: False" in planned
