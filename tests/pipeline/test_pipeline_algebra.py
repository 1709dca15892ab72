"""Pipelines as an algebra: laws that hold for every DAG, and what sums refuse."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from dags import dags, dags_with_parts, other_step, step
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.errors import (
    CircularDependencyError,
    ConfirmNotUniqueError,
    OutputNotUniqueError,
    PipelineError,
    collecting_errors,
)
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.pipeline.node import Node


def same(left: Pipeline, right: Pipeline) -> bool:
    """Whether two pipelines are equal also in their order and the names that are shown."""
    return left == right and [str(n) for n in left.nodes] == [str(n) for n in right.nodes]


def bases(names: Iterable[str]) -> set[str]:
    """The names of data sets without their forms."""
    return {name.partition("@")[0] for name in names}


# Laws


@given(dags_with_parts())
def test_sum_is_associative_and_commutative(given_: Any) -> None:
    a, b, c = (Pipeline(nodes) for nodes in given_[1])
    assert same((a + b) + c, a + (b + c))
    assert same(a + b, b + a)
    assert same(a | b, a + b)
    assert hash(a + b) == hash(b + a)


@given(dags_with_parts())
def test_sum_and_intersection_are_idempotent(given_: Any) -> None:
    nodes, (part, *_) = given_
    whole, a = Pipeline(nodes), Pipeline(part)
    assert same(a + a, a)
    assert same(a & a, a)
    assert whole + a == whole
    assert whole & a == a


@given(dags_with_parts())
def test_set_laws(given_: Any) -> None:
    a, b, c = (Pipeline(nodes) for nodes in given_[1])
    assert set((a + b).nodes) == set(a.nodes) | set(b.nodes)
    assert set((a & b).nodes) == set(a.nodes) & set(b.nodes)
    assert set((a - b).nodes) == set(a.nodes) - set(b.nodes)
    assert (a - b) + (a & b) == a
    assert a & (b + c) == (a & b) + (a & c)
    assert not (a - a)


@given(dags_with_parts(parts=6))
def test_sum_of_many_is_the_union_of_their_nodes(given_: Any) -> None:
    parts = [Pipeline(nodes) for nodes in given_[1]]
    union = Pipeline({n for nodes in given_[1] for n in nodes})
    assert same(sum(parts, Pipeline([])), union)
    assert same(sum(reversed(parts)), union)  # type: ignore[arg-type]
    assert same(pipeline(parts), union)


@given(dags(), st.randoms())
def test_order_is_topological_and_does_not_depend_on_construction(nodes: Any, random: Any) -> None:
    made = Pipeline(nodes)
    seen: set[str] = set()
    for each in made.nodes:
        assert seen.isdisjoint(bases(each.outputs))
        assert not bases(set(each.inputs) - made.inputs()) - seen
        seen |= bases(each.outputs)
    shuffled = list(nodes)
    random.shuffle(shuffled)
    assert [str(n) for n in Pipeline(shuffled).nodes] == [str(n) for n in made.nodes]
    one_by_one = sum((Pipeline([n]) for n in shuffled), Pipeline([]))
    assert [str(n) for n in one_by_one.nodes] == [str(n) for n in made.nodes]


@given(dags())
def test_names_are_distinct(nodes: Any) -> None:
    names = [n.name for n in Pipeline(nodes).nodes]
    assert len(set(names)) == len(names)


@given(dags())
def test_data_sets_are_parted_into_inputs_outputs_and_between(nodes: Any) -> None:
    made = Pipeline(nodes)
    read = {name for n in nodes for name in n.inputs}
    written = {name for n in nodes for name in n.outputs}
    assert made.inputs() == {name for name in read if not bases([name]) & bases(written)}
    assert made.outputs() == {name for name in written if not bases([name]) & bases(read)}
    assert made.data_sets() == read | written
    assert made.all_inputs() == read
    assert made.all_outputs() == written


@given(dags())
def test_pipeline_survives_pickling(nodes: Any) -> None:
    made = Pipeline(nodes)
    assert same(pickle.loads(pickle.dumps(made)), made)


@given(dags())
def test_empty_pipeline_is_neutral(nodes: Any) -> None:
    made, empty = Pipeline(nodes), Pipeline([])
    assert same(made + empty, made)
    assert same(empty + made, made)
    assert same(made - empty, made)
    assert not (made & empty)
    assert not empty
    assert made


def test_operands_are_not_changed() -> None:
    a = Pipeline([node(step, "x", "y", name="a")])
    b = Pipeline([node(step, "y", "z", name="b")])
    _ = a + b, a - a, a & b, a.tag("t")
    assert [n.name for n in a.nodes] == ["a"]
    assert [n.name for n in b.nodes] == ["b"]
    assert a.tags == set()
    a.nodes.clear()
    assert len(a.nodes) == 1


@pytest.mark.parametrize("other", [None, 3, "a", [node(step, "x", "y")]])
def test_operations_with_other_things_are_type_errors(other: Any) -> None:
    made = Pipeline([node(step, "x", "y")])
    for operation in (
        lambda: made + other,
        lambda: made - other,
        lambda: made & other,
        lambda: made | other,
    ):
        with pytest.raises(TypeError):
            operation()
    assert made != other


@pytest.mark.parametrize("item", ["node", 3, None, [node(step, "x", "y")], step])
def test_pipeline_is_made_of_nodes_and_pipelines_only(item: Any) -> None:
    with pytest.raises(PipelineError, match=f"not of {type(item).__name__}"):
        Pipeline([item])


@pytest.mark.parametrize("nodes", [None, 3, node(step, "x", "y")])
def test_what_is_no_list_is_refused(nodes: Any) -> None:
    for make in (Pipeline, pipeline):
        with pytest.raises(PipelineError, match=f"a list.* not of {type(nodes).__name__}"):
            make(nodes)


# What is refused


def sums(left: list[Node], right: list[Node]) -> list[Any]:
    """Every way to bring two lists of nodes together."""
    return [
        lambda: Pipeline(left + right),
        lambda: Pipeline(right + left),
        lambda: Pipeline(left) + Pipeline(right),
        lambda: Pipeline(right) + Pipeline(left),
        lambda: Pipeline(left) | Pipeline(right),
        lambda: sum([Pipeline(left), Pipeline(right)]),
        lambda: pipeline([Pipeline(left), Pipeline(right)]),
        lambda: pipeline([*left, Pipeline(right)]),
    ]


@pytest.mark.parametrize("way", range(8))
def test_two_writers_of_one_data_set_are_refused_with_both_names(way: int) -> None:
    first = [node(step, "a", "z", name="first"), node(step, "z", "y", name="third")]
    second = [node(step, "b", ["x", "z"], name="second")]
    with pytest.raises(OutputNotUniqueError) as error:
        sums(first, second)[way]()
    assert "Two nodes write 'z'" in str(error.value)
    assert "first: step([a]) -> [z]" in str(error.value)
    assert "second: step([b]) -> [x,z]" in str(error.value)


@pytest.mark.parametrize("way", range(8))
def test_two_nodes_that_confirm_one_data_set_are_refused_with_both(way: int) -> None:
    first = [node(step, "a", "b", name="first", confirms="files@spark")]
    second = [node(step, "b", "c", name="second", confirms=["more", "files"])]
    with pytest.raises(
        ConfirmNotUniqueError, match=r"Two nodes confirm 'files': first: .*second: "
    ):
        sums(first, second)[way]()


@pytest.mark.parametrize("clash", ["name", "output", "confirms"])
def test_what_an_earlier_part_of_a_sum_has_is_not_forgotten(clash: str) -> None:
    def part(number: int, *, clashes: bool) -> Pipeline:
        mark = "same" if clashes else str(number)
        made = node(
            step,
            f"in{number}",
            mark if clash == "output" else f"out{number}",
            name=mark if clash == "name" else f"node{number}",
            confirms=mark if clash == "confirms" else None,
        )
        return Pipeline([made])

    for places in ((0, 1), (0, 4), (1, 2), (1, 4), (2, 4), (3, 4)):
        with pytest.raises(PipelineError, match=r"Two nodes .* 'same'"):
            sum(part(number, clashes=number in places) for number in range(5))


@pytest.mark.parametrize("way", range(8))
def test_two_nodes_of_one_name_are_refused_with_both(way: int) -> None:
    first = [node(step, "a", "y", name="twin")]
    second = [node(other_step, "b", "z", name="twin"), node(step, "c", "d", name="alone")]
    with pytest.raises(PipelineError) as error:
        sums(first, second)[way]()
    assert "Two nodes are named 'twin'" in str(error.value)
    assert "twin: step([a]) -> [y]" in str(error.value)
    assert "twin: other_step([b]) -> [z]" in str(error.value)


@pytest.mark.parametrize("way", range(8))
def test_cycle_is_refused_with_the_names_on_it(way: int) -> None:
    # before -> one -> two -> three -> one, and after: closed by bringing both parts together.
    left = [
        node(step, ["before", "c"], "a", name="one"),
        node(step, "a", "b", name="two"),
        node(step, "raw", "before", name="upstream"),
    ]
    right = [node(step, "b", "c", name="three"), node(step, "c", "end", name="downstream")]
    assert Pipeline(left)
    assert Pipeline(right)
    with pytest.raises(CircularDependencyError) as error:
        sums(left, right)[way]()
    told = str(error.value)
    assert "two -> three -> one" in told or "one -> two -> three" in told or "three -> one" in told
    assert {"one", "two", "three"} <= set(told.replace(".", "").split())
    assert "upstream" not in told
    assert "downstream" not in told


@pytest.mark.parametrize("way", range(8))
def test_collected_errors_leave_every_node_to_be_judged(way: int) -> None:
    left = [node(step, "c", "a", name="one"), node(step, "raw", "z", name="twin")]
    right = [
        node(step, "a", "c", name="two"),
        node(other_step, "more", "z", name="other"),
        node(step, ["z", "d"], "d2", name="twin"),
    ]
    with collecting_errors() as errors:
        whole = sums(left, right)[way]()
        names = [n.name for n in whole.nodes]
    assert sorted(names) == ["one", "other", "twin", "twin", "two"]
    assert whole.inputs() == {"raw", "more", "d"}
    assert {str(error).partition(":")[0] for error in errors} == {
        "Two nodes are named 'twin'",
        "Two nodes write 'z'",
        "These nodes wait for one another",
    }


def test_cycle_is_told_in_the_same_words_from_wherever_it_is_entered() -> None:
    ring = [node(step, f"d{i}", f"d{(i + 1) % 3}", name=f"n{i}") for i in range(3)]
    told = set()
    for name in ("a", "z"):
        with pytest.raises(CircularDependencyError) as error:
            Pipeline([*ring, node(step, "d1", "end", name=name)])
        told.add(error.value.message)
    assert told == {"These nodes wait for one another: n0 -> n1 -> n2 -> n0."}


@given(st.integers(2, 30), st.data())
def test_ring_is_refused_wherever_it_is_cut(size: int, data: Any) -> None:
    ring = [node(step, f"d{i}", f"d{(i + 1) % size}", name=f"n{i}") for i in range(size)]
    left = data.draw(st.lists(st.sampled_from(ring), unique=True, max_size=size - 1))
    right = [n for n in ring if n not in left]
    left_sum = sum((Pipeline([n]) for n in left), Pipeline([]))
    for a, b in ((left_sum, Pipeline(right[1:])), (Pipeline(right[1:]), left_sum)):
        without_one = a + b
        assert len(without_one) == size - 1
        with pytest.raises(CircularDependencyError) as error:
            _ = without_one + Pipeline(right[:1])
        assert all(n.name in str(error.value) for n in ring)


@pytest.mark.slow
def test_long_chain_neither_overflows_nor_takes_long() -> None:
    chain = [node(step, f"d{i}", f"d{i + 1}", name=f"n{i}") for i in range(3000)]
    made = sum(map(Pipeline, ([n] for n in chain)), Pipeline([]))
    assert [n.name for n in made.nodes] == [f"n{i}" for i in range(3000)]
    assert len(made.from_nodes("n0")) == 3000
    with pytest.raises(CircularDependencyError):
        _ = made + Pipeline([node(step, "d3000", "d0", name="back")])


# Names of nodes without one


def test_name_of_the_function_is_enough_while_it_is_the_only_one() -> None:
    made = Pipeline([node(step, "a", "b"), node(other_step, "b", "c")])
    assert [n.name for n in made.nodes] == ["step", "other_step"]


def test_suffix_tells_equal_names_apart() -> None:
    names = [n.name for n in Pipeline([node(step, "a", "b"), node(step, "b", "c")]).nodes]
    assert all(name.startswith("step-") for name in names)
    assert len(set(names)) == 2
    assert all(len(name) <= len("step-") + 8 for name in names)


def test_suffix_stays_when_nodes_come_and_go() -> None:
    first, second = node(step, "a", "b"), node(step, "b", "c")
    two = Pipeline([first, second])
    name = next(n.name for n in two.nodes if n == first)
    more = two + Pipeline([node(other_step, "c", "d"), node(step, "p", "q")])
    assert next(n.name for n in more.nodes if n == first) == name
    assert [n.name for n in more.only_nodes(name).nodes] == [name]
    assert [n.name for n in (more - Pipeline([second])).nodes if n == first] == [name]


def test_named_node_keeps_its_name_beside_an_unnamed_one() -> None:
    made = Pipeline([node(step, "a", "b"), node(other_step, "p", "q", name="step")])
    assert next(n for n in made.nodes if n.has_explicit_name).name == "step"
    assert next(n for n in made.nodes if not n.has_explicit_name).name.startswith("step-")


_ORDER = """
from sparkpipe.pipeline import Pipeline, node
def step(*_): return 1
def other(*_): return 1
nodes = [node(step if i % 3 else other, [f"raw{i % 4}"] + ([f"d{i // 2}"] if i else []),
              f"d{i}" if i else ["d0", "e"], tags=["x", "y", f"t{i}"]) for i in range(40)
         if i // 2 != i or not i]
made = sum((Pipeline([n]) for n in set(nodes)), Pipeline([]))
print(made.describe(names_only=False))
print(repr(made.filter(tags=["t3", "t30"], from_inputs=["raw1", "raw2"])))
try:
    made + Pipeline([node(step, "d39", "raw3", name="back"), node(step, "d38", "raw2", name="up")])
except Exception as error:
    print(error)
"""


def test_order_and_names_do_not_depend_on_the_hash_seed() -> None:
    shown = {
        subprocess.run(
            [sys.executable, "-c", _ORDER],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(shown) == 1
    assert "step-" in shown.pop()
