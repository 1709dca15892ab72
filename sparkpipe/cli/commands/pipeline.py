"""``sparkpipe pipeline``."""

from __future__ import annotations

import keyword
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from sparkpipe.cli import project_names
from sparkpipe.cli.files import shown, write_new
from sparkpipe.cli.groups import Group
from sparkpipe.cli.interrupt import raise_interrupt
from sparkpipe.cli.project_command import ProjectCommand, current_project, package_folder
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.streams import tell_work_done

if TYPE_CHECKING:
    from sparkpipe.project import Project

_verbose = click.option("--verbose", "-v", is_flag=True, help="Show tracebacks.")


@click.group(cls=Group)
def pipeline() -> None:
    """Add a pipeline to the project, or delete one."""


@pipeline.command("create", cls=ProjectCommand)
@click.argument("name")
@click.option(
    "--env",
    "-e",
    default="base",
    help="Environment of its parameters [base].",
    shell_complete=project_names.environments,
)
@click.option("--skip-config", is_flag=True, help="Write no file of parameters.")
@_verbose
def create(*, name: str, env: str, skip_config: bool, verbose: bool) -> None:
    """Write a package NAME with nodes.py and pipeline.py, parameters_NAME.yml, and a test."""
    from sparkpipe.cli.templates import filled

    check_pipeline_name(name)
    project = current_project()
    template = filled("pipeline", {"package": project.package_name, "pipeline": name})
    package = _pipelines_folder(project)
    files: dict[Path, str] = {}
    if not (package / "__init__.py").exists():
        files[package / "__init__.py"] = '"""A package for each pipeline."""\n'
    for path, text in template.items():
        if path.parts[0] == "package":
            files[package / name / path.name] = text
    if not skip_config:
        parameters = template[PurePosixPath("parameters.yml")]
        files[_environment(project, env) / f"parameters_{name}.yml"] = parameters
    files[_test_file(project, name)] = template[PurePosixPath("test_pipeline.py")]
    if (package / name).exists():
        raise ConfigError(
            f"{shown(package / name)} is there already; nothing was written.",
            hint="Take another name.",
        )
    write_new(files)
    tell_work_done()
    echo(f"Made the pipeline '{name}':")
    for file in files:
        echo(f"  {shown(file)}")
    echo("find_pipelines() finds it; a registry that does not call that must add it.")


@pipeline.command("delete", cls=ProjectCommand)
@click.argument("name", shell_complete=project_names.pipeline_names)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@_verbose
def delete(*, name: str, yes: bool, verbose: bool) -> None:
    """Delete what 'pipeline create NAME' has written: package, parameters and test."""
    check_pipeline_name(name)
    project = current_project()
    package = _pipelines_folder(project) / name
    if not package.is_dir() or package.is_symlink():
        there = [path.parent.name for path in package.parent.glob("*/__init__.py")]
        raise ConfigError(
            f"There is no folder {shown(package)}.",
            hint=did_you_mean(name, there) or f"Pipelines: {', '.join(sorted(there)) or 'none'}.",
        )
    others = [*sorted(project.conf_source.glob(f"*/parameters_{name}.yml"))]
    others += [path for path in (_test_file(project, name),) if path.is_file()]
    echo("This will be deleted:")
    for path in (package, *others):
        echo(f"  {shown(path)}{'/ with all that is in it' if path == package else ''}")
    if not yes and not _confirmed():
        echo("Nothing was deleted.")
        raise click.exceptions.Exit(1)
    try:
        shutil.rmtree(package)
        for path in others:
            path.unlink()
    except OSError as exc:
        where = shown(exc.filename or package)
        raise ConfigError(f"{where} cannot be deleted: {exc.strerror}.") from exc
    tell_work_done()
    echo(f"Deleted the pipeline '{name}'. A registry that names it must be changed.")


def _confirmed() -> bool:
    try:
        return click.confirm("Delete it?", default=False)
    except click.Abort as exc:
        raise_interrupt(exc)
        echo()
        return False


def check_pipeline_name(name: str) -> None:
    """Refuse what cannot be the name of a package of a pipeline.

    Raises:
        ConfigError: It is no identifier of plain letters, or a word of Python.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a pipeline's package.",
            hint="Take letters, digits and '_', a letter first, and no word of Python.",
        )


def _pipelines_folder(project: Project) -> Path:
    package = package_folder(project)
    if not package.is_dir():
        raise ConfigError(
            f"There is no package folder {shown(package)}.",
            hint="Check package_name and source_dir in [tool.sparkpipe] of pyproject.toml.",
        )
    return package / "pipelines"


def _environment(project: Project, env: str) -> Path:
    folder = project.conf_source / env
    if not re.fullmatch(r"\w[\w.-]*", env, re.ASCII) or not (env == "base" or folder.is_dir()):
        known = [path.name for path in project.conf_source.glob("*") if path.is_dir()]
        raise ConfigError(
            f"There is no environment {env!r} in {shown(project.conf_source)}.",
            hint=did_you_mean(env, known) or f"Environments: {', '.join(sorted(known))}.",
        )
    return folder


def _test_file(project: Project, name: str) -> Path:
    return project.path / "tests" / "pipelines" / f"test_{name}.py"
