"""Functions, hooks and data sets of the checks of runners; worker processes import them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparkpipe.hooks import hook_impl
from sparkpipe.io import AbstractDataSet, DataCatalog
from sparkpipe.io.effects import SaveEffect
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.pipeline.node import Node


def variance_nodes() -> list[Node]:
    """Return the nodes that work out ``v``, the variance of ``xs``."""
    return [
        node(len, "xs", "n", name="count"),
        node(_mean, ["xs", "n"], "m", name="mean"),
        node(_mean_of_squares, ["xs", "n"], "m2", name="mean_of_squares"),
        node(_variance, ["m", "m2"], "v", name="variance"),
    ]


def _mean(xs: list[float], n: int) -> float:
    return sum(xs) / n


def _mean_of_squares(xs: list[float], n: int) -> float:
    return sum(x**2 for x in xs) / n


def _variance(m: float, m2: float) -> float:
    return m2 - m**2


def identity(x: Any) -> Any:
    """Return what it is given."""
    return x


def add_one(x: int) -> int:
    """Return the next number."""
    return x + 1


def add(x: Any, y: Any) -> Any:
    """Return the sum."""
    return x + y


def pair(x: int) -> tuple[int, int]:
    """Return two outputs."""
    return x, x + 1


def as_mapping(x: int) -> dict[str, int]:
    """Return two outputs by key."""
    return {"left": x, "right": x + 1}


def lacks_right(x: int) -> dict[str, int]:
    """Return one key too few."""
    return {"left": x}


def three(x: int) -> tuple[int, int, int]:
    """Return three outputs."""
    return x, x, x


def do_nothing(x: Any) -> None:
    """Return nothing."""


def fail(x: Any) -> Any:
    """Raise an error."""
    raise ValueError("the barrel is empty")


def lose_connection(x: Any) -> Any:
    """Raise an error that may pass, and is therefore tried again."""
    raise ConnectionError("nobody answers")


def leave(x: Any) -> Any:
    """End Python."""
    raise SystemExit(7)


def is_none(x: Any) -> str:
    """Tell whether it is given nothing."""
    return "none" if x is None else "some"


def scaled(x: float, options: dict[str, float]) -> float:
    """Use all parameters."""
    return x * options["factor"]


def append_in_place(xs: list[int]) -> list[int]:
    """Change what it is given."""
    xs.append(99)
    return xs


def chunks(x: int) -> Iterator[list[int]]:
    """Give chunks."""
    for number in range(x):
        yield [number]


def pairs_of_chunks(x: int) -> Iterator[tuple[list[int], list[int]]]:
    """Give chunks of two outputs."""
    for number in range(x):
        yield [number], [-number]


def chunks_then_fail(x: int) -> Iterator[list[int]]:
    """Fail after one chunk."""
    yield [x]
    raise ValueError("the barrel is empty")


def wait(x: Any) -> Any:
    """Take longer than a tenth of a second."""
    time.sleep(0.3)
    return x


def wait_for_nothing(x: Any) -> None:
    """Take longer than a tenth of a second, and return nothing."""
    time.sleep(0.3)


def run_another(x: Any) -> Any:
    """Run a pipeline within a node."""
    from sparkpipe.runner import SequentialRunner

    inner = Pipeline([node(identity, "x", "y", name="inner_node")])
    return SequentialRunner().run(inner, DataCatalog(feed_dict={"x": x}))["y"]


class NumberInFile(AbstractDataSet):
    """A number in a file; tells in other files that it was released and confirmed.

    Args:
        folder: Where its files are.
        name: The name of the file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / name
        self._released = folder / "released"

    def _load(self) -> int:
        return int(self._file.read_text())

    def _save(self, data: int) -> None:
        self._file.write_text(str(data))

    def _exists(self) -> bool:
        return self._file.exists()

    def _release(self) -> None:
        with self._released.open("a") as file:
            file.write(self._file.name + "\n")

    def confirm(self) -> None:
        """Note that it was confirmed."""
        self._file.with_suffix(".confirmed").touch()

    def _describe(self) -> dict[str, Any]:
        return {"name": self._file.name}


class ChunksInFile(AbstractDataSet):
    """A list in a file, to which each save adds one.

    Args:
        folder: Where its file is.
        name: The name of the file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / name

    def _load(self) -> list[list[int]]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def _save(self, data: list[int]) -> None:
        with self._file.open("a") as file:
            file.write(f"{json.dumps(data)}\n")

    def _exists(self) -> bool:
        return self._file.exists()

    def save_effect(self) -> SaveEffect:
        """Return what a save does."""
        return "append"

    def _describe(self) -> dict[str, Any]:
        return {"name": self._file.name}


class CountingCatalog(DataCatalog):
    """A catalog that writes down what is loaded from it."""

    log: Path

    def load(self, name: str, version: str | None = None) -> Any:
        """Load, and write the name down."""
        with self.log.open("a") as file:
            file.write(name + "\n")
        return super().load(name, version)


class LogOfCalls:
    """A hook that writes each call as a line to a file, which also processes share."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _tell(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    @property
    def lines(self) -> list[str]:
        """What it has written, line by line."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        """Write it down."""
        self._tell(f"{node.name} before load {dataset_name}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Any) -> None:
        """Write it down."""
        self._tell(f"{node.name} after load {dataset_name} {data}")

    @hook_impl
    def before_node_run(self, node: Any, inputs: dict[str, Any], session_id: str | None) -> None:
        """Write it down."""
        self._tell(f"{node.name} before run {sorted(inputs.items())} {session_id}")

    @hook_impl
    def after_node_run(self, node: Any, outputs: dict[str, Any]) -> None:
        """Write it down."""
        self._tell(f"{node.name} after run {sorted(outputs.items())}")

    @hook_impl
    def on_node_error(self, node: Any, error: Exception) -> None:
        """Write it down."""
        self._tell(f"{node.name} error {error}")

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        """Write it down."""
        self._tell(f"{node.name} before save {dataset_name} {data}")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        """Write it down."""
        self._tell(f"{node.name} after save {dataset_name} {data}")


class Numbered:
    """One of many hooks, which must keep their order."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number

    @hook_impl
    def before_node_run(self) -> None:
        """Write it down."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{self.number} ")


class ReplaceInput:
    """A hook that gives the node another input."""

    @hook_impl
    def before_node_run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Write it down."""
        return {"x": 41}


class FailingHook:
    """A hook that raises."""

    @hook_impl
    def before_node_run(self) -> None:
        """Write it down."""
        raise RuntimeError("the hook does not like it")
