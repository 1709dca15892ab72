"""``sparkpipe catalog``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.commands.catalog_schema import show_schema
from sparkpipe.cli.groups import Group
from sparkpipe.cli.options import names, parameters, params_option, pipeline_option
from sparkpipe.cli.project_command import (
    ProjectCommand,
    echo_table,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.streams import tell_work_done

if TYPE_CHECKING:
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.session import Session


@click.group(cls=Group)
def catalog() -> None:
    """Show the data sets, and add entries."""


catalog.add_command(show_schema)


@catalog.command("list", cls=ProjectCommand)
@pipeline_option("Only this pipeline; more than one by commas.", multiple=True, callback=names)
@params_option()
@project_options
def list_data_sets(
    *,
    pipeline: tuple[str, ...],
    params: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """List the data sets of each pipeline by their types, and those that it does not use."""
    session = _session(env, conf_source, params)
    entries = session.catalog
    in_files = _data_sets(entries.list())
    blocks = []
    for name, one in _chosen(session, pipeline).items():
        used = one.data_sets()
        rows = [(found, *_type_and_place(entries, found)) for found in _data_sets(used)]
        blocks.append((name, rows, [entry for entry in in_files if entry not in used]))
    widest = max((len(row[0]) for _, rows, _ in blocks for row in rows), default=0)
    for name, rows, unused in blocks:
        echo(f"Pipeline '{name}':")
        for kind in sorted({kind for _, kind, _ in rows}, key=str.lower):
            echo(f"  {kind}")
            for data_set, of_kind, place in rows:
                if of_kind == kind:
                    echo(f"    {data_set:<{widest}}  {place}".rstrip())
        if unused:
            echo(f"  Not used: {', '.join(unused)}")


@catalog.command("describe", cls=ProjectCommand)
@click.argument("name", shell_complete=project_names.data_set_names)
@params_option()
@project_options
def describe_data_set(
    *,
    name: str,
    params: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show the entry of a data set, its type and place, and what reads and writes it."""
    from sparkpipe.errors import DataSetNotFoundError, did_you_mean

    session = _session(env, conf_source, params)
    pipelines = session.pipelines
    entries = session.catalog
    used = {one for pipeline in pipelines.values() for one in pipeline.data_sets()}
    if name not in entries and name not in used:
        raise DataSetNotFoundError(
            f"Neither the catalog nor a pipeline has a data set '{name}'.",
            hint=did_you_mean(name, {*used, *entries.list()}),
        )
    config = session.config_loader["catalog"]
    kind, place = _type_and_place(entries, name)
    rows = [("Name", name), ("Type", kind), ("Place", place)]
    if name in config:
        # A loader of the project's own may not know where an entry stands.
        rows.append(("Entry in", getattr(config, "origins", {}).get(name, "")))
    users = _users(pipelines, name)
    rows += [(title, ", ".join(nodes) or "no node") for title, nodes in users.items()]
    rows.append(("Pipelines", ", ".join(_pipelines_with(pipelines, name)) or "none"))
    echo_table(rows)
    entry = config.get(name) or _filled(config)(name)
    if isinstance(entry, Mapping):
        echo("\n" + _as_yaml({name: entry}).rstrip())


@catalog.command("create", cls=ProjectCommand)
@pipeline_option("The pipeline whose data sets get entries.", required=True)
@click.option(
    "--env",
    "-e",
    default="base",
    help="Environment to write into [base].",
    shell_complete=project_names.environments,
)
@params_option()
@click.option("--verbose", "-v", is_flag=True, help="Show all logs and tracebacks.")
def create_entries(*, pipeline: str, env: str, params: tuple[str, ...], verbose: bool) -> None:
    """Add an entry for each data set of a pipeline that the catalog lacks: MemoryDataSet.

    They go to catalog_<pipeline>.yml of the environment. What is there stays as it is.
    """
    from sparkpipe.cli.files import check_file_name, shown
    from sparkpipe.project import named_pipeline

    check_file_name(pipeline, "part of the name of a file")
    session = _session(None if env == "base" else env, None, params)
    chosen = named_pipeline(session.pipelines, pipeline)
    entries = session.catalog
    missing = [name for name in _data_sets(chosen.data_sets()) if name not in entries]
    if not missing:
        echo(f"The catalog has an entry for each data set of '{pipeline}'.")
        return
    path = Path(session.config_loader.conf_source) / env / f"catalog_{pipeline}.yml"
    _append_entries(path, {name: {"type": "MemoryDataSet"} for name in missing})
    tell_work_done()
    echo(f"Added to {shown(path)}: {', '.join(missing)}")


