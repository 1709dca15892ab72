"""Classes of kedro-datasets work in the catalog as they are."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

pytest.importorskip("kedro_datasets", reason="kedro-datasets is not installed")

from sparkpipe.errors import DataSetError
from sparkpipe.io import CachedDataSet, DataCatalog, declared
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.plan.conflicts import target_problems
from sparkpipe.runner import ParallelRunner, SequentialRunner, ThreadRunner

TABLE = pd.DataFrame({"name": ["a", "b"], "n": [1, 2]})
SECRET = "hunter2"


def same_frame(left: Any, right: Any) -> bool:
    assert_frame_equal(left, right)
    return True


FILES: list[Any] = [
    pytest.param("pandas.CSVDataset", TABLE, same_frame, id="csv"),
    pytest.param("pandas.ParquetDataset", TABLE, same_frame, id="parquet"),
    pytest.param("pandas.ExcelDataset", TABLE, same_frame, id="excel"),
    pytest.param("pandas.JSONDataset", TABLE, same_frame, id="table as json"),
    pytest.param("pandas.FeatherDataset", TABLE, same_frame, id="feather"),
    pytest.param("pandas.XMLDataset", TABLE, same_frame, id="xml"),
    pytest.param("json.JSONDataset", {"a": [1, "b"]}, operator.eq, id="json"),
    pytest.param("yaml.YAMLDataset", {"a": [1, "b"]}, operator.eq, id="yaml"),
    pytest.param("text.TextDataset", "é", operator.eq, id="text"),
    pytest.param("pickle.PickleDataset", {1, 2}, operator.eq, id="pickle"),
]
files = pytest.mark.parametrize(("kind", "data", "same"), FILES)
Same = Callable[[Any, Any], bool]


@files
def test_files_are_saved_and_loaded_by_their_dotted_type(
    tmp_path: Path, kind: str, data: Any, same: Same
) -> None:
    entry = {"type": f"kedro_datasets.{kind}", "filepath": str(tmp_path / "deep" / "data")}
    catalog = DataCatalog.from_config({"x": entry})
    assert type(catalog["x"]).__module__.startswith("kedro_datasets.")
    assert not catalog.exists("x")
    catalog.save("x", data)
    assert catalog.exists("x")
    assert same(catalog.load("x"), data)
    catalog.release("x")


@files
def test_versions_of_theirs_are_kept(tmp_path: Path, kind: str, data: Any, same: Same) -> None:
    entry = {
        "type": f"kedro_datasets.{kind}",
        "filepath": str(tmp_path / "data"),
        "versioned": True,
        "metadata": {"owner": "us"},
        "layer": "raw",
    }
    for version in ("2026-01-01", "2026-01-02"):
        DataCatalog.from_config({"x": entry}, save_version=version).save("x", data)
    catalog = DataCatalog.from_config({"x": entry}, load_versions={"x": "2026-01-01"})
    assert same(catalog.load("x"), data)
    assert same(catalog.load("x", version="2026-01-02"), data)
    assert catalog["x"].resolve_load_version() == "2026-01-01"
    assert catalog["x"].metadata == {"owner": "us"}
    assert catalog.layers == {"raw": {"x"}}
    assert (tmp_path / "data" / "2026-01-02" / "data").is_file()
    with pytest.raises(DataSetError, match="'x'"):
        DataCatalog.from_config({"x": entry}, save_version="2026-01-02").save("x", data)


def test_tables_and_queries_of_a_database(tmp_path: Path) -> None:
    credentials = {"db": {"con": f"sqlite:///{tmp_path / 'shop.db'}"}}
    catalog = DataCatalog.from_config(
        {
            "orders": {
                "type": "kedro_datasets.pandas.SQLTableDataset",
                "table_name": "orders",
                "credentials": "db",
            },
            "large": {
                "type": "kedro_datasets.pandas.SQLQueryDataset",
                "sql": "select * from orders where n > 1",
                "credentials": "db",
            },
        },
        credentials,
    )
    assert not catalog.exists("orders")
    catalog.save("orders", TABLE)
    assert_frame_equal(catalog.load("orders"), TABLE)
    assert list(catalog.load("large")["name"]) == ["b"]


def test_partitions_and_checkpoints_of_theirs(tmp_path: Path) -> None:
    def entry(kind: str) -> dict[str, Any]:
        return {
            "type": f"kedro_datasets.partitions.{kind}",
            "path": str(tmp_path),
            "dataset": "kedro_datasets.text.TextDataset",
            "filename_suffix": ".txt",
        }

    catalog = DataCatalog.from_config(
        {"all": entry("PartitionedDataset"), "new": entry("IncrementalDataset")}
    )
    catalog.save("all", {"a": "1", "b": "2"})
    assert {name: load() for name, load in catalog.load("all").items()} == {"a": "1", "b": "2"}
    assert catalog.load("new") == {"a": "1", "b": "2"}
    catalog.confirm("new")
    catalog.release("new")
    assert catalog.load("new") == {}


def test_pictures_of_theirs(tmp_path: Path) -> None:
    from matplotlib.figure import Figure
    from PIL import Image

    catalog = DataCatalog.from_config(
        {
            "plot": {
                "type": "kedro_datasets.matplotlib.MatplotlibDataset",
                "filepath": str(tmp_path / "a.png"),
            },
            "image": {
                "type": "kedro_datasets.pillow.ImageDataset",
                "filepath": str(tmp_path / "b.png"),
            },
        }
    )
    catalog.save("plot", Figure(figsize=(1, 1)))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    catalog.save("image", Image.new("RGB", (2, 3)))
    assert catalog.load("image").size == (2, 3)


def test_short_types_that_we_do_not_have_are_theirs(tmp_path: Path) -> None:
    for kind in ("pandas.XMLDataset", "pandas.XMLDataSet"):
        catalog = DataCatalog.from_config({"x": {"type": kind, "filepath": str(tmp_path / "a")}})
        assert type(catalog["x"]).__module__ == "kedro_datasets.pandas.xml_dataset"
    catalog = DataCatalog.from_config(
        {"x": {"type": "pandas.CSVDataset", "filepath": str(tmp_path / "a")}}
    )
    assert type(catalog["x"]).__module__.startswith("sparkpipe.")


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])
def test_runners_load_and_save_them(tmp_path: Path, runner: Any) -> None:
    def entry(name: str) -> dict[str, Any]:
        kind = "kedro_datasets.json.JSONDataset"
        return {"type": kind, "filepath": str(tmp_path / name), "versioned": name != "xs.json"}

    catalog = DataCatalog.from_config({n: entry(f"{n}.json") for n in ("xs", "ys", "total")})
    catalog.save("xs", [1, 2])
    nodes = [node(sorted, "xs", "ys"), node(sum, "ys", "total")]
    assert runner().run(Pipeline(nodes), catalog) == {}
    assert DataCatalog.from_config({"total": entry("total.json")}).load("total") == 3


def test_cache_around_theirs(tmp_path: Path) -> None:
    inside = {"type": "kedro_datasets.text.TextDataset", "filepath": str(tmp_path / "a.txt")}
    catalog = DataCatalog.from_config({"x": {"type": "CachedDataSet", "dataset": inside}})
    catalog.save("x", "1")
    (tmp_path / "a.txt").write_text("2")
    assert catalog.load("x") == "1"
    catalog.release("x")
    assert catalog.load("x") == "2"


def test_patterns_make_theirs(tmp_path: Path) -> None:
    entry = {
        "type": "kedro_datasets.{kind}.TextDataset",
        "filepath": f"{tmp_path}/{{name}}.txt",
    }
    catalog = DataCatalog.from_config({"{kind}#{name}": entry})
    catalog.save("text#a", "1")
    assert (tmp_path / "a.txt").read_text() == "1"


def two_writers(one: dict[str, Any], other: dict[str, Any], *, ordered: bool = False) -> list[str]:
    catalog = DataCatalog({"a": Shown(**one), "b": Shown(**other)})
    steps = [node(lambda: 1, None, "a", name="first")]
    steps.append(node(lambda *x: 1, "a" if ordered else None, "b", name="second"))
    return target_problems(Pipeline(steps), catalog)


class Shown:
    """A data set of another library, by what it shows of itself."""

    def __init__(self, save_args: Any = None, connection: Any = None, **described: Any) -> None:
        self._described = described
        self._save_args = save_args or {}
        self._connection_str = connection

    def _describe(self) -> dict[str, Any]:
        return self._described

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...


def test_a_load_that_gives_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    catalog = DataCatalog({"table": Shown(filepath="data/t")})
    steps = Pipeline([node(lambda table: table is None, "table", "is_nothing", name="n")])
    assert SequentialRunner().run(steps, catalog) == {"is_nothing": True}
    assert "'table' (Shown, data/t) gave None: is there nothing to load yet?" in caplog.text


def test_two_tables_of_one_file_that_each_save_writes_anew_are_refused() -> None:
    one, other = ({"filepath": "x.h5", "key": key} for key in "ab")
    for ordered in (False, True):
        (problem,) = two_writers(one, other, ordered=ordered)
        assert "'a' and 'b' are two tables ('a', 'b') of one file, x.h5" in problem
    catalog = DataCatalog({"a": Shown(**one), "b": Shown(**other)})
    (lost,) = target_problems(Pipeline([node(lambda a: a, "a", "b", name="n")]), catalog)
    assert "two tables" in lost
    assert len(two_writers(one, one)) == 1
    assert two_writers(one, one, ordered=True) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"table_name": "t", "database": "x"}, {"table_name": "t", "database": "y"}),
        ({"table_name": "t"}, {"table_name": "t"}),
        ({"table_name": "t", "filepath": "None"}, {"table_name": "t", "filepath": None}),
        (
            {"table_name": "t", "connection": "sqlite:///a"},
            {"table_name": "t", "connection": "sqlite:///b"},
        ),
        (
            {"table_name": "t", "connection": "db://h", "save_args": {"schema": "x"}},
            {"table_name": "t", "connection": "db://h", "save_args": {"schema": "y"}},
        ),
        ({"url": "jdbc:a:x", "table": "t"}, {"url": "jdbc:a:y", "table": "t"}),
    ],
)
def test_tables_that_are_not_known_to_be_one_are_no_conflict(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert two_writers(one, other) == []


def test_their_classes_of_spark_are_what_they_say() -> None:
    def entry(kind: str, **options: Any) -> Any:
        return DataCatalog.from_config({"x": {"type": f"kedro_datasets.{kind}", **options}})["x"]

    jdbc = [
        entry("spark.SparkJDBCDataset", url=f"jdbc:postgresql://{host}/d", table="t")
        for host in ("a", "b")
    ]
    assert declared.target_of(jdbc[0]) != declared.target_of(jdbc[1])
    assert not declared.is_transactional(jdbc[0])
    tables = {
        mode: entry("databricks.ManagedTableDataset", table="t", **mode_of(mode))
        for mode in ("overwrite", "append", "upsert", "")
    }
    effects = {mode: declared.save_effect(table) for mode, table in tables.items()}
    assert effects == {"overwrite": "replace", "append": "append", "upsert": "merge", "": "keep"}
    assert "it has no write_mode" in declared.why_unwritable(tables[""])
    assert declared.why_unwritable(tables["append"]) == ""
    for one in (*jdbc, *tables.values(), CachedDataSet(jdbc[0])):
        assert declared.is_single_process(one)


def mode_of(mode: str) -> dict[str, Any]:
    key = {"primary_key": "id"} if mode == "upsert" else {}
    return {"write_mode": mode, **key} if mode else {}


def test_one_table_of_one_database_is_a_conflict() -> None:
    table = {"table_name": "t", "connection": "sqlite:///a"}
    assert len(two_writers(table, table)) == 1


def test_credentials_of_theirs_are_never_shown(tmp_path: Path) -> None:
    class_path = "kedro_datasets.pandas.SQLTableDataset"
    catalog = DataCatalog.from_config_lazily(
        {
            "good": {"type": class_path, "table_name": "a", "credentials": "db"},
            "bad": {"type": class_path, "table_name": "a", "credentials": {"con": SECRET}},
            "file": {
                "type": "kedro_datasets.text.TextDataset",
                "filepath": "memory://a.txt",
                "credentials": {"key": SECRET},
            },
        },
        {"db": {"con": f"nosuch://me:{SECRET}@host/db"}},
    )
    shown = [repr(catalog)]
    for name in catalog:
        try:
            shown.append(repr(catalog[name]))
            catalog.load(name)
        except DataSetError as exc:
            shown.append(str(exc))
    assert not [text for text in shown if SECRET in text]


def test_package_that_one_of_theirs_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lxml", None)
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({"g": {"type": "networkx.GMLDataset", "filepath": "a"}})
    assert "'g'" in str(error.value)
    assert "networkx" in str(error.value)
    assert "pip install 'kedro-datasets[networkx-gmldataset]'" in str(error.value)
