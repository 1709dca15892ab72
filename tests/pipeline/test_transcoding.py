"""One data set read and written in several forms: ``orders@spark``, ``orders@pandas``."""

from __future__ import annotations

from typing import Any

import pytest

from sparkpipe.errors import CircularDependencyError, OutputNotUniqueError
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
    back = node(step, "report", "raw@pandas", name="back")
    with pytest.raises(CircularDependencyError) as error:
        Pipeline([WRITES, READS, back])
    assert all(name in str(error.value) for name in ("writes", "reads", "back"))


def test_conversion_in_place_is_no_cycle() -> None:
    made = Pipeline([node(step, "orders@excel", "orders@csv", name="convert")])
    assert [n.name for n in made.nodes] == ["convert"]


def test_name_without_form_stands_for_every_form() -> None:
    made = Pipeline([WRITES, READS])
    assert [n.name for n in made.from_inputs("orders").nodes] == ["reads"]
    assert [n.name for n in made.to_outputs("orders").nodes] == ["writes"]
    assert [n.name for n in made.only_nodes_with_inputs("orders@pandas").nodes] == ["reads"]
