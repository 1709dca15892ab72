"""``sparkpipe report`` and what ``sparkpipe viz`` serves: a run as a page."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from cli_project import ShopProject

from sparkpipe.report.page.serving import PageServer
from sparkpipe.session import Session
from sparkpipe.session.showing import RunDocuments


def told_in(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8").partition('id="document">')[2].partition("</script>")[0]
    document: dict[str, Any] = json.loads(text)
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in document["nodes"]}


def test_a_run_is_one_file_and_compared_with_the_one_before(shop: ShopProject) -> None:
    shop.write("conf/base/parameters.yml", "factor: 2\npassword: geheim\n")
    assert shop.command("run").status == 0
    shop.replace("shop/nodes.py", "return str(report).upper()", "raise ValueError('no voice')")
    assert shop.command("run", "--params", "factor:3").status == 1
    said = shop.command("report", "-o", "page.html")
    assert (said.status, said.out) == (0, "Wrote page.html\n")
    document = told_in(shop.path / "page.html")
    assert states(document) == {"double": "done", "total": "done", "shout": "failed"}
    double, _, shout = document["nodes"]
    assert double["params"] == {"params:factor": 3}
    assert "raise ValueError('no voice')" in shout["code"]
    assert "shop/nodes.py" in shout["error"]["location"]
    told = {(one["kind"], one["where"]) for one in document["comparison"]["differences"]}
    assert {("parameter", "factor"), ("state", "shout")} <= told
    assert any(kind == "code" and where.startswith("shout") for kind, where in told)
    assert "geheim" not in (shop.path / "page.html").read_text(encoding="utf-8")
    first = document["comparison"]["run_id"]
    assert shop.command("report", first).out == f"Wrote .sparkpipe/reports/{first}.html\n"
    assert told_in(shop.path / f".sparkpipe/reports/{first}.html")["comparison"] is None


def test_a_run_is_shown_where_the_project_cannot_be_loaded(shop: ShopProject) -> None:
    assert shop.command("run").status == 0
    shop.write("shop/nodes.py", "this is no Python")
    assert shop.command("report", "-o", "page.html").status == 0
    document = told_in(shop.path / "page.html")
    assert set(states(document).values()) == {"done"}
    assert not any("code" in one for one in document["nodes"])


def test_a_plan_is_a_page_too(shop: ShopProject) -> None:
    assert shop.command("report", "--plan", "-o", "sub/plan.html").status == 0
    document = told_in(shop.path / "sub/plan.html")
    assert document["kind"] == "plan"
    assert set(states(document).values()) == {"runs"}
    assert not (shop.path / ".sparkpipe").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "There is no run in"),
        (["--plan", "x"], "A plan is of no run"),
        (["-p", "x"], "--pipeline is for --plan"),
    ],
)
def test_what_cannot_be_shown_is_told(shop: ShopProject, given: list[str], said: str) -> None:
    ended = shop.command("report", *given)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.text


def test_the_page_is_served_to_those_with_the_token_only(shop: ShopProject) -> None:
    assert shop.command("run").status == 0
    documents = RunDocuments(Session.create(project_path=shop.path))
    with PageServer(documents.read, follows=True) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            page = urllib.request.urlopen(server.address).read().decode()
            assert 'data-follow="document"' in page
            first = json.load(urllib.request.urlopen(f"{server.address}document"))
            assert shop.command("run", "--nodes=double").status == 0
            second = json.load(urllib.request.urlopen(f"{server.address}document"))
            assert first["run"]["run_id"] < second["run"]["run_id"]
            elsewhere = f"http://127.0.0.1:{server.server_port}/"
            rebound = urllib.request.Request(server.address, headers={"Host": "evil.example"})
            for address in (elsewhere, f"{elsewhere}guess/", f"{server.address}x", rebound):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    urllib.request.urlopen(address)
        finally:
            server.shutdown()
