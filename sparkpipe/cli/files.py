"""Files that commands write into a project: never over what is there, and all or none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sparkpipe.errors import ConfigError

_IN_A_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


def check_file_name(name: str, what: str) -> None:
    """Refuse a name that cannot be part of the name of a file.

    Raises:
        ConfigError: It has other characters than letters, digits and ``_ . -``.
    """
    if not _IN_A_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be {what}.", hint="Take letters, digits, '_', '.' and '-' only."
        )


def write_new(files: Mapping[Path, str]) -> None:
    """Write files that are not there yet; if one cannot be written, none is left.

    Raises:
        ConfigError: One is there already, or cannot be written.
    """
    for path in files:
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{shown(path)} is there already; nothing was written.",
                hint="Take another name, or move it away.",
            )
    written: list[Path] = []
    folders: list[Path] = []
    try:
        for path, text in files.items():
            folders += _make_folders(path.parent)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except BaseException as exc:
        for path in written:
            path.unlink(missing_ok=True)
        for folder in reversed(folders):
            with suppress(OSError):  # someone else has written into it
                folder.rmdir()
        if isinstance(exc, OSError):
            raise ConfigError(f"{shown(path)} cannot be written: {exc.strerror}.") from exc
        raise


def _make_folders(folder: Path) -> list[Path]:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return list(reversed(missing))


def replace(path: Path, text: str) -> None:
    """Write a file that is there anew: beside its place, then moved into it.

    Raises:
        ConfigError: It cannot be written.
    """
    from sparkpipe.io.saving import replacing

    try:
        with replacing(path) as beside:
            Path(beside).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{shown(path)} cannot be written: {exc.strerror}.") from exc


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as a user sees it: from the working folder, if it lies below."""
    text = os.fspath(path)
    try:
        relative = os.path.relpath(text) if os.path.isabs(text) else text
    except (ValueError, OSError):  # another drive on Windows; a working folder that was removed
        return text
    return text if relative.startswith("..") else relative
