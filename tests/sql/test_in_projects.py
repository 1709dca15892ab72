"""SQL nodes in a project: files, check, plan, changes, slices, packages and cells of notebooks."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import PreflightError
from sparkpipe.notebook.node_code import node_code
from sparkpipe.session import Session

pytest.importorskip("sqlglot")
pytest.importorskip("duckdb")
pd = pytest.importorskip("pandas")

CATALOG = """
trips: {type: pandas.ParquetDataSet, filepath: data/trips.parquet}
airlines: {type: pandas.CSVDataSet, filepath: data/airlines.csv, schema: "code STRING, name STRING"}
dear: {type: pandas.CSVDataSet, filepath: data/dear.csv, save_args: {index: false}}
by_day: {type: pandas.CSVDataSet, filepath: "data/by_day/${slice:day}.csv"}
"""
REGISTRY = """
from sparkpipe import sql_node
from sparkpipe.pipeline import pipeline


def register_pipelines():
    duck = {"engine": "duckdb"}
    daily = sql_node("sql/daily.sql", outputs="by_day", **duck)
    dear = sql_node("sql/dear.sql", outputs="dear", **duck)
    return {"__default__": pipeline([dear]), "daily": pipeline([daily])}
"""
DEAR = """
select name, sum(fare) as fare
from trips join airlines using (code) -- every trip has one
where fare > :least
group by name order by name
"""


class Shop:
    """A project that is edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = f"sql_{folder.name.replace('-', '_')}"
        self.write("pyproject.toml", f'[tool.sparkpipe]\npackage_name = "{self.package}"\n')
        self.write(f"{self.package}/__init__.py", "")
        self.write(f"{self.package}/pipeline_registry.py", REGISTRY)
        self.write(f"{self.package}/sql/daily.sql", "select * from trips where day = ${slice:day}")
        self.write("sql/dear.sql", DEAR)
        self.write("conf/base/catalog.yml", CATALOG)
        self.write("conf/base/parameters.yml", "least: 10\n")
        self.write("conf/base/slices.yml", "day: {every: 1 day, from: 2024-01-01, to: 2024-01-02}")
        self.write("data/airlines.csv", "code,name\na,A\nb,B\n")
        days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"]).date
        trips = pd.DataFrame({"code": ["a", "b", "a"], "fare": [20, 5, 30], "day": days})
        trips.to_parquet(folder / "data/trips.parquet")

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def session(self) -> Session:
        for name in [one for one in sys.modules if one.partition(".")[0] == self.package]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return Session(self.folder)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]


def test_a_project_runs_and_shows_its_queries(shop: Shop) -> None:
    session = shop.session()
    assert session.check() == []
    for runner in ("SequentialRunner", "ThreadRunner", "ParallelRunner"):
        session.run(runner=runner)
        assert (shop.folder / "data/dear.csv").read_text() == "name,fare\nA,50\n"
    told = session.pipelines["__default__"].describe(names_only=False)
    assert "dear: dear([trips,airlines,params:least]) -> [dear]" in told
    planned = session.plan().to_text("json", lambda name: name)
    assert [node["name"] for node in json.loads(planned)["nodes"]] == ["dear"]


def test_a_changed_query_runs_again_and_a_comment_does_not(shop: Shop) -> None:
    shop.session().run()

    def planned() -> Any:
        (node,) = shop.session().plan(changed=True).nodes
        return node

    assert planned().runs is False
    shop.write("sql/dear.sql", DEAR.replace("-- every trip has one", "/* so far */"))
    assert planned().runs is False
    shop.write("sql/dear.sql", DEAR.replace("sum(fare)", "max(fare)"))
    assert planned().runs
    assert "code of dear changed (sql/dear.sql:1 query)" in str(planned().reasons)


def test_slices_are_values(shop: Shop) -> None:
    session = shop.session()
    session.run("daily", slices="day=2024-01-01..2024-01-02")
    rows = {f.stem: len(pd.read_csv(f)) for f in (shop.folder / "data/by_day").iterdir()}
    assert rows == {"2024-01-01": 2, "2024-01-02": 1}
    (problem,) = session.plan("daily").problems
    assert problem.startswith("Node 'daily' depends on the slice 'day', and none is chosen.")


