"""Lineage as OpenLineage, to a file and to a receiver, whole or slow or dead."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openlineage.client")

from openlineage_standard import FORMS, check_event, form_of_class, simplified

from sparkpipe.errors import ConfigError, PreflightError, RunFailedError
from sparkpipe.events import (
    CheckReport,
    DataSetReport,
    Event,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.lineage import LineageObserver, LineageSettings
from sparkpipe.report.lineage.known import Known
from sparkpipe.report.lineage.names import DataSetName, name_of
from sparkpipe.report.lineage.sending import Sender
from sparkpipe.session import Session

PLAN = make_plan(pipeline([node(len, "xs", "n", name="count"), node(abs, "n", "m", name="size")]))
NOW = 1_790_000_000.0


def saved(name: str, **facts: Any) -> DataSetReport:
    return DataSetReport(name, "CSVDataSet", f"data/{name}.csv", "save", 0.1, **facts)


def loaded(name: str, **facts: Any) -> DataSetReport:
    return DataSetReport(name, "CSVDataSet", f"data/{name}.csv", "load", 0.1, **facts)


EVENTS: list[Event] = [
    RunStarted("r1", PLAN, "shop", "daily", environment="prod", slices={"day": "1"}, time=NOW),
    NodeStarted("r1", "count", NOW),
    NodeEnded(
        "r1",
        "count",
        "done",
        NOW,
        NOW + 2,
        data_sets=(loaded("xs", rows=9), saved("n", rows=3, bytes=7, version="v1")),
        checks=(
            CheckReport("xs", "id >= 0", "load"),
            CheckReport("n", "id unique", "save", "warned", 2, 3, "2 of 3 rows"),
        ),
    ),
    NodeStarted("r1", "size", NOW + 2),
    NodeEnded("r1", "size", "cancelled", NOW + 2, NOW + 3, data_sets=(loaded("n"),)),
    RunEnded("r1", "interrupted", {"done": 1, "cancelled": 1}, 3.0, NOW + 3),
]


def events_in(file: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in file.read_text().splitlines()]
    for event in events:
        check_event(event)
    return events


def of_runs(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in events if "run" in one]


def tell(file: Path, events: list[Event], **options: Any) -> list[dict[str, Any]]:
    """Return what is told of runs and, where that is asked for, of the plan."""
    with_plan = options.pop("with_plan", False)
    transport = {"type": "file", "log_file_path": str(file)}
    observer = LineageObserver(LineageSettings(transport, "shop"), **options)
    for event in events:
        observer.on_event(event)
    told = events_in(file)
    return told if with_plan else of_runs(told)


def test_run_and_nodes_are_told_with_their_data_sets(tmp_path: Path) -> None:
    events = tell(
        tmp_path / "events.jsonl",
        EVENTS,
        ask=lambda name: Known(f"/data/{name}.csv", (("id", "bigint"),) if name == "n" else ()),
    )

    assert [(one["job"]["name"], one["eventType"]) for one in events] == [
        ("daily", "START"),
        ("daily.count", "START"),
        ("daily.count", "COMPLETE"),
        ("daily.size", "START"),
        ("daily.size", "ABORT"),
        ("daily", "ABORT"),
    ]
    run, started, count, *_, last = events
    assert started["run"]["runId"] == count["run"]["runId"] != run["run"]["runId"]
    assert last["run"]["runId"] == run["run"]["runId"]
    parent = count["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == run["run"]["runId"]
    assert parent["job"] == {"namespace": "shop", "name": "daily", "facets": {}}
    tags = {one["key"]: one["value"] for one in run["run"]["facets"]["tags"]["tags"]}
    assert tags == {"run_id": "r1", "environment": "prod", "day": "1"}
    (read,), (made,) = count["inputs"], count["outputs"]
    assert (read["namespace"], read["name"]) == ("file", "/data/xs.csv")
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 9
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert made["outputFacets"]["outputStatistics"]["size"] == 7
    assert made["facets"]["version"]["datasetVersion"] == "v1"
    (passed,) = read["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (passed["assertion"], passed["success"]) == ("id >= 0", True)
    (warned,) = made["facets"]["dataQualityAssertions"]["assertions"]
    assert (warned["success"], warned["severity"]) == (False, "warn")
    (column,) = made["facets"]["schema"]["fields"]
    assert (column["name"], column["type"]) == ("id", "bigint")


KNOWN = {
    "xs": Known("s3://bucket/xs", (("id", "bigint"),)),
    "n@pandas": Known("/data/n.csv"),
    "n@spark": Known("/data/n.csv", (("id", "int"), ("name", "string"))),
    "m": Known("table:jdbc:postgresql://me@db/shop#m"),
}


def test_a_run_tells_the_jobs_and_data_sets_of_its_plan(tmp_path: Path) -> None:
    plan = make_plan(
        pipeline(
            [
                node(lambda xs, x: x, ["xs", "params:x"], "n@pandas", name="count"),
                node(abs, "n@spark", "kept", name="size"),
                node(abs, "kept", "m", name="save"),
            ]
        )
    )
    started = RunStarted("r1", plan, "shop", "daily", time=NOW)
    unchanged = NodeEnded("r1", "count", "unchanged", attempts=0)
    ended = RunEnded("r1", "done", {"unchanged": 2, "done": 1}, 0.0, NOW)
    events = tell(
        tmp_path / "events.jsonl",
        [started, unchanged, NodeStarted("r1", "save", NOW), ended],
        ask=lambda name: KNOWN.get(name, Known()),
        with_plan=True,
    )

    planned = [one for one in events if "run" not in one]
    assert {one["eventTime"] for one in planned} == {events[0]["eventTime"]}
    jobs = {one["job"]["name"]: one for one in planned if "job" in one}
    names = {
        name: [[(of["namespace"], of["name"]) for of in one[way]] for way in ("inputs", "outputs")]
        for name, one in jobs.items()
    }
    file, kept = ("file", "/data/n.csv"), ("shop", "daily.kept")
    assert names == {
        "daily.count": [[("s3://bucket", "xs")], [file]],
        "daily.size": [[file], [kept]],
        "daily.save": [[kept], [("postgres://db:5432", "shop.public.m")]],
    }
    assert jobs["daily.count"]["job"]["facets"]["jobType"]["jobType"] == "NODE"
    sets = {one["dataset"]["name"]: one["dataset"] for one in planned if "dataset" in one}
    sources = {name: one["facets"]["dataSource"] for name, one in sets.items()}
    assert {name: (one["name"], one["uri"]) for name, one in sources.items()} == {
        "xs": ("s3://bucket", "s3://bucket"),
        "/data/n.csv": ("file", "file:///data/n.csv"),
        "shop.public.m": ("postgres://db:5432", "postgres://db:5432"),
    }
    columns = {
        name: [of["name"] for of in one["facets"].get("schema", {}).get("fields", ())]
        for name, one in sets.items()
    }
    assert columns == {"xs": ["id"], "/data/n.csv": ["id", "name"], "shop.public.m": []}


def test_a_run_in_which_nothing_has_to_run_tells_no_plan(tmp_path: Path) -> None:
    unchanged = NodeEnded("r1", "count", "unchanged", attempts=0)
    told = [EVENTS[0], unchanged, RunEnded("r1", "done", {"unchanged": 2}, 0.0, NOW)]

    events = tell(tmp_path / "events.jsonl", told, with_plan=True)

    assert [one["eventType"] for one in events] == ["START", "COMPLETE"]


def test_the_plan_waits_until_there_is_nothing_else_to_send() -> None:
    may_go_on = threading.Event()
    slow = Receiver(refuses=lambda event: not may_go_on.wait(60))
    transport = {"type": "http", "url": slow.url, "timeout": 60}
    observer = LineageObserver(LineageSettings(transport, "shop", flush_seconds=60))
    observer.on_event(EVENTS[0])
    assert slow.is_asked.wait(60)
    for event in EVENTS[1:-1]:
        observer.on_event(event)
    may_go_on.set()
    observer.on_event(EVENTS[-1])
    slow.close()

    assert len(of_runs(slow.events[:5])) == 5
    assert len(slow.events) == len(EVENTS) + 2


def test_a_receiver_that_refuses_a_plan_is_told_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusing = Receiver(refuses=lambda event: "run" not in event)
    try:
        send_to(refusing.url)
    finally:
        refusing.close()

    assert len(of_runs(refusing.events)) == len(EVENTS)
    (told,) = [one.message for one in caplog.records if "lineage" in one.message]
    assert "1 of 7 events of the run were not told as lineage: HTTPError: 422" in told


def test_a_receiver_that_knows_runs_alone_is_told_of_nothing_else(tmp_path: Path) -> None:
    transport = {"type": "file", "log_file_path": str(tmp_path / "events.jsonl")}
    observer = LineageObserver(LineageSettings(transport, "shop", static=False))
    for event in EVENTS:
        observer.on_event(event)

    events = events_in(tmp_path / "events.jsonl")
    assert len(events) == len(of_runs(events)) == len(EVENTS)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("run", {"runId": "01890a5d-ac96-774b-bcce-b302099a8057"}, "RunEvent is .*JobEvent"),
        ("job", {}, "'namespace' is a required property"),
        ("dataset", {"namespace": "n"}, "'name' is a required property"),
        ("eventType", "START", "'eventType' was unexpected"),
        ("eventTime", None, "'eventTime' is a required property"),
    ],
)
def test_what_is_no_event_of_a_plan_is_found(
    tmp_path: Path, key: str, value: Any, told: str
) -> None:
    options = {"ask": lambda name: KNOWN["n@spark"], "with_plan": True}
    events = tell(tmp_path / "events.jsonl", EVENTS, **options)
    where = "dataset" if key == "dataset" else "job"
    (event, *_) = (one for one in events if where in one and "run" not in one)
    event[key] = value
    if value is None:
        del event[key]

    with pytest.raises(AssertionError, match=told):
        check_event(event)


STATISTICS = "outputs.0.outputFacets.outputStatistics"
SQL = "https://openlineage.io/spec/facets/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet"
UNKNOWN = SQL.replace("1-1-0", "9-9-9")
QUERY = {"_producer": "https://pypi.org/project/sparkpipe", "_schemaURL": SQL, "query": "select 1"}


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("run.runId", None, "event.run: 'runId' is a required property"),
        ("run.runId", "run 1", "'run 1' is not a 'uuid'"),
        ("run.facets.parent.run.runId", "run 1", "parent.run.runId: 'run 1' is not a 'uuid'"),
        ("eventType", "DONE", "'DONE' is not one of"),
        ("eventTime", "yesterday", "is not a 'date-time'"),
        ("eventTime", "2026-09-21T14:13:22", "is not a 'date-time'"),
        ("producer", "sparkpipe", "is not a 'uri'"),
        ("job.facets.sql", {}, "'_producer' is a required property"),
        ("job.facets.query", QUERY, "query is .*SQLJobFacet"),
        (f"{STATISTICS}._producer", None, "'_producer' is a required property"),
        (f"{STATISTICS}._schemaURL", UNKNOWN, "does not tell .*9-9-9"),
        (f"{STATISTICS}.rowCount", "3", "outputStatistics.rowCount: '3' is not of type 'integer'"),
        (f"{STATISTICS}.rowcount", 3, "'rowcount' was unexpected"),
        ("inputs.0.facet", {}, "'facet' was unexpected"),
        ("outputs.0.facets.schema.fields.0.kind", "int", "'kind' was unexpected"),
        ("outputs.0.facets.schema.fields.0.name", None, "'name' is a required property"),
    ],
)
def test_what_is_no_event_of_the_standard_is_found(
    tmp_path: Path, where: str, value: Any, told: str
) -> None:
    known = Known("/data/n.csv", (("id", "bigint"),))
    event = tell(tmp_path / "events.jsonl", EVENTS, ask=lambda name: known)[2]
    place: Any = event
    *way, last = where.split(".")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    if value is None:
        del place[last]
    else:
        place[last] = value

    with pytest.raises(AssertionError, match=told):
        check_event(event)


# The client fills in by itself what these two need.
@pytest.mark.parametrize(
    "address", [one for one in FORMS if not one.endswith(("/BaseEvent", "/BaseFacet"))]
)
def test_the_form_that_events_are_held_against_is_that_of_the_client(address: str) -> None:
    assert simplified(FORMS[address]) == form_of_class(address)


def test_columns_are_those_of_the_frame_where_the_entry_declares_none(tmp_path: Path) -> None:
    report = saved("n", columns=(("id", "int64"),))
    ended = NodeEnded("r1", "count", "done", NOW, NOW + 2, data_sets=(report,))
    events = tell(tmp_path / "events.jsonl", [EVENTS[0], ended, EVENTS[-1]])
    (made,) = events[1]["outputs"]
    (column,) = made["facets"]["schema"]["fields"]
    assert (column["name"], column["type"]) == ("id", "int64")


def test_who_runs_it_again_finds_the_same_ids(tmp_path: Path) -> None:
    one, other = (tell(tmp_path / name, EVENTS) for name in ("one", "other"))

    assert [event["run"]["runId"] for event in one] == [event["run"]["runId"] for event in other]


def test_the_run_of_a_scheduler_is_the_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "01890a5d-ac96-774b-bcce-b302099a8057"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/dag.task/{run}")

    first = tell(tmp_path / "events.jsonl", EVENTS)[0]

    parent = first["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (run, "dag.task")


def test_columns_of_a_query_are_traced_to_those_of_its_tables(tmp_path: Path) -> None:
    pytest.importorskip("sqlglot")
    from sparkpipe.sql import read_query

    query, _ = read_query("select sum(fare) as total, c.name from trips join c", "revenue")
    plan = make_plan(pipeline([node(query, ["taxis", "companies"], "revenue", name="revenue")]))
    columns = {"taxis": (("fare", "double"),), "companies": (("name", "string"),)}
    reports = (loaded("taxis"), loaded("companies"), saved("revenue"))

    *_, ended, _ = tell(
        tmp_path / "events.jsonl",
        [
            RunStarted("r1", plan, "shop", "daily", time=NOW),
            NodeStarted("r1", "revenue", NOW),
            NodeEnded("r1", "revenue", "done", NOW, NOW + 1, data_sets=reports),
            RunEnded("r1", "done", {"done": 1}, 1.0, NOW + 1),
        ],
        ask=lambda name: Known(f"/data/{name}", columns.get(name, ())),
    )

    fields = ended["outputs"][0]["facets"]["columnLineage"]["fields"]
    origins = {
        column: [(one["name"], one["field"]) for one in told["inputFields"]]
        for column, told in fields.items()
    }
    assert origins == {"total": [("/data/taxis", "fare")], "name": [("/data/companies", "name")]}
    assert ended["job"]["facets"]["sql"]["query"].startswith("select sum(fare)")


@pytest.mark.parametrize(
    ("target", "namespace", "name"),
    [
        ("/data/a b.csv", "file", "/data/a b.csv"),
        ("s3://bucket/a/b", "s3://bucket", "a/b"),
        ("gs://bucket/a", "gs://bucket", "a"),
        ("hdfs://node:8020/a/b", "hdfs://node:8020", "/a/b"),
        (
            "abfss://box@store.dfs.core.windows.net/a",
            "abfss://box@store.dfs.core.windows.net",
            "a",
        ),
        ("table:main.sales.orders", "spark", "main.sales.orders"),
        ("table:postgresql://me@db:5433/shop#orders", "postgres://db:5433", "shop.public.orders"),
        ("table:jdbc:mysql://db/shop#orders", "mysql://db:3306", "shop.orders"),
        (
            "table:jdbc:sqlserver://db;encrypt=true;databaseName=shop#orders",
            "mssql://db:1433",
            "shop.dbo.orders",
        ),
        (
            "table:jdbc:oracle:thin:@//db:1521/xe#sales.orders",
            "oracle://db:1521",
            "xe.sales.orders",
        ),
        ("table:sqlite:///data/a.db#orders", "sqlite:///data/a.db", "orders"),
        ("", "shop", "daily.x"),
    ],
)
def test_data_sets_are_called_by_the_rules_of_the_standard(
    target: str, namespace: str, name: str
) -> None:
    assert name_of(target, "spark", DataSetName("shop", "daily.x")) == (namespace, name)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"transprot": {}}, "Did you mean 'transport'"),
        ({"transport": {"type": "kafka"}}, "'type' is file or http"),
        ({"transport": {"type": "file"}}, "needs 'log_file_path'"),
        ({"transport": {"type": "http", "url": "localhost"}}, "a whole address"),
        ({"transport": {"type": "file", "log_file_path": "x", "filesystem": "os.x"}}, "to call"),
        (
            {"transport": {"type": "http", "url": "http://h", "auth": {"type": "my.Class"}}},
            "is not api_key",
        ),
        ({"queue": 0}, "from 1 on"),
    ],
)
def test_what_is_wrong_in_the_settings_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        LineageSettings.read(given)


# A project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    files = {
        "pyproject.toml": '[tool.sparkpipe]\npackage_name = "lined"\nproject_name = "shop"\n',
        "lined/__init__.py": "",
        "lined/pipeline_registry.py": (
            "from sparkpipe.pipeline import node, pipeline\n"
            "def fail(n, x):\n"
            "    if x == 'fail': raise ValueError('no entry with hunter2hunter2')\n"
            "    return n\n"
            "def register_pipelines():\n"
            "    return {'__default__': pipeline([node(len, 'xs', 'n', name='count'),\n"
            "        node(fail, ['n', 'params:x'], 'm', name='pass')])}\n"
        ),
        "conf/base/parameters.yml": "x: pass\npassword: hunter2hunter2\n",
        "conf/base/catalog.yml": (
            "xs: {type: json.JSONDataSet, filepath: data/xs.json}\n"
            "m: {type: json.JSONDataSet, filepath: data/m.json}\n"
        ),
        "conf/base/lineage.yml": "transport: {type: file, log_file_path: lineage.jsonl}\n",
        "data/xs.json": "[1, 2]",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [one for one in sys.modules if one.partition(".")[0] == "lined"]:
        del sys.modules[name]


def run(project: Path, **params: Any) -> None:
    with Session(project, extra_params=params) as session:
        session.run()


def test_a_run_of_a_project_tells_its_lineage(project: Path) -> None:
    run(project)

    events = of_runs(events_in(project / "lineage.jsonl"))
    counted, passed = events[2], events[4]
    assert (counted["job"]["namespace"], counted["job"]["name"]) == ("shop", "__default__.count")
    assert [one["name"] for one in counted["inputs"]] == [str(project / "data/xs.json")]
    # What is only in memory joins them; a parameter is no data set.
    memory = [("shop", "__default__.n")]
    assert [(one["namespace"], one["name"]) for one in counted["outputs"]] == memory
    assert [(one["namespace"], one["name"]) for one in passed["inputs"]] == memory
    (made,) = passed["outputs"]
    assert made["name"] == str(project / "data/m.json")
    assert made["outputFacets"]["outputStatistics"]["size"] == 1
    assert events[-1]["eventType"] == "COMPLETE"


def test_a_failure_is_told_without_secrets(project: Path) -> None:
    with pytest.raises(RunFailedError):
        run(project, x="fail")

    events = of_runs(events_in(project / "lineage.jsonl"))
    assert [one["eventType"] for one in events[-2:]] == ["FAIL", "FAIL"]
    assert events[-2]["outputs"] == []
    error = events[-2]["run"]["facets"]["errorMessage"]
    assert error["message"] == "Node 'pass' failed: ValueError: no entry with ***"
    assert "pipeline_registry.py:3" in error["stackTrace"]
    assert "hunter2" not in (project / "lineage.jsonl").read_text()


def test_wrong_settings_are_told_before_anything_runs(project: Path) -> None:
    (project / "conf/base/lineage.yml").write_text("transport: {type: pigeon}\n")
    with pytest.raises(PreflightError, match="'type' is file or http"):
        run(project)
    assert not (project / "data/m.json").exists()


def test_without_the_client_that_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkpipe.report.lineage.settings.find_spec", lambda name: None)
    with pytest.raises(PreflightError, match="openlineage-python is not installed"):
        run(project)


# A receiver


class Receiver:
    """A server that takes events, each after a while."""

    def __init__(
        self,
        wait: float = 0.0,
        status: int = 201,
        refuses: Callable[[dict[str, Any]], bool] = lambda event: False,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.is_asked = threading.Event()
        self.is_closed = threading.Event()
        taken = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.is_asked.set()
                taken.is_closed.wait(wait)
                taken.events.append(json.loads(body))
                taken.headers.append(dict(self.headers.items()))
                self.send_response(422 if refuses(taken.events[-1]) else status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.is_closed.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def send_to(url: str, **settings: Any) -> float:
    """Tell a receiver of a run, and return how long that held it up."""
    auth = {"type": "api_key", "apiKey": "open-sesame"}
    transport = {"type": "http", "url": url, "auth": auth, "timeout": 1}
    observer = LineageObserver(LineageSettings(transport, "shop", **settings))
    started = time.perf_counter()
    for event in EVENTS:
        observer.on_event(event)
    return time.perf_counter() - started


def test_a_receiver_gets_all_events_in_their_order(receiver: Receiver) -> None:
    send_to(receiver.url)

    assert [one["eventType"] for one in of_runs(receiver.events)] == [
        *("START", "START", "COMPLETE", "START", "ABORT", "ABORT")
    ]
    plan = [one for one in receiver.events if "run" not in one]
    assert [one["job"]["name"] for one in plan] == ["daily.count", "daily.size"]
    for event in receiver.events:
        check_event(event)
    assert {one["Authorization"] for one in receiver.headers} == {"Bearer open-sesame"}


def test_the_key_of_a_receiver_is_among_the_credentials(project: Path, receiver: Receiver) -> None:
    conf = project / "conf"
    lineage = f"transport: {{type: http, url: '{receiver.url}', auth: collector}}\n"
    (conf / "base/lineage.yml").write_text(lineage)
    with pytest.raises(PreflightError, match="'collector', which are not there"):
        run(project)
    (conf / "local").mkdir()
    (conf / "local/credentials.yml").write_text("collector: {api_key: open-sesame}\n")

    run(project)

    assert {one["Authorization"] for one in receiver.headers} == {"Bearer open-sesame"}


def test_the_end_of_a_run_waits_for_what_is_left() -> None:
    slow = Receiver(wait=0.05)
    try:
        took = send_to(slow.url, flush_seconds=60)
        told = len(slow.events)
    finally:
        slow.close()

    assert told == len(EVENTS) + 2
    assert took > 0.05 * told


def test_what_can_wait_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    def send(one: str) -> Iterator[None]:
        return (time.sleep(0.05) for _ in range(1000))

    sender = Sender("lineage", lambda: send, size=10, patience=2)
    sender.send("event")
    started = time.perf_counter()
    sender.close()

    assert time.perf_counter() - started < 15
    assert not caplog.messages


def test_a_receiver_that_hangs_slows_no_node(caplog: pytest.LogCaptureFixture) -> None:
    hanging = Receiver(wait=30)
    transport = {"type": "http", "url": hanging.url, "timeout": 60}
    observer = LineageObserver(LineageSettings(transport, "shop", queue=100, flush_seconds=0.5))
    observer.on_event(EVENTS[0])
    while not hanging.is_asked.wait(0.1):
        pass
    started = time.perf_counter()
    for _ in range(1000):
        for event in EVENTS[1:5]:
            observer.on_event(event)
    nodes_took = time.perf_counter() - started
    observer.on_event(EVENTS[-1])
    took = time.perf_counter() - started
    hanging.close()

    assert nodes_took < 10  # for four thousand; the receiver takes half a minute for one
    assert took < 15
    (told,) = [one.message for one in caplog.records if "lineage" in one.message]
    assert "4002 of 4002 events of the run were not told" in told


def test_a_slow_receiver_holds_up_no_run(caplog: pytest.LogCaptureFixture) -> None:
    slow = Receiver(wait=0.2)
    try:
        with caplog.at_level(logging.WARNING):
            took = send_to(slow.url, flush_seconds=0.3)
    finally:
        slow.close()

    assert took < 0.9  # five events take a second there
    (warning,) = [one.message for one in caplog.records if one.name.startswith("sparkpipe")]
    assert "were not told as lineage: the receiver took longer than 0.3 s" in warning


def test_a_dead_receiver_fails_no_run_and_is_told_once(
    project: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.close()
    lineage = f"transport: {{type: http, url: '{receiver.url}', retry: {{total: 0}}}}\n"
    (project / "conf/base/lineage.yml").write_text(lineage)

    run(project)

    assert (project / "data/m.json").read_text() == "2"
    told = [one.message for one in caplog.records if "lineage" in one.message]
    assert len(told) == 1
    assert "6 of 6 events of the run were not told as lineage: ConnectionError" in told[0]


def test_a_receiver_that_refuses_is_told_with_its_status(caplog: pytest.LogCaptureFixture) -> None:
    refusing = Receiver(status=403)
    try:
        send_to(refusing.url)
    finally:
        refusing.close()

    (told,) = [one.message for one in caplog.records if "lineage" in one.message]
    assert "403" in told
    assert "open-sesame" not in told


@pytest.mark.parametrize(
    ("status", "why"), [(500, "RetryError: too many 500 error responses"), (0, "refused")]
)
def test_each_attempt_at_a_receiver_is_no_warning_of_its_own(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, status: int, why: str
) -> None:
    ill = Receiver(status=status) if status else receiver
    if not status:
        receiver.close()
    try:
        send_to(ill.url)
    finally:
        if status:
            ill.close()

    (told,) = [one.message for one in caplog.records]
    assert "6 of 6 events of the run were not told as lineage" in told
    assert why in told


def test_what_the_queue_cannot_take_is_dropped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Receiver(wait=0.1)
    try:
        send_to(slow.url, queue=1, flush_seconds=2.0)
    finally:
        slow.close()

    (told,) = [one.message for one in caplog.records if "lineage" in one.message]
    assert "more came than were taken" in told
    assert 1 <= len(slow.events) < 6
