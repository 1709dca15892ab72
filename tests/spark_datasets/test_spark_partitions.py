"""Partitions that Spark writes: folders, which are saved, found, loaded and removed as such."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.errors import DataSetError
from sparkpipe.io import IncrementalDataSet, PartitionedDataSet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KINDS: dict[str, Any] = {
    "parquet": "spark.SparkDataSet",
    "csv": {
        "type": "spark.SparkDataSet",
        "file_format": "csv",
        "load_args": {"header": True},
        "save_args": {"header": True},
    },
    "delta": "spark.DeltaTableDataSet",
    "by_day": {"type": "spark.SparkDataSet", "save_args": {"partitionBy": "day"}},
}
ALL = pytest.mark.parametrize("kind", KINDS)


def counts(data_set: PartitionedDataSet) -> dict[str, int]:
    return {name: load().count() for name, load in data_set.load().items()}


@ALL
@pytest.mark.parametrize(
    ("suffix", "load_args"), [("", {}), (".pq", {"withdirs": True, "maxdepth": 1})]
)
def test_what_is_saved_is_loaded_under_its_names(
    spark: SparkSession, tmp_path: Path, kind: str, suffix: str, load_args: dict[str, Any]
) -> None:
    def of(overwrite: bool) -> PartitionedDataSet:
        return PartitionedDataSet(
            str(tmp_path), KINDS[kind], "filepath", suffix, None, load_args, None, overwrite
        )

    frame = spark.range(4).selectExpr("id", "id % 2 AS day")
    of(False).save({"jan": frame, "feb": lambda: frame.limit(2)})
    assert counts(of(False)) == {"jan": 4, "feb": 2}
    of(False).save({"feb": frame, "mar": frame})
    assert counts(of(False)) == {"jan": 4, "feb": 4, "mar": 4}
    of(True).save({"mar": frame.limit(1), "apr": frame})
    assert counts(of(True)) == {"mar": 1, "apr": 4}


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_new_folders_are_loaded_until_they_are_confirmed(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    data_set = IncrementalDataSet(str(tmp_path), KINDS[kind])
    data_set.save({"2024/01": spark.range(1), "2024/02": spark.range(2)})
    assert {name: part.count() for name, part in data_set.load().items()} == {
        "2024/01": 1,
        "2024/02": 2,
    }
    data_set.confirm()
    data_set.release()
    data_set.save({"2024/03": spark.range(3)})
    assert list(data_set.load()) == ["2024/03"]


def test_single_files_are_partitions_too(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    for name in ("a", "b"):
        (tmp_path / "2024" / f"{name}.csv").write_text("id\n1\n")
    data_set = PartitionedDataSet(str(tmp_path), KINDS["csv"], filename_suffix=".csv")
    assert counts(data_set) == {"2024/a": 1, "2024/b": 1}


def test_a_name_that_spark_takes_for_a_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="pattern"):
        PartitionedDataSet(str(tmp_path), "spark.SparkDataSet").save({"a[1]": None})


@pytest.mark.parametrize("name", ["%2e%2e/x", "a%41", "a#b"])
def test_a_name_that_means_something_else_in_an_address_is_refused(
    tmp_path: Path, name: str
) -> None:
    data_set = PartitionedDataSet(f"file://{tmp_path}/parts", "spark.SparkDataSet")
    with pytest.raises(DataSetError, match=r"in an address like .* it means something else"):
        data_set.save({name: None})
    assert not (tmp_path / "parts").exists()


@ALL
def test_a_folder_never_hides_what_an_earlier_save_has_left(
    spark: SparkSession, tmp_path: Path, kind: str
) -> None:
    frame = spark.range(2).selectExpr("id", "id % 2 AS day")
    data_set = PartitionedDataSet(str(tmp_path), KINDS[kind])
    data_set.save({"2024/01": frame})
    for name in ("2024", "2024/01/02"):
        with pytest.raises(DataSetError, match="which is there already"):
            data_set.save({name: frame.limit(1)})
    assert counts(data_set) == {"2024/01": 2}
