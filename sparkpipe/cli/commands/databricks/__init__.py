"""``sparkpipe databricks``: a bundle of Databricks with the project's pipelines as jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sparkpipe.cli.files import replace, shown, write_new
from sparkpipe.cli.groups import Group
from sparkpipe.cli.options import names
from sparkpipe.cli.project_command import ProjectCommand, current_project
from sparkpipe.cli.project_names import environments, pipeline_names, runner_names, tag_names
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError, SparkpipeError
from sparkpipe.streams import tell_work_done

if TYPE_CHECKING:
    from sparkpipe.cli.commands.databricks.job import Job
    from sparkpipe.project import Project

F = TypeVar("F", bound=Callable[..., Any])

_BUNDLE = "databricks.yml"
_RESOURCES = "resources"
_SUFFIX = ".job.yml"
_HOST = re.compile(r"https://[\w.-]+(:\d+)?/?", re.ASCII)

_FORCE = click.option("--force", is_flag=True, help="Write over what was changed by hand.")
_VERBOSE = click.option("--verbose", "-v", is_flag=True, help="Show tracebacks.")


@click.group(cls=Group)
def databricks() -> None:
    """Make the project a bundle of Databricks, with its pipelines as jobs."""


def _autoscale(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d+):(\d+)", value, re.ASCII)
    if match is None:
        raise click.BadParameter(f"'{value}' is not least:greatest, such as 1:4.", ctx, param)
    return int(match[1]), int(match[2])


def _job_options(command: F) -> F:
    """Add the options that say what a job is."""
    for option in reversed(
        (
            click.option(
                "--pipeline",
                "-p",
                shell_complete=pipeline_names,
                help="The pipeline that it runs [__default__].",
            ),
            click.option(
                "--env",
                "-e",
                shell_complete=environments,
                help="The configuration environment of its runs.",
            ),
            click.option("--runner", "-r", shell_complete=runner_names, help="Its runner."),
            click.option(
                "--params",
                multiple=True,
                help="Parameters of the job with their defaults: a.b:1,c:text",
            ),
            click.option("--name", help="Its name for people [from project and pipeline]."),
            click.option(
                "--task-per",
                type=click.Choice(["namespace", "tag"]),
                help="A task for each of these [one task for all].",
            ),
            click.option(
                "--tags",
                multiple=True,
                callback=names,
                shell_complete=tag_names,
                help="With --task-per tag: the tags that are tasks [all].",
            ),
            click.option("--schedule", help="When it runs, in Quartz cron: '0 30 6 ? * MON-FRI'"),
            click.option("--timezone", help="Time zone of the schedule [UTC]."),
            click.option(
                "--spark-version", help="Runs on a cluster of this runtime: 17.3.x-scala2.13"
            ),
            click.option("--node-type", help="The kind of its machines: i3.xlarge"),
            click.option(
                "--workers",
                type=click.IntRange(min=0),
                help="How many machines beside the driver [1].",
            ),
            click.option(
                "--autoscale", callback=_autoscale, help="Or the least and most of them: 1:4"
            ),
            click.option(
                "--environment-version",
                help="Without a cluster: the environment of serverless compute [4].",
            ),
            click.option(
                "--library",
                "libraries",
                multiple=True,
                help="More to install: a requirement, or a wheel of the project's folder.",
            ),
        )
    ):
        command = option(command)
    return command


@databricks.command("init", cls=ProjectCommand)
@click.option("--host", help="Address of the workspace: https://...")
@_job_options
@click.option("--force", is_flag=True, help="Write over what is there.")
@_VERBOSE
def init(*, host: str | None, force: bool, verbose: bool, **options: Any) -> None:
    """Write databricks.yml, and the first job in resources/."""
    from sparkpipe.cli.commands.databricks.job import resource_text
    from sparkpipe.cli.commands.databricks.making import made_job

    project = current_project()
    job, warning = made_job(project, options)
    files = {
        project.path / _BUNDLE: _bundle_text(project, job, host),
        _job_file(project, job): resource_text(job, _given_options()),
    }
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there and not force:
        raise ConfigError(
            f"{' and '.join(shown(path) for path in there)} "
            f"{'is' if len(there) == 1 else 'are'} there already; nothing was written.",
            hint="'sparkpipe databricks bundle' writes jobs anew; --force writes over all.",
        )
    write_new({path: text for path, text in files.items() if path not in there})
    for path in there:
        replace(path, files[path])
    _tell(files, warning, [job])


@databricks.command("bundle", cls=ProjectCommand)
@_job_options
@_FORCE
@_VERBOSE
def bundle(*, force: bool, verbose: bool, **options: Any) -> None:
    """Write a job in resources/; without options write all anew that this has written."""
    from sparkpipe.cli.commands.databricks.job import is_as_written, resource_text
    from sparkpipe.cli.commands.databricks.making import made_job

    project = current_project()
    if not (project.path / _BUNDLE).is_file():
        raise ConfigError(
            f"There is no {shown(project.path / _BUNDLE)}.",
            hint="Write it first: sparkpipe databricks init",
        )
    given = _given_options()
    before = {} if given else _written_before(project)
    made = [_job_of(project, file, one) for file, one in before.items()]
    files: dict[Path, str] = {}
    jobs, warnings = [], []
    for job, warning, one in made or [(*made_job(project, options), given)]:
        path = _job_file(project, job)
        if path.is_file() and not force and not is_as_written(path.read_text(encoding="utf-8")):
            raise ConfigError(
                f"{shown(path)} was changed by hand; nothing was written.",
                hint=f"Move the changes into {_BUNDLE}, below targets.<target>.resources, or give "
                "--force.",
            )
        files[path] = resource_text(job, one)
        jobs.append(job)
        warnings.append(warning)
    write_new({path: text for path, text in files.items() if not path.exists()})
    for path, text in files.items():
        replace(path, text)
    _tell(files, "\n".join(dict.fromkeys(filter(None, warnings))), jobs)


def _given_options() -> list[str]:
    """Return the options of a job that this command was given, as words."""
    context = click.get_current_context()
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if parameter.name in ("host", "force", "verbose") or value is None or value == ():
            continue
        option = max(parameter.opts, key=len)
        if parameter.name == "autoscale":
            words.append(f"{option}={value[0]}:{value[1]}")
        else:
            several = value if isinstance(value, tuple) else (value,)
            words += [f"{option}={one}" for one in several]
    return words


def _options_of(words: Sequence[str]) -> dict[str, Any]:
    """Return what words, written down by this command, mean."""
    try:
        options = dict(bundle.make_context("bundle", list(words)).params)
    except click.ClickException as exc:
        raise ConfigError(
            f"the options {json.dumps(list(words))} of a job are wrong: {exc.format_message()}",
            hint="Write the job anew: sparkpipe databricks bundle --help",
        ) from exc
    return {name: value for name, value in options.items() if name not in ("force", "verbose")}


def _written_before(project: Project) -> dict[Path, list[str]]:
    """Return the options by which this command has written files of jobs, by file."""
    from sparkpipe.cli.commands.databricks.job import written_options

    found = {}
    for path in sorted((project.path / _RESOURCES).glob(f"*{_SUFFIX}")):
        options = written_options(path.read_text(encoding="utf-8"))
        if options is not None:
            found[path] = options
    return found


def _job_of(project: Project, file: Path, words: list[str]) -> tuple[Job, str, list[str]]:
    """Return the job of a file that is there, a warning, and the options that made it."""
    from sparkpipe.cli.commands.databricks.making import made_job

    try:
        job, warning = made_job(project, _options_of(words))
    except SparkpipeError as exc:
        raise ConfigError(
            f"{shown(file)}: {exc.message}", hint=f"{exc.hint} Or remove the file.".strip()
        ) from exc
    return job, warning, words


def _job_file(project: Project, job: Job) -> Path:
    return project.path / _RESOURCES / f"{job.key}{_SUFFIX}"


def _bundle_text(project: Project, job: Job, host: str | None) -> str:
    from sparkpipe.cli.commands.databricks.groups import slug
    from sparkpipe.cli.templates import filled

    if host is not None and not _HOST.fullmatch(host):
        raise ConfigError(
            f"--host: {host!r} is no address of a workspace.", hint="It is https://<name>."
        )
    title = project.project_name or project.package_name
    values = {
        "name": re.sub(r"\s+", " ", title),
        "bundle": slug(job.wheel.name),
        "conf": job.options[0].partition("}/")[2],
        "dev_host": f"\n    workspace:\n      host: {host}" if host else "",
        "prod_host": f"      host: {host}\n" if host else "",
    }
    return filled("databricks", values)[PurePosixPath(_BUNDLE)]


def _tell(files: dict[Path, str], warning: str, jobs: Sequence[Job]) -> None:
    tell_work_done()
    for path in files:
        echo(f"Wrote {shown(path)}")
    echo("Next:")
    echo("  databricks bundle validate")
    echo("  databricks bundle deploy --target dev")
    for job in jobs:
        echo(f"  databricks bundle run --target dev {job.key}")
    if warning:
        echo(warning, err=True)
