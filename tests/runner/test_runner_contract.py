"""What every runner does alike."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.datasets.pandas import CSVDataSet
from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.text import TextDataSet
from sparkpipe.errors import PreflightError, RunFailedError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

RUNNERS: dict[str, Callable[[], AbstractRunner]] = {
    "sequential": SequentialRunner,
    "sequential-async": lambda: SequentialRunner(is_async=True),
    "thread": ThreadRunner,
    "parallel": lambda: ParallelRunner(max_workers=2),
    "parallel-async": lambda: ParallelRunner(max_workers=2, is_async=True),
    "hybrid": lambda: HybridRunner(max_workers=2, max_processes=2),
    "hybrid-async": lambda: HybridRunner(max_workers=2, max_processes=2, is_async=True),
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return RUNNERS[request.param]()


class ReleaseLog(AbstractDataSet):
    """A number in a file; tells in another file that it was released."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / name
        self._released = folder / "released"
        self._name = name

    def _load(self) -> int:
        return int(self._file.read_text())

    def _save(self, data: int) -> None:
        self._file.write_text(str(data))

    def _exists(self) -> bool:
        return self._file.exists()

    def _release(self) -> None:
        with self._released.open("a") as file:
            file.write(self._name + "\n")

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name}


class ConfirmLog(ReleaseLog):
    """Tells in a file that it was confirmed."""

    def confirm(self) -> None:
        self._file.with_suffix(".confirmed").touch()


# What a run returns


def test_variance_of_one_two_three(runner: AbstractRunner) -> None:
    catalog = DataCatalog(feed_dict={"xs": [1, 2, 3]})
    assert runner.run(nodes.variance_pipeline(), catalog) == {"v": 0.666666666666667}


def test_a_registered_output_is_in_the_catalog_and_not_returned(runner: AbstractRunner) -> None:
    io = DataCatalog({"v": MemoryDataSet()}, feed_dict={"xs": [1, 2, 3]})
    assert runner.run(nodes.variance_pipeline(), io) == {}
    assert io.load("v") == 0.666666666666667


def test_an_output_registered_as_a_file_is_in_the_file(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    kept = PickleDataSet(tmp_path / "v.pkl")
    io = DataCatalog({"v": kept}, feed_dict={"xs": [1, 2, 3]})
    assert runner.run(nodes.variance_pipeline(), io) == {}
    assert PickleDataSet(tmp_path / "v.pkl").load() == pytest.approx(2 / 3)


def test_all_free_outputs_are_returned_and_nothing_else(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [
            node(nodes.pair, "x", ["a", "b"], name="pair"),
            node(nodes.add_one, "a", "c", name="c"),
            node(nodes.add_one, "a", "d", name="d"),
        ]
    )
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 1})) == {"b": 2, "c": 2, "d": 2}


def test_the_catalog_given_is_not_changed(runner: AbstractRunner) -> None:
    catalog = DataCatalog(feed_dict={"xs": [1, 2, 3]})
    runner.run(nodes.variance_pipeline(), catalog)
    assert list(catalog) == ["xs"]
    assert catalog.load("xs") == [1, 2, 3]


def test_a_second_run_with_the_same_catalog_gives_the_same(runner: AbstractRunner) -> None:
    catalog = DataCatalog({"v": MemoryDataSet()}, feed_dict={"xs": [1, 2, 3]})
    for _ in range(2):
        assert runner.run(nodes.variance_pipeline(), catalog) == {}
        assert catalog.load("v") == pytest.approx(2 / 3)


def test_an_empty_pipeline_does_nothing(runner: AbstractRunner) -> None:
    assert runner.run(Pipeline([]), DataCatalog()) == {}


def test_a_node_without_outputs_runs(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(nodes.nothing, "x", None, name="look")])
    manager = create_hook_manager([log])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 1}), manager) == {}
    assert "look after run []" in log.lines


# What nodes may return and be given


@pytest.mark.parametrize("value", [0, False, "", [], {}, 0.0])
def test_falsy_data_is_data(runner: AbstractRunner, value: Any) -> None:
    pipe = pipeline(
        [
            node(nodes.identity, "a", "b", name="first"),
            node(nodes.identity, "b", "c", name="second"),
        ]
    )
    assert runner.run(pipe, DataCatalog(feed_dict={"a": value})) == {"c": value}


def test_nodes_named_zero_and_one_run(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [node(nodes.add_one, "a", "b", name="0"), node(nodes.add_one, "b", "c", name="1")]
    )
    assert runner.run(pipe, DataCatalog(feed_dict={"a": 0})) == {"c": 2}


