"""Every job of a node carries its names, and nothing of it is left on a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import jobs, properties

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet
from sparkpipe.description import RunDescription, describing
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from sparkpipe.spark.session import get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.classic("the status store is in the JVM")

RUNNERS: dict[str, Callable[[], AbstractRunner]] = {
    "sequential": SequentialRunner,
    "asynchronous": lambda: SequentialRunner(is_async=True),
    "thread": lambda: ThreadRunner(max_workers=2),
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return RUNNERS[request.param]()


@pytest.fixture
def caller(spark: SparkSession) -> Iterator[dict[str, str]]:
    """What the thread of the caller carries before a run."""
    context = spark.sparkContext
    context.setJobGroup("the caller's", "what the caller does")
    context.setLocalProperty("spark.scheduler.pool", "the caller's pool")
    yield properties(spark)
    for name in ("spark.jobGroup.id", "spark.job.description", "spark.scheduler.pool"):
        context.setLocalProperty(name, None)  # type: ignore[arg-type]


def count(frame: DataFrame) -> int:
    return frame.count()


@pytest.mark.delta
def test_jobs_carry_group_description_and_tag(
    spark: SparkSession, runner: AbstractRunner, tmp_path: Path
) -> None:
    orders = SparkDataSet(str(tmp_path / "orders.csv"), "csv", load_args={"inferSchema": True})
    orders.save(spark.range(10))
    catalog = DataCatalog(
        {"orders": orders, "features": DeltaTableDataSet(str(tmp_path / "features"))}
    )
    pipe = pipeline(
        [
            node(lambda orders: orders.limit(5), "orders", "features", name="make"),
            node(count, "features", "total", name="count"),
        ]
    )
    run_id = f"names-{type(runner).__name__}-{runner._is_async}"
    with describing(RunDescription(pipeline="daily")):
        assert runner.run(pipe, catalog, session_id=run_id) == {"total": 5}
    found = jobs(spark, run_id)
    assert {job.group for job in found} == {f"{run_id}/make", f"{run_id}/count"}
    for job in found:
        assert [tag for tag in job.tags if tag.startswith(f"{job.group}/")]
    described = {job.description for job in found}
    assert "daily · make · load orders" in described  # infers the schema
    assert "daily · make · save features" in described
    assert "daily · count" in described
    # Delta's own descriptions go after ours, if it has any.
    assert all(job.description.startswith("daily · ") for job in found)


def test_asynchronous_loads_and_saves_carry_the_names_of_their_node(
    spark: SparkSession, tmp_path: Path
) -> None:
    names = ["one", "two", "three"]
    catalog = DataCatalog(
        {
            **{n: SparkDataSet(str(tmp_path / n), "csv", {"inferSchema": True}) for n in names},
            **{f"{n}_out": SparkDataSet(str(tmp_path / f"{n}_out")) for n in names},
        }
    )
    for name in names:
        catalog.save(name, spark.range(3))
    copy = node(lambda *frames: frames, names, [f"{n}_out" for n in names], name="copy")
    with describing(RunDescription(pipeline="daily")):
        SequentialRunner(is_async=True).run(pipeline([copy]), catalog, session_id="async-names")
    described = {job.description for job in jobs(spark, "async-names")}
    assert described >= {f"daily · copy · load {name}" for name in names}
    assert described >= {f"daily · copy · save {name}_out" for name in names}


def test_nothing_leaks_to_the_next_node_of_a_thread(spark: SparkSession) -> None:
    seen: dict[str, dict[str, str]] = {}

    def look(x: Any, name: str) -> int:
        seen[name] = properties(spark)
        spark.sparkContext.setLocalProperty("left.behind", name)
        spark.sparkContext.addJobTag(f"tag-of-{name}")
        return 1

    pipe = pipeline(
        [
            node(
                lambda x, n=n: look(x, n),
                "x",
                f"y{n}",
                name=f"n{n}",
                pool="heavy" if n == "0" else None,
            )
            for n in map(str, range(6))
        ]
    )
    ThreadRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="leaks")
    for number, found in seen.items():
        assert found["spark.jobGroup.id"] == f"leaks/n{number}"
        assert "left.behind" not in found
        assert "tag-of" not in found["spark.job.tags"]
        assert found.get("spark.scheduler.pool") == ("heavy" if number == "0" else None)


def test_the_callers_own_properties_are_as_they_were(
    spark: SparkSession, runner: AbstractRunner, caller: dict[str, str]
) -> None:
    pipe = pipeline(
        [
            node(lambda: spark.range(3), None, "frame", name="make"),
            node(count, "frame", "total", name="count"),
        ]
    )
    assert runner.run(pipe, DataCatalog()) == {"total": 3}
    assert properties(spark) == caller
    failing = pipeline([node(lambda: spark.range(1).select("no"), None, "y", name="fail")])
    with pytest.raises(Exception, match="fail"):
        runner.run(failing, DataCatalog())
    assert properties(spark) == caller


def test_an_interrupt_is_told_as_one_though_the_connection_then_refuses_a_call(
    spark: SparkSession, caller: dict[str, str]
) -> None:
    from py4j.clientserver import ClientServerConnection
    from py4j.protocol import Py4JNetworkError

    def interrupted() -> None:
        patched.setattr(ClientServerConnection, "send_command", refuse_once)
        raise KeyboardInterrupt

    def refuse_once(connection: ClientServerConnection, command: str) -> str:
        patched.undo()
        raise Py4JNetworkError("Answer from Java side is empty")

    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        SequentialRunner().run(pipeline([node(interrupted, None, "x")]), DataCatalog())
    assert properties(spark) == caller


def test_threads_do_not_run_in_the_callers_pool(
    spark: SparkSession, caller: dict[str, str]
) -> None:
    pools: list[str | None] = []

    def look(x: int) -> int:
        pools.append(properties(spark).get("spark.scheduler.pool"))
        return x

    pipe = pipeline([node(look, "x", f"y{n}", name=f"n{n}") for n in range(2)])
    ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert pools == [None, None]


def test_threads_have_an_active_session(spark: SparkSession) -> None:
    from pyspark.sql import SparkSession as Sessions

    def active() -> bool:
        return Sessions.getActiveSession() is spark

    def in_thread() -> bool:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(active).result()

    pipe = pipeline([node(lambda x: active(), "x", "y")])
    assert ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 1})) == {"y": True}
    assert not in_thread()


def test_a_session_first_asked_for_in_a_node_carries_its_names(spark: SparkSession) -> None:
    from sparkpipe.spark.session import SparkProvider, activated

    asked: list[int] = []

    def make() -> SparkSession:
        asked.append(1)
        return spark

    pipe = pipeline([node(lambda: get_spark().range(4).count(), None, "n", name="late")])
    with activated(SparkProvider(session=make)):
        ThreadRunner().run(pipe, DataCatalog(), session_id="late")
    assert asked == [1]
    assert {job.description for job in jobs(spark, "late")} == {"pipeline · late"}


def test_pandas_and_memory_runs_put_nothing_on_spark(spark: SparkSession) -> None:
    pipe = pipeline([node(lambda x: x + 1, "x", "y", name="plain")])
    ThreadRunner().run(pipe, DataCatalog({"x": MemoryDataSet(1)}), session_id="plain")
    assert jobs(spark, "plain") == []
