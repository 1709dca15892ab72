"""``sparkpipe rehearse``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from sparkpipe.cli.options import defer_option, filter_options, parameters
from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options
from sparkpipe.cli.streams import echo
from sparkpipe.streams import tell_work_done


def _refuse_runner(ctx: click.Context, param: click.Parameter, given: str | None) -> None:
    if given is not None:
        raise click.UsageError(
            "nodes are rehearsed one after the other, in this process, whatever the runner. Leave "
            f"out --runner; 'sparkpipe check --runner {given}' tells whether it suits a pipeline."
        )


@click.command(cls=ProjectCommand)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Rows of each input; without any its schema is enough.",
)
@filter_options
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="NAME=SLICE",
    help="As of this slice, where nodes depend on slices: day=2024-01-31.",
)
@click.option(
    "--runner",
    "-r",
    expose_value=False,
    callback=_refuse_runner,
    help="Refused: nodes are rehearsed one after the other, in this process.",
)
@defer_option
@project_options
def rehearse(
    *,
    rows: int,
    pipeline: str | None,
    params: tuple[str | Mapping[str, Any], ...],
    load_versions: dict[str, str],
    config: str | None,
    slices: tuple[str, ...],
    defer: str | None,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
    **filters: Any,
) -> None:
    """Run every node on the schemas of its inputs, or a few rows of them; nothing real is written.

    Finds wrong columns and types in seconds, also where there is no data: inputs whose entries
    have a schema need not be there. A node that cannot take data without rows is unjudged, and
    what hangs on it goes on with the schema of its entry. Ends with 1 if something is wrong.
    """
    from sparkpipe.cli.logs import configure_logging

    configure_logging(None, verbose=verbose)
    with open_session(env, conf_source, parameters(params), defer) as session:
        chosen = session.with_slices(*slices) if slices else session
        found = chosen.rehearse(pipeline, rows=rows, load_versions=load_versions, **filters)
    tell_work_done()
    echo(str(found))
    if not found.is_good:
        raise click.exceptions.Exit(1)
