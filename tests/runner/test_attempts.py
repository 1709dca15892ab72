"""Attempts at a node: what a retry repeats, when none is made, and what a timeout is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import NodeTimeoutError, RunFailedError
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import (
    AbstractDataSet,
    DataCatalog,
    IncrementalDataSet,
    LambdaDataSet,
    PartitionedDataSet,
    Version,
)
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner

RUNNERS = [SequentialRunner(), SequentialRunner(is_async=True), ThreadRunner()]


class Flaky(AbstractDataSet):
    """Fails as often as it is told, and then keeps what is saved."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]
        self.saved: list[Any] = []

    def _load(self) -> Any:
        return self.saved[-1]

    def _save(self, data: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.saved.append(data)

    def _describe(self) -> dict[str, Any]:
        return {}


def _appended(path: Path) -> TextDataSet:
    return TextDataSet(str(path), fs_args={"open_args_save": {"mode": "a"}})


def _tried(function: Any, outputs: Any, retries: int = 2, **options: Any) -> Pipeline:
    return pipeline(
        [node(function, "x", outputs, name="n", retries=retries, retry_delay=0.001, **options)]
    )


def _failed(pipe: Pipeline, catalog: DataCatalog, runner: Any = None) -> RunFailedError:
    with pytest.raises(RunFailedError) as caught:
        (runner or SequentialRunner()).run(pipe, catalog)
    return caught.value


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_retry_saves_only_what_is_not_yet_saved(runner: AbstractRunner, tmp_path: Path) -> None:
    calls = []

    def three(x: int) -> tuple[str, int, int]:
        calls.append(x)
        return "row\n", len(calls), len(calls)

    remote = Flaky(ConnectionResetError("lost"), ConnectionResetError("lost again"))
    model = JSONDataSet(str(tmp_path / "m.json"), version=Version(None, "v1"))
    catalog = DataCatalog(
        {"log": _appended(tmp_path / "log.txt"), "model": model, "remote": remote}, {"x": 1}
    )
    runner.run(_tried(three, ["log", "model", "remote"]), catalog)
    assert (tmp_path / "log.txt").read_text() == "row\n"
    assert catalog.load("model") == 1
    assert remote.saved == [1], "the outputs of one node are of one call"


class Told(RunObserver):
    """Keeps how nodes ended."""

    def __init__(self) -> None:
        self.ended: list[NodeEnded] = []

    def on_node_ended(self, event: NodeEnded) -> None:
        self.ended.append(event)


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("in_chunks", [False, True], ids=["at once", "in chunks"])
def test_all_that_attempts_have_loaded_and_saved_is_told(
    runner: AbstractRunner, in_chunks: bool, tmp_path: Path
) -> None:
    def at_once(x: int) -> tuple[pd.DataFrame, int]:
        return pd.DataFrame({"fare": [x, -1, 2]}), x

    def chunks(x: int) -> Iterator[tuple[pd.DataFrame, int]]:
        for fare in (x, -1, 2):
            yield pd.DataFrame({"fare": [fare]}), x

    entry = {
        "type": "pandas.CSVDataSet",
        "filepath": str(tmp_path / "trips.csv"),
        "save_args": {"mode": "a", "index": False},
        "checks": [{"check": "fare >= 0", "on_fail": "warn"}],
    }
    catalog = DataCatalog.from_config({"trips": entry})
    catalog.add_all({"remote": Flaky(ConnectionResetError("lost"))})
    catalog.add_feed_dict({"x": 1})
    told = Told()
    with observing(told):
        runner.run(_tried(chunks if in_chunks else at_once, ["trips", "remote"]), catalog)
    (ended,) = told.ended
    assert ended.attempts == 2
    assert [(one.direction, one.name, one.rows) for one in ended.data_sets] == [
        ("load", "x", None),
        ("save", "trips", 3),
        ("save", "remote", None),
    ]
    assert [(one.outcome, one.failed, one.rows) for one in ended.checks] == [("warned", 1, 3)]


def test_what_could_not_be_saved_is_judged_once_in_what_is_told(tmp_path: Path) -> None:
    class Torn(CSVDataSet):
        errors: ClassVar[list[Exception]] = [ConnectionResetError("lost")]

        def _save(self, data: Any) -> None:
            if self.errors:
                raise self.errors.pop()
            super()._save(data)

    entry = {
        "type": Torn,
        "filepath": str(tmp_path / "trips.csv"),
        "checks": [{"check": "fare >= 0", "on_fail": "warn"}],
    }
    catalog = DataCatalog.from_config({"trips": entry})
    catalog.add_all({"first": Flaky()})
    catalog.add_feed_dict({"x": 1})
    told = Told()
    with observing(told):
        pipe = _tried(lambda x: (x, pd.DataFrame({"fare": [x, -1]})), ["first", "trips"])
        SequentialRunner().run(pipe, catalog)
    assert [(one.outcome, one.failed, one.rows) for one in told.ended[0].checks] == [
        ("warned", 1, 2)
    ]


def test_a_retry_after_which_nothing_is_saved_yet_calls_again() -> None:
    calls = []
    remote = Flaky(ConnectionResetError("lost"))

    def count(x: int) -> int:
        calls.append(x)
        return len(calls)

    SequentialRunner().run(_tried(count, "remote"), DataCatalog({"remote": remote}, {"x": 1}))
    assert remote.saved == [2]


def test_a_retried_generator_appends_each_chunk_once(tmp_path: Path) -> None:
    calls = []

    def chunks(x: int) -> Iterator[str]:
        calls.append(x)
        yield f"{len(calls)}a\n"
        if len(calls) == 1:
            raise ConnectionResetError("lost")
        yield f"{len(calls)}b\n"

    catalog = DataCatalog({"log": _appended(tmp_path / "log.txt")}, {"x": 1})
    SequentialRunner().run(_tried(chunks, "log"), catalog)
    assert (tmp_path / "log.txt").read_text() == "2a\n2b\n", "the chunks of one call"


def test_a_retry_of_a_failed_chunk_goes_on_with_that_chunk() -> None:
    class Appending(Flaky):
        def _save(self, data: Any) -> None:
            if data == "b" and self.errors:
                raise self.errors.pop()
            self.saved.append(data)

        def save_effect(self) -> Any:
            return "append"

        def is_transactional(self) -> bool:
            return True

    def chunks(x: int) -> Iterator[str]:
        yield from "abc"

    log = Appending(ConnectionResetError("lost"))
    SequentialRunner().run(_tried(chunks, "log"), DataCatalog({"log": log}, {"x": 1}))
    assert log.saved == ["a", "b", "c"]


def test_an_append_that_may_be_half_there_is_not_repeated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Torn(Flaky):
        def _save(self, data: Any) -> None:
            self.saved.append(data[:1])  # what has arrived, before the connection is lost
            raise ConnectionResetError("lost")

        def save_effect(self) -> Any:
            return "append"

    log = Torn()
    error = _failed(_tried(lambda x: "row", "log"), DataCatalog({"log": log}, {"x": 1}))
    assert log.saved == ["r"]
    assert "ConnectionResetError: lost" in error.failures[0].message
    assert "a part of what was to be added to 'log' may be there already" in caplog.text


def test_partitions_that_append_are_not_repeated_where_some_are_there(tmp_path: Path) -> None:
    appending = {"type": "text.TextDataSet", "fs_args": {"open_args_save": {"mode": "a"}}}
    log = PartitionedDataSet(str(tmp_path / "log"), appending)
    outer = PartitionedDataSet(
        str(tmp_path / "deep"),
        {"type": "PartitionedDataSet", "dataset": appending},
        filepath_arg="path",
    )

    def lost() -> str:
        raise ConnectionResetError("lost")

    error = _failed(
        _tried(lambda x: {"a": "row", "b": lost}, "log"), DataCatalog({"log": log}, {"x": 1})
    )
    assert {name: load() for name, load in log.load().items()} == {"a": "row"}
    assert "ConnectionResetError: lost" in error.failures[0].message
    deep = _tried(lambda x: {"d": {"a": "row", "b": lost}}, "deep")
    _failed(deep, DataCatalog({"deep": outer}, {"x": 1}))
    assert (tmp_path / "deep" / "d" / "a").read_text() == "row"
    errors = [ConnectionResetError("not yet")]

    def once() -> str:
        if errors:
            raise errors.pop()
        return "b"

    again = _tried(lambda x: {"a": once, "b": "row"}, "log")
    SequentialRunner().run(again, DataCatalog({"log": log}, {"x": 1}))
    assert {name: load() for name, load in log.load().items()} == {"a": "rowb", "b": "row"}


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_can_be_read_once_is_not_saved_by_halves(
    runner: AbstractRunner, caplog: pytest.LogCaptureFixture
) -> None:
    saved: list[int] = []

    def save(numbers: Any) -> None:
        saved.append(next(numbers))
        if len(saved) == 1:
            raise ConnectionResetError("lost")

    first = Flaky()
    catalog = DataCatalog({"a": first, "b": LambdaDataSet(None, save)}, {"x": 1})
    _failed(_tried(lambda x: (1, iter([1, 2, 3])), ["a", "b"]), catalog, runner)
    assert (first.saved, saved) == ([1], [1])
    assert "'b' can be read once only" in caplog.text
    saved.clear()
    alone = _tried(lambda x: iter([1, 2, 3]), "b")  # nothing is saved, so it is made anew
    runner.run(alone, DataCatalog({"b": LambdaDataSet(None, save)}, {"x": 1}))
    assert saved == [1, 1]


def test_an_append_that_has_left_nothing_is_repeated(tmp_path: Path) -> None:
    class Refused(TextDataSet):
        errors = 1

        def _save(self, data: Any) -> None:
            if self.errors:
                self.errors -= 1
                raise ConnectionRefusedError("nobody answers")
            super()._save(data)

    (tmp_path / "log.txt").write_text("old\n")
    log = Refused(str(tmp_path / "log.txt"), fs_args={"open_args_save": {"mode": "a"}})
    SequentialRunner().run(_tried(lambda x: "new\n", "log"), DataCatalog({"log": log}, {"x": 1}))
    assert (tmp_path / "log.txt").read_text() == "old\nnew\n"


def test_all_errors_of_an_attempt_decide_whether_to_try_again() -> None:
    loads = []

    def load(error: Exception) -> Any:
        def fail() -> Any:
            loads.append(error)
            raise error

        return fail

    catalog = DataCatalog(
        {
            "x": LambdaDataSet(load(ConnectionResetError("passes")), None),
            "y": LambdaDataSet(load(PermissionError("lasts")), None),
        }
    )
    pipe = pipeline([node(lambda x, y: x, ["x", "y"], "z", retries=3, retry_delay=0.001)])
    error = _failed(pipe, catalog, SequentialRunner(is_async=True))
    assert len(loads) == 2
    assert "passes" in error.failures[0].message
    assert "lasts" in error.failures[0].message


@pytest.mark.parametrize("error", [ValueError("wrong"), ConnectionResetError("lost")])
def test_a_node_over_its_timeout_is_a_timeout_whatever_it_raises(error: Exception) -> None:
    calls = []

    def slow(x: int) -> int:
        calls.append(x)
        time.sleep(0.25)
        raise error

    failed = _failed(_tried(slow, "y", timeout=0.2), DataCatalog(feed_dict={"x": 1}))
    assert isinstance(failed.failures[0], NodeTimeoutError)
    assert failed.failures[0].__cause__ is error
    assert len(calls) == 1


@pytest.mark.parametrize("runner", RUNNERS)
def test_partitions_end_with_the_time_of_the_node(runner: AbstractRunner, tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> str:
        time.sleep(0.05)
        made.append("new")
        return "new"

    parts = PartitionedDataSet(str(tmp_path), "text.TextDataSet", overwrite=True)
    parts.save({"old": "old"})
    several = _tried(lambda x: ({f"p{i}": make for i in range(99)}, 1), ["parts", "z"], timeout=0.3)
    error = _failed(several, DataCatalog({"parts": parts}, {"x": 1}), runner)
    assert isinstance(error.failures[0], NodeTimeoutError)
    assert len(made) < 50
    assert (tmp_path / "old").read_text() == "old"


def test_a_load_of_partitions_ends_with_the_time_of_the_node(tmp_path: Path) -> None:
    loaded: list[str] = []

    class Slow(TextDataSet):
        def _load(self) -> str:
            time.sleep(0.05)
            loaded.append("one")
            return super()._load()

    parts = IncrementalDataSet(str(tmp_path), Slow)
    parts.save({f"p{i}": "x" for i in range(99)})
    error = _failed(_tried(len, "y", timeout=0.3), DataCatalog({"x": parts}))
    assert isinstance(error.failures[0], NodeTimeoutError)
    assert len(loaded) < 50


def test_no_attempt_is_made_beyond_the_time_of_the_node(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def lost(x: int) -> int:
        calls.append(x)
        raise ConnectionResetError("lost")

    pipe = pipeline([node(lost, "x", "y", retries=5, retry_delay=0.4, timeout=1.0)])
    error = _failed(pipe, DataCatalog(feed_dict={"x": 1}))
    assert len(calls) == 2
    assert "lost" in error.failures[0].message
    assert "its timeout leaves no time for it" in caplog.text
