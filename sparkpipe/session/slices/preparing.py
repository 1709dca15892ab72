"""From the slices that are asked for to a run over them in which nothing is left to find wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from sparkpipe.errors import PreflightError, refusing_exits
from sparkpipe.report.planned import PlannedRun
from sparkpipe.report.slices import SliceGrid
from sparkpipe.session.composing import Request, compose, plan_run
from sparkpipe.session.deferring import find_saves_elsewhere
from sparkpipe.session.problems import attempt, choose
from sparkpipe.session.slices.choosing import steps_of, with_choices
from sparkpipe.session.slices.depending import Stage, find_stages, slices_by_node
from sparkpipe.session.slices.judging import find_leftovers, find_slice_problems, with_sharing
from sparkpipe.session.slices.running import SlicedRun
from sparkpipe.session.slices.states import find_states
from sparkpipe.slices.asking import (
    Asked,
    Combination,
    Given,
    combinations,
    name_of,
    read_asked,
    texts_of,
)

if TYPE_CHECKING:
    from sparkpipe.session.session import Session

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """What a run over slices would be.

    Attributes:
        chosen: The slices.
        states: The states of which only slices are asked for; empty for all.
        stages: The nodes, in the order in which they run.
        problems: All that keeps it from running.
        leftovers: Where something stays of what slices have made before.
    """

    chosen: tuple[Combination, ...]
    states: frozenset[str]
    stages: tuple[Stage, ...]
    problems: tuple[str, ...]
    leftovers: tuple[str, ...] = ()


def survey(session: Session, request: Request, slices: Given) -> Survey:
    """Find out what runs for which slices, and everything that is wrong with that.

    What is wrong with a slice alone, as where its file is missing, is told when it runs: it keeps
    no other from running.

    Args:
        session: A session without slices.
        request: What is to run for each.
        slices: The slices.

    Raises:
        ConfigError: There are no such slices.
        PreflightError: They are not for what is asked.
    """
    asked = read_asked(slices, steps_of(session))
    if request.relation.resume is not None:
        raise PreflightError(
            [
                "A run over slices is not continued by its name: each slice is a run of its own. "
                "Give the slices that are left in place of it, as by --slice day=failed."
            ]
        )
    chosen = tuple(combinations(asked))
    # Sessions of slices have what this one has: what is installed is searched once.
    attempt([], lambda: session.observers)
    problems: list[str] = []
    _, pipeline = choose(session.registry, request.selection, problems)
    catalog = attempt(problems, lambda: session.create_catalog(request.load_versions))
    if pipeline is None or catalog is None:
        # The whole of what is wrong is told as of any run.
        return Survey(chosen, asked.states, (), _problems(session, request) or (*problems,))
    catalog.add_feed_dict(request.inputs or {}, replace=True)
    by_node = slices_by_node(pipeline, catalog)
    problems = find_slice_problems(by_node, asked.choices, catalog)
    if session.defer:
        # Of the first slice and the last, and as they are written: a slice that is refused when it
        # runs is refused too late.
        ends = [with_choices(session, one) for one in (*chosen[:1], *chosen[1:][-1:])]
        for one in (*ends, session):
            problems += (
                [] if problems else find_saves_elsewhere(one, request.load_versions, pipeline)
            )
    if chosen:
        problems += _problems_of_all(session, request, chosen)
    stages = tuple(with_sharing(one, catalog) for one in find_stages(pipeline, by_node, catalog))
    if asked.states and not problems:
        grid = find_states(session, pipeline, catalog, chosen)
        chosen = tuple(
            one for one, row in zip(chosen, grid.rows, strict=True) if row.is_in(asked.states)
        )
    leftovers = () if problems else (*find_leftovers(by_node, catalog),)
    return Survey(chosen, asked.states, stages, tuple(dict.fromkeys(problems)), leftovers)


@refusing_exits("Preparing the run")
def prepare_slices(session: Session, request: Request, slices: Given) -> SlicedRun:
    """Find everything that is wrong with all slices before one runs; see :func:`survey`.

    Args:
        session: A session without slices.
        request: What is to run for each.
        slices: The slices.

    Raises:
        ConfigError: There are no such slices.
        PreflightError: All that is wrong.
    """
    found = survey(session, request, slices)
    if found.problems:
        raise PreflightError([*found.problems])
    for told in found.leftovers:
        _logger.warning(told)
    return SlicedRun(session, request, found.chosen, found.stages, found.states)


@refusing_exits("The plan")
def plan_slices(session: Session, request: Request, slices: Given) -> PlannedRun:
    """Return what a run over slices would do, shown for the first of them.

    Args:
        session: A session without slices.
        request: What is to run for each.
        slices: The slices.

    Raises:
        ConfigError: There are no such slices.
    """
    found = survey(session, request, slices)
    first = found.chosen[0] if found.chosen else {}
    planned = plan_run(with_choices(session, first), request)
    how_often = {
        node.name: f"once for each {' and '.join(stage.slices)}" if stage.slices else "once"
        for stage in found.stages
        for node in stage.pipeline.nodes
    }
    return replace(
        planned,
        nodes=tuple(
            replace(node, reasons=(how_often.get(node.name, ""), *node.reasons))
            if node.runs
            else node
            for node in planned.nodes
        ),
        problems=found.problems,
        slices=tuple(name_of(texts_of(one)) for one in found.chosen),
    )


@refusing_exits("Looking at the slices")
def slices_grid(session: Session, request: Request, slices: Given | None) -> SliceGrid:
    """Return what is known of slices, by data sets.

    Args:
        session: A session without slices.
        request: Which pipeline.
        slices: The slices; by default all that are over, of all names on which a node depends.

    Raises:
        ConfigError: There are no such slices, or runs are not written down.
        PreflightError: The pipeline or its configuration is wrong.
    """
    problems: list[str] = []
    _, pipeline = choose(session.registry, request.selection, problems)
    catalog = attempt(problems, session.create_catalog)
    if pipeline is None or catalog is None:
        raise PreflightError(problems)
    steps = steps_of(session)
    if slices is None:
        names = {name for found in slices_by_node(pipeline, catalog).values() for name in found}
        now = datetime.now(timezone.utc)
        asked = Asked({name: tuple(steps[name].over(now)) for name in steps if name in names})
    else:
        asked = read_asked(slices, steps)
    chosen = tuple(combinations(asked)) if asked.choices else ()
    grid = find_states(session, pipeline, catalog, chosen)
    if not asked.states:
        return grid
    return replace(grid, rows=tuple(row for row in grid.rows if row.is_in(asked.states)))


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
