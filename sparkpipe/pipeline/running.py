"""What a node says of how it is chosen and runs: tags, pool, time, how often it is tried."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

from sparkpipe.errors import PipelineError

#: What nodes, tags and pools are called. Commas part names on the command line; slashes, spaces and
#: colons would break paths and tags.
NAME = re.compile(r"[\w.-]+")


def check_running(node: str, pool: Any, timeout: Any, retries: Any, retry_delay: Any) -> None:
    """Refuse what cannot be said of how a node runs.

    Args:
        node: The name of the node, for messages.
        pool: The pool of Spark's scheduler; None for none.
        timeout: Seconds that it may take; None for as long as it takes.
        retries: How often it is tried again.
        retry_delay: Seconds before the first further attempt.

    Raises:
        PipelineError: One of them is not possible.
    """

    def refuse(what: str, given: object, hint: str) -> None:
        raise PipelineError(f"Node '{node}': {what} cannot be {given!r}.", hint=hint)

    if pool is not None and not (isinstance(pool, str) and NAME.fullmatch(pool)):
        refuse("pool", pool, "Use letters, digits, '_', '-' and '.'.")
    if timeout is not None and not _is_number(timeout, above=0):
        refuse("timeout", timeout, "It is a number of seconds above 0, or None.")
    if not _is_number(retries, above=-1) or retries != int(retries):
        refuse("retries", retries, "It is a whole number from 0 on.")
    if not _is_number(retry_delay, above=-1) or retry_delay < 0:
        refuse("retry_delay", retry_delay, "It is a number of seconds from 0 on.")


def check_tags(node: str, tags: Iterable[Any]) -> None:
    """Refuse what cannot be a tag.

    Args:
        node: The name of the node, for messages.
        tags: Its tags.

    Raises:
        PipelineError: One is not possible.
    """
    for tag in tags:
        if not isinstance(tag, str) or not NAME.fullmatch(tag):
            raise PipelineError(
                f"Node '{node}': '{tag}' cannot be a tag.",
                hint="Use letters, digits, '_', '-' and '.'.",
            )


def as_package_names(node: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of packages on which a node says that it depends, sorted.

    Args:
        node: The name of the node, for messages.
        given: One name or more.

    Raises:
        PipelineError: One is no name of a package.
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PipelineError(
                f"Node '{node}': depends_on_packages cannot have {name!r}.",
                hint="Name packages as they are installed: depends_on_packages=['pandas'].",
            )
    return tuple(sorted(set(names)))


def _is_number(value: Any, above: float) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)  # a bool is an int
        and isfinite(value)
        and value > above
    )
