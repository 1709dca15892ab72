"""What installed packages offer to every project, by entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import ConfigError, told_with_place

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def find_entry_points(*groups: str) -> list[EntryPoint]:
    """Return what installed packages announce under groups of entry points; loads none of them.

    Args:
        groups: Names of groups. Their entry points come in this order, each group's by name.
    """
    # To look into every installed package takes longer than all else that a session reads.
    found = _read_packages(tuple(_places_of_packages()))
    return [
        entry
        for group in groups
        for entry in sorted(found.select(group=group), key=lambda entry: entry.name)
    ]


@lru_cache(maxsize=4)
def _read_packages(places: tuple[tuple[str, int], ...]) -> Any:
    """Return all entry points; ``places`` are other ones after a package came or went."""
    from importlib.metadata import entry_points

    return entry_points()


def _places_of_packages() -> Iterator[tuple[str, int]]:
    """Return where packages may be installed, each with the time of its last change."""
    for path in sys.path:
        place = Path(path).absolute()  # an empty path is the current folder
        with suppress(OSError):
            changed = place.stat().st_mtime_ns
            if _may_hold_packages(place, changed):
                yield str(place), changed


@lru_cache(maxsize=64)
def _may_hold_packages(place: Path, changed: int) -> bool:
    """Return whether a folder lists a package as installed; an archive may always."""
    endings = (".dist-info", ".egg-info", ".egg")
    return not place.is_dir() or any(one.name.endswith(endings) for one in place.iterdir())


def load_plugins(group: str, kind: str, disabled: Iterable[str] = ()) -> tuple[object, ...]:
    """Load what installed packages offer by entry points of a group.

    Args:
        group: The name of the group, ``sparkpipe.hooks``.
        kind: What an entry point of it gives, for messages.
        disabled: Names of packages, or of entry points, to leave out.

    Raises:
        ConfigError: One cannot be imported.
    """
    left_out = {_normalize(name) for name in disabled}
    loaded: list[object] = []
    for entry in find_entry_points(group):
        package = entry.dist.name if entry.dist is not None else entry.name
        if left_out & {_normalize(package), _normalize(entry.name)}:
            continue
        try:
            plugin = entry.load()
        except (Exception, SystemExit) as exc:
            raise ConfigError(
                f"The {kind} '{entry.value}' of the package {package} cannot be imported: "
                f"{told_with_place(exc)}.",
                hint=f"Repair it, or write DISABLE_HOOKS_FOR_PLUGINS = ('{package}',) in the "
                "project's settings.",
            ) from exc
        if not any(plugin is known for known in loaded):
            loaded.append(plugin)
    return tuple(loaded)


def _normalize(name: str) -> str:
    return name.replace("_", "-").replace(".", "-").lower()
