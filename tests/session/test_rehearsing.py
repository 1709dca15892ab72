"""A rehearsal finds wrong columns on schemas alone, and writes nothing real."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from in_process import call

from sparkpipe.errors import PreflightError
from sparkpipe.schemas import read_schema
from sparkpipe.session import Session

_number = itertools.count()

REGISTRY = """
from sparkpipe.pipeline import node, pipeline


def add_tax(orders, rate):
    return orders.assign(total=orders["amount"] * (1 + rate))


def by_country(totals):
    return totals.groupby("contry", as_index=False)["total"].sum()


def share(totals):
    return {"largest": float(totals["total"].max()), "first": totals["country"].iloc[0]}


def tell(shares):
    return f"{shares['first']}: {shares['largest']:.1f}"


def shout(report):
    print(report.upper())


def register_pipelines():
    return {"__default__": pipeline([
        node(add_tax, ["orders", "params:rate"], "totals", name="tax"),
        node(by_country, "totals", "countries", name="countries"),
        node(share, "totals", "shares", name="share"),
        node(tell, "shares", "report", name="tell"),
        node(shout, "report", None, name="shout"),
        node(lambda countries: countries, "countries", "copied", name="copy"),
    ])}
"""

SCHEMA = "id BIGINT, country STRING, amount DOUBLE"
ORDERS = pd.DataFrame({"id": [1, 2], "country": ["NZ", "NO"], "amount": [5.0, 7.0]})


def csv(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "pandas.CSVDataSet", "filepath": f"data/{name}.csv", **more}


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    package = f"rehearsing_{next(_number)}"

    def make_project(registry: str = REGISTRY, **entries: Any) -> Path:
        catalog = {
            "orders": csv("orders", schema=SCHEMA),
            "totals": csv("totals"),
            "countries": csv("countries", schema="country STRING, total DOUBLE"),
            "report": {"type": "text.TextDataSet", "filepath": "data/report.txt"},
            **entries,
        }
        files = {
            "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{package}"\n',
            f"{package}/__init__.py": "",
            f"{package}/pipeline_registry.py": registry,
            "conf/base/catalog.yml": yaml.safe_dump(catalog),
            "conf/base/parameters.yml": "rate: 0.2\n",
        }
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    monkeypatch.syspath_prepend(str(tmp_path))
    return make_project


def verdicts(project: Path, **options: Any) -> dict[str, str]:
    found = Session(project).rehearse(**options)
    return {one.node: one.verdict for one in found.nodes}


def test_without_data_schemas_of_the_catalog_are_enough(make: Make) -> None:
    project = make()
    found = Session(project).rehearse()
    assert {one.node: one.verdict for one in found.nodes} == {
        "tax": "good",
        "countries": "wrong",
        "share": "unjudged",  # takes the first row, and there is none
        "tell": "unjudged",
        "shout": "unjudged",  # what it does is not done in a rehearsal
        "copy": "good",  # goes on with the schema of its input
    }
    (wrong,) = found.of("wrong")
    assert "Node 'countries' failed: KeyError: 'contry'" in wrong.reason
    assert wrong.location.endswith("in by_country")
    assert "6 nodes on 0 rows: 2 good, 1 wrong, 3 unjudged" in str(found)
    assert not found.is_good
    assert not (project / "data").exists()


def test_with_rows_nodes_run_on_them_and_write_elsewhere(make: Make) -> None:
    project = make(REGISTRY.replace("contry", "country"))
    (project / "data").mkdir()
    ORDERS.to_csv(project / "data/orders.csv", index=False)
    assert verdicts(project, rows=1) == {
        **dict.fromkeys(("tax", "countries", "share", "tell", "copy"), "good"),
        "shout": "unjudged",
    }
    assert [path.name for path in (project / "data").iterdir()] == ["orders.csv"]


def test_what_a_node_returns_is_judged_by_the_schema_of_its_output(make: Make) -> None:
    totals = csv("totals", schema=f"{SCHEMA}, totl DOUBLE")
    found = Session(make(totals=totals)).rehearse(node_names="tax")
    assert found.of("wrong")[0].reason.startswith(
        "Node 'tax' could not save 'totals' (CSVDataSet, "
    )
    assert "missing: 'totl' (double) is missing. Did you mean 'total'?" in str(found)


MORE = """
from sparkpipe import sql_node
from sparkpipe.pipeline import node, pipeline


def together(days):
    return [load()["amount"].sum() for load in days.values()]


def register_pipelines():
    return {"__default__": pipeline([
        node(lambda orders: orders, "orders", "checked", name="check"),
        node(together, "days", "sums", name="days"),
        sql_node(query="select sum(amuont) as s from made", outputs="s", name="sql",
                 engine="duckdb"),
        node(lambda orders: orders, "orders", "made", name="make"),
    ])}
