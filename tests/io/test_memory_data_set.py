"""Data in memory: what is copied, what is not, and what cannot be."""

from __future__ import annotations

import gc
import io
import sqlite3
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner


def test_lists_are_copied_to_the_depth_on_both_ways() -> None:
    given = [[1]]
    data_set = MemoryDataSet()
    data_set.save(given)
    given[0].append(2)
    assert data_set.load() == [[1]]
    data_set.load()[0].append(3)
    assert data_set.load() == [[1]]


def test_data_given_at_the_start_is_copied_too() -> None:
    given = {"a": [1]}
    data_set = MemoryDataSet(given)
    given["a"].append(2)
    assert data_set.load() == {"a": [1]}


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"a": [1, 2]}),
        lambda: pd.Series([1, 2]),
        lambda: np.array([1, 2]),
    ],
)
def test_pandas_and_numpy_data_is_copied(make: Any) -> None:
    given = make()
    data_set = MemoryDataSet()
    data_set.save(given)
    given[:] = 9
    loaded = data_set.load()
    assert (np.asarray(loaded).ravel() == [1, 2]).all()
    loaded[:] = 8
    assert (np.asarray(data_set.load()).ravel() == [1, 2]).all()


def test_objects_in_tables_and_arrays_are_not_copied_to_the_depth() -> None:
    inside: list[int] = []
    assert MemoryDataSet(pd.DataFrame({"a": [inside]})).load()["a"][0] is inside
    array = np.empty(1, dtype=object)
    array[0] = inside
    assert MemoryDataSet(array).load()[0] is inside


def test_assign_keeps_the_very_object() -> None:
    data = [[1]]
    data_set = MemoryDataSet(copy_mode="assign")
    data_set.save(data)
    assert data_set.load() is data


def test_copy_is_one_level_deep() -> None:
    data = [[1]]
    loaded = MemoryDataSet(data, copy_mode="copy").load()
    assert loaded is not data
    assert loaded[0] is data[0]


def test_deepcopy_may_be_asked_for_pandas() -> None:
    data = pd.DataFrame({"a": [1]})
    loaded = MemoryDataSet(data, copy_mode="deepcopy").load()
    assert loaded is not data
    assert loaded.equals(data)


@pytest.mark.parametrize("data", [0, 0.5, False, "", b"", None, float("nan"), ()])
def test_plain_and_falsy_values_come_back(data: Any) -> None:
    assert MemoryDataSet(data).load() is data
    assert MemoryDataSet(data).exists()


def _open_database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:")


class _Wrapped:
    def __init__(self, inside: object) -> None:
        self.inside = inside


@pytest.mark.parametrize(
    "make", [threading.Lock, _open_database, lambda: _Wrapped(threading.Lock()), lambda: iter([1])]
)
def test_what_cannot_be_copied_is_passed_on_as_it_is(make: Any) -> None:
    data = make()
    data_set = MemoryDataSet()
    data_set.save(data)
    assert type(data_set.load()) is type(data)
    if not isinstance(data, type(iter([1]))):  # this one can be copied
        assert data_set.load() is data_set.load() is data


class _Owner:
    """Closes what it has opened when it is thrown away."""

    def __init__(self) -> None:
        self.opened = {"open": True}
        self.lent = self.opened

    def __del__(self) -> None:
        self.opened["open"] = False


def _in_a_folder() -> Any:
    folder = tempfile.TemporaryDirectory()
    return folder, lambda kept: Path(kept.name).is_dir()


def _in_an_owner() -> Any:
    return {"a": [_Owner()]}, lambda kept: kept["a"][0].lent["open"]


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up")
@pytest.mark.parametrize("make", [_in_a_folder, _in_an_owner])
def test_what_ends_something_when_it_is_thrown_away_is_kept(make: Any) -> None:
    data_set = MemoryDataSet()
    data, is_open = make()
    data_set.save(data)
    data = None  # as that of a node that has ended
    gc.collect()
    assert is_open(data_set.load())
    assert data_set.load() is data_set.load()


def test_what_says_how_it_is_copied_is_copied() -> None:
    buffer = io.BytesIO(b"abc")
    data_set = MemoryDataSet(buffer)
    buffer.close()
    assert data_set.load().read() == data_set.load().read() == b"abc"


class _NoClass:
    """As a proxy of nothing yet."""

    @property
    def __class__(self) -> type:
        raise RuntimeError("no class yet")


class _NoDict:
    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        raise RuntimeError("no dictionary")


class _NoAttributes:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class _NoItems(list[int]):
    def __iter__(self) -> Any:
        raise RuntimeError("not now")


