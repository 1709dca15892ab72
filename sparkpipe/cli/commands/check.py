"""``sparkpipe check``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from sparkpipe.cli.options import defer_option, parameters, selection_options
from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options, show_error
from sparkpipe.cli.slicing import slice_option
from sparkpipe.cli.streams import echo
from sparkpipe.errors import PreflightError
from sparkpipe.streams import tell_work_done
from sparkpipe.words import counted


@click.command(cls=ProjectCommand)
@selection_options
@slice_option
@defer_option
@project_options
def check(
    *,
    pipeline: str | None,
    runner: str | None,
    is_async: bool,
    max_workers: int | None,
    continue_on_failure: bool,
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
    """Find everything that is wrong before it runs, without running anything or starting Spark.

    Looks at every pipeline and catalog entry; with --pipeline, a filter or --slice, at
    that part alone.
    """
    from sparkpipe.session import Selection

    session = open_session(env, conf_source, parameters(params), defer)
    options: dict[str, Any] = {
        "is_async": is_async,
        "max_workers": max_workers,
        "continue_on_failure": continue_on_failure,
    }
    try:
        if slices or pipeline or load_versions or any(filters.values()):
            selection = Selection(pipeline, **filters)
            options["load_versions"] = load_versions
            if slices:
                sliced = session.prepare_slices(slices, selection, runner, **options)
                count = sum(len(stage.pipeline) for stage in sliced.stages)
            else:
                count = len(session.prepare(selection, runner, **options).pipeline)
            tell_work_done()
            echo(f"No problems in {counted(count, 'node')}.")
            return
        problems = session.check(runner, **options)
        if problems:
            raise PreflightError(problems)
    except PreflightError as exc:
        show_error(exc, verbose, every_problem=True)
        raise click.exceptions.Exit(2) from exc
    nodes = {node.name for one in session.pipelines.values() for node in one.nodes}
    tell_work_done()
    entries = len(session.config_loader["catalog"])
    echo(
        f"No problems in {counted(len(session.pipelines), 'pipeline')}, "
        f"{counted(len(nodes), 'node')} and {counted(entries, 'catalog entry', 'catalog entries')}."
    )
