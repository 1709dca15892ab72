"""The same through Spark Connect: tags, cancelling, and frames that nodes share."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from spark_jobs import endless, persisted

from sparkpipe.errors import RunFailedError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.spark.run import pipeline_named
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
            with activated(SparkProvider(session=connect)), pipeline_named("daily"):
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
    levels: list[bool] = []

    def look(frame: DataFrame) -> int:
        levels.append(frame.storageLevel.useMemory)
        return frame.count()

    pipe = pipeline(
        [
            node(lambda: connect.range(5).groupBy("id").count(), None, "made", name="make"),
            node(lambda: connect.sql("SELECT 1 AS id"), None, "plain", name="plain"),
            *[node(look, "made", f"m{n}", name=f"m{n}") for n in range(2)],
        ]
    )
    with activated(SparkProvider(session=connect)):
        ThreadRunner().run(pipe, DataCatalog())
    assert levels == [True, True]
    assert persisted(spark) == 0
