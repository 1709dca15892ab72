"""A job of Databricks, as a bundle describes it: made anew from the same project, byte by byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sparkpipe.cli.commands.databricks.groups import Task
from sparkpipe.cli.commands.databricks.quartz import check_schedule
from sparkpipe.cli.commands.databricks.wheel import Wheel
from sparkpipe.config import parse_params
from sparkpipe.config.parsing import to_yaml
from sparkpipe.errors import ConfigError

#: Python 3.12 and Spark 4; serverless compute counts its environments.
SERVERLESS_ENVIRONMENT = "4"

# Bundles replace ${...}, jobs replace {{...}}: neither may come from a name.
_REPLACED = re.compile(r"\$\{|\{\{")
_VARIABLE = re.compile(r"\$\{[\w.-]+\}")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]+")
_WORD = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_LIMIT = r"(?:[=<>~!]=|[<>])[\w.*+!-]+"
# A name, extras, and limits of the version; source: PEP 508, without spaces and markers.
_REQUIREMENT = re.compile(
    rf"[A-Za-z0-9][\w.-]*(?:\[[\w.,-]+\])?(?:{_LIMIT}(?:,{_LIMIT})*)?", re.ASCII
)

_COMPUTE = "default"
_HEADER = (
    "# Written by 'sparkpipe databricks bundle', which writes it anew; changes of yours belong in\n"
    "# databricks.yml, below targets.<target>.resources. Options and checksum:\n"
)


@dataclass(frozen=True)
class Cluster:
    """A cluster that is made for a job.

    Args:
        spark_version: Its runtime, such as ``17.3.x-scala2.13``.
        node_type: The kind of its machines, such as ``i3.xlarge``.
        workers: How many there are beside the driver; 0 is a cluster of one machine.
        autoscale: The least and the greatest number of them, instead.

    Raises:
        ConfigError: It is not possible.
    """

    spark_version: str
    node_type: str
    workers: int = 1
    autoscale: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for option, value in (
            ("--spark-version", self.spark_version),
            ("--node-type", self.node_type),
        ):
            if not (_WORD.fullmatch(value) or _VARIABLE.fullmatch(value)):
                raise ConfigError(f"{option}: {value!r} is no name that Databricks could have.")
        if self.autoscale and not 0 < self.autoscale[0] < self.autoscale[1]:
            raise ConfigError(
                f"--autoscale: {self.autoscale[0]}:{self.autoscale[1]} is no range of workers.",
                hint="Write the least and the greatest number, the first at least 1: 1:4",
            )

    def described(self) -> dict[str, Any]:
        """Return it as a bundle describes it."""
        described: dict[str, Any] = {
            "spark_version": self.spark_version,
            "node_type_id": self.node_type,
            # Without a mode a cluster sees no Unity Catalog.
            "data_security_mode": "SINGLE_USER",
        }
        if self.autoscale:
            least, greatest = self.autoscale
            return {**described, "autoscale": {"min_workers": least, "max_workers": greatest}}
        described["num_workers"] = self.workers
        if not self.workers:
            described["spark_conf"] = {
                "spark.databricks.cluster.profile": "singleNode",
                "spark.master": "local[*]",
            }
            described["custom_tags"] = {"ResourceClass": "SingleNode"}
        return described


@dataclass(frozen=True)
class Job:
    """What a job is made of.

    Args:
        key: Its name in the bundle.
        name: Its name for people.
        wheel: The wheel of the project.
        tasks: Its tasks.
        options: The options of ``sparkpipe run`` that all tasks have.
        params: Parameters of a run, with their defaults; each is a parameter of the job.
        schedule: When it runs, as Quartz has it; by default when asked for.
        timezone: The time zone of the schedule.
        cluster: The cluster that it runs on; by default serverless compute.
        environment: The version of the environment of serverless compute.
        libraries: More to install: requirements, and paths of wheels from the project's folder.

    Raises:
        ConfigError: A name, parameter, schedule or library is not possible.
    """

    key: str
    name: str
    wheel: Wheel
    tasks: tuple[Task, ...]
    options: tuple[str, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    schedule: str | None = None
    timezone: str = "UTC"
    cluster: Cluster | None = None
    environment: str = SERVERLESS_ENVIRONMENT
    libraries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_replaced("--name", self.name)
        for name, _ in self.params:
            if not _PARAMETER.fullmatch(name):
                raise ConfigError(
                    f"--params: '{name}' cannot be a parameter of a job.",
                    hint="Its name has letters, digits, '_', '-' and '.' only.",
                )
        for _, value in self.params:
            _refuse_replaced("--params", value)
        if self.schedule is not None:
            check_schedule(self.schedule, self.timezone)
        if not (self.environment.isdecimal() or _VARIABLE.fullmatch(self.environment)):
            raise ConfigError(
                f"--environment-version: {self.environment!r} is no number.",
                hint=f"Environments of serverless compute are counted: {SERVERLESS_ENVIRONMENT}",
            )
        for library in self.libraries:
            if not library.endswith(".whl") and not _REQUIREMENT.fullmatch(library):
                raise ConfigError(
                    f"--library: {library!r} is neither a requirement nor a wheel.",
                    hint="Write scikit-learn==1.5.2, or dist/other-1.0-py3-none-any.whl.",
                )

    def described(self) -> dict[str, Any]:
        """Return it as a bundle describes it."""
        job: dict[str, Any] = {"name": self.name, "max_concurrent_runs": 1}
        if self.params:
            job["parameters"] = [{"name": name, "default": value} for name, value in self.params]
        if self.schedule is not None:
            job["schedule"] = {
                "quartz_cron_expression": " ".join(self.schedule.split()),
                "timezone_id": self.timezone,
            }
        # The wheel comes last: a cluster installs one after the other, and it may need the others.
        dependencies = [
            _from_resources(one) for one in (*self.libraries, f"dist/{self.wheel.file_pattern}")
        ]
        if self.cluster is not None:
            cluster = self.cluster.described()
            job["job_clusters"] = [{"job_cluster_key": _COMPUTE, "new_cluster": cluster}]
            where = {"job_cluster_key": _COMPUTE}
            libraries = [
                {"whl": one} if one.endswith(".whl") else {"pypi": {"package": one}}
                for one in dependencies
            ]
        else:
            spec = {"environment_version": self.environment, "dependencies": dependencies}
            job["environments"] = [{"environment_key": _COMPUTE, "spec": spec}]
            where = {"environment_key": _COMPUTE}
            libraries = []
        job["tasks"] = [self._task(task, where, libraries) for task in self.tasks]
        return job

    def _task(
        self, task: Task, where: Mapping[str, str], libraries: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        described: dict[str, Any] = {"task_key": task.key}
        if task.depends_on:
            described["depends_on"] = [{"task_key": key} for key in task.depends_on]
        described.update(where)
        described["python_wheel_task"] = {
            "package_name": self.wheel.name,
            "entry_point": self.wheel.entry_point,
            "parameters": [
                *self.options,
                # A run of the job that is repaired goes on where it stopped.
                "--job-run-id={{job.run_id}}",
                *task.options,
                *(f"--params={name}:{{{{job.parameters.{name}}}}}" for name, _ in self.params),
            ],
        }
        if libraries:
            described["libraries"] = [dict(library) for library in libraries]
        return described


def run_option(name: str, value: str) -> str:
    """Return an option of ``sparkpipe run`` as one word.

    Raises:
        ConfigError: Databricks would put something else in its place.
    """
    _refuse_replaced(name, value)
    return f"{name}={value}"


def job_params(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return parameters as ``--params`` takes them, one by one, by dotted names.

    Raises:
        ConfigError: A part is not ``name:value``.

    >>> job_params(["model.depth:3", "years:[2023, 2024],name:'007',label:1.10"])
    (('model.depth', '3'), ('years', '[2023, 2024]'), ('name', "'007'"), ('label', '1.10'))
    """
    params = parse_params(",".join(values))
    return tuple(_leaves(params, params.texts))