def test_parameters_reach_nodes_also_when_none(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [
            node(nodes.scaled, ["x", "parameters"], "y", name="scale"),
            node(nodes.is_none, "params:limit", "limit_is", name="limit"),
        ]
    )
    feed = {"x": 2, "parameters": {"factor": 1.5, "limit": None}, "params:limit": None}
    assert runner.run(pipe, DataCatalog(feed_dict=feed)) == {"y": 3.0, "limit_is": "none"}


def test_outputs_as_a_dictionary_go_by_key(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.as_mapping, "x", {"right": "r", "left": "l"})])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 1})) == {"l": 1, "r": 2}


def test_inputs_as_a_dictionary_go_by_keyword(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.add, {"y": "a", "x": "b"}, "ab")])
    assert runner.run(pipe, DataCatalog(feed_dict={"a": "A", "b": "B"})) == {"ab": "BA"}


def test_one_data_set_may_be_two_arguments(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.add, ["a", "a"], "twice")])
    assert runner.run(pipe, DataCatalog(feed_dict={"a": 4})) == {"twice": 8}


def test_a_node_may_turn_one_form_of_a_data_set_into_another(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    text = tmp_path / "x.txt"
    text.write_text("41", encoding="utf-8")
    catalog = DataCatalog(
        {"x@text": TextDataSet(text), "x@pickle": PickleDataSet(tmp_path / "x.pkl")}
    )
    in_place = pipeline(
        [
            node(nodes.add_one, "x@pickle", "more", name="after"),
            node(int, "x@text", "x@pickle", name="convert"),
        ]
    )
    assert runner.run(in_place, catalog) == {"more": 42}
    assert catalog.load("x@pickle") == 41


def test_a_node_cannot_change_what_another_one_gets(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [
            node(nodes.identity, "xs", "ys", name="make"),
            node(nodes.append_inplace, "ys", "changed", name="change"),
            node(nodes.add, ["ys", "changed"], "both", name="read_after"),
        ]
    )
    assert runner.run(pipe, DataCatalog(feed_dict={"xs": [1]})) == {"both": [1, 1, 99]}


def test_a_generator_node_saves_chunk_by_chunk(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(nodes.chunks, "x", "y", name="stream")])
    manager = create_hook_manager([log])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 3}), manager) == {"y": [2]}
    saved = [line for line in log.lines if "after save" in line]
    assert saved == [f"stream after save y [{number}]" for number in range(3)]
    assert [line for line in log.lines if "after run" in line] == ["stream after run [('y', [2])]"]


def test_a_generator_node_may_have_more_outputs(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.pairs_of_chunks, "x", ["up", "down"])])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 3})) == {"up": [2], "down": [-2]}


def test_a_generator_that_gives_nothing_saves_nothing(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.chunks, "x", "y")])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 0})) == {}


# Refused before anything runs


def test_inputs_not_in_the_catalog_are_all_named(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline(
        [
            node(nodes.identity, "orders", "a", name="first"),
            node(nodes.add, ["a", "customers"], "b", name="second"),
            node(nodes.identity, "params:limit", "c", name="third"),
        ]
    )
    with pytest.raises(PreflightError) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"order": 1}), create_hook_manager([log]))
    assert len(caught.value.problems) == 3
    text = str(caught.value)
    assert "'orders' of node 'first'" in text
    assert "Did you mean 'order'?" in text
    assert "'customers' of node 'second'" in text
    assert "'params:limit'" in text or "parameter 'limit' that node 'third'" in text
    assert log.lines == []


def test_missing_files_are_all_named(runner: AbstractRunner, tmp_path: Path) -> None:
    pipe = pipeline([node(nodes.add, ["a", "b"], "c", name="join")])
    io = DataCatalog({"a": CSVDataSet(tmp_path / "a.csv"), "b": PickleDataSet(tmp_path / "b.pkl")})
    with pytest.raises(PreflightError) as caught:
        runner.run(pipe, io)
    assert len(caught.value.problems) == 2
    assert all(name in str(caught.value) for name in ("a.csv", "b.pkl", "'join'"))


# Failures


def test_a_failure_holds_node_and_reason_and_what_to_do(runner: AbstractRunner) -> None:
    pipe = pipeline(
        [
            node(nodes.add_one, "a", "b", name="good"),
            node(nodes.boom, "b", "c", name="bad"),
            node(nodes.add_one, "c", "d", name="never"),
        ]
    )
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))
    error = caught.value
    (failure,) = error.failures
    assert failure.node_name == "bad"
    assert failure.message == "Node 'bad' failed: ValueError: the barrel is empty"
    assert failure.location.endswith("in boom")
    assert "runner_nodes.py" in failure.location
    assert 'raise ValueError("the barrel is empty")' in failure.traceback_text
    assert (error.completed, error.total) == (1, 3)
    assert error.resume_from == ("good",)  # what it made was only in memory
    assert "sparkpipe run --from-nodes good" in str(error)


