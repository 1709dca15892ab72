"""Traces and metrics of runs, and where the spans of users' own belong."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from traced_nodes import tell_span

from sparkpipe.errors import RunFailedError
from sparkpipe.events import (
    DataSetReport,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
    observing,
)
from sparkpipe.io import DataCatalog
from sparkpipe.logging import JsonFormatter
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.telemetry import TelemetryObserver
from sparkpipe.runner import AbstractRunner, ParallelRunner, SequentialRunner, ThreadRunner
from sparkpipe.session import Session
from sparkpipe.tracing import traced_by


class Collected:
    """What was traced and measured."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._metrics])

    def observer(self, secrets: tuple[str, ...] = ()) -> TelemetryObserver:
        return TelemetryObserver(lambda: secrets, self.tracers, self.meters)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._spans.get_finished_spans()}

    @property
    def metrics(self) -> dict[str, list[Any]]:
        data = self._metrics.get_metrics_data()
        assert data is not None
        return {
            metric.name: [*metric.data.data_points]
            for metric in data.resource_metrics[0].scope_metrics[0].metrics
        }


@pytest.fixture
def collected() -> Collected:
    return Collected()


def facts(span: ReadableSpan) -> dict[str, Any]:
    return {key.removeprefix("sparkpipe."): value for key, value in (span.attributes or {}).items()}


def test_spans_of_run_nodes_and_data_sets_lie_within_one_another(collected: Collected) -> None:
    plan = make_plan(pipeline([node(len, "xs", "n", name="count")]))
    observer = collected.observer()
    reports = (
        DataSetReport("xs", "CSVDataSet", "/xs.csv", "load", 0.5, rows=9),
        DataSetReport("n", "JSONDataSet", "/n.json", "save", 0.25, bytes=7),
    )
    for event in (
        RunStarted("r1", plan, "shop", "daily", environment="prod", time=100.0),
        NodeStarted("r1", "count", 100.0),
        NodeEnded("r1", "count", "done", 100.0, 102.0, load_seconds=0.5, data_sets=reports),
        RunEnded("r1", "done", {"done": 1}, 2.5, 102.5),
    ):
        observer.on_event(event)

    spans = collected.spans
    run, count = spans["run daily"], spans["node count"]
    assert run.parent is None
    assert facts(run)["run_id"] == "r1"
    assert facts(run)["nodes.done"] == 1
    assert count.parent is not None
    assert count.parent.span_id == run.context.span_id
    assert (count.start_time, count.end_time) == (100_000_000_000, 102_000_000_000)
    assert facts(count)["load_seconds"] == 0.5
    for name, begin, end in (("load xs", 100.0, 100.5), ("save n", 101.75, 102.0)):
        span = spans[name]
        assert span.parent is not None
        assert span.parent.span_id == count.context.span_id
        assert (span.start_time, span.end_time) == (begin * 1e9, end * 1e9)
    assert facts(spans["load xs"])["rows"] == 9
    measured = collected.metrics
    assert measured["sparkpipe.run.duration"][0].sum == 2.5
    assert measured["sparkpipe.node.duration"][0].attributes["node"] == "count"
    assert [point.value for point in measured["sparkpipe.rows"]] == [9]
    assert [point.value for point in measured["sparkpipe.bytes"]] == [7]


@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner(2), ParallelRunner(2)])
def test_spans_that_nodes_make_belong_to_the_node(
    collected: Collected, runner: AbstractRunner, caplog: pytest.LogCaptureFixture
) -> None:
    side_by_side = pipeline(
        [node(tell_span, "x", f"at_{name}", name=name) for name in ("one", "two")]
    )
    observer = collected.observer()

    with observing(observer), traced_by(observer):
        found = runner.run(side_by_side, DataCatalog(feed_dict={"x": 1}), session_id="r1")

    for name in ("one", "two"):
        context = collected.spans[f"node {name}"].context
        assert found[f"at_{name}"] == f"{context.trace_id:x}/{context.span_id:x}"
    # What a node logs, in whatever process, is known to be of it.
    lines = [json.loads(line) for line in map(JsonFormatter().format, caplog.records)]
    if isinstance(runner, ParallelRunner):
        of_nodes = {(one["run_id"], one["node"]) for one in lines if one["message"] == "at work"}
        assert of_nodes == {("r1", "one"), ("r1", "two")}


