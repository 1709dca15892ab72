"""Names of data sets as nodes declare them: one, several, or several by key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sparkpipe.errors import PipelineError

DataSetNames = str | Sequence[str] | Mapping[str, str] | None
Names = str | tuple[str, ...] | dict[str, str] | None

_NAMESPACE = re.compile(r"[\w-]+(\.[\w-]+)*")


def check_namespace(namespace: str, where: str) -> None:
    """Raise if a namespace is none: parts of letters, digits, ``_`` and ``-``, with dots between.

    Args:
        namespace: What was given.
        where: What it was given to, for the message.

    Raises:
        PipelineError: It is no namespace.
    """
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        raise PipelineError(
            f"{where}: {namespace!r} cannot be a namespace.",
            hint="Use letters, digits, '_' and '-', with a '.' before a namespace inside another.",
        )


def check_names(names: DataSetNames, what: str, described: str) -> Names:
    """Return what was given as the inputs or outputs of a node, as values that do not change."""
    checked: Names
    if names is None or isinstance(names, str):
        checked = names
    elif isinstance(names, Mapping):
        checked = dict(names)
    elif isinstance(names, Sequence):
        checked = tuple(names)
    else:
        raise PipelineError(
            f"Node '{described}': {what} must be a string, list, dictionary or None, "
            f"not {type(names).__name__}."
        )
    for name in flatten_names(checked):
        if not isinstance(name, str) or not name.strip():
            raise PipelineError(
                f"Node '{described}': {what} must be names of data sets, not {name!r}."
            )
    return checked


def flatten_names(names: Names) -> tuple[str, ...]:
    """Return the names of data sets in their order."""
    if names is None:
        return ()
    if isinstance(names, str):
        return (names,)
    return tuple(names.values()) if isinstance(names, dict) else names


def rename_names(names: Names, new_names: Mapping[str, str]) -> Names:
    """Return names with new ones in the place of those that have any."""
    if names is None:
        return None
    if isinstance(names, str):
        return new_names.get(names, names)
    if isinstance(names, dict):
        return {key: new_names.get(name, name) for key, name in names.items()}
    return tuple(new_names.get(name, name) for name in names)


def make_hashable(names: Names) -> object:
    """Return names as a value that can be hashed."""
    return frozenset(names.items()) if isinstance(names, dict) else names


def show_names(names: Names) -> str:
    """Return names as messages show them."""
    return "None" if names is None else f"[{','.join(flatten_names(names))}]"
