"""HybridRunner: which node runs where, and how data passes between threads and processes."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hybrid_nodes as hybrid
import pytest
import runner_nodes as nodes

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.errors import ConfigError, PreflightError, RunFailedError
from sparkpipe.hooks import create_hook_manager, hook_impl
from sparkpipe.io import AbstractDataSet, DataCatalog, LambdaDataSet, MemoryDataSet
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import HybridRunner, ParallelRunner
from sparkpipe.runner import processes as processes_module

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def _run(pipe: Pipeline, catalog: DataCatalog | None = None, hooks: Any = ()) -> dict[str, Any]:
    runner = HybridRunner(max_workers=2, max_processes=2)
    return runner.run(
        pipe, catalog or DataCatalog(feed_dict={"x": 1}), create_hook_manager([*hooks])
    )


def _ran_here(
    function: Any, catalog: DataCatalog | None = None, hooks: Any = (), **how: Any
) -> bool:
    """Whether a node, whose function returns the id of its process, runs in this one."""
    outputs = _run(pipeline([node(function, "x", "y", name="n", **how)]), catalog, hooks)
    return bool(outputs["y"] == os.getpid())


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a pool of processes is made."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a pool of processes was started")

    monkeypatch.setattr(processes_module, "_Process", refuse)


# Where nodes run


def test_pure_python_runs_in_a_process() -> None:
    assert not _ran_here(nodes.process_id)


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize(
    "function",
    [
        hybrid.annotated_as_spark,
        hybrid.imports_pyspark,
        hybrid.names_get_spark,
        hybrid.calls_one_that_uses_spark,
        lambda x: os.getpid(),
    ],
)
def test_spark_and_what_cannot_be_found_elsewhere_run_on_threads(function: Any) -> None:
    assert _ran_here(function)


def test_a_frame_of_pandas_is_no_sign_of_spark() -> None:
    assert not _ran_here(hybrid.annotated_as_pandas)


@pytest.mark.usefixtures("no_processes")
def test_a_node_tagged_threads_runs_on_one() -> None:
    assert _ran_here(nodes.process_id, tags="threads")


def test_a_node_tagged_processes_runs_in_one_whatever_its_code_shows() -> None:
    assert not _ran_here(hybrid.annotated_as_spark, tags="processes")


@pytest.mark.usefixtures("no_processes")
def test_a_data_set_that_cannot_cross_keeps_its_node_on_a_thread() -> None:
    assert _ran_here(nodes.process_id, DataCatalog({"x": LambdaDataSet(load=lambda: 1)}))


class HoldsALock:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen = 0

    @hook_impl
    def before_node_run(self) -> None:
        self.seen += 1


@pytest.mark.usefixtures("no_processes")
def test_a_hook_that_cannot_cross_keeps_all_nodes_on_threads() -> None:
    hook = HoldsALock()
    assert _ran_here(nodes.process_id, hooks=[hook])
    assert hook.seen == 1


def test_where_a_node_runs_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="sparkpipe"):
        _ran_here(nodes.process_id)
        _ran_here(nodes.process_id, tags="threads")
    assert "Node 'n' runs in a process." in caplog.messages
    assert "Node 'n' runs on a thread: it is tagged 'threads'." in caplog.messages


# A tag that cannot be followed


@pytest.mark.parametrize(
    ("function", "tags", "reason"),
    [
        (lambda x: x, "processes", "is a lambda"),
        (nodes.identity, ["processes", "threads"], "tagged 'threads' too"),
    ],
)
def test_a_tag_that_cannot_be_followed_is_refused(function: Any, tags: Any, reason: str) -> None:
    with pytest.raises(PreflightError, match=f"'n' is tagged 'processes', .*{reason}"):
        _run(pipeline([node(function, "x", "y", name="n", tags=tags)]))


def test_a_tag_against_a_data_set_is_refused() -> None:
    pipe = pipeline([node(nodes.identity, "x", "y", name="n", tags="processes")])
    with pytest.raises(PreflightError, match="'x' stays: it cannot be pickled"):
        _run(pipe, DataCatalog({"x": LambdaDataSet(load=lambda: 1)}))


class AsksInside:
    """As many wrappers do, it asks what it wraps, which is not there while it is unpickled."""

    def __init__(self, inside: Any) -> None:
        self.inside = inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)

    def load(self) -> Any:
        return self.inside.load()

    def save(self, data: Any) -> None:
        self.inside.save(data)


def test_what_cannot_be_read_again_elsewhere_stays(tmp_path: Path) -> None:
    catalog = DataCatalog({"x": AsksInside(JSONDataSet(str(tmp_path / "x.json")))})
    catalog.save("x", 1)
    assert _ran_here(nodes.process_id, catalog)
    pipe = pipeline([node(nodes.identity, "x", "y", name="n")])
    with pytest.raises(PreflightError, match=r"'x' \(AsksInside\).* read again \(Recursion"):
        ParallelRunner().run(pipe, catalog)


def test_a_tag_against_a_hook_is_refused() -> None:
    pipe = pipeline([node(nodes.identity, "x", "y", name="n", tags="processes")])
    with pytest.raises(PreflightError, match="hook HoldsALock"):
        _run(pipe, hooks=[HoldsALock()])


def test_a_fork_is_refused() -> None:
    with pytest.raises(ConfigError, match="spawn, forkserver"):
        HybridRunner(start_method="fork")


# Data between nodes


def test_data_passes_both_ways() -> None:
    pipe = pipeline(
        [
            node(nodes.add_one, "x", "a", name="process_1"),
            node(nodes.add_one, "a", "b", name="thread_1", tags="threads"),
            node(nodes.add, ["a", "b"], "c", name="process_2"),
            node(nodes.add, ["b", "c"], "d", name="thread_2", tags="threads"),
        ]
    )
    assert _run(pipe) == {"d": 8}


def test_data_between_threads_is_never_copied_to_a_file() -> None:
    lock = threading.Lock()
    catalog = DataCatalog(
        {"x": MemoryDataSet(lock, "assign"), "a": MemoryDataSet(copy_mode="assign")}
    )
    pipe = pipeline(
        [
            node(nodes.identity, "x", "a", name="first", tags="threads"),
            node(lambda a: a is lock, "a", "same", name="second"),
        ]
    )
    assert _run(pipe, catalog) == {"same": True}


def test_an_input_that_turns_out_not_to_be_pickled_keeps_its_reader_here() -> None:
    pipe = pipeline(
        [
            node(nodes.unpicklable, "x", "f", name="maker", tags="threads"),
            node(hybrid.process_id_of, "f", "where", name="reader"),
        ]
    )
    assert _run(pipe) == {"where": os.getpid()}


def test_an_input_that_cannot_be_pickled_fails_a_reader_tagged_processes() -> None:
    pipe = pipeline(
        [
            node(nodes.unpicklable, "x", "f", name="maker", tags="threads"),
            node(hybrid.process_id_of, "f", "where", name="reader", tags="processes"),
        ]
    )
    with pytest.raises(RunFailedError, match="'reader' is tagged 'processes'"):
        _run(pipe)


def test_an_output_of_a_process_that_cannot_be_pickled_is_told() -> None:
    with pytest.raises(RunFailedError, match=r"'n' could not save 'y'.*another process"):
        _run(pipeline([node(nodes.unpicklable, "x", "y", name="n")]))


def test_a_registered_output_is_filled_and_what_it_held_is_gone() -> None:
    kept = MemoryDataSet(5)
    pipe = pipeline(
        [
            node(nodes.add_one, "x", "kept", name="process"),
            node(nodes.add_one, "kept", "after", name="thread", tags="threads"),
        ]
    )
    catalog = DataCatalog({"kept": kept, "end": MemoryDataSet()}, feed_dict={"x": 1})
    assert _run(pipe, catalog) == {"after": 3}
    end = pipeline([node(nodes.add_one, "x", "end")])
    assert _run(end, catalog) == {}
    assert catalog.load("end") == 2


class FilesSeen(AbstractDataSet):
    """At a save, tells which files of the run there are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seen: list[str] = []
        self.lock = threading.Lock()  # keeps its node on a thread

    def _load(self) -> Any: ...

    def _save(self, data: Any) -> None:
        self.seen = [p.name for p in self._folder.glob("sparkpipe-*/[!.]*")]

    def _describe(self) -> dict[str, Any]:
        return {}


