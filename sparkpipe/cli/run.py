"""``sparkpipe run``."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from sparkpipe.cli.project import (
    ProjectCommand,
    echo_table,
    names,
    project_options,
    show_error,
    show_unexpected,
)
from sparkpipe.errors import RunFailedError, SparkpipeError

_logger = logging.getLogger(__name__)

_LONG_RUN_SECONDS = 10.0


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what runs, and how."""
    options = (
        click.option("--pipeline", "-p", help="Name of the pipeline [__default__]."),
        click.option(
            "--runner",
            "-r",
            help="SequentialRunner, ThreadRunner, ParallelRunner, HybridRunner, DryRunner, or "
            "package.module.Class [SequentialRunner].",
        ),
        click.option(
            "--max-workers",
            type=click.IntRange(min=1),
            help="How many nodes run at once [as many as the pipeline and Spark have use for].",
        ),
        click.option(
            "--continue-on-failure",
            is_flag=True,
            help="After a failure run all that does not depend on the failed node.",
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
@click.option("--no-progress", is_flag=True, help="Do not show how far the run is.")
@project_options
def run(
    *,
    pipeline: str | None,
    runner: str | None,
    is_async: bool,
    max_workers: int | None,
    continue_on_failure: bool,
    params: tuple[str, ...],
    load_versions: tuple[str, ...],
    no_progress: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
    **filters: Any,
) -> None:
    """Run a pipeline, or the part of it that the given filters all keep."""
    from sparkpipe.cli.logs import configure_logging, traceback_logger
    from sparkpipe.config import parse_params
    from sparkpipe.project import find_project
    from sparkpipe.session import Selection, Session

    extra_params = parse_params(",".join(params))
    project = find_project()
    set_up = partial(
        configure_logging,
        project.path / "logs",
        (project.package_name, runner or ""),
        verbose=verbose,
    )
    log = set_up()
    versions = parse_versions(load_versions)
    try:
        session = Session(project.path, env, extra_params, conf_source=conf_source)
        own = session.set_up_logging()
        if own:  # all handlers that there were are closed
            log = None if "root" in own else set_up()
        prepared = session.prepare(
            Selection(pipeline, **filters),
            runner,
            load_versions=versions,
            is_async=is_async,
            max_workers=max_workers,
            continue_on_failure=continue_on_failure,
        )
        if not prepared.pipeline:
            _logger.warning("The pipeline '%s' has no nodes.", pipeline or "__default__")
        with _watched(continue_on_failure, no_progress=no_progress, verbose=verbose):
            outputs = prepared.run()
    except RunFailedError as exc:
        for failure in exc.failures:
            traceback_logger.error("%s\n%s", failure.message, failure.traceback_text)
        _show_failure(exc, log, verbose)
        raise click.exceptions.Exit(1) from exc
    except SparkpipeError as exc:
        traceback_logger.error("%s", exc)
        raise
    except Exception as exc:  # of a hook, or of a runner of the user's own
        traceback_logger.exception("The run ended with %s", type(exc).__name__)
        show_unexpected(exc, verbose, _short(str(log)) if log else "")
        raise click.exceptions.Exit(1) from exc
    _show_results(prepared, outputs)


@contextmanager
def _watched(continue_on_failure: bool, *, no_progress: bool, verbose: bool) -> Iterator[None]:
    """Show how far the run is, and at its end where its time went."""
    from sparkpipe.cli.logs import summary_logger
    from sparkpipe.cli.progress import RunDisplay
    from sparkpipe.cli.summary import RunSummary
    from sparkpipe.runner.events import observing

    summary = RunSummary()
    observers = [summary] if no_progress else [summary, RunDisplay()]
    has_completed = False
    try:
        with observing(*observers):
            yield
        has_completed = True
    finally:
        if summary.reports:
            summary_logger.info("%s", "\n".join(("Summary:", *summary.lines(verbose=True))))
        # Of a run that took a moment, or failed at once, nobody asks where its time went.
        is_asked_for = (
            summary.seconds >= _LONG_RUN_SECONDS if has_completed else continue_on_failure
        )
        if is_asked_for and summary.reports and not verbose:
            click.echo("\n".join(summary.lines()), err=True)


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
        if not value or value == ("",):
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
            missing = getattr(data_set, "_missing", None)
            if callable(missing) and missing():
                continue  # a runner of the user's own may save nothing
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
