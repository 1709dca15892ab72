"""The documents of pages, of a session's runs and plans."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import SparkpipeError, refusing_exits
from sparkpipe.journal import RunRecord
from sparkpipe.journal.reading import LAST, RunNotFoundError
from sparkpipe.report.page import document_of_plan, document_of_run
from sparkpipe.report.page.knowing import Project

if TYPE_CHECKING:
    from sparkpipe.session.session import Session

# Of how many earlier runs rows and times are shown, and among how many they are sought.
_EARLIER = 10
_MOST_READ = 60


class RunDocuments:
    """Documents of a run, each as the journal tells it at that time.

    Args:
        session: Of the project.
        run_id: As of :meth:`sparkpipe.journal.Journal.run`.
        compare: The run to compare with, likewise; by default the one before it, if there is one.
    """

    def __init__(self, session: Session, run_id: str = LAST, compare: str | None = None) -> None:
        self._session = session
        self._run_id = run_id
        self._compare = compare
        # What does not change while a run goes on, and the run for which that is.
        self._around: tuple[str, dict[str, Any]] = ("", {})

    @refusing_exits("The page")
    def read(self) -> dict[str, Any]:
        """Return the document.

        Raises:
            RunNotFoundError: There is no such run.
        """
        record = self._session.runs.run(self._run_id)
        known_for, around = self._around
        if known_for != record.run_id:
            around = self._look_around(record)
            self._around = record.run_id, around
        return document_of_run(record, **around, now=time.time())

    def _look_around(self, record: RunRecord) -> dict[str, Any]:
        session = self._session
        compared = session.runs.run(self._compare) if self._compare else None
        if compared is None:
            with suppress(RunNotFoundError):
                compared = session.runs.before(record)
        return {
            "earlier": _earlier(session, record.pipeline, record),
            "compared": compared,
            "project": _known(session, record.pipeline),
        }


@refusing_exits("The page")
def plan_document(session: Session, pipeline: str | None = None) -> dict[str, Any]:
    """Return the document of what a run would do.

    Args:
        session: Of the project.
        pipeline: The name it is registered under; by default ``__default__``.
    """
    planned = session.plan(pipeline)
    params: dict[str, Any] = {}
    with suppress(SparkpipeError):  # told as a problem of the plan
        params = session.params
    return document_of_plan(
        planned,
        params=params,
        earlier=_earlier(session, planned.pipeline),
        project=_known(session, planned.pipeline),
    )


def _earlier(session: Session, pipeline: str, record: RunRecord | None = None) -> list[RunRecord]:
    """Return the last runs like one, or of a pipeline."""
    found = (
        one
        for one in session.runs.runs(mentioning=pipeline, most=_MOST_READ)
        if one.pipeline == pipeline
        and (
            record is None
            or (
                one.started < record.started
                and one.environment == record.environment
                and one.slices.keys() == record.slices.keys()
            )
        )
    )
    if record is None or not record.slices:
        return [*islice(found, _EARLIER)]
    like = [*found]
    # Of a day that never ran before, those before it tell more than nothing.
    same = [one for one in like if one.slices == record.slices]
    return (same or like)[:_EARLIER]


def _known(session: Session, pipeline: str) -> Project:
    """Return what the project tells; a run can be shown where it is broken, or another one."""
    try:
        pipelines, _ = session.registry
        first = [pipelines[pipeline]] if pipeline in pipelines else []
        return Project.of([*first, *pipelines.values()], session.create_catalog())
    except Exception:
        return Project()
