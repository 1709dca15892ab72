"""Functions of nodes for the tests of runners, in a module that other processes can import."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparkpipe.hooks import hook_impl
from sparkpipe.pipeline import Pipeline, node, pipeline


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


def identity(x: Any) -> Any:
    return x


def add_one(x: int) -> int:
    return x + 1


def add(x: Any, y: Any) -> Any:
    return x + y


def pair(x: int) -> tuple[int, int]:
    return x, x + 1


def as_mapping(x: int) -> dict[str, int]:
    return {"left": x, "right": x + 1}


def lacks_right(x: int) -> dict[str, int]:
    return {"left": x}


def three(x: int) -> tuple[int, int, int]:
    return x, x, x


def nothing(x: Any) -> None:
    return None


def boom(x: Any) -> Any:
    raise ValueError("the barrel is empty")


def refuse(x: Any) -> Any:
    raise ConnectionError("nobody answers")


def slow_then_boom(x: Any) -> Any:
    time.sleep(0.05)
    raise ValueError("the barrel is empty")


def leave(x: Any) -> Any:
    raise SystemExit(7)


def is_none(x: Any) -> str:
    return "none" if x is None else "some"


def chunks(x: int) -> Iterator[list[int]]:
    for number in range(x):
        yield [number]


def pairs_of_chunks(x: int) -> Iterator[tuple[list[int], list[int]]]:
    for number in range(x):
        yield [number], [-number]


def chunks_then_boom(x: int) -> Iterator[list[int]]:
    yield [x]
    raise ValueError("the barrel is empty")


def scaled(x: float, options: dict[str, float]) -> float:
    return x * options["factor"]


def append_inplace(xs: list[int]) -> list[int]:
    xs.append(99)
    return xs


def unpicklable(x: Any) -> Any:
    return lambda: x


def killed(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_while_it_logs(x: Any) -> Any:
    (handler,) = logging.getLogger().handlers
    handler.queue._wlock.acquire()  # type: ignore[attr-defined]
    return killed(x)


def slow(x: Any) -> Any:
    time.sleep(0.3)
    return x


def slow_and_nothing(x: Any) -> None:
    time.sleep(0.3)


def process_id(x: Any) -> int:
    return os.getpid()


def logs_a_line(x: Any) -> Any:
    logging.getLogger("sparkpipe.users_node").warning("seen in the worker: %s", x)
    return x


class LogOfCalls:
    """A hook that writes each call as a line to a file, which also processes share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _tell(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        self._tell(f"{node.name} before load {dataset_name}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Any) -> None:
        self._tell(f"{node.name} after load {dataset_name} {data}")

    @hook_impl
    def before_node_run(self, node: Any, inputs: dict[str, Any], session_id: str | None) -> None:
        self._tell(f"{node.name} before run {sorted(inputs.items())} {session_id}")

    @hook_impl
    def after_node_run(self, node: Any, outputs: dict[str, Any]) -> None:
        self._tell(f"{node.name} after run {sorted(outputs.items())}")

    @hook_impl
    def on_node_error(self, node: Any, error: Exception) -> None:
        self._tell(f"{node.name} error {error}")

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        self._tell(f"{node.name} before save {dataset_name} {data}")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        self._tell(f"{node.name} after save {dataset_name} {data}")


class Numbered:
    """One of many hooks, which must keep their order."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number

    @hook_impl
    def before_node_run(self) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{self.number} ")


class ReplaceInput:
    """A hook that gives the node another input."""

    @hook_impl
    def before_node_run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"x": 41}


class FailingHook:
    @hook_impl
    def before_node_run(self) -> None:
        raise RuntimeError("the hook does not like it")
