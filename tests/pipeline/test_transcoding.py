"""One data set read and written in several forms: ``orders@spark``, ``orders@pandas``."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.errors import CircularDependencyError, OutputNotUniqueError, PipelineError
from sparkpipe.pipeline import Pipeline, node


def step(x: Any) -> Any:
    return x


WRITES = node(step, "raw", "orders@spark", name="writes")
READS = node(step, "orders@pandas", "report", name="reads")


def test_forms_of_one_data_set_connect_nodes() -> None:
    made = Pipeline([READS, WRITES])
    assert [n.name for n in made.nodes] == ["writes", "reads"]
    assert made.inputs() == {"raw"}
    assert made.outputs() == {"report"}
    assert made.data_sets() == {"raw", "orders@spark", "orders@pandas", "report"}


def test_forms_connect_across_a_sum() -> None:
    made = Pipeline([READS]) + Pipeline([WRITES])
    assert [n.name for n in made.nodes] == ["writes", "reads"]


@pytest.mark.parametrize("other", ["orders@pandas", "orders", "orders@spark"])
def test_two_nodes_cannot_write_forms_of_one_data_set(other: str) -> None:
    again = node(step, "more", other, name="again")
    with pytest.raises(OutputNotUniqueError, match=r"write 'orders': again: .* and writes: "):
        Pipeline([WRITES, again])
    with pytest.raises(OutputNotUniqueError):
        Pipeline([WRITES]) + Pipeline([again])


def test_cycle_through_forms_is_refused() -> None:
    there = node(step, "a@spark", "b@spark", name="there")
    back = node(step, "b@pandas", "a@pandas", name="back")
    with pytest.raises(CircularDependencyError) as error:
        Pipeline([there, back])
    assert all(name in str(error.value) for name in ("there", "back"))


def test_conversion_in_place_is_no_cycle() -> None:
    made = Pipeline([node(step, "orders@excel", "orders@csv", name="convert")])
    assert [n.name for n in made.nodes] == ["convert"]
    assert made.node_dependencies == {made.nodes[0]: set()}
    # One form must be there, and the other is what comes of it.
    assert made.inputs() == {"orders@excel"}
    assert made.outputs() == {"orders@csv"}


def test_conversion_in_place_comes_before_every_other_reader() -> None:
    convert = node(step, "orders@excel", "orders@csv", name="convert")
    a_reader = node(step, "orders@csv", "report", name="a_reader")
    another = node(step, "orders@excel", "sheet", name="another")
    made = Pipeline([a_reader, another, convert])
    assert [n.name for n in made.nodes] == ["convert", "a_reader", "another"]
    assert made.inputs() == {"orders@excel"}
    assert made.outputs() == {"report", "sheet"}


PLAIN_READER = node(step, "orders", "report", name="plain")
PLAIN_WRITER = node(step, "raw", "orders", name="plain")


@pytest.mark.parametrize("plain", [PLAIN_READER, PLAIN_WRITER], ids=["reader", "writer"])
@pytest.mark.parametrize("way", range(6))
def test_a_data_set_with_and_without_a_form_is_refused_with_both_nodes(
    plain: Any, way: int
) -> None:
    with_form = node(step, "orders@spark", "rows", name="with_form")
    before = Pipeline([node(step, "x", "y", name="before")])
    ways = [
        lambda: Pipeline([with_form, plain]),
        lambda: Pipeline([plain, with_form]),
        lambda: Pipeline([with_form]) + Pipeline([plain]),
        lambda: Pipeline([plain]) + Pipeline([with_form]),
        lambda: before + Pipeline([with_form]) + Pipeline([plain]),
        lambda: before + Pipeline([plain]) + Pipeline([with_form]),
    ]
    with pytest.raises(PipelineError, match="'orders' is used both with a form and without") as e:
        ways[way]()
    assert str(plain) in str(e.value)
    assert str(with_form) in str(e.value)
    assert "'orders@spark'" in str(e.value)


def test_what_a_data_set_with_forms_is_to_one_node_it_may_be_to_many() -> None:
    readers = [node(step, f"orders@{form}", f"report_{form}") for form in ("a", "b", "c")]
    assert len(Pipeline([WRITES, *readers])) == 4


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ("orders", "orders@csv", "uses 'orders' and also 'orders@csv'"),
        (["orders", "orders@csv"], "report", "uses 'orders' and also 'orders@csv'"),
        ("raw", ["orders@a", "orders@b"], "in two forms: orders@a, orders@b"),
        ("orders@a@b", "report", "'orders@a@b' is no data set in one of its forms"),
        ("raw", "orders@", "'orders@' is no data set in one of its forms"),
        ("@spark", "report", "'@spark' is no data set in one of its forms"),
    ],
)
def test_impossible_forms_are_refused_with_the_node(inputs: Any, outputs: Any, told: str) -> None:
    with pytest.raises(PipelineError, match="Node 'convert'") as error:
        node(lambda *_: None, inputs, outputs, name="convert")
    assert told in str(error.value)
    assert "orders@spark" in error.value.hint or "other form" in error.value.hint


def test_name_without_form_stands_for_every_form() -> None:
    made = Pipeline([WRITES, READS])
    assert [n.name for n in made.from_inputs("orders").nodes] == ["reads"]
    assert [n.name for n in made.to_outputs("orders").nodes] == ["writes"]
    assert [n.name for n in made.only_nodes_with_inputs("orders@pandas").nodes] == ["reads"]
