"""ParallelRunner: what may cross to another process, and processes that die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import runner_nodes as nodes

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.errors import ConfigError, DataSetError, PreflightError, RunFailedError
from sparkpipe.hooks import create_hook_manager, hook_impl
from sparkpipe.io import (
    CachedDataSet,
    DataCatalog,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
)
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import AbstractRunner, HybridRunner, ParallelRunner

pytestmark = pytest.mark.slow  # processes of their own

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_TYPE = "spark.SparkDataSet"


@pytest.fixture
def temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this test's own."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _one_node(function: Any = nodes.identity, name: str = "n") -> Pipeline:
    return pipeline([node(function, "x", "y", name=name)])


def _problems(pipe: Pipeline, catalog: DataCatalog) -> tuple[str, ...]:
    with pytest.raises(PreflightError) as caught:
        ParallelRunner(max_workers=2).run(pipe, catalog)
    return caught.value.problems


# Processes


def test_nodes_run_in_other_processes() -> None:
    outputs = ParallelRunner(max_workers=1).run(
        _one_node(nodes.process_id), DataCatalog(feed_dict={"x": 1})
    )
    assert outputs["y"] != os.getpid()


@pytest.mark.parametrize("workers", [0, -3, "2"])
def test_max_workers_must_be_a_positive_whole_number(workers: Any) -> None:
    with pytest.raises(ConfigError, match="max_workers"):
        ParallelRunner(max_workers=workers)


def test_an_unknown_start_method_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'threads' is not known. It is one of spawn"):
        ParallelRunner(start_method="threads")


_WITH_START_METHOD = """
import sys
sys.path.insert(0, sys.argv[1])
from runner_nodes import variance_pipeline
from sparkpipe.io import DataCatalog
from sparkpipe.runner import ParallelRunner

if __name__ == "__main__":
    runner = ParallelRunner(max_workers=2, start_method=sys.argv[2])
    print(runner.run(variance_pipeline(), DataCatalog(feed_dict={"xs": [1, 2, 3]})))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_every_start_method_works(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_WITH_START_METHOD)
    done = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parent), method],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "{'v': 0.666666666666667}\n", done.stderr


def test_registered_memory_outputs_are_filled() -> None:
    kept = MemoryDataSet()
    catalog = DataCatalog({"y": kept}, feed_dict={"x": [1]})
    assert ParallelRunner(max_workers=1).run(_one_node(), catalog) == {}
    assert kept.load() == [1]


def test_what_workers_log_reaches_the_handlers_here(caplog: pytest.LogCaptureFixture) -> None:
    ParallelRunner(max_workers=1).run(_one_node(nodes.logs_a_line), DataCatalog(feed_dict={"x": 5}))
    (record,) = [r for r in caplog.records if r.name == "sparkpipe.users_node"]
    assert record.getMessage() == "seen in the worker: 5"
    assert record.levelno == logging.WARNING
    assert record.process != os.getpid()


def test_levels_set_here_hold_in_workers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="sparkpipe"):
        ParallelRunner(max_workers=1).run(_one_node(), DataCatalog(feed_dict={"x": 5}))
    assert [r for r in caplog.records if r.levelno < logging.WARNING] == []


# Processes that die


def test_a_killed_worker_is_told_by_the_name_of_its_node(temp_folder: Path) -> None:
    pipe = pipeline(
        [
            node(nodes.add_one, "a", "b", name="before"),
            node(nodes.killed, "b", "c", name="victim"),
            node(nodes.add_one, "c", "d", name="after"),
        ]
    )
    started = time.monotonic()
    with pytest.raises(RunFailedError) as caught:
        ParallelRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"a": 1}))
    assert time.monotonic() - started < 20
    (failure,) = caught.value.failures
    assert failure.node_name == "victim"
    assert "'victim' ended with its process" in failure.message
    assert "killed" in failure.message
    assert caught.value.resume_from == ("before",)
    assert list(temp_folder.iterdir()) == []


def test_a_run_after_a_killed_one_works() -> None:
    with pytest.raises(RunFailedError):
        ParallelRunner(max_workers=1).run(_one_node(nodes.killed), DataCatalog(feed_dict={"x": 1}))
    assert ParallelRunner(max_workers=1).run(_one_node(), DataCatalog(feed_dict={"x": 1})) == {
        "y": 1
    }


