"""Merges: what a table holds afterwards, by path and by name; what is refused; what is kept."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkStreamingDataSet, SparkTableDataSet
from sparkpipe.errors import DataSetError, PreflightError
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.delta

SCHEMA = "id INT, ts INT, op STRING, name STRING"
FULL: dict[str, Any] = {
    "mode": "merge",
    "keys": ["ID"],
    "sequence_by": "ts",
    "delete_when": "s.op = 'D'",
    "columns": ["name"],
}


@pytest.fixture
def classic(spark: SparkSession) -> Iterator[SparkSession]:
    """The session of the tests, which data sets of the test use."""
    with activated(SparkProvider(session=spark)):
        yield spark


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in frame.collect()), key=str)


def make(session: SparkSession, *changes: tuple[Any, ...], schema: str = SCHEMA) -> Any:
    return session.createDataFrame([*changes], schema)


def by_path(folder: Path, **save_args: Any) -> DeltaTableDataSet:
    return DeltaTableDataSet(str(folder / "a 'table`"), save_args={**FULL, **save_args})


DAYS = {"mode": "merge", "keys": ["id"], "within": "day = '2024-01-02' -- of orders"}


def by_day(session: SparkSession, *orders: tuple[int, str, str]) -> Any:
    return make(session, *orders, schema="id INT, day STRING, name STRING")


def test_a_merge_within_a_part_replaces_exactly_that(session: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"), save_args=DAYS)
    first = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "merge", "keys": ["id"]})
    first.save(by_day(session, (1, "2024-01-01", "a"), (2, "2024-01-02", "b")))
    second = (3, "2024-01-02", "c")
    table.save(by_day(session, (2, "2024-01-02", "b"), second))
    table.save(by_day(session, second))
    assert rows(table.load()) == [(1, "2024-01-01", "a"), second]
    # A row that comes from another part is one of this part then.
    table.save(by_day(session, (1, "2024-01-02", "moved")))
    assert rows(table.load()) == [(1, "2024-01-02", "moved")]
    table.save(by_day(session))
    assert rows(table.load()) == []


def test_a_merge_within_a_part_by_name_is_of_one_commit(
    session: SparkSession, database: str
) -> None:
    table = SparkTableDataSet(
        f"{database}.t",
        write_mode="merge",
        primary_key="id",
        save_args={"within": "day = '2024-01-02'"},
    )
    table.save(by_day(session, (1, "2024-01-02", "a"), (2, "2024-01-02", "b")))
    table.save(by_day(session, (2, "2024-01-02", "new"), (3, "2024-01-02", "c")))
    assert rows(table.load()) == [(2, "2024-01-02", "new"), (3, "2024-01-02", "c")]
    history = session.sql(f"DESCRIBE HISTORY {database}.t").select("operation").collect()
    assert [row[0] for row in history][:2] == ["MERGE", "MERGE"]


def test_a_row_that_is_not_of_the_part_is_refused(session: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"), save_args=DAYS)
    table.save(by_day(session, (1, "2024-01-02", "a")))
    for day in ("2024-01-03", None):
        with pytest.raises(DataSetError, match="a row is not within day = '2024-01-02'"):
            table.save(by_day(session, (1, "2024-01-02", "new"), (2, day, "b")))  # type: ignore[arg-type]
    assert rows(table.load()) == [(1, "2024-01-02", "a")]


def test_what_cannot_be_a_part_is_told(session: SparkSession, tmp_path: Path) -> None:
    for more in ({"sequence_by": "ts"}, {"scd": 2, "sequence_by": "ts"}):
        with pytest.raises(DataSetError, match=r"within takes the place of all rows of a part"):
            DeltaTableDataSet("t", save_args={**DAYS, **more})
    for within, told in (("t.day = 1", "within is not possible"), ("day", "within is a string")):
        table = DeltaTableDataSet(str(tmp_path / "t"), save_args={**DAYS, "within": within})
        with pytest.raises(DataSetError, match=told):
            table.save(by_day(session, (1, "2024-01-02", "a")))
    assert not (tmp_path / "t").exists()
    with pytest.raises(DataSetError, match="'within' is not for streams"):
        SparkStreamingDataSet("t", "delta", save_args={**DAYS, "checkpoint": "c"})


def test_the_chunks_of_a_generator_are_no_parts(session: SparkSession, tmp_path: Path) -> None:
    def days() -> Iterator[Any]:
        for number in (1, 2):
            yield by_day(session, (number, "2024-01-02", "a"))

    table = DeltaTableDataSet(str(tmp_path / "t"), save_args=DAYS)
    with pytest.raises(PreflightError, match="would keep only the last one"):
        SequentialRunner().run(pipeline([node(days, None, "t")]), DataCatalog({"t": table}))


def test_the_latest_change_wins_and_what_is_deleted_stays_so(
    session: SparkSession, tmp_path: Path
) -> None:
    table = by_path(tmp_path)
    table.save(
        make(session, (1, 1, "I", "a"), (2, 1, "I", "b"), (2, 2, "U", "b2"), (3, 5, "D", None))
    )
    assert table.load().columns == ["id", "ts", "name"]
    assert rows(table.load()) == [(1, 1, "a"), (2, 2, "b2")]
    table.save(
        make(
            session,
            *[(1, 3, "D", None), (1, 2, "U", "late"), (2, 1, "U", "older"), (3, 4, "I", "gone")],
            *[(4, 1, "I", "d"), (4, 1, "I", "d")],
        )
    )
    assert rows(table.load()) == [(2, 2, "b2"), (4, 1, "d")]
    table.save(make(session, (1, 2, "U", "older"), (3, 6, "I", "back"), (2, 2, "U", "again")))
    assert rows(table.load()) == [(2, 2, "b2"), (3, 6, "back"), (4, 1, "d")]
    kept = session.read.format("delta").load(str(tmp_path / "a 'table`"))
    assert (1, 3, None, True) in rows(kept)  # of what is deleted nothing but key and sequence


@pytest.mark.parametrize("session", ["connect"], indirect=True)
def test_a_table_by_name_with_conditions_and_new_columns(
    session: SparkSession, database: str
) -> None:
    def table(**options: Any) -> SparkTableDataSet:
        save_args = {"update_when": "s.n > t.n", "delete_when": "t.n = 9", **options}
        return SparkTableDataSet(
            f"{database}.orders", write_mode="merge", primary_key="id", save_args=save_args
        )

    table(constraints={"few": "n < 10"}).save(make(session, (1, 1), (2, 2), schema="id INT, n INT"))
    table(insert=False).save(make(session, (1, 5), (2, 1), (3, 3), schema="id INT, n INT"))
    assert rows(table().load()) == [(1, 5), (2, 2)]
    wider = make(session, (1, 9, "x"), (4, 4, "y"), schema="id INT, n INT, note STRING")
    with pytest.raises(DataSetError, match=r"lacks columns that the data has: note\. .*schema_cha"):
        table().save(wider)
    table(schema_change="add").save(wider)
    table(columns=["n"]).save(make(session, (1, 1), (4, 6), schema="id INT, n INT"))
    assert rows(table().load()) == [(2, 2, None), (4, 6, "y")]
    with pytest.raises(DataSetError, match="the data lacks columns of the table: n, note"):
        table(update_when="", delete_when="").save(make(session, (1,), schema="id INT"))
    with pytest.raises(DataSetError, match="n < 10"):
        table(columns=["n"]).save(make(session, (7, 70), schema="id INT, n INT"))


def test_rows_that_cannot_be_told_apart_are_refused(classic: SparkSession, tmp_path: Path) -> None:
    session = classic
    table = by_path(tmp_path)
    good = (1, 1, "I", "a")
    table.save(make(session, good))
    bad = {
        r"id is null\. Leave out such rows": [good, (None, 1, "I", "b")],
        r"ts is null\. Leave out such rows": [good, (1, None, "I", "b")],
        r"more than one row of id = 2, ts = 7\. A merge takes one row of one ts for each ID": [
            (2, 7, "I", "a"),
            (2, 7, "I", "b"),
            (2, 6, "I", "c"),
        ],
    }
    for reason, changes in bad.items():
        with pytest.raises(DataSetError, match=reason) as caught:
            table.save(make(session, *changes))
        assert len(str(caught.value).splitlines()) == 1
    plain = DeltaTableDataSet(
        str(tmp_path / "a 'table`"), save_args={"mode": "merge", "keys": "id", "columns": ["name"]}
    )
    with pytest.raises(DataSetError, match=r"row of id = 3\. .* Give save_args: sequence_by"):
        plain.save(make(session, (3, 1, "I", "a"), (3, 1, "I", "a")))
    with pytest.raises(DataSetError, match="lacks the columns of the merge: ID, ts"):
        table.save(make(session, ("x",), schema="name STRING"))
    with pytest.raises(DataSetError, match=r"fills itself: _tombstone\. Rename"):
        table.save(make(session, (1, 1, "I", "a", True), schema=f"{SCHEMA}, _tombstone BOOLEAN"))
    with pytest.raises(DataSetError, match="lacks columns that scd: 2 needs: valid_from, valid_to"):
        by_path(tmp_path, scd=2).save(make(session, good))
    assert rows(table.load()) == [(1, 1, "a")]


def test_a_frame_of_pandas_is_merged_too(classic: SparkSession, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    table = DeltaTableDataSet(
        str(tmp_path / "t"),
        save_args={"mode": "merge", "keys": "id", "cluster_by": "id", "generated": {"n": "id * 2"}},
    )
    table.save(pd.DataFrame({"id": [1, 2], "name": ["a", "b"]}))
    table.save(pd.DataFrame({"id": [2, 3], "name": ["B", "C"]}))
    assert rows(table.load()) == [(1, "a", 2), (2, "B", 4), (3, "C", 6)]


Change = tuple[int, int, str, str]


def batches(seed: int) -> list[list[Change]]:
    """Return batches of changes of many keys, of which some are late and some come again."""
    chosen = random.Random(seed)
    changes = [
        (key, at, "D" if chosen.random() < 0.25 else "U", f"{key}@{at}")
        for key in range(40)
        for at in chosen.sample(range(8), chosen.randint(1, 6))
    ]
    parts: list[list[Change]] = [[], []]
    for change in changes:
        for part in chosen.sample(parts, chosen.choice([1, 1, 1, 2])):
            part.append(change)
    return parts


def present(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """Return the rows that are there after changes, by a plain model."""
    last = {key: (at, op, name) for key, at, op, name in sorted(changes, key=lambda one: one[1])}
    return sorted(((key, at, name) for key, (at, op, name) in last.items() if op != "D"), key=str)


def history(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """Return what rows were when, by a plain model."""
    found: list[tuple[Any, ...]] = []
    for key in {change[0] for change in changes}:
        events = sorted({change[1:] for change in changes if change[0] == key})
        ends: list[int | None] = [at for at, _, _ in events[1:]]
        for (at, op, name), end in zip(events, [*ends, None], strict=True):
            if op != "D":
                found.append((key, at, name, at, end, end is None))
    return sorted(found, key=str)


@settings(max_examples=1, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6))
def test_merges_of_random_changes_come_to_what_a_model_says(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    now, then = by_path(folder / "now"), by_path(folder / "then", scd=2)
    done: list[Change] = []
    with activated(SparkProvider(session=spark)):
        for changes in batches(seed):
            done += changes
            now.save(make(spark, *changes))
            then.save(make(spark, *changes))
        assert rows(now.load()) == present(done)
        assert rows(then.load()) == history(done)
        assert then.load().columns == ["id", "ts", "name", "valid_from", "valid_to", "is_current"]


DAY, MORNING, NOON = dt.date(2026, 1, 1), dt.datetime(2026, 1, 2, 8), dt.datetime(2026, 1, 2, 12)


@pytest.mark.parametrize("scd", [1, 2])
@pytest.mark.parametrize(
    ("narrow", "wide", "sequences"),
    [
        ("DATE", "TIMESTAMP_NTZ", (DAY, MORNING, NOON)),
        ("INT", "BIGINT", (1, 2**40, 2**41)),
        ("DECIMAL(4, 1)", "DECIMAL(8, 3)", (Decimal("1.0"), Decimal("2.101"), Decimal("2.102"))),
    ],
)
def test_a_sequence_that_the_table_cannot_hold_is_refused_or_widened_with_what_it_tells(
    session: SparkSession, tmp_path: Path, scd: int, narrow: str, wide: str, sequences: Any
) -> None:
    first, second, third = sequences
    before = make(session, (1, first, "a"), schema=f"id INT, ts {narrow}, name STRING")
    changes = make(
        session, (1, second, "b"), (1, third, "c"), schema=f"id INT, ts {wide}, name STRING"
    )
    merge = {"mode": "merge", "keys": "id", "sequence_by": "ts", "scd": scd}
    entry = {"type": "spark.DeltaTableDataSet", "filepath": f"{tmp_path}/t", "save_args": merge}
    catalog = DataCatalog.from_config({"t": entry})
    catalog.save("t", before)
    with pytest.raises(DataSetError, match=r"ts = .* does not fit into the table \(\w+"):
        catalog.save("t", changes)
    assert catalog.load("t").count() == 1
    schema = {"schema": f"id INT, ts {narrow}, name STRING", "schema_change": "widen"}
    catalog = DataCatalog.from_config({"t": {**entry, **schema}})
    for _ in range(2):  # what is there is found again
        catalog.save("t", changes)
    times = [row["ts"] for row in catalog.load("t").orderBy("ts").collect()]
    assert times[-2:] == [second, third] if scd == 2 else times == [third]
    if scd == 2:
        spans = catalog.load("t").where("name <> 'a'").orderBy("ts")
        found = [(row["valid_from"], row["valid_to"]) for row in spans.collect()]
        assert found == [(second, third), (third, None)]


@pytest.mark.classic("one kind of session is enough")
def test_a_key_that_the_table_cannot_hold_is_refused_and_one_that_it_can_is_not(
    classic: SparkSession, tmp_path: Path
) -> None:
    table = DeltaTableDataSet(f"{tmp_path}/t", save_args={"mode": "merge", "keys": "day"})
    table.save(make(classic, (DAY, 1), schema="day DATE, n BIGINT"))
    midnight = dt.datetime.combine(DAY, dt.time.min)
    table.save(make(classic, (midnight, 2), schema="day TIMESTAMP, n BIGINT"))
    assert rows(table.load()) == [(DAY, 2)]
    with pytest.raises(DataSetError, match="day = 2026-01-02 08:00:00 does not fit into the table"):
        table.save(make(classic, (MORNING, 3), schema="day TIMESTAMP, n BIGINT"))
    assert rows(table.load()) == [(DAY, 2)]


@pytest.mark.classic("one kind of session is enough")
def test_conditions_that_cannot_be_judged_are_told_and_no_table_is_made(
    classic: SparkSession, tmp_path: Path
) -> None:
    for condition, told in (
        ("s.opp = 'D'", "delete_when is not possible: there is no column `s.opp`. Did you mean"),
        ("s.op ==", r"delete_when is not possible: \[PARSE_SYNTAX_ERROR\]"),
        ("s.op", "delete_when is a string, not true or false: s.op"),
    ):
        with pytest.raises(DataSetError, match=told):
            by_path(tmp_path, delete_when=condition).save(make(classic, (1, 1, "I", "a")))
        assert not by_path(tmp_path).exists()
    by_path(tmp_path).save(make(classic, (1, 1, "I", "a")))
    with pytest.raises(
        DataSetError, match=r"update_when is not possible: there is no column `t\.op`"
    ):
        by_path(tmp_path, update_when="s.op > t.op").save(make(classic, (1, 2, "U", "b")))
    of_texts = by_path(tmp_path, delete_when=None, keys=["name"], columns=["ts"], sequence_by=None)
    with pytest.raises(DataSetError, match="CAST_INVALID_INPUT"):  # and nothing of keys
        of_texts.save(make(classic, ("a", "x"), schema="name STRING, ts STRING"))


def test_rows_that_differ_in_microseconds_alone_contradict(
    classic: SparkSession, tmp_path: Path
) -> None:
    for kind in ("TIMESTAMP", "TIMESTAMP_NTZ"):
        table = by_path(tmp_path / kind, columns=[], delete_when="")
        text = "SELECT 1 AS id, 1 AS ts, {0}'2024-01-01 00:00:00.00000{1}' AS at"
        one, other = (classic.sql(text.format(kind, number)) for number in (1, 2))
        with pytest.raises(DataSetError, match="more than one row of id = 1, ts = 1"):
            table.save(one.union(other))
        table.save(one.union(one))
        assert len(rows(table.load())) == 1


def test_a_key_that_cannot_be_compared_is_refused(classic: SparkSession, tmp_path: Path) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "merge", "keys": "id"})
    with pytest.raises(DataSetError, match=r"told apart.* by id: it is .*MAP<STRING, INT>"):
        table.save(classic.sql("SELECT struct(map('a', 1) AS m) AS id"))
    assert not table.exists()


def test_a_sequence_may_be_a_struct_with_fields_of_any_name(
    classic: SparkSession, tmp_path: Path
) -> None:
    history = {"mode": "merge", "keys": "id", "scd": 2, "sequence_by": "at"}
    told = {"since": "valid_from.variant >= 0"}
    table = DeltaTableDataSet(str(tmp_path / "t"), save_args={**history, "constraints": told})
    text = "SELECT {0} AS id, named_struct('variant', {1}, 'a-map<', 'x') AS at"
    table.save(classic.sql(text.format(1, 1)))
    table.save(classic.sql(text.format(1, 2)))
    assert rows(table.load().selectExpr("at.variant", "valid_to.variant")) == [(1, 2), (2, None)]


def test_a_frame_of_pandas_without_columns_is_refused(
    classic: SparkSession, tmp_path: Path
) -> None:
    import pandas as pd

    table = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "merge", "keys": "id"})
    for empty in (pd.DataFrame(), pd.DataFrame(index=[1, 2])):
        with pytest.raises(DataSetError, match="the frame has no columns"):
            table.save(empty)
    assert not table.exists()


def test_a_frame_of_pandas_without_rows_is_merged_and_a_column_gets_its_type_later(
    classic: SparkSession, tmp_path: Path
) -> None:
    import pandas as pd

    table = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "merge", "keys": "id"})
    news = pd.DataFrame({"id": [1], "name": ["Ada"], "at": pd.to_datetime(["2024-01-01"])})
    table.save(news.head(0))
    table.save(news.assign(name=None))
    assert rows(table.load()) == [(1, None, dt.datetime(2024, 1, 1))]
    table.save(news)
    table.save(news.head(0))
    assert rows(table.load()) == [(1, "Ada", dt.datetime(2024, 1, 1))]
