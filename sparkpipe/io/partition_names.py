"""What partitions are called: which names can be, and which lie in a folder."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from sparkpipe.errors import DataSetError

#: Lies in a folder that was saved as one partition; its name begins with a dot, as data's does not.
MARKER = ".sparkpipe-partition"

# What Spark, and the formats that it writes, leave in a folder of data.
_OF_SPARK = ("_SUCCESS", "_delta_log", "_committed_", "_started_", "_temporary", "part-", ".hoodie")
_OF_TABLES = ("_delta_log",)

_DRIVE = re.compile(r"[a-zA-Z]:")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)}


def check_partition_name(
    name: str, folder: PurePosixPath, *, is_windows: bool = os.name == "nt"
) -> None:
    """Refuse names of files that would lie outside their folder, or not be found again.

    Raises:
        DataSetError: The name is one of these.
    """
    relative = PurePosixPath(name)
    if (
        relative.is_absolute()
        or ".." in relative.parts
        or any(c in name for c in "\0\\")
        or _DRIVE.match(name)
        or not name.strip()
    ):
        raise DataSetError(f"{name!r} cannot be the name of a partition: it would leave {folder}.")
    if str(relative) != name or not relative.name or any(map(is_hidden, relative.parts)):
        raise DataSetError(
            f"{name!r} cannot be the name of a partition: it would not be found again.",
            hint="Names start with neither '.' nor '_', and have no empty parts.",
        )
    problem = windows_problem(name) if is_windows else ""
    if problem:
        raise DataSetError(f"{name!r} cannot be the name of a partition: {problem}.")


def windows_problem(name: str) -> str:
    """Say why Windows has no file of a name; empty if it may have one.

    >>> windows_problem("2024-01-01T10:00"), windows_problem("north")
    ("Windows has no file with ':' in its name", '')
    """
    for character in '<>:"|?*':
        if character in name:
            return f"Windows has no file with '{character}' in its name"
    for part in name.split("/"):
        if part.partition(".")[0].lower() in _RESERVED:
            return f"Windows keeps the name '{part}' for a device"
        if part.endswith((".", " ")):
            return "Windows drops dots and spaces at the end of a name"
    return ""


def name_of(key: Any) -> str:
    """Return what a partition is called by its key.

    >>> name_of("north"), name_of(2013)
    ('north', '2013')
    """
    # Of an enum that is text, str() gives what the member is called in the code.
    return str.__str__(key) if isinstance(key, str) else str(key)


def check_apart(
    keys: Iterable[Any],
    suffix: str = "",
    *,
    folds_case: bool,
    what: str = "partition",
    place: str = "file",
) -> None:
    """Refuse partitions, or other parts, of which one would take the place of another.

    Args:
        keys: What they are called; what is no text counts as its text.
        suffix: What the names of their files end with.
        folds_case: Whether upper and lower case are taken for the same.
        what: What messages call one of them.
        place: What messages call that in which one lies.

    Raises:
        DataSetError: Two are one file, or one lies in the other.
    """
    seen: dict[str, Any] = {}
    for key in keys:
        path = f"{name_of(key)}{suffix}"
        path = path.casefold() if folds_case else path
        if path in seen:
            raise DataSetError(
                f"{what}s {seen[path]!r} and {key!r} would be the same {place}.",
                hint="Give them names that differ as texts, in more than upper and lower case.",
            )
        seen[path] = key
    for path, key in seen.items():
        for parent in PurePosixPath(path).parents:
            if str(parent) in seen:
                raise DataSetError(
                    f"{what} {key!r} would lie in {what} {seen[str(parent)]!r}.",
                    hint="Give them names of which none is a folder of the other.",
                )


def check_room(
    old: Mapping[str, Iterable[str]], new: Iterable[str], key: Callable[[str], str]
) -> None:
    """Refuse partitions that one which is there would hide, or that would hide others.

    Args:
        old: Paths of partitions that are there, each with the paths of its files.
        new: Paths of those that are to be saved as folders.
        key: What two paths have in common that are the same file.

    Raises:
        DataSetError: A new one would lie in an old one, or an old one in a new one.
    """
    there = {key(path): path for path, files in old.items() if _is_folder_of(path, files)}
    inside = {key(str(around)): path for path in old for around in PurePosixPath(path).parents}
    for path in new:
        within = [there[key(str(p))] for p in PurePosixPath(path).parents if key(str(p)) in there]
        if within:
            raise DataSetError(
                f"partition {path!r} would lie in partition {within[0]!r}, which is there already.",
                hint="Give it another name, or remove that one.",
            )
        if key(path) in inside:
            raise DataSetError(
                f"partition {path!r} would take the place of {inside[key(path)]!r}, which is there "
                "already.",
                hint="Give it another name, or remove that one.",
            )


def _is_folder_of(path: str, files: Iterable[str]) -> bool:
    """Whether files lie in a folder itself, and not only in those of partitions within it."""
    return any(
        file.rpartition("/")[0] == path or file.startswith(f"{path}/_delta_log/") for file in files
    )


def is_hidden(name: str) -> bool:
    """Whether a file or folder of a name is taken for none of the data."""
    return name.startswith((".", "_"))


@dataclass(frozen=True)
class Listing:
    """What a file system tells of a folder of partitions.

    Attributes:
        entries: What it tells of each file and folder, by the path from the root.
        suffix: What the names of partitions end with.
        is_one_file: Whether each is one file, by what its data set writes.
        is_of_spark: Whether Spark writes them: folders, mostly.
        has_folders: Whether each folder is one, as the user says.
        depth: How deep the listing goes, if not to the end: folders there can be nothing else.
    """

    entries: Mapping[str, Mapping[str, Any]]
    suffix: str = ""
    is_one_file: bool = True
    is_of_spark: bool = False
    has_folders: bool = False
    depth: int | None = None
    _found: dict[str, bool] = field(default_factory=dict, init=False)

    def partitions(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """Return the files of each partition by its name, with what is told of them."""
        found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        for path, info in sorted(self.entries.items()):
            place = self._partition_of(path)
            if place is not None and self._ends_well(place):
                name = place[: len(place) - len(self.suffix)]
                if info.get("type") != "directory":
                    found[name][path] = info
                elif place == path:
                    _ = found[name]
        return dict(found)

    def _partition_of(self, path: str) -> str | None:
        """Return the file or the outermost folder that is a partition, and has a path in it."""
        parts = path.split("/")
        for count, part in enumerate(parts, 1):
            place = "/".join(parts[:count])
            if is_hidden(part):
                return None
            is_folder = count < len(parts) or self.entries[path].get("type") == "directory"
            if not is_folder:
                return place
            if self._is_partition(place):
                return place
        return None

    def _ends_well(self, place: str) -> bool:
        return place.endswith(self.suffix) and len(place) > len(self.suffix)

    def _is_partition(self, folder: str) -> bool:
        if folder not in self._found:
            self._found[folder] = self._looks_like_one(folder)
        return self._found[folder]

    def _looks_like_one(self, folder: str) -> bool:
        if folder in self._marked:
            return True
        if self.is_one_file or not self._ends_well(folder):
            return False
        if any(marked.startswith(f"{folder}/") for marked in self._marked):
            return False
        children = self._children[folder]
        if self.has_folders or folder.count("/") + 1 == self.depth:
            return True
        if self.suffix and (self.is_of_spark or not self._has_own(folder)):
            return True
        known = _OF_SPARK if self.is_of_spark else _OF_TABLES
        if any(child.startswith(known) for child in children):
            return True
        return self.is_of_spark and any(
            "=" in child and f"{folder}/{child}" in self._children for child in children
        )

    def _has_own(self, folder: str) -> bool:
        """Whether a folder has files in it that could be partitions themselves."""
        inside = f"{folder}/"
        return any(p.startswith(inside) and p.endswith(self.suffix) for p in self.entries)

    @cached_property
    def _marked(self) -> set[str]:
        return {
            path.rpartition("/")[0]
            for path in self.entries
            if path.endswith(f"/{MARKER}") and not self.is_one_file
        }

    @cached_property
    def _children(self) -> dict[str, set[str]]:
        children: dict[str, set[str]] = defaultdict(set)
        for path in self.entries:
            while path:
                parent, _, name = path.rpartition("/")
                children[parent].add(name)
                path = parent
        for path, info in self.entries.items():
            if info.get("type") == "directory":
                _ = children[path]
        return children


def to_remove(
    old: Mapping[str, Iterable[str]], saved: Iterable[str], key: Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """Return what an overwriting save is to remove: never what it has just written.

    Args:
        old: Paths of partitions that were there, each with the paths of its files.
        saved: Paths of those that were saved.
        key: What two paths have in common that are the same file.

    Returns:
        Partitions to remove as a whole, and single files.
    """
    kept = {key(path) for path in saved}
    around = {str(parent) for path in kept for parent in PurePosixPath(path).parents}
    whole: list[str] = []
    files: list[str] = []
    for path, inside in old.items():
        if key(path) in kept or _is_in(key(path), kept):
            continue
        if key(path) in around:
            files += [file for file in inside if not _is_in(key(file), kept)]
        else:
            whole.append(path)
    return whole, files


def _is_in(path: str, kept: set[str]) -> bool:
    return path in kept or any(str(parent) in kept for parent in PurePosixPath(path).parents)
