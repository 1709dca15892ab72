"""``sparkpipe databricks``: a bundle of Databricks with the project's pipelines as jobs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sparkpipe.cli.completing import environments, pipeline_names, runner_names, tag_names
from sparkpipe.cli.files import replace, shown, write_new
from sparkpipe.cli.groups import Group
from sparkpipe.cli.options import names
from sparkpipe.cli.project import ProjectCommand, current_project, open_session
from sparkpipe.errors import ConfigError, SparkpipeError

if TYPE_CHECKING:
    from sparkpipe.cli.databricks.groups import Task
    from sparkpipe.cli.databricks.job import Cluster, Job
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.project import Project
    from sparkpipe.session import Session

F = TypeVar("F", bound=Callable[..., Any])

_BUNDLE = "databricks.yml"
_RESOURCES = "resources"
_SUFFIX = ".job.yml"
_HOST = re.compile(r"https://[\w.-]+(:\d+)?/?", re.ASCII)
_PLAIN = re.compile(r"\w[\w./-]*", re.ASCII)

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
    from sparkpipe.cli.databricks.job import resource_text

    project = current_project()
    job, warning = _job(project, options)
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
    from sparkpipe.cli.databricks.job import is_as_written, resource_text

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
    for job, warning, one in made or [(*_job(project, options), given)]:
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
    from sparkpipe.cli.databricks.job import written_options

    found = {}
    for path in sorted((project.path / _RESOURCES).glob(f"*{_SUFFIX}")):
        options = written_options(path.read_text(encoding="utf-8"))
        if options is not None:
            found[path] = options
    return found


def _job_of(project: Project, file: Path, words: list[str]) -> tuple[Job, str, list[str]]:
    """Return the job of a file that is there, a warning, and the options that made it."""
    try:
        job, warning = _job(project, _options_of(words))
    except SparkpipeError as exc:
        raise ConfigError(
            f"{shown(file)}: {exc.message}", hint=f"{exc.hint} Or remove the file.".strip()
        ) from exc
    return job, warning, words


def _job_file(project: Project, job: Job) -> Path:
    return project.path / _RESOURCES / f"{job.key}{_SUFFIX}"


def _job(project: Project, options: dict[str, Any]) -> tuple[Job, str]:
    """Return the job that options describe, and a warning, which may be empty."""
    from sparkpipe.cli.databricks.groups import slug
    from sparkpipe.cli.databricks.job import SERVERLESS_ENVIRONMENT, Job, job_params, run_option
    from sparkpipe.cli.databricks.wheel import wheel_of
    from sparkpipe.project import DEFAULT_PIPELINE, named_pipeline
    from sparkpipe.session import load_runner

    wheel = wheel_of(project)
    session = open_session(options["env"], None)
    name = options["pipeline"] or DEFAULT_PIPELINE
    pipeline = named_pipeline(session.pipelines, name)
    if not pipeline.nodes:
        raise ConfigError(f"The pipeline '{name}' has no nodes, so there is nothing for a job.")
    is_default = name == DEFAULT_PIPELINE
    title = project.project_name or project.package_name
    params = job_params(options["params"])
    _check_params(pipeline, params)
    load_runner(options["runner"], project)
    if options["timezone"] and not options["schedule"]:
        raise ConfigError("--timezone is that of a schedule.", hint="Give --schedule, too.")
    run_options = [f"--conf-source=${{workspace.file_path}}/{_conf(project, session)}"]
    for option in ("pipeline", "env", "runner"):
        if options[option]:
            run_options.append(run_option(f"--{option}", options[option]))
    job = Job(
        key=slug(wheel.name if is_default else f"{wheel.name}_{name}").lower().replace("-", "_"),
        name=options["name"] or (title if is_default else f"{title}: {name}"),
        wheel=wheel,
        tasks=_tasks(project, session, pipeline, slug("run" if is_default else name), options),
        options=tuple(run_options),
        params=params,
        schedule=options["schedule"],
        timezone=options["timezone"] or "UTC",
        cluster=_cluster(options),
        environment=options["environment_version"] or SERVERLESS_ENVIRONMENT,
        libraries=tuple(options["libraries"]),
    )
    for library in job.libraries:
        path = project.path / library
        if library.endswith(".whl") and not library.startswith("/") and not path.is_file():
            raise ConfigError(f"--library: there is no file {shown(path)}.")
    return job, _warning(project, session, pipeline, options["env"])


def _tasks(
    project: Project, session: Session, pipeline: Pipeline, key: str, options: dict[str, Any]
) -> tuple[Task, ...]:
    from sparkpipe.cli.databricks.groups import Task, tasks_of

    if options["tags"] and options["task_per"] != "tag":
        raise ConfigError("--tags says which tags are tasks.", hint="Give --task-per tag, too.")
    if not options["task_per"]:
        return (Task(key),)
    return tasks_of(pipeline, session.catalog, options["task_per"], options["tags"], project.path)


def _cluster(options: dict[str, Any]) -> Cluster | None:
    from sparkpipe.cli.databricks.job import Cluster

    given = [
        f"--{name.replace('_', '-')}"
        for name in ("spark_version", "node_type", "workers", "autoscale")
        if options[name] is not None
    ]
    if not given:
        return None
    version, node_type = options["spark_version"], options["node_type"]
    if not version or not node_type:
        raise ConfigError(
            f"{', '.join(given)}: a cluster needs --spark-version and --node-type.",
            hint="Without any of them the job runs on serverless compute.",
        )
    if options["environment_version"]:
        raise ConfigError(
            "--environment-version is of serverless compute, and this job has a cluster.",
            hint="Leave out one of them.",
        )
    if options["autoscale"] and options["workers"] is not None:
        raise ConfigError("--workers and --autoscale cannot both be given.")
    workers = 1 if options["workers"] is None else options["workers"]
    return Cluster(version, node_type, workers, options["autoscale"])


def _check_params(pipeline: Pipeline, params: Sequence[tuple[str, str]]) -> None:
    """Refuse a parameter that no node reads: each run of the job would."""
    from sparkpipe.errors import did_you_mean

    inputs = pipeline.all_inputs()
    if "parameters" in inputs:
        return
    read = sorted(name.removeprefix("params:") for name in inputs if name.startswith("params:"))
    for name, _ in params:
        if not any(
            f"{one}.".startswith(f"{name}.") or f"{name}.".startswith(f"{one}.") for one in read
        ):
            raise ConfigError(
                f"--params: no node of the pipeline reads '{name}'.",
                hint=did_you_mean(name, read) or f"Parameters: {', '.join(read) or 'none'}.",
            )


def _conf(project: Project, session: Session) -> str:
    """Return the folder of configuration as it is named in the bundle."""
    source = Path(str(getattr(session.config_loader, "conf_source", project.conf_source)))
    relative = PurePosixPath(Path(os.path.relpath(source, project.path)).as_posix())
    if ".." in relative.parts or str(relative) == "." or not _PLAIN.fullmatch(str(relative)):
        raise ConfigError(
            f"The configuration {source} cannot go with the bundle.",
            hint="It must be a folder in that of the project, with a name of plain letters.",
        )
    return str(relative)


def _warning(project: Project, session: Session, pipeline: Pipeline, env: str | None) -> str:
    """Tell the data sets that no machine of Databricks would find."""
    from sparkpipe.cli.databricks.groups import why_not_kept

    catalog = session.catalog
    local = [
        name
        for name in sorted(pipeline.data_sets())
        if name in catalog and why_not_kept(catalog, name, project.path).startswith("on the disk")
    ]
    if not local:
        return ""
    where = f"conf/{env}" if env else "an environment of its own, and give --env"
    return (
        f"Warning: {', '.join(local)} {'lies' if len(local) == 1 else 'lie'} on the disk of this "
        f"machine, which a job does not have. Name tables, or files in /Volumes, in {where}."
    )


def _bundle_text(project: Project, job: Job, host: str | None) -> str:
    from sparkpipe.cli.databricks.groups import slug
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
    for path in files:
        click.echo(f"Wrote {shown(path)}")
    click.echo("Next:")
    click.echo("  databricks bundle validate")
    click.echo("  databricks bundle deploy --target dev")
    for job in jobs:
        click.echo(f"  databricks bundle run --target dev {job.key}")
    if warning:
        click.echo(warning, err=True)
