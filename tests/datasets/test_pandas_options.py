"""Options of pandas' data sets mean what they say."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import pytest
from pandas.testing import assert_frame_equal

from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.io import CachedDataSet, DataCatalog, declared
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

ROW = pd.DataFrame({"day": [1]})
LINES = {"orient": "records", "lines": True}


def catalog_of(tmp_path: Path, kind: str, **options: Any) -> DataCatalog:
    entry = {"type": f"pandas.{kind}DataSet", "filepath": str(tmp_path / "data"), **options}
    return DataCatalog.from_config({"x": entry})


@pytest.mark.parametrize("mode", ["a", "ab", "at"])
@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [("CSV", {"header": False}, "1\n1\n"), ("JSON", LINES, '{"day":1}\n{"day":1}\n')],
)
def test_mode_a_appends(
    tmp_path: Path, kind: str, options: dict[str, Any], text: str, mode: str
) -> None:
    mode = "a" if kind == "JSON" else mode
    catalog = catalog_of(tmp_path, kind, save_args={"mode": mode, **options})
    catalog.save("x", ROW)
    catalog.save("x", ROW)
    assert (tmp_path / "data").read_text() == text
    assert declared.save_effect(catalog["x"]) == "append"


@pytest.mark.parametrize("folder", ["", "memory://"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_rows_are_added_to_a_csv_file_without_the_names_of_columns(
    tmp_path: Path, folder: str, ending: str
) -> None:
    place = {"filepath": f"{folder}{tmp_path}/new/data.csv{ending}"}
    catalog = catalog_of(tmp_path, "CSV", save_args={"mode": "a", "index": False}, **place)

    def chunks() -> Any:
        yield from (ROW, ROW)

    for _ in range(2):
        SequentialRunner().run(pipeline([node(chunks, None, "x")]), catalog)
    assert [*catalog.load("x")["day"]] == [1] * 4
    said = catalog_of(tmp_path, "CSV", save_args={"mode": "a", "header": True})
    said.save("x", ROW)
    said.save("x", ROW)
    assert (tmp_path / "data").read_text() == "day\n1\nday\n1\n"


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("names", ["ba", "abc", "a", "ac"])
def test_rows_are_not_added_under_names_of_other_columns(
    tmp_path: Path, names: str, suffix: str
) -> None:
    rows = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
    options = {"mode": "a", "sep": ";"}
    log = CSVDataSet(tmp_path / f"data{suffix}", load_args={"sep": ";"}, save_args=options)
    log.save(rows[["a", "b"]])
    with pytest.raises(DataSetError, match=r"are not those of the file \(a, b\)"):
        log.save(rows[[*names]])
    log.save(rows[["a", "b"]])
    assert log.load().to_dict("list") == {"a": [1, 1], "b": [2, 2]}


def test_index_and_chosen_columns_are_those_of_the_file(tmp_path: Path) -> None:
    options = {"mode": "a", "index": True, "columns": ["b", "a"]}
    log = CSVDataSet(tmp_path / "data", save_args=options)
    log.save(pd.DataFrame({"a": [1], "b": [2]}))
    log.save(pd.DataFrame({"b": [2], "c": [0], "a": [1]}))
    assert log.load()[["a", "b"]].to_dict("list") == {"a": [1, 1], "b": [2, 2]}


@pytest.mark.parametrize(
    "options",
    [
        {"save_args": {"mode": "a", "header": False}},
        {"save_args": {"mode": "a"}, "load_args": {"names": ["a", "b"]}},
    ],
)
def test_rows_are_added_to_a_file_without_names(tmp_path: Path, options: Any) -> None:
    (tmp_path / "data").write_text("7,8\n")
    log = CSVDataSet(tmp_path / "data", **options)
    log.save(pd.DataFrame({"a": [1], "b": [2]}))
    assert (tmp_path / "data").read_text() == "7,8\n1,2\n"


def test_mode_x_keeps_what_is_there(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "CSV", save_args={"mode": "x"})
    catalog.save("x", ROW)
    with pytest.raises(DataSetError, match="is there already"):
        catalog.save("x", ROW)
    assert declared.save_effect(catalog["x"]) == "keep"


def test_what_opens_the_file_decides_if_it_says_so(tmp_path: Path) -> None:
    fs_args = {"open_args_save": {"mode": "wb"}}
    catalog = catalog_of(tmp_path, "CSV", save_args={"mode": "a"}, fs_args=fs_args)
    catalog.save("x", ROW)
    catalog.save("x", ROW)
    assert (tmp_path / "data").read_text() == "day\n1\n"


def test_only_lines_are_added_to_json(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="only lines can be added to a JSON file"):
        catalog_of(tmp_path, "JSON", save_args={"mode": "a"})


@pytest.mark.parametrize(
    ("kind", "load_args", "save_args"),
    [("CSV", {"chunksize": 2}, {}), ("JSON", {"chunksize": 2, "lines": True}, LINES)],
)
def test_chunks_are_read_one_by_one(
    tmp_path: Path, kind: str, load_args: dict[str, Any], save_args: dict[str, Any]
) -> None:
    catalog = catalog_of(tmp_path, kind, load_args=load_args, save_args=save_args)
    catalog.save("x", pd.DataFrame({"n": range(5)}))
    assert [len(chunk) for chunk in catalog.load("x")] == [2, 2, 1]


@pytest.mark.parametrize(
    ("kind", "load_args", "save_args"),
    [("CSV", {"chunksize": 1}, {}), ("JSON", {"chunksize": 1, "lines": True}, LINES)],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_chunks_are_those_that_were_there_when_they_were_loaded(
    tmp_path: Path, kind: str, load_args: dict[str, Any], save_args: dict[str, Any], suffix: str
) -> None:
    entry = {"type": f"pandas.{kind}DataSet", "filepath": str(tmp_path / f"data{suffix}")}
    old = {**entry, "load_args": load_args, "save_args": save_args}
    new = {**entry, "save_args": {**save_args, "mode": "a"}}
    catalog = DataCatalog.from_config({"old": old, "new": new})
    catalog.save("old", pd.DataFrame({"n": range(5)}))

    def tenfold(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for chunk in islice(chunks, 100):  # without an end, it would be one of the machine's
            yield chunk * 10

    SequentialRunner().run(pipeline([node(tenfold, "old", "new")]), catalog)
    rows = [int(n) for chunk in catalog.load("old") for n in chunk["n"]]
    assert rows == [0, 1, 2, 3, 4, 0, 10, 20, 30, 40]


def test_an_iterator_reads_what_it_is_asked_for_and_lets_the_file_go(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "CSV", load_args={"iterator": True})
    catalog.save("x", pd.DataFrame({"n": range(5)}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(catalog.load("x").get_chunk(3)) == 3
        gc.collect()


def times(unit: str = "ns", zone: str | None = None) -> Any:
    return pd.to_datetime(["2024-01-01", None]).as_unit(unit).tz_localize(zone)


def stored(path: Path) -> list[str]:
    return [str(field.type) for field in pyarrow.parquet.read_schema(path)]


@pytest.mark.parametrize(
    ("frame", "types"),
    [
        (pd.DataFrame({"t": times()}), ["timestamp[us]"]),
        (pd.DataFrame({"t": times(zone="UTC")}), ["timestamp[us, tz=UTC]"]),
        (
            pd.DataFrame({"n": [1, 2]}, index=pd.Index(times(), name="t")),
            ["int64", "timestamp[us]"],
        ),
        (pd.DataFrame({"n": [1, 2]}, index=times()), ["int64", "timestamp[us]"]),
        (pd.DataFrame({"a": times(), "b": times("us")}), ["timestamp[us]", "timestamp[us]"]),
        (pd.DataFrame({"t": times() + pd.Timedelta(1, "ns")}), ["timestamp[ns]"]),
        (pd.DataFrame({"t": times("ms")}), ["timestamp[ms]"]),
    ],
)
def test_times_are_stored_as_spark_reads_them_and_come_back_as_they_were(
    tmp_path: Path, frame: pd.DataFrame, types: list[str]
) -> None:
    catalog = catalog_of(tmp_path, "Parquet")
    catalog.save("x", frame)
    assert stored(tmp_path / "data") == types
    assert_frame_equal(catalog.load("x"), frame)


def test_options_decide_how_times_are_stored(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "Parquet", save_args={"coerce_timestamps": "ms"})
    catalog.save("x", pd.DataFrame({"t": times()}))
    assert stored(tmp_path / "data") == ["timestamp[ms]"]
    catalog = catalog_of(tmp_path, "Parquet", save_args={"version": "2.6"})
    catalog.save("x", pd.DataFrame({"t": times()}))
    assert stored(tmp_path / "data") == ["timestamp[ns]"]


def count(chunks: Any) -> int:
    return sum(len(chunk) for chunk in chunks)


def test_each_reader_of_chunks_gets_all_of_them_or_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n2\n3\n")
    chunks = CSVDataSet(str(tmp_path / "a.csv"), {"chunksize": 2})
    readers = [node(count, "chunks", name, name=name) for name in ("one", "two")]
    for data_set in (chunks, CachedDataSet(chunks)):
        found = SequentialRunner().run(pipeline(readers), DataCatalog({"chunks": data_set}))
        assert found == {"one": 3, "two": 3}
    passed_on = node(lambda given: given, "given", "chunks", name="passes")
    with pytest.raises(RunFailedError, match="holds a TextFileReader, which has been read already"):
        SequentialRunner().run(pipeline([passed_on, *readers]), DataCatalog({"given": chunks}))
