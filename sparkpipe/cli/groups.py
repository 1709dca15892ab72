"""Groups of commands: imported when they are called, and the closest named for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Group(click.Group):
    """A group that names the closest command for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            from sparkpipe.errors import did_you_mean

            known = [*self.known_names(ctx)]
            hint = did_you_mean(args[0], known) or f"Commands: {', '.join(sorted(known))}."
            raise click.UsageError(f"There is no command '{args[0]}'. {hint}", ctx) from exc

    def known_names(self, ctx: click.Context) -> Iterable[str]:
        """Return the names of all commands that there are."""
        return self.list_commands(ctx)


class LazyGroup(Group):
    """A group whose commands are imported when one of them is needed.

    Args:
        commands_in: For each command, the module and the name in it, and its line of help.
    """

    def __init__(
        self, *args: Any, commands_in: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_in = dict(commands_in or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands of sparkpipe."""
        return sorted(self._commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._commands_in:
            return None
        module, _, name = self._commands_in[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._commands_in[name][1]) for name in self.list_commands(ctx)]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing any."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(
                name, help=self._commands_in[name][1] if name in self._commands_in else ""
            )
            for name in sorted(self.known_names(ctx))
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)
