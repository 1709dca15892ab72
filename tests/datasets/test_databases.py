"""Tables and queries of a database, by pandas and SQLAlchemy."""

from __future__ import annotations

import pickle
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from sparkpipe.datasets.pandas import SQLQueryDataSet, SQLTableDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import target_of
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import ParallelRunner, SequentialRunner, ThreadRunner

TABLE = pd.DataFrame({"name": ["é", "b"], "n": [1, 2]})
SECRET = "hunter2"


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, Any]:
    return {"con": f"sqlite:///{tmp_path / 'shop.db'}"}


def test_table_is_saved_and_loaded(shop: dict[str, Any]) -> None:
    orders = SQLTableDataSet("orders", shop)
    assert not orders.exists()
    orders.save(TABLE)
    assert orders.exists()
    assert_frame_equal(orders.load(), TABLE)
    assert_frame_equal(pickle.loads(pickle.dumps(orders)).load(), TABLE)


def test_table_that_is_there_is_replaced_or_added_to_only_if_asked(shop: dict[str, Any]) -> None:
    SQLTableDataSet("orders", shop).save(TABLE)
    with pytest.raises(DataSetError, match=r"orders is there already.*if_exists: replace"):
        SQLTableDataSet("orders", shop).save(TABLE)
    SQLTableDataSet("orders", shop, save_args={"if_exists": "append"}).save(TABLE)
    assert len(SQLTableDataSet("orders", shop).load()) == 4
    SQLTableDataSet("orders", shop, save_args={"if_exists": "replace"}).save(TABLE)
    assert len(SQLTableDataSet("orders", shop).load()) == 2


@pytest.mark.parametrize("if_exists", ["append", "replace"])
def test_failed_save_leaves_the_table(shop: dict[str, Any], if_exists: str) -> None:
    SQLTableDataSet("orders", shop).save(TABLE)
    odd = pd.DataFrame({"name": ["a", {1}], "n": [1, 2]})
    with pytest.raises(DataSetError):
        SQLTableDataSet("orders", shop, save_args={"if_exists": if_exists}).save(odd)
    assert_frame_equal(SQLTableDataSet("orders", shop).load(), TABLE)
    with pytest.raises(DataSetError):
        SQLTableDataSet("returns", shop).save(odd)
    assert not SQLTableDataSet("returns", shop).exists()


def test_nodes_side_by_side_save_to_one_database(shop: dict[str, Any]) -> None:
    names = [f"t{number}" for number in range(6)]
    replacing = {"if_exists": "replace"}
    for _ in range(2):
        catalog = DataCatalog({n: SQLTableDataSet(n, shop, save_args=replacing) for n in names})
        nodes = [node(lambda: TABLE, None, name, name=name) for name in names]
        ThreadRunner(max_workers=6).run(Pipeline(nodes), catalog)
        assert [len(catalog.load(name)) for name in names] == [len(TABLE)] * len(names)


def test_options_reach_pandas(shop: dict[str, Any]) -> None:
    SQLTableDataSet("orders", shop).save(TABLE)
    assert list(SQLTableDataSet("orders", shop, {"columns": ["n"]}).load()) == ["n"]
    query = SQLQueryDataSet("select n from orders where n > :least", shop)
    with pytest.raises(DataSetError):
        query.load()
    query = SQLQueryDataSet("select n from orders where n > ?", shop, {"params": (1,)})
    assert list(query.load()["n"]) == [2]


def test_tables_and_queries_come_in_chunks(shop: dict[str, Any]) -> None:
    SQLTableDataSet("orders", shop).save(TABLE)
    for data_set in (
        SQLTableDataSet("orders", shop, {"chunksize": 1}),
        SQLQueryDataSet("select * from orders", shop, {"chunksize": 1}),
    ):
        assert [len(chunk) for chunk in data_set.load()] == [1, 1]


@pytest.mark.parametrize("protocol", ["local", "memory"])
def test_query_may_stand_in_a_file(shop: dict[str, Any], tmp_path: Path, protocol: str) -> None:
    import fsspec

    SQLTableDataSet("orders", shop).save(TABLE)
    path = str(tmp_path / "q.sql") if protocol == "local" else f"memory://{uuid4().hex}/q.sql"
    query = SQLQueryDataSet(filepath=path, credentials=shop, execution_options={"x": 1})
    if protocol == "local":
        assert "the file does not exist" in query._missing()
    with pytest.raises(DataSetError):
        query.load()
    with fsspec.open(path, "w", encoding="utf-8") as file:
        file.write("select n from orders where name = 'é'")
    assert not query._missing()
    assert list(query.load()["n"]) == [1]


def test_query_cannot_be_saved(shop: dict[str, Any]) -> None:
    with pytest.raises(DataSetError, match=r"cannot be saved to.*SQLTableDataSet"):
        SQLQueryDataSet("select 1", shop).save(TABLE)


