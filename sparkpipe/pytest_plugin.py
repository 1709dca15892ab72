"""Fixtures for the tests of a project; ``pytest -p no:sparkpipe`` leaves them out.

What a fixture needs is imported when a test asks for it, so other tests pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparkpipe.io import DataCatalog
    from sparkpipe.session import Session
    from sparkpipe.spark.session import SparkProvider


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``sparkpipe_env``."""
    parser.addini(
        "sparkpipe_env",
        "Configuration environment of the project in tests [test if there is conf/test].",
        default="",
    )


@pytest.fixture(scope="session")
def spark_settings() -> Mapping[str, Any]:
    """Properties of the Spark session of the tests; a project may have a fixture of its own."""
    from sparkpipe.testing import TEST_SETTINGS

    return TEST_SETTINGS


@pytest.fixture(scope="session")
def _sparkpipe_spark(
    spark_settings: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkProvider]:
    from sparkpipe.spark.session import SparkProvider

    folder: Path = tmp_path_factory.mktemp("spark")
    places = {
        "spark.sql.warehouse.dir": (folder / "warehouse").as_posix(),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={(folder / 'metastore').as_posix()};create=true"
        ),
    }
    provider = SparkProvider({**places, **spark_settings}, log_file=folder / "spark.log")
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def spark(_sparkpipe_spark: SparkProvider) -> SparkSession:
    """One Spark session for all tests, with a warehouse of its own.

    Where there is a session already (in a Databricks notebook), it is that one.
    """
    return _sparkpipe_spark.get()


@pytest.fixture(scope="session")
def sparkpipe_project(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, _sparkpipe_spark: SparkProvider
) -> Iterator[Session]:
    """The project of the tests, with their Spark session."""
    from sparkpipe.project import find_project
    from sparkpipe.session import Session

    project = find_project(pytestconfig.rootpath)
    env = str(pytestconfig.getini("sparkpipe_env"))
    if not env and (project.conf_source / "test").is_dir():
        env = "test"
    with Session(project, env or None, spark=_sparkpipe_spark.get) as session:
        yield session


@pytest.fixture
def project_catalog(sparkpipe_project: Session, tmp_path: Path) -> DataCatalog:
    """The project's catalog; what is saved goes to a temporary folder, or stays in memory."""
    from sparkpipe.testing import temporary_catalog

    return temporary_catalog(sparkpipe_project, tmp_path / "catalog")


@pytest.fixture
def run_pipeline(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Run a pipeline, or one of the project by its name: see ``sparkpipe.testing.run_pipeline``."""
    from sparkpipe import testing
    from sparkpipe.project import named_pipeline
    from sparkpipe.spark.session import activated

    def run(
        pipeline: Any,
        inputs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        __tracebackhide__ = True
        if isinstance(pipeline, str):
            project: Session = request.getfixturevalue("sparkpipe_project")
            pipeline = named_pipeline(project.pipelines, pipeline)
        with activated(request.getfixturevalue("_sparkpipe_spark")):
            return testing.run_pipeline(pipeline, inputs, **options)

    return run
