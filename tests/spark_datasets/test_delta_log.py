"""What commits in the log of a Delta table tell; no Spark is needed to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.datasets.spark.delta_log import Commit, read_commit, versions


def commit(table: Path, version: int, info: dict[str, Any]) -> None:
    log = table / "_delta_log"
    log.mkdir(exist_ok=True)
    lines = [
        json.dumps({"add": {"path": "a"}}),
        json.dumps({"commitInfo": info}).replace(": ", ":"),
    ]
    (log / f"{version:020}.json").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("operation", "metrics", "told"),
    [
        ("WRITE", {"numOutputRows": "7", "numOutputBytes": "70"}, (7, 70, 7)),
        (
            "WRITE",
            {"numOutputRows": "17", "numCopiedRows": "10", "numOutputBytes": "70"},
            (7, 70, 17),
        ),
        (
            "MERGE",
            {
                "numOutputRows": "9",
                "numTargetRowsInserted": "2",
                "numTargetRowsUpdated": "3",
                "numTargetRowsCopied": "4",
                "numTargetRowsDeleted": "0",
                "numTargetBytesAdded": "90",
            },
            (5, 90, 9),
        ),
        ("CREATE TABLE", {}, (None, None, None)),
    ],
)
def test_a_commit_tells_the_rows_that_were_saved(
    tmp_path: Path, operation: str, metrics: dict[str, str], told: tuple[int | None, ...]
) -> None:
    commit(tmp_path, 3, {"operation": operation, "operationMetrics": metrics})
    assert read_commit(tmp_path, 3) == Commit(3, *told)


def test_what_delta_does_by_itself_is_no_write(tmp_path: Path) -> None:
    commit(tmp_path, 4, {"operation": "OPTIMIZE", "operationMetrics": {"numOutputRows": "7"}})
    assert read_commit(tmp_path, 4) is None


def test_versions_are_those_with_a_commit(tmp_path: Path) -> None:
    assert versions(tmp_path) == []
    for version in (9, 11, 10):
        commit(tmp_path, version, {})
    (tmp_path / "_delta_log" / f"{10:020}.checkpoint.parquet").touch()
    (tmp_path / "_delta_log" / f"{10:020}.crc").touch()
    assert versions(tmp_path) == [9, 10, 11]