@pytest.mark.parametrize("data", [{"a": 1}, [1], "a"])
def test_table_takes_frames_only(shop: dict[str, Any], data: Any) -> None:
    with pytest.raises(
        DataSetError, match=f"a pandas DataFrame is needed, not {type(data).__name__}"
    ):
        SQLTableDataSet("orders", shop).save(data)  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"type": "pandas.SQLTableDataSet", "table_name": "a"}, "needs the option 'credentials'"),
        (
            {"type": "pandas.SQLTableDataSet", "table_name": "a", "credentials": {"user": "x"}},
            "credentials need 'con'",
        ),
        ({"type": "pandas.SQLTableDataSet", "table_name": "", "credentials": "db"}, "table_name"),
        ({"type": "pandas.SQLQueryDataSet", "credentials": "db"}, "needs 'sql' or 'filepath'"),
        (
            {
                "type": "pandas.SQLTableDataSet",
                "table_name": "a",
                "credentials": "db",
                "save_args": [1],
            },
            "save_args must be a mapping, not [1]",
        ),
        (
            {"type": "pandas.SQLQueryDataSet", "sql": "a", "filepath": "b", "credentials": "db"},
            "needs 'sql' or 'filepath', and not both",
        ),
        (
            {
                "type": "pandas.SQLTableDataSet",
                "table_name": "a",
                "credentials": "db",
                "save_args": {"if_exist": "append"},
            },
            "to_sql has no option 'if_exist'. Did you mean 'if_exists'?",
        ),
        (
            {
                "type": "pandas.SQLQueryDataSet",
                "sql": "a",
                "credentials": "db",
                "load_args": {"parms": 1},
            },
            "read_sql_query has no option 'parms'. Did you mean 'params'?",
        ),
    ],
)
def test_impossible_entries_are_told_before_loading(entry: Any, told: str) -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({"x": entry}, {"db": {"con": "sqlite://"}})
    assert "'x'" in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("con", "told"),
    [
        (f"nosuch://me:{SECRET}@host/db", "no address of a database"),
        (f"me {SECRET}", "no address of a database"),
        (f"sqlite:////nowhere/{SECRET}/shop.db", "unable to open"),
    ],
)
def test_address_is_never_shown(con: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    catalog = DataCatalog.from_config(
        {"a": {"type": "pandas.SQLTableDataSet", "table_name": "t", "credentials": "db"}},
        {"db": {"con": con}},
    )
    shown = [repr(catalog["a"])]
    for use in (catalog.load, catalog.exists, lambda name: catalog.save(name, TABLE)):
        with pytest.raises(DataSetError) as error:
            use("a")
        shown += [str(error.value), str(error.value.__cause__)]
    assert told in shown[1]
    assert not [text for text in [*shown, caplog.text] if f":{SECRET}@" in text]
    assert SECRET not in target_of(catalog["a"]) or "@" not in con


def test_driver_that_is_missing_is_told() -> None:
    data_set = SQLTableDataSet("t", {"con": f"mysql+nosuchdriver://me:{SECRET}@host/db"})
    with pytest.raises(DataSetError) as error:
        data_set.load()
    assert SECRET not in str(error.value)
    data_set = SQLTableDataSet("t", {"con": "oracle://me@host/db"})
    with pytest.raises(DataSetError, match="driver of the database is not installed"):
        data_set.load()


def test_same_table_of_two_databases_is_not_the_same_target(shop: dict[str, Any]) -> None:
    one, two = SQLTableDataSet("Orders", shop), SQLTableDataSet("orders", {"con": "sqlite:///b"})
    assert target_of(one) == target_of(SQLTableDataSet("orders", shop)) != target_of(two)


def twice(orders: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([orders, orders])


@pytest.mark.parametrize("runner", [SequentialRunner, ParallelRunner])
def test_runners_use_tables(shop: dict[str, Any], runner: Any) -> None:
    catalog = DataCatalog(
        {
            "orders": SQLTableDataSet("orders", shop),
            "all": SQLQueryDataSet("select * from orders", shop),
            "twice": SQLTableDataSet("twice", shop),
        }
    )
    catalog.save("orders", TABLE)
    runner().run(Pipeline([node(twice, "all", "twice")]), catalog)
    with sqlite3.connect(shop["con"].removeprefix("sqlite:///")) as database:
        assert database.execute("select count(*) from twice").fetchone() == (4,)


def test_options_of_a_pool_give_one_which_release_ends(tmp_path: Path) -> None:
    con = f"sqlite:///{tmp_path / 'shop.db'}"
    credentials = {"con": con, "pool_size": 2, "max_overflow": 1, "pool_pre_ping": True}
    data_set = SQLTableDataSet("t", credentials, save_args={"if_exists": "append"})
    data_set.save(pd.DataFrame({"n": [1]}))
    data_set.save(pd.DataFrame({"n": [2]}))
    assert list(data_set.load()["n"]) == [1, 2]
    assert data_set._engine.pool.size() == 2  # type: ignore[attr-defined]
    assert data_set._engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    data_set.release()
    assert data_set._engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    assert list(data_set.load()["n"]) == [1, 2]