def test_the_cause_of_a_failure_is_chained(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.boom, "a", "b", name="bad")])
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))
    assert caught.value.__cause__ is caught.value.failures[0]
    assert caught.value.failures[0].__cause__ is not None


def test_a_function_that_leaves_python_fails_its_node_only(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.leave, "a", "b", name="leaver")])
    with pytest.raises(RunFailedError, match=r"'leaver' failed: .*sys\.exit\(7\)"):
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))


def test_a_node_over_its_time_fails_and_saves_nothing(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    catalog = DataCatalog({"kept": PickleDataSet(tmp_path / "kept.pkl")}, feed_dict={"a": 1})
    for function, output in ((nodes.slow, "kept"), (nodes.slow_and_nothing, None)):
        pipe = pipeline([node(function, "a", output, name="long", timeout=0.1)])
        with pytest.raises(RunFailedError, match=r"'long' took longer than its timeout of 0\.1 s"):
            runner.run(pipe, catalog)
    assert not (tmp_path / "kept.pkl").exists()


def test_none_cannot_be_saved(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.nothing, "a", "b", name="forgot_to_return")])
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))
    message = caught.value.failures[0].message
    assert message.startswith("Node 'forgot_to_return' could not save 'b'")
    assert "None cannot be saved" in message


@pytest.mark.parametrize(
    ("function", "outputs", "told"),
    [
        (nodes.three, ["b", "c"], r"'bad' declares 2 outputs \[b,c\]; its function returned 3"),
        (nodes.identity, ["b", "c"], r"must return a list or tuple of 2; it returned int"),
        (nodes.lacks_right, {"left": "b", "right": "c"}, r"lacks the keys right; it has left"),
        (nodes.identity, {"left": "b"}, r"must return one; it returned int"),
    ],
)
def test_wrong_outputs_are_told(
    runner: AbstractRunner, function: Any, outputs: Any, told: str
) -> None:
    pipe = pipeline([node(function, "a", outputs, name="bad")])
    with pytest.raises(RunFailedError, match=told) as caught:
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}))
    assert caught.value.failures[0].node_name == "bad"


def test_a_generator_that_fails_halfway_fails_the_node(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(nodes.chunks_then_boom, "a", "b", name="half")])
    with pytest.raises(RunFailedError, match="the barrel is empty"):
        runner.run(pipe, DataCatalog(feed_dict={"a": 1}), create_hook_manager([log]))
    assert log.lines[-2:] == ["half after save b [1]", "half error the barrel is empty"]


def test_a_data_set_that_cannot_be_read_is_named(runner: AbstractRunner, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"this is no pickle")
    pipe = pipeline([node(nodes.identity, "a", "b", name="reader")])
    with pytest.raises(RunFailedError) as caught:
        runner.run(pipe, DataCatalog({"a": PickleDataSet(tmp_path / "a.pkl")}))
    message = caught.value.failures[0].message
    assert message.startswith("Node 'reader' could not load 'a' (PickleDataSet, ")
    assert "a.pkl" in message


# Hooks


def test_hooks_are_called_once_each_in_order(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(nodes.pair, "a", ["b", "c"], name="n")])
    runner.run(pipe, DataCatalog(feed_dict={"a": 1}), create_hook_manager([log]), "run-7")
    saves = sorted(log.lines[4:])
    assert log.lines[:4] == [
        "n before load a",
        "n after load a 1",
        "n before run [('a', 1)] run-7",
        "n after run [('b', 1), ('c', 2)]",
    ]
    assert saves == [f"n {when} save {x}" for when in ("after", "before") for x in ("b 1", "c 2")]


def test_hooks_of_each_data_set_keep_their_order(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    feed = {"xs": [1, 2, 3]}
    runner.run(nodes.variance_pipeline(), DataCatalog(feed_dict=feed), create_hook_manager([log]))
    of_mean = [line for line in log.lines if line.startswith("mean ")]
    assert len(of_mean) == len(set(of_mean)) == 8
    for name in ("xs", "n"):
        before = next(i for i, x in enumerate(of_mean) if f"before load {name}" in x)
        after = next(i for i, x in enumerate(of_mean) if f"after load {name}" in x)
        assert before < after < 4
    assert [line.split()[1:3] for line in of_mean[4:]] == [
        ["before", "run"],
        ["after", "run"],
        ["before", "save"],
        ["after", "save"],
    ]


def test_hooks_are_called_in_the_order_given(runner: AbstractRunner, tmp_path: Path) -> None:
    hooks = [nodes.Numbered(tmp_path / "log", number) for number in range(12)]
    pipe = pipeline([node(nodes.identity, "x", "y")])
    runner.run(pipe, DataCatalog(feed_dict={"x": 1}), create_hook_manager(hooks))
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(12)]


