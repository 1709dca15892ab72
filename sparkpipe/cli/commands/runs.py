"""``sparkpipe runs``."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli.groups import Group
from sparkpipe.cli.options import format_option
from sparkpipe.cli.project_command import (
    ProjectCommand,
    echo_table,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.report.runs import Runs

_LISTED = 20
_SILENCE_SECONDS = 3600.0


def _runs(env: str | None, conf_source: str | None) -> Runs:
    return open_session(env, conf_source).runs


def _echo_json(told: Any) -> None:
    echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))


@click.group(cls=Group)
def runs() -> None:
    """Show what earlier runs did."""


@runs.command("list", cls=ProjectCommand)
@click.option("--limit", type=click.IntRange(min=1), default=_LISTED, help="How many [20].")
@format_option()
@project_options
def list_runs(
    *, limit: int, form: str, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """List the last runs, the last one first."""
    from sparkpipe.report.runs import ShownRun
    from sparkpipe.report.runs.cells import RUN_TITLES, cells_of_run, without_empty

    journal = _runs(env, conf_source)
    records = [*islice(journal.runs(), limit)]
    if form == "json":
        shown = [ShownRun(record).as_dict() | {"nodes": record.counts} for record in records]
        _echo_json([{k: v for k, v in one.items() if k != "params"} for one in shown])
    elif records:
        echo_table(without_empty([[*RUN_TITLES], *map(cells_of_run, records)]))
    else:
        echo("No run was written down yet.")


@runs.command("show", cls=ProjectCommand)
@click.argument("run_id", default="last")
@format_option()
@project_options
def show_run(
    *, run_id: str, form: str, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """Show a run node by node; by default the last one.

    RUN_ID is the name of a run, or the beginning of it.
    """
    shown = _runs(env, conf_source).show(run_id)
    if form == "json":
        _echo_json(shown.as_dict())
    else:
        echo(str(shown))


@runs.command("watch", cls=ProjectCommand)
@click.argument("run_id", default="last")
@click.option(
    "--silence",
    type=click.FloatRange(min=0, min_open=True),
    default=_SILENCE_SECONDS,
    help="Where nobody can tell whether a run lives: after how many seconds without a word it is "
    "taken for dead [3600].",
)
@project_options
@click.pass_context
def watch_runs(
    ctx: click.Context,
    *,
    run_id: str,
    silence: float,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Follow a run of another process until it ends; by default the last one.

    RUN_ID is the name of a run, or the beginning of it. The exit status is 0 if the run ended well.
    """
    import sys

    from sparkpipe.report.runs.watching import watch_run

    record = watch_run(_runs(env, conf_source), run_id, echo, sys.stderr, silence=silence)
    if record.outcome != "done":
        ctx.exit(1)


@runs.command("diff", cls=ProjectCommand)
@click.argument("earlier", default="")
@click.argument("later", default="last")
@format_option()
@project_options
def diff_runs(
    *,
    earlier: str,
    later: str,
    form: str,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show what differs between two runs in code, parameters, inputs, rows and times.

    By default between the last run and the one before it of the same pipeline.
    """
    differences = _runs(env, conf_source).diff(earlier, later)
    if form == "json":
        _echo_json(differences.as_dict())
    else:
        echo(str(differences))


@runs.command("prune", cls=ProjectCommand)
@click.option("--keep", type=click.IntRange(min=0), help="How many runs are kept [journal.yml].")
@click.option("--dry-run", is_flag=True, help="Only say how many would be removed.")
@format_option()
@project_options
def prune_runs(
    *,
    keep: int | None,
    dry_run: bool,
    form: str,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Remove all but the last runs, and none that goes on.

    What a removed run knew is forgotten.
    """
    from sparkpipe.session.parts import read_journal_settings

    session = open_session(env, conf_source)
    kept = read_journal_settings(session).keep if keep is None else keep
    if kept is None:
        raise ConfigError(
            "It is not said how many runs are kept.", hint="Give --keep, or 'keep' in journal.yml."
        )
    journal = session.runs
    removed = journal.prunable(kept) if dry_run else journal.prune(kept)
    if form == "json":
        _echo_json({"removed": [*removed], "dry_run": dry_run})
    else:
        echo(f"{'Would remove' if dry_run else 'Removed'} {counted(len(removed), 'run')}.")
