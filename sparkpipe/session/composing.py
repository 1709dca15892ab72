"""From what is asked for to a run in which nothing is left to find wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkpipe import __version__
from sparkpipe.description import RunDescription
from sparkpipe.errors import PreflightError, collecting_errors, refusing_exits
from sparkpipe.io import DataCatalog
from sparkpipe.io.core import generate_timestamp
from sparkpipe.io.working import working_for
from sparkpipe.logging import checked_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan, make_plan
from sparkpipe.plan.missing import Decisions, told_without_spark
from sparkpipe.project.context import configuration
from sparkpipe.redaction import redacted
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.session.arguments import inputs_by_name, versions_by_name
from sparkpipe.session.checking import inform_checks
from sparkpipe.session.choosing_runner import RunnerChoice, load_runner
from sparkpipe.session.deferring import defer_inputs, find_changes_elsewhere, make_catalogs
from sparkpipe.session.narrowing import Narrowed, find_narrowing_problems, narrow
from sparkpipe.session.parts import read_journal_settings
from sparkpipe.session.prepared import PreparedRun
from sparkpipe.session.problems import (
    attempt,
    choose,
    find_config_problems,
    find_pool_problems,
    find_spark_problems,
    find_unread_params,
    find_version_problems,
)
from sparkpipe.session.remembering import Memory
from sparkpipe.session.selection import Relation, Selection
from sparkpipe.session.slices.judging import find_mixing, find_unchosen
from sparkpipe.session.sql_problems import find_sql_problems
from sparkpipe.session.telling import Telling, make_tellers, read_telling
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.journal.resuming import Continued
    from sparkpipe.report.planned import PlannedNode, PlannedRun
    from sparkpipe.session.session import Session

_logger = logging.getLogger(__name__)

# So many nodes that run, and so many that do not, are told with the reason.
_MOST_TOLD = 10


@dataclass(frozen=True)
class Request:
    """What a session is asked to run; see :meth:`Session.prepare` for each."""

    selection: Selection = field(default_factory=Selection)
    runner: RunnerChoice = None
    load_versions: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] | None = None
    run_params: Mapping[str, Any] | None = None
    runner_options: Mapping[str, Any] = field(default_factory=dict)
    relation: Relation = field(default_factory=Relation)
    run_id: str = ""

    @classmethod
    def of(
        cls,
        selection: Selection | None = None,
        runner: RunnerChoice = None,
        *,
        load_versions: Mapping[str, str] | None = None,
        inputs: Mapping[str, Any] | None = None,
        run_params: Mapping[str, Any] | None = None,
        relation: Relation | None = None,
        run_id: str = "",
        **runner_options: Any,
    ) -> Request:
        """Return a request of what a session is given; the rest are options of the runner."""
        return cls(
            selection or Selection(),
            runner,
            versions_by_name(load_versions),
            inputs_by_name(inputs),
            run_params,
            runner_options,
            relation or Relation(),
            run_id,
        )


@dataclass(frozen=True)
class Composed:
    """The parts of a run, as far as they could be made, and all that is wrong with it.

    Attributes:
        whole: The pipeline that is named.
        selected: The nodes of it that the filters keep.
        pipeline: Those of them that are to run.
        decisions: For names of selected nodes, whether they run, and why, in words.
        plan: That of the nodes; of the whole pipeline where the nodes could not be chosen.
        memory: What is known of earlier runs of these nodes.
        telling: Whom the run is told besides; None where that is wrong.
        problems: All that keeps it from running.
    """

    run_id: str
    environment: str | None
    whole: Pipeline | None
    selected: Pipeline | None
    pipeline: Pipeline | None
    decisions: Decisions
    plan: Plan | None
    catalog: DataCatalog | None
    runner: AbstractRunner | None
    observers: tuple[Any, ...] | None
    memory: Memory
    telling: Telling | None
    problems: tuple[str, ...]


def compose(
    session: Session, request: Request, continued: Continued | None, *, may_start_spark: bool
) -> Composed:
    """Make the parts of a run, and find everything that is wrong before anything runs.

    Args:
        session: Of the project.
        request: What is asked for.
        continued: The run that it continues.
        may_start_spark: Ask Spark what only it can tell.
    """
    run_id = request.run_id or generate_timestamp()
    problems: list[str] = []
    plan: Plan | None = None
    made_runner = attempt(
        problems,
        lambda: load_runner(request.runner, session.project, **request.runner_options),
    )
    problems += session.settings_problems
    if not session.settings_problems:
        # Modules may make columns and UDFs: a hook may start Spark before they are imported. What
        # is wrong is told with the catalog.
        attempt([], lambda: session.context)
        attempt([], lambda: session.spark.expect_connect())
    env = attempt(problems, lambda: session.config_loader.env) or session.env
    journal = attempt(problems, lambda: read_journal_settings(session))
    slices = _slices_of(session)
    memory = Memory(journal if request.relation.journal else None, run_id, env, slices)
    whole, selected = choose(session.registry, request.selection, problems)
    catalog, other = make_catalogs(session, request.load_versions, run_id, problems)
    if catalog is None:
        problems += find_config_problems(session.config_loader)
    if catalog is not None and request.inputs:
        catalog.add_feed_dict(request.inputs, replace=True)
    if other is not None and whole is not None and catalog is not None:
        problems += defer_inputs(selected or whole, catalog, other, session.registry[0].values())
    problems += find_narrowing_problems(request.relation, memory, made_runner)
    narrowed: Narrowed | None = None
    if selected is not None and catalog is not None and not problems:
        exists = catalog.exists if may_start_spark else told_without_spark(catalog)
        memory.recall(selected)
        # A plan of all says nothing of it, and is quicker without.
        if may_start_spark or request.relation.needs_journal or continued is not None:
            memory.identify(selected, catalog, session.project)
        narrowing = partial(narrow, selected, catalog, request.relation, memory, continued, exists)
        with session.scope():  # tables by name are asked of its Spark
            narrowed = attempt(problems, narrowing)
    pipeline = selected if narrowed is None else narrowed.pipeline
    if other is not None and pipeline is not None and pipeline is not selected:
        # Of what is left out another form may be read, which is judged then.
        assert catalog is not None
        pipelines = session.registry[0].values()
        problems += find_changes_elsewhere(pipeline, catalog, other, pipelines)
    if whole is not None and catalog is not None:
        inform_checks(catalog, whole, session.registry[0].values(), memory.last_good)
        judge: AbstractRunner = made_runner or SequentialRunner()
        judged = whole if pipeline is None else pipeline
        hooks = attempt(problems, lambda: session.hook_manager)
        plan = memory.plan(judge, judged, catalog, hooks)
        if narrowed is not None and narrowed.changes:
            from sparkpipe.journal.pruning import Pruning

            gate = Pruning(plan, catalog, narrowed.changes, memory.last_good)
            plan = replace(plan, gate=gate)
        problems += plan.problems
        problems += find_unchosen(judged, catalog)
        problems += find_sql_problems(judged, catalog)
        problems += find_version_problems(catalog, request.load_versions, judged.inputs())
        problems += find_unread_params(session, whole, request.run_params)
        problems += find_pool_problems(judged, session.spark.options.pool_names)
        problems += find_spark_problems(judged, catalog, session.spark)
    observers = attempt(problems, lambda: session.observers)
    telling = attempt(problems, lambda: read_telling(session))
    told = tuple(dict.fromkeys(problems))
    return Composed(
        run_id,
        env,
        whole,
        selected,
        pipeline,
        {} if narrowed is None else narrowed.decisions,
        plan,
        catalog,
        made_runner,
        observers,
        memory,
        telling,
        told,
    )


@refusing_exits("Preparing the run")
def prepare_run(session: Session, request: Request) -> PreparedRun:
    """Find everything that is wrong before anything runs, and return what can be run.

    Args:
        session: Of the project.
        request: What is asked for.

    Raises:
        PreflightError: All that is wrong.
    """
    request = replace(request, run_id=request.run_id or generate_timestamp())
    with working_for(request.run_id, ""):  # what is logged meanwhile is of this run
        return _prepared(session, request)


def _prepared(session: Session, request: Request) -> PreparedRun:
    session, request, continued = _taken_over(session, request)
    selection = request.selection
    parts = compose(session, request, continued, may_start_spark=True)
    plan, pipeline, catalog, made_runner = parts.plan, parts.pipeline, parts.catalog, parts.runner
    if (
        parts.problems
        or plan is None
        or pipeline is None
        or catalog is None
        or made_runner is None
        or parts.observers is None
    ):
        raise PreflightError([*parts.problems])
    parts.memory.tell_unidentified()
    _tell_decisions(parts.decisions)
    if continued is None and parts.whole is not None:
        _tell_unread(parts.whole, pipeline)
    filters = {
        name: list(names) for name, names in selection.filters().items() if name != "node_namespace"
    }
    env = parts.environment
    origin, anew = "", frozenset[str]()
    holding: Callable[[], AbstractContextManager[None]] = nullcontext
    if continued is not None:
        from sparkpipe.journal.resuming import claimed, find_anew

        holding = partial(claimed, session.runs, continued.run.run_id)
        # What runs again because it has changed saves anew.
        if not (request.relation.changed or request.relation.force):
            origin, anew = continued.origin, find_anew(pipeline.nodes, catalog, continued)
    return PreparedRun(
        plan,
        pipeline,
        catalog,
        made_runner,
        {
            "session_id": parts.run_id,
            "project_path": str(session.project.path),
            "env": env,
            "sparkpipe_version": __version__,
            "runner": type(made_runner).__name__,
            "extra_params": session.extra_params,
            "load_versions": dict(request.load_versions),
            "pipeline_name": selection.name,
            "namespace": selection.namespace,
            **filters,
        },
        session.hook_manager,
        session.spark,
        session.scope,
        RunDescription(
            session.project.project_name,
            selection.name,
            selection.told(),
            env,
            redacted(catalog["parameters"].load() if "parameters" in catalog else {}),
            redacted(session.extra_params),
            slices=_slices_of(session),
            resumes="" if continued is None else continued.run.run_id,
            options=_options_of(session, request, continued),
            identities={name: one.as_dict() for name, one in parts.memory.identities.items()},
            origin=origin,
            anew=anew,
            read_before=parts.memory.versions_read(),
        ),
        (
            *parts.memory.observers(catalog, session.config_loader),
            *make_tellers(session, parts.telling, catalog),
            *parts.observers,
        ),
        parts.memory.is_kept,
        holding,
    )


def _taken_over(session: Session, request: Request) -> tuple[Session, Request, Continued | None]:
    """Return session and request with what they take over of the run that they continue, if any."""
    if request.relation.resume is None and request.relation.job_run_id is None:
        return session, request, None
    from sparkpipe.session.resuming import take_over

    return take_over(session, request)


def _slices_of(session: Session) -> dict[str, str]:
    """Return the slice that a session is of, by the names of its dimensions."""
    if not session.slice_choices:
        return {}
    from sparkpipe.slices.asking import texts_of

    return texts_of(session.slice_choices)


def _options_of(session: Session, request: Request, continued: Continued | None) -> dict[str, Any]:
    """Return what a run is asked for beside its selection and its parameters, as far as it is."""
    options = request.relation.options()
    if continued is not None and continued.planned is not None:
        options["only_missing"] = True
    if request.load_versions:
        options["load_versions"] = dict(request.load_versions)
    if session.defer:
        options["defer"] = session.defer
    return options


def _tell_decisions(decisions: Decisions) -> None:
    """Log which nodes run and which do not, and why."""
    if not decisions:
        return
    to_run, skipped = (
        [(name, reasons) for name, (runs, reasons) in decisions.items() if runs is these]
        for these in (True, False)
    )
    _logger.info("%d of %d nodes to run.", len(to_run), len(decisions))
    for told, nodes in (("runs", to_run), ("is skipped", skipped)):
        for name, reasons in nodes[:_MOST_TOLD]:
            _logger.info("Node '%s' %s: %s.", name, told, "; ".join(reasons))
        if len(nodes) > _MOST_TOLD:
            more = counted(len(nodes) - _MOST_TOLD, "node")
            _logger.info("%s more; 'sparkpipe plan' tells why.", more)


def _tell_unread(whole: Pipeline, pipeline: Pipeline) -> None:
    """Warn of what nodes confirm though those that read it are left out of the run."""
    confirming = [node for node in pipeline.nodes if node.confirms]
    if not confirming:
        return
    read, read_else = pipeline.all_inputs(), whole.all_inputs()
    for node in confirming:
        for name in node.confirms:
            if name not in read and name in read_else:
                _logger.warning(
                    "Node '%s' confirms '%s', and the nodes that read it are left out of this run: "
                    "what has come since they last ran passes for dealt with.",
                    node.name,
                    name,
                )


@refusing_exits("The plan")
def plan_run(session: Session, request: Request) -> PlannedRun:
    """Return what a run would do, and all that keeps it from running.

    Args:
        session: Of the project.
        request: What is asked for.
    """
    from sparkpipe.report.planned import PlannedRun, planned_nodes

    session, request, continued = _taken_over(session, request)
    parts = compose(session, request, continued, may_start_spark=False)
    if not parts.problems:
        parts.memory.tell_unidentified()
    nodes: tuple[PlannedNode, ...] = ()
    left_out = 0
    if parts.whole is not None and parts.selected is not None:
        left_out = len(parts.whole) - len(parts.selected)
        if parts.plan is not None and parts.catalog is not None:
            plan = parts.plan if parts.pipeline is parts.selected else make_plan(parts.selected)
            nodes = planned_nodes(plan, parts.catalog, parts.decisions)
    return PlannedRun(
        request.selection.name,
        parts.environment or "",
        "" if parts.runner is None else type(parts.runner).__name__,
        nodes,
        left_out,
        parts.problems,
    )


@refusing_exits("The check")
def check_choice(session: Session, selection: Selection, runner: RunnerChoice) -> list[str]:
    """Return what is wrong with what is asked for; see :meth:`Session.check_choice`."""
    problems: list[str] = []
    attempt(problems, lambda: load_runner(runner, session.project))
    whole, _ = choose(session.registry, selection, problems)
    # The configuration may read parameters, too; what else is wrong with it, the run tells.
    catalog = attempt([], session.create_catalog)
    if whole is not None and catalog is not None:
        problems += find_unread_params(session, whole)
    return problems


@refusing_exits("The check")
def check_project(
    session: Session, runner: RunnerChoice, runner_options: Mapping[str, Any]
) -> list[str]:
    """Return everything that is wrong with a project; see :meth:`Session.check`."""
    from sparkpipe.session.slices.depending import slices_by_node

    problems: list[str] = []
    made_runner = attempt(problems, lambda: load_runner(runner, session.project, **runner_options))
    attempt(problems, lambda: session.hook_manager)
    attempt(problems, lambda: session.spark)
    attempt(
        problems,
        lambda: checked_logging_config(
            configuration(session.config_loader, "logging"), session.project.path
        ),
    )
    problems += session.settings_problems
    pipelines, registry_problems = session.registry
    problems += registry_problems
    catalog, other = make_catalogs(session, {}, None, problems)
    if catalog is None:
        problems += find_config_problems(session.config_loader)
    else:
        problems += catalog.problems()
        judge = made_runner or SequentialRunner()
        # What one pipeline reads another may make, so they are judged as one. Whether they fit
        # into one is no matter: that is known where a pipeline is to be the sum of others.
        with collecting_errors():
            whole = sum(pipelines.values(), Pipeline([]))
            if other is not None:
                problems += defer_inputs(whole, catalog, other, pipelines.values())
            problems += judge.problems(whole, catalog)
            problems += find_sql_problems(whole, catalog)
            problems += find_mixing(slices_by_node(whole, catalog), catalog)
        problems += find_unread_params(session, whole)
        problems += find_pool_problems(whole, session.spark.options.pool_names)
        problems += find_spark_problems(whole, catalog, session.spark)
    return list(dict.fromkeys(problems))
