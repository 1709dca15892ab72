"""Nodes side by side in processes: for pure Python work that keeps a core busy."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import ConfigError, DataSetError, NodeRunError, PreflightError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.core import holds_spark, is_single_process
from sparkpipe.io.files import replacing
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.plan import make_plan
from sparkpipe.runner.loop import Done, run_plan
from sparkpipe.runner.runner import AbstractRunner
from sparkpipe.runner.task import run_node
from sparkpipe.runner.thread_runner import checked_max_workers

if TYPE_CHECKING:
    from pluggy import PluginManager

_START_METHODS = ("spawn", "forkserver", "fork")
# Windows waits for at most 63 handles, two of which the executor needs.
_MOST_WORKERS_ON_WINDOWS = 61


class ParallelRunner(AbstractRunner):
    """Runs nodes side by side in processes. Data between nodes passes through temporary files.

    Refuses before anything runs whatever cannot cross to another process, every Spark data set
    first: for those there is ThreadRunner.

    Args:
        max_workers: How many processes; by default one for each core.
        is_async: Load the inputs of a node side by side, and save its outputs side by side.
        start_method: ``spawn``, ``forkserver`` or ``fork``. A forked process would share the
            connection to a running Spark, so ``fork`` is for programs without Spark.

    Raises:
        ConfigError: An argument is not possible.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        is_async: bool = False,
        start_method: str = "spawn",
    ) -> None:
        super().__init__(is_async=is_async)
        most = checked_max_workers(max_workers) or os.cpu_count() or 1
        self._max_workers = min(most, _MOST_WORKERS_ON_WINDOWS) if sys.platform == "win32" else most
        if start_method not in _START_METHODS:
            raise ConfigError(
                f"start_method '{start_method}' is not known.",
                hint=f"It is one of {', '.join(_START_METHODS)}.",
            )
        self._start_method = start_method

    def problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Return what keeps the pipeline from running; nothing outside the pipeline is judged."""
        problems = super().problems(pipeline, catalog)
        spark: list[str] = []
        for name in sorted(pipeline.data_sets()):
            try:
                data_set = catalog._get_dataset(name) if name in catalog else None
            except DataSetError:
                continue  # told already
            if data_set is None:
                continue
            if is_single_process(data_set) or holds_spark(getattr(data_set, "_data", None)):
                spark.append(f"'{name}' ({type(data_set).__name__})")
            elif reason := _why_unpicklable(data_set):
                problems.append(
                    f"ParallelRunner cannot pass the data set '{name}' ({type(data_set).__name__}) "
                    f"to another process: {reason}. Use ThreadRunner."
                )
        if spark:
            problems.append(
                f"ParallelRunner runs in processes, and Spark lives in one: {', '.join(spark)}. "
                "Use ThreadRunner: sparkpipe run --runner=ThreadRunner"
            )
        for node in pipeline.nodes:
            if reason := _why_unfindable(node) or _why_unpicklable(node):
                problems.append(
                    f"ParallelRunner cannot pass node '{node.name}' to another process: {reason}. "
                    "Use a function at the top of a module, or ThreadRunner."
                )
        return problems

    def _run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: PluginManager | None = None,
        session_id: str | None = None,
    ) -> None:
        plan = make_plan(pipeline)
        slots = max(1, min(self._max_workers, len(plan.nodes)))
        plugins = _checked_plugins(hook_manager)
        method = multiprocessing.get_context(self._start_method)
        with tempfile.TemporaryDirectory(prefix="sparkpipe-") as folder:
            shared = _share_memory(pipeline, catalog, Path(folder))
            logs = _WorkerLogs(method) if logging.getLogger("sparkpipe").hasHandlers() else None
            payload = pickle.dumps((shared, plugins, self._is_async, session_id))
            with (
                logs or nullcontext(),
                ProcessPoolExecutor(
                    slots,
                    mp_context=method,
                    initializer=_set_up_worker,
                    initargs=(payload, logs.arguments if logs else None),
                ) as executor,
            ):
                run_plan(plan, shared, _Processes(executor, slots), self._logger)
            for name in sorted(pipeline.outputs()):
                target = catalog._get_dataset(name)
                source = shared._get_dataset(name)
                if source is not target and source.exists():
                    target.save(source.load())


def _checked_plugins(hook_manager: PluginManager | None) -> tuple[Any, ...]:
    """Return the hooks in the order of their calls; refuse those that cannot go to a worker."""
    if hook_manager is None:
        return ()
    registered = [plugin for _, plugin in hook_manager.list_name_plugin() if plugin is not None]
    problems = [
        f"ParallelRunner cannot pass the hook {type(plugin).__name__} to another process: "
        f"{reason}. Use ThreadRunner."
        for plugin in registered
        if (reason := _why_unpicklable(plugin))
    ]
    if problems:
        raise PreflightError(problems)
    # What is registered last is called first.
    return tuple(reversed(registered))


def _share_memory(pipeline: Pipeline, catalog: DataCatalog, folder: Path) -> DataCatalog:
    """Return the catalog of the run, in which data in memory lies in files that processes share."""
    data_sets: dict[str, Any] = {}
    for number, name in enumerate(sorted(pipeline.data_sets())):
        data_set = catalog._get_dataset(name)
        if isinstance(data_set, MemoryDataSet):
            shared = _SharedDataSet(folder / f"{number}.pickle")
            if data_set.exists():
                shared.put(data_set.load())
            data_set = shared
        data_sets[name] = data_set
    return DataCatalog(data_sets)


class _SharedDataSet(AbstractDataSet):
    """Data of a run that more than one process uses, pickled in the run's own folder."""

    _EPHEMERAL = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, data: Any) -> None:
        """Save; unlike what a node returns, a parameter may be None."""
        self._save(data)

    def _load(self) -> Any:
        if not self._path.exists():
            raise DataSetError("nothing has been saved to it yet.")
        with self._path.open("rb") as file:
            return pickle.load(file)

    def _save(self, data: Any) -> None:
        if holds_spark(data):
            raise DataSetError(
                "a Spark DataFrame or session cannot leave its process.", hint="Use ThreadRunner."
            )
        with replacing(self._path) as beside, open(beside, "wb") as file:
            try:
                pickle.dump(data, file, protocol=pickle.HIGHEST_PROTOCOL)
            except Exception as exc:
                raise DataSetError(
                    f"a {type(data).__name__} cannot be passed to another process: {exc}",
                    hint="Return something that can be pickled, or use ThreadRunner.",
                ) from exc

    def _exists(self) -> bool:
        return self._path.exists()

    def _release(self) -> None:
        self._path.unlink(missing_ok=True)

    def _describe(self) -> dict[str, Any]:
        return {}


