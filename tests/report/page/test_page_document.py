"""The document of a page: what it tells of a run and a plan, without a browser."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from runs_to_show import HOSTILE, jobs, make_chain, make_run

from sparkpipe.events import CheckReport, ErrorReport
from sparkpipe.html.page import as_json
from sparkpipe.io import DataCatalog
from sparkpipe.journal import NodeRecord, RunRecord
from sparkpipe.journal.records import Outcome
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.page import document_of_plan, document_of_run, page_of
from sparkpipe.report.page.knowing import Project
from sparkpipe.report.planned import PlannedRun, planned_nodes
from sparkpipe.report.timing import Span, deciding_path


def add_tax(prices: list[float], rate: float) -> list[float]:
    return [price * (1 + rate) for price in prices]


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def test_a_run_tells_its_nodes_times_edges_and_data() -> None:
    document = document_of_run(make_run())
    nodes = by_name(document["nodes"])
    assert [*nodes] == ["shop.read", "shop.tax", "other", "total", "tell"]
    assert document["run"]["counts"] == {"done": 3, "failed": 1, "skipped": 1}
    assert nodes["shop.tax"]["params"] == {"params:tax.rate": 0.2, "params:password": "***"}
    assert (nodes["shop.tax"]["namespace"], nodes["shop.tax"]["kind"]) == ("shop", "pandas")
    assert (nodes["shop.tax"]["start"], nodes["shop.tax"]["seconds"]) == (2.01, 2.99)
    assert nodes["total"]["error"]["location"] == "shop.py:3 in total"
    assert nodes["total"]["error"]["lines"] == [
        ["shop.py:9 in add_up", "return total(prices, 'token=***')"],
        ["shop.py:3 in total", "raise ValueError('no\\ntotal')"],
    ]
    assert (document["lanes"], document["unused_lanes"]) == (2, 10)
    assert nodes["tell"]["reasons"] == ["'total' failed"]
    assert "start" not in nodes["tell"]
    assert (0, 1, "read") in document["edges"]
    assert len(document["edges"]) == 4
    data = by_name(document["data_sets"])
    assert (data["taxed"]["writer"], data["taxed"]["readers"], data["taxed"]["rows"]) == (
        1,
        [3],
        20,
    )
    assert "writer" not in data["orders"]
    assert "geheim" not in json.dumps(document)


def test_the_path_that_decided_the_length_is_told_with_what_it_waited_for() -> None:
    document = document_of_run(make_run())
    assert [step["node"] for step in document["path"]] == ["shop.read", "shop.tax", "total"]
    assert [step["after"] for step in document["path"]] == ["start", "data", "data"]
    assert document["lanes"] == 2


def test_a_node_that_waits_for_room_is_on_the_path_of_that_which_made_it() -> None:
    spans = [Span("long", 0, 4), Span("late", 4.0, 5), Span("first", 0, 1), Span("apart", 1, 2)]
    steps = deciding_path(spans, {"late": ["first"]})
    assert [(step.node, step.after) for step in steps] == [("long", "start"), ("late", "lane")]


def test_nobody_waits_for_a_lane_while_some_are_idle() -> None:
    spans = [Span("hour", 0, 33.735), Span("line", 0, 33.740), Span("plot", 33.829, 37)]
    steps = deciding_path(spans, {"plot": ["hour"]}, lanes=8)
    assert [(step.node, step.after) for step in steps] == [("hour", "start"), ("plot", "data")]
    steps = deciding_path(spans, {"plot": ["hour"]}, lanes=1)
    assert [(step.node, step.after) for step in steps] == [("line", "start"), ("plot", "lane")]


@pytest.mark.parametrize("spans", [[], [Span("a", 3, 3), Span("b", 3, 3), Span("c", 3, 3)]])
def test_a_path_ends_whatever_clocks_say(spans: list[Span]) -> None:
    assert len(deciding_path(spans, {"a": ["b"], "b": ["a"]})) <= len(spans)


@pytest.mark.parametrize(
    ("outcome", "seconds", "state"),
    [
        ("running", 9000.0, "running"),
        ("unfinished", 60.0, "running"),  # as its process may live, at another machine
        ("unfinished", 9000.0, "died"),
        ("died", 60.0, "died"),
    ],
)
def test_a_node_runs_as_long_as_its_run_may_go_on(
    outcome: Outcome, seconds: float, state: str
) -> None:
    run = make_run()
    begun = replace(run.nodes["total"], status="running", error=None, ended=0.0)
    record = replace(run, outcome=outcome, nodes={**run.nodes, "total": begun})
    told = document_of_run(record, now=run.started + seconds)
    assert {one["state"] for one in told["nodes"] if one["name"] == "total"} == {state}
    assert told.get("now") == (seconds if state == "running" else None)
    assert told["run"]["outcome"] == (outcome if state == "running" else "died")


def test_earlier_runs_and_a_comparison_are_told() -> None:
    run, before = make_run(), make_run("a", 10, started=500.0)
    document = document_of_run(run, earlier=[before], compared=before)
    taxed = by_name(document["data_sets"])["taxed"]
    assert taxed["earlier"] == [{"run": "a", "rows": 10, "bytes": 90}]
    assert by_name(document["nodes"])["shop.tax"]["earlier"] == [2.99]
    told = {(one["kind"], one["where"]): one for one in document["comparison"]["differences"]}
    assert (told["rows", "taxed"]["before"], told["rows", "taxed"]["after"]) == ("10", "20")
    other_way = document_of_run(before, compared=run)["comparison"]
    assert other_way["is_later"]
    assert other_way["differences"] == document["comparison"]["differences"]


def test_a_plan_has_the_same_form_and_the_code_that_is_here() -> None:
    nodes = [node(add_tax, ["prices", "params:rate"], "taxed", name="tax", namespace="shop")]
    whole = pipeline(nodes)
    catalog = DataCatalog.from_config(
        {
            "shop.x": {"type": "MemoryDataSet"},
            "taxed": {
                "type": "MemoryDataSet",
                "metadata": {"layer": "gold"},
                "schema": "price INT",
            },
        }
    )
    planned = PlannedRun(
        "daily", "local", "R", planned_nodes(make_plan(whole), catalog), problems=("no",)
    )
    project = Project.of([whole], catalog)
    document = document_of_plan(planned, params={"rate": 0.1}, project=project)
    (told,) = document["nodes"]
    assert told["state"] == "runs"
    assert told["namespace"] == "shop"
    assert told["layer"] == "gold"
    assert told["params"] == {"params:rate": 0.1}
    assert "return [price * (1 + rate) for price in prices]" in told["code"]
    assert document["run"]["problems"] == ("no",)
    declared = by_name(document["data_sets"])["taxed"]["declared"]
    assert declared == [{"name": "price", "type": "int", "comment": ""}]
    assert document.keys() == document_of_run(make_run()).keys()


class LongProject(Project):
    """Knows of everything more than a page has room for."""

    def about_node(self, name: str) -> dict[str, Any]:
        return {"code": "<&\u2028é'\\" * 33_000, "function_name": "f", "line": "1"}

    def columns_of(self, data_set: str) -> list[dict[str, str]]:
        long = {"type": "struct<" + "a:int," * 20 + ">", "comment": "<" * 40}
        return [{"name": f"column_{number}", **long} for number in range(2000)]


def make_long(count: int, run_id: str = "b") -> RunRecord:
    run = make_chain(count, run_id)
    columns = tuple((f"column_{number}", f"array<{number}>" * 3) for number in range(2000))
    cells = tuple(("<" * 100,) * 50 for _ in range(20))
    checks = tuple(
        CheckReport(
            "x", f"check {number}", "save", "passed" if number else "failed", told="<" * 500
        )
        for number in range(60)
    )
    error = ErrorReport("E", "\u2028" * 100_000, "a.py:1 in f", (("a.py:1 in f", "<" * 200),) * 10)
    nodes = {
        name: replace(
            one,
            inputs=(*one.inputs, "parameters"),
            status="failed",
            error=error,
            checks=checks,
            reason="<" * 3000,
            data_sets=tuple(
                replace(
                    data, columns=columns, preview=cells, location="<" * 5000, version="<" * 900
                )
                for data in one.data_sets
            ),
        )
        for name, one in run.nodes.items()
    }
    params = {f"p{number}": ["<" * 300] * 10 for number in range(10)}
    return replace(run, nodes=nodes, params=params, extra_params=params, notes=("<" * 9999,) * 9)


@pytest.mark.parametrize("count", [1, pytest.param(100, marks=pytest.mark.slow)])
def test_a_page_of_a_hundred_long_nodes_stays_below_a_megabyte_and_a_half(count: int) -> None:
    runs = [make_long(count, str(number)) for number in range(2)]
    compared = replace(runs[1], params={})
    document = document_of_run(runs[0], earlier=runs[1:], compared=compared, project=LongProject())
    assert len(page_of(document).encode()) < 1_500_000
    node = document["nodes"][-1]
    data = by_name(document["data_sets"])[node["outputs"][0]]
    if count == 1:  # it has all the room there is
        assert len(data["preview"]) >= 3
        return
    # Something is left of everything, and what is not is told.
    assert node["code"].startswith("<&")
    assert node["code"].endswith("…")
    assert node["error"]["message"].endswith("…")
    assert node["checks"][0]["outcome"] == "failed"
    assert data["columns"][0][0] == "column_0"
    assert data["declared"][0]["name"] == "column_0"
    assert len(data["preview"]) > 1
    cut = {one.partition(":")[0]: one for one in (*node["cut"], *data["cut"])}
    assert {"code", "message", "params", "checks", "reasons", "columns", "declared"} <= {*cut}
    assert {"preview", "place", "version"} <= {*cut}
    assert re.fullmatch(r"code: 19\d{4} of 198000 characters", cut["code"])
    assert re.fullmatch(r"columns: 19\d\d of 2000", cut["columns"])
    assert node["jobs_left_out"] + len(node["jobs"]) == 30
    assert document["comparison"]["cut"]
    assert document["run"]["cut"]
    json.loads(as_json(document))


def test_of_a_long_way_to_an_error_the_nearest_lines_stay() -> None:
    run = make_chain(1)
    ((name, ran),) = run.nodes.items()
    lines = tuple((f"a.py:{number} in f", "x" * 80) for number in range(10))
    failed = replace(ran, status="failed", error=ErrorReport("E", "no", "a.py:9 in f", lines))
    document = document_of_run(replace(run, nodes={name: failed}), most=1_500)
    kept = [place for place, _ in document["nodes"][0]["error"]["lines"]]
    assert 0 < len(kept) < 10
    assert kept == [place for place, _ in lines][-len(kept) :]


def test_nothing_is_cut_where_there_is_room() -> None:
    document = document_of_run(make_chain(100), project=LongCode())
    assert not any("cut" in one for one in (*document["nodes"], *document["data_sets"]))


class LongCode(Project):
    def about_node(self, name: str) -> dict[str, Any]:
        return {"code": "x = 1  # a line of a function\n" * 100}


def test_a_page_asks_nobody_and_nothing_in_it_ends_its_data() -> None:
    run = make_run()
    nodes = {
        HOSTILE: NodeRecord(
            "b", HOSTILE, (HOSTILE,), (), "failed", error=ErrorReport(*[HOSTILE] * 3)
        )
    }
    page = page_of(
        document_of_run(replace(run, pipeline=HOSTILE, nodes=nodes, params={1: float("nan")}))
    )
    head, _, rest = page.partition('id="document">')
    told, _, _ = rest.partition("</script>")
    assert json.loads(told)["nodes"][0]["name"] == HOSTILE
    assert page.count("<script") == 2
    assert html.escape(HOSTILE) in head
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy[1]
    assert "connect-src 'self'" in page_of(document_of_run(run), "document")
    assert not re.search(
        r"\b(?:src|href)=",
        page.replace(html.escape(HOSTILE), "").split("<script>")[0].replace(told, ""),
    )


def test_columns_are_those_that_were_written_and_those_that_the_entry_declares() -> None:
    entry = {"type": "pandas.CSVDataSet", "filepath": "t.csv"}
    schema = "id BIGINT NOT NULL COMMENT 'of the order', price DOUBLE"
    catalog = DataCatalog.from_config({"taxed": {**entry, "schema": schema}, "noise": entry})
    project = Project.of((), catalog)
    data = by_name(document_of_run(make_run(), project=project)["data_sets"])
    assert data["taxed"]["columns"] == (("id", "int64"), ("price", "float64"))
    assert data["taxed"]["declared"] == [
        {"name": "id", "type": "bigint NOT NULL", "comment": "of the order"},
        {"name": "price", "type": "double", "comment": ""},
    ]
    assert "declared" not in data["noise"]


def test_columns_of_what_was_not_written_are_those_of_the_run_that_wrote_it() -> None:
    run, before = make_run(), make_run("a", 10, started=500.0)
    nodes = {**run.nodes, "other": replace(run.nodes["other"], data_sets=())}
    data = by_name(document_of_run(replace(run, nodes=nodes), earlier=[before])["data_sets"])
    assert (data["noise"]["columns"], data["noise"]["as_of"]) == (
        (("id", "int64"), ("price", "int64")),
        "a",
    )
    assert data["taxed"]["columns"] == (("id", "int64"), ("price", "float64"))
    assert "as_of" not in data["taxed"]


def test_spark_jobs_are_told_from_the_beginning_of_the_run_and_the_longest_stay() -> None:
    run = make_run()
    tax = by_name(document_of_run(run)["nodes"])["shop.tax"]
    assert [(job["id"], job["start"], job["seconds"]) for job in tax["jobs"]] == [
        (0, 2.5, 1.0),
        (1, 3.5, 1.0),
    ]
    assert tax["jobs"][0]["stages"][1]["spilled_bytes"] == 5000
    assert "jobs_left_out" not in tax
    many = jobs(2000, 1002.5, 2.0)
    longest = replace(many[1000], ended=many[1000].started + 1)
    many = (*many[:1000], longest, *many[1001:])
    nodes = {**run.nodes, "shop.tax": replace(run.nodes["shop.tax"], jobs=many, jobs_left_out=7)}
    tax = by_name(document_of_run(replace(run, nodes=nodes))["nodes"])["shop.tax"]
    assert len(tax["jobs"]) == 750
    assert tax["jobs_left_out"] == 2000 - 750 + 7
    assert max(tax["jobs"], key=lambda job: job["seconds"])["id"] == 1000