def test_check_tells_tables_parameters_and_columns_with_their_places(shop: Shop) -> None:
    shop.write("sql/dear.sql", "select nam, x.fares\nfrom trips x join airlines using (code)\n")
    shop.write(
        f"{shop.package}/sql/daily.sql", "select *\nfrom trps where a > :leest + ${slice:dy}"
    )
    found = shop.session().check()
    daily = f"({shop.package}/sql/daily.sql"
    for told in (
        "sql/dear.sql:1:8: none of 'trips', 'airlines' has a column 'nam'. Did you mean 'name'?",
        "sql/dear.sql:1:15: 'trips' has no column 'fares'. Did you mean 'fare'?",
        f"The input 'trps' of node 'daily' {daily}:2:6) is neither in the catalog",
        f"The parameter 'leest' that node 'daily' {daily}:2:21) needs is not set.",
        f"There is no slice 'dy', which node 'daily' {daily}:2:30) needs.",
    ):
        assert any(problem.startswith(told) for problem in found), found


def test_values_that_no_query_can_hold_are_told_before_anything_runs(shop: Shop) -> None:
    shop.write("sql/dear.sql", "select 1 as one from trips\nwhere code in (:codes)")
    shop.write("conf/base/parameters.yml", "codes: []\nleast: 1\n")
    session = shop.session()
    told = "sql/dear.sql:2:16: The parameter 'codes' is an empty list, and IN (...) needs a value."
    assert session.check()[0].startswith(told)
    with pytest.raises(PreflightError, match="is an empty list"):
        session.run()
    with pytest.raises(PreflightError, match="A object cannot be a parameter of a query"):
        session.run(params={"codes": object()})
    session.run(params={"codes": ["a"]})
    assert (shop.folder / "data/dear.csv").read_text() == "one\n1\n1\n"


def test_check_tells_all_that_is_wrong_with_texts(shop: Shop) -> None:
    shop.write("sql/dear.sql", "select 1;\ndelete from trips")
    shop.write(f"{shop.package}/sql/daily.sql", "select *\n  form trips")
    found = "\n".join(shop.session().check())
    assert "sql/dear.sql:1:1: there is a second result" in found
    assert "sql/dear.sql:2:1: DELETE is no query" in found
    assert "sql/daily.sql:2:8: this is no SQL near 'trips'" in found


def test_the_columns_of_a_result_are_those_of_the_next_table(shop: Shop) -> None:
    shop.write(
        f"{shop.package}/pipeline_registry.py",
        REGISTRY.replace(
            "pipeline([dear])",
            "pipeline([dear, sql_node(query='select nme from dear', outputs='x', **duck)])",
        ),
    )
    told = "the query 'x':1:8: 'dear' has no column 'nme'. Did you mean 'name'?"
    assert told in shop.session().check()


def test_a_delta_table_is_known_by_its_log(shop: Shop) -> None:
    from sparkpipe.schemas.stored import stored_columns

    schema = json.dumps({"type": "struct", "fields": [{"name": "a"}, {"name": "day"}]})
    shop.write(
        "data/t/_delta_log/00000000000000000000.json",
        '{"commitInfo":{}}\n'
        + json.dumps({"metaData": {"schemaString": schema}}, separators=(",", ":")),
    )
    shop.write("data/t/_delta_log/00000000000000000001.json", '{"add":{}}\n')
    assert stored_columns(shop.folder / "data/t") == ("a", "day")
    assert stored_columns(shop.folder / "data/trips.parquet") == ("code", "fare", "day")
    assert stored_columns(shop.folder / "data/none") is None
    assert stored_columns(shop.folder / "conf") is None


def test_a_cell_of_a_notebook_has_the_text(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    session = shop.session()
    (node,) = session.pipelines["__default__"].nodes
    cell = node_code(node, "__default__", session.catalog)
    assert cell.startswith("# Node 'dear' of pipeline '__default__': sql/dear.sql\n")
    assert DEAR.strip() in cell
    scope = {"catalog": session.catalog}
    exec(cell, scope)
    assert scope["result"].to_dict("records") == [{"name": "A", "fare": 50}]


def test_a_missing_duckdb_is_told_before_anything_runs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkpipe.io.importing.is_installed", lambda name: name != "duckdb")
    told = "Node 'dear': the package duckdb is not installed. Install it with: pip install "
    assert f"{told}'sparkpipe[duckdb]'" in shop.session().plan().problems
