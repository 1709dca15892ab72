"""What tests of runs on Spark share: runners of one process, and sessions of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from sparkpipe.runner import AbstractRunner, SequentialRunner, ThreadRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RUNNERS: dict[str, Callable[[], AbstractRunner]] = {
    "sequential": SequentialRunner,
    "thread": ThreadRunner,
}


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> AbstractRunner:
    return RUNNERS[request.param]()


@pytest.fixture(params=["classic", "connect"])
def session(request: pytest.FixtureRequest) -> Iterator[SparkSession]:
    """The session of a run, of both kinds."""
    found = request.getfixturevalue("spark" if request.param == "classic" else "connect")
    with activated(SparkProvider(session=found)):
        yield found
