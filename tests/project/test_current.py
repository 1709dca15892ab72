"""The current project, and the names of Kedro that a project imports after the renames."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.errors import ConfigError, PreflightError, ProjectNotFoundError
from sparkpipe.framework.project import pipelines
from sparkpipe.framework.project import settings as current_settings
from sparkpipe.project.current import (
    bootstrap_project,
    configure_project,
    project_of,
    validate_settings,
)

PACKAGE = "shop_of_current_tests"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    files = {
        "pyproject.toml": f'[tool.sparkpipe]\npackage_name = "{PACKAGE}"\nproject_name = "Shop"\n',
        f"src/{PACKAGE}/__init__.py": "",
        f"src/{PACKAGE}/settings.py": "CONF_SOURCE = 'conf'\n",
        f"src/{PACKAGE}/pipeline_registry.py": (
            "from sparkpipe.pipeline import node, pipeline\n"
            "def register_pipelines():\n"
            "    return {'__default__': pipeline([node(abs, 'params:x', 'y', name='n')])}\n"
        ),
        "conf/base/parameters.yml": "x: -3\n",
        "deep/down/here.txt": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield tmp_path.resolve()
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def alone(function: Any, *arguments: Any) -> Any:
    """Call a function so that the current project it sets is forgotten afterwards."""
    return copy_context().run(function, *arguments)


def test_bootstrapped_project_is_the_current_one(shop: Path) -> None:
    def work() -> None:
        project = bootstrap_project(shop)
        assert (project.package_name, project.project_name) == (PACKAGE, "Shop")
        assert project.project_path == shop
        assert list(pipelines) == ["__default__"]
        assert [n.name for n in pipelines["__default__"].nodes] == ["n"]
        assert len(pipelines) == 1
        assert "nothing" not in pipelines
        assert current_settings.CONF_SOURCE == "conf"
        assert current_settings["CONF_SOURCE"] == current_settings.get("CONF_SOURCE") == "conf"
        assert (current_settings.get("NO_SUCH"), current_settings.get("NO_SUCH", 1)) == (None, 1)
        assert importlib.import_module("sparkpipe.framework.project").PACKAGE_NAME == PACKAGE

    alone(work)
    assert alone(project_of).package_name != PACKAGE


def test_without_one_the_working_folder_tells(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "deep" / "down")
    assert list(pipelines) == ["__default__"]
    assert alone(configure_project, PACKAGE).path == shop


def test_no_project_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectNotFoundError):
        list(pipelines)
    with pytest.raises(ConfigError, match="no package 'no_such_shop'"):
        configure_project("no_such_shop")


def test_wrong_project_is_told_when_it_is_asked(shop: Path) -> None:
    (shop / f"src/{PACKAGE}/settings.py").write_text("HOOK = 1\n")

    def work() -> None:
        bootstrap_project(shop)
        with pytest.raises(PreflightError, match="no setting 'HOOK'"):
            _ = current_settings.HOOKS
        with pytest.raises(PreflightError, match="no setting 'HOOK'"):
            validate_settings()

    alone(work)


def test_installed_package_runs_with_configuration_beside_it(
    shop: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkpipe.framework.session import KedroSession

    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "conf/base").mkdir(parents=True)
    (elsewhere / "conf/base/parameters.yml").write_text("x: -8\n")
    monkeypatch.syspath_prepend(str(shop / "src"))
    monkeypatch.chdir(elsewhere)

    def work() -> None:
        configure_project(PACKAGE)
        with KedroSession.create(project_path=elsewhere) as session:
            assert session.run() == {"y": 8}

    alone(work)
    with KedroSession.create(PACKAGE, elsewhere) as session:
        assert session.run() == {"y": 8}


def test_program_of_kedros_form_runs(shop: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from sparkpipe.framework.session import KedroSession\n"
        "from sparkpipe.framework.startup import bootstrap_project\n"
        "bootstrap_project(Path.cwd())\n"
        "with KedroSession.create(extra_params={'x': -4}) as session:\n"
        "    print(session.run(pipeline_name='__default__'))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=shop, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("{'y': 4}\n", "")


@pytest.mark.parametrize(
    "path",
    [
        "config.AbstractConfigLoader",
        "config.BadConfigException",
        "config.ConfigLoader",
        "config.MissingConfigException",
        "config.OmegaConfigLoader",
        "config.TemplatedConfigLoader",
        "framework.context.KedroContext",
        "framework.context.KedroContextError",
        "framework.context.context.KedroContext",
        "framework.hooks.hook_impl",
        "framework.hooks.markers.hook_impl",
        "framework.project.configure_logging",
        "framework.project.configure_project",
        "framework.project.PACKAGE_NAME",
        "framework.project.validate_settings",
        "framework.project.find_pipelines",
        "framework.project.pipelines",
        "framework.project.settings",
        "framework.session.KedroSession",
        "framework.session.session.KedroSession",
        "framework.session.session.KedroSessionError",
        "framework.session.shelvestore.ShelveStore",
        "framework.session.store.BaseSessionStore",
        "framework.startup.bootstrap_project",
        "logging.RichHandler",
    ],
)
def test_names_of_kedro_have_counterparts(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(f"sparkpipe.{module}"), name) is not None
