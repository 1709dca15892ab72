"""Pipelines, plans and runs in a notebook, in Chromium: the page itself, in a frame of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chromium import DESKTOP, MISSING, PHONE, PROGRAM, Chromium, Size, box
from runs_to_show import HOSTILE, make_chain, make_hostile, make_run

from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.notebook.result import RunResult
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.plan import make_plan
from sparkpipe.report.page import Page, document_of_run, page_of
from sparkpipe.report.planned import PlannedDataSet, PlannedNode, PlannedRun, planned_nodes
from sparkpipe.report.runs import ShownRun
from sparkpipe.report.runs.differing import Differences
from sparkpipe.report.summary import RunSummary
from sparkpipe.runner import ThreadRunner

pytestmark = [
    pytest.mark.slow,  # a browser of its own
    pytest.mark.skipif(PROGRAM is None, reason=MISSING),
]


def add_tax(prices: list[float], rate: float) -> list[float]:
    return [price * (1 + rate) for price in prices]


STEPS = pipeline(
    [
        node(add_tax, ["prices", "params:rate"], "taxed", name="tax", tags="first"),
        node(sum, "taxed", "total", name="add"),
        node(len, "prices", "count", name="count"),
    ]
)


def plan_of(steps: Pipeline) -> PlannedRun:
    nodes = planned_nodes(make_plan(steps), DataCatalog())
    return PlannedRun("daily", "local", "ThreadRunner", nodes)


def result_of(steps: Pipeline) -> RunResult:
    summary = RunSummary()
    with observing(summary):
        catalog = DataCatalog(feed_dict={"prices": [1.0, 2.0], "params:rate": 0.1})
        outputs = ThreadRunner(max_workers=3).run(steps, catalog)
    reports, record = summary.reports, summary.record
    return RunResult(outputs, "daily", summary.seconds, reports, [], summary.advice, record)


class Notebook:
    """An output of a cell, in a page where scripts may run."""

    def __init__(self, browser: Chromium, folder: Path, size: Size = DESKTOP) -> None:
        self.browser, self._file, self._size = browser, folder / "notebook.html", size

    def show(self, *things: Any) -> None:
        shown = "".join(one._repr_html_() for one in things)
        head = "<!doctype html><html data-ready=yes><meta charset=utf-8>"
        self._file.write_text(f"{head}<body>{shown}</body></html>", encoding="utf-8")
        self.browser.errors.clear()
        self.browser.asked.clear()
        self.browser.open(self._file.as_uri(), self._size)


@pytest.fixture
def notebook(browser: Chromium, tmp_path: Path) -> Iterator[Notebook]:
    yield Notebook(browser, tmp_path)
    assert browser.errors == []
    assert all(one.startswith(("file:", "data:", "about:")) for one in browser.asked)


def wait_for_page(browser: Chromium) -> None:
    browser.wait("document.documentElement?.dataset.ready === 'yes'")


def test_the_page_is_shown_in_a_frame_that_cannot_reach_the_notebook(notebook: Notebook) -> None:
    browser = notebook.browser
    notebook.show(Page("b", page_of(document_of_run(make_run()))))
    with browser.within_frame():
        wait_for_page(browser)
        browser.run(f"document.querySelector({json.dumps(box('total'))}).focus()")
        browser.press("Enter")
        assert "ValueError" in browser.text(".details")
        reach = "(() => { try { return parent.document.title } catch (e) { return e.name } })()"
        assert browser.run(reach) == "SecurityError"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_pipeline_shows_its_graph(browser: Chromium, tmp_path: Path, size: Size) -> None:
    notebook = Notebook(browser, tmp_path, size)
    notebook.show(STEPS)
    assert "Pipeline of 3 nodes" in browser.text("body")
    with browser.within_frame():
        wait_for_page(browser)
        labels = browser.run(
            "[...document.querySelectorAll('.graph .label')].map(o => o.textContent)"
        )
        assert {"tax", "add", "count", "prices", "taxed", "total"} <= {*labels}
        assert browser.run("[...document.querySelectorAll('[role=tab]')].map(o => o.id)") == [
            *("tab-graph", "tab-nodes", "tab-data")
        ]
        browser.run(f"document.querySelector({json.dumps(box('tax'))}).focus()")
        browser.press("Enter")
        told = browser.text(".details")
        for word in (
            "tax",
            "Takes params:rate.",
            "test_page_in_notebook.add_tax",
            "first",
            "taxed",
        ):
            assert word in told
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.errors == []


def test_a_plan_shows_its_graph_with_what_runs_and_what_does_not(notebook: Notebook) -> None:
    browser = notebook.browser
    plan = plan_of(STEPS)
    nodes = [replace(one, runs=one.name != "add") for one in plan.nodes]
    notebook.show(replace(plan, nodes=tuple(nodes)))
    with browser.within_frame():
        wait_for_page(browser)
        assert browser.run(f"document.querySelector('{box('add')}').matches('.state-skipped')")
        assert browser.run(f"document.querySelector('{box('tax')}').matches('.state-runs')")


@pytest.mark.parametrize("kind", ["run of the journal", "result of a run"])
def test_a_run_shows_its_timeline_and_its_graph(notebook: Notebook, kind: str) -> None:
    browser = notebook.browser
    is_result = kind == "result of a run"
    notebook.show(result_of(STEPS) if is_result else ShownRun(make_run()))
    name = "tax" if is_result else "shop.tax"
    with browser.within_frame():
        wait_for_page(browser)
        bars = browser.run("document.querySelectorAll('.panel.shown .timeline .bar').length")
        assert bars == (3 if is_result else 4)
        assert "unused" in browser.run("document.querySelector('.timeline').textContent")
        browser.click("#tab-graph")
        assert browser.run(f"!!document.querySelector('.panel.shown {box(name)}')")
        browser.click(box(name))
        assert "Time" in browser.text(".details")


def test_what_a_notebook_shows_is_text_whatever_is_in_it(notebook: Notebook) -> None:
    browser = notebook.browser
    run = make_hostile()
    data = PlannedDataSet(*[HOSTILE] * 3, environment=HOSTILE, note=HOSTILE)
    nodes = (PlannedNode(HOSTILE, 0, (HOSTILE,), (data,), (data,), True, (HOSTILE,)),)
    planned = PlannedRun(*[HOSTILE] * 3, nodes, 1, (HOSTILE,))
    result = RunResult({}, HOSTILE, 1.0, [], [(HOSTILE,) * 3], (), run)
    steps = pipeline([node(len, HOSTILE, f"{HOSTILE}2", name="x")])
    for thing in (planned, ShownRun(run), result, steps):
        html = thing._repr_html_()
        # The one element that could run anything is the frame, and all of it is in an attribute.
        assert re.findall(r"<(script|img|svg|iframe)", html) == ["iframe"]
        notebook.show(thing)
        assert browser.run("document.querySelectorAll('script, img').length") == 0
        with browser.within_frame():
            wait_for_page(browser)
            browser.click("#tab-graph")
            browser.click("#tab-nodes")
            found = browser.run("document.querySelector('.panel.shown').innerText")
            assert "window.hacked" in found or thing is steps
            assert browser.run("document.querySelectorAll('#page :is(script, img)').length") == 0
            assert browser.run("window.hacked") is None
        assert browser.run("window.hacked") is None
    notebook.show(Differences(run, make_run()))
    assert browser.run("document.querySelectorAll('script, img, iframe').length") == 0
    assert HOSTILE[:20] in browser.text("body")


def test_an_output_is_small_and_the_same_each_time() -> None:
    one = plan_of(STEPS)
    assert len(one._repr_html_()) < 65_000
    assert one._repr_html_() == plan_of(STEPS)._repr_html_()
    long = replace(make_chain(100), params={"x": Random(1).randbytes(500_000).hex()})
    assert len(ShownRun(long)._repr_html_()) < 150_000
    assert "<iframe" not in ShownRun(replace(make_run(), nodes={}))._repr_html_()
    assert "<iframe" not in pipeline([])._repr_html_()
