"""The files of configuration: finding them in a folder, and reading one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from sparkpipe.config.parsing import (
    SetTwiceError,
    TooLargeError,
    UnreadableError,
    read_json,
    read_yaml,
)
from sparkpipe.errors import ConfigError
from sparkpipe.redaction import is_secret

#: Endings of configuration files.
SUFFIXES = (".yml", ".yaml", ".json")

_HIDDEN = (".", "_")

# Some devices give text for ever, until there is no memory left.
_MOST_CHARACTERS = 50_000_000

_KEY = re.compile(r"""([\w.-]+)["']?\s*:(?=$|[\s\[{"'!&*|>])""")


def find_files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the configuration files in a folder that match one of the patterns, sorted.

    Names that begin with ``.`` or ``_`` are passed over. Links are followed.

    Args:
        folder: Where to look; it need not be there.
        patterns: As of :meth:`pathlib.Path.glob`.

    Raises:
        ConfigError: A folder cannot be read, or what matches is no file.
    """
    parted = [PurePath(pattern).parts for pattern in patterns]
    found = []
    for names in _names_in(folder):
        path = folder.joinpath(*names)
        if path.suffix in SUFFIXES and any(_fits(names, parts) for parts in parted):
            _refuse_no_file(path)
            found.append(path)
    return sorted(found)


def _refuse_no_file(path: Path) -> None:
    try:
        # To open a pipe is to wait for a writer.
        is_file = stat.S_ISREG(path.stat().st_mode) or path.samefile(os.devnull)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if not is_file:
        raise ConfigError(f"{shown_path(path)} is no file.")


def _names_in(folder: Path) -> Iterator[tuple[str, ...]]:
    """Give all that is in a folder and below it, but for folders, by the names that lead there."""
    if not is_folder(folder):
        return
    to_visit: list[tuple[tuple[str, ...], frozenset[tuple[int, int]]]] = [((), frozenset())]
    while to_visit:
        names, above = to_visit.pop()
        path = folder.joinpath(*names)
        try:
            status = path.stat()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as exc:
            raise _unreadable(path, exc) from exc
        identity = (status.st_dev, status.st_ino)
        if identity in above:  # a link leads back
            continue
        for entry in entries:
            if entry.name.startswith(_HIDDEN):
                continue
            if entry.is_dir():
                to_visit.append(((*names, entry.name), above | {identity}))
            else:
                yield (*names, entry.name)


def is_folder(folder: Path) -> bool:
    """Whether there is a folder.

    Raises:
        ConfigError: What has its name is none, or cannot be looked at.
    """
    try:
        is_one = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as exc:
        if folder.is_symlink():
            raise _unreadable(folder, exc) from exc
        return False
    except (OSError, ValueError) as exc:
        raise _unreadable(folder, exc) from exc
    if not is_one:
        raise ConfigError(f"{shown_path(folder)} is no folder.")
    return True


def names_of_folders(folder: Path) -> list[str]:
    """Return the names of the folders in a folder.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    except OSError as exc:
        raise _unreadable(folder, exc) from exc


def _unreadable(path: Path, exc: OSError | ValueError) -> ConfigError:
    what = "is a link to nothing" if isinstance(exc, FileNotFoundError) else "cannot be read"
    reason = "" if isinstance(exc, FileNotFoundError) else f": {getattr(exc, 'strerror', exc)}"
    return ConfigError(f"{shown_path(path)} {what}{reason}.")


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return _fits(names, pattern[1:]) or (bool(names) and _fits(names[1:], pattern))
    return bool(names) and fnmatch(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def shown_path(path: Path) -> str:
    """Return a path as messages show it: from the working folder, if it lies below."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(path)


def read_file(
    path: Path, shown: str = "", *, is_secret_file: bool = False
) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a configuration file.

    Args:
        path: A ``.yml``, ``.yaml`` or ``.json`` file.
        shown: How to name it in messages.
        is_secret_file: Its values are for nobody's eyes: messages have none of its text but keys.

    Returns:
        Its content, and the line of each first-level key. An empty file is an empty mapping.

    Raises:
        ConfigError: It is not UTF-8, YAML or JSON, or not a mapping; says where.
    """
    shown = shown or str(path)
    text = read_text(path, shown)
    lines: dict[str, int] = {}
    try:
        if path.suffix == ".json":
            values = read_json(text)
        else:
            values, lines = read_yaml(text, are_names=True)
    except UnreadableError as exc:
        error, is_hidden = _told(exc, text, shown, path.suffix, is_secret_file=is_secret_file)
        raise error from (None if is_hidden else exc)
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{shown} must be a mapping of names to values; it is a {type(values).__name__}."
        )
    return {str(key): value for key, value in values.items()}, {
        str(key): lines.get(str(key), 1) for key in values
    }


def read_text(path: Path, shown: str) -> str:
    """Return the text of a file of the project.

    Args:
        path: The file.
        shown: How to name it in messages.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{shown} is not a text in UTF-8: {exc.reason}.") from exc
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}.") from exc
    if len(text) > _MOST_CHARACTERS:
        raise ConfigError(f"{shown} cannot be read: it has no end, or more than 50 MB.")
    return text


def _told(
    error: UnreadableError, text: str, shown: str, suffix: str, *, is_secret_file: bool
) -> tuple[ConfigError, bool]:
    """Return what is wrong with a file, and whether that hides what its text says."""
    where = shown if error.line is None else f"{shown}:{error.line}"
    if isinstance(error, SetTwiceError):
        return ConfigError(f"{where}: {error.problem}.", hint="Remove one of them."), False
    if isinstance(error, TooLargeError):
        return ConfigError(f"{where} cannot be read: {error.problem}."), False
    if suffix == ".json":
        return ConfigError(f"{where} is not JSON that can be read: {error.problem}."), False
    key = _key_at(text, error.line)
    if is_secret_file or is_secret(key):
        value = f"the value of '{key}'" if key else "its text"
        hidden = ConfigError(
            f"{where} is not YAML that can be read; {value} is not shown.",
            hint="Put a text with special characters in single quotes.",
        )
        return hidden, True
    hint = "" if error.line is None else "Check the indentation, colons and quotes there."
    return ConfigError(f"{where} is not YAML that can be read: {error.problem}.", hint=hint), False


def _key_at(text: str, line: int | None) -> str:
    """Return the key in a line of a file, or else in the nearest one above it."""
    for before in reversed(text.splitlines()[:line]):
        keys: list[str] = _KEY.findall(before)
        if keys:
            return next(filter(is_secret, keys), keys[0])
    return ""
