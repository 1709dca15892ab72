"""How much values stand for that refer to others by ``${...}``: a few lines can mean billions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# The place of another value, with dots before it where it is looked for from here.
_REFERENCE = re.compile(r"\$\{\s*(\.*)([\w.\[\]-]+)\s*\}")

# OmegaConf resolves each reference anew, some ten thousand in a second.
_MOST_REFERENCES = 100_000

_Path = tuple[Any, ...]


def refers_without_end(values: Mapping[str, Any], key: str) -> bool:
    """Whether a value would take more references to resolve than anybody has use for.

    Args:
        values: All values of the file.
        key: The first-level key of the value.
    """
    try:
        return _Growth(values).of((key,)) > _MOST_REFERENCES
    except RecursionError:  # OmegaConf tells it
        return False


class _Growth:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._known: dict[_Path, int] = {}

    def of(self, path: _Path) -> int:
        """Return how many references there are in the value of a place, with those in theirs."""
        if path in self._known:
            return self._known[path]
        self._known[path] = 0  # of what refers to itself OmegaConf tells
        value = self._at(path)
        total = 0
        if isinstance(value, (dict, list)):
            keys = value if isinstance(value, dict) else range(len(value))
            total = sum(self.of((*path, key)) for key in keys)
        elif isinstance(value, str) and "${" in value:
            total = sum(1 + self.of(other) for other in self._references(value, path))
        self._known[path] = total
        return total

    def _references(self, text: str, path: _Path) -> list[_Path]:
        found = []
        for dots, name in _REFERENCE.findall(text):
            steps = tuple(filter(None, re.split(r"[.\[\]]", name)))
            above = path[: len(path) - len(dots)] if dots else ()
            found.append((*above, *steps))
        return found

    def _at(self, path: _Path) -> Any:
        value: Any = self._values
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and str(step).isdecimal():
                value = value[int(step)] if int(step) < len(value) else None
            else:
                return None
        return value
