"""Hooks: the places where a project or a plugin can step into a run.

A hook is a method marked with :data:`hook_impl` on any object; it may ask for any subset of the
arguments named in :class:`HookSpecs`. Errors raised in a hook end the run like errors of a node.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pluggy

from sparkpipe.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.pipeline.node import Node

hook_spec = pluggy.HookspecMarker("sparkpipe")
hook_impl = pluggy.HookimplMarker("sparkpipe")


class HookSpecs:
    """The hooks that there are, with the arguments that an implementation may ask for."""

    @hook_spec
    def after_catalog_created(
        self,
        catalog: DataCatalog,
        conf_catalog: dict[str, Any],
        conf_creds: dict[str, Any],
        feed_dict: dict[str, Any],
        save_version: str,
        load_versions: dict[str, str],
    ) -> None:
        """The catalog of a run has been made from its configuration."""

    @hook_spec
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """A run begins; nothing has been loaded yet."""

    @hook_spec
    def after_pipeline_run(
        self,
        run_params: dict[str, Any],
        run_result: dict[str, Any],
        pipeline: Pipeline,
        catalog: DataCatalog,
    ) -> None:
        """A run has ended well; ``run_result`` holds the outputs that the catalog does not."""

    @hook_spec
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: DataCatalog,
    ) -> None:
        """A run has failed with ``error``."""

    @hook_spec
    def before_node_run(
        self,
        node: Node,
        catalog: DataCatalog,
        inputs: dict[str, Any],
        is_async: bool,
        session_id: str | None,
    ) -> dict[str, Any] | None:
        """The inputs of a node are loaded; a returned dictionary replaces some of them."""

    @hook_spec
    def after_node_run(
        self,
        node: Node,
        catalog: DataCatalog,
        inputs: dict[str, Any],
        outputs: dict[str, Any],
        is_async: bool,
        session_id: str | None,
    ) -> None:
        """The function of a node has returned; its outputs are not saved yet."""

    @hook_spec
    def on_node_error(
        self,
        error: Exception,
        node: Node,
        catalog: DataCatalog,
        inputs: dict[str, Any],
        is_async: bool,
        session_id: str | None,
    ) -> None:
        """The function of a node has raised ``error``."""

    @hook_spec
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """An input of ``node`` is about to be loaded."""

    @hook_spec
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """An input of ``node`` has been loaded."""

    @hook_spec
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """An output of ``node`` is about to be saved."""

    @hook_spec
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """An output of ``node`` has been saved."""


class _Manager(pluggy.PluginManager):
    """Leaves properties alone: pluggy would read them, and one may start Spark."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        if isinstance(inspect.getattr_static(plugin, name, None), (property, cached_property)):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def create_hook_manager(hooks: Iterable[object] = ()) -> pluggy.PluginManager:
    """Make a hook manager of the given hook objects; they are called in the order given.

    Raises:
        ConfigError: A hook asks for an argument that does not exist, or a class was given where an
            instance of it was meant.
    """
    manager = _Manager("sparkpipe")
    manager.add_hookspecs(HookSpecs)
    # pluggy calls the plugin registered last first.
    for hook in reversed(tuple(hooks)):
        if isinstance(hook, type):
            raise ConfigError(
                f"The hook {hook.__name__} is a class; an instance is needed.",
                hint=f"Write {hook.__name__}() in HOOKS.",
            )
        try:
            manager.register(hook)
        except (pluggy.PluginValidationError, ValueError) as exc:
            raise ConfigError(f"The hook {type(hook).__name__} does not fit: {exc}") from exc
    _refuse_unknown_hooks(manager)
    return manager


def _refuse_unknown_hooks(manager: _Manager) -> None:
    known = [name for name in vars(HookSpecs) if not name.startswith("_")]
    for plugin in manager.get_plugins():
        for name in dir(plugin):
            marked = manager.parse_hookimpl_opts(plugin, name)
            if marked and name not in known:
                raise ConfigError(
                    f"The hook {type(plugin).__name__} implements '{name}', which is no hook.",
                    hint=did_you_mean(name, known) or f"Hooks: {', '.join(known)}.",
                )
