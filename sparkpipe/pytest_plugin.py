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
    """Add the setting ``sparkpipe_env`` and the option ``--sparkpipe-params``."""
    # '--params' alone might be an option of the project's own tests: two would break them.
    parser.getgroup("sparkpipe").addoption(
        "--sparkpipe-params",
        action="append",
        default=[],
        metavar="a.b:1,c:text",
        help="Parameters of the project in tests, on top of those of its files.",
    )
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


#: What a project's Spark brings along, which its tests need as well.
_BROUGHT = (
    "spark.jars",
    "spark.jars.packages",
    "spark.jars.excludes",
    "spark.jars.ivySettings",
    "spark.jars.repositories",
    "spark.driver.extraClassPath",
    "spark.executor.extraClassPath",
)


def _open_project(config: pytest.Config, **options: Any) -> Session:
    from sparkpipe.config import parse_params
    from sparkpipe.project import find_project
    from sparkpipe.session import Session

    project = find_project(config.rootpath)
    env = str(config.getini("sparkpipe_env"))
    if not env and (project.conf_source / "test").is_dir():
        env = "test"
    params = parse_params(",".join(config.getoption("--sparkpipe-params")))
    return Session(project, env or None, params, **options)


def _brought_by_project(config: pytest.Config) -> dict[str, str]:
    """Return the jars of the project's Spark; nothing where the tests are of no project."""
    from sparkpipe.errors import ProjectNotFoundError
    from sparkpipe.project.context import configuration
    from sparkpipe.spark.start.properties import read_settings

    try:
        project = _open_project(config)
    except ProjectNotFoundError:
        return {}
    _, settings = read_settings(configuration(project.config_loader, "spark"))
    return {key: settings[key] for key in _BROUGHT if key in settings}


@pytest.fixture(scope="session")
def _sparkpipe_spark(
    pytestconfig: pytest.Config,
    spark_settings: Mapping[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SparkProvider]:
    from sparkpipe.spark.session import SparkProvider

    folder: Path = tmp_path_factory.mktemp("spark")
    places = {
        "spark.sql.warehouse.dir": (folder / "warehouse").as_posix(),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={(folder / 'metastore').as_posix()};create=true"
        ),
    }
    settings = {**places, **_brought_by_project(pytestconfig), **spark_settings}
    provider = SparkProvider(settings, log_file=folder / "spark.log")
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
    pytestconfig: pytest.Config, _sparkpipe_spark: SparkProvider
) -> Iterator[Session]:
    """The project of the tests, with their Spark session."""
    with _open_project(pytestconfig, spark=_sparkpipe_spark.get) as session:
        yield session


@pytest.fixture
def sparkpipe_params() -> Mapping[str, Any]:
    """Parameters for ``project_catalog``, on top of the project's; by default there are none.

    A test gives them by ``parametrize``, a module or ``conftest.py`` by a fixture of this name.
    """
    return {}


@pytest.fixture
def project_catalog(
    sparkpipe_project: Session, sparkpipe_params: Mapping[str, Any], tmp_path: Path
) -> DataCatalog:
    """The project's catalog; what is saved goes to a temporary folder, or stays in memory."""
    from sparkpipe.testing import temporary_catalog

    project = sparkpipe_project
    if sparkpipe_params:
        project = project.with_params(sparkpipe_params)
    return temporary_catalog(project, tmp_path / "catalog")


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
