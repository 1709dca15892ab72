"""``sparkpipe registry``."""

from __future__ import annotations

import click

from sparkpipe.cli.project import ProjectCommand, echo_table, project_options


@click.group()
def registry() -> None:
    """Show the registered pipelines."""


@registry.command("list", cls=ProjectCommand)
@project_options
def list_pipelines(*, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """List the pipelines with their numbers of nodes."""
    from sparkpipe.session import Session

    pipelines = Session(None, env, conf_source=conf_source).pipelines
    echo_table([(name, f"{len(pipeline)} nodes") for name, pipeline in sorted(pipelines.items())])


@registry.command("describe", cls=ProjectCommand)
@click.argument("name", default="__default__")
@project_options
def describe_pipeline(
    *, name: str, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """Show the nodes of a pipeline in their order, its inputs and its outputs."""
    from sparkpipe.errors import ConfigError, did_you_mean
    from sparkpipe.session import Session

    pipelines = Session(None, env, conf_source=conf_source).pipelines
    if name not in pipelines:
        raise ConfigError(
            f"There is no pipeline '{name}'.",
            hint=did_you_mean(name, pipelines) or f"Pipelines: {', '.join(sorted(pipelines))}.",
        )
    click.echo(pipelines[name].describe(names_only=False))
