"""A data set that remembers what it loaded or saved last."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import CachedDataSet, DataCatalog, LambdaDataSet, MemoryDataSet
from sparkpipe.io.core import is_single_process


class Counted(MemoryDataSet):
    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.loads = 0

    def _load(self) -> Any:
        self.loads += 1
        return super()._load()


def test_loads_once_until_released() -> None:
    inside = Counted([1])
    cached = CachedDataSet(inside)
    assert cached.load() == cached.load() == [1]
    assert inside.loads == 1
    cached._cache.release()
    assert cached.load() == [1]
    assert inside.loads == 2


def test_saved_data_is_written_and_remembered() -> None:
    inside = Counted([1])
    cached = CachedDataSet(inside)
    cached.save([2])
    assert cached.load() == [2]
    assert inside.loads == 0
    assert inside.load() == [2]


def test_failed_save_is_not_remembered() -> None:
    def refuse(_: Any) -> None:
        raise OSError("disk full")

    cached = CachedDataSet(LambdaDataSet(load=lambda: "old", save=refuse))
    assert cached.load() == "old"
    with pytest.raises(DataSetError, match="disk full"):
        cached.save("new")
    assert cached.load() == "old"


def test_what_one_reader_changes_no_other_gets() -> None:
    cached = CachedDataSet(MemoryDataSet([1], copy_mode="assign"))
    cached.load().append(2)
    assert cached.load() == [1]


def test_release_reaches_the_inside() -> None:
    inside = MemoryDataSet([1])
    cached = CachedDataSet(inside)
    cached.load()
    cached.release()
    assert not inside.exists()
    assert not cached.exists()


def test_is_made_of_configuration(tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    inside = {"type": "text.TextDataSet", "filepath": str(path)}
    catalog = DataCatalog.from_config({"x": {"type": "CachedDataSet", "dataset": inside}})
    catalog.save("x", "hello")
    path.unlink()
    assert catalog.load("x") == "hello"
    assert str(path) in repr(catalog["x"])


def test_version_is_that_of_the_inside(tmp_path: Path) -> None:
    inside = {"type": "text.TextDataSet", "filepath": str(tmp_path / "n.txt"), "versioned": True}
    entry = {"x": {"type": "CachedDataSet", "dataset": inside, "versioned": True}}
    DataCatalog.from_config(entry, save_version="v1").save("x", "one")
    DataCatalog.from_config(entry, save_version="v2").save("x", "two")
    assert (tmp_path / "n.txt" / "v1" / "n.txt").read_text() == "one"
    assert DataCatalog.from_config(entry, load_versions={"x": "v1"}).load("x") == "one"
    assert DataCatalog.from_config(entry).load("x") == "two"


@pytest.mark.parametrize("given", [None, "text.TextDataSet", 3])
def test_something_else_inside_is_refused(given: Any) -> None:
    with pytest.raises(DataSetError, match="'dataset' must be a data set or its configuration"):
        CachedDataSet(given)


def test_problems_of_the_inside_are_its_own() -> None:
    inside = {"type": "pandas.CSVDataSet", "filepath": "a.csv", "load_args": {"sepp": ","}}
    with pytest.raises(DataSetError, match=r"no option 'sepp'. Did you mean 'sep'"):
        DataCatalog.from_config({"x": {"type": "CachedDataSet", "dataset": inside}})


def test_stays_in_its_process_if_the_inside_does() -> None:
    class Here(MemoryDataSet):
        _SINGLE_PROCESS = True

    assert is_single_process(CachedDataSet(Here()))
    assert not is_single_process(CachedDataSet(MemoryDataSet()))


def test_cache_does_not_travel_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("old")
    cached = CachedDataSet({"type": "text.TextDataSet", "filepath": str(tmp_path / "n.txt")})
    assert cached.load() == "old"
    (tmp_path / "n.txt").write_text("new")
    assert pickle.loads(pickle.dumps(cached)).load() == "new"
    assert cached.load() == "old"


@pytest.mark.parametrize("where", ["outside", "inside"])
def test_versions_are_those_of_the_data_set_inside(tmp_path: Path, where: str) -> None:
    inside = {"type": "text.TextDataSet", "filepath": str(tmp_path / "a.txt")}
    entry: dict[str, Any] = {"type": "CachedDataSet", "dataset": inside}
    (entry if where == "outside" else inside)["versioned"] = True  # type: ignore[index]
    for version in ("v1", "v2"):
        DataCatalog.from_config({"x": entry}, save_version=version).save("x", version)
    assert DataCatalog.from_config({"x": entry}).load("x") == "v2"
    assert DataCatalog.from_config({"x": entry}, load_versions={"x": "v1"}).load("x") == "v1"
    assert (tmp_path / "a.txt" / "v1" / "a.txt").read_text() == "v1"
