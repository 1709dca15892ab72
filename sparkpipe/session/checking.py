"""What a session knows that checks of data sets ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparkpipe.io import DataCatalog
from sparkpipe.journal.records import NodeRecord
from sparkpipe.pipeline import Pipeline


def inform_checks(
    catalog: DataCatalog,
    pipeline: Pipeline,
    pipelines: Iterable[Pipeline],
    last_good: Mapping[str, NodeRecord],
) -> None:
    """Tell checked data sets of a run what was saved before, and who else saves them.

    Args:
        catalog: That of the run.
        pipeline: What is to run.
        pipelines: All of the project.
        last_good: What the nodes did when they last ran well.
    """
    names = [name for name in sorted(pipeline.data_sets()) if _has_checks(name, catalog)]
    if not names:
        return
    from sparkpipe.checks.checked import checked_in  # it imports much

    saved = names_saved(pipelines)
    # What was judged then, of which some may have been dropped, is compared with what is judged:
    # where it is saved, or where it is read of what nobody saves.
    rows = {
        check.data_set: check.rows
        for record in last_good.values()
        for check in record.checks
        if check.rows is not None and (check.direction == "save") == (check.data_set in saved)
    }
    for name in names:
        checked = checked_in(catalog.get(name))
        if checked is not None:
            checked.learn(rows.get(name), is_saved_elsewhere=name in saved)


def names_saved(pipelines: Iterable[Pipeline]) -> set[str]:
    """Return the names that pipelines save: what is saved is judged then, not when it is read.

    Args:
        pipelines: All of the project.
    """
    return {name for one in pipelines for name in one.all_outputs()}


def _has_checks(name: str, catalog: DataCatalog) -> bool:
    config = catalog.config_of(name) if name in catalog else None
    return config is not None and not config.keys().isdisjoint(("checks", "validator"))
