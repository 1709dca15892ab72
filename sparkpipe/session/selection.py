"""Which nodes of which pipeline are to run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from sparkpipe.project import DEFAULT_PIPELINE
from sparkpipe.session.arguments import name_given, names_given


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

    @classmethod
    def of(
        cls,
        pipeline_name: str | None = None,
        *,
        namespace: str | None = None,
        **names: str | Iterable[str] | None,
    ) -> Selection:
        """Return a selection by filters, each of which is given one name, several, or none.

        Args:
            pipeline_name: The name of the pipeline.
            namespace: See :meth:`Session.run`, which has all filters.
            names: The other filters.

        Raises:
            ConfigError: One is given something that is no name.
        """
        given = {name: names_given(name, value) for name, value in names.items()}
        return cls(
            name_given("pipeline_name", pipeline_name),
            namespace=name_given("namespace", namespace),
            **given,
        )

    @classmethod
    def taken_from(cls, pipeline_name: str | None, options: dict[str, Any]) -> Selection:
        """Return a selection by what options say of filters, which are taken out of them."""
        names = (one.name for one in fields(cls) if one.name != "pipeline_name")
        filters = {name: options.pop(name) for name in names if name in options}
        return cls.of(pipeline_name, **filters)

    @property
    def name(self) -> str:
        """The name of the pipeline."""
        return self.pipeline_name or DEFAULT_PIPELINE

    def told(self) -> dict[str, Any]:
        """Return the filters that are given, as they are written down."""
        filters: dict[str, Any] = {
            name: list(names) for name, names in self.filters().items() if names
        }
        if filters.pop("node_namespace", None):
            filters["namespace"] = self.namespace
        return filters

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names of the arguments of :meth:`Pipeline.filter`."""
        filters = asdict(self)
        del filters["pipeline_name"]
        filters["node_namespace"] = filters.pop("namespace")
        return filters


_WRITTEN_DOWN = ("changed", "force", "only_missing", "job_run_id")


@dataclass(frozen=True)
class Relation:
    """How a run stands to earlier ones.

    Attributes:
        journal: Whether it is written down.
        resume: The run that it continues, as of :meth:`sparkpipe.journal.Journal.run`; None if it
            is a run of its own.
        changed: Whether it leaves out what has not changed.
        only_missing: Whether it leaves out what is there.
        force: Whether it continues a run though something has changed.
        job_run_id: What a scheduler calls the run; it continues the last one of that name, if
            there is one that was written down.
    """

    journal: bool = True
    resume: str | None = None
    changed: bool = False
    only_missing: bool = False
    force: bool = False
    job_run_id: str | None = None

    @property
    def needs_journal(self) -> bool:
        """Whether it goes by what was written down."""
        return self.changed or self.resume is not None

    def options(self) -> dict[str, Any]:
        """Return what of it is written down, as far as it was asked for."""
        told = {name: getattr(self, name) for name in _WRITTEN_DOWN}
        return {name: value for name, value in told.items() if value}

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Relation:
        """Return what options say of it, which are taken out of them."""
        names = [one.name for one in fields(cls)]
        return cls(**{name: options.pop(name) for name in names if name in options})
