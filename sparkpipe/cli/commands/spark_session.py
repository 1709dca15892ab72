"""``sparkpipe session``."""

from __future__ import annotations

import click

from sparkpipe.cli.groups import Group
from sparkpipe.cli.project_command import (
    ProjectCommand,
    current_project,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.streams import tell_work_done


@click.group(cls=Group)
def session() -> None:
    """Make Spark start fast, or keep a Spark session warm for this project."""


@session.command(cls=ProjectCommand)
@project_options
def tune(*, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """Make once, in the user's cache folder, what lets later sessions start fast.

    Keeps Delta's jars, and an archive of the classes that Java loads (about 190 MB). Takes about a
    minute; if all is there already, no time.
    """
    from sparkpipe.cli.logs import configure_logging
    from sparkpipe.spark.start.tune import tune

    configure_logging(None, verbose=verbose)
    of_project = open_session(env, conf_source)
    tuned = tune(of_project.spark.settings, of_project.project.path / "logs" / "spark-tune.log")
    tell_work_done()
    made = f"made in {tuned.seconds:.0f} s" if tuned.seconds else "there already"
    size = tuned.archive.stat().st_size / 2**20
    echo(f"Archive of classes {made}: {tuned.archive} ({size:.0f} MB)")


@session.command(cls=ProjectCommand)
@click.option(
    "--idle-minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Stop by itself after so long without a run or query.",
)
@project_options
def start(*, idle_minutes: float, env: str | None, conf_source: str | None, verbose: bool) -> None:
    """Keep a Spark session warm; later runs in this project use it by themselves."""
    from sparkpipe.cli.logs import configure_logging
    from sparkpipe.spark.warm.folder import FOLDER, WarmFolder, start

    configure_logging(None, verbose=verbose)
    of_project = open_session(env, conf_source)
    project = of_project.project
    server, is_new = start(
        WarmFolder(project.path / FOLDER),
        of_project.spark.settings,
        of_project.spark.start_options,
        project=project.path,
        source_dir=project.source_dir,
        idle_minutes=idle_minutes,
    )
    tell_work_done()
    echo(
        f"The warm session {'has started' if is_new else 'runs already'}: pid {server.pid}, "
        f"port {server.port} on loopback."
    )


@session.command(cls=ProjectCommand)
def status() -> None:
    """Tell about the warm session of this project; ends with status 1 if none runs."""
    import time

    from sparkpipe.cli.project_command import echo_table
    from sparkpipe.spark.warm.folder import FOLDER, WarmFolder

    server = WarmFolder(current_project().path / FOLDER).server()
    if server is None:
        echo("No warm session runs in this project.")
        raise click.exceptions.Exit(1)
    rows = [
        ("pid", str(server.pid)),
        ("port", f"{server.port} on loopback" + ("" if server.answers() else ", does not answer")),
        ("up for", f"{(time.time() - server.started) / 60:.0f} min"),
        ("stops after", f"{server.idle_minutes:g} min without use"),
        *server.versions.items(),
    ]
    echo_table(rows)


@session.command(cls=ProjectCommand)
def stop() -> None:
    """End the warm session of this project."""
    from sparkpipe.spark.warm.folder import FOLDER, WarmFolder, stop

    server = stop(WarmFolder(current_project().path / FOLDER))
    tell_work_done()
    echo(
        f"The warm session has ended (pid {server.pid})."
        if server
        else "No warm session runs in this project."
    )
