"""What installed packages offer to every project, by entry points."""

from __future__ import annotations

from collections.abc import Iterable

from sparkpipe.errors import ConfigError, told_with_place


def load_plugins(group: str, kind: str, disabled: Iterable[str] = ()) -> tuple[object, ...]:
    """Load what installed packages offer by entry points of a group.

    Args:
        group: The name of the group, ``sparkpipe.hooks``.
        kind: What an entry point of it gives, for messages.
        disabled: Names of packages, or of entry points, to leave out.

    Raises:
        ConfigError: One cannot be imported.
    """
    from importlib.metadata import entry_points

    left_out = {_normalize(name) for name in disabled}
    loaded: list[object] = []
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
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
