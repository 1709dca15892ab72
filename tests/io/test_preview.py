"""``preview`` of an entry: a few rows of what a run saves are told, without secrets."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import plan_notes, unwrapped
from sparkpipe.io.facts import gathering
from sparkpipe.journal import Journal, JournalWriter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ParallelRunner, SequentialRunner


def catalog(folder: Path, **entry: Any) -> DataCatalog:
    place = {"type": "pickle.PickleDataSet", "filepath": f"{folder}/orders.pkl"}
    return DataCatalog.from_config({"orders": {**place, **entry}})


def preview(folder: Path, data: Any, **entry: Any) -> Any:
    with gathering() as facts:
        catalog(folder, **entry).save("orders", data)
    return facts.preview


@pytest.mark.parametrize(
    ("asked", "rows"),
    [({}, 0), ({"preview": False}, 0), ({"preview": True}, 5), ({"preview": 2}, 2)],
)
def test_the_entry_says_whether_and_how_many(
    tmp_path: Path, asked: dict[str, Any], rows: int
) -> None:
    told = preview(tmp_path, pd.DataFrame({"id": range(9), "name": "a"}), **asked)
    expected = [(str(number), "a") for number in range(rows)]
    assert told == ((("id", "name"), *expected) if rows else ())


@pytest.mark.parametrize("asked", ["yes", 0, -1, 51, 1.5, None, [5]])
def test_what_is_no_number_of_rows_is_refused(tmp_path: Path, asked: Any) -> None:
    with pytest.raises(DataSetError, match="'preview' must be true, false, or a number of rows"):
        catalog(tmp_path, preview=asked).get("orders")


class Bad:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_values_are_bounded_and_their_secrets_hidden(tmp_path: Path) -> None:
    values = {
        "api_key": "geheim",
        "customer_key": 7,
        "address": "ftp://me:geheim@host/a",
        "long": "x" * 10_000,
        "list": [*range(1000)],
        "map": {"password": "geheim", "size": {"a": [1, {"b": [2]}]}},
        "bytes": b"\x00</script>" * 1000,
        "bad": Bad(),
        "none": None,
        "gone": pd.NaT,
    }
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in values.items()})
    with gathering() as facts:
        DataCatalog.from_config({"x": {"type": "MemoryDataSet", "preview": True}}).save("x", frame)
    names, row = facts.preview
    assert names == (*values,)
    told = dict(zip(names, row, strict=True))
    assert "geheim" not in json.dumps(facts.preview)
    assert (told["api_key"], told["customer_key"]) == ("***", "7")
    assert told["address"] == "ftp://***@host/a"
    assert told["long"] == "x" * 100 + "…"
    assert told["list"] == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"
    assert told["map"] == "{password: ***, size: {a: [1, {b: …}]}}"
    assert told["bad"] == "(Bad)"
    assert (told["none"], told["gone"]) == (None, None)
    assert max(len(value or "") for value in row) <= 101


def test_of_many_columns_the_first_are_shown(tmp_path: Path) -> None:
    names, row = preview(tmp_path, pd.DataFrame([range(300)]), preview=True)
    assert (names[-1], row[-1], len(row)) == ("49", "49", 50)


def test_what_is_no_frame_and_what_nobody_asks_for_has_none(tmp_path: Path) -> None:
    assert preview(tmp_path, [1, 2], preview=True) == ()
    orders = catalog(tmp_path, preview=True)
    orders.save("orders", pd.DataFrame({"id": [1]}))
    assert [*orders.load("orders")["id"]] == [1]


def test_a_preview_that_fails_fails_no_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("no rows for ftp://me:geheim@host")

    monkeypatch.setattr(pd.DataFrame, "isna", fail)
    assert preview(tmp_path, pd.DataFrame({"id": [1]}), preview=True) == ()
    assert (tmp_path / "orders.pkl").exists()
    (record,) = caplog.records
    assert "No preview of " in record.message
    assert "geheim" not in record.message


def test_it_stays_what_it_is(tmp_path: Path) -> None:
    orders = catalog(tmp_path, preview=True, schema="id BIGINT")
    data_set = pickle.loads(pickle.dumps(orders.get("orders")))
    assert type(unwrapped(data_set)).__name__ == "PickleDataSet"
    assert plan_notes(data_set)[0] == "preview of 5 rows"
    with pytest.raises(DataSetError, match="'id' is string, not bigint"):
        orders.save("orders", pd.DataFrame({"id": ["a"]}))


def chunks() -> Iterator[pd.DataFrame]:
    yield pd.DataFrame({"id": [1, 2]})
    yield pd.DataFrame({"id": [3, 4]})


@pytest.mark.parametrize("runner", [SequentialRunner, ParallelRunner])
def test_rows_are_kept_with_the_run_of_chunks_those_of_the_first(
    tmp_path: Path, runner: Any
) -> None:
    entry = {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/x.csv"}
    entry |= {"save_args": {"mode": "a", "index": False}, "preview": 3}
    checks = [{"check": "id <> 1", "on_fail": "drop"}]
    made = DataCatalog.from_config({"x": {**entry, "checks": checks}})
    with observing(JournalWriter(str(tmp_path / "runs"))):
        runner().run(pipeline([node(chunks, None, "x", name="make")]), made, session_id="r")
    report = Journal(str(tmp_path / "runs")).run("r").nodes["make"].saved["x"]
    assert report.preview == (("id",), ("2",))
