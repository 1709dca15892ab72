"""What attempts at a node tell of what they load and save, where somebody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparkpipe.events import CheckReport, DataSetReport, Direction
from sparkpipe.io.columns import columns_of, columns_of_lazy
from sparkpipe.io.core import is_spark_frame
from sparkpipe.io.declared import is_memory_only, location_of, state_of, state_to_load
from sparkpipe.io.facts import Facts, gathering
from sparkpipe.io.memory import MemoryDataSet
from sparkpipe.io.messages import kind_of
from sparkpipe.runner.checks import with_checks_of
from sparkpipe.spark.jobs.values import may_there_be_frames

if TYPE_CHECKING:
    from sparkpipe.io import DataCatalog
    from sparkpipe.io.excerpt import Excerpt
    from sparkpipe.io.origins import Origins
    from sparkpipe.pipeline.node import Node
    from sparkpipe.spark.jobs.run import SparkRun

# Of data in memory nothing is to be found out.
_NO_FACTS = Facts()


class Account:
    """The account of one attempt, and of those that go on with what it has not saved.

    Args:
        node: The node.
        catalog: Has its data sets.
        run: Knows which frames are computed; None where there is no Spark.
        is_traced: Whether it is to be told what columns are made of.
    """

    def __init__(
        self, node: Node, catalog: DataCatalog, run: SparkRun | None, *, is_traced: bool
    ) -> None:
        self._node = node
        self._catalog = catalog
        self._run = run
        self._is_traced = is_traced
        self._reports: dict[tuple[Direction, str], DataSetReport] = {}
        # Frames as the function was given them, and what its outputs are made of.
        self._given: dict[str, Any] = {}
        self._origins: dict[str, Origins] = {}
        self._checks: tuple[CheckReport, ...] = ()
        self._checks_of_failed: tuple[CheckReport, ...] = ()

    @property
    def checks(self) -> tuple[CheckReport, ...]:
        """What checks have found, for what was loaded or saved in chunks of all of it."""
        if not self._checks_of_failed:
            return self._checks
        return with_checks_of(self._checks, self._checks_of_failed)

    def go_on(self) -> None:
        """Forget what was found in what could not be saved: it is judged once more."""
        self._checks_of_failed = ()

    def reports(self) -> tuple[DataSetReport, ...]:
        """Return what was loaded and saved, in the order of the node's names."""
        reports = self._reports
        loads = [reports.get(("load", name)) for name in self._node.input_names]
        saves = [reports.get(("save", name)) for name in self._node.output_names]
        return tuple(report for report in (*loads, *saves) if report is not None)

    def note_inputs(self, inputs: Mapping[str, Any]) -> None:
        """Keep the frames that the function is given, if outputs are to be traced to them."""
        if self._is_traced and may_there_be_frames():
            self._given = {name: data for name, data in inputs.items() if is_spark_frame(data)}

    def trace_origins(self, outputs: Mapping[str, Any]) -> None:
        """Find out what the columns of outputs are made of, if that is asked."""
        if not self._given:
            return
        from sparkpipe.io.origins import trace_origins

        # Of several chunks, the first one.
        new = {name: data for name, data in outputs.items() if name not in self._origins}
        self._origins |= trace_origins(new, self._given)

    def take(
        self, direction: Direction, name: str, call: Callable[[], Any], saved: Any = None
    ) -> Any:
        """Load or save, and keep what is to be told of it.

        Args:
            direction: ``load`` or ``save``.
            name: The name of the data set.
            call: Loads or saves it.
            saved: What is saved.

        Returns:
            What the call gives.
        """
        data_set = self._catalog[name]
        is_memory = type(data_set) is MemoryDataSet  # most are, and asking takes as long as a load
        in_memory = is_memory or is_memory_only(data_set)
        # Before a load: what others write meanwhile must not pass for what was read.
        state = state_to_load(data_set) if direction == "load" and not in_memory else None
        started = time.perf_counter()
        earlier = self._reports.get((direction, name))
        if is_memory:
            result, facts = call(), _NO_FACTS
        else:
            result, facts = self._gather(call, () if earlier is None else earlier.preview)
        seconds = time.perf_counter() - started
        if direction == "save" and not in_memory:
            state = state_of(data_set)
        self._reports[direction, name] = DataSetReport(
            name,
            "MemoryDataSet" if is_memory else kind_of(data_set),
            "" if in_memory else location_of(data_set),
            direction,
            # A generator's node saves chunk by chunk.
            seconds if earlier is None else seconds + earlier.seconds,
            facts.rows if earlier is None else _sum(earlier.rows, facts.rows),
            facts.bytes if earlier is None else _sum(earlier.bytes, facts.bytes),
            facts.version,
            state=state,
            lag=facts.lag,
            table_id=facts.table_id,
            columns=() if in_memory else columns_of(saved),
            preview=facts.preview,
            origins=self._origins.get(name, ()) if direction == "save" else (),
        )
        return result

    def gather_checks(self, judge: Callable[[], None]) -> None:
        """Keep what is found where all that was saved is judged once more."""
        self._gather(judge)

    def _gather(self, call: Callable[[], Any], preview: Excerpt = ()) -> tuple[Any, Facts]:
        """Call, and return what it gives and what was noted; checks are kept, also of a failure."""
        with gathering(preview) as facts:
            try:
                result = call()
            except BaseException:
                self._checks_of_failed += facts.checks
                raise
        if facts.checks:
            self._checks = with_checks_of(self._checks, facts.checks)
        return result, facts

    def tell_lazy(self, direction: Direction, name: str, data: Any) -> None:
        """Tell of a frame that stays in memory uncomputed."""
        if not is_spark_frame(data):
            return
        if self._run is not None and self._run.frames.is_computed(name):
            return
        report = self._reports[direction, name]
        columns = columns_of_lazy(data) if direction == "save" else ()
        self._reports[direction, name] = replace(report, is_lazy=True, columns=columns)


def _sum(earlier: int | None, later: int | None) -> int | None:
    return None if earlier is None or later is None else earlier + later
