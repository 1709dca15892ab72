"""What a page shows, as one document of plain values.

It is made of a journal or a plan alone. What is not known is not in it. Its keys:

- ``schema``, ``kind`` (``run`` or ``plan``), ``title``, ``most_columns`` (that are told of a data
  set);
- ``run``: the facts of a run or a plan, as text or plain values, ``problems`` and ``notes``;
- ``nodes``: each with ``name``, ``state``, ``kind``, ``inputs``, ``outputs``, ``params``, and where
  known ``namespace``, ``layer``, ``tags``, ``reasons``, ``start`` (seconds since the run began),
  ``seconds``, ``load``, ``function``, ``save``, ``spark``, ``attempts``, ``error``, ``lane``,
  ``code``, ``code_at``, ``earlier`` (seconds in the runs before), ``checks``, ``jobs`` (of
  Spark, each with ``start``, ``seconds`` and ``stages``), ``jobs_left_out``;
- ``edges``: triples of two positions in ``nodes``, and the name of the data set between them;
- ``advice``: of what Spark has measured, each with ``kind``, ``node``, ``figure``, ``remedy``;
- ``lanes``: on how many nodes ran, ``unused_lanes``: on how many more they could have;
- ``path``: the nodes that decided how long the run took, and after what;
- ``data_sets``: each with ``name``, ``type``, ``place``, ``writer`` and ``readers`` (positions),
  ``rows``, ``bytes``, ``version``, ``columns`` (names and types), ``preview`` (names, then
  rows), ``declared`` (columns of its entry), ``as_of`` (the run before that wrote it, where this
  one did not), and ``earlier`` with rows and bytes of the runs before;
- ``now``: the seconds since the run began, of one that goes on;
- ``earlier``: those runs, the oldest first;
- ``comparison``: a run, how it differs, and the seconds of its nodes.

What would make the page too large is cut (:mod:`sparkpipe.report.page.fitting`): a node, a data
set, ``run`` or ``comparison`` says under ``cut`` what of it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sparkpipe.events import DataSetReport, ErrorReport
from sparkpipe.io.columns import MOST_COLUMNS
from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.pipeline.modular import is_parameter
from sparkpipe.pipeline.transcoding import strip_transcoding
from sparkpipe.redaction import redacted, redacted_text
from sparkpipe.report.advice import Advice
from sparkpipe.report.page.fitting import fitted
from sparkpipe.report.page.jobs import jobs_of, stages_for_each
from sparkpipe.report.page.knowing import Project
from sparkpipe.report.planned import PlannedDataSet, PlannedNode, PlannedRun
from sparkpipe.report.runs import ShownRun
from sparkpipe.report.runs.differing import Differences
from sparkpipe.report.timing import Span, deciding_path, lanes_of

#: The number of the form of the document.
SCHEMA = 1

_FACTS = (
    *("run_id", "outcome", "started", "seconds", "project", "pipeline", "environment", "runner"),
    *("host", "slices", "resumes", "selection", "extra_params", "versions", "notes"),
)
_NOT_PARAMETERS = ("slice:",)


def document_of_run(
    record: RunRecord,
    *,
    earlier: Sequence[RunRecord] = (),
    compared: RunRecord | None = None,
    project: Project | None = None,
    now: float | None = None,
    most: int | None = None,
) -> dict[str, Any]:
    """Return the document of a run.

    Args:
        record: The run.
        earlier: Runs before it, for rows, bytes and times over time; the last one first.
        compared: The run with which it is compared.
        project: What the project that is here knows of the nodes.
        now: The time of the clock; without it a run that goes on took until its last sign of life.
            By it a run is dead of which nothing was heard for an hour, where nobody can tell.
        most: How many bytes it may take; by default as many as a page may have.
    """
    record = record if now is None else record.presumed(now)
    project = project or Project()
    since = {"now": round(now - record.started, 1)} if now and record.may_go_on else {}
    records = [*record.nodes.values()]
    before = [one for one in earlier if one.run_id != record.run_id][::-1]
    spans = _spans(record)
    lanes = lanes_of(spans)
    nodes = [_ran(one, record, before, lanes, project) for one in records]
    edges, parents = _edges(nodes)
    document = {
        **_head("run", f"{record.pipeline or 'run'} · {record.run_id}"),
        "run": {name: getattr(record, name) for name in _FACTS if getattr(record, name)}
        | {"counts": record.counts},
        "nodes": nodes,
        "edges": edges,
        "lanes": max(lanes.values(), default=-1) + 1,
        "unused_lanes": max(0, record.lanes - max(lanes.values(), default=-1) - 1),
        "path": [vars(step) for step in deciding_path(spans, parents, record.lanes)],
        **since,
        "advice": [_advised(one) for one in ShownRun(record).advice],
        "data_sets": _data_sets(nodes, _reported(record), before, project),
        "earlier": [_run_in_short(one) for one in before],
        "comparison": None if compared is None else _comparison(compared, record),
    }
    return fitted(document, most)


def document_of_plan(
    planned: PlannedRun,
    *,
    params: Mapping[str, Any] | None = None,
    earlier: Sequence[RunRecord] = (),
    project: Project | None = None,
    most: int | None = None,
) -> dict[str, Any]:
    """Return the document of a plan.

    Args:
        planned: The plan.
        params: The parameters of the run.
        earlier: Earlier runs of the pipeline, the last one first.
        project: What the project that is here knows of the nodes.
        most: How many bytes it may take; by default as many as a page may have.
    """
    project = project or Project()
    before = [*earlier][::-1]
    params = redacted(dict(params or {}))
    nodes = [_planned(one, params, before, project) for one in planned.nodes]
    known = {one.name: one for node in planned.nodes for one in (*node.loads, *node.saves)}
    facts = ("pipeline", "environment", "runner", "left_out", "problems", "slices")
    told = {name: getattr(planned, name) for name in facts if getattr(planned, name)}
    states = [node["state"] for node in nodes]
    document = {
        **_head("plan", f"{planned.pipeline} · plan"),
        "run": told | {"counts": {state: states.count(state) for state in dict.fromkeys(states)}},
        "nodes": nodes,
        "edges": _edges(nodes)[0],
        "lanes": 0,
        "unused_lanes": 0,
        "path": [],
        "advice": [],
        "data_sets": _data_sets(
            nodes, {name: _of_plan(one) for name, one in known.items()}, before, project
        ),
        "earlier": [_run_in_short(one) for one in before],
        "comparison": None,
    }
    return fitted(document, most)


def _head(kind: str, title: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "kind": kind, "title": title, "most_columns": MOST_COLUMNS}


def _advised(one: Advice) -> dict[str, str]:
    told = {"kind": one.kind, "node": one.node, "figure": one.figure, "remedy": one.remedy}
    return {key: redacted_text(text) for key, text in told.items()}


def _spans(record: RunRecord) -> list[Span]:
    """Return when nodes ran; one that has not ended, until the last sign of life of the run."""
    last = record.started + record.seconds
    return [
        Span(one.node, one.started, max(one.started, one.ended or last))
        for one in record.nodes.values()
        if one.started
    ]


def _ran(
    one: NodeRecord,
    record: RunRecord,
    before: Iterable[RunRecord],
    lanes: Mapping[str, int],
    project: Project,
) -> dict[str, Any]:
    kinds = [report.type for report in one.data_sets]
    state = "died" if one.status == "running" and not record.may_go_on else one.status
    told: dict[str, Any] = {
        **_shape(one.node, one.inputs, one.outputs, record.params, kinds, project),
        "state": state,
        "reasons": [one.reason] if one.reason else [],
        "since": one.since,
        "attempts": one.attempts,
        "load": one.load_seconds,
        "function": one.function_seconds,
        "save": one.save_seconds,
        "earlier": _earlier_seconds(one.node, before),
        "checks": [vars(check) for check in getattr(one, "checks", ())],
        "code_at": _place_of_code(one),
    }
    if one.started:
        until = one.ended or record.started + record.seconds
        told |= {
            "start": round(one.started - record.started, 4),
            "seconds": round(max(0.0, until - one.started), 4),
            "lane": lanes[one.node],
        }
    if one.spark_seconds is not None:
        told["spark"] = one.spark_seconds
    if one.jobs:
        told |= jobs_of(one, record.started, stages_for_each(record))
    if one.error is not None:
        told["error"] = _error(one.error)
    return _without_nothing(told)


def _error(error: ErrorReport) -> dict[str, Any]:
    texts = {name: redacted_text(getattr(error, name)) for name in ("type", "message", "location")}
    return texts | {"lines": [[place, redacted_text(line)] for place, line in error.lines]}


def _planned(
    one: PlannedNode, params: Mapping[str, Any], before: Iterable[RunRecord], project: Project
) -> dict[str, Any]:
    data_sets = (*one.loads, *one.saves)
    inputs, outputs = ([data.name for data in some] for some in (one.loads, one.saves))
    kinds = [data.type for data in data_sets if data.type != "parameter"]
    return _without_nothing(
        {
            **_shape(one.name, inputs, outputs, params, kinds, project),
            "state": "runs" if one.runs else "skipped",
            "reasons": [*one.reasons],
            "tags": [*one.tags],
            "earlier": _earlier_seconds(one.name, before),
        }
    )


def _shape(
    name: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    params: Mapping[str, Any],
    kinds: Iterable[str],
    project: Project,
) -> dict[str, Any]:
    """Return what makes a node what it is."""
    inputs, outputs = [*inputs], [*outputs]
    data = [one for one in inputs if not _is_given(one)]
    layers = [layer for layer in map(project.layer_of, (*outputs, *data)) if layer]
    return {
        "name": name,
        "namespace": _namespace_in(name),
        "kind": _kind(kinds),
        "inputs": data,
        "outputs": outputs,
        "params": {
            one: redacted({one: _param(one, params)})[one] for one in inputs if is_parameter(one)
        },
        "layer": layers[0] if layers else "",
    } | project.about_node(name)


def _is_given(name: str) -> bool:
    """Whether an input is no data set."""
    return is_parameter(name) or name.startswith(_NOT_PARAMETERS)


def _namespace_in(name: str) -> str:
    """Return what stands before the last dot of a name, where that may be a namespace."""
    above = name.rpartition(".")[0]
    return above if all(part.isidentifier() for part in above.split(".")) else ""


def _kind(types: Iterable[str]) -> str:
    """Return with what a node works, by the types of its data sets."""
    words = " ".join(types).lower()
    known = ("spark", "delta", "polars", "sql", "pandas")
    found = next((one for one in known if one in words), "python")
    return "spark" if found == "delta" else found


def _param(name: str, params: Mapping[str, Any]) -> Any:
    value: Any = params
    for part in name.removeprefix("params:").split(".") if name != "parameters" else ():
        if not isinstance(value, Mapping) or part not in value:
            return "?"
        value = value[part]
    return value


def _place_of_code(one: NodeRecord) -> str:
    """Return ``file:line`` of the function as the journal knows it."""
    code = one.identity.get("code")
    first = next(iter(code.values()), None) if isinstance(code, Mapping) else None
    is_part = isinstance(first, (list, tuple)) and len(first) > 1
    return str(first[1]) if is_part and first is not None else ""


def _earlier_seconds(name: str, before: Iterable[RunRecord]) -> list[float]:
    found = [record.nodes.get(name) for record in before]
    return [round(one.seconds, 3) for one in found if one is not None and one.status == "done"]


def _without_nothing(told: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in told.items() if value or key in ("start", "seconds", "lane")
    }


def _edges(
    nodes: Sequence[Mapping[str, Any]],
) -> tuple[list[tuple[int, int, str]], dict[str, list[str]]]:
    """Return the edges by positions, and for each node the nodes that make its inputs."""
    makers: dict[str, int] = {}
    for position, node in enumerate(nodes):
        makers |= dict.fromkeys(map(strip_transcoding, node.get("outputs", ())), position)
    edges: list[tuple[int, int, str]] = []
    parents: dict[str, list[str]] = {}
    for position, node in enumerate(nodes):
        for name in node.get("inputs", ()):
            maker = makers.get(strip_transcoding(name))
            if maker is not None and maker != position:
                edges.append((maker, position, name))
                parents.setdefault(node["name"], []).append(nodes[maker]["name"])
    return edges, parents


def _reported(record: RunRecord) -> dict[str, dict[str, Any]]:
    """Return what a run knows of data sets: what was saved goes before what was loaded."""
    reports: dict[str, DataSetReport] = {}
    for node in record.nodes.values():
        for one in node.data_sets:
            if one.direction == "save" or one.name not in reports:
                reports[one.name] = one
    return {name: _of_report(one) for name, one in reports.items()}


def _of_report(one: DataSetReport) -> dict[str, Any]:
    return {
        "type": one.type,
        "place": redacted_text(one.location),
        "rows": one.rows,
        "bytes": one.bytes,
        "version": one.version,
        "lazy": one.is_lazy,
        "columns": one.columns,
        "preview": one.preview,
    }


def _of_plan(one: PlannedDataSet) -> dict[str, Any]:
    return {"type": one.type, "place": one.place, "note": one.about}


def _data_sets(
    nodes: Sequence[Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Any]],
    before: Iterable[RunRecord],
    project: Project,
) -> list[dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}

    def tell(name: str) -> dict[str, Any]:
        if name not in told:
            of_entry = {"layer": project.layer_of(name), "declared": project.columns_of(name)}
            told[name] = {"name": name, "readers": [], **of_entry, **known.get(name, {})}
        return told[name]

    for position, node in enumerate(nodes):
        for name in node.get("inputs", ()):
            tell(name)["readers"].append(position)
        for name in node.get("outputs", ()):
            tell(name)["writer"] = position
    written = {name for name, one in told.items() if one.get("columns") or one.get("preview")}
    for record in before:
        reported = _reported(record)
        for name in told.keys() & reported.keys():
            facts = {what: reported[name][what] for what in ("rows", "bytes", "version")}
            facts = {what: value for what, value in facts.items() if value is not None}
            if facts:
                told[name].setdefault("earlier", []).append({"run": record.run_id, **facts})
            looks = {what: reported[name][what] for what in ("columns", "preview")}
            if any(looks.values()) and name not in written:
                told[name] |= {**looks, "as_of": record.run_id}
    return [{k: v for k, v in one.items() if v or v == 0} for one in told.values()]


def _run_in_short(record: RunRecord) -> dict[str, Any]:
    facts = ("run_id", "outcome", "started", "seconds")
    return {name: getattr(record, name) for name in facts}


def _comparison(compared: RunRecord, record: RunRecord) -> dict[str, Any]:
    earlier, later = sorted((compared, record), key=lambda one: one.started)
    differences = [vars(one) for one in Differences(earlier, later)]
    return {
        **_run_in_short(compared),
        "slices": {} if compared.slices == record.slices else compared.slices,
        "is_later": compared.started > record.started,
        "differences": redacted(differences),
        "nodes": {one.node: round(one.seconds, 3) for one in compared.nodes.values() if one.ended},
    }
