"""What ``pip install 'sparkpipe[...]'`` brings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


@pytest.fixture
def extras() -> dict[str, list[str]]:
    if not PYPROJECT.is_file():
        pytest.skip("only the tests are here")
    found = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("extra", ["spark", "connect"])
def test_beside_pyspark_comes_the_pandas_that_it_supports(
    extras: dict[str, list[str]], extra: str
) -> None:
    # Beside pandas 3 pyspark 4.2 warns at every start.
    assert "pandas<3" in extras[extra]


def test_pandas_alone_may_be_newer(extras: dict[str, list[str]]) -> None:
    assert "pandas>=2.0,<4" in extras["pandas"]
