"""Nodes whose function is a generator: where chunks go, and that none is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.datasets.json import JSONDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.events import NodeEnded, RunObserver, observing
from sparkpipe.io import (
    CachedDataSet,
    DataCatalog,
    LambdaDataSet,
    MemoryDataSet,
    PartitionedDataSet,
    Version,
)
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import SequentialRunner


def three(x: int) -> Iterator[str]:
    for number in range(3):
        yield f"{number}\n"


def three_at_run_time(x: int) -> Any:
    return (f"{number}\n" for number in range(3))


def one(x: int) -> Iterator[str]:
    yield "all"


def partitions(x: int) -> Iterator[dict[str, str]]:
    for number in range(3):
        yield {f"p{number}": f"{number}"}


def partitions_then_fail(x: int) -> Iterator[dict[str, str]]:
    yield {"p0": "new"}
    raise ValueError("the barrel is empty")


def _pipe(function: Any, output: str | None = "y") -> Pipeline:
    return pipeline([node(function, "x", output, name="n")])


def _catalog(data_set: Any = None) -> DataCatalog:
    return DataCatalog({} if data_set is None else {"y": data_set}, {"x": 1})


def _parts(folder: Path, overwrite: bool = True) -> PartitionedDataSet:
    return PartitionedDataSet(str(folder), "text.TextDataSet", overwrite=overwrite)


KEEP_ONE = [
    lambda folder: TextDataSet(str(folder / "y.txt")),
    lambda folder: JSONDataSet(str(folder / "y.json"), version=Version(None, "v1")),
    lambda folder: CachedDataSet(TextDataSet(str(folder / "y.txt"))),
    lambda folder: MemoryDataSet(),
    lambda folder: None,
]


@pytest.mark.parametrize("make", KEEP_ONE)
def test_chunks_of_which_the_last_alone_would_stay_are_refused_before_the_run(
    make: Any, tmp_path: Path
) -> None:
    with pytest.raises(PreflightError, match=r"'y' of node 'n'.*would keep only the last one"):
        SequentialRunner().run(_pipe(three), _catalog(make(tmp_path)))


@pytest.mark.parametrize("make", KEEP_ONE)
def test_what_shows_only_in_the_run_is_refused_with_the_second_chunk(
    make: Any, tmp_path: Path
) -> None:
    (tmp_path / "y.txt").write_text("old, whole")
    with pytest.raises(RunFailedError, match="would keep only the last one"):
        SequentialRunner().run(_pipe(three_at_run_time), _catalog(make(tmp_path)))
    assert (tmp_path / "y.txt").read_text() == "old, whole"
    assert not (tmp_path / "y.json").exists()


@pytest.mark.parametrize("function", [one, lambda x: (text for text in ["all"])])
@pytest.mark.parametrize("make", KEEP_ONE)
def test_a_single_chunk_is_all_of_it(make: Any, function: Any, tmp_path: Path) -> None:
    catalog = _catalog(make(tmp_path))
    outputs = SequentialRunner().run(_pipe(function), catalog)
    assert (outputs["y"] if outputs else catalog.load("y")) == "all"


def test_without_outputs_a_generator_runs_to_its_end() -> None:
    sent = []

    def send(x: int) -> Iterator[None]:
        for number in range(3):
            sent.append(number)
            yield

    SequentialRunner().run(_pipe(send, None), _catalog())
    assert sent == [0, 1, 2]
    _pipe(send, None).nodes[0].run({"x": 1})
    assert len(sent) == 6


@pytest.mark.parametrize("overwrite", [True, False])
def test_overwriting_partitions_removes_the_old_ones_not_its_own(
    overwrite: bool, tmp_path: Path
) -> None:
    _parts(tmp_path).save({"old": "old"})
    SequentialRunner().run(_pipe(partitions), _catalog(_parts(tmp_path, overwrite)))
    found = {name: load() for name, load in _parts(tmp_path).load().items()}
    expected = {f"p{number}": f"{number}" for number in range(3)}
    assert found == (expected if overwrite else {"old": "old", **expected})


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_generator_of_partitions_that_fails_leaves_the_old_ones(
    overwrite: bool, tmp_path: Path
) -> None:
    _parts(tmp_path).save({"p0": "old"})
    with pytest.raises(RunFailedError, match="the barrel is empty"):
        SequentialRunner().run(_pipe(partitions_then_fail), _catalog(_parts(tmp_path, overwrite)))
    assert {name: load() for name, load in _parts(tmp_path).load().items()} == {"p0": "old"}


def nothing(x: int) -> Iterator[Any]:
    yield from ()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_generator_without_chunks_saves_no_partitions(overwrite: bool, tmp_path: Path) -> None:
    _parts(tmp_path).save({"old": "old"})
    SequentialRunner().run(_pipe(nothing), _catalog(_parts(tmp_path, overwrite)))
    assert [*_parts(tmp_path).load()] == ([] if overwrite else ["old"])


def test_a_generator_without_chunks_tells_what_stays_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def perhaps(x: int) -> Iterator[str]:
        if x > 1:
            yield "new"

    (tmp_path / "y.txt").write_text("old")
    SequentialRunner().run(_pipe(perhaps), _catalog(TextDataSet(str(tmp_path / "y.txt"))))
    assert "gave nothing for 'y', which stays as it was" in caplog.text
    assert (tmp_path / "y.txt").read_text() == "old"


def test_what_a_generator_returns_instead_of_giving_it_is_not_lost_unheard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def returns(x: int) -> Any:
        if x > 1:
            yield "some"
        return "all"

    with pytest.raises(RunFailedError, match="only what it yields is saved; it returned a str"):
        SequentialRunner().run(_pipe(returns), _catalog())
    SequentialRunner().run(_pipe(returns, None), _catalog())
    assert "only what it yields" not in caplog.text
    outputs = SequentialRunner().run(_pipe(returns), DataCatalog(feed_dict={"x": 2}))
    assert outputs == {"y": "some"}
    assert "only what it yields is saved; it returned a str" in caplog.text


def twice(x: int) -> Iterator[dict[str, str]]:
    yield {"p0": "a", "p1": "b"}
    yield {"p0": "c"}


def test_a_partition_that_would_keep_its_last_chunk_only_is_refused(tmp_path: Path) -> None:
    _parts(tmp_path).save({"p0": "old"})
    for overwrite in (True, False):
        with pytest.raises(RunFailedError, match="has given partition 'p0' before"):
            SequentialRunner().run(_pipe(twice), _catalog(_parts(tmp_path, overwrite)))
    assert {name: load() for name, load in _parts(tmp_path).load().items()} == {"p0": "old"}


@pytest.mark.parametrize("retries", [0, 1])
def test_a_partition_whose_data_set_appends_gets_all_its_chunks(
    tmp_path: Path, retries: int
) -> None:
    appending = {"type": "text.TextDataSet", "fs_args": {"open_args_save": {"mode": "a"}}}
    data_set = PartitionedDataSet(str(tmp_path), appending)
    pipe = pipeline([node(twice, "x", "y", name="n", retries=retries)])
    SequentialRunner().run(pipe, _catalog(data_set))
    assert {name: load() for name, load in data_set.load().items()} == {"p0": "ac", "p1": "b"}


@pytest.mark.parametrize("retries", [0, 1])
def test_what_chunks_have_added_is_told_not_what_was_there(tmp_path: Path, retries: int) -> None:
    class Told(RunObserver):
        saved = 0

        def on_node_ended(self, event: NodeEnded) -> None:
            self.saved = next(one.bytes or 0 for one in event.data_sets if one.name == "y")

    (tmp_path / "y.txt").write_text("old\n")
    appending = TextDataSet(str(tmp_path / "y.txt"), fs_args={"open_args_save": {"mode": "a"}})
    with observing(told := Told()):
        SequentialRunner().run(
            pipeline([node(three, "x", "y", retries=retries)]), _catalog(appending)
        )
    assert told.saved == len("0\n1\n2\n")


def test_partitions_of_a_generator_may_be_functions(tmp_path: Path) -> None:
    def functions(x: int) -> Iterator[dict[str, Any]]:
        yield {"p0": len, "p1": 3}

    data_set = PartitionedDataSet(str(tmp_path), "pickle.PickleDataSet", save_lazily=False)
    SequentialRunner().run(_pipe(functions), _catalog(data_set))
    assert {name: load() for name, load in data_set.load().items()} == {"p0": len, "p1": 3}


@pytest.mark.parametrize("outputs", ["y", ["y", "z"], None])
def test_what_nobody_would_await_is_refused(outputs: Any) -> None:
    async def fetch(x: int) -> int:
        return x

    async def stream(x: int) -> Any:
        yield x

    for function, kind in ((fetch, "a coroutine"), (stream, "an async generator")):
        with pytest.raises(RunFailedError, match=f"returned {kind}, which nobody awaits"):
            SequentialRunner().run(_pipe(lambda x, f=function: f(x), outputs), _catalog())


def test_chunks_that_are_kept_are_as_they_were_when_they_were_given(tmp_path: Path) -> None:
    def reuse(x: int) -> Iterator[dict[str, Any]]:
        buffer: list[str] = []
        for number in range(2):
            buffer[:] = [f"{number}"]
            yield {f"p{number}": "".join(buffer), f"lazy{number}": buffer[0].upper}

    SequentialRunner().run(_pipe(reuse), _catalog(_parts(tmp_path)))
    found = {name: load() for name, load in _parts(tmp_path).load().items()}
    assert found == {"p0": "0", "p1": "1", "lazy0": "0", "lazy1": "1"}


def test_a_cache_gives_all_chunks_not_the_last_one(tmp_path: Path) -> None:
    inside = TextDataSet(str(tmp_path / "y.txt"), fs_args={"open_args_save": {"mode": "a"}})
    pipe = _pipe(three) + pipeline([node(len, "y", "length")])
    outputs = SequentialRunner().run(pipe, _catalog(CachedDataSet(inside)))
    assert outputs == {"length": len("0\n1\n2\n")}


def test_what_a_user_has_written_gets_each_chunk_and_a_word_of_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    saved: list[str] = []
    with caplog.at_level(logging.WARNING):
        SequentialRunner().run(_pipe(three), _catalog(LambdaDataSet(None, saved.append)))
    assert saved == ["0\n", "1\n", "2\n"]
    assert caplog.text.count("is saved chunk by chunk: unless each save adds") == 1


def test_a_users_class_that_appends_as_in_the_documentation_of_kedro_works(tmp_path: Path) -> None:
    class ChunkWise(TextDataSet):
        _mode = "w"

        def _save(self, data: str) -> None:
            with (tmp_path / "y.txt").open(self._mode) as file:
                file.write(data)
            self._mode = "a"

    SequentialRunner().run(_pipe(three), _catalog(ChunkWise(str(tmp_path / "y.txt"))))
    assert (tmp_path / "y.txt").read_text() == "0\n1\n2\n"


def test_a_generator_is_closed_where_its_chunk_cannot_be_saved() -> None:
    closed = []

    def chunks(x: int) -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            closed.append(True)

    def refuse(data: Any) -> None:
        raise OSError("disk full")

    with pytest.raises(RunFailedError, match="disk full"):
        SequentialRunner().run(_pipe(chunks), _catalog(LambdaDataSet(None, refuse)))
    assert closed == [True]
