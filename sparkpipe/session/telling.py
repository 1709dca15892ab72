"""Whom a run is told besides its journal: who follows the lineage of data, and who traces it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import target_of
from sparkpipe.project.context import configuration
from sparkpipe.redaction import redacted_text
from sparkpipe.session.remembering import secrets_of

if TYPE_CHECKING:
    from sparkpipe.events import Observer
    from sparkpipe.report.lineage import LineageSettings
    from sparkpipe.report.lineage.known import Known
    from sparkpipe.session.opened import OpenProject

# By these the API loads an SDK itself.
_PROVIDERS = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER")


@dataclass(frozen=True)
class Telling:
    """Whom a run is told.

    Attributes:
        lineage: How its lineage is told; None if it is not.
    """

    lineage: LineageSettings | None = None


def read_telling(session: OpenProject) -> Telling:
    """Return whom the runs of a session are told.

    Raises:
        ConfigError: ``lineage.yml`` is wrong, or what it needs is not installed.
    """
    given = configuration(session.config_loader, "lineage")
    if not given:
        return Telling()
    from sparkpipe.report.lineage import LineageSettings

    settings = LineageSettings.read(given)
    project = session.project
    credentials = configuration(session.config_loader, "credentials")
    whole = settings.for_project(project.project_name, project.path, credentials)
    return Telling(whole if settings.is_told else None)


def make_tellers(
    session: OpenProject, telling: Telling | None, catalog: DataCatalog
) -> tuple[Observer, ...]:
    """Return the observers that tell a run.

    Args:
        session: Has the credentials, which no error may tell.
        telling: Whom it is told.
        catalog: Has its data sets.
    """
    secrets = partial(secrets_of, catalog, session.config_loader)
    tellers: list[Observer] = []
    if telling is not None and telling.lineage is not None:
        from sparkpipe.report.lineage import LineageObserver

        tellers.append(LineageObserver(telling.lineage, partial(_known, catalog), secrets))
    if has_telemetry():
        from sparkpipe.report.telemetry import TelemetryObserver

        tellers.append(TelemetryObserver(secrets))
    return tuple(tellers)


def has_telemetry() -> bool:
    """Whether this process has OpenTelemetry loaded, or is asked to by its environment.

    Who sets up an SDK has loaded it. Many have it installed and use it for nothing; a run of theirs
    is not to pay for it.
    """
    return "opentelemetry.trace" in sys.modules or any(map(os.environ.get, _PROVIDERS))


def _known(catalog: DataCatalog, name: str) -> Known:
    from sparkpipe.report.lineage.known import Known
    from sparkpipe.schemas.declared import declared_schema

    data_set: Any = catalog.get(name) if name in catalog else None
    if data_set is None:
        return Known()
    columns: tuple[tuple[str, str], ...] = ()
    with suppress(Exception):  # told before the run, where it matters
        schema = declared_schema(data_set)
        columns = tuple((one.name, str(one.type)) for one in (schema.columns if schema else ()))
    return Known(redacted_text(target_of(data_set)), columns)
