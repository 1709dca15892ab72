"""What the tests of Spark's data sets share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(
    params=[
        pytest.param("classic", marks=pytest.mark.classic("the other kind of session is tested")),
        "connect",
    ]
)
def session(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    """A classic session, and one of Spark Connect, which data sets of the test use."""
    chosen = spark if request.param == "classic" else request.getfixturevalue("connect")
    with activated(SparkProvider(session=chosen)):
        yield chosen


@pytest.fixture
def database(spark: SparkSession) -> Iterator[str]:
    """A database of the test's own."""
    name = f"db_{uuid4().hex}"
    spark.sql(f"CREATE DATABASE {name}")
    yield name
    spark.sql(f"DROP DATABASE {name} CASCADE")
