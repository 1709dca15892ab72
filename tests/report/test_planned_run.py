"""A planned run as values, as text, and in the languages of drawings."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node
from sparkpipe.plan import make_plan
from sparkpipe.report.planned import FORMATS, PlannedDataSet, PlannedNode, PlannedRun, planned_nodes
from sparkpipe.report.text import printable


def give(*inputs: Any) -> int:
    return 1


def planned(pipeline: Pipeline, catalog: DataCatalog | None = None, **decisions: Any) -> PlannedRun:
    nodes = planned_nodes(make_plan(pipeline), catalog or DataCatalog(), decisions)
    return PlannedRun("trips", "dev", "ThreadRunner", nodes)


def test_levels_follow_the_longest_way_and_reasons_are_told() -> None:
    whole = Pipeline(
        [
            node(give, "raw", "clean", name="clean", tags=["b", "a"]),
            node(give, ["clean", "params:fare"], "fares", name="fares"),
            node(give, ["raw", "fares"], "report", name="report"),
            node(give, None, "other", name="other"),
        ]
    )
    run = planned(whole, clean=(False, ("unchanged since run 7",)), fares=(True, ("code changed",)))
    levels = {one.name: one.level for one in run.nodes}

    assert levels == {"clean": 1, "fares": 2, "report": 3, "other": 1}
    assert run.nodes[[n.name for n in run.nodes].index("clean")].tags == ("a", "b")
    assert str(run).splitlines() == [
        "Pipeline 'trips' (dev, ThreadRunner):",
        "Level 1",
        "  clean",
        "    skipped  unchanged since run 7",
        "    loads    raw    MemoryDataSet  in memory",
        "    saves    clean  MemoryDataSet  in memory",
        "  other",
        "    saves    other  MemoryDataSet  in memory",
        "Level 2",
        "  fares",
        "    runs     code changed",
        "    loads    clean        MemoryDataSet  in memory",
        "             params:fare  parameter",
        "    saves    fares        MemoryDataSet  in memory",
        "Level 3",
        "  report",
        "    loads    raw     MemoryDataSet  in memory",
        "             fares   MemoryDataSet  in memory",
        "    saves    report  MemoryDataSet  in memory",
        "3 nodes to run, 1 skipped.",
    ]


def test_no_secret_of_a_place_is_told() -> None:
    entry = {
        "type": "json.JSONDataSet",
        "filepath": "https://store/a.json?sig=verysecret",
        "credentials": {"token": "verysecret"},
    }
    catalog = DataCatalog.from_config_lazily({"raw": entry})
    run = planned(Pipeline([node(give, "raw", "out", name="n")]), catalog)
    told = [*(run.to_text(form) for form in FORMATS), run._repr_html_(), str(run.as_dict())]

    assert "store/a.json?sig=***" in told[0]
    assert not [text for text in told if "verysecret" in text]


def test_what_cannot_be_made_is_planned_by_its_entry() -> None:
    catalog = DataCatalog.from_config_lazily({"raw": {"type": "nothing.here.Data"}})
    run = planned(Pipeline([node(give, "raw", "out", name="n")]), catalog)
    assert run.nodes[0].loads == (PlannedDataSet("raw", "nothing.here.Data"),)


def test_forms_of_a_data_set_are_one_in_a_drawing() -> None:
    whole = Pipeline([node(give, "a", "x@spark", name="1"), node(give, "x@pandas", "b", name="2")])
    run = planned(whole)
    assert run.to_text("mermaid").count('"x"') == 1
    assert run.to_text("dot").count('label="x"') == 1


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format 'yaml'"):
        planned(Pipeline([])).to_text("yaml")


def test_drawings_tell_why_a_node_runs_or_does_not() -> None:
    whole = Pipeline([node(give, "a", "b", name="one"), node(give, "b", "c", name="two")])
    reasons = ("params:x 1 → 2", 'output "c" <is> gone')
    run = planned(whole, one=(False, ("nothing has changed",)), two=(True, reasons))
    mermaid, dot = run.to_text("mermaid"), run.to_text("dot")
    assert 'n1["one<br/>nothing has changed"]' in mermaid
    assert 'n2["two<br/>params:x 1 #8594; 2<br/>output #34;c#34; #60;is#62; gone"]' in mermaid
    assert r'label="one\nnothing has changed", style=dashed' in dot
    assert r'label="two\nparams:x 1 → 2\noutput \"c\" <is> gone"' in dot


hostile = st.text(min_size=1) | st.sampled_from(
    ['"];x', "a\nb", "\\", '\\"', "#quot;", "&quot;", "`x`", "<b>", "end", "]])", "\x1b[31m", "%%"]
)


@given(st.lists(st.tuples(hostile, hostile), min_size=1, max_size=5), st.booleans())
def test_names_are_only_labels_in_drawings(names: list[tuple[str, str]], runs: bool) -> None:
    nodes = tuple(
        PlannedNode(name, 1, (), (), (PlannedDataSet(data, "t"),), runs) for name, data in names
    )
    run = PlannedRun("p", "e", "r", nodes)
    shown = [printable(name) for name, _ in names]

    mermaid = run.to_text("mermaid").split("\n")
    labels = [m[1] for line in mermaid if (m := re.fullmatch(r'  n\d+\["(.*)"\]', line))]
    assert [unescape(re.sub(r"#(\d+);", r"&#\1;", label)) for label in labels] == shown
    assert not [label for label in labels if re.search(r'["<>`]', label)]
    others = [line for line in mermaid[1:] if not re.match(r"  [nd]\d+(\[|\(\[)\"", line)]
    assert all(re.fullmatch(r"  (n\d+ --> d\d+|class(Def)? .*)", line) for line in others)

    dot = run.to_text("dot").split("\n")
    quoted = r'"((?:[^"\\]|\\.)*)"'
    found = [
        m[1]
        for line in dot
        if (m := re.fullmatch(rf"  n\d+ \[shape=box, label={quoted}(?:, style=dashed)?\];", line))
    ]
    assert [unescape(re.sub(r"\\(.)", r"\1", label)) for label in found] == shown


@given(hostile)
def test_names_are_escaped_in_a_notebook(name: str) -> None:
    run = PlannedRun(name, "e", "r", (PlannedNode(name, 1, (), (), ()),), problems=(name,))
    html = run._repr_html_()
    assert "<b>" not in html
    assert printable(name) in str(run)


def test_a_large_plan_is_written_at_once() -> None:
    # A thousand nodes take half a second of the processor; a square of them would take minutes.
    whole = Pipeline([node(give, [f"d{n}", "raw"], f"d{n + 1}", name=f"n{n}") for n in range(1000)])
    plan = make_plan(whole)
    started = time.process_time()
    run = PlannedRun("p", "e", "r", planned_nodes(plan, DataCatalog()))
    for form in FORMATS:
        run.to_text(form)
    assert time.process_time() - started < 10
    assert run.nodes[-1].level == 1000
