"""From the options of a command, and from the project, to a job."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from sparkpipe.cli.commands.databricks.groups import Task, slug, tasks_of, why_not_kept
from sparkpipe.cli.commands.databricks.job import (
    SERVERLESS_ENVIRONMENT,
    Cluster,
    Job,
    job_params,
    run_option,
)
from sparkpipe.cli.commands.databricks.wheel import Wheel, wheel_of
from sparkpipe.cli.files import shown
from sparkpipe.cli.options import parameters
from sparkpipe.cli.project_command import open_session
from sparkpipe.errors import ConfigError, PreflightError
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import DEFAULT_PIPELINE, Project, named_pipeline
from sparkpipe.session import Selection, Session

_LOCAL = "local"
_PLAIN = re.compile(r"\w[\w./-]*", re.ASCII)


def made_job(project: Project, options: Mapping[str, Any]) -> tuple[Job, str]:
    """Make a job of the options of ``sparkpipe databricks bundle``.

    Args:
        project: Its project.
        options: All of them, by the names of their parameters.

    Returns:
        The job, and a warning, which may be empty.

    Raises:
        ConfigError: An option is wrong, or the project cannot be a job.
        PreflightError: Each run of the job would refuse its runner or parameters.
    """
    wheel = wheel_of(project)
    params = job_params(options["params"])
    session = _session(options["env"], parameters(options["params"]))
    name = options["pipeline"] or DEFAULT_PIPELINE
    pipeline = named_pipeline(session.pipelines, name)
    if not pipeline.nodes:
        raise ConfigError(f"The pipeline '{name}' has no nodes, so there is nothing for a job.")
    key = _key(wheel, name)
    same = [one for one in session.pipelines if one != name and _key(wheel, one) == key]
    if same:
        raise ConfigError(
            f"The jobs of the pipelines '{name}' and '{same[0]}' would have one key, {key}.",
            hint="Give one of the two pipelines another name.",
        )
    is_default = name == DEFAULT_PIPELINE
    title = project.project_name or project.package_name
    problems = session.check_choice(Selection(name), options["runner"])
    if problems:
        raise PreflightError(problems)
    if options["timezone"] and not options["schedule"]:
        raise ConfigError("--timezone is that of a schedule.", hint="Give --schedule, too.")
    run_options = [f"--conf-source=${{workspace.file_path}}/{_conf(project, session)}"]
    for option in ("pipeline", "env", "runner"):
        if options[option]:
            run_options.append(run_option(f"--{option}", options[option]))
    job = Job(
        key=key,
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


def _key(wheel: Wheel, pipeline: str) -> str:
    name = wheel.name if pipeline == DEFAULT_PIPELINE else f"{wheel.name}_{pipeline}"
    return slug(name).lower().replace("-", "_")


def _session(env: str | None, params: Mapping[str, Any]) -> Session:
    """Return a session that sees what the job will: neither conf/local nor SPARKPIPE_ENV."""
    if env is None:
        loader: Any = open_session(None, None, params).config_loader
        env = getattr(loader, "default_run_env", _LOCAL)
        if env == _LOCAL:
            env = getattr(loader, "base_env", "base")
    return open_session(env, None, params)


def _tasks(
    project: Project, session: Session, pipeline: Pipeline, key: str, options: Mapping[str, Any]
) -> tuple[Task, ...]:
    if options["tags"] and options["task_per"] != "tag":
        raise ConfigError("--tags says which tags are tasks.", hint="Give --task-per tag, too.")
    if not options["task_per"]:
        return (Task(key),)
    return tasks_of(pipeline, session.catalog, options["task_per"], options["tags"], project.path)


def _cluster(options: Mapping[str, Any]) -> Cluster | None:
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
    """Report the data sets that no machine of Databricks would find."""
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
