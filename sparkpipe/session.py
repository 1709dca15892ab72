"""The composition root: project + configuration + catalog + hooks → one run."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe import __version__
from sparkpipe.config import AbstractConfigLoader
from sparkpipe.context import ProjectContext, absolute_path, configuration
from sparkpipe.current import Current, project_of, working_for
from sparkpipe.errors import (
    ConfigError,
    DataSetError,
    PreflightError,
    SparkpipeError,
    collecting_errors,
    did_you_mean,
    first_line,
)
from sparkpipe.hooks import create_hook_manager, installed_hooks
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import generate_timestamp, is_single_process, location_of, reason_of
from sparkpipe.io.importing import import_object
from sparkpipe.logging import apply_logging_config, checked_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.project import DEFAULT_PIPELINE, Project, make_importable, named_pipeline
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.runner.runner import accepts
from sparkpipe.settings import Settings
from sparkpipe.spark.java import start_problem
from sparkpipe.spark.run import pipeline_named
from sparkpipe.spark.session import SparkProvider, activated
from sparkpipe.spark.warm import FOLDER, WarmFolder

if TYPE_CHECKING:
    from pluggy import PluginManager
    from pyspark.sql import SparkSession

_logger = logging.getLogger(__name__)

#: The runners of ours, by the names that need no path.
RUNNERS = ("SequentialRunner", "ThreadRunner", "ParallelRunner", "HybridRunner", "DryRunner")

#: The environment where none is given.
ENVIRONMENT_VARIABLE = "SPARKPIPE_ENV"


# A file system that is Databricks' own, unless somebody brings it.
_DBFS = "spark.hadoop.fs.dbfs.impl"


@dataclass(frozen=True)
class Selection:
    """Which nodes of which pipeline; every filter that is given narrows it."""

    pipeline_name: str | None = None
    tags: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    namespace: str | None = None

    @property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.pipeline_name or DEFAULT_PIPELINE

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names of the arguments of :meth:`Pipeline.filter`."""
        filters = asdict(self)
        del filters["pipeline_name"]
        filters["node_namespace"] = filters.pop("namespace")
        return filters


@dataclass(frozen=True)
class PreparedRun:
    """A run in which nothing is left to find wrong; started by :meth:`run`."""

    pipeline: Pipeline
    catalog: DataCatalog
    runner: AbstractRunner
    run_params: dict[str, Any]
    hook_manager: PluginManager
    spark: SparkProvider = field(repr=False)
    scope: Callable[[], AbstractContextManager[object]] = field(repr=False)

    def run(self) -> dict[str, Any]:
        """Run the nodes.

        Returns:
            The outputs that the catalog does not hold, by name.

        Raises:
            RunFailedError: Nodes failed.
        """
        hook = self.hook_manager.hook
        context = {
            "run_params": self.run_params,
            "pipeline": self.pipeline,
            "catalog": self.catalog,
        }
        started = time.perf_counter()
        with self.scope(), pipeline_named(self.run_params["pipeline_name"]):
            hook.before_pipeline_run(**context)
            try:
                outputs = self.runner.run(
                    self.pipeline, self.catalog, self.hook_manager, self.run_params["session_id"]
                )
            except Exception as error:
                try:
                    hook.on_pipeline_error(error=error, **context)
                except Exception as exc:  # must not hide why the run failed
                    _logger.error(
                        "The hook 'on_pipeline_error' failed: %s", first_line(reason_of(exc))
                    )
                raise
            hook.after_pipeline_run(run_result=outputs, **context)
        _logger.info("Run completed in %.1f s", time.perf_counter() - started)
        return outputs


