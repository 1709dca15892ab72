"""``sparkpipe catalog schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.options import parameters, params_option
from sparkpipe.cli.project_command import (
    ProjectCommand,
    echo_table,
    open_session,
    project_options,
)
from sparkpipe.cli.streams import echo
from sparkpipe.streams import tell_work_done

if TYPE_CHECKING:
    from sparkpipe.schemas import Schema
    from sparkpipe.session import Session


@click.command("schema", cls=ProjectCommand)
@click.argument("name", shell_complete=project_names.data_set_names)
@click.option("--write", is_flag=True, help="Save it to a file.")
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file: .json, .ddl, or .yml for a data contract [that of the entry, else "
    "conf/base/schemas/NAME.json].",
)
@click.option("--declared", is_flag=True, help="That of the entry, not that of the data.")
@params_option()
@project_options
def show_schema(
    *,
    name: str,
    write: bool,
    to: Path | None,
    declared: bool,
    params: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show the columns of a data set, and in what they differ from those of its entry.

    With --write, save them for an entry's 'schema'. Comments, tags and NOT NULL of the entry stay,
    and of a contract all but its columns.
    """
    from sparkpipe.cli.logs import configure_logging
    from sparkpipe.schemas.writing import with_notes

    configure_logging(None, verbose=verbose)
    with open_session(env, conf_source, parameters(params)) as session:
        wanted = _declared(session, name)
        present = None if declared else _present(session, name)
        found = _known(name, wanted) if present is None else with_notes(present, wanted)
        target = (to or _file_of(session, name)) if write else None
    if target is not None:
        _write(found, target, name)
        return
    echo_table([_cells(one) for one in found.columns])
    if present is not None and wanted is not None:
        _tell_differences(wanted, found)


def _declared(session: Session, name: str) -> Schema | None:
    from sparkpipe.schemas.declared import declared_schema

    return declared_schema(session.catalog[name])


def _present(session: Session, name: str) -> Schema:
    from sparkpipe.errors import DataSetError
    from sparkpipe.schemas import schema_of

    with session.scope():
        data = session.catalog.load(name)
        if isinstance(data, dict) and data:  # partitions, which are alike
            part = next(iter(data.values()))
            data = part() if callable(part) else part
        found = schema_of(data)
    if found is None:
        raise DataSetError(
            f"'{name}' has no columns: it is loaded as no frame of Spark, pandas or Arrow."
        )
    return found


def _known(name: str, schema: Schema | None) -> Schema:
    from sparkpipe.errors import DataSetError

    if schema is None:
        raise DataSetError(f"The entry of '{name}' has no schema.")
    return schema


def _file_of(session: Session, name: str) -> Path:
    """Return the file in which the schema of an entry stands, or would."""
    from sparkpipe.schemas.reading import path_of

    config = session.catalog.config_of(name) or {}
    given = path_of(config.get("schema"))
    if given and "://" not in given:
        return Path(session.project.path, given)
    return Path(session.config_loader.conf_source, "base", "schemas", f"{name}.json")


def _write(schema: Schema, path: Path, name: str) -> None:
    from sparkpipe.cli.files import replace, shown, write_new
    from sparkpipe.schemas.writing import schema_text

    text = schema_text(schema, path, name)
    if path.exists():
        replace(path, text)
    else:
        write_new({path: text})
    tell_work_done()
    echo(f"Saved {len(schema.columns)} columns to {shown(path)}.")
    echo(f"In the entry of '{name}': schema: {shown(path)}")


def _cells(column: Any) -> tuple[str, ...]:
    nulls = "" if column.nullable else "NOT NULL"
    return (column.name, str(column.type), nulls, column.comment)


def _tell_differences(wanted: Schema, found: Schema) -> None:
    from sparkpipe.schemas import compare
    from sparkpipe.schemas.frames import fits_outside_of_spark

    for one in compare(wanted, found, fits_outside_of_spark):
        echo(f"Differs from the entry: {one}")
