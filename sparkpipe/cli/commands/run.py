"""``sparkpipe run``."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli.files import shown
from sparkpipe.cli.listing import joined
from sparkpipe.cli.options import (
    defer_option,
    parameters,
    relation_options,
    selection_options,
)
from sparkpipe.cli.project_command import (
    ProjectCommand,
    current_project,
    echo_table,
    end,
    open_session,
    project_options,
    show_error,
    show_unexpected,
    traceback_of,
)
from sparkpipe.cli.repeating import is_from_file, words_as_given
from sparkpipe.cli.slicing import command_for_failed, run_slices, slice_options
from sparkpipe.cli.streams import echo
from sparkpipe.errors import RunFailedError, SlicesFailedError, SparkpipeError, tell_lost
from sparkpipe.streams import tell_work_done
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded
    from sparkpipe.report.summary import RunSummary
    from sparkpipe.session.prepared import PreparedRun

_logger = logging.getLogger(__name__)

# Options that say which nodes run, or which the command that continues has no use for.
_NOT_REPEATED = (
    None,
    "from_nodes",
    "only_missing",
    "changed",
    "resume",
    "force",
    "job_run_id",
    "verbose",
)


@click.command(cls=ProjectCommand)
@selection_options
@relation_options
@slice_options
@click.option("--no-journal", is_flag=True, help="Do not write the run down.")
@click.option("--no-progress", is_flag=True, help="Do not show how far the run is.")
@defer_option
@project_options
def run(
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
    slices_at_once: int | None,
    fail_fast: bool,
    no_journal: bool,
    no_progress: bool,
    defer: str | None,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
    **filters: Any,
) -> dict[str, Any]:
    """Run a pipeline, or the part of it that the given filters all keep."""
    from sparkpipe.cli.logs import configure_logging, traceback_logger
    from sparkpipe.cli.watching import watched
    from sparkpipe.io.core import generate_timestamp
    from sparkpipe.io.working import working_for
    from sparkpipe.report.summary import RunSummary
    from sparkpipe.session import Relation, Selection

    extra_params = parameters(params)
    project = current_project()
    run_id = "" if slices else generate_timestamp()  # each slice is a run of its own
    click.get_current_context().with_resource(working_for(run_id, ""))
    set_up = partial(
        configure_logging,
        project.path / "logs",
        (project.package_name, runner or ""),
        verbose=verbose,
        run_id=run_id,
    )
    log = set_up()
    try:
        session = open_session(env, conf_source, extra_params, defer)
        own = session.set_up_logging()
        if own:  # all handlers that there were are closed
            log = None if "root" in own else set_up()
        selection = Selection(pipeline, **filters)
        options: dict[str, Any] = {
            "load_versions": load_versions,
            "is_async": is_async,
            "max_workers": max_workers,
            "continue_on_failure": continue_on_failure,
            "relation": Relation(not no_journal, resume, changed, only_missing, force, job_run_id),
        }
        if slices:
            sliced = session.prepare_slices(slices, selection, runner, **options)
            how = {"no_progress": no_progress, "verbose": verbose}
            return run_slices(sliced, slices_at_once, fail_fast=fail_fast, **how)
        prepared = session.prepare(selection, runner, run_id=run_id, **options)
        if not prepared.pipeline and prepared.resumes:
            _logger.info("The run %s is complete: nothing is left to do.", prepared.resumes)
        elif not prepared.pipeline and not only_missing:
            _logger.warning("The pipeline '%s' has no nodes.", pipeline or "__default__")
        summary = RunSummary()
        tells = {"verbose": verbose, "tells_failures": continue_on_failure}
        with (
            watched(summary, no_progress=no_progress, **tells),
            _telling_how_to_continue(prepared, summary),
        ):
            outputs = prepared.run()
    except RunFailedError as exc:
        for failure in exc.failures:
            traceback_logger.error("%s\n%s", failure.message, failure.traceback_text)
        _show_failure(exc, log, verbose)
        end(click.get_current_context(), 1, exc)
    except SlicesFailedError as exc:
        for of_run, traceback_text in exc.tracebacks():
            with working_for(of_run, ""):
                traceback_logger.error("%s", traceback_text)
        command = command_for_failed(click.get_current_context(), exc)
        show_error(exc, verbose, more=f"To run them again: {command}")
        end(click.get_current_context(), 1, exc)
    except SparkpipeError as exc:
        traceback_logger.error("%s", exc)
        raise
    except Exception as exc:  # of a hook, or of a runner of the user's own
        kind = type(exc).__name__
        traceback_logger.error("The run ended with %s\n%s", kind, traceback_of(exc).rstrip())
        show_unexpected(exc, verbose, shown(str(log)) if log else "")
        end(click.get_current_context(), 1, exc)
    tell_work_done()
    if changed and _tell_unchanged(summary.reports):
        return outputs
    _show_results(prepared, outputs, summary.reports)
    return outputs


@contextmanager
def _telling_how_to_continue(prepared: PreparedRun, summary: RunSummary) -> Iterator[None]:
    """Within it, a signal that ends the run tells the command that goes on from there."""
    from sparkpipe.cli.interrupt import last_words

    context = click.get_current_context()

    def tell() -> str:
        plan = prepared.plan
        done = {report.node for report in summary.reports if report.status == "done"}
        completed = [i for i, node in enumerate(plan.nodes) if node.name in done]
        resume_from = plan.resume_from(completed, prepared.catalog)
        if not resume_from:  # all is done
            return ""
        told = f"{_to_continue(context)}To continue from there: "
        told += resume_command(context, resume_from)
        return f"{told}{tell_lost(plan.lost_by(completed, prepared.catalog))}\n"

    try:
        with last_words(tell):
            yield
    except KeyboardInterrupt:
        echo(tell(), nl=False, err=True)
        raise


def _tell_unchanged(reports: Sequence[NodeEnded]) -> bool:
    """Tell how many nodes were left out because nothing has changed; return whether all were."""
    since = [report.since for report in reports if report.status == "unchanged"]
    if not since:
        return False
    skipped = f"{counted(len(since), 'node')} skipped"
    if len(since) < len(reports):
        echo(f"{skipped}, as nothing of them has changed.")
        return False
    echo(f"Nothing has changed since run {max(since)}; {skipped}.")
    return True


def _show_failure(error: RunFailedError, log: Path | None, verbose: bool) -> None:
    more = []
    if error.resume_from:
        context = click.get_current_context()
        command = resume_command(context, error.resume_from)
        told = f"To continue from there: {command}{tell_lost(error.lost)}"
        more.append(_to_continue(context) + told)
    if not verbose:
        where = f"{shown(str(log))}, or " if log else ""
        more.append(f"Full traceback: {where}--verbose")
    show_error(error, verbose, more="\n".join(more))


def _to_continue(context: click.Context) -> str:
    """Return a line with the command that continues the run; nothing where it is not known."""
    if context.params.get("no_journal"):
        return ""
    words = [*context.command_path.split(), "--resume"]
    for name in ("env", "conf_source", "defer"):
        value = context.params.get(name)
        words += [f"--{name.replace('_', '-')}", value] if value else []
    return f"To continue: {shlex.join(words)}\n"


def resume_command(context: click.Context, resume_from: tuple[str, ...]) -> str:
    """Return a command with another start: what limited the start before is replaced.

    Args:
        context: The command as it was given.
        resume_from: Names of the nodes to start from.
    """
    words = words_as_given(context, {*_NOT_REPEATED, "from_inputs"})
    if context.params.get("from_inputs") and is_from_file(context, "from_inputs"):
        # What a file says would narrow the start again.
        words += ["--from-inputs", ""]
    words += ["--from-nodes", joined(resume_from)]
    return shlex.join(words)


def _show_results(prepared: Any, outputs: dict[str, Any], reports: Iterable[NodeEnded]) -> None:
    from sparkpipe.runner import DryRunner

    if isinstance(prepared.runner, DryRunner):
        return
    rows = result_rows(prepared, outputs, reports)
    if rows:
        echo("Results:")
        echo_table([(f"  {name}", kind, where) for name, kind, where in rows])


def result_rows(
    prepared: Any, outputs: Mapping[str, Any], reports: Iterable[NodeEnded]
) -> list[tuple[str, str, str]]:
    """Return name, type and place of what a run has made: what is saved, then what is returned.

    Args:
        prepared: The run.
        outputs: What it has returned.
        reports: How its nodes ended; they tell the versions that were written.
    """
    versions = {
        saved.name: saved.version
        for report in reports
        for saved in report.data_sets
        if saved.direction == "save" and saved.version
    }
    from sparkpipe.io.declared import is_memory_only, location_of, missing_data
    from sparkpipe.io.messages import kind_of

    rows = []
    for name in sorted(prepared.pipeline.all_outputs()):
        if name in prepared.catalog:
            data_set = prepared.catalog[name]
            if is_memory_only(data_set) and name not in prepared.pipeline.outputs():
                continue
            if missing_data(data_set):
                continue  # a runner of the user's own may save nothing
            version = versions.get(name)
            place = shown(location_of(data_set)) + (f", version {version}" if version else "")
            rows.append((name, kind_of(data_set), place))
    rows += [(name, type(data).__name__, "(in memory only)") for name, data in outputs.items()]
    return rows
