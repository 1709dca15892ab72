"""Two entries of one place: a run reads by the one what it has saved by the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkpipe.datasets.text import TextDataSet
from sparkpipe.io import CachedDataSet, DataCatalog, LambdaDataSet
from sparkpipe.io.core import Version
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import AbstractRunner, ParallelRunner, SequentialRunner, ThreadRunner


def told(data: Any, *_: Any) -> str:
    return str(sorted(data) if isinstance(data, dict) else data)


def new(_: Any) -> str:
    return "new"


def new_part(_: Any) -> dict[str, str]:
    return {"b": "new"}


def both(*given: str) -> list[str]:
    return [*given]


def read_saved_and_read(save: Any) -> Pipeline:
    """Return nodes of which one saves by the name 'by_another' between two that read 'read'."""
    return pipeline(
        [
            node(told, "read", "before"),
            node(save, "before", "by_another"),
            node(told, "by_another", "saved"),
            node(told, ["read", "saved"], "after"),
            node(both, ["before", "after"], "seen"),
        ]
    )


RUNNERS = pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])


@RUNNERS
@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("is_cached", [False, True])
def test_run_reads_what_it_saved_by_another_name(
    tmp_path: Path, runner: type[AbstractRunner], versioned: bool, is_cached: bool
) -> None:
    text: dict[str, Any] = {"type": "text.TextDataSet", "filepath": str(tmp_path / "a.txt")}
    text["versioned"] = versioned
    DataCatalog.from_config({"x": text}, save_version="2020-01-01").save("x", "old")
    read = {"type": "CachedDataSet", "dataset": text} if is_cached else text
    catalog = DataCatalog.from_config({"read": read, "by_another": text})
    seen = runner().run(read_saved_and_read(new), catalog)
    assert seen == {"seen": ["old", "new"]}
    assert catalog.load("read") == "new"


@RUNNERS
def test_run_finds_partitions_that_it_saved_by_another_name(
    tmp_path: Path, runner: type[AbstractRunner]
) -> None:
    parts = {"type": "PartitionedDataSet", "path": str(tmp_path), "dataset": "text.TextDataSet"}
    DataCatalog.from_config({"x": parts}).save("x", {"a": "old"})
    read = {**parts, "type": "IncrementalDataSet"}
    catalog = DataCatalog.from_config({"read": read, "by_another": parts})
    seen = runner().run(read_saved_and_read(new_part), catalog)
    assert seen == {"seen": ["['a']", "['a', 'b']"]}


def test_versions_that_are_named_as_they_are_saved_are_found_by_another_name(
    tmp_path: Path,
) -> None:
    text = {n: TextDataSet(str(tmp_path / "a.txt"), version=Version(None, None)) for n in "xyz"}
    text["x"].save("old")
    catalog = DataCatalog({"read": text["y"], "by_another": text["z"]})
    seen = SequentialRunner().run(read_saved_and_read(new), catalog)
    assert seen == {"seen": ["old", "new"]}


def test_cache_of_what_a_run_does_not_save_loads_once(tmp_path: Path) -> None:
    loads = []

    def load() -> str:
        loads.append(1)
        return "data"

    cached = CachedDataSet(LambdaDataSet(load, None))
    catalog = DataCatalog({"x": cached, "y": TextDataSet(str(tmp_path / "a.txt"))})
    reading = [node(told, "x", "y"), node(both, ["x", "y"], "z")]
    SequentialRunner().run(pipeline(reading), catalog)
    assert loads == [1]
