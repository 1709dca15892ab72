"""Frames that are held by what nodes hand on: objects, functions, sets, loaders of partitions."""

from __future__ import annotations

import gc
from collections import UserDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
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


class Table(dict[str, Any]):
    """A container with a constructor and an attribute of its own."""

    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(name=name)
        self.frame = frame


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
    "namespace": (lambda frame: SimpleNamespace(frame=frame), lambda held: held.frame),
    "set of objects": (lambda frame: {Frozen(frame)}, lambda held: next(iter(held)).frame),
    "attribute of a dictionary": (lambda frame: Table(frame, "t"), lambda held: held.frame),
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


class Guarded:
    """Leaves out, of what is pickled or copied, what only this process can use."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"frame": self.frame}


class Closing:
    """Closes what it uses when it goes."""

    def __init__(self, frame: Any, is_open: list[bool]) -> None:
        self.frame = frame
        self.is_open = is_open

    def __del__(self) -> None:
        self.is_open.clear()


def read_by_two(make: Callable[[], Any], read: Callable[[Any], Any]) -> list[Any]:
    """Return what two nodes read of what a node has made, one after the other."""
    pipe = pipeline(
        [
            node(make, None, "held", name="make"),
            node(read, "held", "one", name="a"),
            node(lambda held, _: read(held), ["held", "one"], "two", name="b"),
            node(lambda one, two: [one, two], ["one", "two"], "both", name="c"),
        ]
    )
    catalog = DataCatalog({"held": MemoryDataSet(copy_mode="assign")})
    both: list[Any] = SequentialRunner().run(pipe, catalog)["both"]
    return both


def test_readers_have_what_a_copy_of_the_users_would_leave_out(session: SparkSession) -> None:
    def read(held: Guarded) -> set[Any]:
        with held.lock:
            return rows_of(held.frame)

    one, two = read_by_two(lambda: Guarded(random_rows(session)), read)
    assert one == two


def test_what_ends_with_an_object_does_not_end_with_a_copy(session: SparkSession) -> None:
    kept: list[Any] = []

    def make() -> list[Any]:
        kept.append(Closing(random_rows(session), [True]))
        return [kept[0], random_rows(session)]

    def read(held: list[Any]) -> Any:
        return (list(held[0].is_open), held[0] is kept[0], rows_of(held[1]))

    one, two = read_by_two(make, read)
    gc.collect()
    assert (one, one[:2], kept[0].is_open) == (two, ([True], True), [True])


class Part:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.of_report = lambda: report.frame


class Report:
    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.parts = ({"a": Part(self)},)
        self.all_parts = {self.parts[0]["a"]}
        self.parts_by_call = partial(identity, self.parts)


def test_copies_refer_to_each_other_and_not_to_what_they_are_of(session: SparkSession) -> None:
    def read(held: list[Any]) -> list[Any]:
        part = held[0].parts[0]["a"]
        reports = [held[0], held[1].report, part.report, *(p.report for p in held[0].all_parts)]
        parts = [held[1], *held[0].all_parts, held[0].parts_by_call()[0]["a"], held[2][0]["a"]]
        are_same = (len(set(map(id, reports))), len(set(map(id, parts))))
        return [are_same, rows_of(held[0].frame), rows_of(part.of_report())]

    def make(first: Callable[[Report], list[Any]]) -> list[Any]:
        return first(Report(random_rows(session)))

    def given(report: Report) -> list[Any]:
        return [report, report.parts[0]["a"], report.parts]

    one, two = read_by_two(lambda: make(given), read)
    assert one == two == [(1, 1), one[1], one[1]]


def test_no_more_than_the_nearest_thousand_objects_are_looked_at(session: SparkSession) -> None:
    looked: list[int] = []

    class Watched:
        @property
        def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
            looked.append(1)
            return {}

    def make() -> dict[str, Any]:
        many = [[Watched() for _ in range(900)] for _ in range(10)]
        return {"many": many, "near": Frozen(random_rows(session))}

    looks: list[int] = []

    def read(held: dict[str, Any]) -> set[Any]:
        looks.append(len(looked))
        return rows_of(held["near"].frame)

    one, two = read_by_two(make, read)
    assert one == two
    assert looks[1] - looks[0] <= 1000
