"""What the columns of a frame are made of, by its analysed plan; classic Spark has one at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sparkpipe.io.columns import MOST_COLUMNS
from sparkpipe.io.kinds import is_spark_frame
from sparkpipe.spark.active import is_connect

#: For each column of a frame, the data sets and their columns that it is made of.
Origins = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

#: A plan with more columns in all its operators together is not traced: a loop that adds column
#: after column makes one of many megabytes, and a run is not to wait for that.
MOST_IN_PLAN = 20_000
#: A column that is made of more columns than these is not told: of what, nobody would read.
_MOST_ORIGINS = 100


def trace_origins(results: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Origins]:
    """Return what the columns of frames are made of.

    Where a plan of Spark holds that of an input, a column is followed down to the columns of this
    input: through expressions, aggregates, windows, joins, unions and sub-queries. A column counts
    as made of those that its value is computed from, not of those that only choose rows.

    Args:
        results: Frames, by name; of anything but a frame of classic Spark nothing is known.
        inputs: What they were made of, by name; what is no frame is left out.

    Returns:
        By the name of each result, for each of its columns that is made of columns of inputs,
        these: ``(input, column)``. Empty where that is not known: of Connect, of a plan that is
        very large, of frames that were made of rows and not of frames.
    """
    origins: dict[str, Origins] = dict.fromkeys(results, ())
    frames = {name: one for name, one in results.items() if _has_plan(one)}
    sources = {name: one for name, one in inputs.items() if is_spark_frame(one)}
    if not frames or not sources:
        return origins
    with suppress(Exception):  # what is only told must not fail what was made
        widest = max(len(one.columns) for one in sources.values())
        cuts = [_Cut.of(name, one) for name, one in sources.items() if _is_small(one, widest)]
        for name, frame in frames.items():
            with suppress(Exception):
                if _is_small(frame, widest):
                    origins[name] = _origins_of(frame, cuts)
    return origins


def _has_plan(data: Any) -> bool:
    return is_spark_frame(data) and not is_connect(data.sparkSession)


def _origins_of(frame: Any, cuts: Sequence[_Cut]) -> Origins:
    columns = _Plan(_nodes_of(frame), cuts).columns()
    told = (
        (one.name, tuple(sorted(one.of))) for one in columns if 0 < len(one.of) <= _MOST_ORIGINS
    )
    return tuple(islice(told, MOST_COLUMNS))


@dataclass(frozen=True)
class _Column:
    """A column that an operator gives.

    Attributes:
        key: By what expressions above it refer to it.
        name: Its name.
        of: The inputs and columns that it is made of.
    """

    key: str
    name: str
    of: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Cut:
    """An input: where its plan stands within another one, columns are followed no further."""

    name: str
    nodes: list[dict[str, Any]]
    renumbered: str
    columns: list[str]

    @classmethod
    def of(cls, name: str, frame: Any) -> _Cut:
        nodes = _nodes_of(frame)
        return cls(name, nodes, _renumbered(nodes), list(frame.columns))


def _is_small(frame: Any, widest: int) -> bool:
    operators = frame._jdf.queryExecution().analyzed().toString().count("\n")
    return bool(operators * max(len(frame.columns), widest) <= MOST_IN_PLAN)


def _nodes_of(frame: Any) -> list[dict[str, Any]]:
    """Return the operators of a plan, each before its children, as Spark writes them as JSON."""
    nodes: list[dict[str, Any]] = json.loads(frame._jdf.queryExecution().analyzed().toJSON())
    return nodes


def _renumbered(nodes: Sequence[dict[str, Any]]) -> str:
    """Return a plan without the numbers of its columns.

    Spark gives new ones to the second of two equal plans in one.
    """
    numbers: dict[str, int] = {}

    def renumber(told: dict[str, Any]) -> dict[str, Any]:
        if "exprId" in told:
            key = _key(told)
            return {**told, "exprId": numbers.setdefault(key, len(numbers))}
        return told

    return json.dumps(_rebuilt(list(nodes), renumber))


def _rebuilt(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return {name: _rebuilt(one, change) for name, one in change(value).items()}
    return [_rebuilt(one, change) for one in value] if isinstance(value, list) else value


class _Plan:
    """Follows the columns of a plan from its leaves up.

    Args:
        nodes: Its operators, each before its children.
        cuts: The inputs.
        there: The names of those that stand in the whole plan as they are; by default this is it.
    """

    def __init__(
        self,
        nodes: list[dict[str, Any]],
        cuts: Sequence[_Cut],
        there: frozenset[str] | None = None,
    ) -> None:
        self._nodes = nodes
        self._cuts = cuts
        self._there = _names_in(nodes, cuts) if there is None else there
        self._made: list[list[_Column]] = [[] for _ in nodes]
        self._ends = _ends_of(nodes)
        #: Columns of common table expressions by their number.
        self._defined: dict[int, list[_Column]] = {}

    def columns(self) -> list[_Column]:
        """Return the columns of the whole plan."""
        for number in self._in_order():
            self._made[number] = self._cut(number) or self._give(number)
        return self._made[0]

    def _in_order(self) -> Iterator[int]:
        """Give each operator after its children, and after the definitions that it refers to."""
        defined = [n for n, node in enumerate(self._nodes) if _kind(node) == "CTERelationDef"]
        seen: set[int] = set()
        for start in (*sorted(defined, key=lambda one: (self._ends[one], -one)), 0):
            for number in range(self._ends[start] - 1, start - 1, -1):
                if number not in seen:
                    seen.add(number)
                    yield number

    def _cut(self, number: int) -> list[_Column]:
        """Return the columns of the input whose plan begins here; none if it is none."""
        nodes = self._nodes[number : self._ends[number]]
        alike = [one for one in self._cuts if len(one.nodes) == len(nodes)]
        found = [one for one in alike if one.nodes == nodes][:1]
        if not found and alike:
            renumbered = _renumbered(nodes)
            # Spark renumbers a second one only: else it is another table of the same shape.
            found = [
                one for one in alike if one.name in self._there and one.renumbered == renumbered
            ]
        if len(found) != 1:  # of two tables of one shape nobody can tell which this is
            return []
        (input_,) = found
        columns = self._give(number)
        return [
            replace(one, of=frozenset({(input_.name, name)}))
            for one, name in zip(columns, input_.columns, strict=True)
        ]

    def _give(self, number: int) -> list[_Column]:
        """Return the columns that an operator gives."""
        node = self._nodes[number]
        kind, below = _kind(node), self._below(number)
        if kind == "CTERelationRef":
            return _renamed(self._listed(node["output"], {}), self._defined.get(node["cteId"], []))
        if not below:
            return self._listed(node.get("output") or [], {})
        if kind == "WithCTE":
            return below[node["plan"]]
        if kind == "CTERelationDef":
            self._defined[node["id"]] = below[0]
        if kind == "Union":
            return [_merged(same) for same in zip(*below, strict=True)]
        if kind.endswith("Join"):
            one_side = any(word in json.dumps(node.get("joinType")) for word in ("Semi", "Anti"))
            return below[0] if one_side else [column for one in below for column in one]
        known = {column.key: column.of for one in below for column in one}
        if kind == "Expand":
            return self._expanded(node, known)
        for field in ("projectList", "aggregateExpressions"):
            if field in node:
                return self._listed(node[field], known)
        for field in ("windowExpressions", "generatorOutput"):
            if field in node:
                made = self._listed(node[field], known)
                if field == "generatorOutput":
                    made = _made_of(made, self._referred(node["generator"], known))
                return [*below[0], *made]
        if isinstance(node.get("output"), list):  # a function of rows or groups: of all it is given
            return _made_of(self._listed(node["output"], known), frozenset().union(*known.values()))
        return below[0]

    def _expanded(
        self, node: Mapping[str, Any], known: Mapping[str, frozenset[tuple[str, str]]]
    ) -> list[_Column]:
        """Return the columns of an operator that gives several rows for each."""
        columns = self._listed(node["output"], known)
        rows = node.get("projections")
        if isinstance(rows, list):
            cells = [self._referred([*of], known) for of in zip(*rows, strict=True)]
            return [replace(one, of=of) for one, of in zip(columns, cells, strict=True)]
        return columns  # of 'unpivot' Spark does not tell which columns it makes rows of

    def _below(self, number: int) -> list[list[_Column]]:
        """Return the columns of each child."""
        below, child = [], number + 1
        for _ in range(self._nodes[number]["num-children"]):
            below.append(self._made[child])
            child = self._ends[child]
        return below

    def _listed(
        self, expressions: Any, known: Mapping[str, frozenset[tuple[str, str]]]
    ) -> list[_Column]:
        return [
            _Column(_key(one[0]), one[0].get("name", ""), self._referred(one, known))
            for one in expressions
        ]

    def _referred(
        self, told: Any, known: Mapping[str, frozenset[tuple[str, str]]]
    ) -> frozenset[tuple[str, str]]:
        """Return what the columns are made of to which an expression refers."""
        if isinstance(told, list):
            return frozenset().union(*(self._referred(one, known) for one in told))
        if not isinstance(told, dict):
            return frozenset()
        of: frozenset[tuple[str, str]] = frozenset()
        kind = _kind(told)
        if kind in ("Exists", "ListQuery"):  # they tell whether there are rows
            return of
        if kind == "AttributeReference":
            of = known.get(_key(told), of)
        for name, value in told.items():
            if name in ("outerAttrs", "joinCond"):
                continue
            if name == "plan" and isinstance(value, list):
                inner = _Plan(value, self._cuts, self._there)
                inner._defined = self._defined
                of = of.union(*(column.of for column in inner.columns()))
            else:
                of |= self._referred(value, known)
        return of


def _names_in(nodes: list[dict[str, Any]], cuts: Sequence[_Cut]) -> frozenset[str]:
    """Return the names of the inputs that stand in a plan, sub-queries included, as they are."""
    text = json.dumps(nodes)
    return frozenset(one.name for one in cuts if json.dumps(one.nodes)[1:-1] in text)


def _ends_of(nodes: Sequence[dict[str, Any]]) -> list[int]:
    """Return for each operator where the last one below it ends."""
    ends = [0] * len(nodes)
    for number in range(len(nodes) - 1, -1, -1):
        end = number + 1
        for _ in range(nodes[number]["num-children"]):
            end = ends[end]
        ends[number] = end
    return ends


def _kind(node: Mapping[str, Any]) -> str:
    return str(node.get("class", "")).rpartition(".")[2]


def _key(expression: Mapping[str, Any]) -> str:
    told = expression.get("exprId") or {}
    return f"{told.get('id')}/{told.get('jvmId')}"


def _merged(same: Sequence[_Column]) -> _Column:
    first = same[0]
    return replace(first, of=first.of.union(*(one.of for one in same)))


def _renamed(columns: Sequence[_Column], by: Sequence[_Column]) -> list[_Column]:
    """Return columns as made of what others at their places are made of."""
    if len(columns) != len(by):
        return list(columns)
    return [replace(one, of=other.of) for one, other in zip(columns, by, strict=True)]


def _made_of(columns: Sequence[_Column], of: frozenset[tuple[str, str]]) -> list[_Column]:
    return [replace(one, of=one.of or of) for one in columns]
