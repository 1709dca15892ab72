"""The page as readers use it, in Chromium, on a desktop and a phone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from chromium import DESKTOP, MISSING, PHONE, PROGRAM, Chromium, Size, box
from runs_to_show import HOSTILE, make_chain, make_hostile, make_run, saved, skewed

from sparkpipe.errors import RunFailedError
from sparkpipe.events import observing
from sparkpipe.io import DataCatalog
from sparkpipe.journal import Journal, JournalWriter, NodeRecord, RunRecord
from sparkpipe.pipeline import node, pipeline
from sparkpipe.report.page import document_of_run, page_of
from sparkpipe.report.page.document import document_of_plan
from sparkpipe.report.page.knowing import Project
from sparkpipe.report.planned import PlannedDataSet, PlannedNode, PlannedRun
from sparkpipe.runner import SequentialRunner

pytestmark = pytest.mark.slow  # a browser of its own

in_browser = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture
def open_page(browser: Chromium, tmp_path: Path) -> Iterator[Any]:
    def opened(document: dict[str, Any], size: Size = DESKTOP) -> Chromium:
        browser.errors.clear()
        browser.asked.clear()
        file = tmp_path / "page.html"
        file.write_text(page_of(document), encoding="utf-8")
        browser.open(file.as_uri(), size)
        return browser

    yield opened
    assert browser.errors == []
    assert all(address.startswith(("file:", "data:")) for address in browser.asked)


class HostileProject(Project):
    """Knows of everything what would be markup and script."""

    def about_node(self, name: str) -> dict[str, Any]:
        code = f"def {HOSTILE}():\n    return '{HOSTILE}'"
        told = {"namespace": HOSTILE, "tags": [HOSTILE], "code": code}
        return {**told, "function_name": HOSTILE, "line": HOSTILE}

    def columns_of(self, data_set: str) -> list[dict[str, str]]:
        return [{"name": HOSTILE, "type": f"{HOSTILE} NOT NULL", "comment": HOSTILE}]

    def layer_of(self, data_set: str) -> str:
        return HOSTILE


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_reader_finds_what_failed_and_why(open_page: Any, size: Size) -> None:
    page = open_page(document_of_run(make_run(), compared=make_run("a", 10, 500.0)), size)
    assert "total" in page.text(".answers .bad")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.click(box("total"))
    told = page.text(".details")
    for word in ("ValueError", "shop.py:3 in total", "Writes", "After", "shop.tax"):
        assert word in told
    way = "shop.py:9 in add_up\nreturn total(prices, 'token=***')\nshop.py:3 in total\nraise "
    assert way in page.text(".details .error .way")
    page.press("Escape")
    assert page.text(".details") == ""
    page.click("#tab-data")
    page.run(
        "[...document.querySelectorAll('#panel-data .link')]"
        ".find(b => b.innerText === 'taxed').click()"
    )
    told = page.text(".details")
    for word in ("20", "Columns (2)", "price\tfloat64", "Written by", "shop.tax", "Made from"):
        assert word in told
    page.click(".close")
    page.click("#tab-comparison")
    rows = page.text("#panel-comparison tbody")
    assert "taxed" in rows
    assert "10\t20" in rows
    assert "schema\tprice int64\tprice float64" in rows
    page.click("#tab-timeline")
    assert page.run("document.querySelectorAll('.timeline .bar').length") == 4
    assert page.run("document.querySelectorAll('.timeline .bar.decides').length") == 3
    assert page.run("document.querySelectorAll('.timeline .idle.unused').length") == 4
    timeline = page.run("document.querySelector('.timeline').textContent")
    for word in ("Lane 2", "Lane 6", "6 more lanes unused"):
        assert word in timeline
    assert "2 lanes, 10 more unused" in page.text(".answers")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_search_dims_what_does_not_fit_and_folding_makes_one_box(
    open_page: Any, size: Size
) -> None:
    page = open_page(document_of_run(make_run()), size)
    page.click("input[type=search]")
    page.write("shop")
    assert page.text(".hits") == "2 nodes"
    assert page.run(f"document.querySelector('{box('total')}').classList.contains('dim')")
    page.press("Enter")
    assert "shop.read" in page.text(".details h2")
    page.press("Escape")
    page.run(
        "(() => { const fold = document.querySelector('select[aria-label=Fold]');"
        " fold.value = 'namespace shop'; fold.dispatchEvent(new Event('change')); })()"
    )
    assert page.run(f"document.querySelector('{box('shop.tax')}')") is None
    page.click('.graph .box[aria-label^="namespace shop, folded"]')
    assert "2 nodes" in page.text(".details")
    page.run(
        "[...document.querySelectorAll('.details button')]"
        ".find(b => b.innerText === 'Unfold').click()"
    )
    assert page.run(f"!!document.querySelector('{box('shop.tax')}')")


def halve(number: int, by: int) -> int:
    half = number // 2
    return half // by


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_reader_sees_why_a_node_failed_in_its_code(
    open_page: Any, tmp_path: Path, size: Size
) -> None:
    inputs = ["number", "params:by"]
    steps = pipeline(
        [
            node(halve, inputs, "half", name="halve", tags="first"),
            node(str, "half", "text", name="tell"),
        ]
    )
    journal = JournalWriter(str(tmp_path / "runs"))
    catalog = DataCatalog(feed_dict={"number": 6, "params:by": 0})
    with observing(journal), pytest.raises(RunFailedError):
        SequentialRunner().run(steps, catalog, session_id="r")
    run = Journal(str(tmp_path / "runs")).run()
    tried = replace(run.nodes["halve"], attempts=2)
    record = replace(run, params={"by": 0}, nodes={**run.nodes, "halve": tried})
    page = open_page(document_of_run(record, project=Project.of([steps])), size)
    answers = page.text(".answers")
    for told in (
        "Failed",
        "ZeroDivisionError",
        "Took longest",
        "Did not run",
        "tell: 'halve' failed",
    ):
        assert told in answers
    page.click(box("halve"))
    told = page.text(".details")
    for word in ("in 2 attempts", "Time", "Reads", "number", "Parameters", "by\n0", "Tags\nfirst"):
        assert word in told
    assert f"{__name__}.halve, line " in told
    assert page.text(".details pre.code mark") == "    return half // by"
    # Of code that has changed since, no line is marked.
    ((place, _),) = tried.error.lines
    moved = replace(tried, error=replace(tried.error, lines=((place, "return half"),)))
    changed = replace(record, nodes={**record.nodes, "halve": moved})
    page = open_page(document_of_run(changed, project=Project.of([steps])), size)
    page.click(box("halve"))
    assert page.run("!document.querySelector('.details pre.code mark')")
    page = open_page(document_of_run(record, project=Project.of([steps])), size)
    page.click(box("halve"))
    page.press("Escape")
    for by, shown in (("kind", "kind-"), ("time", "heat"), ("state", "state-failed")):
        page.run(
            "(() => { const by = document.querySelector('select[aria-label=\"Colour by\"]');"
            f" by.value = '{by}'; by.dispatchEvent(new Event('change')); }})()"
        )
        assert shown in page.run(f"document.querySelector('{box('halve')}').className.baseVal")


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_read_under_another_form_has_its_writer(open_page: Any, size: Size) -> None:
    made = NodeRecord(
        "b", "make", (), ("raw@pandas",), "done", 0, 1, data_sets=(saved("raw@pandas", 7),)
    )
    read = NodeRecord("b", "read", ("raw@spark",), (), "done", 1, 2)
    run = RunRecord("b", "done", 0.0, 2.0, nodes={"make": made, "read": read})
    page = open_page(document_of_run(run), size)
    page.click(box("read"))
    assert "raw@spark 7 rows" in page.text(".details")
    page.click("#tab-data")
    find = (
        "[...document.querySelectorAll('#panel-data .link')].find(b => b.innerText === 'raw@spark')"
    )
    page.run(f"{find}.click()")
    told = page.text(".details")
    for word in ("Rows\n7", "Written by\nmake", "as raw@pandas"):
        assert word in told
    assert "comes from outside" not in told


@in_browser
@pytest.mark.slow
def test_a_page_of_two_thousand_nodes_opens_and_is_zoomed(open_page: Any) -> None:
    started = time.monotonic()
    page = open_page(document_of_run(make_chain(2000)))
    assert page.run("document.querySelectorAll('#panel-graph svg').length > 0")
    # It takes two seconds; what is measured is in the benchmarks.
    assert time.monotonic() - started < 30
    state = "document.querySelector('.graph > g').style.transform"
    before = page.run(state)
    page.run(
        "document.querySelector('.graph-frame').dispatchEvent(new WheelEvent('wheel', {"
        "deltaY: -200, ctrlKey: true, bubbles: true, cancelable: true, clientX: 300,"
        " clientY: 300}))"
    )
    assert page.run(state) != before


@in_browser
def test_the_graph_is_zoomed_moved_and_folded_by_layers(open_page: Any) -> None:
    class Layers(Project):
        def layer_of(self, data_set: str) -> str:
            return "raw" if data_set in ("read", "noise") else "clean"

    page = open_page(document_of_run(make_run(), project=Layers()))
    state = "document.querySelector('.graph > g').style.transform"
    seen = [page.run(state)]
    frame = "document.querySelector('.graph-frame')"
    for event in (
        "new WheelEvent('wheel', {deltaY: -200, ctrlKey: true, bubbles: true, cancelable: true,"
        " clientX: 300, clientY: 300})",
        "new MouseEvent('mousedown', {clientX: 300, clientY: 300, bubbles: true, view: window})",
    ):
        page.run(f"{frame}.dispatchEvent({event})")
    seen.append(page.run(state))
    for kind in ("mousemove", "mouseup"):
        page.run(
            f"window.dispatchEvent(new MouseEvent('{kind}', "
            "{clientX: 380, clientY: 340, bubbles: true, view: window}))"
        )
    seen.append(page.run(state))
    assert len({*seen}) == 3, seen
    page.run(
        "(() => { const fold = document.querySelector('select[aria-label=Fold]');"
        " fold.value = 'layer raw'; fold.dispatchEvent(new Event('change')); })()"
    )
    assert page.run(f"document.querySelector('{box('shop.read')}')") is None
    assert page.run("!!document.querySelector('.graph .box[aria-label^=\"layer raw, folded\"]')")


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_times_of_the_axis_stand_side_by_side(open_page: Any, size: Size) -> None:
    page = open_page(document_of_run(replace(make_run(), seconds=218.0)), size)
    page.click("#tab-timeline")
    overlapping = page.run(
        """(() => {
            const times = [...document.querySelectorAll('.timeline .axis')]
                .filter(one => / s$|^0$/.test(one.textContent) && one.getAttribute('y') < 20)
                .map(one => one.getBoundingClientRect());
            return times.slice(1).filter((one, at) => one.left < times[at].right + 4).length;
        })()"""
    )
    assert overlapping == 0


@in_browser
def test_the_page_is_dark_where_that_is_liked(open_page: Any, browser: Chromium) -> None:
    page = open_page(document_of_run(make_run()))
    of_body = "getComputedStyle(document.body).backgroundColor"
    light = page.run(of_body)
    browser.open(page.run("location.href"), scheme="dark")
    dark = page.run(of_body)
    browser.command("Emulation.setEmulatedMedia", features=[])
    shades = [sum(map(int, re.findall(r"\d+", one)[:3])) for one in (light, dark)]
    assert shades[0] > 600
    assert shades[1] < 200


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_checks_found_and_a_few_rows_are_on_the_page(
    open_page: Any, tmp_path: Path, size: Size
) -> None:
    frame = pd.DataFrame({"id": [1, 2], "price": [5.0, -2.0], "token": ["geheim"] * 2})
    entry = {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/orders.csv", "preview": True}
    checks = [{"not_null": "id"}, {"check": "price >= 0", "name": "price", "on_fail": "quarantine"}]
    catalog = DataCatalog.from_config({"orders": {**entry, "checks": checks}})
    with observing(JournalWriter(str(tmp_path / "runs"))):
        make = node(lambda: frame, None, "orders", name="make")
        SequentialRunner().run(pipeline([make]), catalog, session_id="r")
    document = document_of_run(Journal(str(tmp_path / "runs")).run())
    assert "geheim" not in json.dumps(document)
    page = open_page(document, size)
    assert "1 of 2 checks did not pass" in page.text(".answers")
    page.run("[...document.querySelectorAll('.answers button')].at(-1).click()")
    told = page.text(".details")
    for word in ("passed not_null id", "quarantined price", "1 of 2 rows did not pass", "rejected"):
        assert word in told
    assert page.text(".details .rows tbody") == "1\t5.0\t***"
    page.click(".close")
    page.run(
        "(() => { const by = document.querySelector('select[aria-label=\"Colour by\"]');"
        " by.value = 'checks'; by.dispatchEvent(new Event('change')); })()"
    )
    assert page.run(f"document.querySelector('{box('make')}').matches('.checks-quarantined')")
    page.click("#tab-data")
    assert "quarantined" in page.text("#panel-data")


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_known_of_a_data_set_is_told_with_its_rows_over_the_last_runs(
    open_page: Any, size: Size
) -> None:
    def with_version(run_id: str, rows: int, started: float, version: str) -> RunRecord:
        run = make_run(run_id, rows, started)
        (data,) = run.nodes["shop.tax"].data_sets
        tax = replace(run.nodes["shop.tax"], data_sets=(replace(data, version=version),))
        return replace(run, nodes={**run.nodes, "shop.tax": tax})

    earlier = [with_version("a", 10, 500.0, "6"), with_version("0", 5, 100.0, "5")]
    page = open_page(document_of_run(with_version("b", 20, 1000.0, "7"), earlier=earlier), size)
    page.click("#tab-data")
    row = "[...document.querySelectorAll('#panel-data tbody tr')]"
    row += ".find(one => one.innerText.startsWith('taxed'))"
    lines = page.run(f"[...{row}.querySelectorAll('svg')].map(one => one.ariaLabel)")
    assert lines == ["Rows over the last runs: 5, 10, 20"]
    told = page.run(f"{row}.innerText")
    for word in ("20", "180 B", "7", "shop.tax", "total", "pandas.CSVDataSet", "s3://***@bucket/x"):
        assert word in told
    page.run(f"{row}.querySelector('.link').click()")
    told = page.text(".details")
    for word in ("pandas.CSVDataSet", "Version\n7", "Place\ns3://***@bucket/x", "Size\n180 B"):
        assert word in told
    lines = page.run(
        "[...document.querySelectorAll('.details svg')].map(one => [one.ariaLabel,"
        " one.querySelector('polyline').getAttribute('points').split(' ').length])"
    )
    assert lines == [
        ["rows over the last runs: 5, 10, 20", 3],
        ["bytes over the last runs: 45 B, 90 B, 180 B", 3],
    ]
    assert "a\t10\t90 B\t6\n0\t5\t45 B\t5" in told


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_node_that_took_longer_than_before_is_in_the_comparison(
    open_page: Any, size: Size
) -> None:
    before = make_run("a", 20, 500.0)
    tax = before.nodes["shop.tax"]
    quick = replace(before, nodes={**before.nodes, "shop.tax": replace(tax, ended=503.01)})
    page = open_page(document_of_run(make_run(), compared=quick), size)
    assert "1 difference" in page.text(".answers")
    page.click("#tab-comparison")
    assert page.text("#panel-comparison tbody").split("\t") == [
        "shop.tax",
        "time",
        "1.0 s",
        "3.0 s",
    ]
    page.run("document.querySelector('#panel-comparison .link').click()")
    told = page.text(".details")
    assert "time 1.0 s → 3.0 s" in told
    assert "In the compared run\n1.0 s" in told


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_spark_jobs_and_stages_are_in_the_timeline_and_with_their_node(
    open_page: Any, size: Size
) -> None:
    page = open_page(document_of_run(make_run()), size)
    page.click("#tab-timeline")
    bar = '.timeline .bar[aria-label^="node shop.tax,"]'
    inside = {what: f"document.querySelectorAll('{bar} .{what}')" for what in ("job", "stage")}
    assert [page.run(f"{inside[what]}.length") for what in inside] == [2, 4]
    assert page.run(f"{inside['job']}[1].textContent") == "Job 1: save 1, 1.0 s"
    share = page.run(
        f"(() => {{ const whole = document.querySelector('{bar} .whole').getBoundingClientRect();"
        f" const job = {inside['job']}[1].getBoundingClientRect();"
        " return [(job.left - whole.left) / whole.width, job.width / whole.width]; })()"
    )
    assert share == pytest.approx([1.49 / 2.99, 1 / 2.99], abs=0.03)
    page.click(bar)
    told = page.text(".details .told")
    for word in ("2 Spark jobs", "Job 0, 1.0 s · save 0", "9 rows, 90 B", "5.0 kB", "111 ms"):
        assert word in told
    assert page.run("document.querySelectorAll('.told details[open]').length") == 1


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_advice_is_in_the_head_and_leads_to_its_node(open_page: Any, size: Size) -> None:
    run = make_run()
    tax = run.nodes["shop.tax"]
    job = replace(tax.jobs[0], stages=(skewed(tax.jobs[0].stages[0]),))
    nodes = {**run.nodes, "shop.tax": replace(tax, jobs=(job,))}
    page = open_page(document_of_run(replace(run, nodes=nodes)), size)
    page.run(
        "[...document.querySelectorAll('.answers button')]"
        ".find(one => one.innerText.startsWith('Advice')).click()"
    )
    assert page.text(".details h2") == "shop.tax"
    told = page.text(".details .advice")
    assert "skew: the longest of 8 tasks of stage 0 took 1 min 30 s" in told
    assert "One value of the key holds most rows" in told or "One part of what is read" in told


@in_browser
def test_the_graph_is_walked_and_opened_by_keys(open_page: Any) -> None:
    page = open_page(document_of_run(make_run()))
    page.run("document.querySelector('.graph .box[tabindex=\"0\"]').focus()")
    for _ in range(8):
        page.press("ArrowRight")
    page.press("Enter")
    assert page.run("document.activeElement.closest('.details') !== null")
    page.press("Escape")
    page.run("document.getElementById('tab-graph').focus()")
    page.press("ArrowRight")
    assert page.run("document.activeElement.id") == "tab-timeline"
    unnamed = "[...document.querySelectorAll('button, select, input, [role=button], [role=img]')]"
    unnamed += ".filter(e => !(e.getAttribute('aria-label') || e.innerText || e.closest('label')))"
    assert page.run(f"{unnamed}.length") == 0


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_names_values_and_errors_are_text(open_page: Any, size: Size) -> None:
    run = make_hostile()
    document = document_of_run(
        run, earlier=[replace(run, run_id="x")], compared=make_run(), project=HostileProject()
    )
    page = open_page(document, size)
    for tab in ("timeline", "nodes", "data", "comparison", "about", "graph"):
        page.click(f"#tab-{tab}")
        assert (
            page.run("document.querySelectorAll('#page script, #page img, #page iframe').length")
            == 0
        )
    page.run(
        "document.querySelectorAll('.graph .box')"
        ".forEach(b => b.dispatchEvent(new MouseEvent('click')))"
    )
    page.run("document.querySelector('.answers .bad button').click()")
    told = page.text(".details")
    assert told.count(HOSTILE) > 6
    assert f"return '{HOSTILE}'" in told
    page.click("#tab-data")
    page.run("document.querySelector('#panel-data .link').click()")
    assert HOSTILE in page.text(".details .rows tbody")
    assert f"{HOSTILE} NOT NULL" in page.text(".details")
    assert page.run("document.querySelectorAll('.details :is(script, img, b)').length") == 0
    assert page.run("window.hacked") is None
    assert page.run("document.title").endswith("x\u202ey")


@in_browser
def test_a_hostile_plan_is_text(open_page: Any) -> None:
    data = PlannedDataSet(*[HOSTILE] * 3, environment=HOSTILE, note=HOSTILE)
    nodes = (PlannedNode(HOSTILE, 0, (HOSTILE,), (data,), (data,), True, (HOSTILE,)),)
    planned = PlannedRun(*[HOSTILE] * 3, nodes, 1, (HOSTILE,))
    page = open_page(document_of_plan(planned, params={HOSTILE: HOSTILE}, project=HostileProject()))
    assert HOSTILE in page.text(".answers .bad")
    page.run("document.querySelector('.graph .box').dispatchEvent(new MouseEvent('click'))")
    assert HOSTILE in page.text(".details")
    assert page.run("document.querySelectorAll('#page :is(script, img)').length") == 0
    assert page.run("window.hacked") is None


@in_browser
@pytest.mark.parametrize("tab", ["graph", "timeline", "about"])
def test_on_paper_nothing_is_cut_off(open_page: Any, tab: str) -> None:
    page = open_page(document_of_run(make_chain(100)), Size(1600, 900))
    page.click(f"#tab-{tab}")
    # It is drawn in the window, and then printed: on A4 across, less its margins.
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    page.command("Emulation.setEmulatedMedia", media="print")
    page.run("document.body.style.width = '1031px'")
    for frame, parts in (
        (".graph-frame", ".graph .box"),
        (".panel-timeline", ".timeline .bar .whole"),
    ):
        beyond = page.run(
            f"""(() => {{
                const frame = document.querySelector('{frame}').getBoundingClientRect();
                const parts = [...document.querySelectorAll('{parts}')];
                const beyond = parts.map(one => one.getBoundingClientRect()).filter(one =>
                    one.right > frame.right + 1 || one.left < frame.left - 1
                    || one.bottom > frame.bottom + 1 || one.top < frame.top - 1);
                return [parts.length > 0, frame.width > 900, beyond.length];
            }})()"""
        )
        assert beyond == [True, True, 0], frame
    page.command("Emulation.setEmulatedMedia", media="")


@in_browser
def test_a_chain_of_a_hundred_nodes_is_small(open_page: Any) -> None:
    runs = [make_chain(100, str(number)) for number in range(6)]
    document = document_of_run(runs[0], earlier=runs[1:], compared=runs[1])
    assert len(page_of(document)) < 1_500_000
    page = open_page(document)
    assert page.run("document.querySelectorAll('.graph .box[aria-label^=node]').length") == 100


@in_browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_was_left_out_to_keep_the_page_small_is_told(open_page: Any, size: Size) -> None:
    class Long(Project):
        def about_node(self, name: str) -> dict[str, Any]:
            return {"code": f"def {name}():\n" + "    pass  # <&\n" * 5000}

        def columns_of(self, data_set: str) -> list[dict[str, str]]:
            column = {"type": "bigint", "comment": "of an order"}
            return [{"name": f"column_{number}", **column} for number in range(2000)]

    document = document_of_run(make_chain(100), project=Long())
    assert len(page_of(document).encode()) < 1_500_000
    page = open_page(document, size)
    page.run(f"document.querySelector('{box('part_0.step_1')}').dispatchEvent(new Event('click'))")
    told = page.text(".details")
    assert re.search(r"Left out, so that the page stays small: code: \d+ of 75\d+ char", told)
    code = page.run("document.querySelector('.details pre.code').textContent")
    assert code.startswith("def part_0.step_1():\n    pass  # <&\n")
    assert code.endswith("…")
    page.run(
        "[...document.querySelectorAll('.details .link')].find(b => b.innerText === 't1').click()"
    )
    told = page.text(".details")
    assert re.search(r"declared: \d+ of 2000\.", told)
    assert re.search(r"Columns, the first \d+\n", told)
