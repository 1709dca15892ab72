"""A folder of partitions of which only the new ones are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import DataSetError, RunFailedError
from sparkpipe.io import DataCatalog, IncrementalDataSet, PartitionedDataSet
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.runner import HybridRunner, ParallelRunner, SequentialRunner, ThreadRunner


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "parts") if request.param == "local" else f"memory://{uuid4().hex}/parts"


def texts(path: str, **options: Any) -> IncrementalDataSet:
    return IncrementalDataSet(path, "text.TextDataSet", filename_suffix=".txt", **options)


def backwards(name: str, checkpoint: str) -> bool:
    return name < checkpoint


def by_number(name: str, checkpoint: str) -> bool:
    return int(name) > int(checkpoint)


def test_what_was_confirmed_is_not_loaded_again(folder: str) -> None:
    texts(folder).save({"2026-01": "1", "2026-02": "2"})
    data_set = texts(folder)
    assert data_set.load() == {"2026-01": "1", "2026-02": "2"}
    data_set.confirm()
    assert data_set.load() == {"2026-01": "1", "2026-02": "2"}  # until released
    data_set.release()
    assert data_set.load() == {}
    assert not data_set.exists()
    texts(folder).save({"2026-03": "3"})
    assert texts(folder).exists()
    assert texts(folder).load() == {"2026-03": "3"}
    assert texts(folder).load() == {"2026-03": "3"}


def test_what_came_after_the_load_is_not_confirmed(folder: str) -> None:
    texts(folder).save({"a": "1"})
    data_set = texts(folder)
    data_set.load()
    texts(folder).save({"b": "2"})
    data_set.release()
    data_set.confirm()
    assert texts(folder).load() == {"b": "2"}
    data_set.confirm()
    assert texts(folder).load() == {"b": "2"}


def test_confirmed_is_what_comes_last_by_the_function_not_by_the_alphabet(folder: str) -> None:
    by = {"checkpoint": {"comparison_func": by_number}}
    texts(folder).save({"9": "nine", "10": "ten"})
    data_set = texts(folder, **by)
    assert data_set.load() == {"10": "ten", "9": "nine"}
    data_set.confirm()
    assert texts(folder, **by).load() == {}


def test_confirming_without_a_load_confirms_all_that_is_there(folder: str) -> None:
    texts(folder).confirm()
    texts(folder).save({"a": "1", "b": "2"})
    texts(folder).confirm()
    assert texts(folder).load() == {}


def test_checkpoint_is_text_beside_the_partitions(tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"a": "1", "b": "2"})
    texts(str(tmp_path)).confirm()
    assert (tmp_path / "CHECKPOINT").read_text() == "b"
    bare = IncrementalDataSet(str(tmp_path), "text.TextDataSet", checkpoint="")
    assert bare.load() == {"a.txt": "1", "b.txt": "2"}  # the checkpoint is no partition


def test_checkpoint_may_be_forced(folder: str) -> None:
    import datetime

    texts(folder).save({"2026-01-01": "1", "2026-01-02": "2"})
    texts(folder).confirm()
    assert list(texts(folder, checkpoint="").load()) == ["2026-01-01", "2026-01-02"]
    assert list(texts(folder, checkpoint="2026-01-01").load()) == ["2026-01-02"]
    day = datetime.date(2026, 1, 1)  # as YAML reads it
    assert list(texts(folder, checkpoint={"force_checkpoint": day}).load()) == ["2026-01-02"]


def test_comparison_may_be_another(folder: str) -> None:
    texts(folder).save({"a": "1", "b": "2", "c": "3"})
    checkpoint = {"force_checkpoint": "c", "comparison_func": backwards}
    assert list(texts(folder, checkpoint=checkpoint).load()) == ["a", "b"]
    checkpoint = {"force_checkpoint": "b", "comparison_func": "operator.ge"}
    assert list(texts(folder, checkpoint=checkpoint).load()) == ["b", "c"]


def test_checkpoint_may_lie_elsewhere(folder: str, tmp_path: Path) -> None:
    texts(folder).save({"a": "1"})
    checkpoint = {"type": "json.JSONDataSet", "filepath": str(tmp_path / "seen.json")}
    texts(folder, checkpoint=checkpoint).confirm()
    assert (tmp_path / "seen.json").read_text() == '"a"'
    assert texts(folder, checkpoint=checkpoint).load() == {}
    assert texts(folder).load() == {"a": "1"}


def test_checkpoint_that_cannot_be_read_is_no_reason_to_begin_anew(tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"a": "1"})
    (tmp_path / "CHECKPOINT").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataSetError, match="UnicodeDecodeError"):
        texts(str(tmp_path)).load()


@pytest.mark.parametrize("content", ["5", '["a"]'])
def test_a_checkpoint_of_another_kind_is_told_with_what_it_holds(
    tmp_path: Path, content: str
) -> None:
    data_set = texts(str(tmp_path), checkpoint={"type": "json.JSONDataSet"})
    data_set.save({"a": "1"})
    (tmp_path / "CHECKPOINT").write_text(content)
    with pytest.raises(DataSetError) as error:
        data_set.load()
    assert f"'a' cannot be compared with the checkpoint {content}" in str(error.value).replace(
        "['a']", '["a"]'
    )
    assert str(tmp_path / "CHECKPOINT") in str(error.value)


def test_a_partition_may_be_called_like_the_checkpoint_beside_it(tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"A": "1", "CHECKPOINT": "2"})
    data_set = texts(str(tmp_path))
    assert data_set.load() == {"A": "1", "CHECKPOINT": "2"}
    data_set.confirm()
    assert texts(str(tmp_path)).load() == {}


def test_failed_load_confirms_nothing(tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"a": "1"})
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xfa")
    data_set = texts(str(tmp_path))
    with pytest.raises(DataSetError):
        data_set.load()
    assert not (tmp_path / "CHECKPOINT").exists()


@pytest.mark.parametrize(
    ("checkpoint", "told"),
    [
        ({"type": "text.TxtDataSet"}, "checkpoint: there is no data set type 'text.TxtDataSet'"),
        ({"filepaht": "x"}, "checkpoint: TextDataSet has no option 'filepaht'"),
        ({"versioned": True}, "a checkpoint cannot be versioned"),
        ({"comparison_func": "operator.nope"}, "'operator' has no 'nope'"),
        ({"comparison_func": 3}, "comparison_func must be a function, not 3"),
    ],
)
def test_impossible_checkpoint_is_told_before_loading(checkpoint: Any, told: str) -> None:
    entry = {"type": "IncrementalDataSet", "path": "x", "dataset": "text.TextDataSet"}
    with pytest.raises(DataSetError) as error:
        DataCatalog.from_config({"new": {**entry, "checkpoint": checkpoint}})
    assert "'new'" in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_partitions_may_call_their_path_otherwise_than_the_checkpoint(
    tmp_path: Path, elsewhere: bool
) -> None:
    def data_set() -> IncrementalDataSet:
        inside = {"type": "PartitionedDataSet", "dataset": "text.TextDataSet"}
        checkpoint = {"filepath": str(tmp_path / "seen")} if elsewhere else None
        path = str(tmp_path / "parts")
        return IncrementalDataSet(path, inside, checkpoint, filepath_arg="path")

    data_set().save({"x": {"a": "1"}, "y": {"b": "2"}})
    first = data_set()
    assert {name: [*parts] for name, parts in first.load().items()} == {"x": ["a"], "y": ["b"]}
    first.confirm()
    assert data_set().load() == {}
    assert (tmp_path / "seen").exists() == elsewhere


@pytest.mark.parametrize("kind", [IncrementalDataSet, PartitionedDataSet])
def test_partitions_cannot_be_versioned(kind: Any) -> None:
    with pytest.raises(DataSetError, match="a partition cannot be versioned"):
        kind("x", {"type": "text.TextDataSet", "versioned": True})


def join(parts: dict[str, str]) -> str:
    return ",".join(parts)


def fail(parts: dict[str, str]) -> str:
    raise ValueError("no")


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])
def test_node_confirms_when_it_is_done(runner: Any, tmp_path: Path) -> None:
    entry = {
        "type": "IncrementalDataset",
        "path": str(tmp_path / "parts"),
        "dataset": "text.TextDataset",
    }

    def run(function: Any) -> Any:
        pipeline = Pipeline([node(function, "new", "names", confirms="new")])
        return runner().run(pipeline, DataCatalog.from_config({"new": entry}))["names"]

    texts(entry["path"]).save({"a": "1"})
    with pytest.raises(Exception, match="no"):
        run(fail)
    assert run(join) == "a.txt"
    texts(entry["path"]).save({"b": "2"})
    assert run(join) == "b.txt"
    assert run(join) == ""


def test_credentials_reach_the_checkpoint_and_are_not_shown() -> None:
    data_set = texts(f"memory://{uuid4().hex}", credentials={"token": "hunter2"})
    assert data_set._checkpoint._storage_options == {"token": "hunter2"}
    assert "hunter2" not in repr(data_set)


def test_what_was_saved_since_is_loaded_and_only_what_was_loaded_is_confirmed(folder: str) -> None:
    data_set = texts(folder)
    data_set.save({"a": "1"})
    assert list(data_set.load()) == ["a"]
    data_set.save({"b": "2"})
    data_set.confirm()
    assert list(texts(folder).load()) == ["b"]
    assert list(data_set.load()) == ["b"]


def test_a_partition_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"a": "1"})
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataSetError, match=r"partition 'b': .*b\.txt: UnicodeDecodeError"):
        texts(str(tmp_path)).load()


def take(parts: dict[str, str], folder: str) -> list[str]:
    texts(folder).save({"z": "comes after the load"})
    return list(parts)


def count(names: list[str]) -> int:
    return len(names)


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner, ParallelRunner])
def test_another_node_confirms_what_was_loaded_only(runner: Any, tmp_path: Path) -> None:
    texts(str(tmp_path)).save({"a": "1"})
    steps = Pipeline(
        [
            node(take, ["new", "params:folder"], "names"),
            node(count, "names", "count", confirms="new"),
        ]
    )
    catalog = DataCatalog({"new": texts(str(tmp_path))})
    catalog.add_feed_dict({"params:folder": str(tmp_path)})
    assert runner().run(steps, catalog) == {"count": 1}
    assert (tmp_path / "CHECKPOINT").read_text() == "a"


@pytest.mark.parametrize(
    "runner",
    [
        SequentialRunner,
        ThreadRunner,
        lambda: ParallelRunner(max_workers=1),
        lambda: HybridRunner(max_workers=1, max_processes=1),
    ],
)
def test_a_node_may_confirm_what_no_node_of_its_run_reads(runner: Any, tmp_path: Path) -> None:
    catalog = DataCatalog({"new": texts(str(tmp_path))}, {"x": {"a": "1"}})
    for name in "ab":  # over the same catalog, as in a notebook
        texts(str(tmp_path)).save({name: "1"})
        assert runner().run(Pipeline([node(count, "x", "n", confirms="new")]), catalog) == {"n": 1}
        assert (tmp_path / "CHECKPOINT").read_text() == name


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_a_checkpoint_that_cannot_be_written_is_told(runner: Any, tmp_path: Path) -> None:
    class Lost(TextDataSet):
        def _save(self, data: str) -> None:
            raise ConnectionResetError("lost")

    texts(str(tmp_path)).save({"a": "1"})
    catalog = DataCatalog({"new": texts(str(tmp_path), checkpoint={"type": Lost})})
    told = (
        r"Node 'count' could not confirm 'new' \(IncrementalDataSet, .*ConnectionResetError: lost"
    )
    with pytest.raises(RunFailedError, match=told):
        runner().run(Pipeline([node(count, "new", "n", confirms="new")]), catalog)
