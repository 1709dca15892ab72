"""``sparkpipe registry``."""

from __future__ import annotations

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.groups import Group
from sparkpipe.cli.project_command import (
    ProjectCommand,
    echo_table,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.words import counted


@click.group(cls=Group)
def registry() -> None:
    """Show the registered pipelines."""


@registry.command("list", cls=ProjectCommand)
@project_options
def list_pipelines(*, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """List the pipelines with their numbers of nodes."""
    pipelines = open_session(env, conf_source).pipelines
    echo_table(
        [(name, counted(len(pipeline), "node")) for name, pipeline in sorted(pipelines.items())]
    )


@registry.command("describe", cls=ProjectCommand)
@click.argument("name", default="__default__", shell_complete=project_names.pipeline_names)
@project_options
def describe_pipeline(
    *, name: str, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """Show the nodes of a pipeline in their order, its inputs and its outputs."""
    from sparkpipe.project import named_pipeline

    pipeline = named_pipeline(open_session(env, conf_source).pipelines, name)
    echo(pipeline.describe(names_only=False))
