"""A package of a project that a test writes, and writes again."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


class Package:
    """A package ``trips``, imported anew each time that it is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "trips"
        self._folder.mkdir()
        self.write("__init__", "")

    def write(self, module: str, source: str) -> None:
        file = self._folder / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), encoding="utf-8")

    def load(self, module: str = "nodes") -> ModuleType:
        for name in [one for one in sys.modules if one.partition(".")[0] == "trips"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        cached = self._folder / "__pycache__"
        for compiled in cached.glob("*.pyc") if cached.exists() else ():
            compiled.unlink()  # written within one tick of the clock
        return importlib.import_module(f"trips.{module}")

    def nodes(self, source: str) -> ModuleType:
        self.write("nodes", source)
        return self.load()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Package(tmp_path)
    for name in [one for one in sys.modules if one.partition(".")[0] == "trips"]:
        del sys.modules[name]
