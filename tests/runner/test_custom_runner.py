"""Runners that users write."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import PreflightError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import DryRunner as OwnDryRunner
from sparkpipe.runner import SequentialRunner, ThreadRunner
from sparkpipe.runner.runner import AbstractRunner

PIPE = pipeline(
    [
        node(nodes.add_one, "a", "b", name="first"),
        node(nodes.add_one, "b", "c", name="second"),
        node(nodes.boom, "c", "d", name="third"),
    ]
)


class DryRunner(AbstractRunner):
    def create_default_data_set(self, ds_name: str) -> AbstractDataSet:
        return MemoryDataSet()

    def _run(self, pipeline: Any, catalog: Any, session_id: Any = None) -> None:  # type: ignore[override]
        lines = "\n".join(str(node) for node in pipeline.nodes)
        self._logger.info("Actual run would execute %d nodes:\n%s", len(pipeline.nodes), lines)


class WantsHooks(DryRunner):
    seen: Any = None

    def _run(self, pipeline: Any, catalog: Any, hook_manager: Any, session_id: Any = None) -> None:  # type: ignore[override]
        type(self).seen = (hook_manager, session_id, sorted(catalog))


class TakesAnything(DryRunner):
    seen: Any = None

    def _run(self, pipeline: Any, catalog: Any, **more: Any) -> None:  # type: ignore[override]
        type(self).seen = more


class AsksForNothing(DryRunner):
    ran = False

    def _run(self, pipeline: Any, catalog: Any) -> None:  # type: ignore[override]
        type(self).ran = True


class WithOwnDefaults(SequentialRunner):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def create_default_data_set(self, ds_name: str) -> AbstractDataSet:
        from sparkpipe.datasets.pickle import PickleDataSet

        return PickleDataSet(self.folder / f"{ds_name}.pkl")


@pytest.mark.parametrize("runner", [DryRunner(), OwnDryRunner()], ids=["user's", "ours"])
def test_a_dry_run_lists_the_nodes_and_returns_nothing(
    runner: AbstractRunner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert runner.run(PIPE, DataCatalog(feed_dict={"a": 1})) == {}
    (record,) = caplog.records
    assert record.name == type(runner).__module__
    first, *lines = record.getMessage().splitlines()
    assert first == "Actual run would execute 3 nodes:"
    assert [line.strip() for line in lines] == [
        "first: add_one([a]) -> [b]",
        "second: add_one([b]) -> [c]",
        "third: boom([c]) -> [d]",
    ]


@pytest.mark.parametrize("runner", [DryRunner(), OwnDryRunner()], ids=["user's", "ours"])
def test_a_dry_run_checks_what_a_run_checks(runner: AbstractRunner) -> None:
    with pytest.raises(PreflightError, match="'a' of node 'first'"):
        runner.run(PIPE, DataCatalog())


def test_the_dry_runner_class_runs_nothing(tmp_path: Path) -> None:
    from sparkpipe.datasets.pickle import PickleDataSet

    catalog = DataCatalog({"b": PickleDataSet(tmp_path / "b.pkl")}, feed_dict={"a": 1})
    OwnDryRunner().run(PIPE, catalog)
    assert list(tmp_path.iterdir()) == []


def test_a_runner_that_names_the_hook_manager_gets_it() -> None:
    manager = create_hook_manager()
    WantsHooks().run(PIPE, DataCatalog(feed_dict={"a": 1}), manager, "run-1")
    assert WantsHooks.seen == (manager, "run-1", ["a", "b", "c", "d"])


def test_a_runner_that_takes_anything_gets_it_too() -> None:
    manager = create_hook_manager()
    TakesAnything().run(PIPE, DataCatalog(feed_dict={"a": 1}), manager, "run-1")
    assert TakesAnything.seen == {"hook_manager": manager, "session_id": "run-1"}


def test_a_runner_makes_the_default_data_sets(tmp_path: Path) -> None:
    outputs = WithOwnDefaults(tmp_path).run(
        nodes.variance_pipeline(), DataCatalog(feed_dict={"xs": [1, 2, 3]})
    )
    assert outputs == {"v": 0.666666666666667}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.pkl" for name in ("m", "m2", "n", "v")
    ]


def test_an_abstract_runner_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        AbstractRunner()  # type: ignore[abstract]


# Running only what is missing


def _kept(tmp_path: Path, *names: str) -> DataCatalog:
    from sparkpipe.datasets.pickle import PickleDataSet

    files = {name: PickleDataSet(tmp_path / f"{name}.pkl") for name in names}
    return DataCatalog(files, feed_dict={"a": 1})


CHAIN = pipeline(
    [node(nodes.add_one, x, y, name=f"make_{y}") for x, y in (("a", "b"), ("b", "c"), ("c", "d"))]
)


@pytest.mark.parametrize("make", [SequentialRunner, ThreadRunner])
@pytest.mark.parametrize(
    ("kept", "there", "ran"),
    [
        (("b", "c", "d"), ("b", "c", "d"), []),
        (("b", "c", "d"), ("b", "c"), ["make_d"]),
        # d was made of another c.
        (("b", "c", "d"), ("d",), ["make_b", "make_c", "make_d"]),
        (("b", "d"), ("b",), ["make_c", "make_d"]),  # c is in memory only
        (("d",), ("d",), []),
        (("d",), (), ["make_b", "make_c", "make_d"]),
        (("b",), ("b",), ["make_c", "make_d"]),  # d is free, so it is always made
    ],
)
def test_only_what_is_missing_runs(
    tmp_path: Path, make: Any, kept: tuple[str, ...], there: tuple[str, ...], ran: list[str]
) -> None:
    catalog = _kept(tmp_path, *kept)
    for name in there:
        catalog.save(name, {"b": 2, "c": 3, "d": 4}[name])
    log = nodes.LogOfCalls(tmp_path / "log")
    outputs = make().run_only_missing(CHAIN, catalog, create_hook_manager([log]))
    assert [line.split()[0] for line in log.lines if "before run" in line] == ran
    assert outputs == ({} if "d" in kept else {"d": 4})


def test_run_is_given_only_what_it_asks_for() -> None:
    assert AsksForNothing().run(PIPE, DataCatalog(feed_dict={"a": 1}), session_id="id") == {}
    assert AsksForNothing.ran
