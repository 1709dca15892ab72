"""The project of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_project import ShopProject, make_shop


@pytest.fixture
def shop(tmp_path: Path) -> ShopProject:
    return make_shop(tmp_path / "shop")