class Session:
    """A project ready to run, any number of times.

    Args:
        project_path: A folder of the project, or the project; by default the working folder.
        env: The configuration environment on top of base; by default that of the environment
            variable ``SPARKPIPE_ENV``, or ``local``.
        extra_params: Parameters on top of those of the files.
        conf_source: A folder of configuration instead of the project's.
        spark: A Spark session, or a function that returns one; by default ``SPARK_SESSION`` of the
            project's settings, the active one, else one made from ``spark.yml`` when first needed.
        hooks: Hooks beside those of the project's settings and of installed packages.
        package_name: The package of an installed project, where ``project_path`` has only its
            configuration.

    Attributes:
        project: The project.
        session_id: The name of this session. Each run has a name of its own.
        store: What is known of the session, for ``SESSION_STORE_CLASS`` of the settings.

    Raises:
        ProjectNotFoundError: There is no project there.
        ConfigError: The project's configuration is wrong.
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
    ) -> None:
        self.project: Project = project_of(project_path, package_name)
        self.env = env or os.environ.get(ENVIRONMENT_VARIABLE) or None
        self.extra_params = dict(extra_params or {})
        self.session_id = generate_timestamp()
        self._current = Current(self.project)
        # What is wrong with the settings is told with all else, before a run.
        self._settings, self._settings_problems = self._current.checked_settings
        self._conf_source = Path(conf_source) if conf_source is not None else None
        self._hooks = tuple(hooks)
        self._spark = spark
        self._lock = threading.RLock()
        self._context: ProjectContext | None = None
        self._closing = ExitStack()
        if not self._settings_problems:
            _ = self.config_loader  # a wrong folder or environment is told at once

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
        if "spark" in self.__dict__:
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
        settings, project = self._settings, self.project
        source = self._conf_source or (
            project.path / settings.CONF_SOURCE if settings.CONF_SOURCE else project.conf_source
        )
        kind = settings.CONFIG_LOADER_CLASS
        try:
            return kind(
                conf_source=str(source),
                env=self.env,
                runtime_params=self.extra_params,
                **settings.CONFIG_LOADER_ARGS,
            )
        except TypeError as exc:
            raise ConfigError(
                f"The config loader {kind.__name__} could not be made: {exc}.",
                hint="Check CONFIG_LOADER_ARGS in the project's settings.",
            ) from exc

    @cached_property
    def store(self) -> Any:
        """What is known of the session.

        Raises:
            ConfigError: ``SESSION_STORE_CLASS`` of the settings cannot be made.
        """
        known = {
            "session_id": self.session_id,
            "package_name": self.project.package_name,
            "project_path": str(self.project.path),
            "env": self.env,
            "extra_params": self.extra_params,
        }
        kind = self._settings.SESSION_STORE_CLASS
        if kind is None:
            return known
        arguments = {"path": "sessions", **self._settings.SESSION_STORE_ARGS}
        arguments["path"] = absolute_path(str(arguments["path"]), self.project.path)
        try:
            store = kind(**arguments, session_id=self.session_id)
        except TypeError as exc:
            raise ConfigError(
                f"The session store could not be made: {exc}.",
                hint="Check SESSION_STORE_CLASS and SESSION_STORE_ARGS in the project's settings.",
            ) from exc
        store.update(known)
        return store

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
                self._context = self._make_context()
            return self._context

    def load_context(self) -> ProjectContext:
        """Return the context, by the name that Kedro gives it."""
        return self.context

    def _make_context(self) -> ProjectContext:
        hook_manager = self.hook_manager
        make_importable(self.project)  # entries may name the project's own classes
        kind = self._settings.CONTEXT_CLASS
        with self._scope():
            try:
                context = kind(
                    package_name=self.project.package_name,
                    project_path=self.project.path,
                    config_loader=self.config_loader,
                    hook_manager=hook_manager,
                    env=self.env,
                    extra_params=self.extra_params,
                )
            except TypeError as exc:
                raise ConfigError(
                    f"The context {kind.__name__} could not be made: {exc}.",
                    hint="Its constructor must take what that of ProjectContext takes.",
                ) from exc
            context._catalog_class = self._settings.DATA_CATALOG_CLASS
            context._scope = self._scope
            hook_manager.hook.after_context_created(context=context)
        return context

    @contextmanager
    def _scope(self) -> Iterator[None]:
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
    def _registry(self) -> tuple[dict[str, Pipeline], list[str]]:
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
        settings = self.settings
        own = (*settings.HOOKS, *self._hooks)
        installed = installed_hooks(settings.DISABLE_HOOKS_FOR_PLUGINS)
        return create_hook_manager(
            (*(hook for hook in installed if not any(hook is one for one in own)), *own)
        )

    @cached_property
    def spark(self) -> SparkProvider:
        """Gives the Spark session, started when first asked for.

        Raises:
            ConfigError: ``spark.yml`` is wrong.
            PreflightError: More than one setting is, or the project's settings are.
        """
        given = self._spark if self._spark is not None else self.settings.SPARK_SESSION
        return SparkProvider(
            configuration(self.config_loader, "spark"),
            given,
            self.project.path / "logs" / "spark.log",
            WarmFolder(self.project.path / FOLDER),
            self._tell_of_spark,
        )

    def _tell_of_spark(self, session: SparkSession) -> None:
        self.hook_manager.hook.on_spark_session_created(spark=session)

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
        with self._scope():
            return context._get_catalog(save_version=save_version, load_versions=load_versions)

    def prepare(
        self,
        selection: Selection | None = None,
        runner: AbstractRunner | str | None = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        run_params: Mapping[str, Any] | None = None,
        **runner_options: Any,
    ) -> PreparedRun:
        """Find everything that is wrong before anything runs, and return what can be run.

        Args:
            selection: Which nodes; by default the whole default pipeline.
            runner: A runner, its name, or its dotted path; by default SequentialRunner.
            load_versions: Version to load, by name of a versioned data set.
            inputs: Data to use in place of what the catalog has under these names.
            run_params: Those of the session's parameters that are for this run, which must read
                them; by default all.
            runner_options: As of :meth:`run`.

        Raises:
            PreflightError: All that is wrong.
        """
        selection = selection or Selection()
        session_id = generate_timestamp()
        problems: list[str] = []
        made_runner = _attempt(
            problems, lambda: load_runner(runner, self.project, **runner_options)
        )
        problems += self._settings_problems
        whole, pipeline = self._chosen(selection, problems)
        catalog = _attempt(problems, lambda: self.create_catalog(load_versions, session_id))
        if catalog is None:
            problems += self._config_problems()
        if catalog is not None and inputs:
            catalog.add_feed_dict(inputs, replace=True)
        if whole is not None and catalog is not None:
            judge: AbstractRunner = made_runner or SequentialRunner()
            judged = whole if pipeline is None else pipeline
            problems += judge.problems(judged, catalog)
            problems += self.unread_params([whole], run_params)
            problems += self._pool_problems(judged)
            problems += self._spark_problems(judged, catalog)
        if problems or pipeline is None or catalog is None or made_runner is None:
            raise PreflightError(list(dict.fromkeys(problems)))
        return PreparedRun(
            pipeline,
            catalog,
            made_runner,
            {
                "session_id": session_id,
                "project_path": str(self.project.path),
                "env": self.config_loader.env or self.env,
                "sparkpipe_version": __version__,
                "runner": type(made_runner).__name__,
                "extra_params": self.extra_params,
                "load_versions": dict(load_versions or {}),
                "pipeline_name": selection.name,
                "namespace": selection.namespace,
                **{
                    name: list(names)
                    for name, names in selection.filters().items()
                    if name != "node_namespace"
                },
            },
            self.hook_manager,
            self.spark,
            self._scope,
        )

    def _chosen(
        self, selection: Selection, problems: list[str]
    ) -> tuple[Pipeline | None, Pipeline | None]:
        """Return the pipeline that a selection names and the part that it keeps, where they are."""
        pipelines, registry_problems = self._registry
        problems += registry_problems
        if registry_problems and not pipelines:
            # That there is no pipeline of a name tells nothing where none could be registered.
            return None, None
        whole = _attempt(problems, partial(named_pipeline, pipelines, selection.name))
        return whole, None if whole is None else _select(whole, selection, problems)

    def check_choice(
        self, selection: Selection, runner: AbstractRunner | str | None = None
    ) -> list[str]:
        """Return what is wrong with what is asked for: names, parameters and the runner.

        Nothing is said of data and of Spark: the run may be for another machine.

        Args:
            selection: What would run.
            runner: With what.
        """
        problems: list[str] = []
        _attempt(problems, lambda: load_runner(runner, self.project))
        whole, _ = self._chosen(selection, problems)
        # The configuration may read parameters, too; what else is wrong with it, the run tells.
        catalog = _attempt([], self.create_catalog)
        if whole is not None and catalog is not None:
            problems += self.unread_params([whole])
        return problems

    def check(self, runner: AbstractRunner | str | None = None, **runner_options: Any) -> list[str]:
        """Return everything that is wrong with any pipeline or catalog entry. Starts no Spark.

        Args:
            runner: Judge the pipelines for this runner.
            runner_options: As of :meth:`run`.
        """
        problems: list[str] = []
        made_runner = _attempt(
            problems, lambda: load_runner(runner, self.project, **runner_options)
        )
        _attempt(problems, lambda: self.hook_manager)
        _attempt(problems, lambda: self.spark)
        _attempt(
            problems,
            lambda: checked_logging_config(
                configuration(self.config_loader, "logging"), self.project.path
            ),
        )
        problems += self._settings_problems
        pipelines, registry_problems = self._registry
        problems += registry_problems
        catalog = _attempt(problems, self.create_catalog)
        if catalog is None:
            problems += self._config_problems()
        else:
            problems += catalog.problems()
            judge = made_runner or SequentialRunner()
            # What one pipeline reads another may make, so they are judged as one. Whether they fit
            # into one is no matter: that is known where a pipeline is to be the sum of others.
            with collecting_errors():
                whole = sum(pipelines.values(), Pipeline([]))
                problems += judge.problems(whole, catalog)
            problems += self.unread_params([whole])
            problems += self._pool_problems(whole)
            problems += self._spark_problems(whole, catalog)
        return list(dict.fromkeys(problems))

    def run(
        self,
        pipeline_name: str | None = None,
        tags: str | Iterable[str] | None = None,
        runner: AbstractRunner | str | None = None,
        node_names: str | Iterable[str] | None = None,
        from_nodes: str | Iterable[str] | None = None,
        to_nodes: str | Iterable[str] | None = None,
        from_inputs: str | Iterable[str] | None = None,
        to_outputs: str | Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        namespace: str | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        **runner_options: Any,
    ) -> dict[str, Any]:
        """Run a pipeline of the project, or a part of it.

        Args:
            pipeline_name: The name it is registered under; by default ``__default__``.
            tags: Keep nodes that have one of these tags.
            runner: A runner, its name, or its dotted path; by default SequentialRunner.
            node_names: Keep these nodes.
            from_nodes: Keep these nodes and what depends on them.
            to_nodes: Keep these nodes and what they depend on.
            from_inputs: Keep the nodes that read these data sets and what depends on them.
            to_outputs: Keep the nodes that write these data sets and what they depend on.
            load_versions: Version to load, by name of a versioned data set.
            namespace: Keep the nodes of this namespace.
            inputs: Data to use in place of what the catalog has under these names.
            runner_options: For a runner given by name: arguments of its class, such as
                ``is_async``, ``max_workers`` and ``continue_on_failure``.

        Returns:
            The outputs that the catalog does not hold, by name.

        Raises:
            PreflightError: All that is wrong; nothing has run.
            RunFailedError: Nodes failed.
        """
        selection = Selection(
            pipeline_name,
            _names(tags),
            _names(node_names),
            _names(from_nodes),
            _names(to_nodes),
            _names(from_inputs),
            _names(to_outputs),
            namespace,
        )
        return self.prepare(
            selection,
            runner,
            load_versions=load_versions,
            inputs=inputs,
            **runner_options,
        ).run()

    def _config_problems(self) -> list[str]:
        """Tell each kind of configuration that cannot be read, not only the first."""
        problems: list[str] = []
        for kind in ("catalog", "parameters", "credentials", "spark"):
            _attempt(problems, partial(configuration, self.config_loader, kind))
        return problems

    def unread_params(
        self, pipelines: Iterable[Pipeline] | None = None, params: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Tell parameters that nothing reads: most often misspelt ones.

        Args:
            pipelines: What may read them; by default all pipelines of the project. The
                configuration may, too, where it has been read.
            params: By default those of this session.

        Raises:
            PreflightError: A pipeline of the project is wrong.
        """
        judged = [*(self.pipelines.values() if pipelines is None else pipelines)]
        inputs: set[str] = set().union(*(pipeline.all_inputs() for pipeline in judged))
        if "parameters" in inputs:
            return []
        read = {n.removeprefix("params:") for n in inputs if n.startswith("params:")}
        read |= getattr(self.config_loader, "asked_params", set())  # ${runtime_params:...}
        who = "No pipeline" if pipelines is None else "No node of this pipeline"
        problems = []
        for name in _leaves(self.extra_params if params is None else params):
            if not _is_read(name, read):
                known = ", ".join(sorted(read)) or "none"
                hint = did_you_mean(name, read) or f"Those that are read: {known}."
                problems.append(f"{who} reads the parameter '{name}'. {hint}")
        return problems

    def _pool_problems(self, pipeline: Pipeline) -> list[str]:
        """Tell pools of nodes that ``spark.pools`` does not have, where it has any."""
        known = self.spark.options.pool_names
        return [
            f"Node '{node.name}': spark.pools in spark.yml has no pool '{node.pool}'. "
            + (did_you_mean(node.pool, known) or f"Pools: {', '.join(known)}.")
            for node in pipeline.nodes
            if known and node.pool is not None and node.pool not in known
        ]

    def _spark_problems(self, pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
        """Tell what a Spark that this run would start for a data set lacks."""
        names = [name for name in sorted(pipeline.data_sets()) if name in catalog]
        try:
            uses = [name for name in names if is_single_process(catalog._get_dataset(name))]
        except DataSetError:
            return []  # told already
        if not uses or not self.spark.starts_jvm():
            return []
        problem, hint = start_problem()
        problems = [f"{problem} ('{uses[0]}' is read by Spark.) {hint}"] if problem else []
        if _DBFS not in self.spark.settings:
            problems += [
                f"Data set '{name}' ({location}) is there on Databricks only: the Spark of this "
                "machine has no dbfs:/. Give another path in an environment for this machine."
                for name in uses
                if (location := location_of(catalog._get_dataset(name))).startswith(
                    ("dbfs:/", "/dbfs/")
                )
            ]
        return problems


def load_runner(
    runner: AbstractRunner | str | None, project: Project | None = None, **options: Any
) -> AbstractRunner:
    """Return a runner by its name or dotted path.

    Args:
        runner: ``ThreadRunner``, ``my_package.runner.MyRunner``, or a runner as it is.
        project: Its source folder is put on the path of imports.
        options: Arguments of its class; those that are None or False are left to their defaults.

    Raises:
        ConfigError: There is no such runner, it cannot be imported, or has no such option.
    """
    if isinstance(runner, AbstractRunner):
        return runner
    runner = runner or SequentialRunner.__name__
    if "." not in runner and runner not in RUNNERS:
        raise ConfigError(
            f"There is no runner '{runner}'.",
            hint=did_you_mean(runner, RUNNERS)
            or f"Runners: {', '.join(RUNNERS)}, or package.module.Class for one of your own.",
        )
    if project is not None:
        make_importable(project)
    path = runner if "." in runner else f"sparkpipe.runner.{runner}"
    try:
        found = import_object(path)
    except DataSetError as exc:
        raise ConfigError(f"The runner {exc.message}", hint=exc.hint) from exc
    given = {"is_async": False, **{name: value for name, value in options.items() if value}}
    for option in given:
        if option != "is_async" and not accepts(found, option):
            raise ConfigError(
                f"{runner} has no option '{option}' (--{option.replace('_', '-')}).",
                hint="Choose another runner, or leave out the option.",
            )
    try:
        made = found(**given)
    except TypeError as exc:
        raise ConfigError(
            f"The runner '{runner}' could not be made: {exc}.",
            hint="Its class must take is_async=False and need nothing else.",
        ) from exc
    if not isinstance(made, AbstractRunner):
        raise ConfigError(
            f"'{runner}' is no runner: it does not derive from sparkpipe.runner.AbstractRunner."
        )
    return made


def _names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


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
            _attempt(found, partial(whole.filter, **{name: values}))
    problems += found
    return None if found else _attempt(problems, lambda: whole.filter(**filters))


def _attempt(problems: list[str], make: Callable[[], Any]) -> Any:
    """Return what ``make`` makes, or None and a further problem."""
    try:
        return make()
    except PreflightError as exc:
        problems += exc.problems
    except SparkpipeError as exc:
        problems.append(str(exc))
    return None


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
