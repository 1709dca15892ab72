"""``is_async=True``: inputs side by side, then the function, then outputs side by side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import RunFailedError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import AbstractDataSet, DataCatalog, LambdaDataSet, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

tint: ContextVar[str] = ContextVar("tint", default="none")


class Meeting(AbstractDataSet):
    """Loads and saves only while as many others do so as the barriers ask for."""

    def __init__(
        self, events: list[str], loads: threading.Barrier, saves: threading.Barrier, name: str
    ) -> None:
        self._events = events
        self._loads = loads
        self._saves = saves
        self._name = name

    def _load(self) -> int:
        self._events.append("load begins")
        self._loads.wait()
        self._events.append("load ends")
        return 1

    def _save(self, data: int) -> None:
        self._events.append("save begins")
        self._saves.wait()
        self._events.append("save ends")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}


def test_inputs_load_side_by_side_then_the_node_runs_then_outputs_save_side_by_side() -> None:
    count = 5
    events: list[str] = []
    loads, saves = (threading.Barrier(count, timeout=10) for _ in range(2))
    catalog = DataCatalog(
        {
            f"{kind}{n}": Meeting(events, loads, saves, f"{kind}{n}")
            for kind in "io"
            for n in range(5)
        }
    )

    def work(*args: int) -> tuple[int, ...]:
        events.append("runs")
        return args

    pipe = pipeline([node(work, [f"i{n}" for n in range(count)], [f"o{n}" for n in range(count)])])
    assert SequentialRunner(is_async=True).run(pipe, catalog) == {}
    assert events == [
        *["load begins"] * count,
        *["load ends"] * count,
        "runs",
        *["save begins"] * count,
        *["save ends"] * count,
    ]


def test_without_async_they_load_one_after_the_other() -> None:
    events: list[str] = []
    alone = threading.Barrier(1)
    catalog = DataCatalog({name: Meeting(events, alone, alone, name) for name in "ab"})
    pipe = pipeline([node(nodes.add, ["a", "b"], "c")])
    SequentialRunner().run(pipe, catalog)
    assert events == ["load begins", "load ends"] * 2


def test_the_function_runs_on_the_calling_thread() -> None:
    here = threading.current_thread()
    seen: list[threading.Thread] = []

    def work(x: int, y: int) -> tuple[int, int]:
        seen.append(threading.current_thread())
        return x, y

    pipe = pipeline([node(work, ["a", "b"], ["c", "d"])])
    SequentialRunner(is_async=True).run(pipe, DataCatalog(feed_dict={"a": 1, "b": 2}))
    assert seen == [here]


def test_it_works_inside_a_running_event_loop() -> None:
    async def notebook_cell() -> dict[str, Any]:
        return SequentialRunner(is_async=True).run(
            nodes.variance_pipeline(), DataCatalog(feed_dict={"xs": [1, 2, 3]})
        )

    assert asyncio.run(notebook_cell()) == {"v": 0.666666666666667}


def test_context_variables_hold_while_loading_and_saving() -> None:
    seen: list[str] = []

    def load() -> int:
        seen.append(tint.get())
        return 1

    def save(data: int) -> None:
        seen.append(tint.get())

    catalog = DataCatalog(
        {**{n: LambdaDataSet(load) for n in "ab"}, **{n: LambdaDataSet(load, save) for n in "cd"}}
    )
    pipe = pipeline([node(lambda a, b: (a, b), ["a", "b"], ["c", "d"])])
    token = tint.set("blue")
    try:
        SequentialRunner(is_async=True).run(pipe, catalog)
    finally:
        tint.reset(token)
    assert seen == ["blue"] * 4


def test_all_failing_loads_are_told() -> None:
    def failing(name: str) -> Callable[[], int]:
        def load() -> int:
            raise OSError(f"no route to {name}")

        return load

    catalog = DataCatalog({name: LambdaDataSet(failing(name)) for name in "abc"})
    pipe = pipeline([node(lambda a, b, c: a, ["a", "b", "c"], "d", name="n")])
    with pytest.raises(RunFailedError) as caught:
        SequentialRunner(is_async=True).run(pipe, catalog)
    (failure,) = caught.value.failures
    assert failure.message.startswith("Node 'n' could not load 'a'")
    assert all(f"no route to {name}" in failure.message for name in "abc")


def test_outputs_that_can_be_saved_are_saved_beside_one_that_fails() -> None:
    saved = MemoryDataSet()

    def fail(data: int) -> None:
        raise OSError("the disk is full")

    catalog = DataCatalog(
        {"good": saved, "bad": LambdaDataSet(lambda: 1, fail)}, feed_dict={"x": 1}
    )
    pipe = pipeline([node(nodes.pair, "x", ["bad", "good"], name="n")])
    with pytest.raises(RunFailedError, match=r"'n' could not save 'bad'.*the disk is full"):
        SequentialRunner(is_async=True).run(pipe, catalog)
    assert saved.load() == 2


def _as_both(*tables: Any) -> list[Any]:
    return list(tables)


def test_every_kind_of_data_set_goes_both_ways(spark: SparkSession, tmp_path: Path) -> None:
    import pandas as pd

    from sparkpipe.datasets.pandas import CSVDataSet
    from sparkpipe.datasets.pickle import PickleDataSet
    from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet

    kept: dict[str, Any] = {}

    def make(side: str) -> dict[str, Any]:
        return {
            f"memory_{side}": MemoryDataSet(),
            f"pickle_{side}": PickleDataSet(tmp_path / f"{side}.pkl"),
            f"lambda_{side}": LambdaDataSet(
                lambda: kept[side], lambda data: kept.__setitem__(side, data)
            ),
            f"pandas_{side}": CSVDataSet(tmp_path / f"{side}.csv"),
            f"spark_{side}": SparkDataSet(str(tmp_path / f"{side}.parquet")),
            f"delta_{side}": DeltaTableDataSet(str(tmp_path / f"{side}.delta")),
        }

    inputs, outputs = make("in"), make("out")
    table = pd.DataFrame({"a": [1, 2]})
    data = [[1, 2], {"k": 3}, "text", table, spark.range(4), spark.range(5)]
    for data_set, value in zip(inputs.values(), data, strict=True):
        data_set.save(value)
    hook = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(_as_both, list(inputs), list(outputs), name="n")])
    catalog = DataCatalog({**inputs, **outputs})
    SequentialRunner(is_async=True).run(pipe, catalog, create_hook_manager([hook]))
    assert outputs["memory_out"].load() == [1, 2]
    assert outputs["pickle_out"].load() == {"k": 3}
    assert kept["out"] == "text"
    assert outputs["pandas_out"].load().equals(table)
    assert outputs["spark_out"].load().count() == 4
    assert outputs["delta_out"].load().count() == 5
    for when in ("before load", "after load"):
        assert sum(f"n {when}" in line for line in hook.lines) == 6
