"""Tables of Delta that a save makes, with more than columns; and what differs in one there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkpipe.datasets.spark import DeltaTableDataSet, SparkDataSet, SparkTableDataSet
from sparkpipe.errors import DataSetError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.delta

NAME = "sparkpipe_new_table"
PROPERTIES = {"shop.owner": "Ada"}
FILLED = {"generated": {"month": "month(day)"}, "identity": ["nr"]}


@pytest.fixture(params=["path", "name"])
def place(request: pytest.FixtureRequest, tmp_path: Path, session: SparkSession) -> Any:
    """How a table is made: in a folder, or by its name."""
    if request.param == "path":

        def make(mode: str, **save_args: Any) -> Any:
            return DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": mode, **save_args})

        yield make
        return

    def make_by_name(mode: str, **save_args: Any) -> Any:
        return SparkTableDataSet(NAME, write_mode=mode, save_args=save_args)

    try:
        yield make_by_name
    finally:
        session.sql(f"DROP TABLE IF EXISTS {NAME}")


def rows_of(session: SparkSession, *ids: int) -> Any:
    rows = [(one, dt.date(2024, one, 1), float(one)) for one in ids]
    return session.createDataFrame(rows, "id INT, day DATE, fare DOUBLE")


def saved(table: Any, columns: Sequence[str] = ("id",)) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, table.load().select(*columns).collect()))


def detail(session: SparkSession, table: Any) -> Any:
    return session.sql(f"DESCRIBE DETAIL {table.name_in_sql()}").collect()[0]


@pytest.mark.parametrize("mode", ["append", "overwrite", "ignore", "merge"])
def test_partitions_of_the_writer_go_with_all_else_in_each_mode(
    session: SparkSession, place: Any, mode: str
) -> None:
    more = {"keys": ["id"]} if mode == "merge" else {"table_properties": PROPERTIES}
    table = place(mode, partitionBy=["day"], **more)
    table.save(rows_of(session, 1, 2))
    assert saved(table) == [(1,), (2,)]
    told = detail(session, table)
    assert told["partitionColumns"] == ["day"]
    assert mode == "merge" or told["properties"] == PROPERTIES


def test_no_table_is_made_that_would_lack_what_the_entry_says(
    session: SparkSession, place: Any
) -> None:
    for table, told in (
        (place("append", constraints={"short": "far < 2"}), "constraint short is not possible"),
        (place("merge", keys=["id"], constraints={"c": "fare"}), "constraint c is not possible"),
        (place("append", partition_by=["dya"]), "lacks the columns .*: dya"),
    ):
        with pytest.raises(DataSetError, match=told):
            table.save(rows_of(session, 1))
        assert not table.exists()
    own = {"order": "valid_to IS NULL OR valid_to > valid_from", "month": "month > 0 AND nr >= 0"}
    table = place("merge", keys=["id"], sequence_by="day", scd=2, constraints=own, **FILLED)
    table.save(rows_of(session, 1))
    assert saved(table) == [(1,)]


def test_what_delta_fills_is_compared_and_no_overwrite_takes_it_away(
    session: SparkSession, place: Any, caplog: pytest.LogCaptureFixture
) -> None:
    table = place("overwrite", overwriteSchema=True, **FILLED)
    table.save(rows_of(session, 1))
    table.save(rows_of(session, 2))
    assert not [one for one in caplog.messages if "stays as it is" in one]
    table.save(rows_of(session, 3).selectExpr("id", "day", "'new' AS more"))
    assert saved(table, ["id", "month", "more"]) == [(3, 3, "new")]
    assert "keeps the columns fare" in caplog.text
    place("append", generated={"Month": "month( day )", "year": "year(day)"}).save(
        rows_of(session, 4)
    )
    assert "it lacks the column year (generated)" in caplog.text
    assert "lacks the column Month" not in caplog.text
    assert "worked out by" not in caplog.text


@pytest.mark.parametrize("mode", ["ignore", "error", "errorIfExists"])
def test_a_save_that_failed_leaves_no_table_that_stays_empty(
    session: SparkSession, place: Any, mode: str
) -> None:
    table = place(
        mode, partitionBy="day", table_properties=PROPERTIES, constraints={"low": "fare < 9"}
    )
    for _ in range(2):
        with pytest.raises(Exception, match="low"):
            table.save(rows_of(session, 9))
        assert saved(table) == []
    table.save(rows_of(session, 1))
    assert saved(table) == [(1,)]
    if mode == "ignore":
        table.save(rows_of(session, 2))
    else:
        with pytest.raises(Exception, match=r"already exists|(ALREADY|PATH)_EXISTS"):
            table.save(rows_of(session, 2))
    session.sql(f"DELETE FROM {table.name_in_sql()}")  # it is as somebody wants it
    if mode == "ignore":
        table.save(rows_of(session, 2))
    assert saved(table) == []
    told = detail(session, table)
    assert (told["partitionColumns"], told["properties"]["shop.owner"]) == (["day"], "Ada")


@pytest.mark.classic("a client does not read the log of a table")
def test_how_delta_fills_columns_is_compared(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = str(tmp_path / "t")
    DeltaTableDataSet(where, save_args={"mode": "append", **FILLED}).save(rows_of(spark, 1))
    other = {"generated": {"month": "year(day)", "fare": "id * 2.0"}, "identity": ["id", "no"]}
    with pytest.raises(DataSetError):  # two columns are to be numbered, which are not there
        DeltaTableDataSet(where, save_args={"mode": "merge", "keys": "nr", **other}).save(
            rows_of(spark, 2)
        )
    DeltaTableDataSet(where, save_args={"mode": "append", **other}).save(rows_of(spark, 2))
    for told in (
        "its column month is worked out by month(day), not by year(day) (generated)",
        "its column fare is not worked out of others, not by id * 2.0 (generated)",
        "its column id is not numbered by Delta (identity)",
        "it lacks the column no (identity)",
    ):
        assert told in caplog.text


def test_what_has_no_effect_is_told(tmp_path: Path) -> None:
    words = {"cluster_by": ["id"], "identity": ["nr"]}
    told = "save_args: cluster_by, identity have no effect"
    for_files = SparkDataSet(str(tmp_path), "parquet", save_args=words)
    of_delta = SparkDataSet(str(tmp_path), "delta", save_args=words)
    by_name = SparkTableDataSet("a.b", write_mode="append", file_format="orc", save_args=words)
    for data_set in (for_files, of_delta, by_name):
        (problem,) = data_set._problems()
        assert problem.startswith(told)
    by_day = SparkTableDataSet(
        *("a.b", None, None, "append"),
        file_format="parquet",
        partition_columns=["day"],
        save_args={"table_properties": PROPERTIES},
    )
    (problem,) = by_day._problems()
    assert problem.startswith("save_args: table_properties has no effect")
    with pytest.raises(DataSetError, match="mapping of texts"):
        DeltaTableDataSet("t", save_args={"table_properties": {"a": None}})
    with pytest.raises(DataSetError, match="partitioned or clustered"):
        DeltaTableDataSet("t", save_args={"partitionBy": "a", "cluster_by": "b"})
    with pytest.raises(DataSetError, match="in one way"):
        SparkTableDataSet(
            "t",
            write_mode="merge",
            primary_key="id",
            partition_columns="a",
            save_args={"partition_by": "b"},
        )


def _leave_a_log(session: SparkSession, table: Any, *, has_file: bool) -> Path:
    """Leave what a process has that was killed as it made a table; returns the folder of the log.

    Where a table by its name would lie, the database tells.
    """
    if isinstance(table, DeltaTableDataSet):
        folder = Path(table.location())
    else:
        told = session.sql("DESCRIBE DATABASE default").where("info_name = 'Location'").collect()
        folder = Path(told[0][1].removeprefix("file:")) / NAME
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    if has_file:
        (log / ".00000000000000000000.json.8a1f.tmp").write_text("{")
    return log


@pytest.mark.parametrize(
    ("has_file", "save_args"),
    [
        (True, {"mode": "merge", "keys": ["id"], "sequence_by": "day", "scd": 2}),
        (False, {"mode": "append", "table_properties": PROPERTIES}),
    ],
)
def test_a_table_is_made_where_a_process_was_killed_as_it_made_it(
    session: SparkSession,
    place: Any,
    save_args: dict[str, Any],
    has_file: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = place(**save_args)
    log = _leave_a_log(session, table, has_file=has_file)
    assert not table.exists()
    with pytest.raises(DataSetError):
        table.load()
    table.save(rows_of(session, 1, 2))
    assert saved(table) == [(1,), (2,)]
    assert table.exists()
    assert "was killed as it made the Delta table" in caplog.text
    table.save(rows_of(session, 3))
    assert saved(table) == [(1,), (2,), (3,)]
    assert [path.name for path in log.glob(".*.tmp")] == []


def test_files_of_strangers_are_no_table_that_was_not_made(
    session: SparkSession, tmp_path: Path
) -> None:
    table = DeltaTableDataSet(str(tmp_path / "t"), save_args={"mode": "merge", "keys": ["id"]})
    log = _leave_a_log(session, table, has_file=False)
    (log / "notes.txt").write_text("mine")
    with pytest.raises(DataSetError):
        table.save(rows_of(session, 1))
    assert (log / "notes.txt").read_text() == "mine"