class _Processes:
    def __init__(self, executor: ProcessPoolExecutor, slots: int) -> None:
        self.slots = slots
        self._executor = executor

    def start(self, node: Node, done: Done) -> None:
        def ended(future: Future[None]) -> None:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                error = NodeRunError(
                    f"Node '{node.name}' ended with its process, which was killed, ran out of "
                    "memory, or could not start.",
                    node.name,
                )
            done(error)

        try:
            self._executor.submit(_work, node).add_done_callback(ended)
        except BrokenProcessPool as error:
            done(NodeRunError(f"Node '{node.name}' could not start: {error}", node.name))


# The worker's side. An executor gives its initializer no other place to leave what it has set up.
_worker: tuple[DataCatalog, PluginManager, bool, str | None] | None = None


def _set_up_worker(payload: bytes, logs: tuple[Any, int] | None) -> None:
    global _worker
    # Ctrl-C reaches every process of the terminal; only the parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if logs is not None:
        queue, level = logs
        root = logging.getLogger()
        root.handlers[:] = [QueueHandler(queue)]
        root.setLevel(level)
    catalog, plugins, is_async, session_id = pickle.loads(payload)
    _worker = (catalog, create_hook_manager(plugins), is_async, session_id)


def _work(node: Node) -> None:
    assert _worker is not None
    run_node(node, *_worker)


class _WorkerLogs:
    """Brings what workers log to the handlers of the parent."""

    def __init__(self, method: Any) -> None:
        queue = method.Queue()
        level = logging.getLogger("sparkpipe").getEffectiveLevel()
        self.arguments = (queue, level)
        self._queue = queue
        self._listener = _ToLoggers(queue)

    def __enter__(self) -> _WorkerLogs:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        # The queue has a thread of its own, which would else live until it is collected.
        self._queue.close()
        self._queue.join_thread()


class _ToLoggers(QueueListener):
    def handle(self, record: logging.LogRecord) -> None:
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


class _Nowhere:
    """A file for pickling that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def _why_unpicklable(thing: Any) -> str:
    try:
        pickle.Pickler(_Nowhere(), pickle.HIGHEST_PROTOCOL).dump(thing)
    except Exception as exc:  # pickling raises whatever an object's own methods raise
        return f"it cannot be pickled ({exc})"
    return ""


def _why_unfindable(node: Node) -> str:
    """Another process finds a function by importing its module, so it must be at the top of one."""
    module = getattr(node.func, "__module__", None)
    name = str(getattr(node.func, "__qualname__", ""))
    if "<lambda>" in name or "<locals>" in name:
        return f"its function {name} is a lambda or defined inside another one"
    if module == "__main__" and not hasattr(sys.modules["__main__"], "__file__"):
        return "its function was defined at a prompt or in a notebook"
    return ""
