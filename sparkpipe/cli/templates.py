"""The files that ``new`` and ``pipeline create`` write."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sys

    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

_SUFFIX = ".tmpl"
_PACKAGE = "__package__"
_HIDDEN = "dot-"


def filled(template: str, values: Mapping[str, str]) -> dict[PurePosixPath, str]:
    """Return the files of a template by their paths, with ``<<name>>`` replaced by its value.

    Args:
        template: A folder in ``sparkpipe/templates``.
        values: By name; ``package`` is part of paths too.
    """
    found = _files(files("sparkpipe") / "templates" / template, PurePosixPath())
    return {_path(path, values): _text(text, values) for path, text in sorted(found.items())}


def _files(folder: Traversable, below: PurePosixPath) -> dict[PurePosixPath, str]:
    found: dict[PurePosixPath, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _files(entry, below / entry.name)
        elif entry.name.endswith(_SUFFIX):
            found[below / entry.name] = entry.read_text(encoding="utf-8")
    return found


def _path(path: PurePosixPath, values: Mapping[str, str]) -> PurePosixPath:
    parts = [values["package"] if part == _PACKAGE else part for part in path.parts]
    name = parts.pop().removesuffix(_SUFFIX)
    if name.startswith(_HIDDEN):
        name = f".{name.removeprefix(_HIDDEN)}"
    return PurePosixPath(*parts, name)


def _text(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<<{name}>>", value)
    return text
