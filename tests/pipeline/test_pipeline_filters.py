"""Parts of a pipeline: each filter gives a pipeline, and names what it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dags import dags, step
from hypothesis import given
from hypothesis import strategies as st

import sparkpipe
from sparkpipe.errors import PipelineError
from sparkpipe.pipeline import Pipeline, node, pipeline


@pytest.fixture
def shop() -> Pipeline:
    #   orders ── clean ── cleaned ─┬─ join ── joined ── report
    #   customers ── tidy ── tidied ┘             └───── plot
    return Pipeline(
        [
            node(step, "orders", "cleaned", name="clean", tags=["prepare", "slow"]),
            node(step, "customers", "tidied", name="tidy", tags="prepare"),
            node(step, ["cleaned", "tidied"], "joined", name="join"),
            node(step, ["joined", "params:top"], "summary", name="report", tags="slow"),
            node(step, "joined", None, name="plot", namespace="pictures.flat"),
        ]
    )


def names(made: Pipeline) -> set[str]:
    return {n.name for n in made.nodes}


@pytest.mark.parametrize(
    ("method", "arguments", "kept"),
    [
        ("only_nodes", ["join", "tidy"], {"join", "tidy"}),
        ("only_nodes_with_tags", ["slow"], {"clean", "report"}),
        ("only_nodes_with_tags", ["slow", "prepare"], {"clean", "report", "tidy"}),
        ("only_nodes_with_namespace", ["pictures"], {"pictures.flat.plot"}),
        ("only_nodes_with_namespace", ["pictures.flat"], {"pictures.flat.plot"}),
        ("only_nodes_with_inputs", ["joined"], {"report", "pictures.flat.plot"}),
        ("only_nodes_with_inputs", ["params:top", "orders"], {"report", "clean"}),
        ("only_nodes_with_outputs", ["joined", "cleaned"], {"join", "clean"}),
        ("from_nodes", ["tidy"], {"tidy", "join", "report", "pictures.flat.plot"}),
        ("to_nodes", ["join"], {"clean", "tidy", "join"}),
        ("from_inputs", ["cleaned"], {"join", "report", "pictures.flat.plot"}),
        ("from_inputs", ["params:top"], {"report"}),
        ("to_outputs", ["tidied"], {"tidy"}),
        ("to_outputs", ["summary"], {"clean", "tidy", "join", "report"}),
    ],
)
def test_filters_keep(shop: Pipeline, method: str, arguments: list[str], kept: set[str]) -> None:
    assert names(getattr(shop, method)(*arguments)) == kept


def test_filters_together_keep_what_each_keeps(shop: Pipeline) -> None:
    kept = shop.filter(tags=["slow"], to_nodes=["join"], from_inputs=["orders"])
    assert names(kept) == {"clean"}
    assert shop.filter() == shop
    assert names(shop.filter(node_namespace="pictures")) == {"pictures.flat.plot"}


def test_filters_that_leave_nothing_are_refused(shop: Pipeline) -> None:
    with pytest.raises(PipelineError, match="No node is left") as error:
        shop.filter(tags=["fast"])
    assert "prepare, slow" in str(error.value)
    with pytest.raises(PipelineError, match="No node is left"):
        shop.filter(node_names=["clean"], from_nodes=["report"])


@pytest.mark.parametrize(
    ("method", "unknown", "meant"),
    [
        ("only_nodes", "clena", "clean"),
        ("from_nodes", "joins", "join"),
        ("to_nodes", "reports", "report"),
        ("from_inputs", "order", "orders"),
        ("to_outputs", "summery", "summary"),
        ("only_nodes_with_inputs", "params:tpo", "params:top"),
        ("only_nodes_with_outputs", "Joined", "joined"),
        ("only_nodes_with_namespace", "pictures.flta", "pictures.flat"),
    ],
)
def test_unknown_name_is_told_with_the_nearest(
    shop: Pipeline, method: str, unknown: str, meant: str
) -> None:
    with pytest.raises(PipelineError) as error:
        getattr(shop, method)(unknown)
    assert f"'{unknown}'" in str(error.value)
    assert f"Did you mean '{meant}'?" in str(error.value)


def test_node_may_be_meant_in_a_namespace(shop: Pipeline) -> None:
    with pytest.raises(PipelineError, match=r"Did you mean 'pictures\.flat\.plot'\?"):
        shop.only_nodes("plot")


def test_one_name_is_one_name_and_not_its_letters(shop: Pipeline) -> None:
    assert names(shop.filter(tags="slow", to_nodes="join")) == {"clean"}  # type: ignore[arg-type]
    assert names(shop.filter(node_names="tidy")) == {"tidy"}


def test_namespace_of_no_name_is_refused(shop: Pipeline) -> None:
    for namespace in ("", "pict", "pictures.fl"):
        with pytest.raises(PipelineError, match="No node has the namespace"):
            shop.only_nodes_with_namespace(namespace)


FILTERS = ("tags", "from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs")


@given(dags(), st.data())
def test_filters_keep_what_each_of_them_keeps(nodes: Any, data: Any) -> None:
    whole = Pipeline(nodes)
    each = st.sampled_from([n.name for n in whole.nodes])
    candidates = {
        "tags": st.sampled_from(["red", "green"]),
        "from_inputs": st.sampled_from(sorted(whole.all_inputs() or whole.data_sets())),
        "to_outputs": st.sampled_from(sorted(whole.all_outputs())),
    }
    given_ = {name: data.draw(st.lists(candidates.get(name, each), max_size=3)) for name in FILTERS}
    alone = {
        "tags": whole.only_nodes_with_tags,
        "from_nodes": whole.from_nodes,
        "to_nodes": whole.to_nodes,
        "node_names": whole.only_nodes,
        "from_inputs": whole.from_inputs,
        "to_outputs": whole.to_outputs,
    }
    expected = whole
    for name, values in given_.items():
        if values:
            expected &= alone[name](*values)
    if not expected:
        with pytest.raises(PipelineError, match="No node is left"):
            whole.filter(**given_)
        return
    kept = whole.filter(**given_)
    assert kept == expected
    assert set(kept.nodes) <= set(whole.nodes)
    # What is left of a dependency is as it was.
    dependencies = whole.node_dependencies
    for node_, parents in kept.node_dependencies.items():
        assert parents == dependencies[node_] & set(kept.nodes)


def test_all_unknown_names_are_told(shop: Pipeline) -> None:
    with pytest.raises(PipelineError, match="'nowhere', 'never'"):
        shop.only_nodes("nowhere", "clean", "never")


@given(dags(), st.data())
def test_filters_give_parts_of_the_pipeline(nodes: Any, data: Any) -> None:
    whole = Pipeline(nodes)
    name = data.draw(st.sampled_from([n.name for n in whole.nodes]))
    chosen = next(n for n in whole.nodes if n.name == name)
    for part in (
        whole.only_nodes(name),
        whole.from_nodes(name),
        whole.to_nodes(name),
        whole.to_outputs(*chosen.outputs),
        whole.only_nodes_with_tags("red"),
    ):
        assert part & whole == part
        shown = [str(n) for n in whole.nodes if n in set(part.nodes)]
        assert {str(n) for n in part.nodes} == set(shown)  # the names stay those of the whole
    assert whole.from_nodes(name) & whole.to_nodes(name) == whole.only_nodes(name)


@given(dags(), st.data())
def test_reaching_agrees_with_the_dependencies(nodes: Any, data: Any) -> None:
    whole = Pipeline(nodes)
    start = data.draw(st.sampled_from(whole.nodes))
    dependencies = whole.node_dependencies
    below = {start}
    for each in whole.nodes:  # in topological order
        if dependencies[each] & below:
            below.add(each)
    assert set(whole.from_nodes(start.name).nodes) == below
    above = {start}
    for each in reversed(whole.nodes):
        if whole.children[each] & above:
            above.add(each)
    assert set(whole.to_nodes(start.name).nodes) == above


@given(dags())
def test_layers_need_only_earlier_ones(nodes: Any) -> None:
    whole = Pipeline(nodes)
    done: set[Any] = set()
    for layer in whole.grouped_nodes:
        for each in layer:
            assert whole.node_dependencies[each] <= done
        done |= set(layer)
    assert done == set(nodes)


# Tags


def test_tags_of_a_pipeline_are_put_on_every_node() -> None:
    made = Pipeline([node(step, "a", "b", name="n", tags="old")], tags=["new", "more"])
    assert [n.tags for n in made.nodes] == [{"old", "new", "more"}]
    assert made.tags == {"old", "new", "more"}


def test_one_tag_is_one_tag_and_not_its_letters() -> None:
    assert pipeline([node(step, "a", "b")], tags="slow").tags == {"slow"}
    assert Pipeline([node(step, "a", "b")]).tag("slow").tags == {"slow"}


def test_tagging_makes_another_pipeline(shop: Pipeline) -> None:
    tagged = shop.tag("all")
    assert names(tagged.only_nodes_with_tags("all")) == names(shop)
    assert not shop.only_nodes_with_tags("all")


# What a pipeline tells of itself


def test_layers_that_were_handed_out_may_be_changed(shop: Pipeline) -> None:
    shop.grouped_nodes[0].clear()
    shop.grouped_nodes.clear()
    assert [len(layer) for layer in shop.grouped_nodes] == [2, 1, 2]
    assert len(shop.nodes) == 5


def test_json_tells_the_nodes_in_their_order(shop: Pipeline) -> None:
    told = json.loads(shop.to_json())
    assert told["sparkpipe_version"] == sparkpipe.__version__
    assert [each["name"] for each in told["pipeline"]] == [n.name for n in shop.nodes]
    assert told["pipeline"][0] == {
        "name": "clean",
        "inputs": ["orders"],
        "outputs": ["cleaned"],
        "tags": ["prepare", "slow"],
    }


def test_describe_tells_inputs_nodes_in_order_and_outputs(shop: Pipeline) -> None:
    assert shop.describe().splitlines() == [
        "Inputs: customers, orders, params:top",
        "",
        "clean",
        "tidy",
        "join",
        "pictures.flat.plot",
        "report",
        "",
        "Outputs: summary",
    ]


def test_describe_may_tell_whole_nodes(shop: Pipeline) -> None:
    assert "join: step([cleaned,tidied]) -> [joined]" in shop.describe(names_only=False)


def test_describe_of_nothing() -> None:
    assert Pipeline([]).describe().split() == ["Inputs:", "none", "Outputs:", "none"]


def test_repr_of_a_large_pipeline_is_short() -> None:
    made = Pipeline([node(step, None, f"d{i}", name=f"n{i:03}") for i in range(200)])
    assert "... 190 more" in repr(made)
    assert len(repr(made).splitlines()) < 20


def test_iteration_length_and_membership(shop: Pipeline) -> None:
    assert list(shop) == shop.nodes
    assert len(shop) == 5
    assert shop.nodes[0] in shop
    assert node(step, "q", "r") not in shop
