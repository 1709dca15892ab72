"""A request that continues a run: with what that run was asked for, unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sparkpipe.config import merged
from sparkpipe.errors import ConfigError
from sparkpipe.journal import RunRecord
from sparkpipe.journal.resuming import Continued, NotContinuableError, find_run_of_job
from sparkpipe.redaction import HIDDEN
from sparkpipe.session.choosing_runner import RUNNERS
from sparkpipe.session.parts import read_journal_settings
from sparkpipe.session.selection import Selection
from sparkpipe.session.slices.choosing import choose_one, with_choices

if TYPE_CHECKING:
    from sparkpipe.session.composing import Request
    from sparkpipe.session.session import Session

# What a run was told that the next one is told again; what else a runner tells of itself, its
# own defaults may be.
_TAKEN_OVER = ("is_async", "max_workers", "continue_on_failure")


def take_over(session: Session, request: Request) -> tuple[Session, Request, Continued | None]:
    """Return session and request of a run, with what it takes over of the run that it continues.

    Args:
        session: Of the project.
        request: What is asked for.

    Raises:
        RunNotFoundError: There is no such run.
        NotContinuableError: It goes on, was of another environment, or was given a secret.
    """
    run_id = _run_to_continue(session, request)
    if run_id is None:
        return session, request, None
    continued = Continued.read(session.runs, run_id)
    run = continued.run
    env = session.config_loader.env or session.env
    if run.environment != env:
        raise NotContinuableError(
            f"The run {run.run_id} was of the environment '{run.environment}', not '{env}'",
            hint=f"Add --env {run.environment}, or Session(env='{run.environment}').",
        )
    defer = run.options.get("defer")
    if defer != session.defer:
        raise NotContinuableError(
            f"The run {run.run_id} read what '{env}' lacks from "
            + (f"'{defer}'" if defer else "nowhere else"),
            hint=f"Add --defer {defer}, or Session(defer='{defer}')."
            if defer
            else "Leave out --defer.",
        )
    if run.slices and not session.slice_choices:
        session = with_choices(session, choose_one(session, run.slices))
    given = _params_of(run, session.extra_params)
    if given:
        session = session.with_params(merged(given, session.extra_params))
    if request.selection == Selection():
        request = replace(request, selection=_selection_of(run))
    if request.runner is None and run.runner in RUNNERS:
        options = {name: run.runner_options.get(name) for name in _TAKEN_OVER}
        options |= {name: value for name, value in request.runner_options.items() if value}
        known = {name: value for name, value in options.items() if value}
        request = replace(request, runner=run.runner, runner_options=known)
    if not request.load_versions:
        request = replace(request, load_versions=run.options.get("load_versions", {}))
    return session, request, continued


def _run_to_continue(session: Session, request: Request) -> str | None:
    """Return which run is continued; None if none is."""
    relation = request.relation
    if relation.resume is not None and not isinstance(relation.resume, str):
        raise ConfigError(
            f"The run to continue is named by a text, not {relation.resume!r}.",
            hint='Give resume="last", or the name of a run.',
        )
    if relation.resume is not None or relation.job_run_id is None:
        return relation.resume
    if not relation.journal or not read_journal_settings(session).enabled:
        return None
    chosen = request.selection
    return find_run_of_job(session.runs, relation.job_run_id, chosen.name, chosen.told())


def _selection_of(run: RunRecord) -> Selection:
    """Return the filters that a run was given.

    Raises:
        NotContinuableError: A newer version has written one that is not known.
    """
    filters: dict[str, Any] = {
        name: value if isinstance(value, str) else tuple(value)
        for name, value in run.selection.items()
    }
    unknown = filters.keys() - {one.name for one in fields(Selection)}
    if unknown:
        raise NotContinuableError(
            f"The run {run.run_id} was given the filter '{min(unknown)}', which is not known here",
            hint="Continue it by the version of sparkpipe that has run it.",
        )
    return Selection.of(run.pipeline, **filters)


def _params_of(run: RunRecord, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a run was given.

    Raises:
        NotContinuableError: One is a secret, which is kept nowhere, and not given again.
    """
    secret = [name for name, value in run.extra_params.items() if _is_hidden(value)]
    missing = [name for name in secret if name not in given]
    if missing:
        raise NotContinuableError(
            f"The run {run.run_id} was given '{missing[0]}', which is a secret and was not kept",
            hint="Give it again by --params.",
        )
    return {name: value for name, value in run.extra_params.items() if name not in secret}


def _is_hidden(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_hidden, value.values()))
    return bool(value == HIDDEN)
