"""What happens to one node: load its inputs, call its function, save its outputs."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, NodeRunError, first_line
from sparkpipe.events import NodeReport, current_observers
from sparkpipe.io.core import is_spark_frame, reason_of
from sparkpipe.io.declared import is_memory_only
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.failure import node_failure
from sparkpipe.spark.failures.judging import NodeStopped, may_pass
from sparkpipe.spark.jobs.run import NodeJobs, SparkRun, current_run

if TYPE_CHECKING:
    from pluggy import PluginManager

    from sparkpipe.io import DataCatalog

_logger = logging.getLogger(__name__)

_LONGEST_DELAY_SECONDS = 60.0


def run_node(
    node: Node,
    catalog: DataCatalog,
    hook_manager: PluginManager | None = None,
    is_async: bool = False,
    session_id: str | None = None,
) -> Node:
    """Run one node; arguments and errors are those of :func:`perform`.

    Returns:
        The node.
    """
    perform(node, catalog, hook_manager, is_async, session_id)
    return node


def perform(
    node: Node,
    catalog: DataCatalog,
    hook_manager: PluginManager | None = None,
    is_async: bool = False,
    session_id: str | None = None,
) -> NodeReport:
    """Run one node; again if it has retries and its failure may pass.

    Args:
        node: The node.
        catalog: Where its data is.
        hook_manager: Its hooks are called around each step.
        is_async: Load the inputs side by side, and save the outputs side by side.
        session_id: The run, for hooks.

    Returns:
        Where its time went.

    Raises:
        NodeRunError: Loading, calling or saving failed; the reason is chained to it.
        NodeTimeoutError: It took longer than its timeout.
        NodeCancelledError: It was cancelled.
    """
    hook = hook_manager.hook if hook_manager is not None and hook_manager.get_plugins() else None
    run = current_run()
    started = time.time()
    attempt = 1
    while True:
        task = _Task(node, catalog, hook, is_async, session_id, run)
        try:
            task.run()
        except NodeRunError as failure:
            if attempt > node.retries or not may_pass(failure):
                raise
            _wait_to_retry(node, failure, attempt, run)
            attempt += 1
        else:
            return task.report(started, attempt)


def _wait_to_retry(node: Node, failure: NodeRunError, attempt: int, run: SparkRun | None) -> None:
    """Wait twice as long before each further attempt; raise the failure if the run has ended."""
    delay = min(node.retry_delay * 2 ** (attempt - 1), _LONGEST_DELAY_SECONDS)
    _logger.warning(
        "%s\nTrying again in %g s (attempt %d of %d).",
        failure.message,
        delay,
        attempt + 1,
        node.retries + 1,
    )
    if run is None:
        time.sleep(delay)
    elif run.is_cancelled.wait(delay):
        raise failure


class _Task:
    """One attempt at a node."""

    def __init__(
        self,
        node: Node,
        catalog: DataCatalog,
        hook: Any,
        is_async: bool,
        session_id: str | None,
        run: SparkRun | None,
    ) -> None:
        self._node = node
        self._catalog = catalog
        self._hook = hook
        self._is_async = is_async
        self._run = run
        self._context = {
            "node": node,
            "catalog": catalog,
            "is_async": is_async,
            "session_id": session_id,
        }
        self._jobs: NodeJobs | None = None
        self._is_loaded = False
        self._started = time.time()
        self._timed_out = threading.Event() if node.timeout is not None else None
        self._lazy_outputs: dict[str, None] = {}
        self._spark_seconds: float | None = None
        self.load_seconds = self.function_seconds = self.save_seconds = 0.0

    def report(self, started: float, attempts: int) -> NodeReport:
        """Tell how the node went."""
        return NodeReport(
            self._node.name,
            "done",
            started,
            time.time(),
            self.load_seconds,
            self.function_seconds,
            self.save_seconds,
            self._spark_seconds,
            tuple(self._lazy_outputs),
            attempts,
        )

    def run(self) -> None:
        """Load, call, save; one attempt.

        Raises:
            NodeRunError: A step failed.
        """
        node, run = self._node, self._run
        try:
            if run is None:
                with self._within_timeout():
                    self._steps(_no_description)
                return
            with run.node(node.name, node.pool) as self._jobs, self._within_timeout():
                with self._jobs.on_thread() as carrier:
                    self._steps(carrier.tell)
                if current_observers():  # to ask takes a few calls of the JVM
                    self._spark_seconds = run.progress.spark_seconds(
                        self._jobs.names.group, since=self._started
                    )
        except (Exception, SystemExit) as exc:
            raise node_failure(
                node,
                exc,
                is_loaded=self._is_loaded,
                was_cancelled=self._jobs is not None and self._jobs.cancel_requested,
                timed_out=self._is_over_time,
            ) from exc

    def _steps(self, describe: Callable[[str], None]) -> None:
        node, hook = self._node, self._hook
        clock = time.perf_counter
        started = clock()
        inputs = self._load_inputs(describe)
        loaded = clock()
        self.load_seconds = loaded - started
        self._is_loaded = True
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("Running node: %s", node)
        if hook is not None:
            for replaced in hook.before_node_run(inputs=inputs, **self._context):
                inputs.update(_checked_replacement(replaced))
        self._check()
        for outputs in self._calls(inputs, describe):
            called = clock()
            self.function_seconds += called - loaded
            self._save_outputs(outputs, describe)
            loaded = clock()
            self.save_seconds += loaded - called
        if self._is_over_time:  # also where the last step could not be interrupted, and has ended
            raise NodeStopped
        for name in node.confirms:
            self._catalog.confirm(name)

    def _check(self) -> None:
        if self._is_over_time or (self._jobs is not None and self._jobs.is_stopped):
            raise NodeStopped

    @property
    def _is_over_time(self) -> bool:
        return self._timed_out is not None and self._timed_out.is_set()

    def _within_timeout(self) -> AbstractContextManager[None]:
        timed_out, timeout = self._timed_out, self._node.timeout
        if timed_out is None or timeout is None:
            return nullcontext()
        return self._timer(timed_out, timeout)

    @contextmanager
    def _timer(self, timed_out: threading.Event, timeout: float) -> Iterator[None]:
        jobs = self._jobs

        def stop() -> None:
            timed_out.set()
            _logger.warning("Node '%s' is over its timeout of %g s.", self._node.name, timeout)
            if jobs is not None:
                jobs.cancel_until_ended()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _calls(
        self, inputs: dict[str, Any], describe: Callable[[str], None]
    ) -> Iterator[dict[str, Any]]:
        """Call the function and give its outputs: once, or chunk by chunk of a generator's."""
        node = self._node
        describe("")
        outputs: dict[str, Any] = {}
        try:
            result = node.call(inputs)
            if not (isinstance(result, GeneratorType) and node.output_names):
                outputs = node.bind_outputs(result)
        except (Exception, SystemExit) as exc:
            self._tell_node_error(exc, inputs)
            raise
        if not isinstance(result, GeneratorType) or not node.output_names:
            if self._hook is not None:
                self._hook.after_node_run(inputs=inputs, outputs=outputs, **self._context)
            yield outputs
            return
        while True:
            describe("")
            try:
                chunk = next(result)
                outputs = node.bind_outputs(chunk)
            except StopIteration:
                break
            except (Exception, SystemExit) as exc:
                self._tell_node_error(exc, inputs)
                raise
            yield outputs
        if self._hook is not None:
            self._hook.after_node_run(inputs=inputs, outputs=outputs, **self._context)

    def _tell_node_error(self, exc: BaseException, inputs: dict[str, Any]) -> None:
        if self._hook is None:
            return
        try:
            self._hook.on_node_error(error=exc, inputs=inputs, **self._context)
        except Exception as broken:  # must not hide why the node failed
            _logger.error("The hook 'on_node_error' failed: %s", first_line(reason_of(broken)))

    def _tell_dataset_error(self, exc: Exception, name: str, operation: str) -> None:
        if self._hook is None:
            return
        try:
            self._hook.on_dataset_error(
                error=exc, dataset_name=name, operation=operation, **self._context
            )
        except Exception as broken:  # must not hide why the data set failed
            _logger.error("The hook 'on_dataset_error' failed: %s", first_line(reason_of(broken)))

    def _load_inputs(self, describe: Callable[[str], None]) -> dict[str, Any]:
        names = self._node.input_names
        if self._is_async and len(names) > 1:
            calls = [(f"load {name}", partial(self._load, name)) for name in names]
            return dict(zip(names, self._side_by_side(calls), strict=True))
        inputs = {}
        for name in names:
            describe(f"load {name}")
            inputs[name] = self._load(name)
        return inputs

    def _load(self, name: str) -> Any:
        hook = self._hook
        if hook is not None:
            hook.before_dataset_loaded(dataset_name=name, node=self._node)
        try:
            data = self._catalog.load(name)
        except Exception as exc:
            self._tell_dataset_error(exc, name, "load")
            raise
        if self._run is not None and self._is_frame_in_memory(name, data):
            data = self._share(name, data, self._run)
        if hook is not None:
            hook.after_dataset_loaded(dataset_name=name, data=data, node=self._node)
        return data

    def _save_outputs(self, outputs: dict[str, Any], describe: Callable[[str], None]) -> None:
        if self._is_async and len(outputs) > 1:
            self._check()
            self._side_by_side(
                [(f"save {name}", partial(self._save, name, outputs[name])) for name in outputs]
            )
            return
        for name, data in outputs.items():
            self._check()
            describe(f"save {name}")
            self._save(name, data)

    def _save(self, name: str, data: Any) -> None:
        hook = self._hook
        if hook is not None:
            hook.before_dataset_saved(dataset_name=name, data=data, node=self._node)
        try:
            self._catalog.save(name, data)
            if self._is_frame_in_memory(name, data):
                if self._run is not None:
                    self._share(name, data, self._run)
                if self._run is None or not self._run.frames.is_computed(name):
                    self._lazy_outputs[name] = None
        except Exception as exc:
            self._tell_dataset_error(exc, name, "save")
            raise
        if hook is not None:
            hook.after_dataset_saved(dataset_name=name, data=data, node=self._node)

    def _share(self, name: str, frame: Any, run: SparkRun) -> Any:
        """Return what a node is to have for a frame, which is persisted if several read it."""
        return run.share(name, frame, getattr(self._catalog[name], "persist", None))

    def _is_frame_in_memory(self, name: str, data: Any) -> bool:
        return is_spark_frame(data) and is_memory_only(self._catalog[name])

    def _side_by_side(self, steps: Sequence[tuple[str, Callable[[], Any]]]) -> list[Any]:
        """Take steps in threads of their own, wait for all, and return their results in order."""
        from concurrent.futures import ThreadPoolExecutor

        jobs = self._jobs

        def take(step: str, call: Callable[[], Any]) -> Any:
            with nullcontext() if jobs is None else jobs.on_thread(step):
                return call()

        with ThreadPoolExecutor(len(steps), thread_name_prefix="sparkpipe-io") as executor:
            # What a run carries in context variables holds in its threads too.
            futures = [
                executor.submit(contextvars.copy_context().run, take, step, call)
                for step, call in steps
            ]
        errors = [error for future in futures if (error := future.exception()) is not None]
        if len(errors) > 1:
            raise DataSetError("; ".join(reason_of(error) for error in errors)) from errors[0]
        return [future.result() for future in futures]


def _no_description(step: str) -> None:
    """Where there is no Spark, there are no jobs to describe."""


def _checked_replacement(replaced: Any) -> dict[str, Any]:
    if not isinstance(replaced, dict):
        raise TypeError(
            "'before_node_run' must return None or a dictionary of inputs to replace, "
            f"not {type(replaced).__name__}"
        )
    return replaced
