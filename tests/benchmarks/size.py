"""What is done with a pipeline of 1,000 to 10,000 nodes; in proportion to its size."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.plan import find_problems, make_plan
from tests.benchmarks.report import Report, best_of

SIZES = (1_000, 3_000, 10_000)
#: Ten times the nodes take ten times the time, and more where they outgrow the processor's caches;
#: the square would be a hundred times.
MOST_GROWTH = 25

LIMIT_MS = 500


def step(*_: Any) -> None:
    """Take anything."""


def dag_of(size: int, start: int = 0) -> Pipeline:
    """Make a pipeline in which each node reads three of those shortly before it."""
    chosen = random.Random(size)
    nodes = []
    for number in range(start, start + size):
        earlier = range(max(start, number - 100), number)
        read = [f"d{n}" for n in chosen.sample(earlier, min(3, len(earlier)))]
        form = "spark" if number % 2 else "pandas"
        made = node(
            step,
            [*read, f"raw@{form}", "params:shared"],
            f"d{number}",
            name=f"n{number}",
            tags=["even"] if number % 2 == 0 else [],
            namespace=f"part{number % 10}",
        )
        nodes.append(made)
    return Pipeline(nodes)


def operations(size: int) -> dict[str, Callable[[], object]]:
    """Give what is measured, by name; each ends with the nodes in order, if it makes any."""
    half = size // 2
    one, other, whole = dag_of(half), dag_of(half, start=half), dag_of(size)
    plain = Pipeline(node(step, n.inputs, n.outputs, name=n.short_name) for n in whole)
    first, middle, last = (whole.nodes[n] for n in (0, half, -1))
    catalog = DataCatalog(feed_dict=dict.fromkeys(whole.inputs(), 1))
    plan = make_plan(whole)
    every = {
        "tags": ["even"],
        "from_nodes": [first.name],
        "to_nodes": [n.name for n in whole.nodes],
        "node_names": [n.name for n in whole.nodes],
        "from_inputs": ["raw"],
        "to_outputs": whole.all_outputs(),
        "node_namespace": "part2",
    }
    return {
        "sum of two halves": lambda: (one + other).nodes,
        "difference": lambda: (whole - one).nodes,
        "intersection": lambda: (whole & one).nodes,
        "tag": lambda: whole.tag("more").nodes,
        "only_nodes": lambda: whole.only_nodes(*every["node_names"]).nodes,
        "only_nodes_with_tags": lambda: whole.only_nodes_with_tags("even").nodes,
        "only_nodes_with_namespace": lambda: whole.only_nodes_with_namespace("part2").nodes,
        "only_nodes_with_inputs": lambda: whole.only_nodes_with_inputs("raw").nodes,
        "only_nodes_with_outputs": lambda: whole.only_nodes_with_outputs(*last.outputs).nodes,
        "from_nodes": lambda: whole.from_nodes(first.name).nodes,
        "to_nodes": lambda: whole.to_nodes(last.name).nodes,
        "from_inputs": lambda: whole.from_inputs(*middle.inputs).nodes,
        "to_outputs": lambda: whole.to_outputs(*last.outputs).nodes,
        "filter by all of these": lambda: whole.filter(**every).nodes,
        "pipeline() into a namespace": lambda: (
            pipeline(plain, inputs={"raw": "table"}, parameters="shared", namespace="ns").nodes
        ),
        "inputs, outputs": lambda: (whole.inputs(), whole.outputs()),
        "node_dependencies": lambda: whole.node_dependencies,
        "plan": lambda: make_plan(whole),
        "problems of a run": lambda: find_problems(whole, catalog),
        "what is shared in memory": lambda: plan.shared(catalog),
    }


def run(report: Report) -> None:
    report.title(f"Size, in milliseconds (limit at 10,000 nodes: {LIMIT_MS}, and linear)")
    seconds = {
        size: {name: best_of(3, work) for name, work in operations(size).items()} for size in SIZES
    }
    for name in seconds[SIZES[-1]]:
        for size in SIZES:
            limit = LIMIT_MS if size == SIZES[-1] else None
            report.line(f"{name}, {size:,} nodes", seconds[size][name] * 1e3, "ms", limit)
        growth = seconds[SIZES[-1]][name] / seconds[SIZES[0]][name]
        report.line(f"{name}, growth", growth, "x", MOST_GROWTH)
