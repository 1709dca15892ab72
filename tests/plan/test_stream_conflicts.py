"""Streams that would disturb each other are refused before a run."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.datasets.spark import SparkStreamingDataSet
from sparkpipe.io import CachedDataSet, DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.plan import find_problems
from sparkpipe.plan.conflicts import target_problems


def stream(path: str, **save_args: Any) -> SparkStreamingDataSet:
    return SparkStreamingDataSet(path, "json", save_args, {"schema": "a INT"})


def same(x: Any) -> Any:
    return x


class SparkStreamingDataset:
    """One of another library, by what it shows of itself."""

    _SINGLE_PROCESS = True

    def __init__(self, path: str, checkpoint: str) -> None:
        self._filepath = path
        self._save_args = {"checkpoint": checkpoint}

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...


@pytest.mark.parametrize(
    "other",
    [
        stream("out2", checkpoint="./c"),
        stream("out2", checkpointLocation="c/"),
        stream("out2", Checkpoint="c"),
        CachedDataSet(stream("out2", checkpoint="c")),
        SparkStreamingDataset("out2", "c"),
    ],
)
def test_two_streams_with_one_checkpoint_are_refused(other: Any) -> None:
    catalog = DataCatalog({"a": stream("out1", checkpoint="c"), "b": other})
    steps = Pipeline([node(lambda: 1, None, "a", name="n"), node(lambda: 1, None, "b", name="m")])
    told = [one for one in find_problems(steps, catalog) if "checkpoint" in one]
    assert len(told) == 1
    assert told[0].startswith("The streams 'a', 'b' share the checkpoint ")


def test_streams_with_checkpoints_of_their_own_are_let_through() -> None:
    catalog = DataCatalog(
        {"a": stream("o1", checkpoint="c1"), "b": stream("o2", checkpoint="c2"), "c": stream("o3")}
    )
    steps = Pipeline([node(lambda: 1, None, name, name=name) for name in "abc"])
    assert [one for one in find_problems(steps, catalog) if "checkpoint" in one] == []


@pytest.mark.parametrize("path", ["in", "in/", "in/below"])
@pytest.mark.parametrize("between", [False, True])
def test_a_stream_into_its_own_source_is_refused(path: str, between: bool) -> None:
    catalog = DataCatalog({"a": stream("in"), "b": stream(path, checkpoint="c")})
    steps = [node(same, "a", "m", name="first"), node(same, "m", "b", name="second")]
    if not between:
        steps = [node(same, "a", "b", name="second")]
    (problem,) = target_problems(Pipeline(steps), catalog)
    assert problem.startswith("Node 'second' writes the stream ")
    assert "into its own source" in problem


@pytest.mark.parametrize("path", ["out", "input", "."])
def test_a_stream_beside_its_source_is_let_through(path: str) -> None:
    catalog = DataCatalog({"a": stream("in"), "b": stream(path, checkpoint="c")})
    assert target_problems(Pipeline([node(same, "a", "b", name="n")]), catalog) == []
