"""``sparkpipe plan``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from sparkpipe.cli.files import shown
from sparkpipe.cli.options import (
    defer_option,
    format_option,
    parameters,
    relation_options,
    selection_options,
)
from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options, show_error
from sparkpipe.cli.slicing import slice_option
from sparkpipe.cli.streams import echo
from sparkpipe.errors import PreflightError


@click.command(cls=ProjectCommand)
@selection_options
@relation_options
@slice_option
@format_option("mermaid", "dot", about="How the plan is written [text].")
@defer_option
@project_options
def plan(
    *,
    pipeline: str | None,
    runner: str | None,
    is_async: bool,
    max_workers: int | None,
    continue_on_failure: bool,
    params: tuple[str | Mapping[str, Any], ...],
    load_versions: dict[str, str],
    config: str | None,
    resume: str | None,
    changed: bool,
    only_missing: bool,
    job_run_id: str | None,
    force: bool,
    slices: tuple[str, ...],
    form: str,
    defer: str | None,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
    **filters: Any,
) -> None:
    """Show what a run would do, without running anything or starting Spark.

    Takes the options of a run. Shows the nodes by levels, what each loads and saves, and what is
    skipped and why. Of a run that cannot succeed the problems are shown, too.
    """
    session = open_session(env, conf_source, parameters(params), defer)
    planned = session.plan(
        pipeline,
        runner,
        load_versions=load_versions,
        is_async=is_async,
        max_workers=max_workers,
        continue_on_failure=continue_on_failure,
        resume=resume,
        changed=changed,
        only_missing=only_missing,
        force=force,
        job_run_id=job_run_id,
        slices=slices or None,
        **filters,
    )
    echo(planned.to_text(form, shown))
    if planned.problems:
        error = PreflightError([*planned.problems])
        show_error(error, verbose, every_problem=True)
        raise click.exceptions.Exit(2) from error
