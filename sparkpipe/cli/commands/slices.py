"""``sparkpipe slices``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from sparkpipe.cli.options import format_option, parameters, params_option, pipeline_option
from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options
from sparkpipe.cli.slicing import slice_option
from sparkpipe.cli.streams import echo

_SHOWN = 31


@click.command(cls=ProjectCommand)
@slice_option
@pipeline_option("Name of the pipeline [__default__].")
@params_option()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_SHOWN,
    help="How many are shown as text, the last ones [31].",
)
@format_option()
@project_options
def slices(
    *,
    slices: tuple[str, ...],
    pipeline: str | None,
    params: tuple[str | Mapping[str, Any], ...],
    limit: int,
    form: str,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show which slices of which data sets are done, failed, missing or stale, and why.

    By default all slices that are over. Loads nothing and starts no Spark.
    """
    session = open_session(env, conf_source, parameters(params))
    grid = session.slices(slices or None, pipeline)
    if form == "json":
        echo(json.dumps(grid.as_dict(), indent=2, ensure_ascii=False))
    else:
        echo(grid.to_text(limit))
