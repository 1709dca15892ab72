"""What ``settings.py`` of a project's package says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from sparkpipe.config import AbstractConfigLoader, OmegaConfigLoader
from sparkpipe.errors import ConfigError, did_you_mean
from sparkpipe.events import ENTRY_POINTS as OBSERVERS
from sparkpipe.io import DataCatalog
from sparkpipe.plugins import load_plugins
from sparkpipe.project import Project, import_from
from sparkpipe.project.context import ProjectContext


@dataclass(frozen=True)
class Settings:
    """The settings of a project; each has a default.

    Attributes:
        HOOKS: Hook objects, called in this order.
        DISABLE_HOOKS_FOR_PLUGINS: Installed packages whose hooks and observers are left out.
        OBSERVERS: What watches each run: objects with a method ``on_event``, or classes of them, of
            which each run gets one of its own.
        CONF_SOURCE: The folder of configuration; by default that of ``pyproject.toml``.
        CONFIG_LOADER_CLASS: Reads the configuration.
        CONFIG_LOADER_ARGS: Further arguments of it.
        DATA_CATALOG_CLASS: The class of the catalog.
        CONTEXT_CLASS: The class of the context.
        SESSION_STORE_CLASS: Keeps what is known of a session; by default nothing is kept.
        SESSION_STORE_ARGS: Further arguments of it.
        SPARK_SESSION: Gives the Spark session: a session, or a function that returns one.
    """

    HOOKS: tuple[Any, ...] = ()
    DISABLE_HOOKS_FOR_PLUGINS: tuple[str, ...] = ()
    OBSERVERS: tuple[Any, ...] = ()
    CONF_SOURCE: str | None = None
    CONFIG_LOADER_CLASS: type[AbstractConfigLoader] = OmegaConfigLoader
    CONFIG_LOADER_ARGS: Mapping[str, Any] = field(default_factory=dict)
    DATA_CATALOG_CLASS: type[DataCatalog] = DataCatalog
    CONTEXT_CLASS: type[ProjectContext] = ProjectContext
    SESSION_STORE_CLASS: Callable[..., Any] | None = None
    SESSION_STORE_ARGS: Mapping[str, Any] = field(default_factory=dict)
    SPARK_SESSION: Any = None


def load_settings(project: Project) -> tuple[Settings, list[str]]:
    """Return the settings of a project, and all that is wrong with them.

    What is wrong has its default. Names in capitals that are no settings are wrong; a name that
    begins with ``_`` is the project's own.
    """
    name = f"{project.package_name}.settings"
    try:
        module = import_from(project, "settings")
    except ConfigError as exc:
        return Settings(), [str(exc)]
    given: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in vars(module).items() if module is not None else ():
        if not key.isupper() or key.startswith("_") or _is_imported(key, value):
            continue
        try:
            given[key] = _checked(key, value)
        except ConfigError as exc:
            problems.append(f"{name}: {exc}")
    return Settings(**given), problems


def _is_imported(name: str, value: Any) -> bool:
    is_class = isinstance(value, type) and value.__name__ == name
    return is_class or isinstance(value, ModuleType)


def _checked(key: str, value: Any) -> Any:
    check = _CHECKS.get(key)
    if check is None:
        known = [one.name for one in fields(Settings)]
        raise ConfigError(
            f"there is no setting '{key}'.",
            hint=did_you_mean(key, known)
            or f"Settings: {', '.join(known)}. A name of your own begins with '_'.",
        )
    return check(key, value)


def _objects(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise ConfigError(
            f"{key} must be a tuple of hooks, not {type(value).__name__}.",
            hint=f"For one hook write {key} = (MyHook(),).",
        )
    return tuple(value)


def _observers(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise ConfigError(
            f"{key} must be a tuple of observers, not {type(value).__name__}.",
            hint=f"For one observer write {key} = (MyObserver,).",
        )
    for one in value:
        if not callable(getattr(one, "on_event", None)):
            shown = one.__name__ if isinstance(one, type) else type(one).__name__
            raise ConfigError(
                f"{key}: {shown} is no observer, for it has no method 'on_event'.",
                hint="Derive its class from sparkpipe.events.RunObserver.",
            )
    return tuple(value)


def _names(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (tuple, list)) or not all(isinstance(one, str) for one in value):
        raise ConfigError(
            f"{key} must be a tuple of names of packages, not {value!r}.",
            hint=f"For one package write {key} = ('its-name',).",
        )
    return tuple(value)


def _text(key: str, value: Any) -> str:
    text = str(value) if hasattr(value, "__fspath__") else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"{key} must be a path, not {value!r}.")
    return text


def _mapping(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{key} must be a dictionary of arguments, not {value!r}.")
    return dict(value)


def _class_of(base: type, base_path: str) -> Callable[[str, Any], Any]:
    def check(key: str, value: Any) -> Any:
        if not isinstance(value, type) or not issubclass(value, base):
            shown = value.__name__ if isinstance(value, type) else repr(value)
            raise ConfigError(
                f"{key} must be a class derived from {base_path}, not {shown}.",
                hint="Give the class itself, without ().",
            )
        return value

    return check


def _callable(key: str, value: Any) -> Any:
    if not callable(value):
        raise ConfigError(f"{key} must be a class, not {type(value).__name__}.")
    return value


def _spark_session(key: str, value: Any) -> Any:
    if value is None or callable(value) or hasattr(value, "createDataFrame"):
        return value
    raise ConfigError(
        f"{key} must be a function that returns a SparkSession, not {type(value).__name__}."
    )


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "HOOKS": _objects,
    "DISABLE_HOOKS_FOR_PLUGINS": _names,
    "OBSERVERS": _observers,
    "CONF_SOURCE": _text,
    "CONFIG_LOADER_CLASS": _class_of(AbstractConfigLoader, "sparkpipe.config.AbstractConfigLoader"),
    "CONFIG_LOADER_ARGS": _mapping,
    "DATA_CATALOG_CLASS": _class_of(DataCatalog, "sparkpipe.io.DataCatalog"),
    "CONTEXT_CLASS": _class_of(ProjectContext, "sparkpipe.project.context.ProjectContext"),
    "SESSION_STORE_CLASS": _callable,
    "SESSION_STORE_ARGS": _mapping,
    "SPARK_SESSION": _spark_session,
}


def make_config_loader(
    settings: Settings,
    project: Project,
    conf_source: Path | None,
    env: str | None,
    params: Mapping[str, Any],
) -> AbstractConfigLoader:
    """Return what reads the configuration of a project.

    Args:
        settings: The settings of the project.
        project: The project.
        conf_source: A folder of configuration instead of the project's.
        env: The environment on top of base.
        params: Parameters on top of those of the files.

    Raises:
        ConfigError: There is no such folder or environment, or an argument is wrong.
    """
    source = conf_source or (
        project.path / settings.CONF_SOURCE if settings.CONF_SOURCE else project.conf_source
    )
    kind = settings.CONFIG_LOADER_CLASS
    try:
        return kind(
            conf_source=str(source),
            env=env,
            runtime_params=dict(params),
            **settings.CONFIG_LOADER_ARGS,
        )
    except TypeError as exc:
        raise ConfigError(
            f"The config loader {kind.__name__} could not be made: {exc}.",
            hint="Check CONFIG_LOADER_ARGS in the project's settings.",
        ) from exc


def load_observers(settings: Settings) -> tuple[Any, ...]:
    """Return the observers of installed packages and of a project's settings, or their classes.

    Args:
        settings: The settings of the project.

    Raises:
        ConfigError: One of a package cannot be imported, or is none.
    """
    installed = load_plugins(OBSERVERS, "observer", settings.DISABLE_HOOKS_FOR_PLUGINS)
    for one in installed:
        if not callable(getattr(one, "on_event", None)):
            raise ConfigError(
                f"The entry point {one!r} of {OBSERVERS} has no method 'on_event'.",
                hint="Ask for a newer version of its package, or leave it out by "
                "DISABLE_HOOKS_FOR_PLUGINS in the project's settings.",
            )
    return (*installed, *settings.OBSERVERS)
