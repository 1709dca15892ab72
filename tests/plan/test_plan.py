"""The plan of a run: worked out before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.plan import find_problems, make_plan


def same(x: Any) -> Any:
    return x


def both(x: Any, y: Any) -> Any:
    return x


def two(x: Any) -> tuple[Any, Any]:
    return x, x


DIAMOND = pipeline(
    [
        node(two, "a", ["b", "c"], name="top"),
        node(same, "b", "d", name="left"),
        node(same, "c", "e", name="right"),
        node(both, ["d", "e"], "f", name="bottom"),
    ]
)


def _catalog(tmp_path: Path, *persisted: str) -> DataCatalog:
    entries = {
        name: {"type": "pickle.PickleDataSet", "filepath": str(tmp_path / name)}
        for name in persisted
    }
    catalog = DataCatalog.from_config(entries)
    for name in "abcdef":
        if name not in catalog:
            catalog.add(name, MemoryDataSet())
    return catalog


# What is shared


def test_what_more_than_one_node_reads_from_memory_is_shared(tmp_path: Path) -> None:
    fan = DIAMOND + pipeline([node(both, ["d", "b"], "g", name="also")])
    assert make_plan(fan).shared(_catalog(tmp_path)) == {
        "b": ("left", "also"),
        "d": ("also", "bottom"),
    }
    assert make_plan(fan).shared(_catalog(tmp_path, "b")) == {"d": ("also", "bottom")}


# Order


def test_a_plan_tells_what_waits_for_what() -> None:
    plan = make_plan(DIAMOND)
    assert [n.name for n in plan.nodes] == ["top", "left", "right", "bottom"]
    assert plan.waits_for == (0, 1, 1, 2)
    assert plan.children == ((1, 2), (3,), (3,), ())


def test_two_data_sets_between_the_same_nodes_are_one_edge() -> None:
    pipe = pipeline([node(two, "a", ["b", "c"], name="1"), node(both, ["b", "c"], "d", name="2")])
    plan = make_plan(pipe)
    assert plan.waits_for == (0, 1)
    assert plan.children == ((1,), ())


def test_transcoded_forms_make_an_edge() -> None:
    pipe = pipeline([node(same, "a", "b@spark", name="1"), node(same, "b@pandas", "c", name="2")])
    plan = make_plan(pipe)
    assert plan.waits_for == (0, 1)
    assert plan.readers == {"a": 1, "b@pandas": 1}


def test_the_empty_plan() -> None:
    plan = make_plan(Pipeline([]))
    assert (plan.nodes, plan.waits_for, plan.children) == ((), (), ())
    assert plan.releasable == frozenset()


@pytest.mark.slow
def test_the_order_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "from sparkpipe.pipeline import node, pipeline\n"
        "from sparkpipe.plan import make_plan\n"
        "f = lambda *x: x\n"
        "nodes = [node(f, ['a'], f'b{n}', name=f'n{n}') for n in range(30)]\n"
        "nodes += [node(f, [f'b{n}', f'b{n+1}'], f'c{n}', name=f'm{n}') for n in range(29)]\n"
        "plan = make_plan(pipeline(nodes))\n"
        "print([n.name for n in plan.nodes], plan.children)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1
    assert "n29" in told.pop()


# Release


def test_what_lies_between_nodes_is_releasable_and_the_ends_are_not() -> None:
    assert make_plan(DIAMOND).releasable == {"b", "c", "d", "e"}


def test_each_transcoded_form_is_releasable() -> None:
    pipe = pipeline(
        [
            node(same, "a", "b@spark", name="1"),
            node(same, "b@pandas", "c", name="2"),
            node(same, "c", "d", name="3"),
        ]
    )
    assert make_plan(pipe).releasable == {"b@spark", "b@pandas", "c"}


def test_readers_are_counted_by_node_not_by_argument() -> None:
    pipe = pipeline(
        [
            node(same, "a", "b", name="make"),
            node(both, ["b", "b"], "c", name="twice"),
            node(same, "b", "d", name="once"),
        ]
    )
    assert make_plan(pipe).readers == {"a": 1, "b": 2}


# Continuing


@pytest.mark.parametrize(
    ("completed", "persisted", "expected"),
    [
        ([], "", ["top"]),
        ([0], "bc", ["left", "right"]),
        ([0], "", ["top"]),
        ([0], "b", ["top"]),  # c was in memory only
        ([0, 1], "bc", ["left", "right"]),  # d was in memory only
        ([0, 1], "bcd", ["right"]),
        ([0, 1], "cd", ["right"]),  # b is not needed any more
        ([0, 1, 2], "bcde", ["bottom"]),
        ([0, 1, 2], "de", ["bottom"]),
        ([0, 1, 2], "d", ["top"]),
        ([0, 1, 2, 3], "", []),
    ],
)
def test_resume_from(
    tmp_path: Path, completed: list[int], persisted: str, expected: list[str]
) -> None:
    plan = make_plan(DIAMOND)
    assert list(plan.resume_from(completed, _catalog(tmp_path, *persisted))) == expected


def test_what_was_transcoded_is_looked_up_under_the_name_it_was_written() -> None:
    pipe = pipeline([node(same, "a", "b@one", name="1"), node(same, "b@two", "c", name="2")])
    entries = {
        f"b@{form}": {"type": "pickle.PickleDataSet", "filepath": "b.pkl"}
        for form in ("one", "two")
    }
    catalog = DataCatalog.from_config(entries)
    catalog.add_feed_dict({"a": 1, "c": MemoryDataSet()})
    assert make_plan(pipe).resume_from([0], catalog) == ("2",)


def test_who_reads_what_is_confirmed_reads_again(tmp_path: Path) -> None:
    pipe = pipeline(
        [
            node(same, "news", "a", name="read"),
            node(same, "other", "b", name="apart"),
            node(same, "a", "c", name="work"),
            node(same, "c", "d", name="tell", confirms="news"),
        ]
    )
    plan = make_plan(pipe)
    catalog = _catalog(tmp_path, "a", "b", "c", "d")
    done = [plan.nodes.index(node) for node in plan.nodes if node.name in ("read", "apart")]
    assert plan.resume_from(done, catalog) == ("read",)
    assert plan.lost_by(done, catalog) == ()


# Problems


def test_a_pipeline_that_can_run_has_no_problems() -> None:
    assert find_problems(DIAMOND, DataCatalog(feed_dict={"a": 1})) == []


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config_lazily(
        {
            "orders": {"type": "pandas.CSVDataSet", "filepath": str(tmp_path / "orders.csv")},
            "no_class": {"type": "pandas.CSVDatSet", "filepath": "x.csv"},
            "no_option": {"type": "pandas.CSVDataSet", "filepat": "x.csv"},
            "no_format": {
                "type": "spark.SparkDataSet",
                "filepath": "x",
                "file_format": "parqet",
            },
            "unused": {"type": "not.there.DataSet"},
        }
    )
    catalog.add_feed_dict({"params:limit": 3})
    pipe = pipeline(
        [
            node(both, ["orders", "params:limt"], "no_class", name="first"),
            node(both, ["ordrs", "no_option"], "no_format", name="second"),
        ]
    )
    problems = find_problems(pipe, catalog)
    for told in (
        "CSVDatSet",
        "no option 'filepat'. Did you mean 'filepath'?",
        "'parqet' is not known. Did you mean 'parquet'?",
        "parameter 'limt' that node 'first' needs is not set. Did you mean '",
        "'ordrs'",
        "Did you mean 'orders'?",
        "'orders' of node 'first' (CSVDataSet): the file does not exist",
    ):
        assert sum(told in problem for problem in problems) == 1, (told, problems)
    assert len(problems) == 6
    assert "not.there" not in str(problems)


def test_an_input_that_many_nodes_read_is_told_once() -> None:
    pipe = pipeline([node(same, "x", f"y{n}", name=f"n{n}") for n in range(7)])
    (problem,) = find_problems(pipe, DataCatalog())
    assert "nodes 'n0', 'n1', 'n2' and 4 more" in problem


def test_what_a_node_makes_need_not_exist(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataSet", "filepath": str(tmp_path / "b.pkl")}
    catalog = DataCatalog.from_config({"b": entry})
    catalog.add_feed_dict({"a": 1})
    pipe = pipeline([node(same, "a", "b", name="1"), node(same, "b", "c", name="2")])
    assert find_problems(pipe, catalog) == []


def test_each_form_of_transcoded_data_needs_an_entry(tmp_path: Path) -> None:
    entry = {"type": "pickle.PickleDataSet", "filepath": str(tmp_path / "b.pkl")}
    catalog = DataCatalog.from_config({"b@one": entry})
    catalog.add_feed_dict({"a": 1})
    pipe = pipeline([node(same, "a", "b@one", name="1"), node(same, "b@two", "c", name="2")])
    (problem,) = find_problems(pipe, catalog)
    assert problem.startswith("'b@two' is one form of 'b' and needs an entry of its own")


class Confirmable(MemoryDataSet):
    def confirm(self) -> None:
        """Nothing to remember."""


def test_what_is_confirmed_can_be() -> None:
    confirms = pipeline(
        [
            node(same, "new", "a", name="takes", confirms="new"),
            node(same, "a", "b", name="forgets", confirms="kept"),
            node(same, "b", "c", name="misspells", confirms="knew"),
        ]
    )
    catalog = DataCatalog({"new": Confirmable(1), "kept": MemoryDataSet(1)})
    assert find_problems(confirms, catalog) == [
        "Node 'forgets' confirms 'kept' (MemoryDataSet), which cannot be confirmed. Only data sets "
        "that remember what was read can be, as IncrementalDataSet.",
        "Node 'misspells' confirms 'knew', which is not in the catalog. Did you mean 'new'?",
    ]


def test_what_is_confirmed_unread_is_told(caplog: pytest.LogCaptureFixture) -> None:
    whole = pipeline(
        [
            node(same, "new@rows", "a", name="takes"),
            node(same, "a", "b", name="deals", confirms="new"),
        ]
    )
    catalog = DataCatalog(
        {"new": Confirmable(1), "new@rows": Confirmable(1), "a": MemoryDataSet(1)}
    )
    assert find_problems(whole, catalog) == []
    assert caplog.messages == []
    assert find_problems(whole.from_nodes("deals"), catalog) == []
    assert caplog.messages == [
        "Node 'deals' confirms 'new', which no node of this run reads: what has come since it was "
        "read counts as dealt with, too."
    ]


def test_many_missing_inputs_are_all_told_and_a_few_guessed_at() -> None:
    many = pipeline([node(same, f"inptu{n}", f"out{n}", name=f"n{n}") for n in range(300)])
    catalog = DataCatalog({f"input{n}": MemoryDataSet(1) for n in range(300)})
    problems = find_problems(many, catalog)
    assert len(problems) == 300
    assert sum("Did you mean 'input" in problem for problem in problems) == 10


def test_nothing_is_loaded_to_find_problems() -> None:
    from sparkpipe.io import LambdaDataSet

    def load() -> int:
        raise AssertionError("loaded")

    assert find_problems(DIAMOND, DataCatalog({"a": LambdaDataSet(load)})) == []