"""


def test_checks_partitions_and_queries_of_duckdb_are_judged_as_a_run_would(make: Make) -> None:
    pytest.importorskip("duckdb")
    days = {"type": "PartitionedDataSet", "path": "data/days", "dataset": "pandas.CSVDataSet"}
    checks = [{"not_null": "idd"}]
    folder = make(MORE, checked=csv("checked", checks=checks), days={**days, "schema": SCHEMA})
    found = {one.node: one for one in Session(folder).rehearse().nodes}
    judged = {name: one.verdict for name, one in found.items()}
    assert judged == {"check": "wrong", "days": "good", "make": "good", "sql": "wrong"}
    assert "check 'not_null idd': there is no column 'idd'. Did you mean 'id'?" in (
        found["check"].reason
    )
    assert "amuont" in found["sql"].reason


PARTS = """
from sparkpipe.pipeline import node, pipeline


def split(orders):
    return {"all": orders, "later": lambda: orders.rename(columns={"id": "key"})}


def together(days):
    return {"rows": [len(load()) for load in days.values()]}


def register_pipelines():
    return {"__default__": pipeline([
        node(lambda orders: orders, "orders", "by_word", name="word"),
        node(lambda orders: orders, "orders", "by_query", name="query"),
        node(lambda orders: {"all": orders}, "orders", "days", name="parts"),
        node(together, "days", "counts", name="together"),
        node(split, "orders", "wrong_days", name="wrong_parts"),
    ])}
"""


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("is_of_kedro", [False, True])
def test_checks_and_partitions_are_judged_with_and_without_rows(
    make: Make, rows: int, is_of_kedro: bool
) -> None:
    parts = {"type": "PartitionedDataSet", "path": "data/days", "dataset": "pandas.CSVDataSet"}
    of_kedro = {**parts, "type": "kedro_datasets.partitions.PartitionedDataset"}
    if is_of_kedro:
        pytest.importorskip("kedro_datasets")
        of_kedro["dataset"] = "kedro_datasets.pandas.CSVDataset"
    project = make(
        PARTS,
        by_word=csv("by_word", checks=[{"not_null": "idd", "on_fail": "drop"}]),
        by_query=csv("by_query", checks=[{"check": "idd > 1", "on_fail": "quarantine"}]),
        days=of_kedro if is_of_kedro else parts,
        wrong_days={**parts, "path": "data/wrong", "schema": SCHEMA},
    )
    (project / "data").mkdir()
    ORDERS.to_csv(project / "data/orders.csv", index=False)
    found = {one.node: one for one in Session(project).rehearse(rows=rows).nodes}
    assert {name: one.verdict for name, one in found.items()} == {
        "word": "wrong",
        "query": "wrong",
        "parts": "good",
        "together": "good",
        "wrong_parts": "wrong",
    }
    assert "check 'not_null idd': there is no column 'idd'" in found["word"].reason
    assert "check 'idd > 1': there is no column 'idd'" in found["query"].reason
    assert "'key' (bigint) is not in the schema" in found["wrong_parts"].reason
    assert [path.name for path in (project / "data").iterdir()] == ["orders.csv"]


FUNCTIONS = """
from sparkpipe.pipeline import node, pipeline


def given(functions, frames):
    return functions["low"]([3, 1]), functions["high"]([3, 1]), sorted(frames)


def register_pipelines():
    return {"__default__": pipeline([
        node(given, ["read", "frames"], "found", name="reader"),
        node(lambda: {"low": min, "high": max}, None, "made", name="maker"),
        node(given, ["made", "frames"], "also_found", name="user"),
    ])}
