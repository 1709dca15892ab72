"""What is known of the function of a node without calling it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any


def find_name(func: Callable[..., Any]) -> str:
    """Return the name of a function, also inside a partial."""
    while isinstance(func, partial):  # a mock has a 'func' too, and that has another one
        func = func.func
    name = getattr(func, "__name__", "")
    if not isinstance(name, str) or not name:
        name = type(func).__name__
    return "lambda" if name == "<lambda>" else name


def find_innermost(func: Any) -> Any:
    """Return the function within decorators; the outer one where they lead to no end."""
    try:
        return inspect.unwrap(func)
    except ValueError:  # it says that it wraps itself
        return func


def is_async(func: Any) -> bool:
    """Whether a function has to be awaited."""
    return inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func)


def _signature(func: Any) -> inspect.Signature | None:
    """Return how a function is called; None if it does not tell.

    A decorator may give an argument of its own, so what it has wrapped says nothing; but what
    keeps results, and is not of Python, passes all on.
    """
    for follow_wrapped in (False, True):
        try:
            return inspect.signature(func, follow_wrapped=follow_wrapped)
        except Exception:  # noqa: S112 - a stranger's object raises what it likes when it is asked
            continue
    return None


def find_signature_problem(
    func: Callable[..., Any],
    arguments: Sequence[str],
    keyword_arguments: Iterable[tuple[str, str]],
    node_name: str,
    shown: str,
) -> str:
    """Return why a function cannot be called with the inputs of its node; empty if it can.

    Args:
        func: The function.
        arguments: Names of data sets that it is given by position.
        keyword_arguments: Names of arguments, with those of their data sets.
        node_name: The name of the node, for the message.
        shown: The inputs, for the message.
    """
    signature = _signature(func)
    if signature is None:
        return ""
    try:
        signature.bind(*arguments, **dict(keyword_arguments))
    except TypeError as exc:
        return (
            f"Node '{node_name}': the function {find_name(func)}{signature} does not take the "
            f"inputs {shown}: {exc}."
        )
    if is_async(func) or is_async(type(func).__call__):
        return (
            f"Node '{node_name}': {find_name(func)} is an 'async def' function; a node needs a "
            "plain one (call asyncio.run in it)."
        )
    return ""
