"""Which nodes of which pipeline are to run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sparkpipe.project import DEFAULT_PIPELINE


@dataclass(frozen=True)
class Selection:
    """Which nodes of which pipeline; every filter that is given narrows it."""

    pipeline_name: str | None = None
    tags: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    namespace: str | None = None

    @property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.pipeline_name or DEFAULT_PIPELINE

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names of the arguments of :meth:`Pipeline.filter`."""
        filters = asdict(self)
        del filters["pipeline_name"]
        filters["node_namespace"] = filters.pop("namespace")
        return filters


def names_of(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return one name, several, or none as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given or ())