def test_a_failure_is_in_the_trace_without_secrets(collected: Collected) -> None:
    def fail(x: int) -> None:
        raise ValueError("no entry with hunter2hunter2")

    observer = collected.observer(("hunter2hunter2",))
    failing = pipeline([node(fail, "x", None, name="fail")])

    with observing(observer), pytest.raises(RunFailedError):
        SequentialRunner().run(failing, DataCatalog(feed_dict={"x": 1}))

    span = collected.spans["node fail"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "Node 'fail' failed: ValueError: no entry with ***"
    assert facts(span)["error.type"] == "ValueError"
    assert collected.spans["run pipeline"].status.status_code is StatusCode.ERROR


def test_who_traces_wrongly_fails_no_run(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def on_event(self, event: object) -> None:
            raise RuntimeError("no collector")

        headers_of = on_event

    broken: Any = Broken()
    with observing(broken), traced_by(broken), caplog.at_level(logging.ERROR):
        counted = SequentialRunner().run(
            pipeline([node(len, "xs", "n")]), DataCatalog(feed_dict={"xs": [1]})
        )
    assert counted == {"n": 1}


def test_a_session_traces_where_the_api_is_installed(
    collected: Collected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "traced_shop"\n')
    (tmp_path / "conf/base").mkdir(parents=True)
    package = tmp_path / "traced_shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "from traced_nodes import tell_span\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(tell_span, 'params:x', 'at', name='one')])}\n"
    )
    (tmp_path / "conf/base/parameters.yml").write_text("x: 1\n")
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", collected.tracers)
    with Session(tmp_path) as session:
        at = session.run()["at"]
    context = collected.spans["node one"].context
    assert at == f"{context.trace_id:x}/{context.span_id:x}"


SET_UP = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


def as_line(told):
    return told.to_json(indent=None) + "\\n"


tracers = TracerProvider()
spans = ConsoleSpanExporter(out=open("spans.jsonl", "a", buffering=1), formatter=as_line)
tracers.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracers)
measured = ConsoleMetricExporter(out=open("metrics.jsonl", "a"), formatter=as_line)
metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measured)]))
"""


@pytest.mark.slow
def test_a_command_tells_an_sdk_that_its_package_sets_up_and_so_do_its_workers(
    tmp_path: Path,
) -> None:
    for name, text in {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "traced_shop"\n',
        "traced_shop/__init__.py": SET_UP,
        "traced_shop/nodes.py": (
            "from opentelemetry import trace\n"
            "def add(x):\n"
            "    with trace.get_tracer('mine').start_as_current_span('inner'):\n"
            "        return x + 1\n"
        ),
        "traced_shop/pipeline_registry.py": (
            "from sparkpipe.pipeline import node, pipeline\n"
            "from traced_shop.nodes import add\n"
            "def register_pipelines():\n"
            "    return {'__default__': pipeline([node(add, 'x', 'y', name='add')])}\n"
        ),
        "conf/base/catalog.yml": (
            "x: {type: json.JSONDataSet, filepath: x.json}\n"
            "y: {type: json.JSONDataSet, filepath: y.json}\n"
        ),
        "x.json": "1",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    command = [sys.executable, "-m", "sparkpipe", "run", "--runner", "ParallelRunner"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    spans = {
        span["name"]: span
        for span in map(json.loads, (tmp_path / "spans.jsonl").read_text().splitlines())
    }
    above = {
        name: next(
            (one for one, its in spans.items() if its["context"]["span_id"] == span["parent_id"]),
            None,
        )
        for name, span in spans.items()
    }
    assert above == {
        "run __default__": None,
        "node add": "run __default__",
        "load x": "node add",
        "save y": "node add",
        "inner": "node add",
    }
    assert len({span["context"]["trace_id"] for span in spans.values()}) == 1
    (measured,) = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines()[:1])
    names = {
        metric["name"]
        for scope in measured["resource_metrics"][0]["scope_metrics"]
        for metric in scope["metrics"]
    }
    assert names == {"sparkpipe.run.duration", "sparkpipe.node.duration", "sparkpipe.bytes"}


def test_who_has_it_installed_only_does_not_load_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.sparkpipe]\npackage_name = "bare"\n')
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/__init__.py").write_text("")
    (tmp_path / "bare/pipeline_registry.py").write_text(
        "from sparkpipe.pipeline import node, pipeline\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(len, 'params:xs', 'n')])}\n"
    )
    (tmp_path / "conf/base/parameters.yml").write_text("xs: [1]\n")
    code = (
        "import sys; from sparkpipe.session import Session; Session().run();"
        "print([one for one in sys.modules if one.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n", done.stderr
