"""Where the work of a node belongs in a trace, wherever the node runs.

Who traces a run (:class:`Traces`) knows the span of each node that runs, and tells it as headers,
plain texts that cross processes. Nothing here loads OpenTelemetry where nobody traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


# Entered for each node: it keeps nothing, so one will do.
_NOTHING = nullcontext()


@runtime_checkable
class Traces(Protocol):
    """Who traces a run."""

    def headers_of(self, node: str) -> Mapping[str, str]:
        """Return what leads to the span of a node that runs; nothing where there is none."""


class Given:
    """Stands for who traces a run in another process, for one node.

    Args:
        headers: What leads to its span.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers_of(self, node: str) -> Mapping[str, str]:
        """Return what was given."""
        return self._headers


_traces: ContextVar[Traces | None] = ContextVar("_traces", default=None)


@contextmanager
def traced_by(traces: Traces | None) -> Iterator[None]:
    """Let what runs within it be traced."""
    token = _traces.set(traces)
    try:
        yield
    finally:
        _traces.reset(token)


def headers_of(node: str) -> Mapping[str, str]:
    """Return what leads to the span of a node; nothing where nobody traces. Raises nothing."""
    traces = _traces.get()
    if traces is not None:
        with suppress(Exception):  # a trace is no reason to fail a run
            return traces.headers_of(node)
    return {}


def within_span_of(node: str) -> AbstractContextManager[None]:
    """Let spans that are made within it have the span of a node as their parent."""
    headers = {} if _traces.get() is None else headers_of(node)
    return _attached(headers) if headers else _NOTHING


@contextmanager
def _attached(headers: Mapping[str, str]) -> Iterator[None]:
    try:
        from opentelemetry import context, propagate

        token = context.attach(propagate.extract(headers))
    except Exception:  # a worker may lack what the process of the run has
        yield
        return
    try:
        yield
    finally:
        context.detach(token)
