"""``sparkpipe check``."""

from __future__ import annotations

import click

from sparkpipe.cli.project import ProjectCommand, project_options
from sparkpipe.cli.run import parse_versions, selection_options
from sparkpipe.errors import PreflightError


@click.command(cls=ProjectCommand)
@selection_options
@project_options
def check(
    *,
    pipeline: str | None,
    runner: str | None,
    is_async: bool,
    params: tuple[str, ...],
    load_versions: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
    **filters: tuple[str, ...],
) -> None:
    """Find everything that is wrong before it runs, without running anything or starting Spark.

    Looks at every pipeline and catalog entry; with --pipeline or a filter, at that part alone.
    """
    from sparkpipe.config import parse_params
    from sparkpipe.session import Selection, Session

    session = Session(None, env, parse_params(",".join(params)), conf_source=conf_source)
    if pipeline or load_versions or any(filters.values()):
        prepared = session.prepare(
            Selection(pipeline, **filters),
            runner,
            is_async=is_async,
            load_versions=parse_versions(load_versions),
        )
        click.echo(f"No problems in {len(prepared.pipeline)} nodes.")
        return
    problems = session.check(runner, is_async=is_async)
    if problems:
        raise PreflightError(problems)
    nodes = {node.name for one in session.pipelines.values() for node in one.nodes}
    click.echo(
        f"No problems in {len(session.pipelines)} pipelines, {len(nodes)} nodes and "
        f"{len(session.config_loader['catalog'])} catalog entries."
    )