@pytest.mark.timeout(60)
def test_a_worker_that_is_killed_while_it_logs_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    pipe = _one_node(nodes.killed_while_it_logs)
    with pytest.raises(RunFailedError, match="killed"):
        ParallelRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"x": 1}))


def _children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread or a process may end meanwhile
            for child in (task / "children").read_text().split():
                # multiprocessing keeps one helper process for all runs of a program.
                if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(child)
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("function", [nodes.identity, nodes.boom, nodes.killed])
def test_nothing_is_left_behind(function: Any, temp_folder: Path) -> None:
    processes, threads = _children(), set(threading.enumerate())
    pipe = pipeline([node(function, "x", f"y{n}", name=f"n{n}") for n in range(3)])
    try:
        ParallelRunner(max_workers=2).run(pipe, DataCatalog(feed_dict={"x": 1}))
    except RunFailedError:
        assert function is not nodes.identity
    assert _children() <= processes
    assert set(threading.enumerate()) <= threads
    assert list(temp_folder.iterdir()) == []


@pytest.mark.parametrize("runner", [ParallelRunner(1), HybridRunner(max_processes=1)])
@pytest.mark.parametrize("what", ["start", "end"])
def test_no_process_is_left_by_an_interrupt_while_it_starts_or_ends(
    what: str, runner: AbstractRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = _interrupt_once(monkeypatch, what)
    pipe = pipeline([node(nodes.identity, "x", "y", name="n", tags="processes")])
    with pytest.raises((KeyboardInterrupt, RunFailedError)):
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}))
    assert interrupted
    assert not multiprocessing.active_children()


def _interrupt_once(monkeypatch: pytest.MonkeyPatch, what: str) -> list[bool]:
    """Let an interrupt come when a worker has just started, or is waited for."""
    interrupted: list[bool] = []
    changed: Any = threading.Thread if what == "start" else BaseProcess
    called = "start" if what == "start" else "join"
    original = getattr(changed, called)

    def call(self: Any, *args: Any) -> None:
        if what == "start":
            original(self, *args)
        if self.name == "sparkpipe-worker" and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        if what == "end":
            original(self, *args)

    monkeypatch.setattr(changed, called, call)
    return interrupted


# What cannot cross


def test_an_output_that_cannot_be_pickled_is_told() -> None:
    pipe = pipeline(
        [
            node(nodes.unpicklable, "x", "y", name="maker"),
            node(nodes.identity, "y", "z", name="user"),
        ]
    )
    with pytest.raises(RunFailedError) as caught:
        ParallelRunner(max_workers=1).run(pipe, DataCatalog(feed_dict={"x": 1}))
    (failure,) = caught.value.failures
    assert failure.node_name == "maker"
    assert "could not save 'y'" in failure.message
    assert "cannot be passed to another process" in failure.message
    assert "ThreadRunner" in failure.message


def test_an_output_that_cannot_be_unpickled_is_told() -> None:
    told = r"'y' \(SharedMemoryDataSet\)[:,] .*cannot be unpickled: ValueError: it stays.*ThreadR"
    maker = node(nodes.one_way, "x", "y", name="maker")
    with pytest.raises(DataSetError, match=f"Could not load {told}"):
        ParallelRunner(max_workers=1).run(pipeline([maker]), DataCatalog(feed_dict={"x": 1}))
    user = node(nodes.identity, "y", "z", name="user")
    with pytest.raises(RunFailedError, match=f"Node 'user' could not load {told}"):
        ParallelRunner(max_workers=1).run(pipeline([maker, user]), DataCatalog(feed_dict={"x": 1}))


