"""See :mod:`sparkpipe.project.current`."""

from __future__ import annotations

from pathlib import Path

from sparkpipe.project import Project
from sparkpipe.project import current as _current

__all__ = ["Project", "ProjectMetadata", "bootstrap_project"]


class ProjectMetadata(Project):
    """A project, made of what Kedro says of one.

    Args:
        config_file: Its ``pyproject.toml``.
        package_name: The dotted name of its package.
        project_name: A name for people.
        project_path: Its folder.
        project_version: The version of the template that it was made from.
        source_dir: The folder to import its package from.
        kedro_init_version: The same as ``project_version``.
        conf_source: The folder of its configuration; by default ``conf``.
        path: The same as ``project_path``.
    """

    def __init__(
        self,
        config_file: str | Path | None = None,
        package_name: str = "",
        project_name: str = "",
        project_path: str | Path | None = None,
        project_version: str = "",
        source_dir: str | Path | None = None,
        kedro_init_version: str = "",
        *,
        conf_source: str | Path | None = None,
        path: str | Path | None = None,
    ) -> None:
        folder = Path(path or project_path or Path(config_file or "pyproject.toml").parent)
        super().__init__(
            folder,
            package_name,
            Path(source_dir or folder / "src"),
            Path(conf_source or folder / "conf"),
            project_name or folder.name,
            project_version or kedro_init_version,
        )


def bootstrap_project(project_path: str | Path) -> ProjectMetadata:
    """Make the project of a folder the current one; see :mod:`sparkpipe.project.current`.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Its ``pyproject.toml`` is wrong.
    """
    found = _current.bootstrap_project(project_path)
    return ProjectMetadata(
        found.config_file,
        found.package_name,
        found.project_name,
        found.path,
        found.project_version,
        found.source_dir,
        conf_source=found.conf_source,
    )
