"""What happens to one node: load its inputs, call its function, save its outputs."""

from __future__ import annotations

import contextvars
import logging
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError, NodeRunError, PipelineError, SparkpipeError
from sparkpipe.io.core import reason_of
from sparkpipe.pipeline.node import Node

if TYPE_CHECKING:
    from pluggy import PluginManager

    from sparkpipe.io import DataCatalog

_logger = logging.getLogger(__name__)


def run_node(
    node: Node,
    catalog: DataCatalog,
    hook_manager: PluginManager | None = None,
    is_async: bool = False,
    session_id: str | None = None,
) -> Node:
    """Run one node.

    Args:
        node: The node.
        catalog: Where its data is.
        hook_manager: Its hooks are called around each step.
        is_async: Load the inputs side by side, and save the outputs side by side.
        session_id: The run, for hooks.

    Returns:
        The node.

    Raises:
        NodeRunError: Loading, calling or saving failed; the reason is chained to it.
    """
    hook = hook_manager.hook if hook_manager is not None and hook_manager.get_plugins() else None
    try:
        inputs = _load_inputs(node, catalog, hook, is_async)
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("Running node: %s", node)
        context = {"node": node, "catalog": catalog, "is_async": is_async, "session_id": session_id}
        if hook is not None:
            for replaced in hook.before_node_run(inputs=inputs, **context):
                inputs.update(_checked_replacement(replaced))
        outputs: dict[str, Any] = {}
        for outputs in _calls(node, inputs, hook, context):
            _save_outputs(node, outputs, catalog, hook, is_async)
        for name in node.confirms:
            catalog.confirm(name)
    except (Exception, SystemExit) as exc:
        raise _failure(node, exc) from exc
    return node


def _calls(
    node: Node, inputs: dict[str, Any], hook: Any, context: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Call the function and give its outputs, once or, of a generator function, chunk by chunk."""
    outputs: dict[str, Any] = {}
    try:
        result = node.call(inputs)
        if not (isinstance(result, GeneratorType) and node.output_names):
            outputs = node.bind_outputs(result)
    except (Exception, SystemExit) as exc:
        _tell_node_error(exc, inputs, hook, context)
        raise
    if not isinstance(result, GeneratorType) or not node.output_names:
        if hook is not None:
            hook.after_node_run(inputs=inputs, outputs=outputs, **context)
        yield outputs
        return
    while True:
        try:
            chunk = next(result)
            outputs = node.bind_outputs(chunk)
        except StopIteration:
            break
        except (Exception, SystemExit) as exc:
            _tell_node_error(exc, inputs, hook, context)
            raise
        yield outputs
    if hook is not None:
        hook.after_node_run(inputs=inputs, outputs=outputs, **context)


def _tell_node_error(
    exc: BaseException, inputs: dict[str, Any], hook: Any, context: dict[str, Any]
) -> None:
    if hook is not None:
        hook.on_node_error(error=exc, inputs=inputs, **context)


def _checked_replacement(replaced: Any) -> dict[str, Any]:
    if not isinstance(replaced, dict):
        raise TypeError(
            "'before_node_run' must return None or a dictionary of inputs to replace, "
            f"not {type(replaced).__name__}"
        )
    return replaced


def _load_inputs(node: Node, catalog: DataCatalog, hook: Any, is_async: bool) -> dict[str, Any]:
    def load(name: str) -> Any:
        if hook is not None:
            hook.before_dataset_loaded(dataset_name=name, node=node)
        data = catalog.load(name)
        if hook is not None:
            hook.after_dataset_loaded(dataset_name=name, data=data, node=node)
        return data

    names = node.input_names
    if is_async and len(names) > 1:
        return dict(zip(names, _side_by_side([partial(load, n) for n in names]), strict=True))
    return {name: load(name) for name in names}


def _save_outputs(
    node: Node, outputs: dict[str, Any], catalog: DataCatalog, hook: Any, is_async: bool
) -> None:
    def save(name: str, data: Any) -> None:
        if hook is not None:
            hook.before_dataset_saved(dataset_name=name, data=data, node=node)
        catalog.save(name, data)
        if hook is not None:
            hook.after_dataset_saved(dataset_name=name, data=data, node=node)

    if is_async and len(outputs) > 1:
        _side_by_side([partial(save, name, data) for name, data in outputs.items()])
        return
    for name, data in outputs.items():
        save(name, data)


def _side_by_side(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls in threads of their own, wait for all, and return their results in order."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(calls), thread_name_prefix="sparkpipe-io") as executor:
        # What a run carries in context variables holds in its threads too.
        futures = [executor.submit(contextvars.copy_context().run, call) for call in calls]
    errors = [error for future in futures if (error := future.exception()) is not None]
    if len(errors) > 1:
        raise DataSetError("; ".join(reason_of(error) for error in errors)) from errors[0]
    return [future.result() for future in futures]


def _failure(node: Node, exc: BaseException) -> NodeRunError:
    hint = exc.hint if isinstance(exc, SparkpipeError) else ""
    if isinstance(exc, DataSetError):
        message = f"Node '{node.name}' {exc.message[:1].lower()}{exc.message[1:]}"
    elif isinstance(exc, PipelineError) and f"'{node.name}'" in exc.message:
        message = exc.message
    elif isinstance(exc, SystemExit):
        message = f"Node '{node.name}' failed: its function called sys.exit({exc.code!r})."
    else:
        message = f"Node '{node.name}' failed: {reason_of(exc)}"
    message = str(SparkpipeError(message, hint=hint))
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    return NodeRunError(message, node.name, _location(node, exc), text)


def _location(node: Node, exc: BaseException) -> str:
    """Return ``file:line in function`` of the user's code that is nearest to the failure."""
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    for error in reversed(chain):
        users = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename)]
        if users:
            return f"{_shown_path(users[-1].filename)}:{users[-1].lineno} in {users[-1].name}"
    # A project that is installed as a package: the line of its function, at least.
    code = getattr(node.func, "__code__", None)
    for frame, line in traceback.walk_tb(exc.__traceback__):
        if code is not None and frame.f_code is code:
            return f"{_shown_path(code.co_filename)}:{line} in {code.co_name}"
    return ""


_PACKAGE = Path(__file__).resolve().parent.parent


def _is_users(filename: str) -> bool:
    """Whether a file is the user's: neither ours, nor of an installed package, nor of Python."""
    import sysconfig

    if not filename.endswith(".py"):  # code that was compiled, or made while running
        return False
    path = Path(filename).resolve()
    if path.is_relative_to(_PACKAGE):
        return path.is_relative_to(_PACKAGE / "examples")
    installed = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return not any(path.is_relative_to(Path(folder).resolve()) for folder in installed)


def _shown_path(filename: str) -> str:
    path = Path(filename)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, FileNotFoundError):  # elsewhere, or the working folder has been removed
        return filename
