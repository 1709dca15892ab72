"""Functions of nodes for the tests of runners, in a module that other processes can import."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.spark.jobs.run import current_run
from sparkpipe.testing.runner_nodes import (  # noqa: F401 - the tests find all of them here
    LogOfCalls,
    ReplaceInput,
    add,
    add_one,
    identity,
    pair,
)


def mean(xs: list[float], n: int) -> float:
    return sum(xs) / n


def mean_of_squares(xs: list[float], n: int) -> float:
    return sum(x**2 for x in xs) / n


def variance(m: float, m2: float) -> float:
    return m2 - m**2


def variance_pipeline() -> Pipeline:
    return pipeline(
        [
            node(len, "xs", "n"),
            node(mean, ["xs", "n"], "m", name="mean"),
            node(mean_of_squares, ["xs", "n"], "m2", name="mean_of_squares"),
            node(variance, ["m", "m2"], "v", name="variance"),
        ]
    )


def boom(x: Any) -> Any:
    raise ValueError("the barrel is empty")


def refuse(x: Any) -> Any:
    raise ConnectionError("nobody answers")


def cancelled_elsewhere(x: Any) -> Any:
    async def wait() -> None:
        raise asyncio.CancelledError

    asyncio.run(wait())


def interrupted(x: Any) -> Any:
    raise KeyboardInterrupt


def tells_nothing(x: Any) -> Any:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise MuteError


def _refuse_to_be_made() -> Any:
    raise ImportError("there is no such module here")


class OnlyHere:
    """A function that no other process can make again."""

    __name__ = "only_here"

    def __call__(self, x: Any) -> Any:
        return x

    def __reduce__(self) -> Any:
        return _refuse_to_be_made, ()


def slow_then_boom(x: Any) -> Any:
    time.sleep(0.05)
    raise ValueError("the barrel is empty")


def unpicklable(x: Any) -> Any:
    return lambda: x


class OneWay:
    """Can be pickled, and not be read again."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> Any:
    raise ValueError("it stays there")


def one_way(x: Any) -> Any:
    return OneWay()


def tells_all(x: Any) -> Any:
    raise ValueError(f"the first of many rows{' 0123456789' * 100_000}")


def forked(x: Any) -> Any:
    child = os.fork()
    if child == 0:
        if x == "exits":
            sys.exit(0)
        if x:
            return "the child's"
        raise ValueError("of the child")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def forked_between_chunks(x: Any) -> Any:
    yield {"first": 1}
    yield {"second": forked(x)}


def killed(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_while_it_logs(x: Any) -> Any:
    (handler,) = logging.getLogger().handlers
    handler._worker._sending.acquire()  # type: ignore[attr-defined]
    return killed(x)


def slow(x: Any) -> Any:
    time.sleep(0.3)
    return x


def boom_beside(folder: str) -> None:
    """Fail when the other node has started; see :func:`hold_until_cancelled`."""
    deadline = time.monotonic() + 30
    while not Path(folder, "holding").exists():
        assert time.monotonic() < deadline, "the other node has not started"
        time.sleep(0.005)
    raise ValueError("the barrel is empty")


def refuse_beside(folder: str) -> None:
    """Fail for a while, and let the other node know; see :func:`boom_beside`."""
    Path(folder, "holding").touch()
    raise ConnectionError("nobody answers")


def hold_until_cancelled(folder: str) -> int:
    """Work until the process of the run says that it has failed."""
    Path(folder, "holding").touch()
    run = current_run()
    assert run is not None
    assert run.is_cancelled.wait(30), "nothing has been cancelled"
    return 5


def killed_once_cancelled(folder: str) -> Any:
    """End with the process as soon as that of the run says that it was interrupted."""
    hold_until_cancelled(folder)
    return killed(folder)


def slow_partitions(folder: str) -> dict[str, Any]:
    """Return so many partitions that no test waits for all."""

    def make() -> str:
        Path(folder, "holding").touch()
        time.sleep(0.05)
        return "part"

    return {f"p{number:03}": make for number in range(200)}


def process_id(x: Any) -> int:
    return os.getpid()


def logs_a_line(x: Any) -> Any:
    logging.getLogger("sparkpipe.users_node").warning("seen in the worker: %s", x)
    return x


def first(x: Any, y: Any) -> Any:
    return x


def save_newer_version(path: str, after: Any) -> bool:
    """Save what another run would save between two nodes of this one."""
    from sparkpipe.datasets.json import JSONDataSet
    from sparkpipe.io import Version

    JSONDataSet(path, version=Version(None, "2099-01-01")).save("theirs")
    return True


def touch_twice(path: str) -> str:
    """Make a file at once, and another one much later."""
    open(path, "w").close()
    time.sleep(5)
    open(f"{path}.late", "w").close()
    return path


def log_much(x: Any) -> Any:
    """Log more than a pipe holds, and at first what a filter cannot stand."""
    logger = logging.getLogger("mine")
    logger.warning("boom")
    logger.warning("boom")
    for _ in range(500):
        logger.warning("line", extra={"text": "x" * 500})
    return x


def log_unpicklable(x: Any) -> Any:
    logging.getLogger("mine").warning("with a lock", extra={"lock": threading.Lock()})
    return x


def leave_hard(x: Any) -> Any:
    os._exit(3)


class Unpicklable(Exception):  # noqa: N818
    def __init__(self, a: int, b: int) -> None:
        super().__init__(a)
        self.b = b


def raise_unpicklable(x: Any) -> Any:
    raise Unpicklable(1, 2)


def sell(x: int) -> int:
    try:
        return price_of(x)
    except KeyError as exc:
        raise ValueError("nobody sells it") from exc


def price_of(x: int) -> int:
    prices: dict[int, int] = {}
    return prices[x]  # password=hunter2


def count_down(x: int) -> int:
    if x == 0:
        raise ValueError("zero")
    return count_down(x - 1)


class InItself:
    """A data set of a user who thinks of one process."""

    def __init__(self, filepath: str = "") -> None:
        self._filepath = filepath
        self.data: Any = []

    def load(self) -> Any:
        return self.data

    def save(self, data: Any) -> None:
        self.data = data
