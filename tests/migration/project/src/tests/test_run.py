"""
Tests should be placed in ``src/tests``, in modules that mirror your project's structure, and in
files named test_*.py. To run the tests, run ``pytest`` from the project root directory.
"""

from pathlib import Path

import pytest
from kedro.config import ConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import _create_hook_manager
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataSetNotFoundError
from kedro.runner import SequentialRunner


@pytest.fixture
def config_loader():
    return ConfigLoader(conf_source=str(Path.cwd() / settings.CONF_SOURCE))


@pytest.fixture
def project_context(config_loader):
    return KedroContext(
        package_name="bike_hire",
        project_path=Path.cwd(),
        config_loader=config_loader,
        hook_manager=_create_hook_manager(),
    )


class TestProjectContext:
    def test_project_path(self, project_context):
        assert project_context.project_path == Path.cwd()

    def test_parameters(self, project_context):
        assert project_context.params["cleaning"]["minutes"] == {"least": 1, "most": 240}
        assert project_context.params["currency"] == "GBP"

    def test_catalog(self, project_context):
        catalog = project_context.catalog
        assert catalog.load("params:model_options.price.unlock") == 1.0
        assert list(catalog.load("weather").columns) == ["day", "kind", "degrees"]
        with pytest.raises(DataSetNotFoundError, match="nothing"):
            catalog.load("nothing")

    def test_kinds_of_configuration(self, config_loader):
        config = config_loader.get("spark*", "spark*/**")
        assert config["spark.scheduler.mode"] == "FAIR"
        with pytest.raises(KeyError):
            config_loader["nothing"]


class TestProject:
    def test_bootstrap(self):
        metadata = bootstrap_project(Path.cwd())
        assert metadata.package_name == "bike_hire"
        assert metadata.project_name == "Bike hire"
        assert metadata.source_dir == Path.cwd() / "src"
        assert metadata.config_file == Path.cwd() / "pyproject.toml"
        assert metadata.project_version == metadata.kedro_init_version == "0.18.14"

    def test_pipelines(self):
        bootstrap_project(Path.cwd())
        assert set(pipelines) == {"__default__", "data_processing", "modelling", "reporting"}
        assert len(pipelines["__default__"].nodes) == 12

    def test_session(self):
        metadata = bootstrap_project(Path.cwd())
        with KedroSession.create(metadata.package_name, Path.cwd()) as session:
            outputs = session.run(
                pipeline_name="reporting",
                runner=SequentialRunner(),
                node_names=["mean_degrees_node"],
            )
        assert outputs == {"mean_degrees": 5.67}
