"""A schema in an entry is enforced at each save, without Spark; what is wrong is told before."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import problems_of, save_effect, unwrapped
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

SCHEMA = "id BIGINT NOT NULL, name VARCHAR(3), amount DOUBLE"
GOOD = pd.DataFrame({"amount": [1.5, None], "id": [1, 2], "name": ["ab", None]})


def catalog(tmp_path: Path, **entry: Any) -> DataCatalog:
    place = {"type": "pandas.ParquetDataSet", "filepath": str(tmp_path / "trips.parquet")}
    return DataCatalog.from_config({"trips": {**place, "schema": SCHEMA, **entry}})


def test_columns_are_saved_in_the_order_of_the_schema(tmp_path: Path) -> None:
    trips = catalog(tmp_path)
    trips.save("trips", GOOD)
    assert [*trips.load("trips").columns] == ["id", "name", "amount"]


def test_columns_without_values_and_narrower_ones_get_the_types_of_the_schema(
    tmp_path: Path,
) -> None:
    import pyarrow.parquet as pq

    schema = "a BIGINT, b BIGINT, c DOUBLE, d STRING, e BOOLEAN, f DOUBLE"
    trips = catalog(tmp_path, schema=schema, schema_change="widen")
    given = {
        "a": pd.array([1, 2], "int32"),
        "b": pd.array([1, None], "Int16"),
        "c": pd.array([0.5, 1.5], "float32"),
        "d": [None, None],
        "e": [None, None],
        "f": [None, None],
    }
    trips.save("trips", pd.DataFrame(given))
    kinds = [str(one.type) for one in pq.read_schema(tmp_path / "trips.parquet")]
    assert kinds == ["int64", "int64", "double", "string", "bool", "double"]
    assert trips.load("trips")["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            GOOD.rename(columns={"amount": "amuont"}),
            [
                "missing: 'amount' (double) is missing. Did you mean 'amuont'?",
                "extra: 'amuont' (double) is not in the schema. Did you mean 'amount'?",
            ],
        ),
        (GOOD.assign(id=["1", "2"]), ["type: 'id' is string, not bigint."]),
        (GOOD.assign(id=pd.array([1, None], "Int64")), ["nullable: 'id' may hold nulls"]),
        (GOOD.rename(columns={"id": "ID"}), ["case: 'ID' is called 'id' in the schema."]),
        (GOOD.assign(more=1), ["extra: 'more' (bigint)", "schema_change: add"]),
        (GOOD.assign(name=["abcd", "a"]), ["'name' has a text longer than varchar(3)"]),
        ([1, 2], ["a frame is needed, as the entry has a schema, not list"]),
    ],
)
def test_data_of_another_schema_is_refused_at_each_save(
    tmp_path: Path, frame: Any, told: list[str]
) -> None:
    trips = catalog(tmp_path)
    for _ in range(2):
        with pytest.raises(DataSetError) as raised:
            trips.save("trips", frame)
        assert all(line in str(raised.value) for line in told), raised.value
        assert "'trips' (ParquetDataSet, " in str(raised.value)
        trips.save("trips", GOOD)
    assert len(trips.load("trips")) == 2


def test_schema_change_lets_in_what_it_says(tmp_path: Path) -> None:
    wider = GOOD.assign(more=1)
    catalog(tmp_path, schema_change="add").save("trips", wider)
    narrow = "id INT NOT NULL, name STRING, amount FLOAT"
    with pytest.raises(DataSetError, match="schema_change: widen"):
        catalog(tmp_path, schema=narrow).save("trips", GOOD)
    catalog(tmp_path, schema=narrow, schema_change="widen").save("trips", wider)
    catalog(tmp_path, schema_change="any").save("trips", GOOD[["id"]].astype(str))
    loaded = catalog(tmp_path).load("trips")
    assert [*loaded.columns] == ["id"]


def test_partitions_are_judged_one_by_one(tmp_path: Path) -> None:
    entry = {
        "type": "PartitionedDataSet",
        "path": str(tmp_path),
        "dataset": "pandas.CSVDataSet",
        "filename_suffix": ".csv",
        "schema": "id BIGINT",
    }
    parts = DataCatalog.from_config({"parts": entry})
    parts.save("parts", {"a": pd.DataFrame({"id": [1]}), "b": lambda: pd.DataFrame({"id": [2]})})
    assert sorted(parts.load("parts")) == ["a", "b"]
    with pytest.raises(DataSetError, match="type: 'id' is string"):
        parts.save("parts", {"a": pd.DataFrame({"id": ["x"]})})


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"schema": "id BIGNIT"}, "no type of Spark. Did you mean 'bigint'"),
        ({"schema_change": "ad"}, "'schema_change' must be one of fail, add, widen, any, not 'ad'"),
        ({"schema": None, "schema_change": "add"}, "'schema_change' needs a 'schema'"),
        (
            {"type": "pandas.CSVDataSet", "schema": "id BIGINT, tags ARRAY<BINARY>"},
            "'tags' is array<binary>, and csv cannot hold array",
        ),
        (
            {"type": "pandas.CSVDataSet", "schema_change": "add", "save_args": {"mode": "a"}},
            "'schema_change: add' cannot be where a save leaves rows that are there",
        ),
        ({"schema": "no/such/contract.yaml"}, "the schema file does not exist"),
    ],
)
def test_what_cannot_be_is_told_before_a_run(
    tmp_path: Path, entry: dict[str, Any], told: str
) -> None:
    place = {"type": "pandas.ParquetDataSet", "filepath": str(tmp_path / "trips")}
    lazily = DataCatalog.from_config_lazily({"trips": {**place, "schema": SCHEMA, **entry}})
    found = lazily.problems() or problems_of(lazily["trips"])
    assert any(told in problem for problem in found), found


def test_it_shows_itself_as_the_data_set_inside(tmp_path: Path) -> None:
    made = catalog(tmp_path, versioned=True)
    trips = made["trips"]
    assert str(trips).startswith("ParquetDataSet(filepath=")
    assert (save_effect(trips), type(unwrapped(trips)).__name__) == ("keep", "ParquetDataSet")
    made.save("trips", GOOD)
    version = trips.resolve_load_version()
    assert len(made.load("trips", version=version)) == 2
    with pytest.raises(DataSetError, match="type: 'id'"):
        pickle.loads(pickle.dumps(trips)).save(GOOD.assign(id=["a", "b"]))


def test_a_run_saves_and_reads_the_version_of_its_own(tmp_path: Path) -> None:
    made = catalog(tmp_path, versioned=True)
    nodes = pipeline([node(lambda: GOOD, None, "trips"), node(len, "trips", "count")])
    assert SequentialRunner().run(nodes, made) == {"count": 2}


def test_the_log_names_the_data_set_inside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    catalog(tmp_path).save("trips", GOOD)
    assert "Saving data to 'trips' (ParquetDataSet)..." in caplog.text


def test_a_schema_is_judged_before_checks_which_may_take_nulls_away(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="there is no column 'nope'"):
        catalog(tmp_path, checks=[{"not_null": ["nope"]}])
    trips = catalog(tmp_path, checks=[{"unique": ["nope"]}], schema=f"{SCHEMA}, nope INT")
    with pytest.raises(DataSetError, match="type: 'id' is string"):
        trips.save("trips", GOOD.assign(id=["1", "2"]))  # not: there is no 'nope' to be unique
    misspelt = catalog(tmp_path, checks=[{"not_null": ["id"]}])["trips"]
    misspelt._dataset._given = "id BIGNIT"
    assert any("Did you mean 'bigint'" in problem for problem in problems_of(misspelt))

    quarantine = {"checks": [{"not_null": ["id"], "on_fail": "drop"}]}
    trips = catalog(tmp_path, **quarantine)
    trips.save("trips", GOOD.assign(id=pd.array([1, None], "Int64")))
    assert len(trips.load("trips")) == 1
