"""``type:`` in a catalog: how classes are found, and what is said when they are not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import sparkpipe.io
from sparkpipe.errors import DataSetError
from sparkpipe.io import AbstractDataSet, MemoryDataSet
from sparkpipe.io.factory import KNOWN_TYPES, build_data_set, find_class

SPARKLESS = [name for name in KNOWN_TYPES if not name.startswith("spark.")]


@pytest.mark.parametrize("name", SPARKLESS)
def test_every_known_type_is_found_in_both_spellings(name: str) -> None:
    found = find_class(name)
    assert isinstance(found, type)
    assert issubclass(found, AbstractDataSet)
    assert find_class(name.replace("DataSet", "Dataset")) is found


@pytest.mark.parametrize(
    "name", [name for name in sparkpipe.io.__all__ if "DataSet" in name or "Dataset" in name]
)
def test_both_spellings_are_the_same_class(name: str) -> None:
    other = name.replace("DataSet", "Dataset") if "DataSet" in name else name
    assert getattr(sparkpipe.io, name) is getattr(sparkpipe.io, other)


@pytest.mark.parametrize("module", ["pandas", "json", "text", "pickle", "yaml"])
def test_both_spellings_can_be_imported_from_the_packages(module: str) -> None:
    from importlib import import_module

    package = import_module(f"sparkpipe.datasets.{module}")
    for name in package.__all__:
        assert getattr(package, name) is getattr(package, name.replace("DataSet", "Dataset"))


def test_unknown_attribute_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchDataSet"):
        _ = sparkpipe.io.NoSuchDataSet


def test_dotted_path_and_class_are_taken() -> None:
    assert find_class("sparkpipe.io.MemoryDataset") is MemoryDataSet
    assert find_class(MemoryDataSet) is MemoryDataSet


def test_either_spelling_of_a_users_class_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_sets.py").write_text(
        "class TillDataset:\n    def load(self): return 1\n    def save(self, data): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert find_class("shop_sets.TillDataSet") is find_class("shop_sets.TillDataset")


def test_classes_of_kedro_datasets_are_found_by_their_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "kedro_datasets" / "fancy"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text(
        "class FancyDataset:\n"
        "    def __init__(self, filepath): self.filepath = filepath\n"
        "    def load(self): return self.filepath\n"
        "    def save(self, data): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "kedro_datasets"]:
        monkeypatch.delitem(sys.modules, name)  # that which is installed
    made = build_data_set({"type": "fancy.FancyDataSet", "filepath": "a"})
    assert made.load() == "a"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "pandas.CVSDataSet",
            ["looked for sparkpipe.datasets.pandas.CVSDataSet", "kedro_datasets"],
        ),
        ("pandas.CVSDataSet", ["Did you mean 'pandas.CSVDataSet'?"]),
        ("CSVDataSet", ["Did you mean 'pandas.CSVDataSet'?"]),
        ("MemoryDatset", ["Did you mean 'MemoryDataSet'?"]),
        ("nonsense", ["Types: CachedDataSet, "]),
        ("video.VideoDataSet", ["kedro_datasets.video.VideoDataSet"]),
        ("pandas.ExcelSheet", ["Did you mean 'pandas.ExcelDataSet'?"]),
        ("no_such_package.sub.Thing", ["no_such_package.sub.Thing", "install the package"]),
        ("delta_nope.x.Y", ["install the package"]),
    ],
)
def test_unknown_type_tells_what_was_looked_for_and_what_to_do(name: str, told: list[str]) -> None:
    with pytest.raises(DataSetError) as error:
        find_class(name)
    assert f"there is no data set type '{name}'" in str(error.value)
    for part in told:
        assert part in str(error.value)


@pytest.mark.parametrize("given", [None, 3, "", "  ", ["pandas.CSVDataSet"]])
def test_type_that_names_nothing_is_refused(given: Any) -> None:
    with pytest.raises(DataSetError, match="'type' must name a class"):
        build_data_set({"type": given})


@pytest.mark.parametrize("name", ["os.path.join", "os.PathLike", "sparkpipe.io.catalog"])
def test_type_that_is_no_data_set_is_refused(name: str) -> None:
    with pytest.raises(DataSetError, match="no data set"):
        build_data_set({"type": name})


def test_package_that_is_missing_inside_a_type_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_more.py").write_text("import pyspark_is_not_here_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataSetError, match="no module 'pyspark_is_not_here_at_all'"):
        find_class("needs_more.ThingDataSet")


@pytest.mark.parametrize(
    ("module", "extra"), [("pyspark.sql", "spark"), ("pandas", "pandas"), ("delta", "spark")]
)
def test_extra_that_brings_a_package_is_told(module: str, extra: str) -> None:
    from sparkpipe.io.importing import install_hint

    assert f"pip install 'sparkpipe[{extra}]'" in install_hint(module)


def test_missing_pandas_is_told_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkpipe.io import importing

    monkeypatch.setattr(importing, "is_installed", lambda name: False)
    (problem,) = build_data_set({"type": "pandas.CSVDataSet", "filepath": "a.csv"})._problems()
    assert "the package pandas is not installed" in problem
    assert "pip install 'sparkpipe[pandas]'" in problem


def test_constructor_that_raises_is_told_with_its_reason() -> None:
    class Picky(MemoryDataSet):
        def __init__(self, size: int) -> None:
            raise ValueError(f"{size} is too large")

    with pytest.raises(DataSetError, match=r"Picky does not accept its options.*5 is too large"):
        build_data_set({"type": Picky, "size": 5})


def test_class_that_takes_anything_is_given_anything() -> None:
    class Open(MemoryDataSet):
        def __init__(self, **options: Any) -> None:
            super().__init__(options)

    assert build_data_set({"type": Open, "a": 1, "b": 2}).load() == {"a": 1, "b": 2}
