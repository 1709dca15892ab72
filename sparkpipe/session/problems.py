"""What is wrong with a run that a session is asked for, found without starting anything."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, PreflightError, SparkpipeError, did_you_mean
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_single_process, location_of, missing_data
from sparkpipe.io.files import split_protocol
from sparkpipe.io.messages import kind_of
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import named_pipeline
from sparkpipe.project.context import configuration
from sparkpipe.session.selection import Selection
from sparkpipe.spark.start.java import start_problem

if TYPE_CHECKING:
    from sparkpipe.config import AbstractConfigLoader
    from sparkpipe.session.session import Session
    from sparkpipe.spark.session import SparkProvider

# A file system that is Databricks' own, unless somebody brings it.
_DBFS = "spark.hadoop.fs.dbfs.impl"


def attempt(problems: list[str], make: Callable[[], Any]) -> Any:
    """Return what ``make`` makes, or None and a further problem."""
    try:
        return make()
    except PreflightError as exc:
        problems += exc.problems
    except SparkpipeError as exc:
        problems.append(str(exc))
    return None


def find_config_problems(config_loader: AbstractConfigLoader) -> list[str]:
    """Tell each kind of configuration that cannot be read, not only the first."""
    problems: list[str] = []
    for kind in ("catalog", "parameters", "credentials", "spark"):
        attempt(problems, partial(configuration, config_loader, kind))
    return problems


def choose(
    registry: tuple[dict[str, Pipeline], list[str]], selection: Selection, problems: list[str]
) -> tuple[Pipeline | None, Pipeline | None]:
    """Return the pipeline that a selection names and the part that it keeps, where they are."""
    pipelines, registry_problems = registry
    problems += registry_problems
    if registry_problems and not pipelines:
        # That there is no pipeline of a name tells nothing where none could be registered.
        return None, None
    whole = attempt(problems, partial(named_pipeline, pipelines, selection.name))
    return whole, None if whole is None else _select(whole, selection, problems)


def _select(whole: Pipeline, selection: Selection, problems: list[str]) -> Pipeline | None:
    """Filter a pipeline; what each filter has wrong is added to ``problems``."""
    known = whole.tags
    found = [
        f"No node of pipeline '{selection.name}' has the tag '{tag}'. "
        + (did_you_mean(tag, known) or f"Tags: {', '.join(sorted(known)) or 'none'}.")
        for tag in selection.tags
        if tag not in known
    ]
    filters = selection.filters()
    for name, values in filters.items():
        if values and name != "tags":
            attempt(found, partial(whole.filter, **{name: values}))
    problems += found
    return None if found else attempt(problems, lambda: whole.filter(**filters))


def find_unread_params(
    session: Session, pipeline: Pipeline | None, params: Mapping[str, Any] | None = None
) -> list[str]:
    """Tell parameters that nothing reads: most often misspelt ones.

    Args:
        session: Whose configuration may read them, too, where it has been read.
        pipeline: What should have read them; None for any pipeline of the project.
        params: What was given; by default the parameters of the session.

    Raises:
        PreflightError: A pipeline of the project is wrong.
    """
    pipelines = session.pipelines.values() if pipeline is None else [pipeline]
    inputs: set[str] = set().union(*(one.all_inputs() for one in pipelines))
    if "parameters" in inputs:
        return []
    read = {n.removeprefix("params:") for n in inputs if n.startswith("params:")}
    for one in filter(None, (session, session.deferred_session)):
        read.update(getattr(one.config_loader, "asked_params", ()))  # ${runtime_params:...}
    who = "No pipeline" if pipeline is None else "No node of this pipeline"
    problems = []
    for name in _leaves(session.extra_params if params is None else params):
        if not _is_read(name, read):
            known = ", ".join(sorted(read)) or "none"
            hint = did_you_mean(name, read) or f"Those that are read: {known}."
            problems.append(f"{who} reads the parameter '{name}'. {hint}")
    return problems


def _is_read(name: str, read: Iterable[str]) -> bool:
    """Whether a parameter is among those that are read, or a part of one, or holds one."""
    return any(f"{name}.".startswith(f"{one}.") or f"{one}.".startswith(f"{name}.") for one in read)


def _leaves(params: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            names += _leaves(value, f"{prefix}{key}.")
        else:
            names.append(f"{prefix}{key}")
    return names


def find_version_problems(
    catalog: DataCatalog, load_versions: Mapping[str, str], inputs: Container[str]
) -> list[str]:
    """Tell versions to load that are not there, as far as that is known without a network.

    Args:
        catalog: Where the data is.
        load_versions: Versions by the names of their data sets.
        inputs: Names of which it is told already why they cannot be loaded, as far as it is known.
    """
    problems = []
    for name, version in load_versions.items():
        try:
            data_set = catalog.get(name)
        except DataSetError:  # told with the entry
            continue
        reason = missing_data(data_set)
        if not reason and not _is_there(data_set):
            reason = f"there is no version {version}"
        if reason:
            problems.append(f"The version to load of '{name}' ({kind_of(data_set)}): {reason}.")
    return problems


def _is_there(data_set: Any) -> bool:
    """Whether there is something in a local place; True where that is not known."""
    if split_protocol(location_of(data_set))[0] != "file" or is_single_process(data_set):
        return True
    try:
        return bool(data_set.exists())
    except Exception:  # of another library
        return True


def find_pool_problems(pipeline: Pipeline, known: tuple[str, ...]) -> list[str]:
    """Tell pools of nodes that ``spark.pools`` does not have, where it has any."""
    return [
        f"Node '{node.name}': spark.pools in spark.yml has no pool '{node.pool}'. "
        + (did_you_mean(node.pool, known) or f"Pools: {', '.join(known)}.")
        for node in pipeline.nodes
        if known and node.pool is not None and node.pool not in known
    ]


def find_spark_problems(
    pipeline: Pipeline, catalog: DataCatalog, spark: SparkProvider
) -> list[str]:
    """Tell what a Spark that this run would start for a data set lacks."""
    names = [name for name in sorted(pipeline.data_sets()) if name in catalog]
    try:
        uses = [name for name in names if is_single_process(catalog[name])]
    except DataSetError:
        return []  # told already
    if not uses or not spark.starts_jvm():
        return []
    problem, hint = start_problem()
    problems = [f"{problem} ('{uses[0]}' is read by Spark.) {hint}"] if problem else []
    if _DBFS not in spark.settings:
        problems += [
            f"Data set '{name}' ({location}) is there on Databricks only: the Spark of this "
            "machine has no dbfs:/. Give another path in an environment for this machine."
            for name in uses
            if (location := location_of(catalog[name])).startswith(("dbfs:/", "/dbfs/"))
        ]
    return problems
