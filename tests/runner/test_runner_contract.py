"""What every runner does alike."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import runner_nodes as nodes

from sparkpipe.errors import DataSetError
from sparkpipe.hooks import create_hook_manager
from sparkpipe.io import DataCatalog
from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)
from sparkpipe.runner.task import NodeOutcome
from sparkpipe.runner.work import Work
from sparkpipe.testing import RUNNER_CHECKS
from sparkpipe.testing.runner_checks import RunnerCheck, check_preflight

MAKERS: dict[str, Callable[..., AbstractRunner]] = {
    "sequential": SequentialRunner,
    "sequential-async": partial(SequentialRunner, is_async=True),
    "thread": ThreadRunner,
    "parallel": partial(ParallelRunner, max_workers=2),
    "parallel-async": partial(ParallelRunner, max_workers=2, is_async=True),
    "hybrid": partial(HybridRunner, max_workers=2, max_processes=2),
    "hybrid-async": partial(HybridRunner, max_workers=2, max_processes=2, is_async=True),
}


@pytest.mark.parametrize("check", RUNNER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_runner_keeps_the_contract(
    make: Callable[..., AbstractRunner], check: RunnerCheck, tmp_path: Path
) -> None:
    check(make, tmp_path)


class _Loses(SequentialRunner):
    """Breaks the contract: what nodes save is lost, and nobody is told of them."""

    def _pool(self, work: Work) -> Any:
        return nullcontext(_Idle())


class _Idle:
    lanes = (1,)

    def lane_of(self, node: Any) -> int:
        return 0

    def start(self, node: Any, done: Any) -> None:
        done(NodeOutcome())


# What is refused before anything runs does not depend on the pool, nor does a run of no nodes.
@pytest.mark.parametrize(
    "check",
    [check for check in RUNNER_CHECKS if check is not check_preflight],
    ids=lambda check: check.__name__,
)
def test_a_runner_that_breaks_the_contract_is_found_out(check: RunnerCheck, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, OSError, DataSetError)):
        check(_Loses, tmp_path)


@pytest.fixture(params=MAKERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return MAKERS[request.param]()


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
