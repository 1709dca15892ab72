"""Find a project, and import what it defines."""

from __future__ import annotations

import importlib.util
import logging
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sparkpipe.errors import (
    ConfigError,
    PreflightError,
    ProjectNotFoundError,
    SparkpipeError,
    collecting_errors,
    did_you_mean,
    place_of,
    report,
    told_with_place,
)
from sparkpipe.pipeline import Pipeline
from sparkpipe.spark.databricks import foreign_feature

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_logger = logging.getLogger(__name__)

_TABLE_KEYS = ("package_name", "project_name", "source_dir", "conf_source", "project_version")

#: What Kedro calls ``project_version``, too.
_INIT_VERSION = "kedro_init_version"

DEFAULT_PIPELINE = "__default__"


@dataclass(frozen=True)
class Project:
    """A folder with a ``pyproject.toml`` that names its package.

    Attributes:
        path: The folder.
        package_name: The dotted name of the package with the pipelines.
        source_dir: The folder to import it from.
        conf_source: The folder of configuration.
        project_name: A name for people; by default that of the folder.
        project_version: The version of the template that it was made from, for those who ask;
            may be empty.
    """

    path: Path
    package_name: str
    source_dir: Path
    conf_source: Path
    project_name: str = ""
    project_version: str = ""

    # What follows are names that Kedro gives.

    @property
    def project_path(self) -> Path:
        """The folder."""
        return self.path

    @property
    def config_file(self) -> Path:
        """The file that makes the folder a project."""
        return self.path / "pyproject.toml"

    @property
    def kedro_init_version(self) -> str:
        """The version of the template."""
        return self.project_version


def find_project(start: str | Path | Project | None = None) -> Project:
    """Find the project of a folder: the nearest ``pyproject.toml`` with ``[tool.sparkpipe]``.

    Args:
        start: The folder to start from, and go up; by default the working folder. A project that
            has been found already is returned.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: The file or the table is wrong.
    """
    if isinstance(start, Project):
        return start
    try:
        folder = Path(start or Path.cwd()).resolve()
    except FileNotFoundError as exc:
        raise ProjectNotFoundError("The working folder does not exist any more.") from exc
    if not folder.is_dir():
        raise ProjectNotFoundError(f"There is no folder {folder}.")
    for candidate in (folder, *folder.parents):
        pyproject = candidate / "pyproject.toml"
        if pyproject.is_file():
            table = _read_table(pyproject)
            if table is not None:
                return _project(candidate, table)
    raise ProjectNotFoundError(
        f"There is no sparkpipe project in {folder} or above it.",
        hint=(
            "Go to your project's folder, or write into its pyproject.toml:\n"
            '[tool.sparkpipe]\npackage_name = "my_package"'
        ),
    )


def _read_table(pyproject: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{pyproject} is not TOML that can be read: {exc}.") from exc
    tools = document.get("tool", {})
    if not isinstance(tools, dict):
        raise ConfigError(f"{pyproject}: 'tool' must be a table, not {type(tools).__name__}.")
    table = tools.get("sparkpipe")
    return table if isinstance(table, dict) else None


def _project(path: Path, table: dict[str, Any]) -> Project:
    where = f"{path / 'pyproject.toml'}, [tool.sparkpipe]"
    for key, value in table.items():
        if key not in (*_TABLE_KEYS, _INIT_VERSION):
            hint = did_you_mean(key, _TABLE_KEYS) or f"Keys: {', '.join(_TABLE_KEYS)}."
            raise ConfigError(f"{where}: there is no key '{key}'.", hint=hint)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where}: '{key}' must be a string.")
    package_name = table.get("package_name", "")
    if not all(part.isidentifier() for part in package_name.split(".")):
        raise ConfigError(
            f"{where}: package_name is {package_name!r}; it must be the dotted name of a package."
        )
    default_source = "src" if (path / "src").is_dir() else "."
    return Project(
        path=path,
        package_name=package_name,
        source_dir=(path / table.get("source_dir", default_source)).resolve(),
        conf_source=(path / table.get("conf_source", "conf")).resolve(),
        project_name=table.get("project_name", path.name),
        project_version=table.get("project_version", table.get(_INIT_VERSION, "")),
    )


