"""What the shape of a DAG tells: longest paths and how many nodes may run at once."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.plan.dag import Order, longest_remaining, width

Dag = list[list[int]]


@st.composite
def dags(draw: st.DrawFn, most: int = 8) -> Dag:
    size = draw(st.integers(0, most))
    return [
        sorted(draw(st.sets(st.integers(position + 1, size - 1)))) if position < size - 1 else []
        for position in range(size)
    ]


def paths_from(dag: Dag, position: int) -> list[list[int]]:
    further = [path for child in dag[position] for path in paths_from(dag, child)]
    return [[position, *path] for path in further] or [[position]]


def most_at_once(dag: Dag) -> int:
    """The size of the largest set of positions of which none leads to another, by trying all."""
    reached = [{p for path in paths_from(dag, start) for p in path} for start in range(len(dag))]
    for size in range(len(dag), 0, -1):
        for chosen in combinations(range(len(dag)), size):
            if all(b not in reached[a] for a, b in combinations(chosen, 2)):
                return size
    return 0


@given(dags())
def test_longest_remaining_counts_the_nodes_of_the_longest_path(dag: Dag) -> None:
    expected = [max(map(len, paths_from(dag, position))) for position in range(len(dag))]
    assert list(longest_remaining(dag)) == expected


@given(st.data())
def test_longest_remaining_adds_up_seconds(data: st.DataObject) -> None:
    dag = data.draw(dags())
    seconds = data.draw(st.lists(st.integers(0, 9), min_size=len(dag), max_size=len(dag)))
    expected = [
        max(sum(seconds[p] for p in path) for path in paths_from(dag, position))
        for position in range(len(dag))
    ]
    assert list(longest_remaining(dag, seconds)) == expected


@given(dags())
def test_width_is_never_less_than_what_can_run_at_once(dag: Dag) -> None:
    assert most_at_once(dag) <= width(dag) <= len(dag)


@pytest.mark.parametrize(
    ("dag", "expected"),
    [
        ([], 0),
        ([[n + 1] for n in range(9)] + [[]], 1),
        ([[] for _ in range(9)], 9),
        ([list(range(1, 6)), *[[6]] * 5, list(range(7, 12)), *[[12]] * 5, []], 5),
        ([[1, 2], [], list(range(3, 9)), *[[9]] * 6, list(range(10, 15)), *[[]] * 5], 7),
        # One branch has its many nodes early, the other late: levels would tell 4.
        ([[1, 2, 3], [4], [4], [4], [5], [], [7], [8], [9, 10, 11], [12], [12], [12], []], 6),
    ],
)
def test_width_of_common_shapes(dag: Dag, expected: int) -> None:
    assert width(dag) == expected


@given(st.data())
def test_order_tells_what_lies_on_a_path(data: st.DataObject) -> None:
    dag = data.draw(dags())
    chosen = data.draw(st.sets(st.sampled_from(range(len(dag))))) if dag else set()
    reached = [
        {p for path in paths_from(dag, start) for p in path[1:]} for start in range(len(dag))
    ]
    order = Order(dag, chosen)
    for one in chosen:
        for other in range(len(dag)):
            assert order.is_before(one, other) == (other in reached[one])
            assert order.is_after(one, other) == (one in reached[other])
            assert order.orders(one, other) == (other in reached[one] or one in reached[other])


def test_a_large_dag_takes_no_recursion_and_little_time() -> None:
    size = 100_000
    dag = [[child for child in (n + 1, n + 7) if child < size] for n in range(size)]
    assert longest_remaining(dag)[0] == size
    assert width(dag) >= 1
