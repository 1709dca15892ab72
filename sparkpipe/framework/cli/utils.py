"""What commands of a project or plugin are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from sparkpipe.cli.extensions import GLOBAL_COMMANDS, PROJECT_COMMANDS
from sparkpipe.hooks import ENTRY_POINTS as HOOKS
from sparkpipe.plugins import find_entry_points

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}

#: Groups of entry points by the names that :func:`load_entry_points` takes.
ENTRY_POINT_GROUPS = {
    "global": GLOBAL_COMMANDS,
    "project": PROJECT_COMMANDS,
    "hooks": HOOKS,
}


class KedroCliError(click.ClickException):
    """A command cannot go on; its message is shown."""


def load_entry_points(name: str) -> list[Any]:
    """Return what installed packages announce.

    Args:
        name: ``global`` or ``project`` for commands, or ``hooks``.

    Raises:
        KedroCliError: One cannot be imported.
    """
    loaded = []
    for entry in find_entry_points(ENTRY_POINT_GROUPS[name]):
        try:
            loaded.append(entry.load())
        except Exception as exc:
            raise KedroCliError(f"The plugin '{entry.value}' cannot be imported: {exc}") from exc
    return loaded


def env_option(func_: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
    """Add the option ``--env`` to a command.

    Args:
        func_: The command; without it a decorator is returned.
        kwargs: As of :func:`click.option`.
    """
    settings = {"type": str, "help": "The environment on top of base."}
    option = click.option("--env", "-e", **{**settings, **kwargs})
    return option(func_) if func_ else option


def split_string(ctx: click.Context, param: Any, value: str) -> list[str]:
    """Return the parts between commas; a callback of options."""
    return [part.strip() for part in value.split(",") if part.strip()]


def command_with_verbosity(group: click.Group, *args: Any, **kwargs: Any) -> Any:
    """Like ``group.command(...)``, with ``--verbose``, which shows the traceback of an error."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        from functools import wraps

        from sparkpipe.cli.project_command import show_unexpected

        @wraps(function)
        def call(*given: Any, verbose: bool, **named: Any) -> Any:
            try:
                return function(*given, **named)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise
            except Exception as exc:
                show_unexpected(exc, verbose, more="--verbose")
                return click.get_current_context().exit(1)

        option = click.option("--verbose", "-v", is_flag=True, help="Show tracebacks.")
        command: click.Command = group.command(*args, **kwargs)(option(call))
        return command

    return decorate
