"""``sparkpipe catalog``."""

from __future__ import annotations

import click

from sparkpipe.cli.project import ProjectCommand, echo_table, project_options


@click.group()
def catalog() -> None:
    """Show the data sets."""


@catalog.command("list", cls=ProjectCommand)
@click.option("--pipeline", "-p", help="Only the data sets of this pipeline.")
@project_options
def list_data_sets(
    *, pipeline: str | None, env: str | None, conf_source: str | None, verbose: bool
) -> None:
    """List data sets with their types and places; those of pipelines that are in no file, too."""
    from sparkpipe.errors import ConfigError, did_you_mean
    from sparkpipe.io.core import location_of
    from sparkpipe.session import Session

    session = Session(None, env, conf_source=conf_source)
    pipelines = session.pipelines
    if pipeline is not None and pipeline not in pipelines:
        raise ConfigError(
            f"There is no pipeline '{pipeline}'.", hint=did_you_mean(pipeline, pipelines)
        )
    chosen = [pipelines[pipeline]] if pipeline else list(pipelines.values())
    used = {name for one in chosen for name in one.data_sets()}
    entries = session.catalog
    names = used if pipeline else used | set(entries.list())
    rows = []
    for name in sorted(names):
        if name == "parameters" or name.startswith("params:"):
            continue
        if name in entries:
            data_set = entries[name]
            place = location_of(data_set)
            unused = "" if name in used else "(no pipeline uses it)"
            rows.append((name, type(data_set).__name__, f"{place} {unused}".strip()))
        else:
            rows.append((name, "MemoryDataSet", "(not in the catalog: in memory during the run)"))
    echo_table(rows)
