"""What is known of slices: by what the journal tells of their runs, and by what is there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from sparkpipe.errors import ConfigError, DataSetError, first_line
from sparkpipe.events import DataSetReport
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import state_of, state_to_load
from sparkpipe.io.presence import is_known_present
from sparkpipe.journal import Journal, NodeRecord, RunRecord
from sparkpipe.journal.changes import decide
from sparkpipe.journal.code import CodeReader
from sparkpipe.journal.identity import identify
from sparkpipe.journal.index import TRIED
from sparkpipe.journal.reading import last_good_of
from sparkpipe.pipeline import Pipeline
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan import make_plan
from sparkpipe.report.slices import SliceCell, SliceGrid, SliceRow, State
from sparkpipe.session.parts import read_journal_settings
from sparkpipe.session.slices.choosing import steps_of, with_choices
from sparkpipe.session.slices.depending import is_in_memory, slices_by_node, slices_of_place
from sparkpipe.slices.asking import Combination, texts_of

if TYPE_CHECKING:
    from sparkpipe.session.session import Session

_logger = logging.getLogger(__name__)


def find_states(
    session: Session, pipeline: Pipeline, catalog: DataCatalog, chosen: Sequence[Combination]
) -> SliceGrid:
    """Return what is known of each data set in each slice. Loads nothing and starts no Spark.

    Args:
        session: A session without slices.
        pipeline: What makes the data sets.
        catalog: Its catalog.
        chosen: The slices.

    Raises:
        ConfigError: Runs are not written down.
    """
    settings = read_journal_settings(session)
    if not settings.enabled:
        raise ConfigError(
            "What earlier runs of slices did is not known: their journal is off.",
            hint="Remove 'enabled: false' of journal.yml, or name the slices.",
        )
    view = _View(session, pipeline, catalog, Journal(settings.path))
    columns = view.columns()
    with session.scope():  # tables by name are asked of its Spark
        rows = tuple(view.row(one, columns) for one in chosen)
    return SliceGrid(tuple(chosen[0]) if chosen else (), tuple(label for label, _ in columns), rows)


class _View:
    """Looks at slices one by one; what they share is read once.

    Args:
        session: A session without slices.
        pipeline: What makes the data sets.
        catalog: Its catalog, in which marks stand for slices.
        journal: Has their runs.
    """

    def __init__(
        self, session: Session, pipeline: Pipeline, catalog: DataCatalog, journal: Journal
    ) -> None:
        self.session = session
        self.pipeline = pipeline
        self.by_node = slices_by_node(pipeline, catalog)
        self.makers = {
            strip_transcoding(name): node for node in pipeline.nodes for name in node.output_names
        }
        self.in_memory = {
            name
            for name in pipeline.data_sets()
            if not is_parameter(name) and is_in_memory(name, catalog)
        }
        self._catalog = catalog
        self._plan = make_plan(pipeline)
        self._steps = steps_of(session)
        self._now = datetime.now(timezone.utc)
        package = session.project.package_name
        self._packages = [package] if package else []
        self._reader = CodeReader(self._packages)
        self._tries = journal.tries(session.config_loader.env or session.env)

    def columns(self) -> list[tuple[str, Node]]:
        """Return what is shown: data sets that depend on a slice, and who makes them."""
        read = {strip_transcoding(name) for name in self.pipeline.all_inputs()}
        columns = []
        for node in self.pipeline.nodes:
            if not self.by_node[node]:
                continue
            kept = [
                name
                for name in node.output_names
                if name not in self.in_memory or strip_transcoding(name) not in read
            ]
            columns += [(name, node) for name in kept]
            if not node.output_names:
                columns.append((node.name, node))
        return columns

    def row(self, chosen: Combination, columns: Sequence[tuple[str, Node]]) -> SliceRow:
        """Return what is known of one slice."""
        one = _OneSlice(self, chosen)
        cells = tuple(one.cell(label, node) for label, node in columns)
        return SliceRow(texts_of(chosen), cells)

    def has_own_place(self, name: str, node: Node) -> bool:
        """Whether a data set lies apart from that of other slices of its node."""
        return set(self.by_node[node]) <= set(slices_of_place(name, self._catalog))

    def records(self, node: Node, chosen: Combination) -> Sequence[RunRecord]:
        """Return the runs that tell of the last tries at a node, the last one first."""
        of = {name: chosen[name].text for name in self.by_node[node] if name in chosen}
        return self._tries.of(node.name, of)

    def is_late(self, chosen: Combination) -> bool:
        """Whether inputs that have changed make a slice stale."""
        for name, choice in chosen.items():
            late = self._steps[name].late(self._now)
            if late is not None and choice.text not in late:
                return False
        return True

    def differences(
        self, catalog: DataCatalog, last_good: Mapping[str, NodeRecord]
    ) -> dict[str, tuple[str, ...]]:
        """Return for names of nodes what is no longer as it was when they ran well, in words."""
        path = self.session.project.path
        try:
            nodes = self.pipeline.nodes
            identities = identify(nodes, catalog, path, self._packages, self._reader)
            decisions = decide(self._plan, catalog, identities, last_good)
        except Exception as exc:  # objects of users may raise anything
            _logger.warning(
                "Whether a slice is stale cannot be told: %s: %s", type(exc).__name__, exc
            )
            return {}
        return {name: one.differences for name, one in decisions.items() if name in last_good}


class _OneSlice:
    """A slice, looked at node by node."""

    def __init__(self, view: _View, chosen: Combination) -> None:
        self._view = view
        self._chosen = chosen
        self._catalog = with_choices(view.session, chosen).create_catalog()
        self._good: dict[str, NodeRecord] = {}
        for node in view.pipeline.nodes:
            self._good |= last_good_of([node.name], view.records(node, chosen))
        is_late = view.is_late(chosen)
        as_now = {
            node.name: self._as_now(node, self._good[node.name], with_inputs=not is_late)
            for node in view.pipeline.nodes
            if node.name in self._good
        }
        self._differences = view.differences(self._catalog, as_now) if as_now else {}
        self._told: dict[Node, SliceCell] = {}

    def cell(self, label: str, node: Node) -> SliceCell:
        """Return what is known of an output of a node."""
        cell = self._of_node(node)
        if label in node.output_names and label not in self._view.in_memory:
            has_own_place = self._view.has_own_place(label, node)
            if cell.state in ("done", "stale") and has_own_place and self._is_there(label) is False:
                cell = replace(cell, state="missing", why="it is gone")
            elif cell.why == _NEVER and has_own_place and self._is_there(label):
                cell = replace(cell, state="done", why="")
        return replace(cell, data_set=label)

    def _of_node(self, node: Node) -> SliceCell:
        if node not in self._told:
            state, why, run_id = self._last_try(node)
            failed = self._failed_before(node)
            if failed is not None:
                state, why, run_id = failed.state, failed.why, failed.run_id
            if state == "done":
                reasons = [*self._differences.get(node.name, ()), *self._from_above(node)]
                if reasons:
                    state, why = "stale", "; ".join(dict.fromkeys(reasons))
            self._told[node] = SliceCell(node.name, state, why, run_id)
        return self._told[node]

    def _failed_before(self, node: Node) -> SliceCell | None:
        """Return what has failed of the same run that only hands data on to a node, in memory."""
        for name in node.input_names:
            maker = self._view.makers.get(strip_transcoding(name))
            if maker is None or name not in self._view.in_memory:
                continue
            if self._view.by_node[maker] == self._view.by_node[node]:
                cell = self._of_node(maker)
                if cell.state == "failed":
                    return cell
        return None

    def _last_try(self, node: Node) -> tuple[State, str, str]:
        skipped = ""
        for run in self._view.records(node, self._chosen):
            record = run.nodes.get(node.name)
            if record is None:
                continue
            if record.status not in TRIED:
                skipped = skipped or f"it did not run in {run.run_id}, which {_ended(run)}"
                continue
            if record.status in ("done", "unchanged"):
                return "done", "", run.run_id
            if record.status == "running" and run.outcome == "running":
                return "missing", f"run {run.run_id} is making it", run.run_id
            return "failed", _why_failed(record, run), run.run_id
        return "missing", skipped or _NEVER, ""

    def _from_above(self, node: Node) -> list[str]:
        """Tell what it would read now that is not what it has read."""
        own = self._good[node.name]
        reasons = []
        for name in node.input_names:
            maker = self._view.makers.get(strip_transcoding(name))
            if maker is None:
                continue
            if not self._view.by_node[maker]:
                told = self._differences.get(maker.name, ())
                reasons += [f"{name} would come out otherwise ({one})" for one in told]
                continue
            above = self.cell(name, maker)
            made = self._good.get(maker.name)
            if above.state != "done":
                reasons.append(f"{name} is {above.state}")
            elif made is not None and made.run_id > own.run_id and self._is_shared(name, maker):
                reasons.append(f"{name} was made anew in run {made.run_id}")
        return reasons

    def _is_shared(self, name: str, maker: Node) -> bool:
        in_memory = name in self._view.in_memory
        return not in_memory and not self._view.has_own_place(name, maker)

    def _as_now(self, node: Node, record: NodeRecord, *, with_inputs: bool) -> NodeRecord:
        """Return a record with the present state of what other slices may have changed since."""
        view = self._view
        reports: dict[tuple[str, str], DataSetReport] = {
            (report.direction, report.name): report for report in record.data_sets
        }
        for name in node.output_names:
            if ("save", name) in reports and self._is_shared(name, node):
                reports["save", name] = self._with_state(reports["save", name])
        for name in node.input_names:
            maker = view.makers.get(strip_transcoding(name))
            report = reports.get(("load", name))
            if name in view.in_memory and maker is not None:
                # What another run of the same slices hands on, each of them makes again.
                made = self._good.get(maker.name)
                if made is not None and view.by_node[maker] != view.by_node[node]:
                    known = report or DataSetReport(name, "MemoryDataSet", "", "load", 0.0)
                    reports["load", name] = replace(known, version=made.run_id)
            elif report is not None and (
                with_inputs if maker is None else self._is_shared(name, maker)
            ):
                reports["load", name] = self._with_state(report)
        return replace(record, data_sets=tuple(reports.values()))

    def _with_state(self, report: DataSetReport) -> DataSetReport:
        try:
            of = state_to_load if report.direction == "load" else state_of
            return replace(report, state=of(self._catalog[report.name]))
        except DataSetError:  # of an entry that is not possible, which a run tells
            return report

    def _is_there(self, name: str) -> bool | None:
        try:
            return is_known_present(self._catalog[name])
        except DataSetError:  # of an entry that is not possible, which a run tells
            return None


_NEVER = "it never ran"


def _ended(run: RunRecord) -> str:
    return {"running": "goes on", "died": "died"}.get(run.outcome, f"has {run.outcome}")


def _why_failed(record: NodeRecord, run: RunRecord) -> str:
    if record.error is not None:
        return first_line(record.error.message)
    if record.status == "cancelled":
        return f"it was cancelled in {run.run_id}"
    return f"run {run.run_id} ended while it ran"
