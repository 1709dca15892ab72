"""A project with slices."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.pipeline import pipeline
from sparkpipe.session import Session

Make = Callable[..., Session]

SLICES = """
day: {every: 1 day, from: 2024-01-01, to: 2024-01-04}
region: [eu, us]
"""
CATALOG = """
raw: {type: json.JSONDataSet, filepath: "data/raw/${slice:day}.json"}
clean: {type: json.JSONDataSet, filepath: "data/clean/${slice:day}.json"}
rates: {type: json.JSONDataSet, filepath: data/rates.json}
total: {type: json.JSONDataSet, filepath: data/total.json}
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a project of these files and nodes, with raw data of the first three days."""

    def make_session(nodes: list[Any], more: str = "", **files: str) -> Session:
        texts = {
            "catalog": f"{CATALOG}{textwrap.dedent(more)}",
            "slices": SLICES,
            "parameters": "factor: 2",
            **files,
        }
        (tmp_path / "conf/base").mkdir(parents=True)
        for name, text in texts.items():
            (tmp_path / f"conf/base/{name}.yml").write_text(textwrap.dedent(text))
        (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "sliced"\n')
        (tmp_path / "data/raw").mkdir(parents=True)
        (tmp_path / "data/rates.json").write_text("10")
        for number in (1, 2, 3):
            (tmp_path / f"data/raw/2024-01-0{number}.json").write_text(f"{number}")
        session = Session(tmp_path)
        session._current.__dict__["registry"] = ({"__default__": pipeline(nodes)}, [])
        return session

    return make_session
