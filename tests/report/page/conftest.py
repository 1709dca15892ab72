"""The browser in which pages are opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Chromium, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as started:
        yield started