def _leaves(params: Mapping[str, Any], given: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in params.items():
        text = given.get(name) if isinstance(given, Mapping) else None
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, text, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _as_text(value, text)


def _as_text(value: Any, given: Any) -> str:
    """Return the text of one line that ``--params`` reads as a value, as it was given if it was."""
    as_json = json.dumps(value, default=str, ensure_ascii=False)
    texts = (value, f"'{value}'", as_json) if isinstance(value, str) else (as_json, str(value))
    if isinstance(given, str):  # where the file has a text, '1.10' is not '1.1'
        texts = (given, *texts)
    for text in texts:
        # A comma or a bracket may take it apart, or take the parameter after it along.
        with suppress(ConfigError):
            if "\n" not in text and parse_params(f"x:{text},y:1") == {"x": value, "y": 1}:
                return text
    raise ConfigError(
        f"--params: {value!r} cannot be the default of a parameter.",
        hint="Take a number, a text, true, false, or a list of these.",
    )


def _refuse_replaced(option: str, value: str) -> None:
    if _REPLACED.search(value):
        raise ConfigError(
            f"{option}: {value!r} holds '${{' or '{{{{', in whose place Databricks would put "
            "something else."
        )


def _from_resources(library: str) -> str:
    """Return a path as a file in ``resources/`` names it; a requirement stays."""
    is_local = library.endswith(".whl") and not library.startswith("/")
    return f"../{library}" if is_local else library


# The file


def resource_text(job: Job, options: Sequence[str]) -> str:
    """Return the file of a job.

    Args:
        job: The job.
        options: The options of the command, by which it is written anew.
    """
    body = to_yaml({"resources": {"jobs": {job.key: job.described()}}})
    # JSON has no line breaks, whatever is in the options.
    return f"{_HEADER}# {json.dumps(list(options))}\n# {_checksum(body)}\n{body}"


def written_options(text: str) -> list[str] | None:
    """Return the options by which a file was written; None if it was written by others."""
    if not text.startswith(_HEADER):
        return None
    line = text.removeprefix(_HEADER).partition("\n")[0]
    try:
        options = json.loads(line.removeprefix("# "))
    except ValueError:
        return None
    return [str(option) for option in options] if isinstance(options, list) else None


def is_as_written(text: str) -> bool:
    """Return whether nobody has changed a file since it was written."""
    if written_options(text) is None:
        return False
    _, checksum, body = text.removeprefix(_HEADER).split("\n", 2)
    return checksum == f"# {_checksum(body)}"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
