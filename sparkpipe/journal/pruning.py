"""What a run leaves out while it runs: nodes whose inputs were made anew, and are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparkpipe.events import DataSetReport, NodeEnded
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import content_of, state_to_load, unwrapped
from sparkpipe.journal.changes import MAYBE, SKIPPED, SURE, DataFlow, Decision
from sparkpipe.journal.records import NodeRecord
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.plan import Plan

#: Why a node is left out while its run goes on.
CAME_TO_THE_SAME = "its inputs were made anew and are the same"


class Pruning:
    """Tells the loop of one run which nodes need not start, by what the others have made.

    Args:
        plan: The plan.
        catalog: Where its data is.
        decisions: What is known of its nodes before it starts.
        last_good: What each of them did when it last ran well.
    """

    def __init__(
        self,
        plan: Plan,
        catalog: DataCatalog,
        decisions: Mapping[str, Decision],
        last_good: Mapping[str, NodeRecord],
    ) -> None:
        self._nodes = plan.nodes
        self._catalog = catalog
        self._decisions = [decisions[node.name] for node in plan.nodes]
        self._last_good = last_good
        self._flow = DataFlow(plan, catalog)
        self._is_over = [False] * len(plan.nodes)
        self._has_run = [False] * len(plan.nodes)
        # Made again of what it was made of: the same, as far as it is in memory.
        self._is_remade = [False] * len(plan.nodes)
        self._is_spared = [False] * len(plan.nodes)
        # By the names of data sets without their forms: what was there, and whether it still is.
        self._before: dict[str, str | None] = {}
        self._is_equal: dict[str, bool] = {}

    def unchanged(self, position: int, run_id: str) -> NodeEnded | None:
        """Return how a node that need not run ends; None if it is to run now.

        Args:
            position: Its position in the plan; all that it waits for has ended.
            run_id: The run.
        """
        decision = self._decisions[position]
        if decision.level == SKIPPED:
            return self._ended(position, run_id, "; ".join(decision.reasons))
        is_same = not decision.is_changed and self._are_inputs_equal(position)
        if decision.level == MAYBE and is_same and self._can_be_spared(position):
            return self._ended(position, run_id, CAME_TO_THE_SAME)
        self._is_remade[position] = is_same
        for name, data_set in self._compared(position):
            self._before[name] = content_of(data_set)
        return None

    def ended(self, position: int) -> None:
        """Take note that a node has run and saved.

        Args:
            position: Its position in the plan.
        """
        self._is_over[position] = self._has_run[position] = True
        for name, data_set in self._compared(position):
            before = self._before.pop(name, None)
            self._is_equal[name] = before is not None and content_of(data_set) == before

    def _compared(self, position: int) -> list[tuple[str, Any]]:
        """Return the stored outputs of a node that somebody reads who may be spared."""
        return [
            (strip_transcoding(name), self._catalog[name])
            for name in self._nodes[position].output_names
            if not self._flow.is_in_memory(name)
            and not _holds_code(self._catalog[name])
            and any(
                self._decisions[reader].level == MAYBE
                for reader in self._flow.readers[strip_transcoding(name)]
            )
        ]

    def _are_inputs_equal(self, position: int) -> bool:
        return all(
            not self._has_run[maker] or self._is_input_equal(name, maker)
            for name, maker in self._flow.made_inputs(self._nodes[position])
        )

    def _is_input_equal(self, name: str, maker: int) -> bool:
        if self._flow.is_in_memory(name):
            return self._is_remade[maker]
        return self._is_equal.get(strip_transcoding(name), False)

    def _can_be_spared(self, position: int) -> bool:
        """Whether nobody will need what a node makes in memory, as far as is known now."""
        if self._is_spared[position]:
            return True
        group, to_visit = {position}, [position]
        while to_visit:
            for reader in self._readers_in_memory(to_visit.pop()):
                if reader in group:
                    continue
                if self._decisions[reader].level == SURE:
                    return False
                if self._decisions[reader].level == MAYBE:
                    group.add(reader)
                    to_visit.append(reader)
        for one in group:
            for name, maker in self._flow.made_inputs(self._nodes[one]):
                is_known = maker in group or self._is_over[maker] or not self._decisions[maker].runs
                is_other = self._has_run[maker] and not self._is_input_equal(name, maker)
                if not is_known or is_other:
                    return False
        for one in group:
            self._is_spared[one] = True
        return True

    def _readers_in_memory(self, position: int) -> list[int]:
        return [
            reader
            for name in self._nodes[position].output_names
            if self._flow.is_in_memory(name)
            for reader in self._flow.readers[strip_transcoding(name)]
        ]

    def _ended(self, position: int, run_id: str, reason: str) -> NodeEnded:
        self._is_over[position] = True
        node = self._nodes[position]
        record = self._last_good[node.name]
        return NodeEnded(
            run_id,
            node.name,
            "unchanged",
            attempts=0,
            data_sets=tuple(self._reports(node, record, run_id)),
            reason=reason,
            since=record.run_id,
        )

    def _reports(self, node: Node, record: NodeRecord, run_id: str) -> list[DataSetReport]:
        """Return what a node would have read and saved, as it is now."""
        stored, in_memory = {}, []
        for name, maker in self._flow.made_inputs(node):
            if not self._flow.is_in_memory(name):
                stored[name] = maker
                continue
            # What is in memory is known by the run that made it.
            made_in = run_id if self._has_run[maker] else self._decisions[maker].since
            if made_in != record.run_id:
                told = DataSetReport(name, "MemoryDataSet", "", "load", 0.0, version=made_in)
                in_memory.append(told)
        kept = [
            replace(report, state=state_to_load(self._catalog[report.name]))
            if report.direction == "load"
            and report.name in stored
            and self._has_run[stored[report.name]]
            else report
            for report in record.data_sets
            if report.direction == "save" or not self._flow.is_in_memory(report.name)
        ]
        return [*kept, *in_memory]


def _holds_code(data_set: Any) -> bool:
    """Whether what it stores refers to code, so that the same bytes may behave otherwise."""
    return "pickle" in type(unwrapped(data_set)).__name__.lower()
