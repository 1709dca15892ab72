"""The ``sparkpipe`` command. Commands are imported when they are called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from sparkpipe import __version__


class LazyGroup(click.Group):
    """A group whose commands are imported when one of them is needed.

    Args:
        commands_in: For each command, the module and the name in it, and its line of help.
    """

    def __init__(
        self, *args: Any, commands_in: dict[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_in = commands_in or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
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
                [(name, self._commands_in[name][1]) for name in sorted(self._commands_in)]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; for one that does not exist, name the closest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            from sparkpipe.errors import did_you_mean

            hint = did_you_mean(args[0], self._commands_in)
            raise click.UsageError(f"There is no command '{args[0]}'. {hint}".strip(), ctx) from exc


@click.group(
    cls=LazyGroup,
    commands_in={
        "run": ("sparkpipe.cli.run:run", "Run a pipeline, or a part of it."),
        "check": ("sparkpipe.cli.check:check", "Find what is wrong, without running anything."),
        "registry": ("sparkpipe.cli.registry:registry", "Show the registered pipelines."),
        "catalog": ("sparkpipe.cli.catalog:catalog", "Show the data sets."),
        "session": ("sparkpipe.cli.session:session", "Make Spark start fast, or keep it warm."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", "-V", message="sparkpipe %(version)s")
def cli() -> None:
    """Run pipelines of plain Python functions on Spark and beside it."""


def main() -> None:
    """Run the command line of this process.

    Ends the process with status 0; 1 if a run failed; 2 for misuse; 130 after Ctrl-C, 143 after
    SIGTERM.
    """
    from sparkpipe.cli.interrupt import ending_on_signals, exit_status

    try:
        with ending_on_signals():
            cli(prog_name="sparkpipe", standalone_mode=True)
    except KeyboardInterrupt as exc:
        click.echo("Interrupted.", err=True)
        sys.exit(exit_status(exc))
