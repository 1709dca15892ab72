"""Traces and metrics of runs, by the API of OpenTelemetry. It needs that, and is loaded late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, Status, StatusCode

from sparkpipe.events import (
    DataSetReport,
    ErrorReport,
    NodeEnded,
    NodeRetried,
    NodeStarted,
    RunEnded,
    RunObserver,
    RunStarted,
)
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.redaction import redacted_text, without

_NAME = "sparkpipe"


class TelemetryObserver(RunObserver):
    """Makes a span of a run, of each node below it, and of each load and save below that.

    Args:
        secrets: Gives what no error may tell; called when there is one.
        tracers: Gives the tracer; by default that of the process.
        meters: Gives the meter; by default that of the process.
    """

    def __init__(
        self,
        secrets: Callable[[], Iterable[str]] = tuple,
        tracers: trace.TracerProvider | None = None,
        meters: metrics.MeterProvider | None = None,
    ) -> None:
        self._secrets = secrets
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracers)
        meter = metrics.get_meter(_NAME, meter_provider=meters)
        self._run_seconds = meter.create_histogram(
            "sparkpipe.run.duration", "s", "How long runs took"
        )
        self._node_seconds = meter.create_histogram(
            "sparkpipe.node.duration", "s", "How long nodes took"
        )
        self._rows = meter.create_counter("sparkpipe.rows", "{row}", "Rows that were read, written")
        self._bytes = meter.create_counter("sparkpipe.bytes", "By", "Bytes that were read, written")
        self._pipeline = ""
        self._run: Span | None = None
        self._nodes: dict[str, Span] = {}

    def headers_of(self, node: str) -> Mapping[str, str]:
        """Return what leads to the span of a node that runs."""
        span = self._nodes.get(node)
        headers: dict[str, str] = {}
        if span is not None:
            propagate.inject(headers, trace.set_span_in_context(span))
        return headers

    def on_run_started(self, event: RunStarted) -> None:
        """Begin the span of the run, below the one in which it is started."""
        self._pipeline = event.pipeline
        told = {
            "sparkpipe.run_id": event.run_id,
            "sparkpipe.project": event.project,
            "sparkpipe.pipeline": event.pipeline,
            "sparkpipe.environment": event.environment,
            "sparkpipe.runner": event.runner,
            "sparkpipe.resumes": event.resumes,
            **{f"sparkpipe.slice.{name}": value for name, value in event.slices.items()},
        }
        self._run = self._begin(f"run {event.pipeline}".strip(), event.time, told)

    def on_node_started(self, event: NodeStarted) -> None:
        """Begin the span of a node."""
        told = {"sparkpipe.run_id": event.run_id, "sparkpipe.node": event.node}
        self._nodes[event.node] = self._begin(f"node {event.node}", event.time, told, self._run)

    def on_node_retried(self, event: NodeRetried) -> None:
        """Note an attempt that failed."""
        span = self._nodes.get(event.node)
        if span is not None:
            told: dict[str, Any] = {
                "sparkpipe.attempt": event.attempt,
                "exception.type": event.error.type,
            }
            span.add_event("attempt failed", told, _nanoseconds(event.time))

    def on_node_ended(self, event: NodeEnded) -> None:
        """End the span of a node, with those of what it has loaded and saved."""
        span = self._nodes.pop(event.node, None)
        if span is None:  # it never started
            return
        facts = {"sparkpipe.status": event.status, "sparkpipe.attempts": event.attempts}
        for step in ("load", "function", "save", "spark"):
            seconds = getattr(event, f"{step}_seconds")
            if seconds is not None:
                facts[f"sparkpipe.{step}_seconds"] = seconds
        span.set_attributes(facts)
        self._set_error(span, event.error)
        self._add_data_sets(span, event)
        span.end(_nanoseconds(event.ended))
        told = {"pipeline": self._pipeline, "node": event.node, "status": event.status}
        self._node_seconds.record(event.seconds, told)

    def on_run_ended(self, event: RunEnded) -> None:
        """End the span of the run."""
        span = self._run
        if span is None:
            return
        for status, count in event.counts.items():
            span.set_attribute(f"sparkpipe.nodes.{status}", count)
        span.set_attribute("sparkpipe.outcome", event.outcome)
        if event.outcome != "done":
            span.set_status(Status(StatusCode.ERROR, f"the run is {event.outcome}"))
        span.end(_nanoseconds(event.time))
        told = {"pipeline": self._pipeline, "outcome": event.outcome}
        self._run_seconds.record(event.seconds, told)

    def _add_data_sets(self, node: Span, event: NodeEnded) -> None:
        """Add a span for each load and save.

        Only how long each took is told: loads are drawn from the start on, one after the other, and
        saves so that the last one ends with the node.
        """
        told = [one for one in event.data_sets if not is_parameter(one.name)]
        when = event.started
        saving = sum(one.seconds for one in told if one.direction == "save")
        for direction, begin in (("load", event.started), ("save", event.ended - saving)):
            when = begin
            for one in told:
                if one.direction == direction:
                    span = self._begin(f"{direction} {one.name}", when, _facts_of(one), node)
                    when += one.seconds
                    span.end(_nanoseconds(when))
                    self._count(one)

    def _count(self, one: DataSetReport) -> None:
        told = {"pipeline": self._pipeline, "data_set": one.name, "direction": one.direction}
        if one.rows is not None:
            self._rows.add(one.rows, told)
        if one.bytes is not None:
            self._bytes.add(one.bytes, told)

    def _begin(
        self, name: str, when: float, told: Mapping[str, Any], parent: Span | None = None
    ) -> Span:
        return self._tracer.start_span(
            name,
            None if parent is None else trace.set_span_in_context(parent),
            attributes={key: value for key, value in told.items() if value not in (None, "")},
            start_time=_nanoseconds(when),
        )

    def _set_error(self, span: Span, error: ErrorReport | None) -> None:
        if error is None:
            return
        message = redacted_text(without(self._secrets(), error.message))
        span.set_attribute("error.type", error.type)
        if error.location:
            span.set_attribute("sparkpipe.error.location", error.location)
        span.set_status(Status(StatusCode.ERROR, message))


def _facts_of(one: DataSetReport) -> dict[str, Any]:
    return {
        "sparkpipe.data_set": one.name,
        "sparkpipe.data_set.type": one.type,
        "sparkpipe.data_set.location": one.location,
        "sparkpipe.rows": one.rows,
        "sparkpipe.bytes": one.bytes,
        "sparkpipe.version": one.version,
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
