"""Nodes that a check ties together are in an order, or are named before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.plan import find_problems

KEPT = {"check": "fare > 0", "on_fail": "quarantine"}
REFERS = {"refers": {"line": "lines.code"}}


def make(*_: Any) -> int:
    return 1


def problems(folder: Path, nodes: list[Any], **trips: Any) -> list[str]:
    names = ("raw", "trips", "bad", "lines", "out", "more")
    entries: dict[str, Any] = {
        name: {"type": "pandas.CSVDataSet", "filepath": f"{folder}/{name}.csv"} for name in names
    }
    (folder / "raw.csv").write_text("fare,line\n1,a\n")
    (folder / "bad.csv").write_text("fare\n1\n")
    (folder / "lines.csv").write_text("code\na\n")
    entries["trips"] |= trips
    return find_problems(pipeline(nodes), DataCatalog.from_config(entries))


SAVE = node(make, "raw", "trips", name="save")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (node(make, "bad", "out", name="look"), "Node 'look' reads 'bad'"),
        (node(make, "raw", "bad", name="empty"), "Node 'empty' writes 'bad'"),
    ],
)
def test_nodes_beside_a_save_that_rejects_rows_are_named(
    tmp_path: Path, other: Any, told: str
) -> None:
    assert problems(tmp_path, [SAVE, other], checks=[KEPT], quarantine="bad") == [
        f"{told}, node 'save' writes rejected rows of 'trips' to it, and nothing orders them. "
        "Let one read the other's output."
    ]


def test_nodes_beside_a_check_that_refers_to_what_they_write_are_named(tmp_path: Path) -> None:
    fill = node(make, "raw", "lines", name="fill")
    assert problems(tmp_path, [SAVE, fill], checks=[REFERS]) == [
        "Node 'fill' writes 'lines', node 'save' checks 'trips' against it, and nothing orders "
        "them. Let one read the other's output."
    ]


@pytest.mark.parametrize(
    "others",
    [
        [node(make, ["bad", "trips"], "out")],
        [node(make, "trips", "bad")],
        [node(make, "lines", "out")],
        [node(make, "raw", "out"), node(make, "out", "more")],
        [],
    ],
)
def test_what_is_in_an_order_or_far_from_it_is_let_through(
    tmp_path: Path, others: list[Any]
) -> None:
    checks = [KEPT, REFERS]
    assert problems(tmp_path, [SAVE, *others], checks=checks, quarantine="bad") == []


def test_forms_of_one_data_set_are_one(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("code\na\n")
    csv = {"type": "pandas.CSVDataSet"}
    entries = {
        "trips": {**csv, "filepath": f"{tmp_path}/trips.csv", "checks": [REFERS]},
        "lines": {**csv, "filepath": f"{tmp_path}/lines.csv"},
        "lines@text": {"type": "text.TextDataSet", "filepath": f"{tmp_path}/lines.csv"},
    }
    nodes = [node(make, None, "trips", name="save"), node(make, None, "lines@text", name="fill")]
    (problem,) = find_problems(pipeline(nodes), DataCatalog.from_config(entries))
    assert problem.startswith("Node 'fill' writes 'lines', node 'save' checks 'trips' against it")


def test_a_node_that_only_reads_what_is_checked_rejects_nothing(tmp_path: Path) -> None:
    nodes = [node(make, "raw", "out", name="a"), node(make, "bad", "more", name="b")]
    (tmp_path / "trips.csv").write_text("fare\n1\n")
    nodes.append(node(make, "trips", None, name="c"))
    assert problems(tmp_path, nodes, checks=[KEPT], quarantine="bad") == []
