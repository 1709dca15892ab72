"""Every type of data set without Spark is what it declares."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.matplotlib import MatplotlibWriter
from sparkpipe.datasets.pandas import (
    CSVDataSet,
    ExcelDataSet,
    FeatherDataSet,
    ParquetDataSet,
    SQLQueryDataSet,
    SQLTableDataSet,
)
from sparkpipe.datasets.pandas import JSONDataSet as JSONTableDataSet
from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.datasets.yaml import YAMLDataSet
from sparkpipe.io import (
    AbstractDataSet,
    CachedDataSet,
    IncrementalDataSet,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
    Version,
)
from sparkpipe.io.data_set import DECLARATIONS
from sparkpipe.io.wrapper import WrapperDataSet
from sparkpipe.session.overlay import TemporaryDataSet
from sparkpipe.testing import check_data_set

APPENDING = {"open_args_save": {"mode": "a"}}
_versions = count(1)


def new_version() -> Version:
    return Version(None, f"v{next(_versions):04}")


@dataclass
class Case:
    make: Callable[[Path], Any]
    first: Any = "one"
    second: Any = "three"
    after: Any = None
    read: Any = None
    spoilt: Any = None
    fill: Any = None


def table(*names: str) -> Any:
    import pandas as pd

    return pd.DataFrame({"name": list(names), "length": [len(name) for name in names]})


def rows(data: Any) -> Any:
    return data.to_dict("records")


def tables(make: Callable[[Path], Any], **options: Any) -> Case:
    """A case of a table of pandas; what is no frame cannot be saved."""
    return Case(make, table("a"), table("b", "c"), read=rows, spoilt=[1], **options)


def con(folder: Path) -> dict[str, str]:
    return {"con": f"sqlite:///{folder / 'shop.db'}"}


def sql(if_exists: str) -> Callable[[Path], Any]:
    return lambda folder: SQLTableDataSet("t", con(folder), save_args={"if_exists": if_exists})


def fill_table(folder: Path) -> None:
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("create table t (name text, length integer)")
        connection.execute("insert into t values ('a', 1)")


def no_table(folder: Path) -> Any:
    return SQLQueryDataSet("select * from t", con(folder))


def functions(folder: Path) -> LambdaDataSet:
    path = folder / "a.txt"
    return LambdaDataSet(path.read_text, path.write_text, path.exists)


def only_read(folder: Path) -> LambdaDataSet:
    return LambdaDataSet((folder / "a.txt").read_text)


def figure(size: int) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(size, size))


def partitions(kind: Any = PartitionedDataSet, **options: Any) -> Callable[[Path], Any]:
    return lambda folder: kind(str(folder / "parts"), "text.TextDataSet", **options)


def texts(data: dict[str, Any]) -> dict[str, str]:
    return {name: part() if callable(part) else part for name, part in data.items()}


PARTS = {"first": {"a": "1", "b": "1"}, "second": {"b": "22", "c": "22"}, "read": texts}
ALL_PARTS = {"a": "1", "b": "22", "c": "22"}


def on_top(folder: Path) -> Any:
    original, own = TextDataSet(str(folder / "project.txt")), TextDataSet(str(folder / "own.txt"))
    return TemporaryDataSet(original, own, "x")


CASES: dict[str, Case] = {
    "memory": Case(lambda folder: MemoryDataSet()),
    "functions": Case(functions, spoilt=1),
    "functions, read": Case(only_read, fill=lambda folder: (folder / "a.txt").write_text("one")),
    "text": Case(lambda folder: TextDataSet(folder / "a.txt"), spoilt=1),
    "text, appending": Case(
        lambda folder: TextDataSet(folder / "a.txt", fs_args=APPENDING), after="onethree"
    ),
    "text, exclusive": Case(
        lambda folder: TextDataSet(folder / "a.txt", fs_args={"open_args_save": {"mode": "x"}})
    ),
    "text, versions": Case(
        lambda folder: TextDataSet(folder / "a.txt", version=new_version()), after="three"
    ),
    "json": Case(lambda folder: JSONDataSet(folder / "a.json"), [1], [1, 2], spoilt=object()),
    "yaml": Case(lambda folder: YAMLDataSet(folder / "a.yml"), [1], [1, 2], spoilt=object()),
    "pickle": Case(lambda folder: PickleDataSet(folder / "a.pkl"), {1}, {1, 2}, spoilt=lambda: 1),
    "csv": tables(lambda folder: CSVDataSet(folder / "a.csv")),
    "csv, versions": tables(
        lambda folder: CSVDataSet(folder / "a.csv", version=new_version()),
        after=[{"name": "b", "length": 1}, {"name": "c", "length": 1}],
    ),
    "table as json": tables(lambda folder: JSONTableDataSet(folder / "a.json")),
    "parquet": tables(lambda folder: ParquetDataSet(folder / "a.parquet")),
    "feather": tables(lambda folder: FeatherDataSet(folder / "a.feather")),
    "excel": tables(lambda folder: ExcelDataSet(folder / "a.xlsx")),
    "table": tables(sql("fail")),
    "table, replaced": tables(sql("replace")),
    "table, appended": tables(
        sql("append"), after=[{"name": name, "length": 1} for name in ("a", "b", "c")]
    ),
    "query": tables(no_table, fill=fill_table),
    "figure": Case(
        lambda folder: MatplotlibWriter(folder / "a.png"), figure(1), figure(2), spoilt=1
    ),
    "partitions": Case(partitions(), **PARTS, after=ALL_PARTS, spoilt=[1]),
    "partitions, all": Case(partitions(overwrite=True), **PARTS),
    "new partitions": Case(partitions(IncrementalDataSet), **PARTS, after=ALL_PARTS),
    "cached": Case(lambda folder: CachedDataSet(TextDataSet(folder / "a.txt")), spoilt=1),
    "cached, appending": Case(
        lambda folder: CachedDataSet(TextDataSet(folder / "a.txt", fs_args=APPENDING)),
        after="onethree",
    ),
    "cached, in memory": Case(lambda folder: CachedDataSet(MemoryDataSet())),
    "cached, new partitions": Case(
        lambda folder: CachedDataSet(partitions(IncrementalDataSet)(folder)),
        **PARTS,
        after=ALL_PARTS,
    ),
    "in a test": Case(on_top, spoilt=1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_data_set_is_what_it_declares(case: Case, tmp_path: Path) -> None:
    check_data_set(folder=tmp_path, **vars(case))


# The checks see a declaration that is not so


def _random(self: Any) -> str:
    return str(next(_versions))


LIES: dict[str, Any] = {
    "location": lambda self: "/nowhere/at/all",
    "target": lambda self: "/nowhere/at/all",
    "save_effect": lambda self: "append",
    "load_effect": lambda self: "fixed",
    "why_unreadable": lambda self: "it cannot be loaded.",
    "why_unwritable": lambda self: "it cannot be saved.",
    "is_confirmable": lambda self: True,
    "is_transactional": lambda self: True,
    "is_memory_only": lambda self: True,
    "is_single_process": lambda self: True,
    "wrapped": lambda self: MemoryDataSet(),
    "state": lambda self: "always the same",
}


class InPlace(TextDataSet):
    """Writes over what is there, so that what is being read, and a save that fails, suffer."""

    def _save(self, data: str) -> None:
        path = Path(self._filepath)
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as file:
            self._write(file, data[:2])
            self._write(file, data[2:])
            if data == "spoilt":
                raise OSError("the disk is full")


def lying_class(base: type, name: str, lie: Any) -> Any:
    kind = type("Lying", (base,), {name: lie, "__module__": __name__})
    globals()["Lying"] = kind  # where pickle looks for it
    return kind


def lying(base: type, name: str, lie: Any) -> Callable[[Path], Any]:
    kind = lying_class(base, name, lie)
    return lambda folder: kind(str(folder / "a.txt"))


@pytest.mark.parametrize("name", DECLARATIONS)
def test_the_checks_find_each_declaration_that_is_not_so(name: str, tmp_path: Path) -> None:
    breaks = name == "is_transactional"
    base, spoilt = (InPlace, "spoilt") if breaks else (TextDataSet, None)
    honest = lying_class(base, "_nothing", None)
    check_data_set(lambda f: honest(str(f / "a")), "one", "three", tmp_path, spoilt=spoilt)
    make = lying(base, name, LIES[name])
    with pytest.raises(AssertionError, match=rf"Lying\.{name}\(\)"):
        check_data_set(make, "one", "three", tmp_path / "lying", spoilt=spoilt)


OPPOSITE: dict[str, tuple[Any, Any]] = {
    "appends, says keep": (lambda self: "keep", APPENDING),
    "appends, says replace": (lambda self: "replace", APPENDING),
    "appends, says merge": (lambda self: "merge", APPENDING),
    "appends, says part": (lambda self: "part", APPENDING),
    "replaces, says keep": (lambda self: "keep", {}),
    "replaces, says part": (lambda self: "part", {}),
    "replaces, says merge": (lambda self: "merge", {}),
    "refuses, says replace": (lambda self: "replace", {"open_args_save": {"mode": "x"}}),
}


@pytest.mark.parametrize("lie", OPPOSITE.values(), ids=OPPOSITE)
def test_the_checks_know_each_effect_of_a_save(lie: tuple[Any, Any], tmp_path: Path) -> None:
    says, fs_args = lie
    kind = lying_class(TextDataSet, "save_effect", says)
    with pytest.raises(AssertionError, match=r"Lying\.save_effect\(\)"):
        check_data_set(
            lambda folder: kind(str(folder / "a.txt"), fs_args=fs_args), "one", "three", tmp_path
        )


@pytest.mark.parametrize(
    ("base", "name", "denied"),
    [
        (MemoryDataSet, "is_memory_only", lambda self: False),
        (TextDataSet, "state", _random),
        (TextDataSet, "target", _random),
    ],
)
def test_the_checks_find_what_is_denied_or_made_up(
    base: Any, name: str, denied: Any, tmp_path: Path
) -> None:
    kind = lying_class(base, name, denied)
    arguments = () if base is MemoryDataSet else (str(tmp_path / "a.txt"),)
    with pytest.raises(AssertionError, match=rf"Lying\.{name}\(\)"):
        check_data_set(lambda folder: kind(*arguments), "one", "three", tmp_path)


def _never(self: Any, *_: Any) -> NoReturn:
    raise OSError("no")


@pytest.mark.parametrize(
    ("method", "name"),
    [("_read", "why_unreadable"), ("_write", "why_unwritable"), ("confirm", "is_confirmable")],
)
def test_the_checks_find_what_cannot_be_done(method: str, name: str, tmp_path: Path) -> None:
    make = lying(TextDataSet, method, _never)
    with pytest.raises(AssertionError, match=rf"Lying\.{name}\(\)"):
        check_data_set(make, "one", "three", tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_the_checks_find_presence_that_is_not_so(there: bool, tmp_path: Path) -> None:
    make = lying(TextDataSet, "_exists", lambda self: there)
    with pytest.raises(AssertionError, match=rf"Lying\.exists\(\): found {there}"):
        check_data_set(make, "one", "three", tmp_path)


def test_the_checks_find_a_target_that_a_save_leaves_alone(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("other")
    make = lying(TextDataSet, "target", lambda self: str(tmp_path / "other.txt"))
    with pytest.raises(AssertionError, match=r"Lying\.target\(\).*a save changes nothing there"):
        check_data_set(make, "one", "three", tmp_path / "lying")


@pytest.mark.parametrize("name", [name for name in DECLARATIONS if name != "wrapped"])
@pytest.mark.parametrize("answer", [lambda self: object(), lambda self: 1 / 0])
def test_the_checks_find_an_answer_that_is_of_no_use(
    name: str, answer: Any, tmp_path: Path
) -> None:
    make = lying(TextDataSet, name, answer)
    with pytest.raises(AssertionError, match=rf"Lying\.{name}\(\) (says|raises)"):
        check_data_set(make, "one", "three", tmp_path)


# Nothing is forgotten


def test_the_list_of_declarations_is_whole() -> None:
    others = {"from_config", "load", "save", "exists", "release"}
    public = {
        name
        for name, value in vars(AbstractDataSet).items()
        if isinstance(value, (FunctionType, classmethod)) and not name.startswith("_")
    }
    assert public - others == set(DECLARATIONS) == set(LIES)


def test_a_wrapper_decides_each_declaration() -> None:
    assert set(DECLARATIONS) <= set(vars(WrapperDataSet))
    assert {"_problems", "_missing", "_release", "confirm"} <= set(vars(WrapperDataSet))
    for kind in (CachedDataSet, PartitionedDataSet, IncrementalDataSet, TemporaryDataSet):
        assert issubclass(kind, WrapperDataSet)
