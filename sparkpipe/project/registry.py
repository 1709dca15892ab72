"""The pipelines that a project registers."""

from __future__ import annotations

import importlib.util
import logging
import os
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

from sparkpipe.errors import (
    ConfigError,
    PreflightError,
    SparkpipeError,
    collecting_errors,
    did_you_mean,
    refusing_exits,
    report,
    told_with_place,
)
from sparkpipe.pipeline import Pipeline
from sparkpipe.project.finding import Project
from sparkpipe.project.importing import (
    import_module,
    make_importable,
    refuse_other_package,
    refuse_unreadable,
)
from sparkpipe.sql.files import looking_in

_logger = logging.getLogger(__name__)

DEFAULT_PIPELINE = "__default__"


def load_pipelines(project: Project) -> tuple[dict[str, Pipeline], list[str]]:
    """Return the pipelines that a project registers, and all that is wrong with them.

    ``register_pipelines()`` in ``<package>.pipeline_registry`` returns them by name; without such a
    module they are found by :func:`find_pipelines`.
    """
    make_importable(project)
    with (
        _registering(project.package_name),
        looking_in(project.path, project.package_name),
        collecting_errors() as errors,
    ):
        try:
            pipelines = _registered(project)
        except SparkpipeError as exc:
            errors.append(exc)
            pipelines = {}
        for pipeline in pipelines.values():
            _ = pipeline.nodes  # a sum finds a cycle when its nodes are asked for
    problems: list[str] = []
    for error in errors:
        found = error.problems if isinstance(error, PreflightError) else (str(error),)
        problems += [problem for problem in found if problem not in problems]
    return pipelines, problems


def _registered(project: Project) -> dict[str, Pipeline]:
    name = f"{project.package_name}.pipeline_registry"
    if import_module(project.package_name) is None:
        raise ConfigError(
            f"The package '{project.package_name}' was not found in {project.source_dir}.",
            hint="Check package_name and source_dir in [tool.sparkpipe] of pyproject.toml.",
        )
    refuse_other_package(project)
    registry = import_module(name)
    if registry is None:
        return find_pipelines()
    if not hasattr(registry, "register_pipelines"):
        raise ConfigError(f"{name} has no function 'register_pipelines'.")
    with _calling("register_pipelines()"):
        pipelines = registry.register_pipelines()
    if not isinstance(pipelines, dict):
        raise ConfigError(
            f"{name}: register_pipelines() must return a dictionary of name to Pipeline, "
            f"not {type(pipelines).__name__}."
        )
    for key, value in pipelines.items():
        if not isinstance(key, str):
            raise ConfigError(f"{name}: names of pipelines must be strings, not {key!r}.")
        if type(value) is int and value == 0:  # sum() of no pipelines
            pipelines[key] = Pipeline([])
        elif not isinstance(value, Pipeline):
            raise ConfigError(f"{name}: '{key}' must be a Pipeline, not {type(value).__name__}.")
    return pipelines


@contextmanager
def _calling(function: str) -> Iterator[None]:
    """Within it, what a function of the project raises is told with its place."""
    try:
        with refusing_exits(function):
            yield
    except SparkpipeError:
        raise
    except Exception as exc:
        raise ConfigError(f"{function} raised {told_with_place(exc)}") from exc


def named_pipeline(pipelines: Mapping[str, Pipeline], name: str) -> Pipeline:
    """Return the pipeline of a name.

    Raises:
        ConfigError: There is none; names the closest.
    """
    if name not in pipelines:
        raise ConfigError(
            f"There is no pipeline '{name}'.",
            hint=did_you_mean(name, pipelines)
            or f"Pipelines: {', '.join(sorted(pipelines)) or 'none'}.",
        )
    return pipelines[name]


_package: ContextVar[str | None] = ContextVar("_package", default=None)


@contextmanager
def _registering(package_name: str) -> Iterator[None]:
    token = _package.set(package_name)
    try:
        yield
    finally:
        _package.reset(token)


def find_pipelines(package_name: str | None = None) -> dict[str, Pipeline]:
    """Find the pipelines of the project: ``create_pipeline()`` in each package of ``pipelines``.

    To be called in ``register_pipelines``. A single ``pipeline.py`` beside it is taken too, and
    ``__default__`` is the sum of all. What fails is reported, and the others are found.

    Args:
        package_name: The package of the project; by default that which registers its pipelines.

    Raises:
        ConfigError: It is called outside ``register_pipelines`` without a name.
    """
    package_name = package_name or _package.get()
    if package_name is None:
        raise ConfigError(
            "find_pipelines() knows its project only within register_pipelines().",
            hint="Call it there; elsewhere use Session().pipelines.",
        )
    single = _found(f"{package_name}.pipeline")
    found: dict[str, Pipeline] = {}
    for name in _pipeline_packages(f"{package_name}.pipelines"):
        created = _found(f"{package_name}.pipelines.{name}")
        if created is not None:
            found[name] = created
    total = sum(found.values(), single if single is not None else Pipeline([]))
    return {DEFAULT_PIPELINE: total, **found}


def _pipeline_packages(parent_name: str) -> list[str]:
    try:
        parent = import_module(parent_name)
    except SparkpipeError as exc:
        report(exc)
        return []
    paths = [*getattr(parent, "__path__", ())]
    for folder in (folder for path in paths for folder in (Path(path), *_folders_in(Path(path)))):
        try:
            refuse_unreadable(folder)
        except ConfigError as exc:
            report(exc)
    packages = sorted(module.name for module in pkgutil.iter_modules(paths) if module.ispkg)
    for file in (file for path in paths for file in sorted(Path(path).glob("[!.]*/pipeline.py"))):
        if file.parent.name not in packages:
            _logger.warning("%s has no __init__.py: no pipeline is found there.", file.parent)
    return packages


def _folders_in(folder: Path) -> list[Path]:
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:  # told of the folder itself
        return []
    return [Path(entry.path) for entry in entries if not entry.name.startswith((".", "__"))]


def _found(module_name: str) -> Pipeline | None:
    """Return the pipeline of a module, or None; report what is wrong with it."""
    try:
        module = import_module(module_name)
        if module is None:
            return None
        if not hasattr(module, "create_pipeline"):
            _warn_of_no_pipeline(module)
            return None
        return _created(module)
    except SparkpipeError as exc:
        report(exc)
        return None


def _warn_of_no_pipeline(module: ModuleType) -> None:
    # A package without one may hold what others share; a forgotten import is another matter.
    if not hasattr(module, "__path__"):
        _logger.warning("%s has no create_pipeline(): no pipeline is found there.", module.__name__)
    elif importlib.util.find_spec(f"{module.__name__}.pipeline") is not None:
        _logger.warning(
            "%s has no create_pipeline(): no pipeline is found there. Write into its __init__.py: "
            "from .pipeline import create_pipeline",
            module.__name__,
        )


def _created(module: ModuleType) -> Pipeline:
    with _calling(f"{module.__name__}.create_pipeline()"):
        created = module.create_pipeline()
    if not isinstance(created, Pipeline):
        raise ConfigError(
            f"{module.__name__}.create_pipeline() must return a Pipeline, "
            f"not {type(created).__name__}."
        )
    return created
