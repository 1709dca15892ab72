"""Frames that are held by what nodes hand on: objects, functions, sets, loaders of partitions."""

from __future__ import annotations

from collections import UserDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest

from sparkpipe.datasets.spark import SparkTableDataSet
from sparkpipe.io import DataCatalog, MemoryDataSet, PartitionedDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Their fixture asks for Spark by itself.
pytestmark = [pytest.mark.spark, pytest.mark.session]


@dataclass(frozen=True)
class Frozen:
    frame: Any


@dataclass(slots=True)
class Slotted:
    frame: Any


class Named(NamedTuple):
    frame: Any


class Plain:
    def __init__(self, frame: Any) -> None:
        self.inner = [Frozen(frame)]
        self.itself = self

    def given(self) -> Any:
        return self.inner[0].frame


def in_cell(frame: Any) -> Callable[[], Any]:
    return lambda: frame


def by_default(frame: Any) -> Callable[..., Any]:
    def give(kept: Any = frame, *, also: Any = frame) -> Any:
        return kept if kept is also else None

    return give


def identity(value: Any) -> Any:
    return value


HOLDERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "frozen": (Frozen, lambda held: held.frame),
    "slots": (Slotted, lambda held: held.frame),
    "named": (Named, lambda held: held.frame),
    "object": (Plain, lambda held: held.inner[0].frame),
    "method": (lambda frame: Plain(frame).given, lambda held: held()),
    "closure": (in_cell, lambda held: held()),
    "default": (by_default, lambda held: held()),
    "partial": (lambda frame: partial(identity, frame), lambda held: held()),
    "set": (lambda frame: frozenset({frame}), lambda held: next(iter(held))),
    "user's dictionary": (lambda frame: UserDict(a=frame), lambda held: held["a"]),
    "default dictionary": (
        lambda frame: defaultdict(list, {"a": [frame]}),
        lambda held: (held["b"], held["a"][0])[1],
    ),
}


def random_rows(spark: SparkSession) -> DataFrame:
    """Return a frame with a random column, of which Spark does not know that it is random."""

    def draw(batches: Iterator[Any]) -> Iterator[Any]:
        import random

        for batch in batches:
            yield batch.assign(r=[random.random() for _ in range(len(batch))])

    return spark.range(0, 50, 1, 2).mapInPandas(draw, "id long, r double")


def rows_of(frame: DataFrame) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in frame.collect()}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_frame_that_an_object_holds_is_one_for_all_its_readers(
    session: SparkSession, runner: AbstractRunner, holder: str
) -> None:
    hold, take = HOLDERS[holder]
    pipe = pipeline(
        [
            node(lambda: hold(random_rows(session)), None, "held", name="make"),
            node(lambda held: rows_of(take(held)), "held", "one", name="a"),
            node(lambda held: rows_of(take(held).select("*")), "held", "two", name="b"),
            node(lambda one, two: one == two, ["one", "two"], "same"),
        ]
    )
    assert runner.run(pipe, DataCatalog())["same"]


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_frame_that_an_object_holds_does_not_see_a_later_append(
    session: SparkSession, holder: str
) -> None:
    hold, take = HOLDERS[holder]
    name = f"held_{uuid4().hex}"
    session.range(3).write.format("parquet").saveAsTable(name)

    def table(**more: Any) -> SparkTableDataSet:
        return SparkTableDataSet(name, file_format="parquet", **more)

    pipe = pipeline(
        [
            node(
                lambda seen: hold(session.range(5).join(seen, "id", "left_anti")),
                "seen",
                "new",
                name="find",
            ),
            node(lambda new: (take(new), 1), "new", ["added", "done"], name="append"),
            node(lambda new, _: take(new).count(), ["new", "done"], "reported", name="report"),
        ]
    )
    catalog = DataCatalog({"seen": table(), "added": table(write_mode="append")})
    try:
        assert SequentialRunner().run(pipe, catalog) == {"reported": 2}
    finally:
        session.sql(f"DROP TABLE {name}")


def test_what_a_node_has_made_is_left_as_it_is(session: SparkSession) -> None:
    made: list[Any] = []

    def make() -> Plain:
        made.append(Plain(random_rows(session)))
        made.append(made[0].inner[0].frame)
        return made[0]

    pipe = pipeline(
        [
            node(make, None, "held", name="make"),
            *[node(lambda held: held.given().count(), "held", n, name=n) for n in "ab"],
        ]
    )
    catalog = DataCatalog({"held": MemoryDataSet(copy_mode="assign")})
    assert SequentialRunner().run(pipe, catalog) == {"a": 50, "b": 50}
    assert made[0].inner[0].frame is made[1]


def test_loaders_of_partitions_do_not_see_a_later_save(
    session: SparkSession, runner: AbstractRunner, tmp_path: Path
) -> None:
    def partitions() -> PartitionedDataSet:
        spark = {"type": "spark.SparkDataSet", "file_format": "parquet"}
        return PartitionedDataSet(str(tmp_path / "p"), spark)

    catalog = DataCatalog({"old": partitions(), "new": partitions()})
    catalog.save("old", {"a": session.range(2), "b": session.range(3)})
    pipe = pipeline(
        [
            node(lambda old: dict(old), "old", "held", name="hold"),
            node(lambda held: {"a": session.range(7)}, "held", "new", name="save"),
            node(
                lambda held, new: {name: held[name]().count() for name in "ab"},
                ["held", "new"],
                "counts",
                name="count",
            ),
        ]
    )
    assert runner.run(pipe, catalog)["counts"] == {"a": 2, "b": 3}
