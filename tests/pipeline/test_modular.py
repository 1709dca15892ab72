"""One pipeline used more than once: namespaces and other names."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from dags import dags, step
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.errors import ModularPipelineError, PipelineError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, modular_pipeline, node, pipeline
from sparkpipe.pipeline.node import Node
from sparkpipe.runner import SequentialRunner


@pytest.fixture
def model() -> Pipeline:
    #   table ── split ─┬─ train ── fit ── fitted ─┬─ score ── result
    #                   └─ test ───────────────────┘
    return pipeline(
        [
            node(step, ["table", "params:ratio"], ["train", "test"], name="split", tags="prepare"),
            node(step, ["train", "parameters"], "fitted", name="fit"),
            node(step, ["fitted", "test"], "result"),
        ]
    )


def shown(made: Pipeline) -> list[str]:
    return [str(each) for each in made.nodes]


def test_namespace_is_put_before_all_names(model: Pipeline) -> None:
    made = pipeline(model, namespace="churn")
    assert shown(made) == [
        "churn.split: step([churn.table,params:churn.ratio]) -> [churn.train,churn.test]",
        "churn.fit: step([churn.train,parameters]) -> [churn.fitted]",
        "churn.step: step([churn.fitted,churn.test]) -> [churn.result]",
    ]
    assert {each.namespace for each in made.nodes} == {"churn"}
    assert [each.short_name for each in made.nodes] == ["split", "fit", "step"]


def test_names_that_are_given_stay(model: Pipeline) -> None:
    made = pipeline(
        model, inputs="table", outputs={"fitted", "result"}, parameters="ratio", namespace="churn"
    )
    assert made.inputs() == {"table", "params:ratio", "parameters"}
    assert made.outputs() == {"result"}
    assert made.all_outputs() == {"churn.train", "churn.test", "fitted", "result"}


def test_names_may_be_changed(model: Pipeline) -> None:
    made = pipeline(
        model,
        inputs={"table": "customers"},
        outputs={"fitted": "churn_model"},
        parameters={"ratio": "share", "params:ratio": "share"},
        namespace="churn",
    )
    assert made.inputs() == {"customers", "params:share", "parameters"}
    assert made.all_outputs() == {"churn.train", "churn.test", "churn_model", "churn.result"}


def test_names_may_be_changed_without_a_namespace(model: Pipeline) -> None:
    made = pipeline(model, inputs={"table": "customers"}, parameters={"params:ratio": "params:r"})
    assert made.inputs() == {"customers", "params:r", "parameters"}
    assert made.all_outputs() == model.all_outputs()
    assert [each.name for each in made.nodes] == [each.name for each in model.nodes]


@pytest.mark.parametrize("names", ["table", ["table"], {"table"}, ("table",), {"table": "table"}])
def test_names_may_be_given_in_every_way(model: Pipeline, names: Any) -> None:
    made = pipeline(model, inputs=names, namespace="churn")
    assert {"table", "params:churn.ratio", "parameters"} == made.inputs()


@pytest.mark.parametrize("names", ["params:ratio", "ratio", {"ratio", "parameters"}])
def test_parameters_go_with_or_without_their_prefix(model: Pipeline, names: Any) -> None:
    made = pipeline(model, parameters=names, namespace="churn")
    assert {"params:ratio", "parameters"} <= made.inputs()


def test_one_parameter_of_a_dictionary_is_a_name_of_its_own() -> None:
    made = pipeline([node(step, "params:model.depth", "out")], namespace="churn")
    assert made.inputs() == {"params:churn.model.depth"}


def test_nothing_asked_for_is_the_pipeline_of_the_nodes(model: Pipeline) -> None:
    assert pipeline(model) == model
    assert pipeline(list(model)) == model
    assert pipeline([model, node(step, "q", "r")]).all_outputs() == model.all_outputs() | {"r"}
    assert pipeline(model, namespace="") == model


def test_tags_are_put_on_every_node(model: Pipeline) -> None:
    for namespace in (None, "churn"):
        made = pipeline(model, tags=["daily"], namespace=namespace)
        assert {each.short_name: each.tags for each in made.nodes} == {
            "split": {"prepare", "daily"},
            "fit": {"daily"},
            "step": {"daily"},
        }
    assert model.tags == {"prepare"}


def test_how_a_node_runs_goes_with_it() -> None:
    given_ = node(step, "a", "b", confirms="a", pool="slow", timeout=3, retries=2, retry_delay=5)
    made = pipeline([given_], namespace="ns").nodes[0]
    assert (made.pool, made.timeout, made.retries, made.retry_delay) == ("slow", 3, 2, 5)
    assert made.confirms == ["ns.a"]  # the name that the data set has now
    assert pipeline([given_], inputs="a", namespace="ns").nodes[0].confirms == ["a"]


def test_dictionaries_of_names_keep_their_keys() -> None:
    made = pipeline(
        [node(lambda x, y: {"k": x}, {"x": "a", "y": "params:b"}, {"k": "c"})], namespace="ns"
    )
    assert made.nodes[0].keyword_arguments == (("x", "ns.a"), ("y", "params:ns.b"))
    assert made.nodes[0].run({"ns.a": 1, "params:ns.b": 2}) == {"ns.c": 1}


def test_one_pipeline_runs_twice_beside_itself() -> None:
    def scaled(x: int, factor: int) -> int:
        return x * factor

    base = pipeline([node(scaled, ["x", "params:factor"], "y"), node(scaled, ["y", "y"], "z")])
    both = sum(
        pipeline(base, inputs={"x": "number"}, outputs={"z": f"{name}_z"}, namespace=name)
        for name in ("one", "two")
    )
    catalog = DataCatalog(
        feed_dict={"number": 3, "params:one.factor": 2, "params:two.factor": 10},
    )
    assert SequentialRunner().run(both, catalog) == {"one_z": 36, "two_z": 900}


# Namespaces in one another


def test_namespaces_stand_in_one_another(model: Pipeline) -> None:
    inner = pipeline(model, inputs="table", namespace="churn")
    made = pipeline([inner], namespace="spain", inputs={"table": "customers"})
    assert {each.namespace for each in made.nodes} == {"spain.churn"}
    assert made.inputs() == {"customers", "params:spain.churn.ratio", "parameters"}
    assert made.outputs() == {"spain.churn.result"}
    assert made.only_nodes_with_namespace("spain") == made
    assert made.only_nodes_with_namespace("spain.churn") == made


def test_what_an_inner_namespace_exposes_goes_by_its_name_there(model: Pipeline) -> None:
    inner = pipeline(model, namespace="churn")
    made = pipeline(inner, outputs={"churn.result": "result"}, namespace="spain")
    assert made.outputs() == {"result"}


@given(dags(), st.sampled_from(["ns", "a.b"]))
def test_namespacing_keeps_the_shape(nodes: list[Node], namespace: str) -> None:
    whole = Pipeline(nodes)
    made = pipeline(whole, namespace=namespace)
    inside = f"{namespace}."
    assert {
        n.outputs[0]: {p.outputs[0] for p in ps} for n, ps in made.node_dependencies.items()
    } == {
        inside + n.outputs[0]: {inside + p.outputs[0] for p in ps}
        for n, ps in whole.node_dependencies.items()
    }
    assert made.inputs() == {inside + name for name in whole.inputs()}
    assert made.outputs() == {inside + name for name in whole.outputs()}
    assert [len(layer) for layer in made.grouped_nodes] == [len(lr) for lr in whole.grouped_nodes]
    assert made & whole == Pipeline([])


@given(dags())
def test_a_namespace_in_another_is_both_at_once(nodes: list[Node]) -> None:
    assert pipeline(pipeline(nodes, namespace="b"), namespace="a") == pipeline(
        nodes, namespace="a.b"
    )


@given(dags(), st.data())
def test_names_that_are_given_are_all_that_two_namespaces_share(
    nodes: list[Node], data: Any
) -> None:
    whole = Pipeline(nodes)
    inputs = data.draw(st.sets(st.sampled_from(sorted(whole.inputs() | {""})))) - {""}
    one, two = (pipeline(whole, inputs=inputs, namespace=name) for name in ("one", "two"))
    assert one.data_sets() & two.data_sets() == inputs
    assert len(one + two) == 2 * len(whole)


# Transcoding


@pytest.fixture
def forms() -> Pipeline:
    return pipeline(
        [
            node(step, "raw", "orders@spark", name="write"),
            node(step, "orders@pandas", "report", name="read"),
        ]
    )


def test_forms_go_into_a_namespace_together(forms: Pipeline) -> None:
    made = pipeline(forms, namespace="shop")
    assert {"shop.orders@spark", "shop.orders@pandas"} < made.data_sets()
    assert [each.short_name for each in made.nodes] == ["write", "read"]


@pytest.mark.parametrize(
    "outputs",
    [{"orders": "sales"}, {"orders@spark": "sales@spark", "orders@pandas": "sales@pandas"}],
)
def test_forms_go_by_the_name_of_the_data_set(forms: Pipeline, outputs: dict[str, str]) -> None:
    made = pipeline(forms, outputs=outputs, namespace="shop")
    assert {"sales@spark", "sales@pandas"} < made.data_sets()
    assert made.inputs() == {"shop.raw"}


def test_input_with_forms() -> None:
    reads = pipeline([node(step, "orders@spark", "a"), node(step, "orders@pandas", "b")])
    made = pipeline(reads, inputs={"orders": "sales"}, namespace="shop")
    assert made.inputs() == {"sales@spark", "sales@pandas"}
    made = pipeline(pipeline([node(step, "orders", "a")]), inputs={"orders": "sales@spark"})
    assert made.inputs() == {"sales@spark"}


def test_forms_are_not_parted(forms: Pipeline) -> None:
    with pytest.raises(ModularPipelineError, match="they are one data set") as error:
        pipeline(forms, outputs={"orders@spark": "sales@spark"}, namespace="shop")
    assert "'orders@pandas' would become 'shop.orders@pandas'" in str(error.value)
    assert "without a form, 'orders'" in str(error.value)


def test_a_form_has_no_form(forms: Pipeline) -> None:
    with pytest.raises(ModularPipelineError, match="'orders' cannot become 'sales@x'") as error:
        pipeline(forms, outputs={"orders": "sales@x"})
    assert "{'orders': 'sales'}" in str(error.value)


def test_a_conversion_in_place_may_be_input_and_output() -> None:
    convert = pipeline([node(step, "x@excel", "x@csv", name="convert")])
    for arguments in ({"inputs": {"x": "y"}}, {"outputs": {"x": "y"}}):
        made = pipeline(convert, namespace="ns", **arguments)  # type: ignore[arg-type]
        assert made.data_sets() == {"y@excel", "y@csv"}
    with pytest.raises(ModularPipelineError, match="'y' by inputs, and 'z' by outputs"):
        pipeline(convert, inputs={"x": "y"}, outputs={"x": "z"})


# What does not fit


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"inputs": "tabel"}, ["no node uses 'tabel'", "Did you mean 'table'?"]),
        ({"outputs": {"a", "b"}}, ["no node uses 'a', 'b'"]),
        ({"parameters": "ration"}, ["no node uses 'params:ration'", "mean 'params:ratio'?"]),
        ({"parameters": "table"}, ["no node uses 'params:table'"]),
        ({"inputs": "table@spark"}, ["no node uses 'table@spark'"]),
        ({"inputs": "train"}, ["what the pipeline makes itself: 'train'", "in 'outputs'"]),
        ({"inputs": "result"}, ["what the pipeline makes itself: 'result'"]),
        ({"outputs": "table"}, ["what no node writes: 'table'", "in 'inputs'"]),
        ({"inputs": "params:ratio"}, ["cannot have parameters: 'params:ratio'", "'parameters'"]),
        ({"inputs": {"parameters"}}, ["cannot have parameters: 'parameters'"]),
        ({"outputs": "params:ratio"}, ["outputs cannot have parameters"]),
        ({"inputs": 3}, ["inputs cannot be 3", "a dictionary of names to new names"]),
        ({"outputs": {"result": None}}, ["outputs must be names, not None"]),
        ({"parameters": [3]}, ["parameters must be names, not 3"]),
        ({"inputs": {"table": " "}}, ["inputs must be names, not ' '"]),
        ({"namespace": "../x"}, ["'../x' cannot be a namespace"]),
        ({"namespace": "a..b"}, ["'a..b' cannot be a namespace"]),
        ({"namespace": "a b"}, ["'a b' cannot be a namespace"]),
        ({"namespace": ".a"}, ["'.a' cannot be a namespace"]),
        ({"namespace": "a\n"}, ["cannot be a namespace"]),
        ({"namespace": 3}, ["3 cannot be a namespace"]),
    ],
)
def test_what_does_not_fit_is_told(model: Pipeline, arguments: Any, told: list[str]) -> None:
    with pytest.raises(ModularPipelineError, match=r"pipeline\(\)") as error:
        pipeline(model, **arguments)
    for part in told:
        assert part in str(error.value)


def test_new_names_that_clash_are_told_with_the_nodes(model: Pipeline) -> None:
    with pytest.raises(PipelineError, match="Node 'split' has train both as input and as output"):
        pipeline(model, inputs={"table": "train"})
    with pytest.raises(PipelineError, match="Two nodes write 'out'"):
        pipeline(model, outputs={"train": "out", "result": "out"})


# Names of Kedro 0.18


def test_the_module_of_kedro_is_there() -> None:
    assert modular_pipeline.pipeline is pipeline
    assert modular_pipeline.ModularPipelineError is ModularPipelineError


@pytest.mark.parametrize(
    "first",
    ["sparkpipe.pipeline.pipeline", "sparkpipe.pipeline.modular_pipeline", "sparkpipe.pipeline"],
)
def test_the_function_has_its_name_whichever_module_comes_first(first: str) -> None:
    code = (
        f"import {first}\nfrom sparkpipe.pipeline import pipeline\nassert pipeline([]) is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_group_of_parameters_goes_together() -> None:
    def train(depth: int, rate: float, limit: int) -> int:
        return depth

    whole = pipeline(
        [node(train, ["params:model.tree.depth", "params:model.rate", "params:limit"], "fitted")]
    )
    renamed = pipeline(whole, parameters={"model": "big_model"}, namespace="a")
    assert sorted(renamed.inputs()) == [
        "params:a.limit",
        "params:big_model.rate",
        "params:big_model.tree.depth",
    ]
    kept = pipeline(whole, parameters={"params:model.tree", "limit"}, namespace="a")
    assert sorted(kept.inputs()) == [
        "params:a.model.rate",
        "params:limit",
        "params:model.tree.depth",
    ]
    inner = pipeline(whole, parameters={"model": "m", "model.tree.depth": "depth"})
    assert sorted(inner.inputs()) == ["params:depth", "params:limit", "params:m.rate"]
    with pytest.raises(ModularPipelineError, match=r"no node uses 'params:model\.tre'"):
        pipeline(whole, parameters={"model.tre"})
