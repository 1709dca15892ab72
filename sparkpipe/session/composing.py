"""From what is asked for to a run in which nothing is left to find wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe import __version__
from sparkpipe.errors import PreflightError, collecting_errors, refusing_exits
from sparkpipe.events import RunDescription
from sparkpipe.io.core import generate_timestamp
from sparkpipe.logging import checked_logging_config
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import Plan
from sparkpipe.project.context import configuration
from sparkpipe.redaction import redacted
from sparkpipe.runner import AbstractRunner, SequentialRunner
from sparkpipe.session.choosing_runner import RunnerChoice, load_runner
from sparkpipe.session.prepared import PreparedRun
from sparkpipe.session.problems import (
    attempt,
    choose,
    find_config_problems,
    find_pool_problems,
    find_spark_problems,
    find_version_problems,
)
from sparkpipe.session.selection import Selection

if TYPE_CHECKING:
    from sparkpipe.session.session import Session


@refusing_exits("Preparing the run")
def prepare_run(
    session: Session,
    selection: Selection | None,
    runner: RunnerChoice,
    load_versions: Mapping[str, str] | None,
    inputs: Mapping[str, Any] | None,
    run_params: Mapping[str, Any] | None,
    runner_options: Mapping[str, Any],
) -> PreparedRun:
    """Find everything that is wrong before anything runs, and return what can be run.

    Arguments and errors are those of :meth:`Session.prepare`.
    """
    selection = selection or Selection()
    run_id = generate_timestamp()
    problems: list[str] = []
    plan: Plan | None = None
    made_runner = attempt(problems, lambda: load_runner(runner, session.project, **runner_options))
    problems += session.settings_problems
    if not session.settings_problems:
        # Modules may make columns and UDFs: a hook may start Spark before they are imported. What
        # is wrong is told with the catalog.
        attempt([], lambda: session.context)
        attempt([], lambda: session.spark.expect_connect())
    whole, pipeline = choose(session.registry, selection, problems)
    catalog = attempt(problems, lambda: session.create_catalog(load_versions, run_id))
    if catalog is None:
        problems += find_config_problems(session.config_loader)
    if catalog is not None and inputs:
        catalog.add_feed_dict(inputs, replace=True)
    if whole is not None and catalog is not None:
        judge: AbstractRunner = made_runner or SequentialRunner()
        judged = whole if pipeline is None else pipeline
        plan = judge.plan(judged, catalog, attempt(problems, lambda: session.hook_manager))
        problems += plan.problems
        problems += find_version_problems(catalog, load_versions or {}, judged.inputs())
        problems += session.unread_params([whole], run_params)
        problems += find_pool_problems(judged, session.spark.options.pool_names)
        problems += find_spark_problems(judged, catalog, session.spark)
    observers = attempt(problems, lambda: session.observers)
    if problems or plan is None or pipeline is None or catalog is None or made_runner is None:
        raise PreflightError(list(dict.fromkeys(problems)))
    filters = {
        name: list(names) for name, names in selection.filters().items() if name != "node_namespace"
    }
    env = session.config_loader.env or session.env
    return PreparedRun(
        plan,
        pipeline,
        catalog,
        made_runner,
        {
            "session_id": run_id,
            "project_path": str(session.project.path),
            "env": env,
            "sparkpipe_version": __version__,
            "runner": type(made_runner).__name__,
            "extra_params": session.extra_params,
            "load_versions": dict(load_versions or {}),
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
            {name: value for name, value in filters.items() if value}
            | ({"namespace": selection.namespace} if selection.namespace else {}),
            env,
            redacted(catalog["parameters"].load() if "parameters" in catalog else {}),
        ),
        observers,
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
        problems += session.unread_params([whole])
    return problems


@refusing_exits("The check")
def check_project(
    session: Session, runner: RunnerChoice, runner_options: Mapping[str, Any]
) -> list[str]:
    """Return everything that is wrong with a project; see :meth:`Session.check`."""
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
    catalog = attempt(problems, session.create_catalog)
    if catalog is None:
        problems += find_config_problems(session.config_loader)
    else:
        problems += catalog.problems()
        judge = made_runner or SequentialRunner()
        # What one pipeline reads another may make, so they are judged as one. Whether they fit
        # into one is no matter: that is known where a pipeline is to be the sum of others.
        with collecting_errors():
            whole = sum(pipelines.values(), Pipeline([]))
            problems += judge.problems(whole, catalog)
        problems += session.unread_params([whole])
        problems += find_pool_problems(whole, session.spark.options.pool_names)
        problems += find_spark_problems(whole, catalog, session.spark)
    return list(dict.fromkeys(problems))
