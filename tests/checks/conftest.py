"""What the tests of checks share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks of a project's own can be imported."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])


@pytest.fixture
def database(spark: SparkSession) -> Iterator[str]:
    """A database of the test's own."""
    name = f"db_{uuid4().hex}"
    spark.sql(f"CREATE DATABASE {name}")
    yield name
    spark.sql(f"DROP DATABASE {name} CASCADE")
