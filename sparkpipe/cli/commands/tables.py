"""``sparkpipe tables``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, TypeVar

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

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparkpipe.datasets.spark.maintaining import Table

R = TypeVar("R")

_NONE_THERE = "None of these tables is there yet."

_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
_names = click.argument("names", nargs=-1, required=True)


def _for_each(
    asked: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    work: Callable[[SparkSession, Table], R],
) -> Iterator[tuple[Table, R]]:
    """Do something with the tables of the catalog that are asked for and there; give the results.

    Raises:
        DataSetError: There is no such table in the catalog, or Spark does not do it.
    """
    from sparkpipe.datasets.spark.maintaining import find_tables, find_there, telling_which
    from sparkpipe.spark.session import get_spark

    with open_session(env, conf_source) as session:
        tables = find_tables(session.catalog, asked)
        with session.scope():
            spark = get_spark()
            for table in find_there(session.catalog, tables):
                with telling_which(table):
                    done = work(spark, table)
                yield table, done


def _tell_each(
    asked: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    work: Callable[[SparkSession, Table], str],
) -> None:
    is_any_there = False
    for table, done in _for_each(asked, env, conf_source, work):
        is_any_there = True
        echo(f"{table.name}: {done}.")
    if not is_any_there:
        echo(_NONE_THERE)


@click.group(cls=Group)
def tables() -> None:
    """Look after the Delta tables of the catalog.

    NAMES are names of data sets, or patterns such as 'clean_*'.
    """


@tables.command(cls=ProjectCommand)
@_names
@click.option("--limit", type=click.IntRange(min=1), default=20, help="How many versions [20].")
@format_option()
@project_options
def history(
    *,
    names: tuple[str, ...],
    limit: int,
    form: str,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show the versions of tables: what made them, and in which run."""
    from sparkpipe.datasets.spark.maintaining import read_history

    read = _for_each(
        names, env, conf_source, lambda spark, table: read_history(spark, table, limit)
    )
    commits = [one for _, found in read for one in found]
    if form == "json":
        echo(json.dumps([asdict(one) for one in commits], indent=2, ensure_ascii=False))
        return
    if not commits:
        echo(_NONE_THERE)
        return
    titles = ["Data set", "Version", "Time", "Operation", "Rows", "Run", "Node"]
    lines = [["" if cell is None else str(cell) for cell in astuple(one)] for one in commits]
    echo_table([titles, *lines])


@tables.command(cls=ProjectCommand)
@_names
@_dry_run
@project_options
def optimize(
    *,
    names: tuple[str, ...],
    dry_run: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Put small files of tables together."""
    from sparkpipe.datasets.spark.maintaining import optimize as work

    _tell_each(names, env, conf_source, lambda spark, table: work(spark, table, dry_run=dry_run))


@tables.command(cls=ProjectCommand)
@_names
@click.option(
    "--retain",
    type=click.FloatRange(min=0),
    metavar="HOURS",
    help="For how long files of old versions are kept [the table's own retention, a week].",
)
@click.option(
    "--below-retention", is_flag=True, help="Let --retain be shorter than the table's own."
)
@_dry_run
@project_options
def vacuum(
    *,
    names: tuple[str, ...],
    retain: float | None,
    below_retention: bool,
    dry_run: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Remove files that only old versions of tables need."""
    from sparkpipe.datasets.spark.maintaining import vacuum as work

    _tell_each(
        names,
        env,
        conf_source,
        lambda spark, table: work(spark, table, retain, below=below_retention, dry_run=dry_run),
    )


@tables.command(cls=ProjectCommand)
@click.argument("name")
@click.option(
    "--version", required=True, help="A version, a time, or 'as of run <id>' to go back to."
)
@_dry_run
@project_options
def restore(
    *,
    name: str,
    version: str,
    dry_run: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Make a table, or all of a pattern, what they were.

    That is a new version, so it can be undone the same way.
    """
    from sparkpipe.datasets.spark.maintaining import restore as work

    _tell_each(
        (name,),
        env,
        conf_source,
        lambda spark, table: work(spark, table, version, dry_run=dry_run),
    )


@tables.command(cls=ProjectCommand)
@click.argument("name")
@click.argument("target")
@click.option("--version", help="A version, a time, or 'as of run <id>' to clone [the last].")
@_dry_run
@project_options
def clone(
    *,
    name: str,
    target: str,
    version: str | None,
    dry_run: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Make another table that shares the files of a table, to try something out.

    TARGET is a path, if it has a slash, or the name of a table.
    """
    from sparkpipe.datasets.spark.maintaining import clone as work

    _tell_each(
        (name,),
        env,
        conf_source,
        lambda spark, table: work(spark, table, target, version, dry_run=dry_run),
    )
