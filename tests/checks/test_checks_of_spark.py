"""Spark frames that are saved and loaded with checks, by both kinds of session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sparkpipe.checks import quarantine
from sparkpipe.checks.checked import checked_in
from sparkpipe.errors import CheckFailedError, DataSetError, RunFailedError
from sparkpipe.events import CheckReport, NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog, declared
from sparkpipe.io.facts import gathering
from sparkpipe.io.for_run import ONLY_READ
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import SequentialRunner
from sparkpipe.spark.session import SparkProvider, activated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "id int, fare double, status string, api_key string, day date"
DAY = dt.date(2026, 3, 1)
ROWS = [
    (1, 5.0, "paid", "s3cret", DAY),
    (2, -2.0, None, "s3cret", DAY),
    (3, float("nan"), "free", "s3cret", DAY),
    (4, None, "stranger", "s3cret", DAY),
]
RIDING = [
    {"check": "fare >= 0", "name": "fare"},
    {"not_null": "id"},
    {"accepted": {"status": ["paid", "free"]}, "on_fail": "drop"},
    {"not_null": "status", "on_fail": "warn"},
    {"between": {"day": ["2026-01-01", "2026-12-31"]}},
    {"rows": {"min": 100}, "on_fail": "warn"},
]
KEPT = [
    {"check": "fare >= 0", "name": "fare", "on_fail": "quarantine"},
    {"not_null": "fare", "on_fail": "quarantine"},
    {"not_null": "status", "on_fail": "drop"},
    {"unique": "id"},
    {"refers": {"day": "days.day"}},
    {"rows": {"min": 1}},
    {"fresh": {"day": "3650 days"}},
]


@pytest.fixture(
    params=[
        pytest.param("classic", marks=pytest.mark.classic("the other kind of session is tested")),
        "connect",
    ]
)
def session(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[SparkSession]:
    chosen = spark if request.param == "classic" else request.getfixturevalue("connect")
    with activated(SparkProvider(session=chosen)):
        yield chosen


class Told(RunObserver):
    def __init__(self) -> None:
        self.checks: dict[str, CheckReport] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        self.checks |= {one.check: one for one in event.checks}


def entry_of(kind: str, folder: Path) -> dict[str, Any]:
    if kind == "table":
        table = f"trips_{uuid4().hex}"
        return {"type": "spark.SparkTableDataSet", "table": table, "write_mode": "overwrite"}
    kinds = {"parquet": "spark.SparkDataSet", "delta": "spark.DeltaTableDataSet"}
    return {"type": kinds[kind], "filepath": str(folder / "trips")}


def catalog_of(session: SparkSession, entry: dict[str, Any], checks: list[Any]) -> DataCatalog:
    catalog = DataCatalog.from_config(
        {"trips": {**entry, "checks": checks}, "days": {"type": "MemoryDataSet"}}
    )
    catalog.save("days", session.createDataFrame([(DAY,)], "day date"))
    return catalog


def save(catalog: DataCatalog, frame: DataFrame) -> dict[str, CheckReport]:
    with gathering() as facts:
        catalog.save("trips", frame)
    return {one.check: one for one in facts.checks}


def ids(frame: DataFrame) -> list[int]:
    return sorted(row["id"] for row in frame.select("id").collect())


@pytest.mark.parametrize("kind", ["parquet", "delta", "table"])
def test_checks_ride_on_the_write_or_are_judged_before_it(
    session: SparkSession, tmp_path: Path, kind: str
) -> None:
    entry = entry_of(kind, tmp_path)
    catalog = catalog_of(session, entry, RIDING)
    frame = session.createDataFrame(ROWS, SCHEMA)
    with pytest.raises(CheckFailedError) as told:
        save(catalog, frame)
    assert "check 'fare' failed, and nothing was saved" in str(told.value)
    assert "1 of 4 rows did not pass: fare >= 0" in str(told.value)
    assert "id=2, fare=-2.0, status=None, api_key=***, " in str(told.value)
    if kind != "delta":  # which makes the folder of its log before it has written
        assert not catalog.exists("trips")
    assert not [*tmp_path.glob("trips/_delta_log/*.json")]
    found = save(catalog, frame.where("id <> 2"))
    assert ids(catalog.load("trips")) == [1, 3]
    assert catalog.load("trips").columns == frame.columns
    assert {name: (one.outcome, one.failed, one.rows) for name, one in found.items()} == {
        "fare": ("passed", 0, 3),
        "not_null id": ("passed", 0, 3),
        "accepted status": ("dropped", 1, 3),
        "not_null status": ("passed", 0, 3),
        "between day": ("passed", 0, 3),
        "rows": ("warned", None, 3),
    }
    catalog = catalog_of(session, entry, KEPT)
    with pytest.raises(CheckFailedError, match="2 of 5 rows did not pass: id is unique"):
        save(catalog, frame.unionAll(frame.limit(1)))
    assert ids(catalog.load("trips")) == [1, 3]
    found = save(catalog, frame)
    assert ids(catalog.load("trips")) == [1]
    assert [one.failed for one in found.values()] == [1, 2, 1, 0, 0, None, None]
    rejected = catalog["trips"].quarantine.load()
    assert {row["id"]: row["failed_checks"] for row in rejected.collect()} == {
        2: "fare; not_null status",
        3: "not_null fare",
        4: "not_null fare",
    }
    assert rejected.columns[:5] == frame.columns


def test_rows_that_vary_are_judged_and_saved_once(session: SparkSession, tmp_path: Path) -> None:
    catalog = catalog_of(
        session,
        entry_of("parquet", tmp_path),
        [{"check": "chance < 0.5", "name": "lucky", "on_fail": "quarantine"}],
    )
    frame = session.range(200).selectExpr("id", "rand() AS chance")
    found = save(catalog, frame)
    good, bad = catalog.load("trips"), catalog["trips"].quarantine.load()
    assert good.where("chance >= 0.5").count() == bad.where("chance < 0.5").count() == 0
    assert sorted([*ids(good), *ids(bad)]) == [*range(200)]
    assert found["lucky"].failed == bad.count()


def test_an_assertion_judges_no_row_that_a_join_leaves_out(
    session: SparkSession, tmp_path: Path
) -> None:
    catalog = catalog_of(session, entry_of("parquet", tmp_path), [{"check": "fare >= 0"}])
    trips = session.createDataFrame(ROWS, SCHEMA)
    good = session.createDataFrame([(1,), (4,)], "id int")
    save(catalog, trips.join(good, "id"))
    assert ids(catalog.load("trips")) == [1, 4]
    save(catalog, session.createDataFrame([], SCHEMA))  # of which Spark observes nothing
    assert ids(catalog.load("trips")) == []


@pytest.mark.usefixtures("own_rules")
def test_what_is_not_possible_for_a_frame_is_told_before_any_job(
    session: SparkSession, tmp_path: Path
) -> None:
    frame = session.createDataFrame(ROWS, SCHEMA)
    for check, words in (
        ({"not_null": "fair"}, "there is no column 'fair'. Did you mean 'fare'?"),
        ({"check": "fair > 0"}, "check 'fair > 0' is not possible"),
        ({"check": "fare"}, "check 'fare' is not possible"),
        ({"accepted": {"id": ["one"]}}, "'id' holds numbers, and 'one' is none of them"),
        ({"fresh": {"id": "1 day"}}, "'id' holds no dates or times"),
        ({"refers": {"id": "days.dya"}}, "'days' has no column 'dya'"),
        ("spark_rules.nonsense", "gave a str, not a boolean column"),
    ):
        catalog = catalog_of(session, entry_of("parquet", tmp_path), [check])
        with pytest.raises(DataSetError) as told:
            catalog.save("trips", frame)
        assert words in str(told.value)


def test_what_is_only_read_fails_in_the_job_that_reads_it(
    session: SparkSession, tmp_path: Path
) -> None:
    entry = entry_of("parquet", tmp_path)
    frame = session.createDataFrame(ROWS, SCHEMA)
    DataCatalog.from_config({"trips": entry}).save("trips", frame)
    asserted = catalog_of(session, entry, [{"check": "fare >= 0"}])["trips"]._of_run(ONLY_READ)
    loaded = asserted.load()
    with pytest.raises(Exception, match="a row of 'trips' did not pass the check 'fare >= 0'"):
        loaded.count()
    dropping = [{"check": "fare >= 0", "on_fail": "drop"}, {"unique": "id"}]
    with gathering() as facts:
        read = catalog_of(session, entry, dropping)["trips"]._of_run(ONLY_READ).load()
    assert ids(read) == [1, 3, 4]
    assert [(one.direction, one.failed) for one in facts.checks] == [("load", 1), ("load", 0)]


@pytest.mark.usefixtures("own_rules")
def test_functions_of_the_users_and_frames_in_memory(session: SparkSession) -> None:
    checks = [
        {"function": "spark_rules.is_cheap", "args": {"most": 3}, "on_fail": "drop"},
        {"function": "spark_rules.count_of_strangers", "on_fail": "warn"},
    ]
    catalog = catalog_of(session, {"type": "MemoryDataSet"}, checks)
    found = save(catalog, session.createDataFrame(ROWS, SCHEMA))
    assert ids(catalog.load("trips")) == [2, 3, 4]  # of a function's own, NaN is what it is
    assert [one.failed for one in found.values()] == [1, 1]


@pytest.mark.classic("it needs both kinds of session")
@pytest.mark.usefixtures("own_rules")
def test_a_column_of_another_kind_of_session_is_told_with_its_check(
    connect: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    import spark_rules
    from pyspark.sql.classic import column

    monkeypatch.setattr(spark_rules, "is_cheap", lambda _: column.Column(None))
    catalog = catalog_of(connect, {"type": "MemoryDataSet"}, ["spark_rules.is_cheap"])
    with pytest.raises(DataSetError, match="check 'is_cheap' is not possible"):
        catalog.save("trips", connect.createDataFrame(ROWS, SCHEMA))


@pytest.mark.usefixtures("own_rules")
def test_a_schema_of_pandera_judges_a_frame(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandera = pytest.importorskip("pandera.pyspark")
    import spark_rules
    from pyspark.sql.types import IntegerType

    above = pandera.DataFrameSchema({"id": pandera.Column(IntegerType(), pandera.Check.gt(1))})
    monkeypatch.setattr(spark_rules, "above_one", above, raising=False)
    entry = entry_of("parquet", tmp_path)
    with activated(SparkProvider(session=spark)):
        catalog = catalog_of(spark, entry, [{"pandera": "spark_rules.above_one"}])
        frame = spark.createDataFrame(ROWS, SCHEMA)
        with pytest.raises(CheckFailedError) as told:
            catalog.save("trips", frame)
        assert str(told.value).splitlines()[-1] == "  id: greater_than(1)"
        assert save(catalog, frame.where("id > 1"))["pandera above_one"].outcome == "passed"


@pytest.mark.usefixtures("own_rules")
def test_a_validator_of_pandera_gives_the_frame_that_is_saved(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandera = pytest.importorskip("pandera.pyspark")
    import spark_rules
    from pyspark.sql.types import LongType

    columns = {"id": pandera.Column(LongType(), pandera.Check.gt(1))}
    model = pandera.DataFrameSchema(columns, coerce=True, strict="filter")
    monkeypatch.setattr(spark_rules, "ids", model, raising=False)
    entry = {**entry_of("delta", tmp_path), "validator": "spark_rules.ids"}
    with activated(SparkProvider(session=spark)):
        catalog = DataCatalog.from_config({"trips": entry})
        frame = spark.createDataFrame(ROWS, SCHEMA)
        with pytest.raises(CheckFailedError, match="id: greater_than"):
            catalog.save("trips", frame)
        catalog.save("trips", frame.where("id > 2"))
        assert catalog.load("trips").dtypes == [("id", "bigint")]
        assert ids(catalog.load("trips")) == [3, 4]


def test_a_merge_is_judged_before_it(session: SparkSession, database: str) -> None:
    entry = {
        "type": "spark.SparkTableDataSet",
        "table": "trips",
        "database": database,
        "write_mode": "upsert",
        "primary_key": "id",
    }
    catalog = catalog_of(session, entry, RIDING[:2])
    frame = session.createDataFrame(ROWS, SCHEMA)
    save(catalog, frame.where("id in (1, 3)"))
    with pytest.raises(CheckFailedError):
        save(catalog, frame)
    assert save(catalog, frame.where("id in (3, 4)"))["fare"].rows == 2
    assert ids(catalog.load("trips")) == [1, 3, 4]


def test_a_check_of_the_whole_alone_is_told(session: SparkSession, tmp_path: Path) -> None:
    few = {"rows": {"min": 100}, "on_fail": "warn"}
    catalog = catalog_of(session, entry_of("parquet", tmp_path), [few])
    found = save(catalog, session.createDataFrame(ROWS, SCHEMA))["rows"]
    assert (found.outcome, found.rows) == ("warned", 4)


def test_expressions_that_cannot_stand_everywhere_are_judged(
    session: SparkSession, tmp_path: Path
) -> None:
    first = "row_number() over (partition by status order by id) = 1"
    checks = [
        {"check": first, "name": "first", "on_fail": "drop"},
        {"check": "rand(7) < 0.5", "name": "lucky", "on_fail": "drop"},
        {"check": "fare >= 0", "name": "fare", "on_fail": "warn"},
    ]
    entry = entry_of("parquet", tmp_path)
    rows = session.range(200).selectExpr("id", "'a' AS status", "1.0D AS fare")
    catalog = catalog_of(session, entry, checks[:1])
    assert save(catalog, rows)["first"].failed == 199
    assert ids(catalog.load("trips")) == [0]
    catalog = catalog_of(session, entry_of("parquet", tmp_path / "b"), checks[1:])
    found = save(catalog, rows)
    assert found["lucky"].failed == 200 - len(ids(catalog.load("trips"))) > 0
    assert found["fare"].outcome == "passed"


@pytest.mark.classic("accumulators are of SparkContext")
def test_a_function_is_called_once_for_each_row_that_is_judged(
    spark: SparkSession, tmp_path: Path
) -> None:
    from pyspark.sql import functions as F

    called = spark.sparkContext.accumulator(0)

    def score(x: int) -> float:
        called.add(1)
        return float(x)

    frame = spark.range(50).withColumn("fare", F.udf(score, "double")("id"))
    checks = [{"between": {"fare": [0, 100]}}, {"check": "fare < 10", "on_fail": "warn"}]
    for number, some in enumerate((checks[:1], checks)):
        called.value = 0
        entry = {"type": "spark.SparkDataSet", "filepath": str(tmp_path / str(number))}
        save(catalog_of(spark, entry, some), frame)
        assert called.value == 50


@pytest.mark.classic("its jobs are counted")
def test_checks_of_rows_start_no_job(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA).where("id <> 2")
    jobs = []
    tracker = spark.sparkContext.statusTracker()
    for number, checks in enumerate(([], RIDING)):
        entry = {"type": "spark.SparkDataSet", "filepath": str(tmp_path / str(number))}
        config = {"trips": {**entry, "checks": checks} if checks else entry}
        group = f"checks-{uuid4().hex}"
        spark.sparkContext.setJobGroup(group, group)
        with activated(SparkProvider(session=spark)):
            DataCatalog.from_config(config).save("trips", frame)
        jobs.append(len(tracker.getJobIdsForGroup(group)))
    assert jobs[0] == jobs[1] == 1


@pytest.mark.parametrize("on_fail", ["fail", "quarantine"])
def test_partitions_of_spark_are_judged_one_by_one(
    session: SparkSession, tmp_path: Path, on_fail: str
) -> None:
    entry = {
        "type": "PartitionedDataSet",
        "path": str(tmp_path / "trips"),
        "dataset": "spark.SparkDataSet",
    }
    catalog = catalog_of(session, entry, [{"check": "fare >= 0", "on_fail": on_fail}])
    frame = session.createDataFrame(ROWS, SCHEMA)
    parts = {"a": frame, "b": lambda: frame.where("id > 2")}
    assert declared.plan_notes(catalog["trips"])[0].startswith("1 check, judged before the save")
    if on_fail == "fail":
        with pytest.raises(CheckFailedError, match="1 of 4 rows did not pass"):
            catalog.save("trips", parts)
        assert not catalog.exists("trips")
        return
    catalog.save("trips", parts)
    saved = {name: ids(load()) for name, load in catalog.load("trips").items()}
    assert saved == {"a": [1, 3, 4], "b": [3, 4]}
    _, rejected = quarantine.rejected_rows(checked_in(catalog["trips"]).quarantine, 5)
    assert [(row["id"], row["failed_checks"]) for row in rejected] == [(2, "fare >= 0")]


def test_partitions_of_spark_that_are_only_read_are_judged(
    session: SparkSession, tmp_path: Path
) -> None:
    session.createDataFrame(ROWS, SCHEMA).write.parquet(str(tmp_path / "trips" / "a"))
    entry = {
        "type": "PartitionedDataSet",
        "path": str(tmp_path / "trips"),
        "dataset": "spark.SparkDataSet",
    }
    catalog = catalog_of(session, entry, [{"check": "fare >= 0"}])
    read = pipeline([node(lambda parts: parts["a"]().count(), "trips", "count", name="read")])
    with pytest.raises(RunFailedError, match="a row of 'trips' did not pass the check 'fare >= 0'"):
        SequentialRunner().run(read, catalog)


def test_rows_of_pandas_that_a_merge_rejects_go_to_a_table_of_spark(
    session: SparkSession, tmp_path: Path
) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("duckdb")
    entry = {**entry_of("delta", tmp_path), "save_args": {"mode": "merge", "keys": ["id"]}}
    catalog = catalog_of(session, entry, [{"check": "fare >= 0", "on_fail": "quarantine"}])
    save(catalog, pd.DataFrame({"id": [1, 2], "fare": [1.0, -2.0]}))
    assert ids(catalog.load("trips")) == [1]
    rejected = session.read.format("delta").load(str(tmp_path / "trips_rejected"))
    assert ids(rejected) == [2]


@pytest.mark.parametrize("kind", ["delta", "table"])
def test_rows_are_counted_also_where_nobody_gathers_facts(
    session: SparkSession, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    frame = session.createDataFrame(ROWS, SCHEMA)
    entry = entry_of(kind, tmp_path)
    catalog = catalog_of(session, entry, [{"rows": {"min": 5}, "on_fail": "warn"}])
    catalog.save("trips", frame)
    assert "4 rows, at least 5 are needed" in caplog.text
    catalog.save("trips", frame.where("1 = 0"))
    assert "0 rows, at least 5 are needed" in caplog.text


def test_rows_are_counted_in_all_chunks(session: SparkSession, tmp_path: Path) -> None:
    frame = session.createDataFrame(ROWS, SCHEMA)
    entry = {**entry_of("delta", tmp_path), "save_args": {"mode": "append"}}
    catalog = catalog_of(session, entry, [{"rows": {"min": 5}, "on_fail": "warn"}])
    told = Told()
    with observing(told):
        make = node(lambda: (frame for _ in range(2)), None, "trips", name="make")
        SequentialRunner().run(pipeline([make]), catalog)
    assert (told.checks["rows"].outcome, told.checks["rows"].rows) == ("passed", 8)


def test_a_column_that_the_quarantine_would_overwrite_is_refused_before_any_job(
    session: SparkSession, tmp_path: Path
) -> None:
    frame = session.createDataFrame(ROWS, SCHEMA).selectExpr(
        "*", "raise_error('ran') as failed_checks"
    )
    checks = [{"check": "fare >= 0", "on_fail": "quarantine"}]
    catalog = catalog_of(session, entry_of("delta", tmp_path), checks)
    with pytest.raises(DataSetError, match="rejected rows get 'failed_checks' in a quarantine"):
        catalog.save("trips", frame)
    assert not [*tmp_path.iterdir()]
