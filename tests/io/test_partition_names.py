"""Which names partitions may have, which lie in a folder, and what an overwriting save removes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io.partition_names import (
    Listing,
    check_apart,
    check_partition_name,
    to_remove,
)
from sparkpipe.io.target import folds_case

FOLDER = PurePosixPath("parts")


def names(files: str, **options: Any) -> list[str]:
    entries = {path: {"type": "file"} for path in files.split()}
    return sorted(Listing(entries, **options).partitions())


SPARK = {"is_one_file": False, "is_of_spark": True}
OTHER = {"is_one_file": False}


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        ("a.csv b/c.csv d.txt", {"suffix": ".csv"}, ["a", "b/c"]),
        (".ipynb_checkpoints/a.csv _tmp/b.csv b/.c.csv .csv", {"suffix": ".csv"}, []),
        ("a.csv/part-0.csv a.csv/_SUCCESS", {"suffix": ".csv"}, ["a.csv/part-0"]),
        ("n/part-0 n/_SUCCESS s/part-0", SPARK, ["n", "s"]),
        ("n/_delta_log/0.json n/x.parquet", SPARK, ["n"]),
        ("n/_delta_log/0.json n/x.parquet", OTHER, ["n"]),
        ("n.pq/part-0 2024/s.pq/x 2024/_SUCCESS", {**SPARK, "suffix": ".pq"}, ["2024/s", "n"]),
        ("2024/a.csv 2024/b.csv", SPARK, ["2024/a.csv", "2024/b.csv"]),
        ("2024/a.csv 2024/b.csv", {**SPARK, "suffix": ".csv"}, ["2024/a", "2024/b"]),
        ("n/day=1/part-0 n/day=2/part-0", SPARK, ["n"]),
        (
            "y=1/m=1/x y=1/m=1/.sparkpipe-partition y=1/m=2/x y=1/m=2/.sparkpipe-partition",
            SPARK,
            ["y=1/m=1", "y=1/m=2"],
        ),
        ("figs/a.png figs/.sparkpipe-partition b.png", OTHER, ["b.png", "figs"]),
        ("x.model/w.bin", {**OTHER, "suffix": ".model"}, ["x"]),
        ("x.csv/a.csv", {**OTHER, "suffix": ".csv"}, ["x.csv/a"]),
    ],
)
def test_partitions_are_found(files: str, options: dict[str, Any], expected: list[str]) -> None:
    assert names(files, **options) == expected


def test_folders_are_partitions_where_no_more_is_listed() -> None:
    entries = {"north": {"type": "directory"}, "x": {"type": "file"}, "_t": {"type": "directory"}}
    assert sorted(Listing(entries, depth=1, **SPARK).partitions()) == ["north", "x"]
    assert sorted(Listing(entries, has_folders=True, **OTHER).partitions()) == ["north", "x"]
    assert sorted(Listing(entries, has_folders=True).partitions()) == ["x"]


@pytest.mark.parametrize("name", ["2024-01-01T10:00:00", "a b", "Ä/ö"])
def test_what_the_system_allows_is_allowed(name: str) -> None:
    check_partition_name(name, FOLDER, is_windows=False)


@pytest.mark.parametrize("name", ["10:00", "a?", "con", "aux.csv", "x/nul", "a.", "b "])
def test_names_that_windows_has_not_are_refused_there(name: str) -> None:
    check_partition_name(name, FOLDER, is_windows=False)
    with pytest.raises(DataSetError, match="Windows"):
        check_partition_name(name, FOLDER, is_windows=True)


@pytest.mark.parametrize(
    ("given", "suffix", "folds", "told"),
    [
        (["1", "1"], "", False, "the same file"),
        (["North", "north"], "", True, "the same file"),
        (["a", "a/b"], "", False, "would lie in partition 'a'"),
        (["A", "a/b"], "", True, "would lie in partition 'A'"),
        (["a", "a.csv/b"], ".csv", False, "would lie in"),
    ],
)
def test_partitions_that_are_not_apart_are_refused(
    given: list[str], suffix: str, folds: bool, told: str
) -> None:
    with pytest.raises(DataSetError, match=told):
        check_apart(given, suffix, folds_case=folds)


def test_partitions_that_are_apart_are_none_to_refuse() -> None:
    check_apart(["North", "north", "a", "ab", "a-b"], "", folds_case=False)
    check_apart(["a", "a/b"], ".csv", folds_case=False)


def test_only_what_was_there_and_was_not_saved_is_removed() -> None:
    old = {"a": ["a/1"], "b": ["b/1", "b/c/2"], "d/x": ["d/x"], "E": ["E"]}
    assert to_remove(old, ["b/c", "d", "e"], str) == (["a", "E"], ["b/1"])
    assert to_remove(old, ["b/c", "d", "e"], str.casefold) == (["a"], ["b/1"])


def test_case_folds_as_the_file_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Data").mkdir()
    (tmp_path / "dATA").mkdir(exist_ok=True)
    apart = not (tmp_path / "Data").samefile(tmp_path / "dATA")
    assert folds_case(str(tmp_path / "Data" / "not_yet")) is not apart
    monkeypatch.setattr(Path, "samefile", lambda self, other: True)
    assert folds_case(str(tmp_path / "Data" / "not_yet")) is True