"""


@pytest.mark.parametrize("rows", [0, 1])
def test_functions_and_frames_that_are_data_are_no_partitions(make: Make, rows: int) -> None:
    def kept(name: str) -> dict[str, str]:
        return {"type": "pickle.PickleDataSet", "filepath": f"data/{name}.pkl"}

    project = make(FUNCTIONS, **{name: kept(name) for name in ("read", "made", "frames")})
    (project / "data").mkdir()
    for name, data in (("read", {"low": min, "high": max}), ("frames", {"a": ORDERS, "b": ORDERS})):
        (project / f"data/{name}.pkl").write_bytes(pickle.dumps(data))
    found = Session(project).rehearse(rows=rows)
    assert {one.verdict for one in found.nodes} == {"good"}, str(found)


def test_without_data_and_schema_a_node_is_unjudged(make: Make) -> None:
    found = Session(make(orders=csv("orders"))).rehearse(node_names=["tax"])
    (one,) = found.nodes
    assert one.verdict == "unjudged"
    assert "'orders' cannot be loaded, and its entry has no schema: " in one.reason


@pytest.mark.parametrize("kind", ["pandas.CSVDataSet", "pandas.ParquetDataSet"])
def test_types_are_those_of_data_that_is_there(make: Make, kind: str) -> None:
    registry = REGISTRY.replace('orders["amount"]', 'orders["amount"].astype("int64")')
    registry = registry.replace("contry", "country")
    project = make(registry, orders={"type": kind, "filepath": "data/orders"})
    (project / "data").mkdir()
    save = ORDERS.to_csv if kind.endswith("CSVDataSet") else ORDERS.to_parquet
    save(project / "data/orders", index=False)
    assert verdicts(project, to_outputs="countries") == {"tax": "good", "countries": "good"}


def test_what_is_wrong_with_the_project_is_told(make: Make) -> None:
    project = make(orders=csv("orders", schema="id BIGNIT"))
    with pytest.raises(PreflightError, match=r"no type of Spark\. Did you mean 'bigint'"):
        Session(project).rehearse()
    with pytest.raises(PreflightError, match=r"reads the parameter 'rat'\. Did you mean 'rate'"):
        Session(make()).rehearse(params={"rat": 1})


def test_the_command_tells_all_and_ends_with_1(make: Make) -> None:
    project = make()
    ended = call("sparkpipe", ["rehearse", "--nodes", "tax,countries"], project, {})
    assert ended.status == 1
    assert "Wrong: Node 'countries' failed: KeyError: 'contry'" in ended.out
    assert "2 nodes on 0 rows: 1 good, 1 wrong, 0 unjudged" in ended.out
    assert call("sparkpipe", ["rehearse", "--nodes", "tax"], project, {}).status == 0


def test_inputs_may_be_those_of_another_environment(make: Make) -> None:
    project = make(orders=csv("orders"))
    for env, folder in (("dev", "none"), ("prod", "real")):
        (project / "conf" / env).mkdir()
        entries = {name: csv(f"{folder}/{name}") for name in ("orders", "totals")}
        text = yaml.safe_dump(entries)
        (project / "conf" / env / "catalog.yml").write_text(text)
    (project / "data/real").mkdir(parents=True)
    ORDERS.to_csv(project / "data/real/orders.csv", index=False)
    for options in (["--rows", "1"], []):
        command = ["rehearse", "--env", "dev", "--nodes", "tax", *options]
        alone = call("sparkpipe", command, project, {})
        assert "1 unjudged" in alone.out
        deferring = call("sparkpipe", [*command, "--defer", "prod"], project, {})
        assert (deferring.status, "1 good" in deferring.out) == (0, True)
    assert [one.name for one in (project / "data").rglob("*.*")] == ["orders.csv"]


def test_a_runner_is_refused_with_what_to_do_instead(make: Make) -> None:
    ended = call("sparkpipe", ["rehearse", "--runner", "ThreadRunner"], make(), {})
    assert ended.status == 2
    assert "one after the other" in ended.err
    assert "sparkpipe check --runner ThreadRunner" in ended.err


def test_the_schema_of_data_is_shown_and_saved(make: Make) -> None:
    project = make(orders=csv("orders", schema="id INT NOT NULL COMMENT 'number', country STRING"))
    (project / "data").mkdir()
    ORDERS.to_csv(project / "data/orders.csv", index=False)
    shown = call("sparkpipe", ["catalog", "schema", "orders"], project, {})
    assert "id       bigint  NOT NULL  number" in shown.out
    assert "Differs from the entry: type: 'id' is bigint, not int." in shown.out
    assert "Differs from the entry: extra: 'amount' (double) is not in the schema." in shown.out
    written = call("sparkpipe", ["catalog", "schema", "orders", "--write"], project, {})
    assert "In the entry of 'orders': schema: conf/base/schemas/orders.json" in written.out
    saved = read_schema(str(project / "conf/base/schemas/orders.json"))
    assert saved.ddl() == "id bigint NOT NULL COMMENT 'number', country string, amount double"


def test_the_schema_of_partitions_is_that_of_one(make: Make) -> None:
    parts = {"path": "data/days", "dataset": "pandas.CSVDataSet"}
    for kind in ("PartitionedDataSet", "IncrementalDataSet"):
        project = make(days={"type": kind, **parts})
        (project / "data/days").mkdir(parents=True, exist_ok=True)
        ORDERS.to_csv(project / "data/days/a", index=False)
        written = call("sparkpipe", ["catalog", "schema", "days", "--write"], project, {})
        assert written.status == 0
        saved = read_schema(str(project / "conf/base/schemas/days.json"))
        assert saved.ddl() == "id bigint, country string, amount double"


def test_of_a_contract_all_else_stays(make: Make) -> None:
    project = make(orders=csv("orders", schema="contract.yaml"))
    contract = {
        "apiVersion": "v3.0.2",
        "kind": "DataContract",
        "team": [{"username": "ada"}],
        "schema": [
            {
                "name": "orders",
                "properties": [
                    {"name": "id", "logicalType": "integer", "classification": "public"}
                ],
            }
        ],
    }
    (project / "contract.yaml").write_text(yaml.safe_dump(contract))
    (project / "data").mkdir()
    ORDERS.to_csv(project / "data/orders.csv", index=False)
    assert call("sparkpipe", ["catalog", "schema", "orders", "--write"], project, {}).status == 0
    written = yaml.safe_load((project / "contract.yaml").read_text())
    assert written["team"] == contract["team"]
    assert written["schema"][0]["properties"][0]["classification"] == "public"
    # Wherever a program is started, the path is one in the project.
    assert Session(project).catalog["orders"].declared_schema.names == ("id", "country", "amount")
