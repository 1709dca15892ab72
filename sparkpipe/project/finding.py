"""Find a project: the folder with a ``pyproject.toml`` that names its package."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkpipe.errors import (
    ConfigError,
    ProjectNotFoundError,
    did_you_mean,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_logger = logging.getLogger(__name__)

_TABLE_KEYS = ("package_name", "project_name", "source_dir", "conf_source", "project_version")

#: What Kedro calls ``project_version``, too.
_INIT_VERSION = "kedro_init_version"


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
        here = Path(start or Path.cwd())
    except FileNotFoundError as exc:
        raise ProjectNotFoundError("The working folder does not exist any more.") from exc
    folder = _resolved(here, str(here))
    if not _looked_at(folder, Path.is_dir):
        raise ProjectNotFoundError(f"There is no folder {folder}.")
    for candidate in (folder, *folder.parents):
        pyproject = candidate / "pyproject.toml"
        if _looked_at(pyproject, Path.is_file):
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


def _resolved(path: Path, shown: str) -> Path:
    try:
        return path.resolve()
    # Of links that lead in a circle Python before 3.13 says so by a RuntimeError.
    except (OSError, ValueError, RuntimeError) as exc:
        raise ConfigError(f"{shown} leads nowhere: {exc}.") from exc


def _looked_at(path: Path, look: Callable[[Path], bool]) -> bool:
    try:
        return look(path)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}.") from exc


def _read_table(pyproject: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{pyproject} cannot be read: {exc.strerror}.") from exc
    except RecursionError as exc:
        raise ConfigError(f"{pyproject} cannot be read: it is nested too deeply.") from exc
    except ValueError as exc:  # also of UTF-8, and of numbers that Python does not make
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

    def folder_of(key: str, default: str) -> Path:
        given = table.get(key, default)
        return _resolved(path / given, f"{where}: {key} = {given!r}")

    default_source = "src" if (path / "src").is_dir() else "."
    return Project(
        path=path,
        package_name=package_name,
        source_dir=folder_of("source_dir", default_source),
        conf_source=folder_of("conf_source", "conf"),
        project_name=table.get("project_name", path.name),
        project_version=table.get("project_version", table.get(_INIT_VERSION, "")),
    )
