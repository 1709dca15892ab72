"""The same through Spark Connect: tags, cancelling, and frames that nodes share."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import endless, persisted, reads_what_is_persisted

from sparkpipe.description import RunDescription, describing
from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.spark.session import SparkProvider, activated, get_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# A query that takes a while; its time is filled in.
SLEEP = "SELECT reflect('java.lang.Thread', 'sleep', CAST({} AS BIGINT))"


def test_threads_carry_the_tags_of_their_node_and_nothing_is_left(connect: SparkSession) -> None:
    connect.addTag("the caller's")
    seen: dict[str, set[str]] = {}

    def look(x: int, name: str) -> int:
        seen[name] = set(connect.getTags())
        connect.addTag(f"left behind by {name}")
        return connect.range(3).count()

    pipe = pipeline([node(lambda x, n=n: look(x, n), "x", n, name=n) for n in ("a", "b", "c")])
    try:
        for runner in (ThreadRunner(max_workers=1), SequentialRunner()):
            with (
                activated(SparkProvider(session=connect)),
                describing(RunDescription(pipeline="daily")),
            ):
                runner.run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="tags")
            for name, tags in seen.items():
                assert f"daily · {name}" in tags
                assert [tag for tag in tags if tag.startswith(f"tags/{name}/")]
                assert not [tag for tag in tags if tag.startswith("left behind")]
        assert connect.getTags() == {"the caller's"}
    finally:
        connect.clearTags()


def test_running_queries_of_siblings_are_interrupted(connect: SparkSession) -> None:
    has_started = threading.Event()

    def long(x: int) -> Any:
        connect.range(1).count()
        has_started.set()
        return endless(connect).collect()

    def fail(x: int) -> int:
        assert has_started.wait(60)
        time.sleep(2)
        raise ValueError("the first failure")

    pipe = pipeline([node(long, "x", "a", name="long"), node(fail, "x", "b", name="fail")])
    with activated(SparkProvider(session=connect)), pytest.raises(RunFailedError) as caught:
        ThreadRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), session_id="connect-cancel")
    assert [failure.node_name for failure in caught.value.failures] == ["fail"]
    assert caught.value.cancelled == ("long",)


def test_a_shared_frame_is_persisted_and_released(
    connect: SparkSession, spark: SparkSession
) -> None:
    levels: list[str] = []

    def look(frame: DataFrame) -> int:
        levels.append(reads_what_is_persisted(frame))
        return frame.count()

    pipe = pipeline(
        [
            node(lambda: connect.range(5).groupBy("id").count(), None, "made", name="make"),
            node(lambda: connect.sql("SELECT 1 AS id"), None, "plain", name="plain"),
            *[node(look, "made", f"m{n}", name=f"m{n}") for n in range(2)],
        ]
    )
    before = persisted(spark)  # rows that other tests have left to the JVM's collector
    with activated(SparkProvider(session=connect)):
        ThreadRunner().run(pipe, DataCatalog())
    assert all("memory" in level for level in levels)
    assert len(levels) == 2
    assert persisted(spark) <= before


def test_three_runs_at_once_do_not_disturb_each_other(connect: SparkSession) -> None:
    """They have one id, and one of them fails, which interrupts its own queries again and again."""
    tags: dict[str, set[str]] = {}
    ended: dict[str, object] = {}
    all_run = threading.Barrier(3)

    def long(x: int, run: str) -> int:
        all_run.wait(60)
        for _ in range(5):
            connect.sql(SLEEP.format(900)).collect()
        tags[run] = set(connect.getTags())
        return x

    def fail(x: int, run: str) -> int:
        time.sleep(1.5)
        if run == "b":
            raise ValueError("only this run")
        return x

    def run(name: str) -> None:
        pipe = pipeline(
            [
                node(lambda x: long(x, name), "x", "long", name="long"),
                node(lambda x: fail(x, name), "x", "fail", name="fail"),
            ]
        )
        catalog = DataCatalog(feed_dict={"x": 1})
        try:
            with activated(SparkProvider(session=connect)):
                ended[name] = ThreadRunner().run(pipe, catalog, session_id="one id")
        except RunFailedError as exc:
            ended[name] = exc

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ended["a"] == ended["c"] == {"long": 1, "fail": 1}
    assert isinstance(ended["b"], RunFailedError)
    assert [failure.node_name for failure in ended["b"].failures] == ["fail"]
    assert ended["b"].cancelled == ("long",)
    groups = {tag for run in "ac" for tag in tags[run] if tag.startswith("one id/")}
    assert len(groups) == 2


def test_a_session_that_a_node_is_the_first_to_ask_for_is_watched(connect: SparkSession) -> None:
    told: list[float | None] = []

    def work() -> int:
        get_spark().sql(SLEEP.format(2500)).collect()
        return 1

    def look(x: int) -> int:
        run = current_run()
        assert run is not None
        told.append(run.progress.work("watched/work").seconds)
        return x

    pipe = pipeline([node(work, None, "x", name="work"), node(look, "x", "y", name="look")])
    with activated(SparkProvider(session=lambda: connect)):
        ThreadRunner().run(pipe, DataCatalog(), session_id="watched")
    assert told[0] is not None
    assert told[0] >= 2
