"""The project of the command-line tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_project import ShopProject, make_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopProject]:
    yield make_shop(tmp_path / "shop project")
    # Of a session in this process: the next test has another package of this name.
    for name in [one for one in sys.modules if one.partition(".")[0] == "shop"]:
        del sys.modules[name]


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
