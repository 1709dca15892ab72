"""The project that code works for which is given none: ``pipelines`` and ``settings``.

Within a session it is that of the session. Elsewhere it is the one that was named by
:func:`bootstrap_project` or :func:`configure_project` in this thread, or else that of the working
folder.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property
from os.path import relpath
from pathlib import Path
from typing import Any, TypeVar

from sparkpipe.errors import ConfigError, PreflightError, ProjectNotFoundError
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import Project, find_project, load_pipelines, make_importable
from sparkpipe.project.settings import Settings, load_settings

T = TypeVar("T")


class Current:
    """A project with what it defines, read when first asked for.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def registry(self) -> tuple[dict[str, Pipeline], list[str]]:
        """Its pipelines, and what is wrong with them."""
        with working_for(self):
            return load_pipelines(self.project)

    @cached_property
    def checked_settings(self) -> tuple[Settings, list[str]]:
        """Its settings, and what is wrong with them."""
        return load_settings(self.project)

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """Its pipelines.

        Raises:
            PreflightError: Something is wrong with one.
        """
        return _right(*self.registry)

    @property
    def settings(self) -> Settings:
        """Its settings.

        Raises:
            PreflightError: One is wrong.
        """
        return _right(*self.checked_settings)


def _right(found: T, problems: list[str]) -> T:
    if problems:
        raise PreflightError(problems)
    return found


_current: ContextVar[Current | None] = ContextVar("_current", default=None)


@contextmanager
def working_for(current: Current) -> Iterator[None]:
    """Within it, this is the current project."""
    token = _current.set(current)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Current:
    """Return the current project.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Its ``pyproject.toml`` is wrong.
    """
    return _current.get() or Current(find_project())


def project_of(
    path: str | Path | Project | None = None, package_name: str | None = None
) -> Project:
    """Return the project of a folder.

    Args:
        path: A folder of the project, or the project itself; by default the current project, or
            the working folder.
        package_name: The package of an installed project, whose folder has only configuration.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Its ``pyproject.toml`` is wrong.
    """
    if isinstance(path, Project):
        return path
    known = _current.get()
    if path is None and package_name is None and known is not None:
        return known.project
    try:
        found = find_project(path)
        if package_name is None or found.package_name == package_name:
            return found
    except ProjectNotFoundError:
        if package_name is None and known is None:
            raise
    if package_name is None:
        assert known is not None
        folder = Path(path or Path.cwd()).resolve()
        return replace(known.project, path=folder, conf_source=folder / "conf")
    return _installed(package_name, Path(path or Path.cwd()).resolve())


def _installed(package_name: str, folder: Path) -> Project:
    try:
        spec = importlib.util.find_spec(package_name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"There is no package '{package_name}'.",
            hint="Install it, or go to the folder of its project.",
        )
    source = Path(spec.submodule_search_locations[0]).resolve()
    for _ in package_name.split("."):
        source = source.parent
    return Project(folder, package_name, source, folder / "conf", folder.name)


def bootstrap_project(project_path: str | Path) -> Project:
    """Make the project of a folder the current one of this thread, and its package importable.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Its ``pyproject.toml`` is wrong.
    """
    project = find_project(project_path)
    make_importable(project)
    _current.set(Current(project))
    return project


def configure_project(package_name: str) -> Project:
    """Make the project of a package the current one of this thread.

    Args:
        package_name: The package of the project of the working folder, or an installed one.

    Raises:
        ConfigError: There is no such package.
    """
    project = project_of(None, package_name)
    make_importable(project)
    _current.set(Current(project))
    return project


def validate_settings() -> None:
    """Look at the settings of the current project.

    Raises:
        PreflightError: One is wrong.
    """
    _ = current().settings


class _Pipelines(Mapping[str, Pipeline]):
    """The pipelines of the current project by name."""

    def __getitem__(self, name: str) -> Pipeline:
        return current().pipelines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(current().pipelines)

    def __len__(self) -> int:
        return len(current().pipelines)

    def __repr__(self) -> str:
        return f"pipelines({', '.join(self)})"


class _Settings:
    """The settings of the current project."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = current()
        value = getattr(found.settings, name)
        if name == "CONF_SOURCE" and value is None:  # elsewhere None means: where the project says
            return relpath(found.project.conf_source, found.project.path)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or ``default`` if there is none of that name."""
        return getattr(self, name, default)

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except AttributeError as exc:
            raise KeyError(name) from exc


#: The pipelines of the current project.
pipelines: Mapping[str, Pipeline] = _Pipelines()

#: The settings of the current project.
settings: Any = _Settings()
