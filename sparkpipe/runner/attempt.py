"""One attempt at a node: load its inputs, call its function, save its outputs."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from functools import partial
from types import GeneratorType, NoneType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sparkpipe.errors import NodeRunError, SeveralDataSetErrors, first_line
from sparkpipe.events import observing_only
from sparkpipe.io.core import reason_of
from sparkpipe.io.declared import is_memory_only, unwrapped
from sparkpipe.io.entries import secrets_of
from sparkpipe.io.messages import as_shown, describe_data_set
from sparkpipe.io.working import working_for
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.account import Account
from sparkpipe.runner.failure import node_failure
from sparkpipe.runner.progress import Held, Progress
from sparkpipe.spark.failures import NodeStopped
from sparkpipe.spark.jobs.values import may_there_be_frames

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sparkpipe.io import DataCatalog
    from sparkpipe.runner.chunks import Chunks
    from sparkpipe.spark.jobs.done import SparkWork
    from sparkpipe.spark.jobs.run import NodeJobs, SparkRun

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_R = TypeVar("_R")

#: The steps of a node, as positions among its times.
LOAD, FUNCTION, SAVE = range(3)

# Entered for each node: it keeps nothing, so one will do.
_NOTHING = nullcontext()


class Attempt:
    """One attempt at a node."""

    def __init__(
        self,
        node: Node,
        catalog: DataCatalog,
        hook: Any,
        is_async: bool,
        run_id: str,
        run: SparkRun | None,
        times: list[float],
        is_watched: bool,
        is_traced: bool = False,
        progress: Progress | None = None,
        seconds_left: float | None = None,
    ) -> None:
        self._progress = progress
        self._seconds_left = seconds_left
        self._until = 0.0 if seconds_left is None else time.monotonic() + seconds_left
        # Hooks may put another function into it, which must not outlive the attempt.
        self._node = node = node if hook is None else node.of_attempt()
        self._catalog = catalog
        self._hook = hook
        self._is_async = is_async
        self._run = run
        self._run_id = run_id
        if hook is not None:
            self._context = {
                "node": node,
                "catalog": catalog,
                "is_async": is_async,
                "session_id": run_id or None,  # what Kedro calls it
            }
        self._jobs: NodeJobs | None = None
        self._is_loaded = False
        self._chunks: Chunks | None = None if progress is None else progress.chunks
        self._timed_out = threading.Event() if node.timeout is not None else None
        self._times = times
        self._step = LOAD
        self._since = 0.0
        #: What it tells of its loads and saves; None where nobody watches.
        self.account = self._open_account(is_traced) if is_watched else None

    def _open_account(self, is_traced: bool) -> Account:
        progress = self._progress
        if progress is not None and progress.has_saved and progress.account is not None:
            progress.account.go_on()
            return progress.account
        account = Account(self._node, self._catalog, self._run, is_traced=is_traced)
        if progress is not None:
            progress.account = account
        return account

    def spark_work(self, since: float) -> SparkWork:
        """Return what Spark has done for the node, in all its attempts, as far as it is known."""
        if self._run is None or self._jobs is None:
            from sparkpipe.spark.jobs.done import NO_WORK

            return NO_WORK
        return self._run.progress.work(self._jobs.names.group, since=since)

    def make(self) -> NodeRunError | None:
        """Load, call, save; return why that failed, or None."""
        node, run = self._node, self._run
        self._since = time.perf_counter()
        work = working_for(self._run_id, node.name, self._catalog)
        try:
            with work, _NOTHING if self.account is None else observing_only():
                if run is None:
                    with self._within_timeout():
                        self._take_steps(_no_description)
                    return None
                with (
                    run.node(node.name, node.pool) as self._jobs,
                    self._within_timeout(),
                    self._jobs.on_thread() as carrier,
                ):
                    self._take_steps(carrier.tell)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # such as asyncio's CancelledError, or sys.exit
            failure = node_failure(
                node,
                exc,
                is_loaded=self._is_loaded,
                was_cancelled=self._jobs is not None
                and (self._jobs.cancel_requested or self._jobs.is_stopped),
                timed_out=self._is_over_time,
                secrets=secrets_of(self._catalog),
            )
            failure.__cause__ = exc
            return failure
        finally:
            self._turn_to(LOAD)
        return None

    def _turn_to(self, step: int) -> None:
        """Count the time since the last turn for the step that was taken then."""
        if self.account is None:  # nobody is told
            return
        now = time.perf_counter()
        self._times[self._step] += now - self._since
        self._step, self._since = step, now

    def _take_steps(self, describe: Callable[[str], None]) -> None:
        progress = self._progress
        if progress is None:
            for outputs in self._results(describe):
                self._turn_to(SAVE)
                self._save_outputs(outputs, describe)
                self._turn_to(FUNCTION)
        else:
            if not progress.has_saved:
                progress.left = deque(dict(outputs) for outputs in self._results(describe))
            while progress.left:
                self._turn_to(SAVE)
                self._save_outputs(dict(progress.left[0]), describe)
                progress.left.popleft()
        if self._is_over_time:  # also where the last step could not be interrupted, and has ended
            raise NodeStopped
        if self._chunks is not None:
            if self.account is None:
                self._chunks.end()
            else:
                self.account.gather_checks(self._chunks.end)
        for name in self._node.confirms:
            self._catalog.confirm(name)

    def _results(self, describe: Callable[[str], None]) -> Iterable[dict[str, Any]]:
        """Load, call, and give what is to be saved."""
        node, hook = self._node, self._hook
        inputs = self._load_inputs(describe)
        self._is_loaded = True
        self._turn_to(FUNCTION)
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("Running node: %s", node)
        if self._run is not None and self._run.is_ending:
            raise NodeStopped  # what it would save nobody would read in this run
        if hook is not None:
            from sparkpipe.hooks import checked_replacement

            for replaced in hook.before_node_run(inputs=inputs, **self._context):
                inputs.update(checked_replacement(replaced, node.input_names))
        if self.account is not None:
            self.account.note_inputs(inputs)
        self._check()
        return self._call(inputs, describe)

    def _check(self) -> None:
        if (self._jobs is not None and self._jobs.is_stopped) or self._is_over_time:
            raise NodeStopped

    @property
    def _is_over_time(self) -> bool:
        if self._timed_out is None:
            return False
        # The timer's thread may be late.
        return self._timed_out.is_set() or time.monotonic() > self._until

    def _within_timeout(self) -> AbstractContextManager[None]:
        timed_out, timeout = self._timed_out, self._seconds_left
        if timed_out is None or timeout is None:
            return _NOTHING
        return self._timer(timed_out, timeout)

    @contextmanager
    def _timer(self, timed_out: threading.Event, timeout: float) -> Iterator[None]:
        jobs = self._jobs

        def stop() -> None:
            timed_out.set()
            name, given = self._node.name, self._node.timeout
            with suppress(Exception):  # a handler of the user's must not keep the jobs alive
                _logger.warning("Node '%s' is over its timeout of %g s.", name, given)
            if jobs is not None:
                jobs.is_stopped = True
                jobs.cancel_until_ended()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _call(
        self, inputs: dict[str, Any], describe: Callable[[str], None]
    ) -> Iterable[dict[str, Any]]:
        """Call the function and give its outputs: once, or chunk by chunk of a generator's."""
        node = self._node
        describe("")
        outputs: dict[str, Any] = {}
        try:
            result = _called_here(node, node.call, inputs)
            if type(result) is not GeneratorType:
                outputs = node.bind_outputs(result)
        except BaseException as exc:
            self._tell_node_error(exc, inputs)
            raise
        if type(result) is GeneratorType:
            return self._give_chunks(result, inputs, describe)
        if self._hook is not None:
            self._hook.after_node_run(inputs=inputs, outputs=outputs, **self._context)
        return (outputs,)

    def _give_chunks(
        self, generator: Generator[Any], inputs: dict[str, Any], describe: Callable[[str], None]
    ) -> Iterator[dict[str, Any]]:
        """Run a generator to its end, and give what is to be saved: chunk by chunk, or then."""
        from sparkpipe.runner.chunks import Chunks

        node = self._node
        self._chunks = chunks = Chunks(node, self._catalog)
        if self._progress is not None:
            self._progress.chunks = chunks
        outputs: dict[str, Any] = {}
        with closing(generator):
            while True:
                describe("")
                self._check()
                try:
                    chunk = _called_here(node, next, generator)
                    # Without outputs, what it gives is of no use to anybody.
                    outputs = node.bind_outputs(chunk) if node.output_names else {}
                    at_once = chunks.take(outputs)
                except StopIteration as end:
                    chunks.check_returned(end.value)
                    break
                except BaseException as exc:
                    self._tell_node_error(exc, inputs)
                    raise
                if at_once:
                    yield at_once
        if self._hook is not None:
            self._hook.after_node_run(inputs=inputs, outputs=outputs, **self._context)
        yield from chunks.rest()

    def _tell_node_error(self, exc: BaseException, inputs: dict[str, Any]) -> None:
        if self._hook is None or isinstance(exc, KeyboardInterrupt):
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
            if self.account is None:
                data = self._catalog.load(name)
            else:
                data = self.account.take("load", name, partial(self._catalog.load, name))
        except Exception as exc:
            self._tell_dataset_error(exc, name, "load")
            raise
        if data is None:
            self._tell_nothing(name)
        if may_there_be_frames() and is_memory_only(self._catalog[name]):
            if self._run is not None:
                data = self._run.share(name, data, self._persist(name))
            if self.account is not None:
                self.account.tell_lazy("load", name, data)
        if hook is not None:
            hook.after_dataset_loaded(dataset_name=name, data=data, node=self._node)
        return data

    def _tell_nothing(self, name: str) -> None:
        """Tell of a data set of others that gives None where there is nothing to load yet."""
        data_set = unwrapped(self._catalog[name])
        if not is_memory_only(data_set) and not type(data_set).__module__.startswith("sparkpipe."):
            told = describe_data_set(data_set)
            _logger.warning("'%s' (%s) gave None: is there nothing to load yet?", name, told)

    def _save_outputs(self, outputs: dict[str, Any], describe: Callable[[str], None]) -> None:
        run = self._run
        if self.account is not None:  # before a frame is cut off from what it was made of
            self.account.trace_origins(outputs)
        if run is not None and may_there_be_frames():  # before any of them is saved
            outputs = {n: run.cut_off(n, data, self._persist(n)) for n, data in outputs.items()}
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
        hook, progress = self._hook, self._progress
        if type(data) is Held:
            data = data.get()
        if hook is not None:
            hook.before_dataset_saved(dataset_name=name, data=data, node=self._node)
        if progress is not None:
            progress.about_to_save(name, self._catalog[name])
        try:
            if self.account is None:
                self._catalog.save(name, data)
            else:
                self.account.take("save", name, partial(self._catalog.save, name, data), data)
            if may_there_be_frames():
                self._keep(name, data)
        except Exception as exc:
            if progress is not None:
                progress.could_not_save(name, self._catalog[name], data)
            self._tell_dataset_error(exc, name, "save")
            raise
        if progress is not None:
            progress.note_saved(name)
        if hook is not None:
            hook.after_dataset_saved(dataset_name=name, data=data, node=self._node)

    def _keep(self, name: str, data: Any) -> None:
        """Let what stays in memory keep the frames that it reads."""
        data_set, run = self._catalog[name], self._run
        in_memory = is_memory_only(data_set)
        if run is not None:
            if in_memory:
                run.share(name, data, self._persist(name))
            if in_memory or unwrapped(data_set) is not as_shown(data_set):  # a cache keeps it
                run.pass_on(self._node.input_names, name, data)
        if in_memory and self.account is not None:
            self.account.tell_lazy("save", name, data)

    def _persist(self, name: str) -> bool | str | None:
        """Return what the catalog says of persisting frames."""
        persist: bool | str | None = getattr(self._catalog[name], "persist", None)
        return persist

    def _side_by_side(self, steps: Sequence[tuple[str, Callable[[], Any]]]) -> list[Any]:
        """Take steps in threads of their own, wait for all, and return their results in order."""
        from concurrent.futures import ThreadPoolExecutor, wait

        jobs = self._jobs

        def take(step: str, call: Callable[[], Any]) -> Any:
            with nullcontext() if jobs is None else jobs.on_thread(step):
                return call()

        executor = ThreadPoolExecutor(len(steps), thread_name_prefix="sparkpipe-io")
        # What a run carries in context variables holds in its threads too.
        futures = [
            executor.submit(contextvars.copy_context().run, take, step, call)
            for step, call in steps
        ]
        try:
            wait(futures)
        except KeyboardInterrupt:
            self._wait_for_threads(executor)
            raise
        executor.shutdown()
        errors = [error for future in futures if (error := future.exception()) is not None]
        if len(errors) > 1:
            told = "; ".join(reason_of(error) for error in errors)
            raise SeveralDataSetErrors(told, errors) from errors[0]
        return [future.result() for future in futures]

    def _wait_for_threads(self, executor: Executor) -> None:
        """After an interrupt, wait for threads at work: none may write when the run has ended."""
        executor.shutdown(wait=False, cancel_futures=True)
        if self._jobs is not None:
            self._jobs.stop()
        with suppress(Exception):  # a handler of the user's must not keep this from waiting
            _logger.warning(
                "Interrupted; waiting for what node '%s' loads or saves (Ctrl-C again: do not "
                "wait).",
                self._node.name,
            )
        executor.shutdown()


def _called_here(node: Node, call: Callable[[_T], _R], given: _T) -> _R:
    """Call what is of a node; a process that it forks ends, and does not run the rest once more."""
    process = os.getpid()
    try:
        return call(given)
    finally:
        if os.getpid() != process:
            _end_forked(node, sys.exc_info()[1])


def _end_forked(node: Node, error: BaseException | None) -> NoReturn:
    if isinstance(error, SystemExit) and isinstance(error.code, (int, NoneType)):
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(error.code or 0)
    told = (
        f"A process that node '{node.name}' has forked came back from its function, and ends here: "
        "the run goes on in the process that forked it. Call os._exit there.\n"
    )
    with suppress(OSError):  # logs and streams are those of the other process
        os.write(2, told.encode("utf-8", "backslashreplace"))
    os._exit(1)


def _no_description(step: str) -> None:
    """Where there is no Spark, there are no jobs to describe."""
