"""What ``%run_pipeline`` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.redaction import redacted
from sparkpipe.report.advice import told_advice
from sparkpipe.report.page.notebook import timeline_of
from sparkpipe.report.summary import most_telling_first
from sparkpipe.report.text import duration
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.events import NodeEnded
    from sparkpipe.journal import RunRecord
    from sparkpipe.report.advice import Advice

_TITLES = ("Node", "Status", "Total", "Load", "Function", "Save", "Spark")


class RunResult(dict[str, Any]):
    """The outputs that the catalog does not hold, by name; a notebook shows the whole run.

    Args:
        outputs: The outputs.
        pipeline_name: The pipeline that has run.
        seconds: How long it took.
        reports: How each node ended.
        made: Name, type and place of what the run has made.
        advice: What to do about what it has lost in Spark.
        record: The run, for its timeline and graph; without it neither is shown.

    Attributes:
        pipeline_name: The pipeline that has run.
        seconds: How long it took.
        reports: How each node ended.
        advice: What to do about what it has lost in Spark.
    """

    def __init__(
        self,
        outputs: Mapping[str, Any],
        pipeline_name: str,
        seconds: float,
        reports: Sequence[NodeEnded],
        made: Sequence[tuple[str, str, str]],
        advice: Sequence[Advice] = (),
        record: RunRecord | None = None,
    ) -> None:
        super().__init__(outputs)
        self.pipeline_name = pipeline_name
        self.seconds = seconds
        self.reports = tuple(reports)
        self.advice = tuple(advice)
        self._made = tuple(made)
        self._record = record

    def _title(self) -> str:
        took = duration(max(self.seconds, 0.01))
        nodes = counted(len(self.reports), "node")
        return f"Pipeline '{self.pipeline_name}': {nodes} done in {took}"

    def _repr_html_(self) -> str:
        made = [(name, kind, str(redacted(place))) for name, kind, place in self._made]
        rows = [
            (
                report.node,
                report.status if report.status != "done" else "",
                duration(report.seconds),
                duration(report.load_seconds),
                duration(report.function_seconds),
                duration(report.save_seconds),
                "" if report.spark_seconds is None else duration(report.spark_seconds),
            )
            for report in most_telling_first(self.reports)
        ]
        parts = [headline(self._title())]
        if made:
            parts.append(scrolling(table(("Result", "Type", "Place"), made), "Results"))
        if self._record is not None:
            parts.append(timeline_of(self._record))
        if rows:
            times = scrolling(table(_TITLES, rows), "Times of the nodes")
            parts.append(f"<details><summary>Where the time went</summary>{times}</details>")
        parts += map(remark, told_advice(self.advice))
        return "".join(parts)
