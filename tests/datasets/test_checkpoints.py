"""Whose a checkpoint is, told without Spark."""

from __future__ import annotations

import json
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


WATERMARK = "EventTimeWatermark {}, at: timestamp, 1 minutes\n+- StreamingRelation DataSource"
LAMBDA = "Aggregate [transform(a#1, lambdafunction((lambda x_{0}#2L + 1), lambda x_{0}#2L, false))]"
IDS = ("128c2e6f-110c-4b1a-be55-b6488ff6936d", "0c1d2e3f-aaaa-4b1a-be55-b6488ff6936d")


@pytest.mark.parametrize(("plan", "first", "second"), [(WATERMARK, *IDS), (LAMBDA, "1", "12")])
def test_what_spark_names_anew_each_time_is_no_change(
    tmp_path: Path, plan: str, first: str, second: str
) -> None:
    with owned(tmp_path, stream(plan.format(first)), OWNER):
        (tmp_path / "offsets").mkdir()
    # As earlier versions wrote it.
    file = tmp_path / "sparkpipe.json"
    state = plan.format(first).splitlines()[0]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"state": state}))
    with owned(tmp_path, stream(plan.format(second)), OWNER):
        pass


@pytest.mark.parametrize(
    "plan",
    [
        "GlobalLimit {}",
        "FlatMapGroupsInPandasWithState f{}(id#1L), [id#1L], Append, NoTimeout",
        "TransformWithStateInPySpark transformWithStateUDF(id#1L), {}, [id#1L], Append",
        "Project [id#1L]\n+- Distinct\n   +- Aggregate [a{}#1]",
    ],
)
def test_all_that_keeps_state_is_looked_at(tmp_path: Path, plan: str) -> None:
    with owned(tmp_path, stream(plan.format(3)), OWNER):
        (tmp_path / "offsets").mkdir()
    with (
        pytest.raises(DataSetError, match="its state was that of"),
        owned(tmp_path, stream(plan.format(4)), OWNER),
    ):
        pass


def test_a_stream_is_merged_into_a_table_of_delta() -> None:
    merge = {"mode": "merge", "keys": "id"}
    into = SparkStreamingDataSet("a", "delta", save_args={**merge, "checkpoint": "c"})
    assert save_effect(into) == "merge"
    assert "merge_on=['id']" in str(into)
    (told,) = problems_of(SparkStreamingDataSet("a", "parquet", save_args=merge))
    assert told == "a stream is merged into a Delta table: give filepath and file_format: delta."
