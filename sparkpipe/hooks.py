"""Hooks: the places where a project or a plugin can step into a run.

A hook is a method marked with :data:`hook_impl` on any object; it may ask for any subset of the
arguments named in :class:`HookSpecs`. Errors raised in a hook end the run like errors of a node.

Calls of one hook object come one after the other, whichever thread a node runs on, so that it
needs no locks of its own. Two hook objects are called beside each other.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import pluggy

from sparkpipe.errors import ConfigError, PipelineError, did_you_mean
from sparkpipe.plugins import load_plugins

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from sparkpipe.io import DataCatalog
    from sparkpipe.pipeline import Pipeline
    from sparkpipe.pipeline.node import Node
    from sparkpipe.project.context import ProjectContext

_logger = logging.getLogger(__name__)

#: The group of entry points by which an installed package offers hooks.
ENTRY_POINTS = "sparkpipe.hooks"

hook_spec = pluggy.HookspecMarker("sparkpipe")
hook_impl = pluggy.HookimplMarker("sparkpipe")


class HookSpecs:
    """The hooks that there are, with the arguments that an implementation may ask for."""

    @hook_spec
    def after_context_created(self, context: ProjectContext) -> None:
        """A session has made its context; nothing of the configuration has been used yet."""

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
    def on_dataset_error(
        self,
        error: Exception,
        dataset_name: str,
        operation: str,
        node: Node,
        catalog: DataCatalog,
        is_async: bool,
        session_id: str | None,
    ) -> None:
        """A data set of ``node`` has raised ``error``; ``operation`` is ``load`` or ``save``."""

    @hook_spec
    def on_spark_session_created(self, spark: SparkSession) -> None:
        """The Spark session of the run is there: started, connected, or found running."""

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


def create_hook_manager(
    hooks: Iterable[object] = (), *, tells_idle: bool = True
) -> pluggy.PluginManager:
    """Make a hook manager of the given hook objects; they are called in the order given.

    Args:
        hooks: The hooks.
        tells_idle: Whether one that implements nothing is a warning.

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
        _refuse_what_does_not_fit(manager, hook)
        try:
            manager.register(hook)
        except (pluggy.PluginValidationError, ValueError) as exc:
            raise ConfigError(f"The hook {_name_of(hook)} does not fit: {exc}") from exc
        if tells_idle and not manager.get_hookcallers(hook):
            _logger.warning(
                "The hook %s implements nothing, so it is never called: mark its methods by "
                "@hook_impl of sparkpipe.hooks.",
                _name_of(hook),
            )
        _serialise(manager, hook)
    return manager


def checked_replacement(replaced: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the inputs that a hook replaces by what it has returned.

    Args:
        replaced: What ``before_node_run`` has returned.
        names: The inputs of the node.

    Raises:
        TypeError: It is no dictionary.
        PipelineError: It names what is no input.
    """
    if not isinstance(replaced, dict):
        raise TypeError(
            "'before_node_run' must return None or a dictionary of inputs to replace, "
            f"not {type(replaced).__name__}"
        )
    for name in replaced:
        if name not in names:
            raise PipelineError(
                f"'before_node_run' returned '{name}', which is no input of the node",
                hint=did_you_mean(str(name), names) or f"Inputs: {', '.join(names) or 'none'}.",
            )
    return replaced


def _name_of(hook: object) -> str:
    return hook.__name__ if inspect.ismodule(hook) else type(hook).__name__


def _refuse_what_does_not_fit(manager: _Manager, hook: object) -> None:
    known = [name for name in vars(HookSpecs) if not name.startswith("_")]
    for name in dir(hook):
        if not manager.parse_hookimpl_opts(hook, name):
            continue
        if name not in known:
            raise ConfigError(
                f"The hook {_name_of(hook)} implements '{name}', which is no hook.",
                hint=did_you_mean(name, known) or f"Hooks: {', '.join(known)}.",
            )
        offered = list(inspect.signature(getattr(HookSpecs, name)).parameters)[1:]
        for argument, parameter in inspect.signature(getattr(hook, name)).parameters.items():
            if argument not in offered and parameter.default is parameter.empty:
                raise ConfigError(
                    f"The hook {_name_of(hook)} asks in '{name}' for '{argument}', which does not "
                    "exist there.",
                    hint=did_you_mean(argument, offered) or f"There are: {', '.join(offered)}.",
                )


# Calls of one hook object come one after the other


class _HookLock:
    """The lock of a hook object, kept on it: sessions share the object. A copy has its own."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a hook may run a pipeline that calls it again

    def __reduce__(self) -> tuple[type[_HookLock], tuple[()]]:
        return _HookLock, ()


_within_hook: ContextVar[bool] = ContextVar("_within_hook", default=False)


def is_within_hook() -> bool:
    """Return whether this thread is inside a hook: it holds a lock that others may wait for."""
    return _within_hook.get()


@contextmanager
def _held(lock: Any) -> Iterator[None]:
    with lock:
        token = _within_hook.set(True)
        try:
            yield
        finally:
            _within_hook.reset(token)


def _serialise(manager: _Manager, hook: object) -> None:
    try:
        lock = vars(hook).setdefault("_sparkpipe_lock", _HookLock()).lock
    except (TypeError, AttributeError):  # of slots
        lock = _HookLock().lock
    for caller in manager.get_hookcallers(hook) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is hook:
                is_wrapper = implementation.wrapper or implementation.hookwrapper
                make: Any = _serialised_wrapper if is_wrapper else _serialised
                implementation.function = make(implementation.function, lock)  # type: ignore[misc]


def _serialised(function: Callable[..., Any], lock: Any) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _held(lock):
            return function(*args, **kwargs)

    return call


def _serialised_wrapper(function: Callable[..., Any], lock: Any) -> Callable[..., Any]:
    """Hold the lock before and after what is wrapped, not while it runs."""

    @wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        go_on: Callable[[], Any] = lambda: next(generator)  # noqa: E731
        while True:
            try:
                with _held(lock):
                    given = go_on()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield given
            except BaseException as exc:
                go_on = _bound(generator.throw, exc)
            else:
                go_on = _bound(generator.send, sent)

    return steps


def _bound(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
    return lambda: function(argument)


# Hooks of installed packages


def installed_hooks(disabled: Iterable[str] = ()) -> tuple[object, ...]:
    """Return the hooks that installed packages offer by entry points of ``sparkpipe.hooks``.

    Args:
        disabled: Names of packages, or of entry points, to leave out.

    Raises:
        ConfigError: One cannot be imported.
    """
    return load_plugins(ENTRY_POINTS, "hook", disabled)
