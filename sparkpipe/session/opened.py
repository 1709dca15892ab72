"""A project with its configuration, hooks, catalog and Spark, each made when first asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.config import AbstractConfigLoader, MissingConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import generate_timestamp
from sparkpipe.logging import apply_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import Project
from sparkpipe.project.context import ProjectContext, configuration
from sparkpipe.project.current import Current, project_of, working_for
from sparkpipe.project.settings import Settings, load_observers, make_config_loader
from sparkpipe.session.arguments import params_by_name, several, versions_by_name
from sparkpipe.session.parts import (
    fit_to_files,
    make_context,
    make_deferred,
    make_hooks,
    make_provider,
    make_session_store,
    read_journal_settings,
)
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pluggy import PluginManager
    from pyspark.sql import SparkSession
    from typing_extensions import Self

    from sparkpipe.config.archive import ConfSource
    from sparkpipe.report.runs import Runs
    from sparkpipe.slices.steps import Choice

#: The environment where none is given.
ENVIRONMENT_VARIABLE = "SPARKPIPE_ENV"


class OpenProject:
    """What a session has before it runs anything; see :class:`Session` for the arguments.

    Attributes:
        slice_choices: The slice of which it is, by the names of its dimensions.
        conf_source: What is read instead of the project's configuration; None for that.
    """

    def __init__(
        self,
        project_path: str | Path | Project | None = None,
        env: str | None = None,
        extra_params: Mapping[str, Any] | None = None,
        *,
        conf_source: str | Path | None = None,
        spark: SparkSession | Callable[[], SparkSession] | None = None,
        hooks: Iterable[object] = (),
        package_name: str | None = None,
        defer: str | None = None,
    ) -> None:
        self.project: Project = project_of(project_path, package_name)
        self.env = env or os.environ.get(ENVIRONMENT_VARIABLE) or None
        self.defer = defer or None
        self._given_params = params_by_name(extra_params)
        self.extra_params: dict[str, Any] = dict(self._given_params)
        self._parent: OpenProject | None = None  # of a session that with_params has made
        self.slice_choices: Mapping[str, Choice] = {}
        self.session_id = generate_timestamp()
        self._current = Current(self.project)
        # What is wrong with the settings is told with all else, before a run.
        self._settings, self.settings_problems = self._current.checked_settings
        self.conf_source = _conf_source(conf_source)
        self._hooks = several("Hooks", hooks)
        self._spark = spark
        self._lock = threading.RLock()
        self._context: ProjectContext | None = None
        self._closing = ExitStack()
        if not self.settings_problems:
            _ = self.config_loader, self.deferred_session  # a wrong environment is told at once

    @classmethod
    def create(
        cls,
        package_name: str | None = None,
        project_path: str | Path | None = None,
        save_on_close: bool = True,
        env: str | None = None,
        extra_params: Mapping[str, Any] | None = None,
        conf_source: str | Path | None = None,
    ) -> Self:
        """Make a session as a program of its own does: with logging, and with its store.

        Args:
            package_name: The package of an installed project.
            project_path: A folder of the project, or the project; by default the working folder.
            save_on_close: Save the store when the session is closed.
            env: The configuration environment on top of base.
            extra_params: Parameters on top of those of the files.
            conf_source: A folder of configuration, or an archive of one, instead of the project's.

        Raises:
            ProjectNotFoundError: There is no project there.
            ConfigError: The project's configuration is wrong.
        """
        session = cls(
            project_path, env, extra_params, conf_source=conf_source, package_name=package_name
        )
        session.set_up_logging()
        if save_on_close and hasattr(session.store, "save"):
            session._closing.callback(session.store.save)
        return session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.project.path)!r}, env={self.env!r})"

    def close(self) -> None:
        """Stop the Spark session if it was started here; leaving ``with Session()`` does so too."""
        if self._parent is None and "spark" in self.__dict__:
            self.spark.stop()
        self._closing.close()

    @property
    def settings(self) -> Settings:
        """What the project's ``settings.py`` says.

        Raises:
            PreflightError: Something in it is wrong; all that is wrong is told.
        """
        return self._current.settings

    @cached_property
    def config_loader(self) -> AbstractConfigLoader:
        """Reads the configuration.

        Raises:
            ConfigError: There is no such folder or environment, or an argument is wrong.
        """
        source = self.conf_source
        folder = None if source is None else source.folder
        try:
            loader = make_config_loader(
                self._settings, self.project, folder, self.env, self.extra_params
            )
        except MissingConfigError as exc:
            message = exc.message if source is None else source.named_in(exc.message)
            raise MissingConfigError(message, hint=exc.hint) from exc
        loader.slices = self.slice_choices
        if self._given_params:
            self.extra_params = loader.runtime_params = fit_to_files(self._given_params, loader)
        return loader

    @cached_property
    def store(self) -> Any:
        """What is known of the session.

        Raises:
            ConfigError: ``SESSION_STORE_CLASS`` of the settings cannot be made.
        """
        return make_session_store(self, self._settings)

    def set_up_logging(self) -> dict[str, Any]:
        """Set up logging as ``logging.yml`` says.

        Returns:
            What it says; nothing if there is none.

        Raises:
            ConfigError: It is wrong.
        """
        config = configuration(self.config_loader, "logging")
        if config:
            apply_logging_config(config, self.project.path)
        return config

    @property
    def context(self) -> ProjectContext:
        """The context, made when first asked for; ``after_context_created`` is called then, once.

        Raises:
            ConfigError: The project's settings are wrong.
        """
        with self._lock:
            if self._context is None:
                self._context = make_context(self, self._settings)
            return self._context

    def load_context(self) -> ProjectContext:
        """Return the context, by the name that Kedro gives it."""
        return self.context

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Within it, Spark and the current project are those of this session."""
        with working_for(self._current), activated(self.spark):
            yield

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters of the files, with those of this session on top.

        Raises:
            ConfigError: A file is wrong.
        """
        return self.context.params

    @property
    def registry(self) -> tuple[dict[str, Pipeline], list[str]]:
        """The registered pipelines by name, and what is wrong with them."""
        with self._lock:
            return self._current.registry

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """The registered pipelines by name.

        Raises:
            PreflightError: Something is wrong with one; all that is wrong is told.
        """
        with self._lock:
            return self._current.pipelines

    @cached_property
    def hook_manager(self) -> PluginManager:
        """The hooks of installed packages, of the project's settings and of this session.

        Raises:
            ConfigError: A hook does not fit.
            PreflightError: The settings are wrong.
        """
        if self._parent is not None:
            return self._parent.hook_manager
        return make_hooks(self.settings, self._hooks)

    @cached_property
    def observers(self) -> tuple[Any, ...]:
        """The observers of installed packages and of the project's settings, or their classes.

        Raises:
            ConfigError: One of a package cannot be imported, or is none.
            PreflightError: The settings are wrong.
        """
        return load_observers(self.settings)

    @property
    def runs(self) -> Runs:
        """The runs of the project that were written down, the last one first.

        Raises:
            ConfigError: ``journal.yml`` is wrong.
        """
        from sparkpipe.report.runs import Runs  # few runs look at earlier ones

        return Runs(read_journal_settings(self).path)

    @cached_property
    def deferred_session(self) -> OpenProject | None:
        """A session of the environment that ``defer`` names; None without one."""
        return make_deferred(self, self.defer) if self.defer else None

    @cached_property
    def spark(self) -> SparkProvider:
        """Gives the Spark session, started when first asked for.

        Raises:
            ConfigError: ``spark.yml`` is wrong.
            PreflightError: More than one setting is, or the project's settings are.
        """
        if self._parent is not None:
            return self._parent.spark
        given = self._spark if self._spark is not None else self.settings.SPARK_SESSION
        return make_provider(self, given)

    @cached_property
    def catalog(self) -> DataCatalog:
        """The whole catalog of the project, with the parameters.

        Raises:
            ConfigError: A file is wrong.
        """
        return self.create_catalog()

    def create_catalog(
        self,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
    ) -> DataCatalog:
        """Make a catalog from the configuration.

        Args:
            load_versions: Version to load, by name of a versioned data set.
            save_version: Version under which versioned data sets save; by default the time.

        Raises:
            ConfigError: A file is wrong.
            DataSetNotFoundError: A load version names a data set that is not there.
        """
        context = self.context
        with self.scope():
            return context._get_catalog(
                save_version=save_version, load_versions=versions_by_name(load_versions)
            )


def _conf_source(given: str | Path | None) -> ConfSource | None:
    if given is None:
        return None
    from sparkpipe.config.archive import ConfSource  # few sessions have one

    return ConfSource(Path(given))
