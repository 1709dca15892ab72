"""What an entry says of merges, versions and new tables, judged without Spark."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkTableDataSet
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import load_effect, missing_data, problems_of, save_effect, warnings_of

MERGE: dict[str, Any] = {"mode": "merge", "keys": ["id"]}


@pytest.mark.parametrize(
    ("save_args", "reason"),
    [
        ({"mode": "merge"}, r"needs the columns by which rows are told apart \(save_args: keys\)"),
        ({"keys": ["id"]}, "'keys' is an option of a merge. Give mode: merge"),
        ({**MERGE, "scd": 3}, "scd is 1 or 2, not 3"),
        ({**MERGE, "scd": 2}, r"scd: 2 needs the column .* \(save_args: sequence_by\)"),
        ({**MERGE, "scd": 2, "sequence_by": "ts", "update_when": "s.a > 1"}, "keeps every change"),
        ({**MERGE, "scd": 2, "sequence_by": "ts", "insert": False}, "leave out 'insert: false'"),
        (
            {**MERGE, "scd": 2, "sequence_by": "ts", "delete_when": "T.op = 'D'"},
            r"of the row to merge \(s\) only",
        ),
        ({**MERGE, "scd": 2, "sequence_by": "ts", "columns": ["valid_to"]}, "fills itself"),
        ({**MERGE, "keys": [1]}, r"'keys' is a list of columns, not \[1\]"),
        ({**MERGE, "delete_when": True}, "'delete_when' is a text of SQL"),
        ({**MERGE, "insert": "yes"}, "'insert' is true or false, not 'yes'"),
        ({**MERGE, "schema_change": "ad"}, "'ad' is not known. Did you mean 'add'?"),
        ({**MERGE, "sequence": "ts"}, "no option of a merge. Did you mean 'sequence_by'?"),
        ({**MERGE, "unheard_of": 1}, "'unheard_of' is no option of a merge. It has keys, "),
        ({"partition_by": "a", "cluster_by": "b"}, "partitioned or clustered, not both"),
        ({"generated": ["day"]}, "'generated' is a mapping of texts"),
    ],
)
def test_what_does_not_go_together_is_refused(save_args: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataSetError, match=reason):
        DeltaTableDataSet("a", save_args=save_args)


def test_what_a_table_is_made_with_is_told_where_it_is_misspelt() -> None:
    table = DeltaTableDataSet("a", save_args={"clusterby": "day"})
    assert problems_of(table) == [
        "save_args: 'clusterby' is no option of delta. Did you mean 'cluster_by'?"
    ]


def test_a_merge_declares_itself() -> None:
    others = {"cluster_by": "day", "maxRecordsPerFile": 5}
    table = DeltaTableDataSet("a", save_args={**MERGE, **others})
    assert save_effect(table) == "merge"
    assert warnings_of(table) == ["save_args: 'maxRecordsPerFile' has no effect on a merge."]
    assert "'keys': ['id']" in str(table)
    for by_name in (
        SparkTableDataSet("a", write_mode="merge", primary_key="id"),
        SparkTableDataSet("a", save_args=MERGE),
    ):
        assert save_effect(by_name) == "merge"
    parquet = SparkTableDataSet("a", write_mode="merge", primary_key="id", file_format="parquet")
    assert "merge needs a Delta table, not file_format 'parquet'." in problems_of(parquet)


@pytest.mark.parametrize(
    ("load_args", "reason"),
    [
        ({"version": "newest"}, r"'newest' is no version of a table.*'as of run <id>'"),
        ({"version": -1}, "'-1' is no version"),
        ({"version": 1, "versionAsOf": 2}, "'version' and 'versionAsOf' say the same"),
        ({"version": 1, "changes": {"since": 1}}, "'version' or 'changes', not both"),
        ({"changes": "last_run"}, "'changes' is a mapping with 'since'"),
        ({"changes": {"since": "last_rn"}}, "Did you mean 'last_run'?"),
    ],
)
def test_a_version_that_cannot_be_is_refused(load_args: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataSetError, match=reason):
        DeltaTableDataSet("a", load_args=load_args)


def test_versions_are_numbers_times_and_runs() -> None:
    at = datetime.datetime(2024, 1, 31, 6)
    for version in (3, "3", "2024-01-31", datetime.date(2024, 1, 31), at, "as of run 2024-01"):
        assert load_effect(DeltaTableDataSet("a", load_args={"version": version})) == "fixed"
    assert load_effect(DeltaTableDataSet("a", load_args={"changes": {"since": 3}})) == "snapshot"


def test_the_command_line_chooses_a_version_of_delta(tmp_path: Path) -> None:
    entry = {"type": "spark.DeltaTableDataSet", "filepath": str(tmp_path), "load_args": {}}
    log = tmp_path / "_delta_log"
    log.mkdir()
    for number in (3, 4):
        (log / f"{number:020}.json").touch()
    for version, reason in {"9": "the last is 4", "1": "its log begins with version 3"}.items():
        table = DataCatalog.from_config({"t": entry}, load_versions={"t": version})["t"]
        assert reason in missing_data(table)
        with pytest.raises(DataSetError, match=reason):
            DataCatalog.from_config({"t": entry}).load("t", version=version)
    table = DataCatalog.from_config({"t": entry}, load_versions={"t": "4"})["t"]
    assert missing_data(table) == ""
    assert load_effect(table) == "fixed"
    with pytest.raises(DataSetError, match="is not versioned"):
        DataCatalog.from_config(
            {"t": {"type": "text.TextDataSet", "filepath": "a"}}, load_versions={"t": "4"}
        )
