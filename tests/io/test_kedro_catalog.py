"""What hooks and tests that were written for Kedro's catalog find in ours."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

import sparkpipe.io
import sparkpipe.io.core
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import CredentialsNotFoundError, DataSetError, RegexError
from sparkpipe.io import DataCatalog, IncrementalDataSet, MemoryDataSet, Version
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import find_problems
from sparkpipe.runner import SequentialRunner, ThreadRunner

TEXT = {"type": "text.TextDataSet", "filepath": "a.txt"}


def test_what_lies_in_a_catalog_are_data_sets() -> None:
    catalog = DataCatalog.from_config_lazily({"a": TEXT, "params:b": {"type": "MemoryDataSet"}})
    made = catalog._data_sets["a"]
    assert isinstance(made, TextDataSet)
    assert catalog["a"] is made
    assert catalog._data_sets.get("a") is made
    assert catalog._data_sets.get("no") is None
    assert dict(catalog._data_sets.items())["a"] is made
    assert made in catalog._data_sets.values()
    catalog._data_sets["c"] = MemoryDataSet(1)
    assert catalog.load("c") == 1
    assert catalog._data_sets.pop("c").load() == 1
    with pytest.raises(KeyError):
        _ = catalog._data_sets["c"]
    assert catalog.shallow_copy()["a"] is made
    assert pickle.loads(pickle.dumps(catalog._data_sets))["params:b"].exists() is False


def test_data_sets_by_attribute_are_in_their_dict() -> None:
    catalog = DataCatalog.from_config_lazily({"a": TEXT, "params:b": {"type": "MemoryDataSet"}})
    found = catalog.datasets.__dict__
    assert {name: type(found[name]).__name__ for name in found} == {
        "a": "TextDataSet",
        "params__b": "MemoryDataSet",
    }
    assert vars(catalog.datasets).keys() == found.keys()
    assert catalog.datasets.a is found["a"]


def test_a_catalog_of_kedros_form_asks_as_kedro_does(tmp_path: Path) -> None:
    class Theirs(DataCatalog):
        def _get_dataset(
            self, data_set_name: str, version: Any = None, suggest: bool = True
        ) -> Any:
            return super()._get_dataset(data_set_name, version, suggest)

    entry = {**TEXT, "filepath": str(tmp_path / "a.txt"), "versioned": True}
    for version in ("2026-01-01", "2026-01-02"):
        Theirs.from_config({"a": entry}, save_version=version).save("a", version)
    catalog = Theirs.from_config({"a": entry})
    asked = catalog._get_dataset("a", version=Version("2026-01-01", None))
    assert (asked.load(), catalog.load("a")) == ("2026-01-01", "2026-01-02")
    with pytest.raises(DataSetError) as error:
        catalog._get_dataset("b", suggest=False)
    assert "Did you mean" not in str(error.value)


def test_names_that_patterns_have_made_are_listed() -> None:
    catalog = DataCatalog.from_config({"a": TEXT, "{n}_x": TEXT})
    assert "b_x" in catalog
    assert catalog.list() == ["a"]
    _ = catalog["b_x"]
    assert catalog.list() == ["a", "b_x"]
    assert catalog.list("_x$") == ["b_x"]


def test_an_empty_catalog_is_true() -> None:
    assert DataCatalog()


def test_errors_have_the_types_of_kedro_too() -> None:
    entry = {**TEXT, "credentials": "mine"}
    for ask in (
        lambda: DataCatalog.from_config({"a": entry}),
        lambda: DataCatalog.from_config_lazily({"a": entry})["a"],
        lambda: DataCatalog.from_config_lazily({"{n}_x": entry})["b_x"],
    ):
        with pytest.raises(KeyError) as caught:
            ask()
        assert isinstance(caught.value, CredentialsNotFoundError)
        assert "there are no credentials 'mine'" in str(caught.value)
    with pytest.raises(SyntaxError) as wrong:
        DataCatalog().list("(")
    assert isinstance(wrong.value, RegexError)
    assert isinstance(wrong.value, DataSetError)
    assert str(wrong.value).startswith("'(' is no regular expression")


class Keeping(MemoryDataSet):
    """Keeps the credentials that it is given."""

    def __init__(self, credentials: Any, inner: Any = None) -> None:
        super().__init__()
        self.given = (credentials, inner)


def test_nested_credentials_are_resolved() -> None:
    entry = {
        "type": Keeping,
        "credentials": {"a": {"credentials": "mine"}, "b": 1},
        "inner": [{"credentials": "mine"}],
    }
    made = DataCatalog.from_config({"x": entry}, {"mine": {"k": 1}})["x"]
    assert made.given == ({"a": {"credentials": {"k": 1}}, "b": 1}, [{"credentials": {"k": 1}}])


def test_names_that_data_sets_of_users_import() -> None:
    for module in (sparkpipe.io, sparkpipe.io.core):
        assert module.VERSION_FORMAT == "%Y-%m-%dT%H.%M.%S.%fZ"
        assert module.CREDENTIALS_KEY == "credentials"
        assert module.DEFAULT_CHECKPOINT_FILENAME == "CHECKPOINT"
    assert IncrementalDataSet.DEFAULT_CHECKPOINT_FILENAME == "CHECKPOINT"


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
@pytest.mark.parametrize("kind", [Mock, MagicMock])
def test_a_mock_is_a_data_set(kind: type[Mock], runner: Any) -> None:
    source, sink = kind(), kind()
    source.load.return_value = 1
    steps = pipeline([node(lambda x: x + 1, "in", "out", name="n")])
    catalog = DataCatalog({"in": source, "out": sink})
    assert find_problems(steps, catalog) == []
    runner().run(steps, catalog)
    sink.save.assert_called_once_with(2)


def test_a_mock_of_a_class_is_a_data_set(tmp_path: Path) -> None:
    source = MagicMock(spec=TextDataSet)
    source.load.return_value = "1"
    steps = pipeline([node(str, "in", "out", name="n")])
    assert SequentialRunner().run(steps, DataCatalog({"in": source})) == {"out": "1"}