def make_importable(project: Project) -> None:
    """Put the source folder of a project on the path of imports, if it is not there."""
    folder = str(project.source_dir)
    if folder not in sys.path:
        sys.path.insert(0, folder)


def load_pipelines(project: Project) -> tuple[dict[str, Pipeline], list[str]]:
    """Return the pipelines that a project registers, and all that is wrong with them.

    ``register_pipelines()`` in ``<package>.pipeline_registry`` returns them by name; without such a
    module they are found by :func:`find_pipelines`.
    """
    make_importable(project)
    with _registering(project.package_name), collecting_errors() as errors:
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
    if _import(project.package_name) is None:
        raise ConfigError(
            f"The package '{project.package_name}' was not found in {project.source_dir}.",
            hint="Check package_name and source_dir in [tool.sparkpipe] of pyproject.toml.",
        )
    _refuse_other_package(project)
    registry = _import(name)
    if registry is None:
        return find_pipelines()
    if not hasattr(registry, "register_pipelines"):
        raise ConfigError(f"{name} has no function 'register_pipelines'.")
    try:
        pipelines = registry.register_pipelines()
    except SparkpipeError:
        raise
    except Exception as exc:
        raise ConfigError(f"register_pipelines() raised {told_with_place(exc)}") from exc
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


def import_from(project: Project, name: str) -> ModuleType | None:
    """Import a module of a project's package; None if it is not there.

    Raises:
        ConfigError: It cannot be imported, or the package of another project was imported before.
    """
    make_importable(project)
    module = _import(f"{project.package_name}.{name}")
    if module is not None:
        _refuse_other_package(project)
    return module


def _refuse_other_package(project: Project) -> None:
    """Refuse to work with the package of another project that has the same name."""
    expected = project.source_dir.joinpath(*project.package_name.split("."))
    found = getattr(sys.modules[project.package_name], "__path__", ())
    if expected.is_dir() and not any(Path(path).resolve() == expected for path in found):
        raise ConfigError(
            f"The package '{project.package_name}' of {project.path} cannot be imported: this "
            f"process has one of the same name, from {', '.join(found) or 'elsewhere'}.",
            hint="Run each project in a process of its own, or rename one package.",
        )


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
        parent = _import(parent_name)
    except SparkpipeError as exc:
        report(exc)
        return []
    paths = [*getattr(parent, "__path__", ())]
    packages = sorted(module.name for module in pkgutil.iter_modules(paths) if module.ispkg)
    for file in (file for path in paths for file in sorted(Path(path).glob("[!.]*/pipeline.py"))):
        if file.parent.name not in packages:
            _logger.warning("%s has no __init__.py: no pipeline is found there.", file.parent)
    return packages


def _found(module_name: str) -> Pipeline | None:
    """Return the pipeline of a module, or None; report what is wrong with it."""
    try:
        module = _import(module_name)
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
    try:
        created = module.create_pipeline()
    except SparkpipeError:
        raise
    except (Exception, SystemExit) as exc:
        raise ConfigError(
            f"{module.__name__}.create_pipeline() raised {told_with_place(exc)}"
        ) from exc
    if not isinstance(created, Pipeline):
        raise ConfigError(
            f"{module.__name__}.create_pipeline() must return a Pipeline, "
            f"not {type(created).__name__}."
        )
    return created


def _import(name: str) -> ModuleType | None:
    """Import a module; None if it is not there."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            return None
        raise ConfigError(
            f"Importing {name} failed: there is no module '{exc.name}' (imported {place_of(exc)}).",
            hint=foreign_feature(exc) or "Install it, or check the spelling.",
        ) from exc
    except SparkpipeError:
        raise
    except (Exception, SystemExit) as exc:  # a script that ends itself must not end this one
        raise ConfigError(
            f"Importing {name} raised {told_with_place(exc)}", hint=foreign_feature(exc)
        ) from exc
