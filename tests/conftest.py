"""What all tests share: one Spark session, which no test stops or replaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkpipe.spark.session import SparkProvider

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_SETTINGS = {
    "spark.master": "local[2]",
    "spark.ui.enabled": False,
    "spark.sql.shuffle.partitions": 2,
    "spark.sql.session.timeZone": "UTC",
    # Tests are many small jobs: they end before the second compiler has paid for itself.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Spark, also through another fixture: ``pytest -m "not spark"`` is quick."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The Spark session of the whole test run."""
    folder: Path = tmp_path_factory.mktemp("spark")
    settings = {**SPARK_SETTINGS, "spark.sql.warehouse.dir": (folder / "warehouse").as_posix()}
    provider = SparkProvider(settings, log_file=folder / "spark.log")
    session = provider.get()
    yield session
    provider.stop()
