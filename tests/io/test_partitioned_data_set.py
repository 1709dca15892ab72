"""A folder whose files are the partitions of one data set."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, PartitionedDataSet


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "parts") if request.param == "local" else f"memory://{uuid4().hex}/parts"


def texts(path: str, **options: Any) -> PartitionedDataSet:
    return PartitionedDataSet(path, "text.TextDataSet", filename_suffix=".txt", **options)


def loaded(data_set: PartitionedDataSet) -> dict[str, Any]:
    return {name: load() for name, load in data_set.load().items()}


def test_partitions_come_back_by_name(folder: str) -> None:
    data_set = texts(folder)
    assert not data_set.exists()
    data_set.save({"b": "2", "a": "1", "2013/01": "3"})
    assert data_set.exists()
    assert loaded(data_set) == {"2013/01": "3", "a": "1", "b": "2"}
    assert list(data_set.load()) == ["2013/01", "a", "b"]


def test_nothing_is_read_until_a_partition_is_asked_for(tmp_path: Path) -> None:
    data_set = texts(str(tmp_path))
    data_set.save({"a": "1", "b": "2"})
    parts = data_set.load()
    (tmp_path / "a.txt").write_text("changed")
    (tmp_path / "b.txt").unlink()
    assert parts["a"]() == "changed"
    with pytest.raises(DataSetError, match="does not exist"):
        parts["b"]()


def test_parts_may_be_made_one_at_a_time(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def make(name: str) -> Any:
        def made() -> str:
            seen.append(sorted(p.stem for p in tmp_path.glob("*.txt")))
            return name

        return made

    texts(str(tmp_path)).save({"a": make("a"), "b": make("b"), "c": make("c")})
    assert seen == [[], ["a"], ["a", "b"]]


def test_other_partitions_stay_unless_overwritten(folder: str) -> None:
    texts(folder).save({"a": "1", "b": "2"})
    texts(folder).save({"b": "3"})
    assert loaded(texts(folder)) == {"a": "1", "b": "3"}
    texts(folder, overwrite=True).save({"c": "4"})
    assert loaded(texts(folder)) == {"c": "4"}


def test_overwriting_leaves_files_that_are_no_partitions(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("keep")
    texts(str(tmp_path)).save({"a": "1"})
    texts(str(tmp_path), overwrite=True).save({"b": "1"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "b.txt"]


def test_failure_while_overwriting_leaves_what_was_there(folder: str) -> None:
    texts(folder).save({"a": "1", "b": "2"})
    with pytest.raises(DataSetError, match="ZeroDivisionError"):
        texts(folder, overwrite=True).save({"c": lambda: 1 / 0})
    assert loaded(texts(folder)) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "",
        " ",
        ".",
        "..",
        "a\0b",
        "C:x",
        "a\\..\\x",
        "a/..",
        "s3://b",
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "parts"
    with pytest.raises(DataSetError, match="cannot be the name of a partition"):
        texts(str(inside)).save({"good": "1", name: "2"})
    assert not inside.exists()  # refused before the first is written


@pytest.mark.parametrize("name", [".hidden", "_SUCCESS", "a//b", "a/./b", "a/"])
def test_names_that_would_not_be_found_again_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataSetError, match="cannot be the name of a partition"):
        texts(str(tmp_path)).save({name: "2"})


def test_hidden_files_and_markers_are_no_partitions(tmp_path: Path) -> None:
    for name in ("a.txt", ".b.txt", "_c.txt", "d.csv"):
        (tmp_path / name).write_text("1")
    assert list(texts(str(tmp_path)).load()) == ["a"]


def test_numbers_may_name_partitions(tmp_path: Path) -> None:
    texts(str(tmp_path), overwrite=True).save({2013: "1", 2014: "2"})
    assert loaded(texts(str(tmp_path))) == {"2013": "1", "2014": "2"}


def test_folder_without_partitions_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        assert not texts(str(path)).exists()
        with pytest.raises(DataSetError, match=r"no partitions in .*\*\.txt"):
            texts(str(path)).load()


@pytest.mark.parametrize("data", [["a"], "a", 3])
def test_data_must_be_a_dictionary(tmp_path: Path, data: Any) -> None:
    with pytest.raises(DataSetError, match=f"not {type(data).__name__}"):
        texts(str(tmp_path)).save(data)


def test_arguments_of_the_file_system_reach_each_partition(tmp_path: Path) -> None:
    data_set = texts(str(tmp_path), fs_args={"auto_mkdir": True})
    assert data_set._partition("a")._storage_options == {"auto_mkdir": True}
    own = {"type": "text.TextDataSet", "fs_args": {"auto_mkdir": False}}
    data_set = PartitionedDataSet(str(tmp_path), own, fs_args={"auto_mkdir": True})
    assert data_set._partition("a")._storage_options == {"auto_mkdir": False}


def test_partitions_may_be_data_sets_of_another_library(tmp_path: Path) -> None:
    pytest.importorskip("kedro_datasets")
    data_set = PartitionedDataSet(str(tmp_path), "kedro_datasets.text.TextDataset")
    data_set.save({"a.txt": "1"})
    assert loaded(data_set) == {"a.txt": "1"}
    assert data_set._problems() == []


def test_options_reach_each_partition(tmp_path: Path) -> None:
    import pandas as pd

    inside = {"type": "pandas.CSVDataSet", "save_args": {"sep": ";", "index": False}}
    data_set = PartitionedDataSet(str(tmp_path), inside, filename_suffix=".csv")
    data_set.save({"a": pd.DataFrame({"x": [1], "y": [2]})})
    assert (tmp_path / "a.csv").read_text() == "x;y\n1;2\n"


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ({"type": "text.TextDataSet", "filepath": "a.txt"}, "'filepath' must not be given"),
        ({"type": "text.TextDataSet", "filepaht": "a.txt"}, "no option 'filepaht'"),
        ({"type": "pandas.CSVDataSet", "load_args": {"sepp": 1}}, "no option 'sepp'"),
        ({"type": "pickle.PickleDataSet", "backend": "pikle"}, "backend 'pikle' is not known"),
        ("text.TxtDataSet", "no data set type 'text.TxtDataSet'"),
        ("MemoryDataSet", "no option 'filepath'"),
    ],
)
def test_impossible_partitions_are_found_before_loading(dataset: Any, told: str) -> None:
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config(
            {"parts": {"type": "PartitionedDataSet", "path": "x", "dataset": dataset}}
        )
    assert "'parts'" in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize("kind", ["PartitionedDataSet", "IncrementalDataSet"])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"path": ""}, "path must be a path, not ''"),
        ({"path": 3}, "path must be a path, not 3"),
        ({"path": "x", "load_args": [1]}, r"load_args must be a mapping, not \[1\]"),
        ({"path": "x", "fs_args": "a"}, "fs_args must be a mapping, not 'a'"),
    ],
)
def test_odd_options_are_refused(kind: str, options: Any, told: str) -> None:
    with pytest.raises(DataSetError, match=told):
        DataCatalog.from_config({"x": {"type": kind, "dataset": "text.TextDataSet", **options}})


def test_unknown_protocol_is_found_before_loading() -> None:
    with pytest.raises(DataSetError, match="nosuch:// cannot be used"):
        DataCatalog.from_config(
            {
                "parts": {
                    "type": "PartitionedDataSet",
                    "path": "nosuch://x",
                    "dataset": "text.TextDataSet",
                }
            }
        )


def test_an_empty_dictionary_comes_back(folder: str) -> None:
    data_set = texts(folder, overwrite=True)
    data_set.save({"a": "1"})
    data_set.save({})
    assert data_set.load() == {}
    assert data_set.exists()
    data_set.save({"b": "2"})
    assert loaded(data_set) == {"b": "2"}
    texts(folder).save({})
    assert loaded(data_set) == {"b": "2"}


def test_keys_of_the_same_text_are_refused_before_anything_is_saved(folder: str) -> None:
    data_set = texts(folder)
    with pytest.raises(DataSetError, match="1 and '1' would be the same file"):
        data_set.save({1: "int", "1": "text"})
    assert not data_set.exists()


def test_a_file_that_can_be_no_partition_blocks_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("2024-01-01T10:00:00.txt", "b.txt", "x.csv"):
        (tmp_path / name).write_text(name)

    class Picky(TextDataSet):
        def __init__(self, filepath: str) -> None:
            if "b." in filepath:
                raise ValueError("not b")
            super().__init__(filepath)

    data_set = PartitionedDataSet(str(tmp_path), Picky, filename_suffix=".txt")
    assert list(data_set.load()) == ["2024-01-01T10:00:00"]
    assert "b.txt is no partition: ValueError: not b" in caplog.text
    assert list(texts(str(tmp_path)).load()) == ["2024-01-01T10:00:00", "b"]


def test_the_checkpoint_of_an_incremental_one_is_no_partition(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "CHECKPOINT").write_text("a")
    data_set = PartitionedDataSet(str(tmp_path), "text.TextDataSet")
    assert list(data_set.load()) == ["a"]
    with pytest.raises(DataSetError, match="checkpoint"):
        data_set.save({"CHECKPOINT": "x"})


def test_functions_may_be_the_data(tmp_path: Path) -> None:
    data_set = PartitionedDataSet(str(tmp_path), "pickle.PickleDataSet", save_lazily=False)
    data_set.save({"f": len})
    assert data_set.load()["f"]() is len
    lazy = PartitionedDataSet(str(tmp_path), "pickle.PickleDataSet")
    lazy.save({"f": int, "g": lambda: 2})
    assert {name: load() for name, load in lazy.load().items()} == {"f": int, "g": 2}


@pytest.mark.parametrize("name", ["a*", "[ab]", "a?", "d*/a", "d[1]/a"])
def test_a_name_that_looks_like_a_pattern_stands_for_itself_alone(name: str) -> None:
    others = {"ab": "1", "ac": "1", "dd/a": "1"}
    data_set = texts(f"memory://{uuid4().hex}", overwrite=True)
    data_set.save({name: "old", **others})
    assert loaded(data_set) == {name: "old", **others}
    data_set.save({name: "new", **others})
    assert loaded(data_set) == {name: "new", **others}
    data_set.save(others)
    assert loaded(data_set) == others


def test_a_folder_whose_name_looks_like_a_pattern_is_overwritten_alone() -> None:
    folder = f"memory://{uuid4().hex}"
    texts(f"{folder}/xy").save({"a": "1"})
    data_set = texts(f"{folder}/x*", overwrite=True)
    data_set.save({"a": "2", "b": "2"})
    data_set.save({"a": "3"})
    assert loaded(data_set) == {"a": "3"}
    assert loaded(texts(f"{folder}/xy")) == {"a": "1"}


@pytest.mark.parametrize("part", [None, lambda: None, lambda: 1 / 0, lambda: 3])
def test_the_partition_that_cannot_be_saved_is_named(tmp_path: Path, part: Any) -> None:
    with pytest.raises(DataSetError, match="partition 'b': "):
        texts(str(tmp_path)).save({"a": "1", "b": part})


@pytest.mark.parametrize("name", ["a%41", "a%2fb", "%2e%2e/x", "a?b", "a#b", "a b", "é"])
def test_a_name_stands_for_itself_in_an_address_too(tmp_path: Path, name: str) -> None:
    data_set = texts(f"file://{tmp_path}/parts", overwrite=True)
    data_set.save({name: "1", "a": "2"})
    assert loaded(data_set) == {name: "1", "a": "2"}
    assert (tmp_path / "parts" / f"{name}.txt").read_text() == "1"
    data_set.save({"a": "3"})
    assert [path.name for path in tmp_path.rglob("*.txt")] == ["a.txt"]


def test_a_name_that_means_something_else_in_an_address_is_refused() -> None:
    with pytest.raises(
        DataSetError, match=r"'a\?b' cannot be .* in an address like ftp://host/parts"
    ):
        texts("ftp://host/parts").save({"a?b": "1"})


def test_texts_of_an_enum_are_names_as_texts_are(tmp_path: Path) -> None:
    class Region(str, Enum):
        NORTH = "north"

    texts(str(tmp_path)).save({Region.NORTH: "1"})
    assert loaded(texts(str(tmp_path))) == {"north": "1"}


@pytest.mark.parametrize(
    ("there", "new", "told"),
    [
        ("a", "a/b", "'a/b' would lie in partition 'a', which is there"),
        ("a", "a/b/c", "'a/b/c' would lie in partition 'a', which is there"),
        ("a/b", "a", "'a' would take the place of 'a/b', which is there"),
    ],
)
def test_a_folder_never_hides_what_an_earlier_save_has_left(
    tmp_path: Path, there: str, new: str, told: str
) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    data_set = PartitionedDataSet(str(tmp_path), "matplotlib.MatplotlibWriter")
    data_set.save({there: {"1.png": figure}, "ab": {"1.png": figure}})
    with pytest.raises(DataSetError, match=told):
        data_set.save({"c": {"2.png": figure}, new: {"2.png": figure}})
    assert sorted(data_set.load()) == sorted([there, "ab"])
    data_set.save({there: {"2.png": figure}})
    assert sorted(data_set.load()) == sorted([there, "ab"])


def test_figures_saved_as_folders_are_kept_by_an_overwriting_save(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    data_set = PartitionedDataSet(str(tmp_path), "matplotlib.MatplotlibWriter", overwrite=True)
    data_set.save({"north": {"a.png": figure}, "one.png": figure})
    data_set.save({"north": {"b.png": figure}, "south/east": {"a.png": figure}})
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png"))
    assert found == ["north/a.png", "north/b.png", "south/east/a.png"]
    assert sorted(data_set.load()) == ["north", "south/east"]


def test_partitions_may_be_folders_of_partitions(tmp_path: Path) -> None:
    dataset = {"type": "PartitionedDataSet", "dataset": "text.TextDataSet"}
    data_set = PartitionedDataSet(str(tmp_path), dataset, filepath_arg="path", overwrite=True)
    data_set.save({"x": {"a": "1"}, "y": {"b": "2"}})
    data_set.save({"x": {"c": "3"}})
    assert list(data_set.load()) == ["x"]
    assert sorted(data_set.load()["x"]()) == ["a", "c"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_partitions_that_take_the_place_of_others_are_what_these_were(
    folder: str, overwrite: bool
) -> None:
    texts(folder).save({"day1": "a", "day2": "b", "day3": "c"})

    def doubled(load: Any) -> str:
        return f"{load()}{load()}"

    parts = texts(folder).load()
    texts(folder, overwrite=overwrite).save(
        {
            "day2": parts["day1"],
            "day3": partial(doubled, parts["day2"]),
            "day4": lambda load=parts["day3"]: load(),
            "other": lambda: "x",
        }
    )
    kept = {} if overwrite else {"day1": "a"}
    assert loaded(texts(folder)) == {**kept, "day2": "a", "day3": "bb", "day4": "c", "other": "x"}


def test_partitions_that_would_be_loaded_from_each_other_are_refused(folder: str) -> None:
    texts(folder).save({"a": "1", "b": "2", "c": "3"})
    parts = texts(folder).load()
    with pytest.raises(DataSetError, match="'a' and 'b' would be loaded from each other") as told:
        texts(folder).save({"a": parts["b"], "b": parts["a"], "c": parts["c"]})
    assert "Call the functions in the node" in str(told.value)
    assert loaded(texts(folder)) == {"a": "1", "b": "2", "c": "3"}
    texts(folder).save({"a": parts["b"](), "b": parts["a"]()})
    assert loaded(texts(folder)) == {"a": "2", "b": "1", "c": "3"}
