"""The ``sparkpipe`` command. Commands are imported when they are called."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from sparkpipe import __version__
from sparkpipe.cli.groups import LazyGroup

if TYPE_CHECKING:
    from sparkpipe.project import Project

_WITHOUT_PROJECT = ("completion", "info", "new")


class Commands(LazyGroup):
    """The commands of sparkpipe, of the project and of plugins; the latter two come first."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of the project, of a plugin, or a built-in one."""
        from sparkpipe.cli.extensions import extension_command

        find = partial(extension_command, cmd_name, needs_project=cmd_name not in _WITHOUT_PROJECT)
        if ctx.resilient_parsing:  # a shell completes
            from sparkpipe.cli.project_names import silently

            return silently(find) or super().get_command(ctx, cmd_name)
        return find() or super().get_command(ctx, cmd_name)

    def known_names(self, ctx: click.Context) -> Iterable[str]:
        """Return the names of all commands that there are."""
        from sparkpipe.cli.extensions import extension_names
        from sparkpipe.cli.project_names import silently

        # They only complete or suggest a name, so what is broken is told elsewhere.
        return {*self.list_commands(ctx), *(silently(extension_names) or ())}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where more commands come from, without importing them."""
        from sparkpipe.cli.extensions import groups_of, has_cli, project_here
        from sparkpipe.plugins import find_entry_points

        project = project_here()
        sources = [f"{project.package_name}.cli"] if project and has_cli(project) else []
        groups = groups_of(in_project=project is not None)
        sources += sorted({entry.name for entry in find_entry_points(*groups)})
        if sources:
            formatter.write_paragraph()
            formatter.write_text(
                f"More commands come from {', '.join(sources)}; 'sparkpipe info' lists them."
            )

    def invoke(self, ctx: click.Context) -> None:
        """Run a command; errors of a project's or plugin's command are shown in a few lines too."""
        from sparkpipe.cli.project_command import telling_errors

        verbose = bool(ctx.params.get("verbose"))
        with telling_errors(ctx, verbose, "sparkpipe --verbose"):
            super().invoke(ctx)  # what it returns is no exit status


@click.group(
    cls=Commands,
    commands_in={
        "run": ("sparkpipe.cli.commands.run:run", "Run a pipeline, or a part of it."),
        "check": (
            "sparkpipe.cli.commands.check:check",
            "Find what is wrong, without running anything.",
        ),
        "rehearse": (
            "sparkpipe.cli.commands.rehearse:rehearse",
            "Run all nodes on schemas, or a few rows; write nothing.",
        ),
        "checks": (
            "sparkpipe.cli.commands.checks:checks",
            "Show what checks of data have found, and judge data.",
        ),
        "plan": ("sparkpipe.cli.commands.plan:plan", "Show what a run would do, and why."),
        "runs": ("sparkpipe.cli.commands.runs:runs", "Show what earlier runs did."),
        "report": (
            "sparkpipe.cli.commands.report:report",
            "Write a run, or a plan, as one page.",
        ),
        "viz": ("sparkpipe.cli.commands.viz:viz", "Show a run in the browser, and follow it."),
        "slices": (
            "sparkpipe.cli.commands.slices:slices",
            "Show which slices are done, failed, missing or stale.",
        ),
        "tables": (
            "sparkpipe.cli.commands.tables:tables",
            "Look after Delta tables: history, vacuum, restore.",
        ),
        "registry": ("sparkpipe.cli.commands.registry:registry", "Show the registered pipelines."),
        "catalog": (
            "sparkpipe.cli.commands.catalog:catalog",
            "Show the data sets, and add entries.",
        ),
        "session": (
            "sparkpipe.cli.commands.spark_session:session",
            "Make Spark start fast, or keep it warm.",
        ),
        "new": ("sparkpipe.cli.commands.new:new", "Make a new Spark project."),
        "pipeline": ("sparkpipe.cli.commands.pipeline:pipeline", "Add a pipeline, or delete one."),
        "sample": (
            "sparkpipe.cli.commands.sample:sample",
            "Save samples of a run's inputs for tests.",
        ),
        "submit": ("sparkpipe.cli.commands.submit:submit", "Run by spark-submit, on a cluster."),
        "package": (
            "sparkpipe.cli.commands.package:package",
            "Build a wheel and a configuration archive.",
        ),
        "databricks": ("sparkpipe.cli.commands.databricks:databricks", "Make jobs of Databricks."),
        "info": ("sparkpipe.cli.commands.info:info", "Tell versions, places and plugins."),
        "completion": (
            "sparkpipe.cli.commands.completion:completion",
            "Print the completion of a shell.",
        ),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "--version", "-V", message="sparkpipe %(version)s")
@click.option("--verbose", is_flag=True, help="Show tracebacks.")
def cli(verbose: bool) -> None:
    """Run pipelines of plain Python functions on Spark and beside it."""


def main(
    args: Sequence[str] | None = None,
    project: Project | None = None,
    name: str = "sparkpipe",
) -> None:
    """Run a command line.

    Args:
        args: The command and its options; by default those of this process.
        project: The project that it is for; by default that of the working folder.
        name: What a user writes before them.

    Ends the process with status 0; 1 if a run failed, or what was asked for could not be printed; 2
    for misuse; 130 after Ctrl-C, 143 after SIGTERM; 141 where nobody reads what is printed.
    """
    try:
        from sparkpipe.cli.ending import run_to_end

        status = run_to_end(cli, args, name, project)
    except KeyboardInterrupt:  # before signals were looked after
        status = 128 + signal.SIGINT
    sys.exit(status)