@catalog.command("resolve", cls=ProjectCommand)
@pipeline_option("Only this pipeline; more than one by commas.", multiple=True, callback=names)
@params_option()
@project_options
def resolve_names(
    *,
    pipeline: tuple[str, ...],
    params: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show the entry of each data set of the pipelines, as YAML, with name patterns filled in."""
    session = _session(env, conf_source, params)
    config = session.config_loader["catalog"]
    used = {name for one in _chosen(session, pipeline).values() for name in one.data_sets()}
    # Without a pipeline, also those entries that none uses.
    listed = used if pipeline else used | {n for n in config if "{" not in n and n[:1] != "_"}
    filled = _filled(config)
    resolved = {name: config.get(name) or filled(name) for name in _data_sets(listed)}
    found = {name: entry for name, entry in resolved.items() if entry is not None}
    echo(_as_yaml(found).rstrip() if found else "No data set has an entry in the catalog.")


def _session(env: str | None, conf_source: str | None, params: tuple[str, ...]) -> Session:
    """Return a session whose catalog can be read, and whose parameters all are.

    Raises:
        ConfigError: A file or a parameter is wrong.
        PreflightError: Nothing reads one of the parameters.
    """
    from sparkpipe.errors import PreflightError

    session = open_session(env, conf_source, parameters(params))
    if params:
        _ = session.catalog  # reads parameters, too
        unread = session.unread_params()
        if unread:
            raise PreflightError(unread)
    return session


def _chosen(session: Session, wanted: Iterable[str]) -> dict[str, Pipeline]:
    from sparkpipe.project import named_pipeline

    pipelines = session.pipelines
    return {name: named_pipeline(pipelines, name) for name in wanted or sorted(pipelines)}


def _data_sets(found: Iterable[str]) -> list[str]:
    from sparkpipe.pipeline.modular import is_parameter

    return sorted(name for name in found if not is_parameter(name))


def _type_and_place(entries: DataCatalog, name: str) -> tuple[str, str]:
    from sparkpipe.errors import DataSetError
    from sparkpipe.io.declared import location_of
    from sparkpipe.io.messages import type_of

    if name not in entries:
        return "MemoryDataSet", "(not in the catalog: in memory during the run)"
    try:
        data_set = entries[name]
    except DataSetError as exc:  # a package is missing, say: the others are listed all the same
        config = entries.config_of(name) or {}
        return str(config.get("type")), f"({exc.message.partition(': ')[2] or exc.message})"
    return type_of(data_set), location_of(data_set)


def _users(pipelines: Mapping[str, Pipeline], name: str) -> dict[str, list[str]]:
    from sparkpipe.pipeline.transcoding import strip_transcoding

    def have(names: Iterable[str]) -> bool:
        return strip_transcoding(name) in map(strip_transcoding, names)

    nodes = {node for pipeline in pipelines.values() for node in pipeline.nodes}
    return {
        "Written by": sorted(node.name for node in nodes if have(node.output_names)),
        "Read by": sorted(node.name for node in nodes if have(node.input_names)),
    }


def _pipelines_with(pipelines: Mapping[str, Pipeline], name: str) -> list[str]:
    return sorted(title for title, one in pipelines.items() if name in one.data_sets())


def _filled(config: Mapping[str, Any]) -> Callable[[str], Any]:
    """Return what gives the entry that a name pattern gives a name; None where none does.

    Args:
        config: The entries as the files have them: those of the session have absolute paths.
    """
    from sparkpipe.io import DataCatalog

    return DataCatalog.from_config_lazily(config).config_of


def _as_yaml(entries: Mapping[str, Any]) -> str:
    from sparkpipe.config import to_yaml
    from sparkpipe.redaction import redacted_entries

    return to_yaml(redacted_entries(entries))


def _append_entries(path: Path, entries: Mapping[str, Any]) -> None:
    """Add entries below what a file says, which stays as it is."""
    import yaml

    from sparkpipe.cli.files import replace, shown, write_new
    from sparkpipe.config import to_yaml
    from sparkpipe.errors import ConfigError

    added = to_yaml(entries)
    if not path.exists():
        write_new({path: added})
        return
    text = path.read_text(encoding="utf-8")
    whole = f"{text.rstrip()}\n\n{added}" if text.strip() else added
    try:
        is_sound = yaml.safe_load(whole) == {**(yaml.safe_load(text) or {}), **entries}
    except yaml.YAMLError:
        is_sound = False
    if not is_sound:
        raise ConfigError(
            f"{shown(path)} is no list of entries that others can be added to.",
            hint="Move it away, or add the entries by hand.",
        )
    replace(path, whole)
