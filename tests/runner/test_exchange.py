"""How data in memory passes between the places where nodes run."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Semaphore, Thread
from typing import Any
from uuid import uuid4

import pytest
import runner_nodes as nodes
from fsspec.implementations.memory import MemoryFileSystem

from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.runner import HybridRunner, ParallelRunner, SequentialRunner
from sparkpipe.runner.exchange import Exchange, InMemory, LocalFolder, SharedStorage

pytestmark = pytest.mark.slow  # processes of their own

CHAIN = pipeline(
    [
        node(nodes.add_one, "a", "b", name="first"),
        node(nodes.add_one, "b", "c", name="second"),
    ]
)


class OwnCatalog(DataCatalog):
    """A catalog of the user's class, with something of its own."""

    mark = "own"


def _catalog() -> DataCatalog:
    catalog = OwnCatalog({name: MemoryDataSet() for name in "bc"}, feed_dict={"a": 1})
    catalog.mark = "kept"
    return catalog


@pytest.fixture(params=["memory", "folder", "storage"])
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> Exchange:
    made: dict[str, Callable[[], Exchange]] = {
        "memory": InMemory,
        "folder": LocalFolder,
        "storage": lambda: SharedStorage(f"file://{tmp_path}/storage"),
    }
    return made[request.param]()


def test_outputs_are_there_at_the_end_and_nothing_is_left(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    catalog = _catalog()
    with exchange.open(make_plan(CHAIN), catalog) as shared:
        assert type(shared) is OwnCatalog
        assert shared.mark == "kept"
        assert sorted(shared) == ["a", "b", "c"]
        elsewhere = shared
        if not isinstance(exchange, InMemory):
            shared["a"].hand_over()
            elsewhere = pickle.loads(pickle.dumps(shared))
            assert elsewhere.load("a") == 1
        elsewhere.save("c", [3])  # as another process would
    assert catalog.load("c") == [3]
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    storage = SharedStorage(str(tmp_path / "storage"))
    failing = pipeline(
        [
            node(nodes.add_one, "a", "b", name="good"),
            node(nodes.boom, "b", "c", name="bad"),
        ]
    )
    with pytest.raises(RunFailedError, match="the barrel is empty"):
        ParallelRunner(max_workers=1, exchange=storage).run(
            failing, DataCatalog(feed_dict={"a": 1})
        )
    assert list((tmp_path / "storage").iterdir()) == []


def test_runners_of_processes_pass_data_through_a_shared_storage(tmp_path: Path) -> None:
    for runner in (
        ParallelRunner(max_workers=1, exchange=SharedStorage(str(tmp_path))),
        HybridRunner(max_workers=1, max_processes=1, exchange=SharedStorage(str(tmp_path))),
    ):
        assert runner.run(CHAIN, DataCatalog(feed_dict={"a": 1})) == {"c": 3}


@pytest.mark.parametrize("folder", ["s*", "s?", "[st]"])
def test_an_address_that_looks_like_a_pattern_is_one_place(folder: str) -> None:
    root = f"/{uuid4().hex}"
    MemoryFileSystem().pipe_file(f"{root}/st/sparkpipe-other", b"")
    with SharedStorage(f"memory://{root}/{folder}").open(make_plan(CHAIN), _catalog()) as shared:
        elsewhere = pickle.loads(pickle.dumps(shared))
        elsewhere.save("b", 2)
        assert elsewhere.load("b") == 2
    assert MemoryFileSystem().find(root) == [f"{root}/st/sparkpipe-other"]


def test_what_cannot_be_pickled_is_told_where_it_is_saved(tmp_path: Path) -> None:
    with SharedStorage(str(tmp_path)).open(make_plan(CHAIN), _catalog()) as shared:
        elsewhere = pickle.loads(pickle.dumps(shared))
        with pytest.raises(DataSetError, match="cannot be passed to another process"):
            elsewhere.save("b", lambda: 1)
        assert not elsewhere.exists("b")


def test_a_catalog_that_cannot_be_pickled_is_refused_before_anything_runs() -> None:
    from sparkpipe.errors import PreflightError

    catalog = OwnCatalog(feed_dict={"a": 1})
    catalog.mark = lambda: 1  # type: ignore[assignment]
    with pytest.raises(PreflightError, match="the catalog \\(OwnCatalog\\) to another process"):
        ParallelRunner(max_workers=1).run(CHAIN, catalog)
    assert SequentialRunner().run(CHAIN, catalog) == {"c": 3}


def test_the_data_of_nobody_is_told_as_missing(tmp_path: Path) -> None:
    with LocalFolder().open(make_plan(CHAIN), _catalog()) as shared:
        elsewhere: Any = pickle.loads(pickle.dumps(shared))
        with pytest.raises(DataSetError, match="nothing has been saved to it yet"):
            elsewhere.load("b")


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_interrupt_right_after_its_folder_was_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    exchange = SharedStorage(str(tmp_path)) if is_shared else LocalFolder()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make = os.mkdir

    def interrupted(*args: Any, **options: Any) -> None:
        make(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "mkdir", interrupted)
    with pytest.raises(KeyboardInterrupt), exchange.open(make_plan(CHAIN), _catalog()):
        pass
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_interrupt_while_its_folder_is_removed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    exchange = SharedStorage(str(tmp_path)) if is_shared else LocalFolder()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    remove = shutil.rmtree

    def interrupted(*args: Any, **options: Any) -> None:
        monkeypatch.setattr(shutil, "rmtree", remove)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), exchange.open(make_plan(CHAIN), _catalog()):
        monkeypatch.setattr(shutil, "rmtree", interrupted)
    assert [*tmp_path.iterdir()] == []


def test_what_is_large_is_told_by_whoever_passes_it_on(caplog: pytest.LogCaptureFixture) -> None:
    size = 101 * 2**20
    pipe = pipeline(
        [node(len, "given", "size", name="measure"), node(bytes, "size", "made", name="make")]
    )
    made = ParallelRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"given": bytes(size)}))
    assert len(made["made"]) == size
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [one.partition(", which")[0] for one in told] == [
        f"'{name}' (bytes) passes between processes as a file of 101 MB"
        for name in ("given", "made")
    ]


def test_what_is_not_large_is_passed_on_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    ParallelRunner(max_workers=1).run(CHAIN, DataCatalog(feed_dict={"a": 1}))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_who_still_writes_when_a_run_ends_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    plan, begun = make_plan(CHAIN), Semaphore(0)

    def write(elsewhere: DataCatalog) -> None:
        begun.release()
        with suppress(DataSetError):
            while True:
                elsewhere.save("b", 1)

    for _ in range(50):
        with LocalFolder().open(plan, _catalog()) as shared:
            elsewhere = [pickle.loads(pickle.dumps(shared)) for _ in range(3)]
            writers = [Thread(target=write, args=(one,)) for one in elsewhere]
            for writer in writers:
                writer.start()
            for _ in writers:
                begun.acquire()
        for writer in writers:
            writer.join(10)
        assert list(tmp_path.iterdir()) == []


def test_a_run_removes_what_an_earlier_one_was_removing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remove = shutil.rmtree
    monkeypatch.setattr("shutil.rmtree", lambda path, **_: None)
    with LocalFolder().open(make_plan(CHAIN), _catalog()) as shared:
        shared.save("b", 1)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("shutil.rmtree", remove)
    with LocalFolder().open(make_plan(CHAIN), _catalog()):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
