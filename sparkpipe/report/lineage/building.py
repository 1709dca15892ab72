"""Events of OpenLineage, made of those of a run. It needs the client, and is loaded late."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    datasource_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    sql_job,
    tags_run,
)
from openlineage.client.uuid import generate_static_uuid

from sparkpipe.events import (
    CheckReport,
    DataSetReport,
    ErrorReport,
    Event,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.node import Node
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.redaction import redacted_text, without
from sparkpipe.report.lineage.known import Ask, Known, Origins, origins_of, query_of
from sparkpipe.report.lineage.names import DataSetName, name_of
from sparkpipe.report.lineage.settings import LineageSettings
from sparkpipe.words import counted

_PRODUCER = "https://pypi.org/project/sparkpipe"
_NODE_ENDS = {"done": RunState.COMPLETE, "failed": RunState.FAIL, "cancelled": RunState.ABORT}
_RUN_ENDS = {
    "done": RunState.COMPLETE,
    "failed": RunState.FAIL,
    "interrupted": RunState.ABORT,
}
#: Where a scheduler names its own run: ``namespace/job/run``, as other tools read it, too.
_PARENT = "OPENLINEAGE_PARENT_ID"


class Builder:
    """Makes the events of one run.

    Args:
        settings: Has the namespaces.
        ask: Tells what is known of a data set.
        secrets: Gives what no error may tell.
    """

    def __init__(
        self, settings: LineageSettings, ask: Ask, secrets: Callable[[], Iterable[str]]
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._secrets = secrets
        self._started: RunStarted | None = None
        self._nodes: dict[str, Node] = {}
        self._known: dict[str, Known] = {}
        self._failed = ""

    def build(self, event: Event) -> Iterator[RunEvent]:
        """Give the events of OpenLineage that tell an event."""
        if isinstance(event, RunStarted):
            self._started = event
            self._nodes = {node.name: node for node in event.plan.nodes}
            yield self._of_run(RunState.START, event.time)
        elif isinstance(event, NodeStarted):
            yield self._of_node(RunState.START, event.node, event.time)
        elif isinstance(event, NodeEnded) and event.status in _NODE_ENDS:
            yield self._of_end(event)
        elif isinstance(event, RunEnded):
            error = ErrorReport("RunFailedError", self._failed) if self._failed else None
            yield self._of_run(_RUN_ENDS[event.outcome], event.time, error)

    def build_plan(self) -> Iterator[JobEvent | DatasetEvent]:
        """Give the jobs and data sets of a run that has started, also of nodes that need not.

        They hold whatever becomes of the run, so they can be sent when there is time.
        """
        moment = _moment(self._run.time)
        found: dict[DataSetName, dict[str, DatasetFacet]] = {}
        for node in self._nodes.values():
            read, made = (
                list(dict.fromkeys(self._name(name) for name in names if not is_parameter(name)))
                for names in (node.input_names, node.output_names)
            )
            yield JobEvent(
                eventTime=moment,
                producer=_PRODUCER,
                job=self._node_job(node.name),
                inputs=[InputDataset(*one) for one in read],
                outputs=[OutputDataset(*one) for one in made],
            )
            for name in (*node.input_names, *node.output_names):
                known = self._knows(name)
                if not is_parameter(name) and (known.target or known.columns):
                    called = self._name(name)
                    source = _source(called) if known.target else {}
                    # One of several entries for the same data may have the columns.
                    found[called] = found.get(called, {}) | source | _schema(known.columns)
        for (namespace, name), facets in found.items():
            dataset = StaticDataset(namespace, name, facets=facets)
            yield DatasetEvent(eventTime=moment, producer=_PRODUCER, dataset=dataset)

    @property
    def _run(self) -> RunStarted:
        assert self._started is not None, "a run tells its start first"
        return self._started

    def _uuid(self, node: str = "") -> str:
        """Return the id of a run, or of a node of it: the same for all who work it out."""
        instant = datetime.fromtimestamp(self._run.time, timezone.utc)
        told = f"{self._settings.namespace}/{self._run.run_id}/{node}"
        return str(generate_static_uuid(instant, told.encode()))

    def _of_run(self, state: RunState, when: float, error: ErrorReport | None = None) -> RunEvent:
        started = self._run
        tags = {"run_id": started.run_id, "environment": started.environment or ""}
        facets: dict[str, RunFacet] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                started.versions.get("sparkpipe", ""),
                "sparkpipe",
                started.versions.get("sparkpipe", ""),
            ),
            "tags": tags_run.TagsRunFacet(
                [
                    tags_run.TagsRunFacetFields(key, value, "SPARKPIPE")
                    for key, value in {**tags, **started.slices}.items()
                    if value
                ]
            ),
            **_parent_from_outside(),
            **self._error_facet(error),
        }
        return self._event(
            state, when, Run(self._uuid(), facets), self._job(started.pipeline, "PIPELINE")
        )

    def _node_job(self, name: str) -> Job:
        job = self._job(f"{self._run.pipeline}.{name}", "NODE")
        text = query_of(self._nodes.get(name))
        if text and job.facets is not None:
            job.facets["sql"] = sql_job.SQLJobFacet(redacted_text(text))
        return job

    def _of_node(self, state: RunState, name: str, when: float) -> RunEvent:
        run = Run(self._uuid(name), self._parent())
        return self._event(state, when, run, self._node_job(name))

    def _of_end(self, ended: NodeEnded) -> RunEvent:
        event = self._of_node(_NODE_ENDS[ended.status], ended.node, ended.ended)
        facets = event.run.facets
        assert facets is not None
        facets |= self._error_facet(ended.error)
        if ended.status == "failed" and not self._failed and ended.error is not None:
            self._failed = ended.error.message
        told = [one for one in ended.data_sets if not is_parameter(one.name)]
        event.inputs = [self._input(one, ended.checks) for one in told if one.direction == "load"]
        saved = [one for one in told if one.direction == "save" and ended.status == "done"]
        event.outputs = [self._output(one, ended.checks) for one in saved]
        self._add_columns(ended.node, saved, event.outputs)
        return event

    def _event(self, state: RunState, when: float, run: Run, job: Job) -> RunEvent:
        return RunEvent(
            eventType=state,
            eventTime=_moment(when),
            run=run,
            job=job,
            producer=_PRODUCER,
            inputs=[],
            outputs=[],
        )

    def _job(self, name: str, kind: str) -> Job:
        facets: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "SPARKPIPE", kind)
        }
        return Job(self._settings.namespace, name, facets)

    def _parent(self) -> dict[str, RunFacet]:
        job = parent_run.Job(self._settings.namespace, self._run.pipeline)
        facet = parent_run.ParentRunFacet(parent_run.Run(self._uuid()), job)
        return {"parent": facet}

    def _error_facet(self, error: ErrorReport | None) -> dict[str, RunFacet]:
        if error is None:
            return {}
        message = without(self._secrets(), error.message)
        return {
            "errorMessage": error_message_run.ErrorMessageRunFacet(
                redacted_text(message), "PYTHON", error.location or None
            )
        }

    def _knows(self, name: str) -> Known:
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _name(self, name: str, location: str = "") -> DataSetName:
        here = DataSetName(
            self._settings.namespace, f"{self._run.pipeline}.{strip_transcoding(name)}"
        )
        target = self._knows(name).target or _address_in(location)
        return name_of(target, self._settings.tables, here)

    def _input(self, report: DataSetReport, checks: Iterable[CheckReport]) -> InputDataset:
        facets: dict[str, InputDatasetFacet] = {}
        if report.rows is not None or report.bytes is not None:
            facets["inputStatistics"] = (
                input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                    report.rows, report.bytes
                )
            )
        assertions = _assertions(report, checks)
        if assertions:
            facets["dataQualityAssertions"] = (
                data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions)
            )
        namespace, name = self._name(report.name, report.location)
        return InputDataset(namespace, name, inputFacets=facets, facets=self._facets(report))

    def _output(self, report: DataSetReport, checks: Iterable[CheckReport]) -> OutputDataset:
        statistics: dict[str, OutputDatasetFacet] = {}
        if report.rows is not None or report.bytes is not None:
            statistics["outputStatistics"] = (
                output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                    report.rows, report.bytes
                )
            )
        facets: dict[str, Any] = self._facets(report)
        assertions = _assertions(report, checks)
        if assertions:
            # The standard has them for inputs only; as a facet of the data set it allows them, too.
            facets["dataQualityAssertions"] = (
                data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions)
            )
        namespace, name = self._name(report.name, report.location)
        return OutputDataset(namespace, name, outputFacets=statistics, facets=facets)

    def _facets(self, report: DataSetReport) -> dict[str, DatasetFacet]:
        facets = _schema(self._knows(report.name).columns or report.columns)
        if report.version is not None:
            facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(report.version)
        return facets

    def _add_columns(
        self, name: str, saved: list[DataSetReport], outputs: list[OutputDataset]
    ) -> None:
        """Add to the outputs of a node what their columns are made of."""
        node = self._nodes.get(name)
        for output, report in zip(outputs, saved, strict=True):
            origins: Origins = dict(report.origins)
            if not origins and node is not None and len(outputs) == 1:
                origins = origins_of(node, self._knows)
            fields = {
                column: column_lineage_dataset.Fields(
                    [column_lineage_dataset.InputField(*self._name(of), it) for of, it in made_of]
                )
                for column, made_of in origins.items()
                if made_of
            }
            if fields and output.facets is not None:
                output.facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
                    fields
                )


def _moment(when: float) -> str:
    return datetime.fromtimestamp(when, timezone.utc).isoformat()


def _schema(columns: Iterable[tuple[str, str]]) -> dict[str, DatasetFacet]:
    fields = [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in columns]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields)} if fields else {}


def _source(called: DataSetName) -> dict[str, DatasetFacet]:
    """Return the store or the database in which a data set lies."""
    source = datasource_dataset.DatasourceDatasetFacet(called.namespace)
    if "://" in called.namespace:
        source.uri = called.namespace
    elif called.namespace == "file":
        source.uri = Path(called.name).as_uri() if Path(called.name).is_absolute() else None
    return {"dataSource": source}


def _assertions(
    report: DataSetReport, checks: Iterable[CheckReport]
) -> list[data_quality_assertions_dataset.Assertion]:
    return [
        data_quality_assertions_dataset.Assertion(
            one.check,
            one.outcome == "passed",
            severity="warn" if one.outcome == "warned" else "error",
            name=one.check,
            actual=None if one.failed is None else f"{counted(one.failed, 'row')} did not pass",
        )
        for one in checks
        if (one.data_set, one.direction) == (report.name, report.direction)
    ]


def _address_in(location: str) -> str:
    """Return a location that is an address as it is; what else it is nobody can tell."""
    return location if "://" in location else ""


def _parent_from_outside() -> dict[str, RunFacet]:
    """Return the run of the scheduler that has started this one, where it says so."""
    namespace, _, rest = os.environ.get(_PARENT, "").partition("/")
    job, _, run = rest.rpartition("/")
    try:
        run = str(UUID(run))
    except ValueError:
        return {}
    return {
        "parent": parent_run.ParentRunFacet(parent_run.Run(run), parent_run.Job(namespace, job))
    }
