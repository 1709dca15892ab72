"""From the slices that are asked for to a run over them in which nothing is left to find wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparkpipe.errors import PreflightError, refusing_exits
from sparkpipe.session.composing import Request, compose
from sparkpipe.session.problems import attempt, choose
from sparkpipe.session.slices.choosing import steps_of, with_choices
from sparkpipe.session.slices.depending import find_stages, slices_by_node
from sparkpipe.session.slices.judging import find_slice_problems
from sparkpipe.session.slices.running import SlicedRun
from sparkpipe.slices import combinations, read_asked
from sparkpipe.slices.asking import Combination, Given

if TYPE_CHECKING:
    from sparkpipe.session.session import Session


@refusing_exits("Preparing the run")
def prepare_slices(session: Session, request: Request, slices: Given) -> SlicedRun:
    """Find everything that is wrong with all slices before one runs.

    What is wrong with a slice alone, as where its file is missing, is told when it runs: it keeps
    no other from running.

    Args:
        session: A session without slices.
        request: What is to run for each.
        slices: The slices.

    Raises:
        ConfigError: There are no such slices.
        PreflightError: All that is wrong.
    """
    if request.relation.resume is not None or request.relation.job_run_id is not None:
        raise PreflightError(
            [
                "A run over slices is not continued by its name: each slice is a run of its own. "
                "Give the slices that are left in place of it, as by --slice day=failed."
            ]
        )
    asked = read_asked(slices, steps_of(session))
    chosen = combinations(asked)
    problems: list[str] = []
    _, pipeline = choose(session.registry, request.selection, problems)
    catalog = attempt(problems, lambda: session.create_catalog(request.load_versions))
    if pipeline is None or catalog is None:
        # The whole of what is wrong is told as of any run.
        raise PreflightError([*_problems(session, request)] or problems)
    catalog.add_feed_dict(request.inputs or {}, replace=True)
    by_node = slices_by_node(pipeline, catalog)
    problems = find_slice_problems(by_node, asked.choices, catalog)
    if chosen:
        problems += _problems_of_all(session, request, chosen)
    if problems:
        raise PreflightError(list(dict.fromkeys(problems)))
    stages = find_stages(pipeline, by_node, catalog)
    return SlicedRun(session, request, tuple(chosen), stages)


def _problems_of_all(
    session: Session, request: Request, chosen: Sequence[Combination]
) -> list[str]:
    """Return what is wrong with the only slice, or with the first one and the last one alike."""
    first = _problems(with_choices(session, chosen[0]), request)
    if not first or len(chosen) == 1:
        return [*first]
    last = _problems(with_choices(session, chosen[-1]), request)
    return [problem for problem in first if problem in last]


def _problems(session: Session, request: Request) -> tuple[str, ...]:
    return compose(session, request, None, may_start_spark=False).problems
