"""Commands of the project's ``<package>/cli.py`` and of installed plugins.

Of commands with the same name, the project's comes first, then a plugin's, then the built-in one.
Built-in commands that need no project can be replaced only by a plugin for use everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from sparkpipe.cli.streams import echo
from sparkpipe.plugins import find_entry_points

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from sparkpipe.project import Project

#: Where packages announce a click command or group: for use in a project, and everywhere.
PROJECT_COMMANDS = "sparkpipe.project_commands"
GLOBAL_COMMANDS = "sparkpipe.global_commands"


def project_here() -> Project | None:
    """Return the project of this folder; None where there is none, or none that can be read."""
    from sparkpipe.errors import ConfigError
    from sparkpipe.project import find_project

    try:
        return find_project()
    except ConfigError:  # told by the command, if it needs a project
        return None


def has_cli(project: Project) -> bool:
    """Return whether the package of a project has a module ``cli``; does not import it."""
    from sparkpipe.cli.project_command import package_folder

    package = package_folder(project)
    # A folder that cannot be read is told by the import of the package.
    places = (package / "cli.py", package / "cli" / "__init__.py")
    return any(os.path.isfile(place) for place in places)  # noqa: PTH113 - Path.is_file raises


def extension_command(name: str, *, needs_project: bool = True) -> click.Command | None:
    """Return the command that the project or a plugin has under a name.

    Args:
        name: The name.
        needs_project: Look at the project, and at plugins for use in one, too.

    Raises:
        ConfigError: The module ``cli`` of the project cannot be used.
    """
    project = project_here() if needs_project else None
    if project is not None and name in (own := project_commands(project)):
        return own[name]
    return plugin_commands(in_project=project is not None).get(name)


def extension_names() -> list[str]:
    """Return the names of all commands of the project and of plugins.

    Raises:
        ConfigError: See :func:`extension_command`.
    """
    project = project_here()
    own = project_commands(project) if project is not None else {}
    return sorted({**plugin_commands(in_project=project is not None), **own})


def project_commands(project: Project) -> Mapping[str, click.Command]:
    """Return the commands of the click group ``cli`` in the module ``cli`` of a project.

    Raises:
        ConfigError: The module cannot be imported, or has no such group.
    """
    if not has_cli(project):
        return {}
    from importlib import import_module

    from sparkpipe.errors import ConfigError, told_with_place
    from sparkpipe.project import make_importable

    make_importable(project)
    name = f"{project.package_name}.cli"
    try:
        group = getattr(import_module(name), "cli", None)
    except (Exception, SystemExit) as exc:
        raise ConfigError(f"Importing {name} raised {told_with_place(exc)}") from exc
    if not isinstance(group, click.Group):
        raise ConfigError(
            f"{name} has no click group named 'cli'.",
            hint="Its commands are added to those of sparkpipe; rename a module that has none.",
        )
    return group.commands


def plugin_commands(*, in_project: bool) -> dict[str, click.Command]:
    """Return the commands of plugins; of one that is broken, a warning and nothing."""
    found: dict[str, click.Command] = {}
    for entry in find_entry_points(*groups_of(in_project=in_project)):
        found.update(commands_of(entry))
    return found


def groups_of(*, in_project: bool) -> tuple[str, ...]:
    """Return the groups of entry points that count here."""
    return (GLOBAL_COMMANDS, PROJECT_COMMANDS) if in_project else (GLOBAL_COMMANDS,)


def commands_of(entry: EntryPoint) -> Mapping[str, click.Command]:
    """Load a plugin; if it is broken, warn and return nothing."""
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as exc:
        from sparkpipe.errors import told_with_place

        return _warn(entry, f"cannot be loaded: {told_with_place(exc)}")
    if isinstance(loaded, click.Group):
        return loaded.commands
    if isinstance(loaded, click.Command) and loaded.name:
        return {loaded.name: loaded}
    return _warn(entry, f"is no click command or group, but {type(loaded).__name__}")


def _warn(entry: EntryPoint, what: str) -> Mapping[str, click.Command]:
    package = f" of the package {entry.dist.name}" if entry.dist is not None else ""
    told = f"Warning: the plugin '{entry.name}'{package} ({entry.value}) {what}"
    echo(told, err=True, level="WARNING")
    return {}
