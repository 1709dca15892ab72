"""What runs over slices come to, all together."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.report.summary import RunSummary
from sparkpipe.slices.asking import name_of

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded, RunEnded, RunStarted

_Slices = Mapping[str, str]

# Some 20 MB: there may be thousands of slices. What comes later has no say in advice.
_MOST_STAGES = 20_000


class SlicesSummary(RunSummary):
    """Collects how the nodes of runs over slices ended, as those of one graph.

    A node and what it makes have the slice in their names, ``clean (day=2024-01-31)``, so that a
    path leads from the nodes of a slice to those that read it, or that read it with others.

    Attributes:
        reports: In the order in which the nodes ended.
        seconds: From the start of the first run to the end of the last one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()  # slices may run side by side
        self._began = 0.0
        self._slices: dict[str, _Slices] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._made: dict[str, dict[str, _Slices]] = defaultdict(dict)
        self._stages = 0

    def on_run_started(self, event: RunStarted) -> None:
        """Keep what its nodes read and write, of which slices."""
        plan, slices = event.plan, event.slices
        with self._lock:
            self._began = self._began or event.time
            self._slices[event.run_id] = slices
            made = {strip_transcoding(name) for one in plan.nodes for name in one.output_names}
            names = self._names[event.run_id] = {name: _named(name, slices) for name in made}
            for name in made:
                self._made[name][names[name]] = slices
            for node in plan.nodes:
                read: list[str] = []
                for name in map(strip_transcoding, node.input_names):
                    read += [names[name]] if name in names else self._of_earlier(name, slices)
                makes = [names[strip_transcoding(name)] for name in node.output_names]
                self._flow[_named(node.name, slices)] = (read, makes)

    def on_node_ended(self, event: NodeEnded) -> None:
        """Keep it, by the names that it has here."""
        with self._lock:
            self._stages += sum(len(job.stages) for job in event.jobs)
            ours = replace(
                event,
                node=_named(event.node, self._slices.get(event.run_id, {})),
                jobs=event.jobs if self._stages <= _MOST_STAGES else (),
                data_sets=tuple(
                    replace(
                        one,
                        name=self._name_here(one.name, event.run_id),
                        columns=(),
                        preview=(),
                        origins=(),
                    )
                    for one in event.data_sets
                ),
                checks=tuple(
                    replace(one, data_set=self._name_here(one.data_set, event.run_id))
                    for one in event.checks
                ),
            )
            self.reports.append(ours)

    def on_run_ended(self, event: RunEnded) -> None:
        """Keep how long it all took."""
        self.seconds = event.time - self._began

    def _name_here(self, name: str, run_id: str) -> str:
        base = strip_transcoding(name)
        made = self._names.get(run_id, {})
        if base in made:
            return made[base]
        found = self._of_earlier(base, self._slices.get(run_id, {}))
        return found[0] if len(found) == 1 else base

    def _of_earlier(self, name: str, slices: _Slices) -> list[str]:
        """Return a data set by the names of all slices that an earlier run has made of it."""
        made = self._made.get(name, {})
        dimensions = next(iter(made.values()), {}).keys()  # those of all of them
        if dimensions <= slices.keys():
            one = _named(name, {dimension: slices[dimension] for dimension in dimensions})
            return [one] if one in made else []
        return [
            one
            for one, other in made.items()
            if all(other[shared] == slices[shared] for shared in other.keys() & slices.keys())
        ]


def _named(name: str, slices: _Slices) -> str:
    return f"{name} ({name_of(slices)})" if slices else name
