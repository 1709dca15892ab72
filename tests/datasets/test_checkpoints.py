"""Whose a checkpoint is, told without Spark."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sparkpipe.datasets.spark import SparkStreamingDataSet
from sparkpipe.datasets.spark.checkpoints import owned
from sparkpipe.errors import DataSetError
from sparkpipe.io.declared import problems_of, save_effect

PLAN = "Aggregate [a#{0}L], [a#{0}L, count(1) AS n#2L]\n+- StreamingRelation DataSource"
OWNER = {"node": "count", "target": "/data/counts", "output_mode": "complete"}


def stream(plan: str) -> Any:
    """Return what shows of a frame what is looked at."""
    analysed = SimpleNamespace(toString=lambda: plan)
    execution = SimpleNamespace(analyzed=lambda: analysed)
    return SimpleNamespace(
        sparkSession=SimpleNamespace(), _jdf=SimpleNamespace(queryExecution=lambda: execution)
    )


@pytest.mark.parametrize(
    ("changed", "plan", "reason"),
    [
        ({"node": "other"}, PLAN, "it is that of node 'count', and is 'other' now"),
        ({"target": "/data/b"}, PLAN, "a stream into /data/counts"),
        ({"output_mode": "update"}, PLAN, "its output mode was 'complete'"),
        ({}, PLAN.replace("a#", "b#"), r"its state was that of: Aggregate \[a\]"),
        ({}, f"{PLAN}\n+- StreamingRelation DataSource", "it had 1 sources"),
    ],
)
def test_what_does_not_fit_to_a_checkpoint_is_refused(
    tmp_path: Path, changed: dict[str, str], plan: str, reason: str
) -> None:
    with owned(tmp_path, stream(PLAN.format(1)), OWNER):
        (tmp_path / "offsets").mkdir()  # as Spark does
    with owned(tmp_path, stream(PLAN.format(7)), {**OWNER, "node": ""}):
        pass
    with (
        pytest.raises(DataSetError, match=f"{reason}.*a checkpoint of its own"),
        owned(tmp_path, stream(plan.format(1)), {**OWNER, **changed}),
    ):
        pass


def test_a_stream_is_merged_into_a_table_of_delta() -> None:
    merge = {"mode": "merge", "keys": "id"}
    into = SparkStreamingDataSet("a", "delta", save_args={**merge, "checkpoint": "c"})
    assert save_effect(into) == "merge"
    assert "merge_on=['id']" in str(into)
    (told,) = problems_of(SparkStreamingDataSet("a", "parquet", save_args=merge))
    assert told == "a stream is merged into a Delta table: give filepath and file_format: delta."
