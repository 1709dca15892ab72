"""What a run tells of itself that its runner does not know, by the session that starts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class ReadBefore(NamedTuple):
    """Which version of a table a node has read when it last ran well.

    Attributes:
        version: The version.
        table_id: What tells the table from one that is made anew in its place; None if not known.
        ended: When the node had ended, in seconds since the epoch.
    """

    version: str
    table_id: str | None = None
    ended: float = 0.0


@dataclass(frozen=True)
class RunDescription:
    """What a session knows of a run that a runner does not.

    Attributes:
        project: The name of the project.
        pipeline: The name of the pipeline.
        selection: The filters that were given, by their names.
        environment: The configuration environment on top of base.
        params: The parameters of the run, secrets hidden.
        extra_params: Those of them that were given on top of those of the files.
        slices: The slice that the run is of, by the names of its dimensions.
        resumes: The run that this one continues; empty if it is a run of its own.
        options: What else it was asked for, as far as it was: ``load_versions``, ``defer``,
            ``only_missing``, ``changed``, ``force`` and ``job_run_id``.
        identities: What makes each node what it is, by its name; see
            :class:`sparkpipe.events.RunStarted`.
        origin: The first of the runs that it continues, one after the other; empty if it is a run
            of its own.
        anew: The nodes of which saves count as this run's own, whatever it continues.
        read_before: By the names of nodes, which version of each input by its location a node has
            read when it last ran well.
    """

    project: str = ""
    pipeline: str = "pipeline"
    selection: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    slices: Mapping[str, str] = field(default_factory=dict)
    resumes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    identities: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""
    anew: frozenset[str] = frozenset()
    read_before: Mapping[str, Mapping[str, ReadBefore]] = field(default_factory=dict)


_UNDESCRIBED = RunDescription()
_description: ContextVar[RunDescription] = ContextVar("_description", default=_UNDESCRIBED)


@contextmanager
def describing(description: RunDescription) -> Iterator[None]:
    """Let the runs that are started within it tell this of themselves."""
    token = _description.set(description)
    try:
        yield
    finally:
        _description.reset(token)


def current_description() -> RunDescription:
    """Return what a run that is started here tells of itself."""
    return _description.get()
