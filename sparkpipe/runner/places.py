"""Where each node of a run goes: to a thread or to a process."""

from __future__ import annotations

import logging
from functools import cached_property

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.messages import as_shown
from sparkpipe.pipeline.node import Node
from sparkpipe.runner.crossing import why_data_set_stays, why_node_stays
from sparkpipe.runner.exchange import SharedMemoryDataSet
from sparkpipe.spark.traces import find_spark, shows_spark

# The console shows what it tells only with --verbose.
_logger = logging.getLogger(__name__)

#: The two lanes.
THREADS, PROCESSES = 0, 1


class Places:
    """Decides for each node where it runs.

    Args:
        catalog: The catalog of the run.
        hooks_stay: Why a hook cannot go to another process; empty if all can.
    """

    def __init__(self, catalog: DataCatalog, hooks_stay: str) -> None:
        self.catalog = catalog
        self._hooks_stay = hooks_stay
        self._lanes: dict[str, int] = {}

    @cached_property
    def _staying(self) -> dict[str, str]:
        """Why data sets of the run cannot go to another process."""
        return {
            name: reason
            for name in self.catalog
            # What is in memory changes while the run goes on: it is asked for each node.
            if not isinstance(data_set := as_shown(self.catalog[name]), SharedMemoryDataSet)
            and (reason := why_data_set_stays(data_set))
        }

    @property
    def crossing(self) -> DataCatalog:
        """The data sets that can go to another process."""
        names = (name for name in self.catalog if name not in self._staying)
        return self.catalog.with_data_sets({name: self.catalog[name] for name in names})

    def lane_of(self, node: Node) -> int:
        """Return where a node runs; decided when its inputs are there."""
        if node.name not in self._lanes:
            reason = self._why_on_threads(node)
            self._lanes[node.name] = THREADS if reason else PROCESSES
            self.tell(node, reason)
        return self._lanes[node.name]

    def tell(self, node: Node, reason: str) -> None:
        """Log where a node runs; ``reason`` is why on a thread, if so."""
        where = f"on a thread: {reason.rstrip('.')}" if reason else "in a process"
        _logger.info("Node '%s' runs %s.", node.name, where)

    def _why_on_threads(self, node: Node) -> str:
        if "processes" in node.tags:
            return ""
        if "threads" in node.tags:
            return "it is tagged 'threads'"
        for name in (*node.input_names, *node.output_names, *node.confirms):
            if name in self._staying:
                return f"'{name}' stays: {self._staying[name]}"
        for name in node.input_names:
            data_set = as_shown(self.catalog[name])
            memory = data_set.memory if isinstance(data_set, SharedMemoryDataSet) else None
            if memory is not None and (found := find_spark(memory._data)):
                return f"'{name}' stays: {found}"
        shown = shows_spark(node.func)
        if shown:
            return f"its function uses {shown}"
        return why_node_stays(node) or self._hooks_stay


def why_data_stays(node: Node, catalog: DataCatalog) -> str:
    """Say which data set of a node cannot go to another process, and why."""
    for name in (*node.input_names, *node.output_names, *node.confirms):
        try:
            reason = why_data_set_stays(catalog[name]) if name in catalog else ""
        except DataSetError:
            continue  # told already
        if reason:
            return f"'{name}' stays: {reason}"
    return ""
