"""Nodes that would disturb each other at one path or table are named before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkpipe.datasets.pickle import PickleDataSet
from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet, SparkTableDataSet
from sparkpipe.errors import PreflightError
from sparkpipe.io import AbstractDataSet, CachedDataSet, DataCatalog, MemoryDataSet, Version
from sparkpipe.io.partitioned import PartitionedDataSet
from sparkpipe.io.target import one_spelling
from sparkpipe.pipeline import Pipeline, node, pipeline
from sparkpipe.plan import find_problems
from sparkpipe.plan.conflicts import changed_sources, target_problems
from sparkpipe.runner import SequentialRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def step(*_: Any) -> Any:
    return 1


def delta(path: str, **save_args: Any) -> DeltaTableDataSet:
    return DeltaTableDataSet(path, save_args=save_args)


def chain(*names: str) -> list[Any]:
    """Nodes n0, n1, ...: each reads the output of the one before it."""
    return [node(step, a, b, name=f"n{i}") for i, (a, b) in enumerate(pairwise(names))]


def told(nodes: list[Any], data_sets: dict[str, Any]) -> list[str]:
    return target_problems(pipeline(nodes), DataCatalog(data_sets))


SPARK = SparkDataSet("o")

APART = [node(step, "in", "x", name="a"), node(step, "in", "y", name="b")]


# Two that write


def test_two_nodes_that_write_one_path_are_named() -> None:
    (problem,) = told(APART, {"x": PickleDataSet("data/o.pkl"), "y": PickleDataSet("data/o.pkl")})
    assert problem == (
        "Nodes 'a' and 'b' both write data/o.pkl ('x', 'y'), and nothing orders them. "
        "Let one read the other's output, or give each a path of its own."
    )


@pytest.mark.parametrize(
    "between", [["x"], ["x", "m"], ["x", "m", "k"]], ids=["direct", "one", "two"]
)
def test_writes_in_order_are_fine(between: list[str]) -> None:
    nodes = chain("in", *between, "y")
    assert told(nodes, {"x": PickleDataSet("o.pkl"), "y": PickleDataSet("o.pkl")}) == []


def test_one_node_that_writes_a_path_twice_is_named() -> None:
    nodes = [node(step, "in", ["x", "y"], name="a")]
    (problem,) = told(nodes, {"x": PickleDataSet("o.pkl"), "y": PickleDataSet("o.pkl")})
    assert problem == "Node 'a' writes o.pkl twice ('x', 'y'). Give each a path of its own."


@pytest.mark.parametrize(
    ("one", "other", "fine"),
    [
        ({"mode": "append"}, {"mode": "append"}, True),
        ({"mode": "append"}, {}, False),
        ({}, {}, False),
        ({"replaceWhere": "day = 1"}, {"replaceWhere": "day = 2"}, True),
        ({"replaceWhere": "day = 1"}, {"mode": "append"}, True),
    ],
)
def test_two_delta_tables_may_be_written_together_in_parts(
    one: dict[str, Any], other: dict[str, Any], fine: bool
) -> None:
    problems = told(APART, {"x": delta("t", **one), "y": delta("t", **other)})
    assert len(problems) == (0 if fine else 1)


def test_appends_to_files_share_a_folder_for_what_is_not_committed() -> None:
    append = {"mode": "append"}
    sets = {name: SparkDataSet("t", save_args=append) for name in "xy"}
    assert len(told(APART, sets)) == 1


def test_a_file_in_a_folder_that_another_node_overwrites_is_named() -> None:
    for first, second in (("x", "y"), ("y", "x")):
        sets = {first: SparkDataSet("data/t"), second: PickleDataSet("data/t/deep/p.pkl")}
        (problem,) = told(APART, sets)
        assert "overwrites the folder data/t" in problem
        assert "writes data/t/deep/p.pkl" in problem
        assert "nothing orders them" in problem


def test_what_lies_beside_a_delta_table_or_an_append_is_not_touched() -> None:
    inner = PickleDataSet("data/t/p.pkl")
    assert told(APART, {"x": delta("data/t"), "y": inner}) == []
    append = SparkDataSet("data/t", save_args={"mode": "append"})
    assert told(APART, {"x": append, "y": inner}) == []


def test_names_that_begin_alike_are_no_folder_and_file() -> None:
    sets = {"x": SparkDataSet("data/t"), "y": SparkDataSet("data/t2")}
    assert told(APART, sets) == []


def test_versions_of_one_path_are_one_target() -> None:
    sets = {n: PickleDataSet("o.pkl", version=Version(None, "2026")) for n in "xy"}
    assert "both write o.pkl" in told(APART, sets)[0]


# What another still reads


READ = [node(step, "old", "m", name="read"), node(step, "m", "report", name="use")]
WRITE = node(step, "in", "new", name="write")


def test_an_overwrite_beside_a_read_is_named() -> None:
    sets = {"old": PickleDataSet("o.pkl"), "new": PickleDataSet("o.pkl")}
    (problem,) = told([*READ, WRITE], sets)
    assert problem == (
        "Node 'write' overwrites o.pkl ('new') and node 'read' reads o.pkl ('old'), and nothing "
        "orders them. Let one read the other's output, or write to another path."
    )


@pytest.mark.parametrize("lazy", [True, False])
def test_a_frame_in_memory_is_still_read_from_the_file(lazy: bool) -> None:
    old: AbstractDataSet = SparkDataSet("o") if lazy else PickleDataSet("o")
    write = node(step, "m", "new", name="write")
    more = node(step, "m", "m2", name="more")
    late = node(step, "m2", "report2", name="late")
    problems = told([READ[0], write, more, late], {"old": old, "new": PickleDataSet("o")})
    if not lazy:
        assert problems == []
        return
    assert problems == [
        "Node 'write' overwrites o ('new'), which node 'more' may have still to read: 'm' is a "
        "lazy frame that node 'read' has made of o ('old'). Save 'm' to a file in the catalog, or "
        "write to another path, or let 'write' read an output of 'more'."
    ]


def test_saving_the_frame_on_the_way_is_a_way_out() -> None:
    nodes = [*READ, node(step, "m", "new", name="write")]
    sets = {"old": SparkDataSet("o"), "new": PickleDataSet("o")}
    assert len(told(nodes, sets)) == 1
    assert told(nodes, {**sets, "m": SparkDataSet("m")}) == []
    assert len(told(nodes, {**sets, "m": MemoryDataSet()})) == 1
    assert len(told(nodes, {**sets, "m": CachedDataSet(SparkDataSet("m"))})) == 1


@pytest.mark.parametrize("around", [{}, {"checks": [{"not_null": "id"}]}, {"preview": True}])
@pytest.mark.parametrize("is_cached", [False, True])
def test_what_judges_or_shows_a_saved_frame_keeps_nothing_of_it(
    around: dict[str, Any], is_cached: bool
) -> None:
    saved: dict[str, Any] = {"type": "spark.SparkDataSet", "filepath": "m"}
    if is_cached:
        saved = {"type": "CachedDataSet", "dataset": saved}
    catalog = DataCatalog.from_config({"m": {**saved, **around}})
    catalog.add_all({"old": SparkDataSet("o"), "new": PickleDataSet("o")})
    problems = target_problems(pipeline([*READ, node(step, "m", "new", name="write")]), catalog)
    assert len(problems) == is_cached


def test_an_order_by_a_data_set_is_a_way_out() -> None:
    sets = {"old": SparkDataSet("o"), "new": PickleDataSet("o")}
    assert told([*READ, node(step, "report", "new", name="write")], sets) == []
    before = [WRITE, node(step, ["old", "new"], "m", name="read"), READ[1]]
    assert told(before, sets) == []


def test_a_reader_behind_the_writer_is_not_told_to_come_before_it() -> None:
    nodes = [READ[0], node(step, "m", ["new", "k"], name="write")]
    nodes.append(node(step, ["m", "k"], "report", name="after"))
    (problem,) = told(nodes, {"old": SparkDataSet("o"), "new": PickleDataSet("o")})
    assert "'after' may have still to read" in problem
    assert "let 'write' read" not in problem


def test_an_append_takes_nothing_away() -> None:
    sets = {"old": delta("o"), "new": delta("o", mode="append")}
    assert told([*READ, node(step, "m", "new", name="write")], sets) == []
    assert told([*READ, WRITE], sets) == []


def test_a_delta_table_is_a_snapshot_for_its_readers() -> None:
    nodes = [*READ, node(step, "m", "new", name="write")]
    assert told(nodes, {"old": delta("o"), "new": delta("o")}) == []
    # Not if it is no Delta table that is written, or if what is loaded is the table itself.
    assert "'use' may have still to read" in told(nodes, {"old": delta("o"), "new": SPARK})[0]
    itself = DeltaTableDataSet("o", load_as="delta_table")
    assert "'use' may have still to read" in told(nodes, {"old": itself, "new": delta("o")})[0]


@pytest.mark.parametrize("asked", [{"versionAsOf": 3}, {"TimestampAsOf": "2026-01-01"}])
def test_a_version_of_a_table_that_was_asked_for_is_disturbed_by_nobody(
    asked: dict[str, Any],
) -> None:
    old = DeltaTableDataSet("o", load_args=asked)
    for new in (delta("o"), delta("o", mode="append")):
        assert told([*READ, WRITE], {"old": old, "new": new}) == []


def test_frames_of_files_that_a_later_node_may_change_are_told() -> None:
    nodes = [
        node(step, "old", ["m", "file"], name="read"),
        node(step, "m", ["new", "k"], name="write"),
        node(step, ["m", "k"], "report", name="use"),
    ]
    made = pipeline(nodes)

    def cut(old: Any, new: Any) -> frozenset[str]:
        sets = {"old": old, "new": new, "file": PickleDataSet("f")}
        return changed_sources(made, DataCatalog(sets))

    append = {"save_args": {"mode": "append"}}
    assert cut(SPARK, SparkDataSet("o", **append)) == {"m"}
    assert cut(SPARK, SparkDataSet("p", **append)) == frozenset()
    assert cut(PickleDataSet("o"), SparkDataSet("o", **append)) == frozenset()
    assert cut(delta("o"), delta("o", mode="append")) == frozenset()
    table = SparkTableDataSet("t", file_format="parquet")
    assert cut(table, SparkTableDataSet("t", write_mode="append")) == {"m"}


def test_reading_a_folder_while_a_file_in_it_is_overwritten_is_named() -> None:
    sets = {"old": SparkDataSet("data/in"), "new": PickleDataSet("data/in/p.pkl")}
    assert "reads data/in ('old')" in told([*READ, WRITE], sets)[0]
    parts = PartitionedDataSet("data/in", "pickle.PickleDataSet", filename_suffix=".csv")
    assert told([*READ, WRITE], {**sets, "old": parts}) == []


def test_a_pattern_reads_what_is_written_to_a_path_that_fits_it() -> None:
    old = SparkDataSet("data/in/*.parquet")
    for path, fits in (("data/in/a.parquet", True), ("data/in/deep/a.parquet", False)):
        problems = told([*READ, WRITE], {"old": old, "new": SparkDataSet(path)})
        assert len(problems) == fits


def test_who_writes_partitions_leaves_those_that_others_read() -> None:
    for kind in ("pickle.PickleDataSet", SparkDataSet):
        sets = {name: PartitionedDataSet("data/in", kind) for name in ("old", "new")}
        assert told([*READ, WRITE], sets) == []
        whole = {**sets, "new": PartitionedDataSet("data/in", kind, overwrite=True)}
        assert len(told([*READ, WRITE], whole)) == 1


@pytest.mark.parametrize(
    "part", [{"replaceWhere": "day = 1"}, {"PartitionOverwriteMode": "Dynamic"}]
)
def test_who_replaces_a_part_of_a_table_disturbs_who_reads_it(part: dict[str, Any]) -> None:
    assert len(told([*READ, WRITE], {"old": delta("o"), "new": delta("o", **part)})) == 1


def test_a_version_that_was_asked_for_stays() -> None:
    new = PickleDataSet("o", version=Version(None, "2"))
    latest = PickleDataSet("o", version=Version(None, "2"))
    (problem,) = told([*READ, WRITE], {"old": latest, "new": new})
    assert "saves a new version of o ('new')" in problem
    fixed = PickleDataSet("o", version=Version("1", "2"))
    assert told([*READ, WRITE], {"old": fixed, "new": new}) == []


# Its own input


@pytest.mark.parametrize("file_format", ["parquet", "csv", "json", "orc", "text"])
def test_spark_files_are_not_overwritten_with_what_is_read_from_them(file_format: str) -> None:
    sets = {name: SparkDataSet("o", file_format) for name in ("old", "new")}
    nodes = [node(step, "old", "new", name="update")]
    assert told(nodes, sets) == [
        "Node 'update' overwrites o ('new') while it reads o ('old') lazily. Use a Delta table "
        "(spark.DeltaTableDataSet), or write to another path."
    ]
    (problem,) = told(chain("old", "m", "k", "new"), sets)
    assert problem == (
        "Node 'n2' overwrites o ('new') while it reads 'k', a lazy frame that node 'n0' has made "
        "of o ('old'). Save 'k' to a file in the catalog, use a Delta table "
        "(spark.DeltaTableDataSet), or write to another path."
    )
    assert told(chain("old", "m", "k", "new"), {**sets, "k": SparkDataSet("k")}) == []


def test_what_pandas_or_an_append_writes_has_been_read_before() -> None:
    nodes = [node(step, "old", "new", name="update")]
    append = SparkDataSet("o", save_args={"mode": "append"})
    for new in (PickleDataSet("o"), append, delta("o")):
        assert told(nodes, {"old": SparkDataSet("o"), "new": new}) == []


def test_forms_of_one_data_set_share_their_file() -> None:
    nodes = [
        node(step, "in", "x@pandas", name="write"),
        node(step, "x@spark", "m", name="read"),
        node(step, "x@spark", "k", name="again"),
    ]
    sets = {"x@pandas": PickleDataSet("x"), "x@spark": SparkDataSet("x")}
    assert told(nodes, sets) == []
    convert = [node(step, "x@excel", "x@csv", name="convert"), node(step, "x@csv", "k", name="r")]
    for path in ("x.csv", "x.xlsx"):
        assert (
            told(convert, {"x@excel": PickleDataSet(path), "x@csv": PickleDataSet("x.csv")}) == []
        )


# Where the problems are shown


def test_nothing_runs_and_all_problems_are_told() -> None:
    catalog = DataCatalog({n: PickleDataSet("not/there.pkl") for n in "xy"}, {"in": 1})
    problems = find_problems(pipeline([*APART, *chain("unknown", "k")]), catalog)
    assert len(problems) == 2
    with pytest.raises(PreflightError, match=r"both write not/there\.pkl"):
        SequentialRunner().run(pipeline(APART), catalog)
    assert not Path("not").exists()


def test_many_problems_of_one_path_are_told_in_few_lines() -> None:
    nodes = [node(step, "in", f"x{n}", name=f"n{n}") for n in range(20)]
    problems = told(nodes, {f"x{n}": PickleDataSet("o") for n in range(20)})
    assert len(problems) == 4
    assert problems[-1] == "187 more problems of this path."


def test_an_entry_that_cannot_be_made_is_left_to_its_own_problem() -> None:
    catalog = DataCatalog.from_config_lazily({"x": {"type": "not.There"}, "y": {"type": "x"}})
    assert target_problems(pipeline(APART), catalog) == []


def test_the_flights_example_is_clean() -> None:
    from sparkpipe.session import Session

    session = Session(Path(__file__).resolve().parents[1])
    for made in session.pipelines.values():
        assert target_problems(made, session.catalog) == []


@pytest.mark.parametrize("steps", [1, 2])
def test_a_delta_table_can_be_made_of_itself(
    spark: SparkSession, tmp_path: Path, steps: int
) -> None:
    path = str(tmp_path / "t")
    spark.range(5).write.format("delta").save(path)

    def more(frame: Any) -> Any:
        return frame.union(frame)

    names = ["old", "m", "new"] if steps == 2 else ["old", "new"]
    nodes = [node(more, a, b, name=f"make-{b}") for a, b in pairwise(names)]
    SequentialRunner().run(pipeline(nodes), DataCatalog({"old": delta(path), "new": delta(path)}))
    assert spark.read.format("delta").load(path).count() == 5 * 2**steps


# Against all possible orders of execution

KINDS = {"file": PickleDataSet, "spark": SparkDataSet, "delta": DeltaTableDataSet}
SOURCES = {f"raw-{kind}-{place}": (kind, place) for kind in KINDS for place in ("p", "q")}
Node = tuple[list[str], list[str]]


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Node], dict[str, tuple[str, str]]]:
    """Nodes as inputs and outputs, and of some data sets the kind and the place."""
    nodes: list[Node] = []
    catalog = dict(SOURCES)
    readable = list(SOURCES)
    for number in range(draw(st.integers(1, 5))):
        inputs = draw(st.lists(st.sampled_from(readable), max_size=2, unique=True))
        outputs = [f"m{number}"]
        if draw(st.booleans()):
            outputs.append(f"f{number}")
            place = draw(st.sampled_from(["p", "q", "apart"]))
            catalog[f"f{number}"] = (draw(st.sampled_from(sorted(KINDS))), place)
        nodes.append((inputs, outputs))
        readable += outputs
    return nodes, catalog


def orders(nodes: list[Node], done: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if len(done) == len(nodes):
        yield done
    made = {name for position in done for name in nodes[position][1]} | set(SOURCES)
    for position, (inputs, _) in enumerate(nodes):
        if position not in done and made.issuperset(inputs):
            yield from orders(nodes, (*done, position))


def play(
    nodes: list[Node], catalog: dict[str, tuple[str, str]], order: tuple[int, ...]
) -> tuple[Any, bool]:
    """Run in one order; return what each read and left in each place, and whether it went well."""
    writers: dict[str, list[int]] = {"p": [], "q": [], "apart": []}
    kinds: dict[str, list[str]] = {"p": [], "q": [], "apart": []}
    seen = set()
    # Places still to be read, and their age. A frame of Delta keeps its version, as long as the
    # place is written as a table of Delta.
    frames: dict[str, set[tuple[str, str, int]]] = {}
    well = True
    for position in order:
        inputs, outputs = nodes[position]
        held: set[tuple[str, str, int]] = set()
        for name in inputs:
            kind, place = catalog.get(name, ("memory", ""))
            if kind == "memory":
                held |= frames[name]
                continue
            seen.add((position, name, tuple(writers[place])[-1:]))
            if kind != "file":
                held.add((kind, place, len(writers[place])))
        for held_kind, place, age in held:
            written = kinds[place][age:]
            well = well and {*written} <= ({"delta"} if held_kind == "delta" else set())
        for name in outputs:
            kind, place = catalog.get(name, ("memory", ""))
            if kind == "memory":
                frames[name] = held
                continue
            well = well and not (kind == "spark" and place in {place for _, place, _ in held})
            writers[place].append(position)
            kinds[place].append(kind)
    return (sorted(seen), sorted(writers.items())), well


#: What was read of a table of Delta and kept is read again after its place was written.
KEPT_WHILE_WRITTEN = (
    [(["raw-file-p", "raw-delta-p"], ["m0", "f0"]), (["m0"], ["m1"])],
    {**SOURCES, "f0": ("delta", "p")},
)


@given(runs())
@example(KEPT_WHILE_WRITTEN)
def test_a_run_has_problems_if_it_depends_on_the_order_of_execution(
    run: tuple[list[Node], dict[str, tuple[str, str]]],
) -> None:
    nodes, catalog = run
    pipe = Pipeline([node(step, i or None, o, name=f"n{n}") for n, (i, o) in enumerate(nodes)])
    made = {name: KINDS[kind](f"data/{place}") for name, (kind, place) in catalog.items()}
    problems = target_problems(pipe, DataCatalog(made))
    played = [play(nodes, catalog, order) for order in orders(nodes)]
    sound = all(well for _, well in played) and all(end == played[0][0] for end, _ in played)
    assert (problems == []) == sound, problems


def test_folders_of_windows_are_seen_around_what_lies_in_them() -> None:
    import ntpath

    from sparkpipe.plan.conflicts import _folders_of

    path = one_spelling(ntpath.normpath("C:/Data/out/a"), is_windows=True, folds=True)
    outer = one_spelling(ntpath.normpath("c:\\data\\OUT\\"), is_windows=True, folds=True)
    assert outer in list(_folders_of(path))
