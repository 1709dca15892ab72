"""Settings of a project: what they may be, and what is said of those that are wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sparkpipe.config import ConfigLoader, OmegaConfigLoader
from sparkpipe.project import find_project
from sparkpipe.project.settings import Settings, load_settings

Load = Callable[[str | None], tuple[Settings, list[str]]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load the settings of a project with this text in settings.py."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = tmp_path / "shop_with_settings"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.sparkpipe]\npackage_name = "shop_with_settings"\n'
    )

    def load_text(text: str | None) -> tuple[Settings, list[str]]:
        if text is not None:
            (package / "settings.py").write_text(dedent(text), encoding="utf-8")
        return load_settings(find_project(tmp_path))

    yield load_text
    for name in [name for name in sys.modules if name.startswith("shop_with_settings")]:
        del sys.modules[name]


def test_every_setting_has_a_default(load: Load) -> None:
    settings, problems = load(None)
    assert problems == []
    assert settings == Settings()
    assert settings.CONFIG_LOADER_CLASS is OmegaConfigLoader


def test_settings_are_those_of_the_module(load: Load) -> None:
    settings, problems = load(
        """
        from pathlib import Path
        import json as JSON
        from sparkpipe.config import ConfigLoader as ConfigLoader
        from sparkpipe.io import DataCatalog

        class Hook: ...
        class ABC: ...
        class Catalog(DataCatalog): ...

        _OWN = 1
        lower = 2
        HOOKS = [Hook()]
        DISABLE_HOOKS_FOR_PLUGINS = ("a-plugin",)
        CONF_SOURCE = Path("settings")
        CONFIG_LOADER_CLASS = ConfigLoader
        CONFIG_LOADER_ARGS = {"base_env": "common"}
        DATA_CATALOG_CLASS = Catalog
        def SPARK_SESSION(): ...
        """
    )
    assert problems == []
    assert [type(hook).__name__ for hook in settings.HOOKS] == ["Hook"]
    assert settings.DISABLE_HOOKS_FOR_PLUGINS == ("a-plugin",)
    assert settings.CONF_SOURCE == "settings"
    assert settings.CONFIG_LOADER_CLASS is ConfigLoader
    assert settings.CONFIG_LOADER_ARGS == {"base_env": "common"}
    assert settings.DATA_CATALOG_CLASS.__name__ == "Catalog"
    assert callable(settings.SPARK_SESSION)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HOOK = ()", "there is no setting 'HOOK'. Did you mean 'HOOKS'?"),
        ("class A: ...\nDATA_CATALOG_CLAS = A", "Did you mean 'DATA_CATALOG_CLASS'?"),
        ("def SPARK_SESION(): ...", "Did you mean 'SPARK_SESSION'?"),
        ("ZZZ = 1", "A name of your own begins with '_'"),
        ("HOOKS = 3", "HOOKS must be a tuple of hooks, not int. For one hook write HOOKS = ("),
        ("HOOKS = {1}", "HOOKS must be a tuple of hooks, not set"),
        ("DISABLE_HOOKS_FOR_PLUGINS = 'x'", "must be a tuple of names of packages, not 'x'"),
        ("CONF_SOURCE = 3", "CONF_SOURCE must be a path, not 3"),
        ("CONFIG_LOADER_CLASS = dict", "derived from sparkpipe.config.AbstractConfigLoader"),
        ("CONFIG_LOADER_ARGS = []", "CONFIG_LOADER_ARGS must be a dictionary of arguments"),
        ("DATA_CATALOG_CLASS = object()", "derived from sparkpipe.io.DataCatalog, not <object"),
        ("CONTEXT_CLASS = int", "derived from sparkpipe.project.context.ProjectContext, not int"),
        ("SESSION_STORE_CLASS = 'x'", "SESSION_STORE_CLASS must be a class, not str"),
        ("SPARK_SESSION = 'local'", "SPARK_SESSION must be a function that returns"),
        ("1 / 0", "ZeroDivisionError"),
        ("import nothing_of_this_name", "no module 'nothing_of_this_name'"),
    ],
)
def test_wrong_setting_is_told_and_has_its_default(load: Load, text: str, told: str) -> None:
    settings, problems = load(text)
    assert settings == Settings()
    assert len(problems) == 1
    assert "shop_with_settings.settings" in problems[0]
    assert told in problems[0]


def test_all_wrong_settings_are_told(load: Load) -> None:
    settings, problems = load("HOOKS = 3\nCONF_SOURCE = 'ours'\nHOOK = 1\n")
    assert len(problems) == 2
    assert settings.CONF_SOURCE == "ours"


def test_package_of_another_project_with_the_same_name_is_refused(
    load: Load, tmp_path: Path
) -> None:
    assert load("HOOKS = ()")[1] == []
    other = tmp_path / "other"
    (other / "shop_with_settings").mkdir(parents=True)
    (other / "shop_with_settings" / "__init__.py").write_text("")
    (other / "pyproject.toml").write_text((tmp_path / "pyproject.toml").read_text())
    (problem,) = load_settings(find_project(other))[1]
    assert f"of {other.resolve()} cannot be imported" in problem
    assert str(tmp_path.resolve() / "shop_with_settings") in problem


def test_settings_are_frozen() -> None:
    settings: Any = Settings()
    with pytest.raises(AttributeError):
        settings.HOOKS = (1,)
