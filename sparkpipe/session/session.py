"""The composition root: project + configuration + catalog + hooks → one run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.config import AbstractConfigLoader
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import generate_timestamp
from sparkpipe.logging import apply_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import Project
from sparkpipe.project.context import ProjectContext, configuration
from sparkpipe.project.current import Current, project_of, working_for
from sparkpipe.project.settings import Settings, load_observers, make_config_loader
from sparkpipe.report.runs import Runs
from sparkpipe.session.choosing_runner import RunnerChoice
from sparkpipe.session.composing import Request, check_choice, check_project, plan_run, prepare_run
from sparkpipe.session.parts import (
    copy_with_params,
    fit_to_files,
    make_context,
    make_deferred,
    make_hooks,
    make_provider,
    make_session_store,
    read_journal_settings,
)
from sparkpipe.session.prepared import PreparedRun
from sparkpipe.session.problems import find_unread_params
from sparkpipe.session.selection import Relation, Selection
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pluggy import PluginManager
    from pyspark.sql import SparkSession

    from sparkpipe.report.planned import PlannedRun

#: The environment where none is given.
ENVIRONMENT_VARIABLE = "SPARKPIPE_ENV"


class Session:
    """A project ready to run, any number of times.

    Args:
        project_path: A folder of the project, or the project; by default the working folder.
        env: The configuration environment on top of base; by default that of the environment
            variable ``SPARKPIPE_ENV``, or ``local``.
        extra_params: Parameters on top of those of the files. One whose value there is a text or a
            date becomes such.
        conf_source: A folder of configuration instead of the project's.
        spark: A Spark session, or a function that returns one; by default ``SPARK_SESSION`` of the
            project's settings, the active one, else one made from ``spark.yml`` when first needed.
        hooks: Hooks beside those of the project's settings and of installed packages.
        package_name: The package of an installed project, where ``project_path`` has only its
            configuration.
        defer: Another environment. What a run does not make, and its own environment has not, is
            read from there; nothing is changed there.

    Attributes:
        project: The project.
        session_id: The name of this session. Each run has a name of its own.
        store: What is known of the session, for ``SESSION_STORE_CLASS`` of the settings.

    Raises:
        ProjectNotFoundError: There is no project there.
        ConfigError: The project's configuration is wrong, or a parameter is no date and must be.
        PreflightError: More than one is.
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
        self.extra_params: dict[str, Any] = dict(extra_params or {})
        self._given_params = extra_params or {}
        self._parent: Session | None = None  # of a session that with_params has made
        self.session_id = generate_timestamp()
        self._current = Current(self.project)
        # What is wrong with the settings is told with all else, before a run.
        self._settings, self.settings_problems = self._current.checked_settings
        self._conf_source = Path(conf_source) if conf_source is not None else None
        self._hooks = tuple(hooks)
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
    ) -> Session:
        """Make a session as a program of its own does: with logging, and with its store.

        Args:
            package_name: The package of an installed project.
            project_path: A folder of the project, or the project; by default the working folder.
            save_on_close: Save the store when the session is closed.
            env: The configuration environment on top of base.
            extra_params: Parameters on top of those of the files.
            conf_source: A folder of configuration instead of the project's.

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

    def __enter__(self) -> Session:
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
        loader = make_config_loader(
            self._settings, self.project, self._conf_source, self.env, self.extra_params
        )
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
        return Runs(read_journal_settings(self).path)

    @cached_property
    def deferred_session(self) -> Session | None:
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
            return context._get_catalog(save_version=save_version, load_versions=load_versions)

    def with_params(self, params: Mapping[str, Any]) -> Session:
        """Return a session of the same project, hooks and Spark with other parameters.

        The configuration is read anew, so all that refers to a parameter sees it. This session
        stays as it is, and it alone stops the Spark that both use.

        Args:
            params: On top of those of this session, mapping by mapping.

        Raises:
            ConfigError: A parameter must be a date and is none.
            PreflightError: More than one is.
        """
        return copy_with_params(self, params)

    def prepare(
        self,
        selection: Selection | None = None,
        runner: RunnerChoice = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        run_params: Mapping[str, Any] | None = None,
        relation: Relation | None = None,
        **runner_options: Any,
    ) -> PreparedRun:
        """Find everything that is wrong before anything runs, and return what can be run.

        Args:
            selection: Which nodes; by default the whole default pipeline.
            runner: A runner, its class, its name, or its dotted path; by default SequentialRunner.
            load_versions: Version to load, by name of a versioned data set.
            inputs: Data to use in place of what the catalog has under these names.
            params: Parameters for this run, on top of those of the session.
            run_params: Those of the session's parameters that are for this run, which must read
                them; by default all.
            relation: How the run stands to earlier ones.
            runner_options: See :meth:`run`.

        Raises:
            PreflightError: All that is wrong.
            ConfigError: One of ``params`` is no date, and must be.
        """
        selection, relation = selection or Selection(), relation or Relation()
        versions = load_versions or {}
        request = Request(selection, runner, versions, inputs, run_params, runner_options, relation)
        return prepare_run(self.with_params(params) if params else self, request)

    def plan(
        self,
        pipeline_name: str | None = None,
        runner: RunnerChoice = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> PlannedRun:
        """Return what a run would do, and all that keeps it from running. Starts no Spark.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            runner: See :meth:`run`.
            load_versions: See :meth:`run`.
            inputs: See :meth:`run`.
            params: See :meth:`run`.
            options: Filters and ``only_missing`` of :meth:`run`, and options of the runner. What
                only Spark can tell is taken as missing.
        """
        selection = Selection.taken_from(pipeline_name, options)
        relation = Relation.taken_from(options)
        request = Request(selection, runner, load_versions or {}, inputs, None, options, relation)
        return plan_run(self.with_params(params) if params else self, request)

    def check_choice(self, selection: Selection, runner: RunnerChoice = None) -> list[str]:
        """Return what is wrong with what is asked for: names, parameters and the runner.

        Nothing is said of data and of Spark: the run may be for another machine.

        Args:
            selection: What would run.
            runner: With what.
        """
        return check_choice(self, selection, runner)

    def check(self, runner: RunnerChoice = None, **runner_options: Any) -> list[str]:
        """Return everything that is wrong with any pipeline or catalog entry. Starts no Spark.

        Args:
            runner: Judge the pipelines for this runner.
            runner_options: See :meth:`run`.
        """
        return check_project(self, runner, runner_options)

    def run(
        self,
        pipeline_name: str | None = None,
        tags: str | Iterable[str] | None = None,
        runner: RunnerChoice = None,
        node_names: str | Iterable[str] | None = None,
        from_nodes: str | Iterable[str] | None = None,
        to_nodes: str | Iterable[str] | None = None,
        from_inputs: str | Iterable[str] | None = None,
        to_outputs: str | Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        namespace: str | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        only_missing: bool = False,
        journal: bool = True,
        **runner_options: Any,
    ) -> dict[str, Any]:
        """Run a pipeline of the project, or a part of it.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            tags: Keep nodes that have one of these tags.
            runner: A runner, its class, its name, or its dotted path; by default SequentialRunner.
            node_names: Keep these nodes.
            from_nodes: Keep these nodes and what depends on them.
            to_nodes: Keep these nodes and what they depend on.
            from_inputs: Keep the nodes that read these data sets and what depends on them.
            to_outputs: Keep the nodes that write these data sets and what they depend on.
            load_versions: Version to load, by name of a versioned data set.
            namespace: Keep the nodes of this namespace.
            inputs: Data to use in place of what the catalog has under these names.
            params: Parameters for this run, on top of those of the session, as of
                :meth:`with_params`.
            only_missing: Of the nodes that the filters keep, run those whose outputs do not exist,
                all that follows from them, and what makes data for them that is only in memory.
            journal: Write the run down.
            runner_options: For a runner given by name: arguments of its class, such as
                ``is_async``, ``max_workers`` and ``continue_on_failure``.

        Returns:
            The outputs that the catalog does not hold, by name.

        Raises:
            PreflightError: All that is wrong; nothing has run.
            ConfigError: One of ``params`` is no date, and must be; nothing has run.
            RunFailedError: Nodes failed.
        """
        return self.prepare(
            Selection.of(
                pipeline_name,
                tags=tags,
                node_names=node_names,
                from_nodes=from_nodes,
                to_nodes=to_nodes,
                from_inputs=from_inputs,
                to_outputs=to_outputs,
                namespace=namespace,
            ),
            runner,
            load_versions=load_versions,
            inputs=inputs,
            params=params,
            relation=Relation(journal, only_missing),
            **runner_options,
        ).run()

    def unread_params(self) -> list[str]:
        """Tell parameters of this session that nothing of the project reads: misspelt ones.

        Raises:
            PreflightError: A pipeline of the project is wrong.
        """
        return find_unread_params(self, None)