class _WithoutTextError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class _NotCopied:
    def __deepcopy__(self, memo: object) -> Any:
        raise _WithoutTextError


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"x": [one]}])
@pytest.mark.parametrize("kind", [_NoClass, _NoDict, _NoAttributes, _NoItems, _NotCopied])
def test_what_a_node_made_is_kept_whatever_it_says_of_itself(
    kind: Any, wrap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ibis", ModuleType("ibis"))
    made = wrap(kind())
    loaded: list[Any] = []
    nodes = [node(lambda _: made, "start", "data"), node(loaded.append, "data", None)]
    SequentialRunner().run(pipeline(nodes), DataCatalog(feed_dict={"start": 1}))
    assert type(loaded[0]) is type(made)


def test_a_weak_proxy_may_be_loaded_again_and_again() -> None:
    model = _Wrapped(threading.Lock())
    data_set = MemoryDataSet(weakref.proxy(model))
    assert data_set.load().inside is data_set.load().inside is model.inside


def test_copy_that_is_asked_for_and_impossible_says_so_with_a_way_out() -> None:
    lock = threading.Lock()
    with pytest.raises(DataSetError, match=r"a lock cannot be copied.*copy_mode: assign") as error:
        MemoryDataSet(copy_mode="deepcopy").save(lock)
    assert isinstance(error.value.__cause__, TypeError)


@pytest.mark.parametrize("copy_mode", ["assign", "copy"])
@pytest.mark.parametrize("make", [lambda: iter([1]), lambda: map(abs, [1]), lambda: zip([1])])
def test_an_iterator_that_is_shared_is_read_once(make: Any, copy_mode: str) -> None:
    data_set = MemoryDataSet(copy_mode=copy_mode)
    data_set.save(make())
    assert len(list(data_set.load())) == 1
    with pytest.raises(DataSetError, match="which has been read already"):
        data_set.load()
    data_set.save(make())
    assert len(list(data_set.load())) == 1


def test_who_reads_a_file_after_another_one_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    data_set = MemoryDataSet()
    with (tmp_path / "a.txt").open() as file:
        data_set.save(file)
        assert len(list(data_set.load())) == 2
        file.seek(0)
        assert len(list(data_set.load())) == 2
        assert "from memory" not in caplog.text
        data_set.load()
        assert caplog.text.count("reads the same TextIOWrapper from memory") == 1
    data_set.load()  # who reads it now is told that it is closed
    assert caplog.text.count("from memory") == 1


def test_who_reads_an_iterator_within_other_data_after_another_one_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data_set = MemoryDataSet()
    data_set.save({"rows": (number for number in range(2)), "count": 2})
    assert list(data_set.load()["rows"]) == [0, 1]
    assert "from memory" not in caplog.text
    assert data_set.load()["count"] == 2
    assert "reads the same generator from memory" in caplog.text


def test_a_generator_is_read_once_and_never_silently_empty() -> None:
    data_set = MemoryDataSet()
    data_set.save(number for number in range(2))
    assert list(data_set.load()) == [0, 1]
    with pytest.raises(DataSetError, match=r"generator, which has been read already.*a list"):
        data_set.load()
    data_set.save([1])
    assert data_set.load() == data_set.load() == [1]


class _OfDatabase:
    """As an ibis expression: a copy loses its connection without a word."""

    def __deepcopy__(self, memo: object) -> _OfDatabase:
        raise AssertionError("copied")


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: (one, {"rmse": 1}), _Wrapped])
def test_what_stands_for_something_elsewhere_is_never_copied(
    wrap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ibis", ModuleType("ibis"))
    monkeypatch.setattr(_OfDatabase, "__module__", "ibis.expr.types")
    data = wrap(_OfDatabase())
    data_set = MemoryDataSet()
    data_set.save(data)
    assert data_set.load() is data


def test_unknown_copy_mode_is_refused() -> None:
    with pytest.raises(DataSetError, match=r"'depcopy' is not known.*deepcopy"):
        MemoryDataSet(copy_mode="depcopy")


def test_none_is_not_saved_but_may_be_given() -> None:
    data_set = MemoryDataSet(None)
    assert data_set.load() is None
    with pytest.raises(DataSetError, match="None cannot be saved"):
        data_set.save(None)


def test_empty_one_does_not_exist_until_saved_and_after_release() -> None:
    data_set = MemoryDataSet()
    assert not data_set.exists()
    with pytest.raises(DataSetError, match="nothing has been saved"):
        data_set.load()
    data_set.save(1)
    assert data_set.exists()
    data_set.release()
    assert not data_set.exists()
    with pytest.raises(DataSetError):
        data_set.load()


def test_data_itself_is_not_shown() -> None:
    assert "hunter2" not in repr(MemoryDataSet({"password": "hunter2"}))
    assert "dict" in repr(MemoryDataSet({}))
