"""What PySpark code calls everywhere belongs to the run and the node that it works for."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import jobs

from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from sparkpipe.spark.session import SparkProvider, activated, get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.session]


def same(found: Any, session: Any) -> bool:
    """Whether two objects stand for one session; classic Spark makes new objects for it."""
    ours, theirs = (getattr(one, "_jsparkSession", one) for one in (found, session))
    return bool(ours is theirs or ours == theirs)


def test_a_node_and_its_threads_find_the_session_of_the_run(
    session: SparkSession, runner: AbstractRunner
) -> None:
    from pyspark.sql import SparkSession as Sessions

    def ask(_: int) -> list[bool]:
        active = [Sessions.getActiveSession(), Sessions.active()]
        found = [Sessions.builder.getOrCreate(), *active, get_spark()]
        return [same(one, session) for one in found]

    def look() -> list[bool]:
        with ThreadPoolExecutor(1) as executor:
            return ask(0) + executor.submit(ask, 1).result()

    pipe = pipeline([node(look, None, name, name=name) for name in "ab"])
    assert runner.run(pipe, DataCatalog()) == {"a": [True] * 8, "b": [True] * 8}


ASKED: dict[str, tuple[Callable[[int], Any], Callable[..., Any]]] = {
    "submit": (ThreadPoolExecutor, lambda pool, call: pool.submit(call, 1).result()),
    "map of futures": (ThreadPoolExecutor, lambda pool, call: next(pool.map(call, [1]))),
    "apply": (ThreadPool, lambda pool, call: pool.apply(call, (1,))),
    "apply_async": (ThreadPool, lambda pool, call: pool.apply_async(func=call, args=(1,)).get()),
    "map": (ThreadPool, lambda pool, call: pool.map(call, [1])[0]),
    "starmap": (ThreadPool, lambda pool, call: pool.starmap(call, [(1,)])[0]),
    "imap": (ThreadPool, lambda pool, call: next(pool.imap(call, [1]))),
    "imap_unordered": (ThreadPool, lambda pool, call: next(pool.imap_unordered(call, [1]))),
}


@pytest.mark.parametrize("way", ASKED)
def test_a_pool_works_for_the_node_that_asks_it_also_if_another_one_has_made_it(
    session: SparkSession, runner: AbstractRunner, way: str
) -> None:
    barrier = threading.Barrier(2 if isinstance(runner, ThreadRunner) else 1)
    make, ask = ASKED[way]
    pool = make(1)

    def count(number: int) -> int:
        ask(pool, abs)  # the first one starts its thread
        session.range(number).createOrReplaceTempView("pooled")
        barrier.wait(30)
        return int(ask(pool, lambda _: session.table("pooled").count()))

    pipe = pipeline([node(count, f"n{n}", f"found{n}", name=f"count{n}") for n in range(2)])
    with pool:  # type: ignore[attr-defined]
        out = runner.run(pipe, DataCatalog(feed_dict={"n0": 3, "n1": 4}))
        assert out == {"found0": 3, "found1": 4}


def test_pools_take_arguments_of_any_name_and_processes_what_can_be_pickled() -> None:
    def ask() -> list[Any]:
        with ThreadPoolExecutor(1) as executor, ThreadPool(1) as threads:
            given = {"self": 1, "call": 2}
            of_threads = [executor.submit(dict, **given).result(), threads.apply(dict, (), given)]
        with get_context("spawn").Pool(1) as processes:
            return [*of_threads, processes.map(abs, [-1])]

    out = SequentialRunner().run(pipeline([node(ask, None, "x")]), DataCatalog())
    assert out == {"x": [{"self": 1, "call": 2}, {"self": 1, "call": 2}, [1]]}


@pytest.mark.classic("only the JVM lists jobs")
def test_jobs_of_a_pool_carry_the_name_of_the_node_that_asks_it(spark: SparkSession) -> None:
    pool = ThreadPoolExecutor(1)

    def count(name: str) -> int:
        return pool.submit(lambda: len(get_spark().range(3).collect()) + len(name)).result()

    pipe = pipeline([node(count, f"in_{name}", name, name=name) for name in "ab"])
    with activated(SparkProvider(session=spark)), pool:
        inputs = {"in_a": "a", "in_b": "b"}
        SequentialRunner().run(pipe, DataCatalog(feed_dict=inputs), session_id="of-pool")
    assert {job.group for job in jobs(spark, "of-pool")} == {"of-pool/a", "of-pool/b"}


def test_arguments_may_be_given_by_their_names(session: SparkSession) -> None:
    def use() -> list[int]:
        session.range(3).createOrReplaceTempView(name="by_name")
        frames = [
            session.sql(sqlQuery="SELECT * FROM by_name"),
            session.table(tableName="by_name"),
            session.read.table(tableName="by_name"),
        ]
        session.udf.register(name="as_is", f=lambda x: x, returnType="long")
        session.catalog.setCurrentDatabase(dbName="default")
        return [frame.count() for frame in frames]

    pipe = pipeline([node(use, None, "counts")])
    assert SequentialRunner().run(pipe, DataCatalog()) == {"counts": [3, 3, 3]}


def test_options_of_a_builder_are_set_on_the_session(session: SparkSession) -> None:
    from pyspark.sql import SparkSession as Sessions

    key = "spark.sql.sources.default"
    before = session.conf.get(key)

    def build() -> str | None:
        return Sessions.builder.appName("x").config(key, "json").getOrCreate().conf.get(key)

    try:
        assert SequentialRunner().run(pipeline([node(build, None, "x")]), DataCatalog()) == {
            "x": "json"
        }
    finally:
        session.conf.set(key, str(before))


@pytest.mark.classic("only the JVM lists jobs")
def test_jobs_of_threads_that_a_node_starts_carry_its_name(
    spark: SparkSession, runner: AbstractRunner
) -> None:
    def count(name: str) -> int:
        thread = threading.Thread(target=lambda: get_spark().range(3).collect())
        thread.start()
        thread.join()
        return len(name)

    pipe = pipeline([node(count, f"in_{name}", name, name=name) for name in "ab"])
    with activated(SparkProvider(session=spark)):
        inputs = {"in_a": "a", "in_b": "b"}
        runner.run(pipe, DataCatalog(feed_dict=inputs), session_id="of-threads")
    assert {job.group for job in jobs(spark, "of-threads")} == {"of-threads/a", "of-threads/b"}


def test_temporary_views_of_one_name_do_not_mix(
    session: SparkSession, runner: AbstractRunner
) -> None:
    barrier = threading.Barrier(3 if isinstance(runner, ThreadRunner) else 1)

    def part(number: int) -> DataFrame:
        session.range(number, number + 1).createOrReplaceTempView("mine")
        barrier.wait(30)
        return session.sql("SELECT id FROM Mine")

    pipe = pipeline(
        [
            *[node(part, f"n{n}", f"part{n}", name=f"part{n}") for n in range(3)],
            node(
                lambda *parts: [part.first()[0] for part in parts],
                ["part0", "part1", "part2"],
                "found",
            ),
        ]
    )
    out = runner.run(pipe, DataCatalog(feed_dict={f"n{n}": n for n in range(3)}))
    assert out == {"found": [0, 1, 2]}


def _make_by_query(session: SparkSession, number: int) -> None:
    session.sql(f"CREATE OR REPLACE TEMP VIEW made AS SELECT {number} AS id")


def _make_by_two(session: SparkSession, number: int) -> None:
    session.range(number, number + 1).createOrReplaceTempView("inside")
    session.sql("CREATE OR REPLACE TEMPORARY VIEW `made` AS SELECT id FROM inside")


def _make_of_frame(session: SparkSession, number: int) -> None:
    session.range(number, number + 1).createOrReplaceTempView("made")


@pytest.mark.parametrize("make", [_make_by_query, _make_by_two, _make_of_frame])
@pytest.mark.parametrize("how", ["sql", "table", "read.table"])
def test_nor_do_those_that_a_query_makes_or_a_reader_reads(
    session: SparkSession,
    runner: AbstractRunner,
    make: Callable[[SparkSession, int], None],
    how: str,
) -> None:
    barrier = threading.Barrier(2 if isinstance(runner, ThreadRunner) else 1)

    def part(number: int) -> DataFrame:
        make(session, number)
        barrier.wait(30)
        if how == "sql":
            return session.sql("SELECT id FROM made")
        return session.table("made") if how == "table" else session.read.table("made")

    pipe = pipeline(
        [
            *[node(part, f"n{n}", f"part{n}", name=f"part{n}") for n in range(2)],
            node(lambda a, b: [a.first()[0], b.first()[0]], ["part0", "part1"], "found"),
        ]
    )
    out = runner.run(pipe, DataCatalog(feed_dict={"n0": 0, "n1": 1}))
    assert out == {"found": [0, 1]}


def test_a_view_of_a_view_means_that_of_its_node_where_only_one_has_it(
    session: SparkSession, runner: AbstractRunner
) -> None:
    barrier = threading.Barrier(2 if isinstance(runner, ThreadRunner) else 1)

    def around(number: int) -> DataFrame:
        _make_by_two(session, number)
        barrier.wait(30)
        barrier.wait(30)
        return session.sql("SELECT id FROM made")

    def only_inside(number: int) -> int:
        barrier.wait(30)
        session.range(number, number + 1).createOrReplaceTempView("inside")
        barrier.wait(30)
        return number

    pipe = pipeline(
        [
            node(around, "n0", "part", name="a"),
            node(only_inside, "n1", "done", name="b"),
            node(lambda part, _: part.first()[0], ["part", "done"], "found"),
        ]
    )
    assert runner.run(pipe, DataCatalog(feed_dict={"n0": 0, "n1": 1})) == {"found": 0}


def test_a_view_of_a_query_shows_what_its_node_adds_to_the_table(
    session: SparkSession, runner: AbstractRunner
) -> None:
    def add(number: int) -> int:
        table = f"added_{number}"
        session.sql(f"DROP TABLE IF EXISTS {table}")
        session.sql(f"CREATE TABLE {table} USING parquet AS SELECT 1 AS id")
        session.sql(f"CREATE OR REPLACE TEMP VIEW shown AS SELECT id FROM {table}")
        before = session.sql("SELECT id FROM shown").count()
        session.sql(f"INSERT INTO {table} VALUES (2)")
        found = before * 10 + session.sql("SELECT id FROM shown").count()
        session.sql(f"DROP TABLE {table}")
        return found

    pipe = pipeline([node(add, f"n{n}", f"found{n}", name=f"add{n}") for n in range(2)])
    out = runner.run(pipe, DataCatalog(feed_dict={"n0": 0, "n1": 1}))
    assert out == {"found0": 12, "found1": 12}


MADE: dict[str, Callable[[SparkSession, int], Any]] = {
    "frame": lambda spark, n: spark.range(n, n + 1).createOrReplaceTempView("`mine`"),
    "sql": lambda spark, n: spark.sql(f"CREATE OR REPLACE TEMP VIEW mine AS SELECT {n} AS id; "),
    "columns": lambda spark, n: spark.sql(
        f"create or replace temp view Mine (id) as\n(select {n})"
    ),
    "comment": lambda spark, n: spark.sql(
        f"CREATE OR REPLACE TEMPORARY VIEW mine COMMENT 'x' AS -- as it is\nSELECT {n} AS id -- end"
    ),
    "view of a view": lambda spark, n: (
        spark.range(n, n + 1).createOrReplaceTempView("inner"),
        spark.sql("CREATE OR REPLACE TEMP VIEW mine AS WITH a AS (TABLE inner) SELECT * FROM a"),
    ),
    "view of a replaced view": lambda spark, n: (
        spark.range(9).createOrReplaceTempView("inner"),
        spark.sql("CREATE OR REPLACE TEMP VIEW mine AS SELECT * FROM inner"),
        spark.range(n, n + 1).createOrReplaceTempView("inner"),
    ),
}
READ: dict[str, Callable[[SparkSession], DataFrame]] = {
    "sql": lambda spark: spark.sql("SELECT mine.id FROM mine"),
    "recursive": lambda spark: spark.sql(
        "WITH RECURSIVE r(n) AS (SELECT id FROM mine UNION ALL SELECT n + 1 FROM r WHERE n < 0) "
        "SELECT n FROM r"
    ),
    "table": lambda spark: spark.table("mine"),
    "reader": lambda spark: spark.read.table("mine"),
}


@pytest.mark.parametrize(
    ("made", "read"), [*((made, "sql") for made in MADE), *(("sql", read) for read in READ)]
)
def test_views_do_not_mix_however_they_are_made_and_read(
    session: SparkSession, made: str, read: str
) -> None:
    barrier = threading.Barrier(2)

    def part(number: int) -> DataFrame:
        MADE[made](session, number)
        barrier.wait(30)
        return READ[read](session)

    def first(*parts: DataFrame) -> list[int]:
        return [part.collect()[0][0] for part in parts]

    pipe = pipeline(
        [
            *[node(part, f"n{n}", f"part{n}", name=f"part{n}") for n in range(2)],
            node(first, ["part0", "part1"], "found"),
        ]
    )
    out = ThreadRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"n0": 0, "n1": 1}))
    assert out == {"found": [0, 1]}


def test_a_view_of_sql_shows_what_its_table_has_when_it_is_read(
    session: SparkSession, tmp_path: Path
) -> None:
    path = f"parquet.`{tmp_path / 't'}`"

    def add() -> int:
        session.range(2).write.parquet(str(tmp_path / "t"))
        session.sql(f"CREATE OR REPLACE TEMP VIEW growing AS SELECT * FROM {path}")
        session.range(3).write.mode("append").parquet(str(tmp_path / "t"))
        return session.table("growing").count()

    assert SequentialRunner().run(pipeline([node(add, None, "n")]), DataCatalog()) == {"n": 5}


def names_of_ours(session: SparkSession) -> list[str]:
    # SHOW VIEWS, for listTables looks each name up once more and fails if it has just gone
    return [view.viewName for view in session.sql("SHOW VIEWS LIKE 'sparkpipe_*'").collect()]


def test_names_that_a_run_gives_to_views_go_with_it_or_with_the_last_frame_that_reads_them(
    session: SparkSession, runner: AbstractRunner
) -> None:
    persisted: list[DataFrame] = []

    def make() -> tuple[DataFrame, DataFrame]:
        frame = session.range(4).selectExpr("id % 2 AS id").groupBy("id").count().persist()
        frame.createOrReplaceTempView("counted")
        persisted.append(frame)
        found = session.sql("SELECT * FROM counted")
        return found.where("id = 0"), session.sql("SELECT * FROM {f}", f=found.where("id = 1"))

    catalog = DataCatalog({"kept": MemoryDataSet()})
    out = runner.run(pipeline([node(make, None, ["free", "kept"])]), catalog)
    assert [out["free"].count(), catalog.load("kept").count()] == [1, 1]
    del out
    gc.collect()
    last = session.sql("SELECT id FROM {kept}", kept=catalog.load("kept"))
    catalog.release("kept")
    gc.collect()
    time.sleep(0.2)  # what drops a name is another thread
    assert [row[0] for row in last.collect()] == [1]
    del last
    gc.collect()
    ends = time.monotonic() + 10
    while names_of_ours(session) and time.monotonic() < ends:
        time.sleep(0.05)
    assert names_of_ours(session) == []
    assert session.table("counted").count() == 2  # the name of the node's own
    assert persisted[0].storageLevel.useMemory
    persisted[0].unpersist()


def test_a_failed_run_leaves_no_names_either(session: SparkSession) -> None:
    def fail() -> None:
        session.range(2).createOrReplaceTempView("mine")
        raise ValueError(session.sql("SELECT * FROM mine").count())

    with pytest.raises(RunFailedError, match="2"):
        SequentialRunner().run(pipeline([node(fail, None, "x")]), DataCatalog())
    assert names_of_ours(session) == []


def test_a_view_that_its_node_drops_is_read_nevertheless(session: SparkSession) -> None:
    def lines() -> DataFrame:
        session.range(4).createOrReplaceTempView("dropped")
        found = session.sql("SELECT * FROM dropped")
        session.catalog.dropTempView("dropped")
        return found

    pipe = pipeline([node(lines, None, "lines"), node(lambda f: f.count(), "lines", "n")])
    assert SequentialRunner().run(pipe, DataCatalog()) == {"n": 4}


def test_a_later_node_reads_a_view_by_its_name(session: SparkSession) -> None:
    pipe = pipeline(
        [
            node(lambda: session.range(4).createOrReplaceTempView("later") or 1, None, "done"),
            node(lambda _: session.table("later").count(), "done", "n"),
        ]
    )
    assert SequentialRunner().run(pipe, DataCatalog()) == {"n": 4}


def test_a_setting_that_a_node_leaves_on_the_session_is_told(
    session: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    key = "spark.sql.files.maxRecordsPerFile"

    def change() -> int:
        get_spark().conf.set(key, "7")
        return 1

    def put_back(_: int) -> int:
        get_spark().conf.unset(key)
        return 2

    pipe = pipeline(
        [node(change, None, "x", name="changes"), node(put_back, "x", "y", name="puts_back")]
    )
    SequentialRunner().run(pipe, DataCatalog())
    assert caplog.text.count("were changed while node 'changes' ran") == 1
    assert caplog.text.count(key) == 1


GLOBAL_VIEW = "CREATE OR REPLACE GLOBAL TEMPORARY VIEW g"


def _function(number: int) -> Callable[[int], int]:
    return lambda _: number


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (lambda s, n: s.udf.register("price", _function(n), "int"), "functions as 'price'"),
        (lambda s, n: s.catalog.setCurrentDatabase(f"own_{n}"), "current databases"),
        (lambda s, n: s.sql(f"USE own_{n}"), "current databases"),
        (lambda s, n: s.range(n).createOrReplaceGlobalTempView("g"), "views 'global_temp.g'"),
        (lambda s, n: s.sql(f"{GLOBAL_VIEW} AS SELECT {n} AS n"), "views 'global_temp.g'"),
    ],
)
def test_what_nodes_side_by_side_mean_by_one_name_is_told(
    session: SparkSession,
    caplog: pytest.LogCaptureFixture,
    give: Callable[[SparkSession, int], object],
    told: str,
) -> None:
    def run(numbers: tuple[int, int]) -> str:
        barrier = threading.Barrier(2)

        def use(number: int) -> int:
            give(session, number)
            barrier.wait(30)
            return number

        caplog.clear()
        pipe = pipeline([node(use, f"n{n}", f"out{n}", name=f"use{n}") for n in range(2)])
        feed = {"n0": numbers[0], "n1": numbers[1]}
        ThreadRunner(max_workers=2).run(pipe, DataCatalog(feed_dict=feed))
        return caplog.text

    for number in range(2):
        session.sql(f"CREATE DATABASE IF NOT EXISTS own_{number}")
    try:
        assert run((0, 1)).count(told) == 1
        assert told not in run((1, 1))
    finally:
        session.catalog.setCurrentDatabase("default")
        for number in range(2):
            session.sql(f"DROP DATABASE own_{number}")
        session.catalog.dropGlobalTempView("g")


@pytest.mark.classic("there, names are looked up when a query runs")
def test_nodes_one_after_the_other_may_give_a_name_anew(
    spark: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    def use(number: int) -> DataFrame:
        spark.udf.register("priced", _function(number), "int")
        return spark.sql("SELECT priced(1) AS price")

    pipe = pipeline([node(use, f"n{n}", f"out{n}", name=f"use{n}") for n in range(2)])
    with activated(SparkProvider(session=spark)):
        out = SequentialRunner().run(pipe, DataCatalog(feed_dict={"n0": 0, "n1": 1}))
        assert [out[f"out{n}"].first()[0] for n in range(2)] == [0, 1]
    assert "priced" not in caplog.text
