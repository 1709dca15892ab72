"""Fifty random pipelines under every runner; a load test runs a thousand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from dag_cases import Case, cases, check
from hypothesis import HealthCheck, Phase, given, settings

from sparkpipe.runner import (
    AbstractRunner,
    HybridRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
)

MakeRunner = Callable[..., AbstractRunner]


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("make", "times", "with_hooks"),
    [
        (SequentialRunner, 20, True),
        (ThreadRunner, 20, True),
        (partial(ParallelRunner, 2, start_method="forkserver"), 5, False),
        (partial(HybridRunner, 4, 2, start_method="forkserver"), 5, False),
    ],
    ids=["sequential", "thread", "parallel", "hybrid"],
)
def test_outcomes_are_those_of_a_plain_evaluation(
    make: MakeRunner, times: int, with_hooks: bool
) -> None:
    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[*HealthCheck],
        # A case that fails by its timing only costs minutes to make smaller.
        phases=[Phase.generate],
    )
    @given(cases())
    def run(case: Case) -> None:
        check(case, make(continue_on_failure=case.goes_on), with_hooks=with_hooks)

    run()
