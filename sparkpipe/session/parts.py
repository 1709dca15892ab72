"""What a session makes when it is first asked for: its context, its Spark, its parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sparkpipe.config import AbstractConfigLoader, fit_params, merged
from sparkpipe.errors import ConfigError
from sparkpipe.hooks import create_hook_manager, installed_hooks
from sparkpipe.journal import JournalSettings
from sparkpipe.project import make_importable
from sparkpipe.project.context import ProjectContext, absolute_path, configuration
from sparkpipe.project.settings import Settings
from sparkpipe.session.arguments import params_by_name
from sparkpipe.session.store import make_store
from sparkpipe.session.tables import names_tables
from sparkpipe.spark.metastore import FOLDER as METASTORE
from sparkpipe.spark.session import SparkProvider
from sparkpipe.spark.warm.folder import FOLDER, WarmFolder

if TYPE_CHECKING:
    from pluggy import PluginManager
    from pyspark.sql import SparkSession

    from sparkpipe.session.opened import OpenProject

S = TypeVar("S", bound="OpenProject")


def make_hooks(settings: Settings, given: Iterable[object]) -> PluginManager:
    """Return the hooks of installed packages, of the settings, and those that are given.

    Raises:
        ConfigError: A hook does not fit.
    """
    own = (*settings.HOOKS, *given)
    installed = installed_hooks(settings.DISABLE_HOOKS_FOR_PLUGINS)
    return create_hook_manager(
        (*(hook for hook in installed if not any(hook is one for one in own)), *own)
    )


def make_session_store(session: OpenProject, settings: Settings) -> Any:
    """Make what keeps what is known of a session.

    Raises:
        ConfigError: ``SESSION_STORE_CLASS`` of the settings cannot be made.
    """
    known = {
        "session_id": session.session_id,
        "package_name": session.project.package_name,
        "project_path": str(session.project.path),
        "env": session.env,
        "extra_params": session.extra_params,
    }
    return make_store(settings, session.project.path, known)


def make_context(session: OpenProject, settings: Settings) -> ProjectContext:
    """Make the context that the settings name, and tell the hooks of it.

    Raises:
        ConfigError: Its class does not take what that of :class:`ProjectContext` takes.
        PreflightError: The settings are wrong.
    """
    hook_manager = session.hook_manager
    make_importable(session.project)  # entries may name the project's own classes
    kind = settings.CONTEXT_CLASS
    with session.scope():
        try:
            context = kind(
                package_name=session.project.package_name,
                project_path=session.project.path,
                config_loader=session.config_loader,
                hook_manager=hook_manager,
                env=session.env,
                extra_params=session.extra_params,
            )
        except TypeError as exc:
            raise ConfigError(
                f"The context {kind.__name__} could not be made: {exc}.",
                hint="Its constructor must take what that of ProjectContext takes.",
            ) from exc
        context._catalog_class = settings.DATA_CATALOG_CLASS
        context._scope = session.scope
        hook_manager.hook.after_context_created(context=context)
    return context


def read_journal_settings(session: OpenProject) -> JournalSettings:
    """Return how the runs of a session are written down.

    Raises:
        ConfigError: ``journal.yml`` is wrong.
    """
    settings = JournalSettings.read(configuration(session.config_loader, "journal"))
    return replace(settings, path=absolute_path(settings.path, session.project.path))


def make_provider(
    session: OpenProject, given: SparkSession | Callable[[], SparkSession] | None
) -> SparkProvider:
    """Return what provides the session's Spark.

    Args:
        session: Whose configuration counts, and whose hooks are told of a Spark session.
        given: A Spark session, or a function that returns one; None to find or start one.

    Raises:
        ConfigError: ``spark.yml`` is wrong.
        PreflightError: More than one setting is.
    """
    folder = session.project.path

    def find_metastore(wanted: str | None) -> Path | None:
        # Without a word about it, tables are remembered where the catalog has any by name.
        is_needed = wanted == "project" or (wanted is None and names_tables(session.config_loader))
        return folder / METASTORE if is_needed else None

    def tell_hooks(spark: SparkSession) -> None:
        session.hook_manager.hook.on_spark_session_created(spark=spark)

    return SparkProvider(
        configuration(session.config_loader, "spark"),
        given,
        folder / "logs" / "spark.log",
        WarmFolder(folder / FOLDER),
        tell_hooks,
        find_metastore,
    )


def fit_to_files(params: Mapping[str, Any], loader: AbstractConfigLoader) -> dict[str, Any]:
    """Return parameters with the types that the project's files have.

    Raises:
        ConfigError: One is no date, and must be.
        PreflightError: More than one is.
    """
    defaults: Mapping[str, Any] = {}
    with suppress(ConfigError):  # a file that cannot be read is told with all else that is wrong
        defaults = loader.file_params()
    return fit_params(params, defaults, getattr(defaults, "origins", {}))


# What a session makes of its environment and parameters.
_OF_CONFIGURATION = (
    "config_loader",
    "params",
    "catalog",
    "store",
    "spark",
    "hook_manager",
    "deferred_session",
)


def sister_of(session: S) -> S:
    """Return a session of the same project, hooks and Spark that reads the configuration anew.

    Args:
        session: It stays as it is, and it alone stops the Spark that both use.
    """
    other = copy.copy(session)
    other._parent = session
    other._closing = ExitStack()
    other._context = None
    for name in _OF_CONFIGURATION:
        other.__dict__.pop(name, None)
    return other


def copy_with_params(session: S, params: Mapping[str, Any]) -> S:
    """Return a session with further parameters; see :meth:`Session.with_params`."""
    params = params_by_name(params)
    other = sister_of(session)
    if not session.settings_problems:
        # The texts of what is given are lost when it is merged.
        params = fit_to_files(params, session.config_loader)
    other._given_params = merged(session.extra_params, params)
    other.extra_params = dict(other._given_params)
    if not session.settings_problems:
        _ = other.config_loader
    return other


def make_deferred(session: S, environment: str) -> S:
    """Return a session of another environment, for its catalog; its hooks are not called.

    A hook that keeps a catalog or a context would keep what can be written there.

    Args:
        session: The session that defers to it.
        environment: The name of the other environment.

    Raises:
        ConfigError: There is no such environment, or it is that of the session.
    """
    here = session.config_loader.env or session.env
    if environment == here:
        raise ConfigError(
            f"The environment '{here}' cannot defer to itself.",
            hint="Run in another one: --env dev --defer prod.",
        )
    other = sister_of(session)
    other.env, other.defer = environment, None
    other.__dict__["hook_manager"] = create_hook_manager(())
    _ = other.config_loader
    return other
