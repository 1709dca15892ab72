"""What a run reads of what it wrote, and what the next run over the same catalog finds."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import RunFailedError
from sparkpipe.io import (
    CachedDataSet,
    DataCatalog,
    IncrementalDataSet,
    LambdaDataSet,
    MemoryDataSet,
    Version,
)
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import AbstractRunner, HybridRunner, SequentialRunner, ThreadRunner


@pytest.mark.parametrize(
    "runner", [SequentialRunner(), ThreadRunner(), HybridRunner(2, 1, start_method="forkserver")]
)
def test_a_version_that_the_run_has_saved_is_what_its_later_nodes_read(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    path = str(tmp_path / "model.json")
    catalog = DataCatalog(
        {"model": JSONDataSet(path, version=Version(None, "2026-01-01"))}, {"x": "ours", "p": path}
    )
    pipe = pipeline(
        [
            node(nodes.identity, "x", "warm", name="a", tags="processes"),
            node(nodes.first, ["x", "warm"], "model", name="b", tags="threads"),
            node(nodes.save_newer_version, ["p", "model"], "saved", name="c", tags="threads"),
            node(nodes.first, ["model", "saved"], "read", name="d", tags="processes"),
        ]
    )
    assert runner.run(pipe, catalog)["read"] == "ours"
    assert catalog.load("model") == "theirs"


def test_a_cached_data_set_loads_once_for_readers_side_by_side() -> None:
    loads = []

    def load() -> list[int]:
        loads.append(1)
        time.sleep(0.05)
        return [1]

    pipe = pipeline([node(len, "x", f"y{number}", name=f"n{number}") for number in range(8)])
    catalog = DataCatalog({"x": CachedDataSet(LambdaDataSet(load, None))})
    ThreadRunner().run(pipe, catalog)
    assert len(loads) == 1


def test_a_cached_data_set_is_fresh_in_each_run_and_after_a_run_has_saved_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "n.txt"
    path.write_text("old")
    catalog = DataCatalog({"x": CachedDataSet(TextDataSet(str(path)))})
    read = pipeline([node(nodes.identity, "x", "y")])
    assert catalog.load("x") == "old"
    path.write_text("new")
    assert SequentialRunner().run(read, catalog) == {"y": "new"}
    path.write_text("newer")
    assert SequentialRunner().run(read, catalog) == {"y": "newer"}
    catalog["z"] = "made"
    write = pipeline([node(nodes.identity, "z", "x", tags="processes")])
    HybridRunner(1, 1, start_method="forkserver").run(write, catalog)
    assert catalog.load("x") == "made"


def test_the_latest_version_is_looked_for_anew_in_each_run(tmp_path: Path) -> None:
    path = str(tmp_path / "model.json")
    catalog = DataCatalog({"x": JSONDataSet(path, version=Version(None, None))})
    read = pipeline([node(nodes.identity, "x", "y")])
    for version in ("v1", "v2"):
        JSONDataSet(path, version=Version(None, version)).save(version)
        assert SequentialRunner().run(read, catalog) == {"y": version}


def test_each_run_over_a_catalog_saves_a_version_of_its_own(tmp_path: Path) -> None:
    path = str(tmp_path / "model.json")
    catalog = DataCatalog({"m": JSONDataSet(path, version=Version(None, None))}, {"x": 1})
    write = pipeline([node(nodes.identity, "x", "m"), node(nodes.identity, "m", "y", name="read")])
    for number in (1, 2):
        catalog["x"] = number
        assert SequentialRunner().run(write, catalog) == {"y": number}
        time.sleep(0.002)  # versions are named by the millisecond
    assert catalog.load("m") == 2


def test_confirmed_increments_do_not_come_again_in_the_next_run(tmp_path: Path) -> None:
    catalog = DataCatalog({"x": IncrementalDataSet(str(tmp_path), "text.TextDataSet")})
    read = pipeline([node(lambda x: sorted(x), "x", "y", name="read", confirms="x")])
    (tmp_path / "a").write_text("1")
    assert SequentialRunner().run(read, catalog) == {"y": ["a"]}
    assert SequentialRunner().run(read, catalog) == {"y": []}
    (tmp_path / "b").write_text("2")
    assert SequentialRunner().run(read, catalog) == {"y": ["b"]}


def test_a_failed_run_leaves_none_of_its_data_in_the_memory_of_the_catalog() -> None:
    catalog = DataCatalog({"between": MemoryDataSet()}, {"x": 1})
    fails = pipeline(
        [
            node(nodes.identity, "x", "between", name="a"),
            node(nodes.boom, "between", "y", name="b"),
        ]
    )
    with pytest.raises(RunFailedError):
        SequentialRunner().run(fails, catalog)
    assert not catalog.exists("between")


def test_runs_side_by_side_over_one_catalog_each_read_their_own_version(tmp_path: Path) -> None:
    path = str(tmp_path / "model.json")
    catalog = DataCatalog({"m": JSONDataSet(path, version=Version(None, None))})
    met = threading.Barrier(2)

    def meet(model: Any) -> Any:
        met.wait(5)
        return model

    def run(who: str, found: dict[str, Any]) -> None:
        time.sleep(0.01 * int(who))  # versions are named by the millisecond
        own = catalog.shallow_copy()
        own["x"] = who
        pipe = pipeline(
            [
                node(nodes.identity, "x", "m", name="write"),
                node(meet, "m", "met", name="meet"),
                node(nodes.first, ["m", "met"], "y", name="read"),
            ]
        )
        found[who] = SequentialRunner().run(pipe, own)["y"]

    found: dict[str, Any] = {}
    runs = [threading.Thread(target=run, args=(who, found)) for who in "12"]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert found == {"1": "1", "2": "2"}
