"""``sparkpipe checks``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.groups import Group
from sparkpipe.cli.project_command import (
    ProjectCommand,
    echo_table,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.streams import tell_work_done

if TYPE_CHECKING:
    from sparkpipe.checks.checked import CheckedDataSet
    from sparkpipe.session import Session

_SHOWN = 20

_one_name = click.argument("name", shell_complete=project_names.data_set_names)


@click.group(cls=Group)
def checks() -> None:
    """Show what checks of data have found, and judge data that is there."""


@checks.command("list", cls=ProjectCommand)
@click.argument("run_id", default="last")
@click.option("--failed", is_flag=True, help="Only those that were not passed.")
@project_options
def list_checks(
    *, run_id: str, failed: bool, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """List what the checks of a run have found; by default of the last one.

    RUN_ID is the name of a run, or the beginning of it.
    """
    from sparkpipe.report.checks import CHECK_TITLES, check_rows
    from sparkpipe.report.runs.cells import without_empty

    record = open_session(env, conf_source).runs.run(run_id)
    found = {name: node.checks for name, node in record.nodes.items()}
    rows = [*check_rows(found, only_failed=failed)]
    count = sum(map(len, found.values()))
    if rows:
        echo_table(without_empty([[*CHECK_TITLES], *rows]))
    elif count:
        echo(f"All {count} checks of run {record.run_id} were passed.")
    else:
        echo(f"No check was judged in run {record.run_id}.")


@checks.command("run", cls=ProjectCommand)
@_one_name
@project_options
def run_checks(*, name: str, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """Judge the data of NAME that is there, and change nothing.

    Ends with status 1 if something does not pass that must hold.
    """
    from sparkpipe.report.checks import CHECK_TITLES, check_rows
    from sparkpipe.report.runs.cells import without_empty

    def judge(session: Session) -> Any:
        found = _checked(session, name)
        _refuse_stream(session, name)
        return found.judge_present(session.catalog)

    found = _within(env, conf_source, verbose, judge)
    tell_work_done()
    echo_table(without_empty([[*CHECK_TITLES], *check_rows({"": found})]))
    if any(one.outcome == "failed" for one in found):
        raise click.exceptions.Exit(1)


@checks.command("rejected", cls=ProjectCommand)
@_one_name
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, help="How many rows [20].")
@project_options
def show_rejected(
    *, name: str, limit: int, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """Show rows in the quarantine of NAME, with the checks that they did not pass."""
    from sparkpipe.checks.quarantine import rejected_rows

    def read(session: Session) -> Any:
        return rejected_rows(_checked(session, name).quarantine_in(session.catalog), limit)

    where, rows = _within(env, conf_source, verbose, read)
    if not rows:
        echo(f"No row of '{name}' was rejected.")
        return
    echo_table([[*rows[0]], *([str(cell) for cell in row.values()] for row in rows)])
    echo(f"In {where}.")


@checks.command("suggest", cls=ProjectCommand)
@_one_name
@project_options
def suggest_checks(*, name: str, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """Write checks that the data of NAME passes now, to edit and put into its entry."""
    from sparkpipe.checks.suggesting import suggest
    from sparkpipe.config import to_yaml

    def profile(session: Session) -> Any:
        _refuse_stream(session, name)
        return suggest(session.catalog.load(name))

    echo(to_yaml({"checks": _within(env, conf_source, verbose, profile)}).rstrip())


def _within(
    env: str | None, conf_source: str | None, verbose: bool, do: Callable[[Session], Any]
) -> Any:
    from sparkpipe.cli.logs import configure_logging

    configure_logging(None, verbose=verbose)
    with open_session(env, conf_source) as session:
        return do(session)


def _refuse_stream(session: Session, name: str) -> None:
    from sparkpipe.io.declared import is_stream

    if name in session.catalog and is_stream(session.catalog[name]):
        raise ConfigError(
            f"'{name}' is a stream, which has no end to look at.",
            hint="Name an entry that reads what is there at once, as spark.DeltaTableDataSet does.",
        )


def _checked(session: Session, name: str) -> CheckedDataSet:
    from sparkpipe.checks.checked import checked_in

    if name not in session.catalog:
        raise ConfigError(
            f"The catalog has no data set '{name}'.", hint=did_you_mean(name, session.catalog)
        )
    found = checked_in(session.catalog[name])
    if found is None:
        raise ConfigError(
            f"The entry of '{name}' has no checks.", hint=f"See: sparkpipe checks suggest {name}"
        )
    return found
