"""What a notebook works with: the session of one project, and the names that stand for it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from sparkpipe.errors import ConfigError, PreflightError, ProjectNotFoundError
from sparkpipe.notebook.reloading import ProjectModules
from sparkpipe.project import Project, find_project
from sparkpipe.session import Session
from sparkpipe.spark.active import is_stopped

SPARK = "spark"
_HOW_TO_NAME_ONE = "Name the folder of one: %reload_sparkpipe path/to/project"


class Notebook:
    """The project of a notebook.

    Args:
        namespace: The variables of the notebook.
    """

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self._namespace = namespace
        self._session: Session | None = None
        self._modules: dict[Path, ProjectModules] = {}
        self._own_spark: Any = None  # what was put under the name; not the notebook's own

    @property
    def session(self) -> Session:
        """The session.

        Raises:
            ProjectNotFoundError: No project has been loaded.
        """
        if self._session is None:
            raise ProjectNotFoundError(
                "This notebook has no sparkpipe project.", hint=_HOW_TO_NAME_ONE
            )
        return self._session

    def open(
        self,
        path: str | None = None,
        env: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Load a project, or what has changed of it.

        If anything is wrong, all names and modules stay as they were.

        Args:
            path: A folder of the project; by default the project that is loaded, else that of the
                working folder.
            env: The configuration environment; by default that of before, if the project is the
                same.
            params: Parameters on top of those of the files; by default those of before likewise.

        Returns:
            The names of the modules that were loaded again.

        Raises:
            ProjectNotFoundError: There is no project there.
            ConfigError: It cannot be loaded, or not beside the project that is.
            PreflightError: More than one thing is wrong.
        """
        project = self._project(path)
        before = self._session
        if before is not None and before.project.path == project.path:
            env = before.env if env is None else env
            params = before.extra_params if params is None else params
        modules = self._modules.get(project.path) or ProjectModules(project)
        stale = modules.stale()
        with modules.replaced(stale, self._namespace):
            session = Session(project, env or None, params, spark=self._spark())
            names = {
                "session": session,
                "catalog": session.catalog,
                "pipelines": session.pipelines,
            }
            unread = session.unread_params()
            if unread:
                raise PreflightError(unread)
            active = session.spark.peek()
        modules.remember()
        self._modules[project.path] = modules
        self._session = session
        self._namespace.update(names)
        if active is not None and self.lacks_spark():
            self._provide(active)
        return stale

    def session_with(self, params: Mapping[str, Any]) -> Session:
        """Return a session of the same project with these parameters, on the same Spark.

        Args:
            params: On top of those of the notebook's session; if there are none, that is returned.
        """
        return self.session.with_params(params) if params else self.session

    def close(self) -> None:
        """Take away the names that are those of the session."""
        if self._session is None:
            return
        for name in ("session", "catalog", "pipelines"):
            self._namespace.pop(name, None)
        if self._own_spark is not None and self._namespace.get(SPARK) is self._own_spark:
            del self._namespace[SPARK]
        self._session = None

    def lacks_spark(self) -> bool:
        """Return whether the notebook has no ``spark``, or only a stopped one of sparkpipe."""
        if SPARK not in self._namespace:
            return True
        found = self._namespace[SPARK]
        return found is self._own_spark and is_stopped(found)

    def provide_spark(self) -> None:
        """Put the Spark session under its name; starts it if there is none.

        Raises:
            SparkStartError: It cannot be started.
        """
        if self._session is not None and self.lacks_spark():
            self._provide(self._session.spark.get())

    def _provide(self, spark: Any) -> None:
        self._namespace[SPARK] = self._own_spark = spark

    def _spark(self) -> Any:
        """Return the notebook's own Spark session, if it has one."""
        found = self._namespace.get(SPARK)
        if found is self._own_spark or not hasattr(found, "createDataFrame"):
            return None
        return None if is_stopped(found) else found

    def _project(self, path: str | None) -> Project:
        before = self._session.project if self._session is not None else None
        try:
            if path:
                project = find_project(Path(path).expanduser())
            else:
                project = find_project(before.path if before is not None else None)
        except ProjectNotFoundError as exc:
            raise ProjectNotFoundError(exc.message, hint=_HOW_TO_NAME_ONE) from exc
        if (
            before is not None
            and before.path != project.path
            and before.package_name == project.package_name
        ):
            raise ConfigError(
                f"This notebook works for the project {before.path}; that of {project.path} has a "
                f"package of the same name, '{project.package_name}'.",
                hint="Restart the kernel to work for the other project, or rename one package.",
            )
        return project
