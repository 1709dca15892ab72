"""What is left of a run that did not come to its end, and whether it may be continued."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sparkpipe.errors import SparkpipeError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import (
    is_memory_only,
    save_effect,
    saves_once,
    state_of,
    state_to_load,
)
from sparkpipe.io.presence import is_known_present
from sparkpipe.journal.identity import NodeIdentity
from sparkpipe.journal.reading import Journal, RunNotFoundError
from sparkpipe.journal.records import NodeRecord, RunRecord
from sparkpipe.pipeline.node import Node

_logger = logging.getLogger(__name__)

_MOST_RUNS = 1000


class NotContinuableError(SparkpipeError):
    """A run cannot be continued as it is asked for."""


@dataclass(frozen=True)
class Continued:
    """A run that is to be continued.

    Attributes:
        run: The run.
        finished: What it, and the runs that it continued itself, did with the nodes that ran well.
        begun: What they did last with nodes that started, and did not end well.
        planned: The nodes that the first of them was to run, where it left out what was there; None
            where it was to run all that were selected.
        origin: The name of the first of them, or of the last that ran again what had changed: those
            since then count as one, whose saves have an effect once.
    """

    run: RunRecord
    finished: Mapping[str, NodeRecord] = field(default_factory=dict)
    begun: Mapping[str, NodeRecord] = field(default_factory=dict)
    planned: frozenset[str] | None = None
    origin: str = ""

    @classmethod
    def read(cls, journal: Journal, run_id: str) -> Continued:
        """Return a run of a journal, with what those did that it continued itself.

        Args:
            journal: Has it.
            run_id: As of :meth:`Journal.run`; a run that was continued stands for the last one that
                did so.

        Raises:
            RunNotFoundError: There is no such run.
            NotContinuableError: It goes on, or somebody else continues it.
        """
        asked = journal.run(run_id)
        run = _last_continuation(journal, asked)
        if run.outcome == "running":
            by = "" if run is asked else f", which continues {asked.run_id},"
            raise NotContinuableError(
                f"The run {run.run_id}{by} goes on", hint="Wait for its end, or end it."
            )
        if run.outcome == "unfinished":
            _logger.warning(
                "Whether the run %s has ended cannot be told where its journal lies. If it goes "
                "on, both write the same data.",
                run.run_id,
            )
        finished: dict[str, NodeRecord] = {}
        begun: dict[str, NodeRecord] = {}
        planned: frozenset[str] | None = None
        one: RunRecord | None = run
        origin, is_origin_known = run.run_id, False
        for _ in range(_MOST_RUNS):
            if one is None:
                break
            for name, record in one.nodes.items():
                if name in finished or name in begun:
                    continue
                if record.status in ("done", "unchanged"):
                    finished[name] = record
                elif record.started:
                    begun[name] = record
            if not is_origin_known:
                is_origin_known = bool(one.options.get("changed") or one.options.get("force"))
                # What it knew may be forgotten, but not its name.
                origin = one.run_id if is_origin_known else one.resumes or one.run_id
            planned = frozenset(one.nodes) if one.options.get("only_missing") else None
            one = _continued_by(journal, one)
        return cls(run, finished, begun, planned, origin)


@contextmanager
def claimed(journal: Journal, run_id: str) -> Iterator[None]:
    """Hold a run while it is continued, so that nobody else continues it meanwhile.

    Args:
        journal: Has it.
        run_id: Its whole name.

    Raises:
        NotContinuableError: Somebody else continues it, or has done so.
    """
    with journal.claim(run_id) as is_free:
        if not is_free:
            raise NotContinuableError(
                f"The run {run_id} is being continued by another process", hint="Wait for its end."
            )
        last = _last_continuation(journal, journal.run(run_id))
        if last.run_id != run_id:
            raise NotContinuableError(
                f"The run {run_id} was continued by {last.run_id} meanwhile",
                hint="Continue that one, if anything is left of it.",
            )
        yield


def find_run_of_job(
    journal: Journal, job_run_id: str, pipeline: str, selection: Mapping[str, Any]
) -> str | None:
    """Return the last run that a scheduler called by a name of its own; None if there is none.

    Args:
        journal: Has the runs; only the last ones are looked at.
        job_run_id: The name, which tasks of one job share.
        pipeline: The name of the pipeline that it is to run.
        selection: The filters, as they are written down.
    """
    for record in journal.runs(job_run_id, _MOST_RUNS):
        if record.options.get("job_run_id") != job_run_id or record.pipeline != pipeline:
            continue
        if record.selection == selection:
            return record.run_id
    return None


def _last_continuation(journal: Journal, run: RunRecord) -> RunRecord:
    """Return the last of the runs that continue a run, or itself."""
    seen = {run.run_id}
    while True:
        # Not only among those of later names: a clock may have gone back.
        following = (
            record
            for record in journal.runs(run.run_id, _MOST_RUNS)
            if record.resumes == run.run_id and record.run_id not in seen
        )
        found = next(following, None)
        if found is None:
            return run
        seen.add(found.run_id)
        run = found


def _continued_by(journal: Journal, run: RunRecord) -> RunRecord | None:
    if not run.resumes:
        return None
    try:
        return journal.run(run.resumes)
    except RunNotFoundError:  # what it knew is forgotten, and so is done again
        return None


def find_anew(nodes: Iterable[Node], catalog: DataCatalog, continued: Continued) -> frozenset[str]:
    """Return the nodes whose saves must not count as those that the continued run has begun.

    Args:
        nodes: Those that are to run.
        catalog: Where their data is.
        continued: The run that is continued; of nodes that it has finished it is known that their
            inputs are what they were.

    Returns:
        The names of those that had begun, and of which an input is not known to be the same.
    """
    left = {
        name: saved.state
        for record in continued.finished.values()
        for name, saved in record.saved.items()
    }
    return frozenset(
        node.name
        for node in nodes
        if (record := continued.begun.get(node.name)) is not None
        and not all(_is_as_read(name, catalog, record, left) for name in node.input_names)
    )


def _is_as_read(
    name: str, catalog: DataCatalog, record: NodeRecord, left: Mapping[str, str | None]
) -> bool:
    """Whether an input is what a node has read, which one that was killed has not told.

    Args:
        name: The input.
        catalog: Where it is.
        record: What the node did.
        left: In which state nodes have left data that the run has made before.
    """
    if name not in catalog or is_memory_only(catalog[name]):
        return True  # made by nodes, or a parameter, which is part of the identity
    loaded = record.loaded.get(name)
    state = left.get(name) if loaded is None else loaded.state
    return state is not None and state == state_to_load(catalog[name])


def find_doubled(
    nodes: Iterable[Node],
    catalog: DataCatalog,
    continued: Continued,
    last_good: Mapping[str, NodeRecord],
    identities: Mapping[str, NodeIdentity],
    anew: frozenset[str] | None,
) -> list[str]:
    """Tell outputs to which a node may have added already what it would add again.

    Nothing was added if what is there is what the last good run has left, or if the node failed
    before it had saved anything there. A table that keeps which saves it has takes none twice, as
    long as the node is what it was.

    Args:
        nodes: Those that are to run.
        catalog: Where their data is.
        continued: The run that is continued.
        last_good: What nodes did when they last ran well.
        identities: What makes nodes what they are now.
        anew: As of :func:`find_anew`; None if no save counts as one of the continued run.
    """
    told = []
    for node in nodes:
        record = continued.finished.get(node.name) or continued.begun.get(node.name)
        if record is None:
            continue
        added = _added_to(node, catalog)
        counts_once = anew is not None and node.name not in anew
        if counts_once and _is_same(record, identities.get(node.name)):
            added = [name for name in added if not saves_once(catalog[name])]
        if node.name in continued.finished:  # needed for what it makes in memory
            how = "has finished, and what it adds is there"
            names = added
        else:
            how = "had begun, and what it adds may be there"
            names = [
                name
                for name in added
                if _may_have_added(name, catalog, record, last_good.get(node.name))
            ]
        told += [
            f"Node '{node.name}' adds to '{name}': it {how} already, and would be there twice."
            for name in names
        ]
    return told


def _added_to(node: Node, catalog: DataCatalog) -> list[str]:
    return [
        name
        for name in node.output_names
        if name in catalog and save_effect(catalog[name]) == "append"
    ]


def _is_same(record: NodeRecord, identity: NodeIdentity | None) -> bool:
    """Whether a node is still what it was."""
    if identity is None or not record.identity:
        return False
    return json.dumps(record.identity, sort_keys=True, default=str) == json.dumps(
        identity.as_dict(), sort_keys=True, default=str
    )


def _may_have_added(
    name: str, catalog: DataCatalog, record: NodeRecord, before: NodeRecord | None
) -> bool:
    if record.status in ("failed", "cancelled") and name not in record.saved:
        return False
    left = None if before is None or name not in before.saved else before.saved[name].state
    if left is None:
        return is_known_present(catalog[name]) is not False
    return state_of(catalog[name]) != left