def test_files_are_freed_after_their_last_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = FilesSeen(tmp_path)
    pipe = pipeline(
        [
            node(nodes.add_one, "x", "a", name="1"),
            node(nodes.add_one, "a", "b", name="2", tags="threads"),
            node(nodes.add_one, "b", "c", name="3"),
            node(nodes.add_one, "c", "d", name="4", tags="threads"),
            node(nodes.identity, "d", "end", name="5"),
        ]
    )
    _run(pipe, DataCatalog({"end": seen}, feed_dict={"x": 1}))
    assert seen.seen == ["5.copy"]  # that of 'x', the input of the run
    assert list(tmp_path.iterdir()) == []


# With Spark


def test_spark_nodes_feed_processes_and_processes_feed_spark_nodes(
    spark: SparkSession, tmp_path: Path
) -> None:
    catalog = DataCatalog.from_config(
        {"table": {"type": "spark.DeltaTableDataSet", "filepath": str(tmp_path / "table")}}
    )
    catalog.add_feed_dict({"n": 4})
    pipe = pipeline(
        [
            node(hybrid.numbers, "n", "frame", name="make"),
            node(nodes.identity, "frame", "table", name="save"),
            node(hybrid.to_pandas, "frame", "local", name="collect"),
            node(hybrid.doubled, "local", ["twice", "worker"], name="compute"),
            node(hybrid.total, ["twice", "table"], "total", name="back"),
        ]
    )
    outputs = _run(pipe, catalog)
    assert outputs["worker"] != os.getpid()
    assert outputs["total"] == 2 * 6 + 4
    assert spark.range(1).count() == 1


def test_a_frame_in_memory_keeps_a_node_whose_code_shows_nothing_on_a_thread(
    spark: SparkSession,
) -> None:
    catalog = DataCatalog(feed_dict={"x": {"deep": [spark.range(3)]}})
    assert _ran_here(nodes.process_id, catalog)
