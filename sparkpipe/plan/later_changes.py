"""Which tables a frame reads that a later node changes, where only the frame itself tells.

A frame may read a table that no entry of the catalog names: through a view, or as a node has made
it by itself. That is seen when the frame is there, not before the run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import is_memory_only
from sparkpipe.io.target import is_table, spark_table
from sparkpipe.pipeline import Pipeline
from sparkpipe.plan.conflicts import places_of
from sparkpipe.plan.dag import Order, children_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class LaterChanges:
    """The tables that nodes of a run change, by their order. Safe to use from many threads.

    Args:
        pipeline: What runs.
        catalog: Where its data is; nothing is loaded.
    """

    def __init__(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        self._pipeline = pipeline
        self._catalog = catalog

    def finder(self, name: str) -> Callable[[DataFrame], frozenset[str]] | None:
        """Return what finds the tables that a frame reads, and a node may change afterwards.

        It gives their targets, and raises what Spark does where it does not tell a plan.

        Args:
            name: The data set that is to have the frame.

        Returns:
            None where nothing is changed afterwards, or the data set is not in memory.
        """
        changed = self._changed_after(name)
        if not changed or not is_memory_only(self._catalog[name]):
            return None
        loaded = self._loaded_before(name)

        def tables_of(frame: DataFrame) -> frozenset[str]:
            from sparkpipe.spark.jobs.plans import tables_in

            tables, has_views = tables_in(frame)
            read = changed & {spark_table(table) for table in tables}
            # What entries name is judged before the run, and pinned where that is possible.
            return read if has_views else read - loaded

        return tables_of

    def _changed_after(self, name: str) -> frozenset[str]:
        writers = self._writers
        if not writers:
            return frozenset()
        made = self._positions[name]
        return frozenset(
            target
            for writer, targets in writers.items()
            if not self._order.is_before(writer, made)
            for target in targets
        )

    @cached_property
    def _positions(self) -> dict[str, int]:
        nodes = enumerate(self._pipeline.nodes)
        return {name: position for position, node in nodes for name in node.output_names}

    @cached_property
    def _writers(self) -> dict[int, set[str]]:
        """What nodes change, by their positions."""
        found: dict[int, set[str]] = {}
        for place in places_of(self._pipeline.all_outputs(), self._catalog):
            if is_table(place.target) and place.is_spark and place.changes:
                found.setdefault(self._positions[place.name], set()).add(place.target)
        return found

    def _loaded_before(self, name: str) -> set[str]:
        """Return the tables that the maker of a data set, or a node before it, loads by entries."""
        made = self._positions[name]
        return {
            target
            for loader, targets in self._loaders.items()
            if loader == made or self._order.is_before(loader, made)
            for target in targets
        }

    @cached_property
    def _loaders(self) -> dict[int, set[str]]:
        """What nodes load by entries, by their positions, of what others change."""
        changed = set().union(*self._writers.values())
        places = places_of(self._pipeline.all_inputs(), self._catalog)
        by_name = {place.name: place.target for place in places if place.target in changed}
        loaded = {
            position: {by_name[name] for name in node.input_names if name in by_name}
            for position, node in enumerate(self._pipeline.nodes)
        }
        return {position: targets for position, targets in loaded.items() if targets}

    @cached_property
    def _order(self) -> Order:
        return Order(children_of(self._pipeline), {*self._writers, *self._loaders})
