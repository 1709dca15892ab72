"""What is lazy is read later than it seems: each reader gets what was there, once and for all."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import persisted

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet, SparkTableDataSet
from sparkpipe.io import CachedDataSet, DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.spark.active import is_connect
from sparkpipe.spark.session import SparkProvider, activated, get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Their fixture asks for Spark by itself.
pytestmark = [pytest.mark.spark, pytest.mark.session]


def random_rows(spark: SparkSession, rows: int = 400) -> DataFrame:
    """Return a frame with a random column of which Spark does not know that it is random."""

    def draw(batches: Iterator[Any]) -> Iterator[Any]:
        import random

        for batch in batches:
            yield batch.assign(r=[random.random() for _ in range(len(batch))])

    return spark.range(0, rows, 1, 2).mapInPandas(draw, "id long, r double")


def overlap(one: DataFrame, other: DataFrame) -> tuple[int, int]:
    """Return how many rows are in both frames, and how many there are."""
    return one.join(other, "id").count(), one.union(other).count()


# One frame is one frame


def test_what_is_made_lazily_of_a_shared_frame_reads_the_same_rows(
    session: SparkSession, runner: AbstractRunner
) -> None:
    pipe = pipeline(
        [
            node(lambda: random_rows(session), None, "big", name="draw"),
            node(lambda big: big.where("r < 0.5"), "big", "train", name="train"),
            node(lambda big: {"parts": [big.where("r >= 0.5")]}, "big", "test", name="test"),
            node(lambda a, b: overlap(a, b["parts"][0]), ["train", "test"], "overlap"),
        ]
    )
    assert runner.run(pipe, DataCatalog())["overlap"] == (0, 400)


@pytest.mark.classic("only the JVM tells what is persisted")
def test_what_is_returned_holds_what_it_reads_until_it_is_gone(
    spark: SparkSession, runner: AbstractRunner
) -> None:
    spark.catalog.clearCache()
    pipe = pipeline(
        [
            node(lambda: random_rows(spark), None, "big", name="draw"),
            node(lambda big: big.where("r < 0.5"), "big", "train", name="train"),
            node(lambda big: [big.where("r >= 0.5")], "big", "test", name="test"),
        ]
    )
    with activated(SparkProvider(session=spark)):
        out = runner.run(pipe, DataCatalog())
    assert overlap(out["train"], out["test"][0]) == (0, 400)
    before = persisted(spark)
    del out
    gc.collect()
    ends = time.monotonic() + 5
    while persisted(spark) == before and time.monotonic() < ends:
        time.sleep(0.05)
    assert persisted(spark) < before


VARYING: dict[str, Callable[[SparkSession], DataFrame]] = {
    "rand": lambda spark: spark.range(50).selectExpr("id", "rand() AS r"),
    "uuid": lambda spark: spark.range(50).selectExpr("id", "uuid() AS r"),
    "now": lambda spark: spark.range(50).selectExpr("id", "current_timestamp() AS r"),
    "sql": lambda spark: spark.sql("SELECT id, rand() AS r FROM range(50)"),
    "filter": lambda spark: spark.range(400).where("rand() < 0.5").selectExpr("id", "1 AS r"),
    "udf": lambda spark: spark.range(50).select("id", drawn(spark)("id").alias("r")),
}


def drawn(spark: SparkSession) -> Any:
    functions: Any = functions_of(spark)

    def draw(_: int) -> float:
        import random

        return random.random()

    return functions.udf(draw, "double").asNondeterministic()


def functions_of(spark: SparkSession) -> Any:
    if is_connect(spark):  # both kinds of sessions are in one process here
        from pyspark.sql.connect import functions as connect_functions

        return connect_functions
    from pyspark.sql import functions

    return functions


def rows_of(frame: DataFrame) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in frame.collect()}


@pytest.mark.parametrize("kind", VARYING)
def test_a_frame_that_varies_is_one_for_all_its_readers(session: SparkSession, kind: str) -> None:
    pipe = pipeline(
        [
            node(lambda: VARYING[kind](session), None, "frame", name="make"),
            node(rows_of, "frame", "one", name="a"),
            node(lambda f, _: rows_of(f.select("*")), ["frame", "one"], "two", name="b"),
            node(lambda one, two: one == two, ["one", "two"], "same"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog())["same"]


def test_a_varying_frame_in_a_container_is_one_too(session: SparkSession) -> None:
    pipe = pipeline(
        [
            node(lambda: {"deep": [VARYING["uuid"](session)]}, None, "frames", name="make"),
            node(lambda f: rows_of(f["deep"][0]), "frames", "one", name="a"),
            node(lambda f: rows_of(f["deep"][0]), "frames", "two", name="b"),
            node(lambda one, two: one == two, ["one", "two"], "same"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog())["same"]


def test_one_node_that_splits_a_varying_frame_splits_one(session: SparkSession) -> None:
    def split(frame: DataFrame) -> tuple[DataFrame, DataFrame]:
        return frame.where("r < 0.5"), frame.where("r >= 0.5")

    pipe = pipeline(
        [
            node(lambda: session.range(400).selectExpr("id", "rand() r"), None, "all", name="a"),
            node(split, "all", ["train", "test"], name="split"),
            node(overlap, ["train", "test"], "overlap"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog())["overlap"] == (0, 400)


def test_what_must_not_be_persisted_is_told_to_vary(
    session: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = pipeline(
        [
            node(lambda: VARYING["rand"](session), None, "frame", name="make"),
            *[node(lambda f: f.count(), "frame", name, name=name) for name in "ab"],
        ]
    )
    SequentialRunner().run(pipe, DataCatalog({"frame": MemoryDataSet(persist=False)}))
    assert caplog.text.count("The rows of 'frame' may differ each time") == 1


# Columns are named by their frames

USES: dict[str, Callable[[Any, Any], Any]] = {
    "select": lambda a, b: a.join(b.drop("id"), how="cross").select(a["id"], b["s"]).count() // 20,
    "where": lambda a, b: b.where(a["id"] > -1).count(),
    "drop": lambda a, b: len(a.join(b, a["id"] == b["id"]).drop(b["id"]).columns) + 18,
    "self": lambda a, b: a.join(a, "id").count(),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("varies", [False, True])
def test_columns_of_a_shared_frame_are_found_in_what_others_made_of_it(
    session: SparkSession, use: str, varies: bool
) -> None:
    functions = functions_of(session)

    def make() -> DataFrame:
        frame = session.range(20).groupBy("id").agg(functions.count("*").alias("n"))
        return frame.selectExpr("id", "n + floor(rand()) AS n") if varies else frame

    pipe = pipeline(
        [
            node(make, None, "a", name="make"),
            node(
                lambda a: a.groupBy("id").agg(functions.sum("n").alias("s")), "a", "b", name="sum"
            ),
            node(USES[use], ["a", "b"], "n", name="use"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog()) == {"n": 21 if use == "drop" else 20}


# Who writes what was read


def rows(spark: SparkSession, count: int, start: int = 0) -> DataFrame:
    return spark.range(start, start + count)


FORMATS = ["delta", "parquet", "csv"]


def files(path: Path, file_format: str, **save_args: Any) -> SparkDataSet:
    args = {"load_args": {"schema": "id LONG"}} if file_format == "csv" else {}
    return SparkDataSet(str(path / "t"), file_format, save_args=save_args, **args)


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_was_loaded_does_not_see_a_later_append(
    session: SparkSession, runner: AbstractRunner, tmp_path: Path, file_format: str
) -> None:
    catalog = DataCatalog(
        {
            "table": files(tmp_path, file_format),
            "added": files(tmp_path, file_format, mode="append"),
        }
    )
    catalog.save("table", rows(session, 3))
    pipe = pipeline(
        [
            node(lambda t: t.where("id >= 0"), "table", "seen", name="a_read"),
            node(lambda s: (rows(session, 5, 100), 1), "seen", ["added", "done"], name="b_append"),
            node(lambda s, _: s.count(), ["seen", "done"], "after", name="c_count"),
            node(lambda s: s, "seen", "returned", name="d_return"),
        ]
    )
    out = runner.run(pipe, catalog)
    assert (out["after"], out["returned"].count()) == (3, 3)
    assert catalog.load("table").count() == 8


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_new_is_appended_and_counted(
    session: SparkSession, runner: AbstractRunner, tmp_path: Path, file_format: str
) -> None:
    catalog = DataCatalog(
        {
            "history": files(tmp_path, file_format),
            "added": files(tmp_path, file_format, mode="append"),
            "incoming": MemoryDataSet(rows(session, 3, 1)),
        }
    )
    catalog.save("history", rows(session, 2))
    pipe = pipeline(
        [
            node(lambda i, h: i.join(h, "id", "left_anti"), ["incoming", "history"], "new"),
            node(lambda new: (new, 1), "new", ["added", "done"], name="append"),
            node(lambda new, _: new.count(), ["new", "done"], "reported", name="report"),
        ]
    )
    assert runner.run(pipe, catalog) == {"reported": 2}
    assert sorted(row[0] for row in catalog.load("history").collect()) == [0, 1, 2, 3]


@pytest.mark.parametrize("file_format", ["delta", "parquet"])
def test_a_frame_that_is_returned_outlives_the_files_that_it_was_made_of(
    session: SparkSession, tmp_path: Path, file_format: str
) -> None:
    catalog = DataCatalog({n: files(tmp_path, file_format) for n in ("old", "new")})
    catalog.add("n", PickleDataSet(str(tmp_path / "n")))
    catalog.save("old", rows(session, 3))
    pipe = pipeline(
        [
            node(lambda t: (t.where("id > 0"), t.count()), "old", ["free", "n"], name="read"),
            node(lambda n: rows(session, n * 10), "n", "new", name="overwrite"),
        ]
    )
    assert SequentialRunner().run(pipe, catalog)["free"].count() == 2


def test_a_run_reads_one_version_of_a_table(session: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"))
    table.save(rows(session, 3))

    asked: SimpleQueue[bool] = SimpleQueue()
    written: SimpleQueue[bool] = SimpleQueue()

    def write() -> None:
        while asked.get():
            rows(session, 1).write.format("delta").mode("append").save(str(tmp_path / "t"))
            written.put(True)

    # Somebody else, of whom the run knows nothing.
    writer = threading.Thread(target=write)
    writer.start()

    def look(frame: DataFrame, *_: Any) -> int:
        asked.put(True)
        assert written.get(timeout=60)
        return frame.count()

    pipe = pipeline(
        [node(look, "t", "a", name="first"), node(look, ["t", "a"], "b", name="second")]
    )
    try:
        assert SequentialRunner().run(pipe, DataCatalog({"t": table})) == {"b": 3}
    finally:
        asked.put(False)
        writer.join()
    assert table.load().count() == 5


def test_a_run_reads_what_it_wrote_itself(session: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"))
    add = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "append"})
    again = DeltaTableDataSet(str(tmp_path / "t"))
    table.save(rows(session, 3))
    pipe = pipeline(
        [
            node(lambda t: t.count(), "t", "n", name="first"),
            node(lambda n: rows(session, n), "n", "add", name="append"),
            node(lambda add, t: (add.count(), t.count()), ["add", "again"], "m", name="last"),
        ]
    )
    catalog = DataCatalog({"t": table, "add": add, "again": again})
    assert SequentialRunner().run(pipe, catalog) == {"m": (6, 6)}


@pytest.mark.parametrize("written", ["by_name", "by_path"])
def test_a_run_reads_what_it_wrote_itself_by_name_and_by_path(
    session: SparkSession, tmp_path: Path, written: str
) -> None:
    name, path = f"of_two_names_{written}", str(tmp_path / "t")
    rows(session, 3).write.format("delta").save(path)
    session.sql(f"CREATE TABLE {name} USING delta LOCATION '{path}'")
    by_path = DeltaTableDataSet(path, save_args={"mode": "append"})
    by_name = SparkTableDataSet(name, write_mode="append", file_format="delta")
    catalog = DataCatalog(
        {"add": by_name if written == "by_name" else by_path, "path": by_path, "name": by_name}
    )
    pipe = pipeline(
        [
            node(lambda p, n: (p.count(), n.count()), ["path", "name"], "before", name="first"),
            node(lambda before: rows(session, before[0]), "before", "add", name="append"),
            node(
                lambda added, p, n: (p.count(), n.count()),
                ["add", "path", "name"],
                "after",
                name="last",
            ),
        ]
    )
    try:
        assert SequentialRunner().run(pipe, catalog) == {"after": (6, 6)}
    finally:
        session.sql(f"DROP TABLE {name}")


def delta_table(session: SparkSession, path: str) -> Any:
    from delta.tables import DeltaTable

    return DeltaTable.forPath(session, path)


def merge(session: SparkSession, path: str) -> None:
    table = delta_table(session, path).alias("t")
    table.merge(rows(session, 2).alias("s"), "t.id = s.id").whenMatchedDelete().execute()


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


WRITING: dict[str, tuple[Callable[[SparkSession, str], object], int]] = {
    "sql": (lambda s, path: s.sql(f"DELETE FROM delta.`{path}` WHERE id = 1"), 2),
    "save": (lambda s, p: rows(s, 1).write.format("delta").mode("append").save(p), 4),
    "insert": (lambda s, p: rows(s, 1).write.insertInto(f"delta.`{p}`"), 4),
    "second version": (lambda s, p: rows(s, 1).writeTo(f"delta.`{p}`").append(), 4),
    "delete": (lambda s, p: delta_table(s, p).delete("id = 1"), 2),
    "merge": (merge, 1),
    "thread": (lambda s, p: in_a_thread(lambda: delta_table(s, p).delete("id = 1")), 2),
}


@pytest.mark.parametrize("how", WRITING)
def test_a_run_reads_what_a_node_wrote_by_itself(
    session: SparkSession, tmp_path: Path, how: str
) -> None:
    if is_connect(session) and how in ("delete", "merge", "thread"):
        pytest.skip("a server has DeltaTable only if it was started with Delta's package for that")
    path = str(tmp_path / "t")
    write, then = WRITING[how]
    table = DeltaTableDataSet(path)
    table.save(rows(session, 3))

    def change(frame: DataFrame) -> int:
        write(session, path)
        return frame.count()

    pipe = pipeline(
        [
            node(change, "t", "before", name="change"),
            node(lambda t, before: (before, t.count()), ["t", "before"], "counts"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog({"t": table})) == {"counts": (3, then)}


def test_a_table_by_name_is_pinned_too(session: SparkSession) -> None:
    table = SparkTableDataSet("pinned_by_name", write_mode="overwrite")
    add = SparkTableDataSet("pinned_by_name", write_mode="append")
    table.save(rows(session, 3))
    frame = table.load()
    add.save(rows(session, 2))
    assert (frame.count(), table.load().count()) == (3, 5)


def test_a_cache_of_what_varies_has_what_was_saved(session: SparkSession, tmp_path: Path) -> None:
    catalog = DataCatalog({"t": CachedDataSet(files(tmp_path, "parquet"))})
    pipe = pipeline(
        [
            node(lambda: VARYING["uuid"](get_spark()), None, "t", name="make"),
            node(rows_of, "t", "one", name="read"),
        ]
    )
    out = SequentialRunner().run(pipe, catalog)
    assert out["one"] == rows_of(session.read.parquet(str(tmp_path / "t")))
