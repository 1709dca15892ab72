"""Which of the selected nodes have to run, by what earlier runs have done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparkpipe.errors import PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan import make_plan
from sparkpipe.plan.missing import Decisions, find_missing
from sparkpipe.runner import AbstractRunner
from sparkpipe.session.remembering import Memory
from sparkpipe.session.selection import Relation
from sparkpipe.words import listed

if TYPE_CHECKING:
    from sparkpipe.journal.changes import Decision
    from sparkpipe.journal.resuming import Continued

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Narrowed:
    """The nodes that are to run.

    Attributes:
        pipeline: What is run. Nodes whose need is known only while it runs are in it.
        decisions: For each selected node, whether it runs, and why, in words.
        changes: The same for a run that leaves out what is unchanged; empty for others.
    """

    pipeline: Pipeline
    decisions: Decisions = field(default_factory=dict)
    changes: Mapping[str, Decision] = field(default_factory=dict)


def narrow(
    selected: Pipeline,
    catalog: DataCatalog,
    relation: Relation,
    memory: Memory,
    continued: Continued | None,
    exists: Callable[[str], bool | None],
) -> Narrowed:
    """Return which of the selected nodes are to run.

    Args:
        selected: The nodes that the filters keep.
        catalog: Where their data is.
        relation: How the run stands to earlier ones.
        memory: What is known of them.
        continued: The run that is continued.
        exists: Whether a data set has data; None where that is not known.

    Raises:
        PreflightError: A run that is to be continued cannot be.
    """
    if relation.only_missing:
        part = find_missing(selected, catalog, exists)
        return Narrowed(part.pipeline, part.decisions)
    if continued is None and not relation.changed:
        return Narrowed(selected)
    from sparkpipe.journal.changes import decide
    from sparkpipe.journal.resuming import find_anew, find_doubled

    plan = make_plan(selected)
    finished = memory.last_good if continued is None else continued.finished
    changes = decide(plan, catalog, memory.identities, finished)
    if continued is None:
        return Narrowed(selected, _as_decisions(changes), changes)
    narrowed = _left_of(continued, selected, catalog, changes, with_changed=relation.changed)
    if not relation.force:
        problems = [] if relation.changed else _differences(continued, changes)
        nodes = narrowed.pipeline.nodes
        anew = None if relation.changed else find_anew(nodes, catalog, continued)
        problems += find_doubled(
            nodes, catalog, continued, memory.last_good, memory.identities, anew
        )
        if problems:
            raise PreflightError(
                [f"{one} {_WAY_OUT if relation.changed else _WAYS_OUT}" for one in problems]
            )
        if not relation.changed:
            _tell_unknown(continued, changes)
    return narrowed


_WAY_OUT = "Add --force to go on all the same."
_WAYS_OUT = "Add --changed to run what has changed, too, or --force to go on all the same."


def find_narrowing_problems(
    relation: Relation, memory: Memory, runner: AbstractRunner | None
) -> list[str]:
    """Tell why a run cannot go by what earlier ones did.

    Args:
        relation: How it stands to them.
        memory: What is known of them.
        runner: What would run it.
    """
    if relation.force and relation.resume is None and relation.job_run_id is None:
        return [
            "--force goes on with a run that is continued, and none is. Add --resume, or leave it "
            "out."
        ]
    if not relation.needs_journal:
        return []
    problems = []
    if relation.only_missing:
        problems.append(
            "What is left of a run, or has changed, and what is missing are two choices of nodes. "
            "Take --only-missing, or the others."
        )
    if not memory.is_kept:
        problems.append(
            "What earlier runs did is known from the journal, which is switched off. Run without "
            "--no-journal, and with 'enabled: true' in journal.yml."
        )
    kind = AbstractRunner if runner is None else type(runner)
    if kind.run is not AbstractRunner.run or kind._run is not AbstractRunner._run:
        problems.append(
            f"{kind.__name__} schedules its nodes itself, so none can be left out because nothing "
            "has changed. Use another runner, or run all."
        )
    return problems


def _as_decisions(changes: Mapping[str, Decision]) -> Decisions:
    return {name: (one.runs, one.reasons) for name, one in changes.items()}


def _differences(continued: Continued, changes: Mapping[str, Decision]) -> list[str]:
    """Tell what is no longer as it was when a node has finished."""
    return [
        f"Node '{name}' has finished in run {continued.finished[name].run_id}, but {told}."
        for name, one in changes.items()
        if name in continued.finished
        for told in one.differences
    ]


def _tell_unknown(continued: Continued, changes: Mapping[str, Decision]) -> None:
    """Warn of data of nodes that have finished of which nobody tells whether it is as it was."""
    done = [one for node, one in changes.items() if node in continued.finished]
    names = dict.fromkeys(name for one in done for name in one.unknown)
    if names:
        _logger.warning(
            "It is not known whether this is as it was in run %s: %s. Add --changed to run what "
            "reads or makes it once more.",
            continued.run.run_id,
            listed(map(repr, names), 5),
        )


def _left_of(
    continued: Continued,
    selected: Pipeline,
    catalog: DataCatalog,
    changes: Mapping[str, Decision],
    *,
    with_changed: bool,
) -> Narrowed:
    """Return what a run has not finished, and who makes again what it needs of memory."""
    plan = make_plan(selected)
    from sparkpipe.journal.changes import DataFlow

    flow = DataFlow(plan, catalog)
    reasons: dict[int, list[str]] = {}
    to_visit = []
    for position, node in enumerate(plan.nodes):
        record = continued.finished.get(node.name)
        decision = changes[node.name]
        if continued.planned is not None and node.name not in continued.planned:
            continue
        if record is None:
            reasons[position] = [_why_unfinished(continued, node.name)]
        elif with_changed and decision.runs:
            reasons[position] = [*decision.reasons]
        if position in reasons:
            to_visit.append(position)
    while to_visit:
        node = plan.nodes[to_visit.pop()]
        for name, maker in flow.made_inputs(node):
            if flow.is_in_memory(name) and maker not in reasons:
                reasons[maker] = [f"its output {name} is only in memory and {node.name} needs it"]
                to_visit.append(maker)
    decisions: dict[str, tuple[bool, tuple[str, ...]]] = {}
    for position, node in enumerate(plan.nodes):
        if position in reasons:
            decisions[node.name] = (True, tuple(reasons[position]))
        elif node.name in continued.finished:
            run_id = continued.finished[node.name].run_id
            decisions[node.name] = (False, (f"finished in run {run_id}",))
        else:
            decisions[node.name] = (False, ("what it makes was there, and was not missing",))
    names = [node.name for position, node in enumerate(plan.nodes) if position in reasons]
    # Without names all nodes would be kept.
    return Narrowed(selected.only_nodes(*names) if names else Pipeline([]), decisions)


def _why_unfinished(continued: Continued, name: str) -> str:
    begun = continued.begun.get(name)
    if begun is None:
        return f"not started in run {continued.run.run_id}"
    word = "not finished" if begun.status == "running" else begun.status
    return f"{word} in run {begun.run_id}"
