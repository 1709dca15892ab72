"""``sparkpipe sample``."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.options import names, parameters, params_option, pipeline_option
from sparkpipe.cli.project_command import ProjectCommand, echo_table, open_session, project_options
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError, SparkpipeError
from sparkpipe.streams import tell_work_done

_NOT_IN_A_FILE = re.compile(r"[^\w.-]+")


@click.command(cls=ProjectCommand)
@pipeline_option("The pipeline whose inputs are sampled [__default__].")
@click.option(
    "--only",
    multiple=True,
    callback=names,
    shell_complete=project_names.data_set_names,
    help="Only these data sets; more than one by commas.",
)
@click.option(
    "--rows", type=click.IntRange(min=1), default=100, show_default=True, help="Rows at most."
)
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    help="Take this share by chance, not the first rows.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For the same choice again.")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the samples go [tests/data in the project].",
)
@click.option("--force", is_flag=True, help="Replace samples that are there.")
@params_option()
@project_options
def sample(
    *,
    pipeline: str | None,
    only: tuple[str, ...],
    rows: int,
    fraction: float | None,
    seed: int,
    to: Path | None,
    force: bool,
    params: tuple[str, ...],
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Save small samples of what a pipeline reads, for its tests.

    They are text where that loses nothing, with a catalog.yml that tells types and columns. Real
    data may be secret: look at the samples before they are committed.
    """
    from sparkpipe.cli.files import shown
    from sparkpipe.cli.logs import configure_logging
    from sparkpipe.config import to_yaml
    from sparkpipe.project import named_pipeline
    from sparkpipe.testing.sample_files import CATALOG, take_sample

    configure_logging(None, verbose=verbose)
    with open_session(env, conf_source, parameters(params)) as session:
        found = named_pipeline(session.pipelines, pipeline or "__default__")
        folder = to or session.project.path / "tests" / "data"
        known, taken, left = _entries(folder / CATALOG), {}, []
        for name in _chosen(found, only):
            if name in known and not force:
                raise ConfigError(
                    f"{shown(folder)} has a sample of '{name}' already; nothing was written.",
                    hint="Replace it by --force, or choose others by --only.",
                )
            try:
                data = session.catalog.load(name)
                taken[name] = take_sample(name, data, rows=rows, fraction=fraction, seed=seed)
            except SparkpipeError as exc:
                left.append(str(exc))
        with tempfile.TemporaryDirectory(prefix=".samples-", dir=_made(folder)) as beside:
            for name, one in taken.items():
                file = _NOT_IN_A_FILE.sub("-", one.file)
                known[name] = {**one.entry, "filepath": file}
                one.write(Path(beside, file))
            Path(beside, CATALOG).write_text(to_yaml(known), encoding="utf-8")
            # The catalog comes last: what it names is there.
            for path in sorted(Path(beside).iterdir(), key=lambda path: path.name == CATALOG):
                shutil.move(path, folder / path.name)
    tell_work_done()
    echo_table(
        [
            (f"  {name}", "" if one.rows is None else f"{one.rows} rows", known[name]["filepath"])
            for name, one in taken.items()
        ]
    )
    echo(f"{len(taken)} samples are in {shown(folder)}.")
    for told in left:
        echo(f"Left out: {told}", err=True)
    if left:
        raise click.exceptions.Exit(1)


def _chosen(pipeline: Any, only: tuple[str, ...]) -> list[str]:
    from sparkpipe.errors import did_you_mean
    from sparkpipe.pipeline.modular import is_parameter

    inputs = sorted(name for name in pipeline.inputs() if not is_parameter(name))
    for name in only:
        if name not in inputs:
            hint = did_you_mean(name, inputs) or f"Inputs: {', '.join(inputs) or 'none'}."
            raise ConfigError(f"The pipeline does not read '{name}' from outside.", hint=hint)
    return [*only] or inputs


def _entries(file: Path) -> dict[str, Any]:
    from sparkpipe.config import read_file

    return dict(read_file(file, str(file))[0]) if file.is_file() else {}


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{folder} cannot be made: {exc.strerror}.") from exc
    return folder
