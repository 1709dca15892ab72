"""The project of the command-line tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_project import ShopProject, make_shop


@pytest.fixture
def shop(tmp_path: Path) -> ShopProject:
    return make_shop(tmp_path / "shop project")


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
