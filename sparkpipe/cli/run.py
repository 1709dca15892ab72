"""``sparkpipe run``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sparkpipe.cli.project import ProjectCommand, echo_table, names, project_options
from sparkpipe.errors import RunFailedError


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what runs, and how."""
    options = (
        click.option("--pipeline", "-p", help="Name of the pipeline [__default__]."),
        click.option(
            "--runner",
            "-r",
            help="SequentialRunner, ThreadRunner, ParallelRunner, DryRunner, or "
            "package.module.Class [SequentialRunner].",
        ),
        click.option("--async", "is_async", is_flag=True, help="Load and save data side by side."),
        click.option("--params", multiple=True, help="Parameters for this run: a.b:1,c:text"),
        click.option(
            "--tags", "-t", multiple=True, callback=names, help="Nodes with one of these tags."
        ),
        click.option(
            "--nodes", "-n", "node_names", multiple=True, callback=names, help="These nodes."
        ),
        click.option(
            "--from-nodes", multiple=True, callback=names, help="These nodes and all after them."
        ),
        click.option(
            "--to-nodes", multiple=True, callback=names, help="These nodes and all before them."
        ),
        click.option(
            "--from-inputs",
            multiple=True,
            callback=names,
            help="All that follows from these data sets.",
        ),
        click.option(
            "--to-outputs", multiple=True, callback=names, help="All that leads to these data sets."
        ),
        click.option(
            "--load-versions",
            multiple=True,
            callback=names,
            help="Versions to load: name:version,...",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=ProjectCommand)
@selection_options
@project_options
def run(
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
    """Run a pipeline, or the part of it that the given filters all keep."""
    from sparkpipe.cli.logs import configure_logging, traceback_logger
    from sparkpipe.config import parse_params
    from sparkpipe.project import find_project
    from sparkpipe.session import Selection, Session

    extra_params = parse_params(",".join(params))
    project = find_project()
    log = configure_logging(
        project.path / "logs", (project.package_name, runner or ""), verbose=verbose
    )
    session = Session(project.path, env, extra_params, conf_source=conf_source)
    prepared = session.prepare(
        Selection(pipeline, **filters),
        runner,
        is_async=is_async,
        load_versions=parse_versions(load_versions),
    )
    try:
        outputs = prepared.run()
    except RunFailedError as exc:
        for failure in exc.failures:
            traceback_logger.error("%s\n%s", failure.message, failure.traceback_text)
        _show_failure(exc, log, verbose)
        raise click.exceptions.Exit(1) from exc
    _show_results(prepared, outputs)


def parse_versions(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read ``name:version`` pairs."""
    versions = {}
    for pair in pairs:
        name, separator, version = pair.partition(":")
        if not separator or not name or not version:
            raise click.BadParameter(f"'{pair}' is not name:version.", param_hint="--load-versions")
        versions[name] = version
    return versions


def _show_failure(error: RunFailedError, log: Path | None, verbose: bool) -> None:
    from sparkpipe.cli.project import show_error

    show_error(error, verbose)
    if error.resume_from:
        click.echo(f"To continue from there: {_resume_command(error.resume_from)}", err=True)
    if not verbose:
        where = f"{_short(str(log))}, or " if log else ""
        click.echo(f"Full traceback: {where}--verbose", err=True)


def _resume_command(resume_from: tuple[str, ...]) -> str:
    """Return this command with another start: what limited the start before is replaced."""
    context = click.get_current_context()
    words = ["sparkpipe", "run"]
    for parameter in context.command.params:
        if parameter.name in (None, "from_nodes", "from_inputs", "verbose"):
            continue
        value = context.params.get(parameter.name)
        if not value:
            continue
        words.append(max(parameter.opts, key=len))
        if value is not True:
            words.append(value if isinstance(value, str) else ",".join(value))
    words += ["--from-nodes", ",".join(resume_from)]
    return shlex.join(words)


def _show_results(prepared: Any, outputs: dict[str, Any]) -> None:
    from sparkpipe.io.core import location_of
    from sparkpipe.runner import DryRunner

    if isinstance(prepared.runner, DryRunner):
        return
    rows = []
    for name in sorted(prepared.pipeline.outputs()):
        if name in prepared.catalog:
            data_set = prepared.catalog[name]
            rows.append((name, type(data_set).__name__, _short(location_of(data_set))))
    rows += [(name, type(data).__name__, "(in memory only)") for name, data in outputs.items()]
    if rows:
        click.echo("Results:")
        echo_table([(f"  {name}", kind, where) for name, kind, where in rows])


def _short(path: str) -> str:
    try:
        relative = os.path.relpath(path) if os.path.isabs(path) else path
    except ValueError:  # another drive on Windows
        return path
    return path if relative.startswith("..") else relative
