"""Data sets made of functions."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, LambdaDataSet


def test_functions_are_called() -> None:
    box: dict[str, Any] = {}
    data_set = LambdaDataSet(
        load=lambda: box["data"],
        save=lambda data: box.update(data=data),
        exists=lambda: "data" in box,
        release=box.clear,
    )
    assert not data_set.exists()
    data_set.save(3)
    assert data_set.exists()
    assert data_set.load() == 3
    data_set.release()
    assert box == {}


def test_function_may_be_a_dotted_path() -> None:
    catalog = DataCatalog.from_config({"here": {"type": "LambdaDataSet", "load": "os.getpid"}})
    import os

    assert catalog.load("here") == os.getpid()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("os.getpdi", "'os' has no 'getpdi'. Did you mean 'getpid'?"),
        ("no_such_module.load", "there is no module 'no_such_module'"),
        ("getpid", "not a dotted path"),
        ("os.path.", "not a dotted path"),
        ("os; import sys.x", "not a dotted path"),
    ],
)
def test_path_that_leads_nowhere_is_found_before_loading(path: str, told: str) -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({"x": {"type": "LambdaDataSet", "load": path}})
    assert "'x' (LambdaDataSet)" in str(error.value)
    assert told in str(error.value)


def test_module_that_raises_is_told_with_its_error(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "explodes_when_imported.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataSetError, match="raised ZeroDivisionError: division by zero"):
        LambdaDataSet("explodes_when_imported.load").load()


@pytest.mark.parametrize("given", [3, ["os.getpid"], {"a": 1}])
def test_what_is_no_function_is_refused(given: Any) -> None:
    with pytest.raises(DataSetError, match="'load' must be a function or the dotted path"):
        LambdaDataSet(load=given)


def test_missing_function_is_told() -> None:
    with pytest.raises(DataSetError, match="it has no 'save' function"):
        LambdaDataSet(load=lambda: 1).save(2)


def test_failure_in_a_function_keeps_its_cause() -> None:
    with pytest.raises(DataSetError, match="ZeroDivisionError") as error:
        LambdaDataSet(load=lambda: 1 / 0).load()
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_without_exists_it_warns_and_is_absent(caplog: pytest.LogCaptureFixture) -> None:
    assert LambdaDataSet(load=lambda: 1).exists() is False
    assert "LambdaDataSet cannot tell" in caplog.text


def test_shows_the_functions() -> None:
    def read_rows() -> int:
        return 1

    assert "read_rows" in repr(LambdaDataSet(load=read_rows))
    assert "os.getpid" in repr(LambdaDataSet(load="os.getpid"))
