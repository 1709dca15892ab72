"""The project of the command-line tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_project import CATALOG, NODES, REGISTRY, ShopProject


@pytest.fixture
def shop(tmp_path: Path) -> ShopProject:
    project = ShopProject(tmp_path / "shop project")
    project.write("pyproject.toml", '[tool.sparkpipe]\npackage_name = "shop"\n')
    project.write("shop/__init__.py", "")
    project.write("shop/nodes.py", NODES)
    project.write("shop/pipeline_registry.py", REGISTRY)
    project.write("conf/base/catalog.yml", CATALOG)
    project.write("conf/base/parameters.yml", "factor: 2\n")
    project.write("data/numbers.json", "[1, 2, 3]")
    return project


@pytest.fixture
def refused(shop: ShopProject) -> Callable[..., str]:
    """Run a command that must be refused as misuse, and return what it says."""

    def run(*arguments: str) -> str:
        ended = shop.command(*(arguments or ("run",)))
        assert ended.status == 2, ended.text
        assert "Traceback" not in ended.text
        assert len(ended.text.strip().splitlines()) <= 15
        return ended.err

    return run
