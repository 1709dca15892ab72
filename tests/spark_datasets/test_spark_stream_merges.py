"""Streams that are merged, fail half-way and go on, and whose checkpoint is another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkStreamingDataSet
from sparkpipe.errors import RunFailedError
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.active import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.delta


class Kept(RunObserver):
    """Keeps what was told of nodes."""

    def __init__(self) -> None:
        self.ended: list[NodeEnded] = []

    def on_node_ended(self, event: NodeEnded) -> None:
        self.ended.append(event)


def write(folder: Path, name: str, *rows: tuple[int, int]) -> None:
    folder.mkdir(exist_ok=True)
    text = "\n".join(json.dumps({"id": key, "ts": at}) for key, at in rows)
    (folder / f"{name}.json").write_text(text)


def test_a_stream_is_merged_batch_by_batch_and_goes_on_after_a_failure(
    session: SparkSession, tmp_path: Path
) -> None:
    source = SparkStreamingDataSet(
        str(tmp_path / "in"),
        "json",
        load_args={"schema": "id INT, ts INT", "maxFilesPerTrigger": 1},
    )
    merge: dict[str, Any] = {"mode": "merge", "keys": "id", "sequence_by": "ts"}
    sink = SparkStreamingDataSet(
        str(tmp_path / "out"),
        "delta",
        save_args={
            **merge,
            "checkpoint": str(tmp_path / "checkpoint"),
            "partition_by": "id",
            "generated": {"day": "ts DIV 10"},
        },
    )
    catalog = DataCatalog({"in": source, "out": sink})
    kept = Kept()

    def run(change: Any, name: str = "take") -> None:
        with observing(kept):
            SequentialRunner().run(
                pipeline([node(change, "in", "out", name=name)]), catalog, None, "r"
            )

    def rows() -> list[tuple[Any, ...]]:
        table = DeltaTableDataSet(str(tmp_path / "out")).load()
        assert table.columns == ["id", "ts", "day"]
        return sorted(map(tuple, table.select("id", "ts").collect()))

    write(tmp_path / "in", "a", (1, 1), (2, 5))
    write(tmp_path / "in", "b", (1, 2), (2, 4))
    write(tmp_path / "in", "c", (3, 9))
    failing = "CASE WHEN id = 3 THEN raise_error('not yet') ELSE ts END AS ts"
    with pytest.raises(RunFailedError, match="not yet"):
        run(lambda new: new.selectExpr("id", failing))
    assert rows() == [(1, 2), (2, 5)]
    run(lambda new: new)
    assert rows() == [(1, 2), (2, 5), (3, 9)]
    (saved,) = (one for one in kept.ended[-1].data_sets if one.direction == "save")
    assert saved.rows == 1
    assert (tmp_path / "out/id=3").is_dir()
    log = sorted((tmp_path / "out/_delta_log").glob("*.json"))[-1].read_text()
    mark = json.loads(json.loads(log.splitlines()[0])["commitInfo"]["userMetadata"])
    assert (mark["run"], mark["node"]) == ("r", "take")
    with pytest.raises(RunFailedError, match="it is that of node 'take', and is 'other' now"):
        run(lambda new: new, "other")
    with pytest.raises(RunFailedError, match="its state was that of: nothing, and is 'Deduplicate"):
        run(lambda new: new.dropDuplicates(["id"]))


def dropped_within_a_watermark(new: Any) -> Any:
    late = new.withWatermark("at", "1 minute")
    return late.dropDuplicatesWithinWatermark(["id"]).selectExpr("id", "1 AS n")


def counted_by_a_lambda(new: Any) -> Any:
    if is_connect(new.sparkSession):
        from pyspark.sql.connect import functions as F
    else:
        from pyspark.sql import functions as F

    keys = F.transform(F.array("id"), lambda key: key * 10)
    return new.groupBy(keys[0].alias("id")).agg(F.count("*").cast("int").alias("n"))


@pytest.mark.parametrize(
    ("change", "mode", "expected"),
    [
        (dropped_within_a_watermark, "append", [(1, 1), (2, 1)]),
        (counted_by_a_lambda, "complete", [(10, 2), (20, 1)]),
    ],
)
def test_a_query_that_spark_names_anew_goes_on(
    session: SparkSession, tmp_path: Path, change: Any, mode: str, expected: list[Any]
) -> None:
    source = SparkStreamingDataSet(
        str(tmp_path / "in"), "json", load_args={"schema": "id INT, ts INT, at TIMESTAMP"}
    )
    options = {"checkpoint": str(tmp_path / "checkpoint"), "output_mode": mode}
    sink = SparkStreamingDataSet(str(tmp_path / "out"), "delta", save_args=options)
    pipe = pipeline([node(change, "in", "out", name="take")])
    (tmp_path / "in").mkdir()
    for name, ids in (("a", [1]), ("b", [1, 2])):
        rows = [json.dumps({"id": one, "at": "2024-01-01 00:00:00"}) for one in ids]
        (tmp_path / f"in/{name}.json").write_text("\n".join(rows))
        SequentialRunner().run(pipe, DataCatalog({"in": source, "out": sink}))
    assert sorted(map(tuple, DeltaTableDataSet(str(tmp_path / "out")).load().collect())) == expected
