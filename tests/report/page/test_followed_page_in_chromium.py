"""A page that follows a run, in Chromium."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from chromium import MISSING, PROGRAM, Chromium, box
from runs_to_show import make_run

from sparkpipe.journal.records import Outcome
from sparkpipe.report.page import document_of_run
from sparkpipe.report.page.serving import PageServer

pytestmark = pytest.mark.slow  # a browser of its own

in_browser = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@in_browser
def test_a_followed_page_shows_what_has_happened_since(browser: Chromium) -> None:
    run = make_run()
    begun = replace(run.nodes["total"], status="running", error=None, ended=0.0)
    # What has just begun has taken no time yet.
    begun = replace(begun, started=run.started + run.seconds, load_seconds=0.0)
    begun = replace(begun, function_seconds=0.0, save_seconds=0.0)
    now = [replace(run, outcome="running", nodes={**run.nodes, "total": begun})]
    browser.errors.clear()
    with PageServer(lambda: document_of_run(now[0]), follows=True) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        browser.open(server.address)
        assert browser.text(".live") == "live"
        browser.click("#tab-timeline")
        browser.run("document.querySelector('.timeline .bar[aria-label^=\"node total,\"]').focus()")
        browser.press("Enter")
        assert "Most of it" not in browser.text(".details")
        assert browser.run("document.querySelectorAll('.timeline .bar').length") == 4
        now[0] = run
        browser.wait("!!document.querySelector('.answers .bad')")
        server.shutdown()
    assert browser.errors == []


@in_browser
@pytest.mark.parametrize("outcome", ["running", "unfinished"])
def test_time_goes_by_on_a_followed_page_and_a_failed_reading_does_not_end_it(
    browser: Chromium, outcome: Outcome
) -> None:
    run = make_run()
    begun = replace(run.nodes["total"], status="running", error=None, ended=0.0)
    begun = replace(begun, load_seconds=0.0, function_seconds=0.0, save_seconds=0.0)
    record = replace(run, outcome=outcome, nodes={**run.nodes, "total": begun})
    passed: list[float | None] = [10.0]

    def read() -> dict[str, Any]:
        if passed[0] is None:
            raise OSError("no network just now")
        return document_of_run(record, now=run.started + passed[0])

    with PageServer(read, follows=True) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        browser.open(server.address)
        assert "10.0 s" in browser.text(".facts")
        assert "5.0 s" in browser.text(".answers")
        browser.run(f"document.querySelector({json.dumps(box('total'))}).focus()")
        browser.press("Enter")
        passed[0] = 3600.0
        browser.wait("document.querySelector('.facts').innerText.includes('1 h 00 min')")
        assert "59 min 55 s" in browser.text(".answers")
        assert "total" in browser.text(".details h2")
        browser.press("Escape")
        # What is drawn has the focus, so it is left as it is until something happens.
        focused = browser.run("document.activeElement.getAttribute('aria-label')")
        assert focused.startswith("node total,")
        passed[0] = None
        browser.wait("document.querySelector('.live').innerText.startsWith('not reached')")
        passed[0] = 3606.0
        browser.wait("document.querySelector('.live').innerText === 'live'")
        assert f" {outcome}" in browser.text("h1")
        passed[0] = 7200.0
        if outcome == "running":
            browser.wait("document.querySelector('.facts').innerText.includes('2 h 00 min')")
        else:  # nobody can tell whether its process lives, and nothing was heard of it
            browser.wait("document.querySelector('.live').innerText === 'followed'")
            assert " died" in browser.text("h1")
            assert "total" in browser.text(".answers .bad")
        server.shutdown()