def test_a_hook_may_replace_inputs(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.add_one, "x", "y")])
    manager = create_hook_manager([nodes.ReplaceInput()])
    assert runner.run(pipe, DataCatalog(feed_dict={"x": 1}), manager) == {"y": 42}


def test_a_failing_hook_fails_the_node(runner: AbstractRunner) -> None:
    pipe = pipeline([node(nodes.add_one, "x", "y", name="n")])
    manager = create_hook_manager([nodes.FailingHook()])
    with pytest.raises(RunFailedError, match="'n' failed: RuntimeError: the hook does not like it"):
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}), manager)


def test_the_error_of_a_node_is_told_to_hooks(runner: AbstractRunner, tmp_path: Path) -> None:
    log = nodes.LogOfCalls(tmp_path / "log")
    pipe = pipeline([node(nodes.boom, "x", "y", name="n")])
    with pytest.raises(RunFailedError):
        runner.run(pipe, DataCatalog(feed_dict={"x": 1}), create_hook_manager([log]))
    assert log.lines[-1] == "n error the barrel is empty"


# Release


def test_data_between_nodes_is_released_and_ends_are_not(
    runner: AbstractRunner, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("1")
    io = DataCatalog({name: ReleaseLog(tmp_path, name) for name in "abcd"})
    pipe = pipeline(
        [
            node(nodes.add_one, "a", "b", name="1"),
            node(nodes.add_one, "b", "c", name="2"),
            node(nodes.add, ["b", "c"], "d", name="3"),
        ]
    )
    runner.run(pipe, io)
    assert (tmp_path / "released").read_text().split() == ["b", "c"]
    assert io.load("d") == 5


# Logs


def test_data_is_confirmed_once_its_node_has_run(runner: AbstractRunner, tmp_path: Path) -> None:
    names = ("early", "late", "lost")
    for name in names:
        (tmp_path / name).write_text("1")
    catalog = DataCatalog({name: ConfirmLog(tmp_path, name) for name in names})
    chain = pipeline(
        [
            node(nodes.add, ["early", "late"], "b", name="first", confirms="early"),
            node(nodes.add_one, "b", "c", name="second", confirms="late"),  # which it does not read
            node(nodes.boom, "c", "d", name="third", confirms="lost"),
        ]
    )
    with pytest.raises(RunFailedError, match="third"):
        runner.run(chain, catalog)
    confirmed = {name for name in names if (tmp_path / f"{name}.confirmed").exists()}
    assert confirmed == {"early", "late"}


def test_logs_tell_what_runs(
    runner: AbstractRunner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "table.csv").write_text("a\n1\n")
    io = DataCatalog(
        {"table": CSVDataSet(tmp_path / "table.csv"), "kept": PickleDataSet(tmp_path / "k.pkl")}
    )
    pipe = pipeline(
        [
            node(nodes.identity, "table", "between", name="first"),
            node(nodes.identity, "between", "kept", name="second"),
        ]
    )
    with caplog.at_level(logging.INFO, logger="sparkpipe"):
        runner.run(pipe, io)
    for line in (
        "Loading data from 'table' (CSVDataSet)...",
        "Running node: first: identity([table]) -> [between]",
        "Completed 1 out of 2 tasks",
        "Running node: second: identity([between]) -> [kept]",
        "Saving data to 'kept' (PickleDataSet)...",
        "Completed 2 out of 2 tasks",
    ):
        assert caplog.messages.count(line) == 1, line


def test_progress_is_logged_by_the_runner(
    runner: AbstractRunner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sparkpipe"):
        runner.run(nodes.variance_pipeline(), DataCatalog(feed_dict={"xs": [1, 2, 3]}))
    told = [record for record in caplog.records if record.getMessage().startswith("Completed")]
    assert [record.getMessage() for record in told] == [
        f"Completed {number} out of 4 tasks" for number in (1, 2, 3, 4)
    ]
    assert {record.name for record in told} == {type(runner).__module__}


def test_only_asynchronous_runs_say_so(
    runner: AbstractRunner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sparkpipe"):
        runner.run(nodes.variance_pipeline(), DataCatalog(feed_dict={"xs": [1]}))
    said = caplog.messages.count("Asynchronous mode is enabled for loading and saving data")
    assert said == (1 if runner._is_async else 0)
