"""The context of a session: configuration, parameters and catalog, as hooks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.config import AbstractConfigLoader, MissingConfigError, merged
from sparkpipe.errors import ConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import generate_timestamp
from sparkpipe.io.files import split_protocol
from sparkpipe.io.unchosen import UnchosenSlice
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.slices.marks import PREFIX

if TYPE_CHECKING:
    from pluggy import PluginManager

_PATH_KEYS = ("filename", "filepath", "path")


class ContextError(ConfigError):
    """A context cannot be made."""


class ProjectContext:
    """What a project says, given to the hook ``after_context_created``.

    A class of one's own is named by ``CONTEXT_CLASS`` in the project's settings.

    Args:
        package_name: The package of the project.
        project_path: Its folder; relative paths of the catalog begin there.
        config_loader: Gives its configuration, as in ``context.config_loader["spark"]``.
        hook_manager: Its hooks.
        env: The environment on top of base.
        extra_params: Parameters on top of those of the files.
    """

    # Set by the session; a class of a project's own has a constructor that does not take them.
    _catalog_class: type[DataCatalog] = DataCatalog
    _scope: Callable[[], AbstractContextManager[object]] | None = None

    def __init__(
        self,
        package_name: str,
        project_path: str | Path,
        config_loader: AbstractConfigLoader,
        hook_manager: PluginManager,
        env: str | None = None,
        extra_params: Mapping[str, Any] | None = None,
    ) -> None:
        self._package_name = package_name
        self._project_path = Path(project_path).expanduser().resolve()
        self._config_loader = config_loader
        self._hook_manager = hook_manager
        self._env = env
        self._extra_params = dict(extra_params or {})

    @property
    def project_path(self) -> Path:
        """The folder of the project."""
        return self._project_path

    @property
    def env(self) -> str | None:
        """The environment on top of base."""
        return self._env

    @property
    def config_loader(self) -> AbstractConfigLoader:
        """The loader, which returns the configuration by its kind."""
        return self._config_loader

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the files, with those of the session on top.

        Raises:
            ConfigError: A file is wrong.
        """
        return merged(configuration(self.config_loader, "parameters"), self._extra_params)

    @property
    def catalog(self) -> DataCatalog:
        """A catalog of the project, with the parameters; made anew each time.

        Raises:
            ConfigError: A file is wrong.
        """
        return self._get_catalog()

    def _get_catalog(
        self,
        save_version: str | None = None,
        load_versions: Mapping[str, str] | None = None,
    ) -> DataCatalog:
        entries = configuration(self.config_loader, "catalog")
        _refuse_parameters(entries)
        absolute = {name: self._with_absolute_paths(entry) for name, entry in entries.items()}
        credentials = configuration(self.config_loader, "credentials")
        save_version = save_version or generate_timestamp()
        kind = self._catalog_class
        if kind.from_config.__func__ is DataCatalog.from_config.__func__:  # type: ignore[attr-defined]
            origins = getattr(entries, "origins", {})
            catalog = kind.from_config_lazily(
                absolute, credentials, load_versions, save_version, origins
            )
        else:
            catalog = kind.from_config(absolute, credentials, load_versions, save_version)
        # Also outside a run, what is loaded is loaded with the settings of this project.
        catalog._scope = self._scope
        feed_dict = {**feed_of_params(self.params), **feed_of_slices(self.config_loader)}
        catalog.add_feed_dict(feed_dict)
        self._hook_manager.hook.after_catalog_created(
            catalog=catalog,
            conf_catalog=absolute,
            conf_creds=credentials,
            feed_dict=feed_dict,
            save_version=save_version,
            load_versions=dict(load_versions or {}),
        )
        return catalog

    def _with_absolute_paths(self, entry: Any) -> Any:
        """Resolve relative local paths in the project's folder, wherever the run was started."""
        if isinstance(entry, dict):
            return {
                key: absolute_path(value, self._project_path)
                if isinstance(value, str)
                and (key in _PATH_KEYS or (key == "schema" and _is_path_of_schema(value)))
                else self._with_absolute_paths(value)
                for key, value in entry.items()
            }
        return entry


def _refuse_parameters(entries: Mapping[str, Any]) -> None:
    for name in filter(is_parameter, entries):
        origin = getattr(entries, "origins", {}).get(name)
        raise ConfigError(
            f"{f'{origin}: ' if origin else ''}an entry cannot be called '{name}', which is the "
            "name of parameters.",
            hint="Give it another name.",
        )


def configuration(config_loader: AbstractConfigLoader, kind: str) -> dict[str, Any]:
    """Return what a loader gives; nothing where a loader of the user's knows of nothing.

    Raises:
        ConfigError: A file is wrong, or what the loader gives is no mapping.
    """
    try:
        found = config_loader[kind]
    except (MissingConfigError, KeyError):
        return {}
    if not isinstance(found, dict):
        if not isinstance(found, Mapping):
            raise ConfigError(
                f"The configuration '{kind}' must be a mapping of names to values; "
                f"{type(config_loader).__name__} gave a {type(found).__name__}."
            )
        return dict(found)
    return found


def _is_path_of_schema(text: str) -> bool:
    from sparkpipe.schemas.reading import path_of  # few entries have one

    return bool(path_of(text))


def feed_of_slices(config_loader: AbstractConfigLoader) -> dict[str, Any]:
    """Return what nodes may read: ``slice:x`` for each slice; one not chosen cannot be loaded.

    Raises:
        ConfigError: ``slices.yml`` is wrong.
    """
    declared = configuration(config_loader, "slices")
    if not declared:
        return {}
    from sparkpipe.slices.declaring import read_steps

    chosen = getattr(config_loader, "slices", {})  # a loader of the user's may derive from nothing
    feed: dict[str, Any] = {}
    for name in read_steps(declared):
        feed[f"{PREFIX}{name}"] = chosen[name].value if name in chosen else UnchosenSlice(name)
    return feed


def absolute_path(path: str, folder: Path) -> str:
    """Return a path; one that is local and relative begins in ``folder``."""
    # A protocol or a Windows drive; or what is told, with its entry, when its data set is made.
    if ":" in path.partition("/")[0] or "\0" in path:
        return path
    protocol, local = split_protocol(path)
    if protocol != "file" or not local.strip() or Path(local).is_absolute():
        return path
    return (folder / local).as_posix()


def feed_of_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what nodes may read: ``parameters``, and ``params:x`` for each value and group."""
    feed: dict[str, Any] = {"parameters": dict(params)}

    def add(prefix: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            feed[f"params:{prefix}{key}"] = value
            if isinstance(value, Mapping):
                add(f"{prefix}{key}.", value)

    add("", params)
    return feed
