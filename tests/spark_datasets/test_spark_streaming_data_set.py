"""Streams: a save has processed what was there when it returns."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import SparkDataSet, SparkStreamingDataSet, SparkTableDataSet
from sparkpipe.errors import DataSetError, PreflightError, RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import location_of, problems_of, target_of
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.jobs.run import current_run, current_task_counts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "id LONG, name STRING"


def write(folder: Path, name: str, *ids: int) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f'{{"id": {number}, "name": "n{number}"}}\n' for number in ids]
    (folder / f"{name}.json").write_text("".join(lines))


def source(tmp_path: Path, **load_args: Any) -> SparkStreamingDataSet:
    args = {"schema": SCHEMA, **load_args}
    return SparkStreamingDataSet(str(tmp_path / "in"), "json", load_args=args)


def sink(tmp_path: Path, file_format: str = "parquet", **save_args: Any) -> SparkStreamingDataSet:
    args = {"checkpoint": str(tmp_path / "checkpoint"), **save_args}
    return SparkStreamingDataSet(str(tmp_path / "out"), file_format, save_args=args)


def ids(data_set: Any) -> list[int]:
    return sorted(row["id"] for row in data_set.load().collect())


@pytest.mark.parametrize("file_format", ["parquet", "delta"])
def test_a_save_has_all_and_the_next_one_goes_on(
    session: SparkSession, tmp_path: Path, file_format: str
) -> None:
    write(tmp_path / "in", "a", 1, 2)
    made = {"partition_by": "name", "generated": {"twice": "id * 2"}}
    out = sink(tmp_path, file_format, **(made if file_format == "delta" else {}))
    assert out.exists() is False
    stream = source(tmp_path, maxFilesPerTrigger=1)
    assert stream.exists() is True
    out.save(stream.load())
    batch = SparkDataSet(str(tmp_path / "out"), file_format)
    assert out.exists() is True
    assert ids(batch) == [1, 2]
    write(tmp_path / "in", "b", 3)
    write(tmp_path / "in", "c", 4)
    out.save(stream.load())
    assert ids(batch) == [1, 2, 3, 4]
    out.save(stream.load())
    assert ids(batch) == [1, 2, 3, 4]
    if file_format == "delta":
        assert (tmp_path / "out/name=n3").is_dir()
        assert sorted(row.twice for row in batch.load().collect()) == [2, 4, 6, 8]


@pytest.mark.delta
def test_a_table_is_written_and_read_by_its_name(
    session: SparkSession, tmp_path: Path, database: str
) -> None:
    write(tmp_path / "in", "a", 1, 2)
    checkpoint = {"checkpoint": str(tmp_path / "checkpoint"), "partition_by": "name"}
    out = SparkStreamingDataSet(table=f"{database}.out", save_args=checkpoint)
    assert out.exists() is False
    out.save(source(tmp_path).load())
    assert out.exists() is True
    table = SparkTableDataSet(f"{database}.out")
    assert ids(table) == [1, 2]
    copied = sink(tmp_path / "copy", "delta")
    copied.save(out.load())
    assert ids(SparkDataSet(str(tmp_path / "copy/out"), "delta")) == [1, 2]
    assert location_of(out) == f"{database}.out"
    assert target_of(out) == target_of(table)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"table": "shop.out", "filepath": "out"}, "without filepath"),
        ({"table": "shop.out", "file_format": "parquet"}, "is one of Delta"),
        ({"filepath": "out", "save_args": {"output_mode": "update"}}, "is not possible for a Del"),
        ({"save_args": {"path": "out"}}, "Give filepath in its place"),
    ],
)
def test_what_cannot_be_saved_is_told_before_a_run(arguments: Any, told: str) -> None:
    (problem,) = problems_of(SparkStreamingDataSet(**{"file_format": "delta", **arguments}))
    assert told in problem


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "spark.SparkDataSet", "filepath": "out"},
        {
            "type": "spark.DeltaTableDataSet",
            "filepath": "out",
            "save_args": {"mode": "append", "generated": {"twice": "id * 2"}},
        },
        {
            "type": "spark.DeltaTableDataSet",
            "filepath": "out",
            "save_args": {"mode": "merge", "keys": "id"},
        },
        {
            "type": "spark.SparkTableDataSet",
            "table": "out_of_a_stream",
            "write_mode": "append",
            "save_args": {"generated": {"twice": "id * 2"}},
        },
    ],
)
@pytest.mark.delta
def test_a_stream_is_refused_by_what_saves_frames_before_anything_is_made(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in", "a", 1)
    catalog = DataCatalog.from_config({"out": entry})
    with pytest.raises(DataSetError, match=r"a stream cannot be saved.*SparkStreamingDataSet"):
        catalog.save("out", source(tmp_path).load())
    assert not (tmp_path / "out").exists()
    assert not session.catalog.tableExists("out_of_a_stream")


def test_in_a_run_the_nodes_after_it_find_what_it_has_saved(
    session: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "in", "a", 1, 2, 3)
    catalog = DataCatalog(
        {
            "in": source(tmp_path),
            "out@stream": sink(tmp_path),
            "out@batch": SparkDataSet(str(tmp_path / "out")),
        }
    )
    pipe = pipeline(
        [
            node(lambda stream: stream.where("id > 1"), "in", "out@stream"),
            node(lambda batch: batch.count(), "out@batch", "count"),
        ]
    )
    assert SequentialRunner().run(pipe, catalog) == {"count": 2}


def test_complete_mode_into_memory(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "in", "a", 1, 1, 2)
    counts = SparkStreamingDataSet(
        file_format="memory", save_args={"output_mode": "complete", "queryName": "sparkpipe_counts"}
    )
    counts.save(source(tmp_path).load().groupBy("id").count())
    try:
        found = spark.read.table("sparkpipe_counts").collect()
        assert sorted(map(tuple, found)) == [(1, 2), (2, 1)]
    finally:
        spark.catalog.dropTempView("sparkpipe_counts")


def test_a_query_that_fails_is_an_error_with_its_reason(
    session: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "in", "a", 1)
    failing = (
        source(tmp_path).load().selectExpr("id", "string(raise_error(concat('boom ', id))) AS x")
    )
    with pytest.raises(DataSetError, match="boom 1") as caught:
        sink(tmp_path).save(failing)
    assert len(str(caught.value).splitlines()) <= 3
    assert session.streams.active == []


def test_the_schema_may_be_in_a_file(session: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "in", "a", 1)
    (tmp_path / "schema.ddl").write_text(SCHEMA)
    stream = source(tmp_path, schema={"filepath": str(tmp_path / "schema.ddl")})
    assert stream.load().isStreaming
    assert stream.load().columns == ["id", "name"]


def test_without_a_schema_it_is_told_what_to_do(session: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "in", "a", 1)
    with pytest.raises(DataSetError, match="schema"):
        SparkStreamingDataSet(str(tmp_path / "in"), "json").load()


def test_without_a_checkpoint_it_is_told_what_to_do(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "in", "a", 1)
    out = SparkStreamingDataSet(str(tmp_path / "out"), "parquet")
    with pytest.raises(DataSetError, match=r"how far it has come. Give it in save_args, as checkp"):
        out.save(source(tmp_path).load())
    assert not (tmp_path / "out").exists()


def test_a_frame_that_is_no_stream_is_refused(session: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"a streaming DataFrame is needed.*SparkDataSet"):
        sink(tmp_path).save(session.range(1))
    with pytest.raises(DataSetError, match="a Spark DataFrame is needed"):
        sink(tmp_path).save([1])


def test_a_missing_folder_is_found_before_the_run(tmp_path: Path) -> None:
    pipe = pipeline([node(lambda x: x, "in", "out", name="copy")])
    with pytest.raises(PreflightError, match=r"'in' of node 'copy' .*folder does not exist"):
        SequentialRunner().run(pipe, DataCatalog({"in": source(tmp_path)}))


def test_relative_paths_are_of_the_present_folder(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in", "a", 1)
    stream = SparkStreamingDataSet("in", "json", load_args={"schema": SCHEMA})
    out = SparkStreamingDataSet("out", "parquet", save_args={"checkpoint": "checkpoint"})
    out.save(stream.load())
    assert (tmp_path / "checkpoint").is_dir()
    assert ids(SparkDataSet("out")) == [1]


def test_a_query_that_goes_on_ends_with_the_run(session: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "in", "a", 1)
    endless = sink(tmp_path, trigger={"processingTime": "1 second"})

    shown: list[int | None] = []

    def fail_later(x: int) -> None:
        ends, run = time.monotonic() + 300, current_run()
        assert run is not None
        group = f"{run.run_id}/stream"
        while not any(shown) and time.monotonic() < ends:
            time.sleep(0.1)
            counts = current_task_counts()([group])  # as the live display asks
            shown.append(counts[group].rows if group in counts else None)
        raise ValueError("the other node failed")

    catalog = DataCatalog({"in": source(tmp_path), "out": endless}, feed_dict={"x": 1})
    pipe = pipeline(
        [
            node(lambda stream: stream, "in", "out", name="stream"),
            node(fail_later, "x", None, name="other"),
        ]
    )
    with pytest.raises(RunFailedError, match="the other node failed"):
        ThreadRunner(max_workers=2).run(pipe, catalog)
    assert session.streams.active == []
    assert shown[-1] == 1
    assert ids(SparkDataSet(str(tmp_path / "out"))) == [1]


def slow_stream(tmp_path: Path, trigger: Any) -> tuple[Pipeline, DataCatalog]:
    """Return a pipeline whose one node has three seconds for thirty batches of half a second."""
    for number in range(30):
        write(tmp_path / "in", f"f{number}", number)
    sleep = "reflect('java.lang.Thread', 'sleep', CAST(500 AS BIGINT)) AS slept"
    catalog = DataCatalog(
        {"in": source(tmp_path, maxFilesPerTrigger=1), "out": sink(tmp_path, trigger=trigger)}
    )
    slowly = node(lambda stream: stream.selectExpr("id", sleep), "in", "out", timeout=3)
    return pipeline([slowly]), catalog


@pytest.mark.parametrize("trigger", ["availableNow", {"processingTime": "1 second"}])
def test_a_query_ends_with_the_timeout_of_its_node(
    session: SparkSession, tmp_path: Path, trigger: Any
) -> None:
    pipe, catalog = slow_stream(tmp_path, trigger)
    with pytest.raises(RunFailedError, match="longer than its timeout"):
        ThreadRunner(max_workers=2).run(pipe, catalog)
    ends = time.monotonic() + 20  # it is asked to end, and has a batch under way
    while session.streams.active and time.monotonic() < ends:
        time.sleep(0.1)
    assert session.streams.active == []


def test_a_query_cancelled_between_two_looks_at_it_has_not_all(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query: Any = sys.modules[type(session.readStream).__module__].StreamingQuery
    await_termination = query.awaitTermination

    def look_later(self: Any, timeout: float) -> Any:
        time.sleep(2)  # as over a slow network
        return await_termination(self, timeout)

    monkeypatch.setattr(query, "awaitTermination", look_later)
    pipe, catalog = slow_stream(tmp_path, "availableNow")
    with pytest.raises(RunFailedError, match="longer than its timeout"):
        ThreadRunner(max_workers=2).run(pipe, catalog)


def test_an_idle_query_ends_with_the_timeout_of_its_node(
    session: SparkSession, tmp_path: Path
) -> None:
    write(tmp_path / "in", "a", 1)
    idle = sink(tmp_path, trigger={"processingTime": "1 hour"})
    catalog = DataCatalog({"in": source(tmp_path), "out": idle})
    pipe = pipeline([node(lambda stream: stream, "in", "out", timeout=3)])
    with pytest.raises(RunFailedError, match="longer than its timeout"):
        SequentialRunner().run(pipe, catalog)
    assert session.streams.active == []


def test_what_is_secret_is_not_shown() -> None:
    stream = SparkStreamingDataSet(
        file_format="kafka",
        load_args={"subscribe": "orders", "kafka.bootstrap.servers": "host:9092"},
        credentials={"kafka.sasl.jaas.config": "x password=hunter2"},
    )
    assert "hunter2" not in str(stream)
    assert "orders" in str(stream)
