"""The catalogs of a run that defers to another environment."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sparkpipe.errors import ConfigError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import location_of
from sparkpipe.io.factory import has_versions
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.project.context import configuration
from sparkpipe.session.checking import names_saved
from sparkpipe.session.problems import attempt

if TYPE_CHECKING:
    from sparkpipe.plan.deferring import Other
    from sparkpipe.session.opened import OpenProject

_logger = logging.getLogger(__name__)

# How many data sets are told one by one.
_MOST_TOLD = 10


def make_catalogs(
    session: OpenProject,
    load_versions: Mapping[str, str],
    save_version: str | None,
    problems: list[str],
) -> tuple[DataCatalog | None, Other | None]:
    """Return the catalog of a session, and that of the environment to which it defers.

    Args:
        session: The session.
        load_versions: Version to load, by name of a data set of either.
        save_version: The version that a run saves.
        problems: What is wrong is added here.
    """
    deferred = session.deferred_session
    if deferred is None:
        made = attempt(problems, lambda: session.create_catalog(load_versions, save_version))
        return made, None
    from sparkpipe.plan.deferring import Other

    found: list[str] = []
    theirs = attempt(
        found,
        lambda: deferred.create_catalog(_known_to(deferred, load_versions), save_version),
    )
    problems += [f"Of the environment '{session.defer}': {problem}" for problem in found]
    elsewhere = _known_to(deferred, load_versions).keys() - _known_to(session, load_versions)
    own = {name: version for name, version in load_versions.items() if name not in elsewhere}
    catalog = attempt(problems, lambda: session.create_catalog(own, save_version))
    if catalog is None or theirs is None:
        return catalog, None
    here = str(session.config_loader.env or session.env or "")
    return catalog, Other(str(session.defer), theirs, here, partial(_is_slice, deferred))


def _is_slice(session: OpenProject, name: str, text: str) -> bool:
    """Whether a project has a slice; what is wrong with its slices is told elsewhere."""
    from sparkpipe.slices.declaring import read_steps

    try:
        read_steps(configuration(session.config_loader, "slices"))[name].choose(text)
    except (ConfigError, KeyError):
        return False
    return True


def _known_to(session: OpenProject, load_versions: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of data sets that a session has, and that keep versions."""
    if not load_versions:
        return {}
    # No hook is told of a catalog that is only looked at.
    looked_at: DataCatalog | None = attempt(
        [],
        lambda: DataCatalog.from_config_lazily(configuration(session.config_loader, "catalog")),
    )
    if looked_at is None:
        return {}
    known = {}
    for name, version in load_versions.items():
        if name in looked_at and has_versions(looked_at.config_of(name) or {}):
            known[name] = version
    return known


def defer_inputs(
    pipeline: Pipeline, catalog: DataCatalog, other: Other, pipelines: Iterable[Pipeline]
) -> list[str]:
    """Let a catalog read from another environment what its own has not; return what is wrong.

    Args:
        pipeline: What is to run.
        catalog: That of the run; changed.
        other: The other environment.
        pipelines: All of the project.
    """
    from sparkpipe.plan.deferring import find_deferred

    deferred, problems = find_deferred(pipeline, catalog, other)
    catalog.add_all(deferred, replace=True)
    for name, data_set in [*deferred.items()][:_MOST_TOLD]:
        only = "" if data_set.own is None else " unless there is data here"
        place = location_of(data_set)
        _logger.info("'%s' is read from '%s'%s: %s", name, other.name, only, place)
    if len(deferred) > _MOST_TOLD:
        more = len(deferred) - _MOST_TOLD
        _logger.info("So are %d more; 'sparkpipe plan' tells all.", more)
    return problems + find_changes_elsewhere(pipeline, catalog, other, pipelines)


def find_changes_elsewhere(
    pipeline: Pipeline, catalog: DataCatalog, other: Other, pipelines: Iterable[Pipeline]
) -> list[str]:
    """Return where one run would change what is of another environment.

    Args:
        pipeline: What is to run.
        catalog: That of the run, which reads from the other environment already.
        other: The other environment.
        pipelines: All of the project.
    """
    from sparkpipe.plan.deferring import find_foreign_saves

    # Checks judge what is saved, and a load only where neither the run nor a pipeline saves it.
    made = set(map(strip_transcoding, pipeline.all_outputs()))
    here = {name for name in pipeline.all_inputs() if strip_transcoding(name) in made}
    return find_foreign_saves(pipeline, catalog, other, here | names_saved(pipelines))


def find_saves_elsewhere(
    session: OpenProject, load_versions: Mapping[str, str], pipeline: Pipeline
) -> list[str]:
    """Return where a run would change what is of the environment to which its session defers.

    Args:
        session: The session.
        load_versions: Version to load, by name of a data set of either.
        pipeline: What is to run.
    """
    from sparkpipe.plan.deferring import find_deferred, find_foreign_saves

    catalog, other = make_catalogs(session, load_versions, None, [])
    if catalog is None or other is None:
        return []  # told as of any run
    deferred, _ = find_deferred(pipeline, catalog, other)
    catalog.add_all(deferred, replace=True)
    # Its stages are runs of their own: what one saves in another form the next one judges.
    return find_foreign_saves(pipeline, catalog, other, names_saved(session.registry[0].values()))