def test_a_lambda_as_node_is_refused_before_anything_runs(tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline(
        [
            node(nodes.identity, "x", "y", name="0_fine"),
            node(lambda y: y, "y", "z", name="1_lambda"),
        ]
    )
    with pytest.raises(PreflightError) as caught:
        ParallelRunner().run(pipe, DataCatalog(feed_dict={"x": 1}), create_hook_manager([log]))
    (problem,) = caught.value.problems
    assert "cannot pass node '1_lambda' to another process" in problem
    assert "function at the top of a module" in problem
    assert log.lines == []


def test_a_data_set_that_cannot_be_pickled_is_refused() -> None:
    catalog = DataCatalog({"x": LambdaDataSet(load=lambda: 1), "y": PickleDataSet("y.pkl")})
    (problem,) = _problems(_one_node(), catalog)
    assert "'x' (LambdaDataSet)" in problem
    assert "Use ThreadRunner" in problem


def test_data_in_memory_that_cannot_be_pickled_is_refused() -> None:
    catalog = DataCatalog({"x": MemoryDataSet((n for n in ()), copy_mode="assign")})
    (problem,) = _problems(_one_node(), catalog)
    assert "'x' (MemoryDataSet)" in problem


def _read_source() -> int:
    return 11


def test_a_lambda_data_set_of_functions_in_a_module_is_fine() -> None:
    catalog = DataCatalog({"x": LambdaDataSet(load=_read_source)})
    assert ParallelRunner(max_workers=1).run(_one_node(), catalog) == {"y": 11}


def test_data_sets_that_cannot_cross_are_not_judged_outside_the_pipeline() -> None:
    catalog = DataCatalog(
        {
            "elsewhere": LambdaDataSet(load=lambda: 1),
            "spark_table": DataCatalog.from_config(
                {"t": {"type": SPARK_TYPE, "filepath": "nowhere"}}
            )["t"],
        },
        feed_dict={"x": 1},
    )
    assert ParallelRunner(max_workers=1).run(_one_node(), catalog) == {"y": 1}


class HoldsALock:
    def __init__(self) -> None:
        self.lock = threading.Lock()

    @hook_impl
    def before_node_run(self) -> None: ...


def test_a_hook_that_cannot_be_pickled_is_refused_by_name() -> None:
    with pytest.raises(PreflightError) as caught:
        ParallelRunner(max_workers=1).run(
            _one_node(), DataCatalog(feed_dict={"x": 1}), create_hook_manager([HoldsALock()])
        )
    assert "HoldsALock" in str(caught.value)
    assert "ThreadRunner" in str(caught.value)


# Spark


def _spark_entries(tmp_path: Path) -> dict[str, dict[str, Any]]:
    (tmp_path / "parts").mkdir()
    inner = {"type": SPARK_TYPE, "file_format": "csv"}
    return {
        "plain": {"type": SPARK_TYPE, "filepath": str(tmp_path / "plain")},
        "delta": {"type": "spark.DeltaTableDataSet", "filepath": str(tmp_path / "delta")},
        "cached": {
            "type": "CachedDataSet",
            "dataset": {**inner, "filepath": str(tmp_path / "cached")},
        },
        "partitioned": {
            "type": "PartitionedDataSet",
            "path": str(tmp_path / "parts"),
            "dataset": inner,
        },
        "cached_twice": {
            "type": "CachedDataSet",
            "dataset": {
                "type": "CachedDataSet",
                "dataset": {**inner, "filepath": str(tmp_path / "twice")},
            },
        },
        "outside": {"type": SPARK_TYPE, "filepath": str(tmp_path / "outside")},
    }


def test_every_spark_data_set_of_the_run_is_named_before_anything_runs(tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    catalog = DataCatalog.from_config_lazily(_spark_entries(tmp_path))
    catalog.add_feed_dict({"x": 1})
    names = [name for name in catalog if name not in ("outside", "x")]
    pipe = pipeline(
        [
            node(nodes.identity, "x", "a_first", name="a_first"),
            *[node(nodes.identity, "x", name, name=f"make_{name}") for name in names],
        ]
    )
    with pytest.raises(PreflightError) as caught:
        ParallelRunner().run(pipe, catalog, create_hook_manager([log]))
    (problem,) = caught.value.problems
    assert all(f"'{name}' (" in problem for name in names)
    assert "outside" not in problem
    assert "sparkpipe run --runner=ThreadRunner" in problem
    assert log.lines == []


def test_wrapped_spark_data_sets_say_what_they_wrap(tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    wrapped = CachedDataSet({"type": SPARK_TYPE, "filepath": path})
    unwrapped = CachedDataSet({"type": "pickle.PickleDataSet", "filepath": path})
    assert (
        "'y' (CachedDataSet)"
        in _problems(_one_node(), DataCatalog({"y": wrapped}, feed_dict={"x": 1}))[0]
    )
    catalog = DataCatalog({"y": unwrapped}, feed_dict={"x": 1})
    assert ParallelRunner(max_workers=1).run(_one_node(), catalog) == {}
    assert unwrapped.load() == 1


def test_partitions_of_pickles_may_cross(tmp_path: Path) -> None:
    parts = PartitionedDataSet(str(tmp_path), "pickle.PickleDataSet", filename_suffix=".pkl")
    catalog = DataCatalog({"y": parts}, feed_dict={"x": {"a": 1, "b": 2}})
    assert ParallelRunner(max_workers=1).run(_one_node(), catalog) == {}
    assert {name: load() for name, load in parts.load().items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: [f], lambda f: {"t": (f, 1)}])
def test_a_spark_frame_in_memory_is_refused(spark: SparkSession, wrap: Any) -> None:
    catalog = DataCatalog(feed_dict={"x": wrap(spark.range(3))})
    (problem,) = _problems(_one_node(), catalog)
    assert "'x' (MemoryDataSet)" in problem
    assert "Use ThreadRunner" in problem


class HoldsSpark:
    """A hook, or anything else, with an attribute."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __call__(self, x: Any) -> Any:
        return x

    def method(self, x: Any) -> Any:
        return x

    @hook_impl
    def before_node_run(self) -> None: ...


@dataclass
class Holder:
    inner: Any


def _takes_two(x: Any, other: Any = None) -> Any:
    return x


def _with_closure(frame: Any) -> Any:
    def reads_it(x: Any) -> Any:
        return frame

    return reads_it


def _with_default(frame: Any) -> Any:
    def has_it(x: Any, frame: Any = frame) -> Any:
        return x

    return has_it


class _RemoteModel:
    """As a model that lies on a server: not all versions of pyspark have those."""


_RemoteModel.__module__, _RemoteModel.__name__ = "pyspark.ml.util", "RemoteModelRef"

SHARED: dict[str, Any] = {}


def reads_a_global(x: Any) -> Any:
    return SHARED["frame"]


def reads_a_global_by_another_function(x: Any) -> Any:
    return reads_a_global(x)


@pytest.mark.parametrize(
    ("function_of", "told"),
    [
        (_with_closure, "its closure holds the Spark DataFrame 'frame'"),
        (_with_default, "its default arguments hold the Spark DataFrame 'frame'"),
        (
            lambda f: partial(_takes_two, other=f),
            "its bound arguments hold the Spark DataFrame 'other'",
        ),
        (
            lambda f: partial(_takes_two, other=Holder([f])),
            "its bound arguments hold the Spark DataFrame 'other.inner[0]'",
        ),
        (
            lambda f: HoldsSpark(f).method,
            "its object holds the Spark DataFrame 'HoldsSpark.thing'",
        ),
        (
            lambda f: HoldsSpark(f.sparkSession),
            "it holds the Spark session 'thing'",
        ),
        pytest.param(
            lambda f: HoldsSpark(f.sparkSession.sparkContext),
            "it holds the SparkContext 'thing'",
            marks=pytest.mark.classic("there is no SparkContext"),
        ),
        pytest.param(
            lambda f: HoldsSpark(f.rdd),
            "it holds the RDD 'thing'",
            marks=pytest.mark.classic("there are no RDDs"),
        ),
        pytest.param(
            lambda f: HoldsSpark(f.sparkSession.sparkContext.broadcast([1])),
            "it holds the broadcast variable of Spark 'thing'",
            marks=pytest.mark.classic("there is no SparkContext"),
        ),
        pytest.param(
            lambda f: HoldsSpark(f.sparkSession.sparkContext.accumulator(0)),
            "it holds the accumulator of Spark 'thing'",
            marks=pytest.mark.classic("there is no SparkContext"),
        ),
        (
            lambda f: HoldsSpark(_RemoteModel()),
            "it holds the model of a Spark Connect server 'thing'",
        ),
    ],
)
def test_spark_in_a_function_is_refused_by_its_name(
    spark: SparkSession, function_of: Any, told: str
) -> None:
    (problem,) = _problems(
        _one_node(function_of(spark.range(3)), name="reader"), DataCatalog(feed_dict={"x": 1})
    )
    assert problem.startswith("ParallelRunner cannot pass node 'reader' to another process: ")
    assert told in problem
    assert "Use ThreadRunner, or HybridRunner" in problem


@pytest.mark.parametrize("function", [reads_a_global, reads_a_global_by_another_function])
def test_spark_in_a_variable_of_the_module_is_refused(
    spark: SparkSession, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHARED, "frame", spark.range(3))
    (problem,) = _problems(_one_node(function), DataCatalog(feed_dict={"x": 1}))
    assert "reads from its module the Spark DataFrame 'SHARED['frame']'" in problem


def test_spark_within_an_object_in_memory_is_refused(spark: SparkSession) -> None:
    memory = MemoryDataSet({"a": Holder((spark.range(3),))}, copy_mode="assign")
    (problem,) = _problems(_one_node(), DataCatalog({"x": memory}))
    assert "'x' (MemoryDataSet)" in problem
    assert "it holds the Spark DataFrame '['a'].inner[0]'" in problem


def test_spark_out_of_reach_of_the_search_is_met_when_pickled(spark: SparkSession) -> None:
    memory = MemoryDataSet([*map(Holder, range(30_000)), spark.range(3)], copy_mode="assign")
    (problem,) = _problems(_one_node(), DataCatalog({"x": memory}))
    assert "it holds a Spark DataFrame." in problem


def test_spark_in_the_functions_of_a_data_set_is_refused(spark: SparkSession) -> None:
    frame = spark.range(3)
    (problem,) = _problems(_one_node(), DataCatalog({"x": LambdaDataSet(load=lambda: frame)}))
    assert "'x' (LambdaDataSet)" in problem
    assert "closure of <lambda>() holds the Spark DataFrame 'frame'" in problem


def test_spark_in_a_hook_is_refused(spark: SparkSession) -> None:
    with pytest.raises(PreflightError, match=r"hook HoldsSpark .* the Spark session 'thing'"):
        ParallelRunner(max_workers=1).run(
            _one_node(), DataCatalog(feed_dict={"x": 1}), create_hook_manager([HoldsSpark(spark)])
        )


def test_a_cache_that_does_not_go_along_is_no_reason_to_refuse(spark: SparkSession) -> None:
    cached = CachedDataSet(LambdaDataSet(load=_read_source))
    cached._cache.save(spark.range(3))
    assert ParallelRunner(max_workers=1).run(_one_node(), DataCatalog({"x": cached})) == {"y": 11}


def test_a_fork_beside_a_running_spark_is_refused(spark: SparkSession) -> None:
    with pytest.raises(PreflightError, match="share the connection"):
        ParallelRunner(start_method="fork").run(_one_node(), DataCatalog(feed_dict={"x": 1}))


# Every way to start processes, where there is no Spark

_IN_WORKERS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import hybrid_nodes, runner_nodes as nodes
from sparkpipe.errors import RunFailedError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ParallelRunner

if __name__ == "__main__":
    runner = ParallelRunner(max_workers=1, start_method=sys.argv[2])
    log = nodes.LogOfCalls(__import__("pathlib").Path(sys.argv[3]))
    catalog = DataCatalog(feed_dict={"x": 1})
    hooks = create_hook_manager([nodes.ReplaceInput(), log])
    print(runner.run(pipeline([node(nodes.identity, "x", "y", name="n")]), catalog, hooks))
    try:
        runner.run(pipeline([node(hybrid_nodes.asks_for_spark, "x", "y", name="asks")]), catalog)
    except RunFailedError as error:
        print(error.failures[0].message)
    print("pyspark" in sys.modules)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_hooks_fire_in_workers_and_spark_does_not_start_there(method: str, tmp_path: Path) -> None:
    script, log = tmp_path / "script.py", tmp_path / "log"
    script.write_text(_IN_WORKERS)
    done = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parent), method, str(log)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[0] == "{'y': 41}", done.stderr
    assert "Node 'asks' failed" in done.stdout
    assert "this node runs in a worker process" in done.stdout
    assert "HybridRunner" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
    told = log.read_text().splitlines()
    run_id = told[2].split()[-1]  # made for the run, which was given none
    assert run_id.endswith("Z")
    assert told == [
        "n before load x",
        "n after load x 1",
        f"n before run [('x', 1)] {run_id}",
        "n after run [('y', 41)]",
        "n before save y 41",
        "n after save y 41",
    ]


@pytest.mark.parametrize("runner", [ParallelRunner, HybridRunner])
def test_data_that_stays_in_another_process_is_told(
    runner: type[AbstractRunner], caplog: pytest.LogCaptureFixture
) -> None:
    data_sets = {"y": nodes.InItself(), "z": nodes.InItself("remote.txt")}
    catalog = DataCatalog(data_sets, {"x": [1]})
    both = pipeline([node(nodes.identity, "x", name, name=name) for name in ("y", "z")])
    runner().run(both, catalog)
    told = [record.getMessage() for record in caplog.records if "keeps in memory" in record.msg]
    assert len(told) == 1  # what tells a place of its own is believed
    assert "'y' (InItself) keeps in memory what it saves" in told[0]
    assert "_EPHEMERAL = True" in told[0]
