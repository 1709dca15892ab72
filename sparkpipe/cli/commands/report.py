"""``sparkpipe report``."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from sparkpipe.cli.files import shown
from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError

_FOLDER = ".sparkpipe/reports"


@click.command(cls=ProjectCommand)
@click.argument("run_id", default="")
@click.option("--plan", "planned", is_flag=True, help="Show what a run would do, and no run.")
@click.option("--pipeline", "-p", help="The pipeline of the plan [__default__].")
@click.option("--compare", metavar="RUN_ID", help="The run to compare with [the one before].")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="The file to write.")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@project_options
def report(
    *,
    run_id: str,
    planned: bool,
    pipeline: str | None,
    compare: str | None,
    output: str | None,
    opens: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Write a run, or a plan, as one page that needs no network.

    RUN_ID is the name of a run, or the beginning of it; by default the last one. It is read from
    the journal alone, so it may be a run of another machine.
    """
    if planned and (run_id or compare):
        raise ConfigError("A plan is of no run: give --plan, or RUN_ID and --compare.")
    if pipeline and not planned:
        raise ConfigError("--pipeline is for --plan; a run has its own.")
    session = open_session(env, conf_source)
    if planned:
        page = session.report_plan(pipeline)
    else:
        page = session.report(run_id or "last", compare=compare)
    path = Path(output) if output else session.project.path / _FOLDER / f"{page.name}.html"
    _write(path, page.html)
    echo(f"Wrote {shown(str(path))}")
    if opens and not webbrowser.open(path.absolute().as_uri()):
        echo("No browser could be opened; open the file yourself.", err=True)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(
            f"The page could not be written to {path}: {exc.strerror or exc}.",
            hint="Choose another file: --output page.html",
        ) from exc
