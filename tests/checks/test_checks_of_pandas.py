"""Frames of pandas that are saved and loaded with checks, through a run of nodes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sparkpipe.checks.suggesting import suggest
from sparkpipe.errors import DataSetError, PreflightError, RunFailedError
from sparkpipe.events import CheckReport, NodeEnded, RunObserver, observing
from sparkpipe.io import DataCatalog
from sparkpipe.pipeline import node, pipeline
from sparkpipe.runner import ParallelRunner, SequentialRunner

TRIPS = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "fare": [5.0, -2.0, None, 7.0],
        "status": ["paid", None, "free", "stranger"],
        "day": [dt.date(2026, 3, 1)] * 4,
        "api_key": ["s3cret"] * 4,
    }
)


pytestmark = pytest.mark.usefixtures("own_rules")


class Told(RunObserver):
    def __init__(self) -> None:
        self.checks: dict[str, CheckReport] = {}
        self.rows: dict[str, int | None] = {}

    def on_node_ended(self, event: NodeEnded) -> None:
        self.checks |= {one.check: one for one in event.checks}
        self.rows |= {one.name: one.rows for one in event.data_sets}


def save(
    folder: Path, checks: list[Any], data: Any = TRIPS, **entry: Any
) -> tuple[DataCatalog, dict[str, CheckReport]]:
    trips = {"type": "pandas.CSVDataSet", "filepath": f"{folder}/trips.csv", "checks": checks}
    catalog = DataCatalog.from_config(
        {"trips": {**trips, **entry}, "codes": {"type": "MemoryDataSet"}}
    )
    catalog.save("codes", pd.DataFrame({"code": ["paid", "free"]}))
    told = Told()
    with observing(told):
        make = node(lambda: data, None, "trips", name="make")
        SequentialRunner().run(pipeline([make]), catalog, session_id="run-1")
    return catalog, told.checks


def failure(folder: Path, checks: list[Any], data: Any = TRIPS, **entry: Any) -> str:
    with pytest.raises(RunFailedError) as told:
        save(folder, checks, data, **entry)
    assert not (folder / "trips.csv").exists()
    return str(told.value)


def test_what_must_hold_keeps_all_from_being_saved(tmp_path: Path) -> None:
    told = failure(tmp_path, [{"check": "fare >= 0", "name": "no_negative_fare"}])
    assert "Node 'make' could not save 'trips' (CSVDataSet" in told
    assert "check 'no_negative_fare' failed, and nothing was saved" in told
    assert "1 of 4 rows did not pass: fare >= 0" in told
    assert "id=2, fare=-2.0, status=None" in told
    assert "s3cret" not in told


def test_rows_are_dropped_or_kept_apart_and_none_is_lost(tmp_path: Path) -> None:
    checks = [
        {"check": "fare >= 0", "name": "fare", "on_fail": "quarantine"},
        {"not_null": "status", "on_fail": "drop"},
        {"accepted": {"status": ["paid", "free"]}, "on_fail": "warn"},
        {"unique": "id"},
        {"rows": {"min": 1}},
    ]
    catalog, told = save(tmp_path, checks)
    assert [*catalog.load("trips")["id"]] == [1, 3, 4]  # null passes
    assert {name: (one.outcome, one.failed) for name, one in told.items()} == {
        "fare": ("quarantined", 1),
        "not_null status": ("dropped", 1),
        "accepted status": ("warned", 1),
        "unique id": ("passed", 0),
        "rows": ("passed", None),
    }
    folder = tmp_path / "trips_rejected"
    assert told["fare"].quarantine == str(folder)
    (rejected,) = folder.iterdir()
    row = pd.read_csv(rejected).iloc[0]
    assert row["id"] == 2
    assert row["failed_checks"] == "fare; not_null status"
    assert (row["rejected_by_run"], row["rejected_by_node"]) == ("run-1", "make")


def test_rows_of_the_quarantine_are_not_counted_as_saved(tmp_path: Path) -> None:
    checks = [{"check": "fare >= 0", "on_fail": "quarantine"}]
    place = {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/trips.csv", "checks": checks}
    told = Told()
    with observing(told):
        make = node(lambda: TRIPS, None, "trips", name="make")
        catalog = DataCatalog.from_config({"trips": place})
        SequentialRunner().run(pipeline([make]), catalog, session_id="run-1")
    assert told.rows == {"trips": 3}


def test_a_quarantine_may_be_a_data_set_of_the_catalog(tmp_path: Path) -> None:
    checks = [{"between": {"fare": [0, 300]}, "on_fail": "quarantine"}]
    catalog, _ = save(tmp_path, checks, quarantine="codes")
    assert [*catalog.load("codes")["id"]] == [2]


def test_a_column_that_the_quarantine_would_overwrite_is_refused(tmp_path: Path) -> None:
    checks = [{"check": "fare >= 0", "on_fail": "quarantine"}]
    mine = TRIPS.assign(Failed_Checks="mine")
    told = "what the data has in columns of that name would be lost"
    assert told in failure(tmp_path, checks, mine)
    assert not (tmp_path / "trips_rejected").exists()
    schema = "id bigint, fare double, failed_checks string"
    with pytest.raises(DataSetError, match=told):  # before any run
        save(tmp_path, checks, mine, schema=schema)
    save(tmp_path, [{"check": "fare >= 0", "on_fail": "drop"}], mine)


def test_nothing_is_put_apart_where_something_else_must_hold(tmp_path: Path) -> None:
    checks = [{"check": "fare >= 0", "on_fail": "quarantine"}, {"not_null": "status"}]
    failure(tmp_path, checks)
    assert not (tmp_path / "trips_rejected").exists()


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ({"unique": ["status", "api_key"]}, None),  # a null is like none
        ({"unique": "api_key"}, "4 of 4 rows did not pass"),
        ({"rows": {"min": 5}}, "4 rows, at least 5 are needed"),
        ({"fresh": {"day": "2 days"}}, "the latest day is 2026-03-01"),
        ({"refers": {"status": "codes.code"}}, "1 of 4 rows did not pass"),
        ({"refers": {"id": "trips.id"}}, None),
        ({"between": {"day": ["2026-01-01", "2026-02-01"]}}, "4 of 4 rows"),
        ({"between": {"day": [None, dt.date(2026, 4, 1)]}}, None),
        ({"between": {"status": [0, 1]}}, "'status' holds texts, and 0 is none of them"),
        ({"not_null": "fair"}, "there is no column 'fair'. Did you mean 'fare'?"),
        ({"check": "fair > 0"}, "there is no column 'fair' in 'fair > 0'. Did you mean 'fare'?"),
        ({"check": "fare"}, "is not possible"),
        ({"refers": {"status": "codes.cod"}}, "'codes' has no column 'cod'"),
        ({"check": "status is null or length(status) > 3"}, None),
        ("rules.is_cheap", None),
        ({"function": "rules.is_cheap", "args": {"most": 6}}, "1 of 4 rows did not pass"),
        ("rules.count_of_strangers", "1 of 4 rows did not pass"),
        ("rules.nonsense", "rules.nonsense gave a str, not a boolean column"),
        ("rules.count_by_numpy", "1 of 4 rows did not pass"),
        ("rules.fewer_than_none", "rules.fewer_than_none gave -1, which is no number of rows"),
        ("rules.fares", "rules.fares gave a Series of float64, not a boolean column"),
        ({"refers": {"id": "codes.code"}}, "'id' holds no texts, and 'code' of 'codes' texts"),
    ],
)
def test_each_word(tmp_path: Path, check: Any, found: str | None) -> None:
    if found is None:
        save(tmp_path, [check])
    else:
        assert found in failure(tmp_path, [check])


def test_a_rule_changes_nothing_of_what_is_saved(tmp_path: Path) -> None:
    catalog, _ = save(tmp_path, ["rules.is_cheap_without_nulls", {"not_null": "id"}])
    assert catalog.load("trips")["fare"].isna().sum() == 1


def test_a_count_names_no_row_to_drop(tmp_path: Path) -> None:
    check = {"function": "rules.count_of_strangers", "on_fail": "drop"}
    assert "gave a count, which names no row" in failure(tmp_path, [check])


def test_values_are_compared_as_what_the_column_holds(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "price": [Decimal("1.10"), None],
            "at": pd.to_datetime(["2026-03-01T12:00Z", None]),
            "kind": pd.Categorical(["a", None]),
        }
    )
    checks = [
        {"between": {"price": [1.1, 1.1]}},
        {"between": {"at": ["2026-03-01T14:00+02:00", "2026-03-01T12:00"]}},
        {"accepted": {"kind": ["a"]}},
        {"check": "price = 1.1 and at >= timestamp '2026-03-01 12:00:00'", "name": "sql"},
    ]
    _, told = save(tmp_path, checks, frame)
    assert {one.outcome for one in told.values()} == {"passed"}


NOW = dt.datetime.now()


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.Categorical([1, 2, None])),
        pd.Series(pd.Categorical([NOW, NOW, None])),
        pd.Series([NOW, NOW, None], dtype="timestamp[us][pyarrow]"),
        pd.Series([NOW, NOW, None], dtype="timestamp[us, tz=UTC][pyarrow]"),
        pd.Series([NOW.date(), NOW.date(), None], dtype="date32[pyarrow]"),
        pd.Series([0, 1, 2], dtype="Float64") / [0, 1, 1],
        pd.Series([0, 1, 2], dtype="double[pyarrow]") / [0, 1, 1],
    ],
    ids=lambda one: str(one.dtype),
)
def test_columns_of_any_type_are_judged_and_what_is_suggested_for_them_holds(
    tmp_path: Path, values: Any
) -> None:
    data = pd.DataFrame({"c": values})
    checks = [
        {"not_null": "c"},
        {"check": "c is not null", "name": "sql"},
        {"refers": {"c": "trips.c"}},
        *suggest(data),
    ]
    _, told = save(tmp_path, [{"on_fail": "warn", **one} for one in checks], data)
    assert [told[name].failed for name in ("not_null c", "sql", "refers c")] == [1, 1, 0]
    assert len(told) == len(checks)
    assert {one.outcome for one in [*told.values()][2:]} == {"passed"}


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ([NOW, NOW.date()], {"between": {"c": ["2026-01-01", None]}}),
        ([NOW, NOW.astimezone()], {"between": {"c": ["2026-01-01", None]}}),
        ([NOW.date(), NOW], {"fresh": {"c": "1 day"}}),
        (pd.array([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int8()))), {"unique": "c"}),
        ([Decimal("sNaN"), None], {"not_null": "c"}),
        ([10**30, 1], {"check": "c > 0"}),
        (np.array([1, 2], dtype="float16"), {"check": "c > 0"}),
    ],
)
def test_values_that_have_no_order_are_told_with_their_check(
    tmp_path: Path, value: Any, check: Any
) -> None:
    told = failure(tmp_path, [{**check, "name": "mine"}], pd.DataFrame({"c": value}))
    assert "could not save 'trips'" in told
    assert "check 'mine'" in told


def save_chunks(
    folder: Path, checks: list[Any], function: Any, retries: int = 0
) -> dict[str, CheckReport]:
    trips = {
        "type": "pandas.CSVDataSet",
        "filepath": f"{folder}/trips.csv",
        "checks": checks,
        "fs_args": {"open_args_save": {"mode": "a"}},
    }
    catalog, told = DataCatalog.from_config({"trips": trips}), Told()
    make = node(function, None, "trips", name="make", retries=retries)
    with observing(told):
        SequentialRunner().run(pipeline([make]), catalog)
    return told.checks


def chunks() -> Any:
    yield TRIPS
    yield TRIPS


def no_chunks() -> Any:
    yield from ()


@pytest.mark.parametrize("retries", [0, 1])
def test_chunks_are_judged_each_and_told_together(retries: int, tmp_path: Path) -> None:
    checks = [{"check": "fare >= 0", "name": "fare", "on_fail": "drop"}]
    told = save_chunks(tmp_path, checks, chunks, retries)
    assert (told["fare"].failed, told["fare"].rows) == (2, 8)
    assert (tmp_path / "trips.csv").read_text().count("paid") == 2


@pytest.mark.parametrize("retries", [0, 1])
def test_how_many_rows_and_how_fresh_is_judged_of_all_chunks(retries: int, tmp_path: Path) -> None:
    def old_and_new() -> Any:
        yield TRIPS
        yield TRIPS.assign(day=dt.date.today())

    def only_old() -> Any:
        yield from (TRIPS, TRIPS)

    checks = [
        {"rows": {"min": 5, "max": 8}, "on_fail": "warn"},
        {"fresh": {"day": "2 days"}, "on_fail": "warn"},
    ]
    told = save_chunks(tmp_path, checks, old_and_new, retries)
    assert {name: (one.outcome, one.rows) for name, one in told.items()} == {
        "rows": ("passed", 8),
        "fresh day": ("passed", 8),
    }
    told = save_chunks(tmp_path, [{"rows": {"max": 7}, "on_fail": "warn"}, checks[1]], only_old)
    assert told["rows"].told == "8 rows, at most 7 are allowed"
    assert told["fresh day"].told == "the latest day is 2026-03-01"
    told = save_chunks(tmp_path, [{"rows": {"min": 1}, "on_fail": "warn"}], no_chunks, retries)
    assert told["rows"].told == "0 rows, at least 1 are needed"


@pytest.mark.parametrize(
    "check",
    [{"rows": {"change": 0.2}}, {"fresh": {"day": "2 days"}}, {"refers": {"id": "trips.id"}}],
)
def test_what_all_chunks_must_pass_is_refused_as_the_first_is_saved_by_then(
    check: Any, tmp_path: Path
) -> None:
    told = r"'trips' of node 'make': check '.*its function is a generator.*all of it at once"
    with pytest.raises(PreflightError, match=told):
        save_chunks(tmp_path, [check], chunks)
    assert not (tmp_path / "trips.csv").exists()

    def at_run_time() -> Any:
        return (frame for frame in [TRIPS.assign(day=dt.date.today())] * 2)

    with pytest.raises(RunFailedError, match="could not save another chunk of 'trips': check"):
        save_chunks(tmp_path, [check], at_run_time)

    def one() -> Any:
        yield TRIPS.assign(day=dt.date.today())

    save_chunks(tmp_path, [check], one)  # one chunk is all of it


def test_a_chunk_that_does_not_pass_says_that_earlier_ones_are_saved(tmp_path: Path) -> None:
    def good_and_bad() -> Any:
        yield TRIPS.head(1)
        yield TRIPS

    with pytest.raises(RunFailedError, match="nothing of its chunk was saved"):
        save_chunks(tmp_path, [{"check": "fare >= 0"}], good_and_bad)
    with pytest.raises(RunFailedError, match="could not save 'trips': check 'rows' failed"):
        save_chunks(tmp_path, [{"rows": {"min": 1}}], lambda: no_chunks())


def test_what_is_unique_in_each_chunk_only_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_chunks(tmp_path, [{"unique": "id"}], chunks)
    assert "'trips' of node 'make': check 'unique id'" in caplog.text
    assert "what is there twice in two chunks is not seen" in caplog.text


def test_partitions_are_judged_one_by_one(tmp_path: Path) -> None:
    entry = {
        "type": "PartitionedDataSet",
        "path": str(tmp_path / "parts"),
        "dataset": "pandas.CSVDataSet",
        "filename_suffix": ".csv",
    }
    checks = [{"check": "fare >= 0", "on_fail": "quarantine"}]
    catalog = DataCatalog.from_config({"trips": {**entry, "checks": checks}})
    catalog.save("trips", {"a": TRIPS, "b": lambda: TRIPS})
    assert [len(load()) for load in catalog.load("trips").values()] == [3, 3]
    assert len([*(tmp_path / "parts_rejected").iterdir()]) == 2


def test_partitions_are_not_compared_with_all_of_the_last_run(tmp_path: Path) -> None:
    entry = {"type": "PartitionedDataSet", "path": str(tmp_path), "dataset": "pandas.CSVDataSet"}
    checks = [{"rows": {"min": 1, "change": 0.1}}]
    with pytest.raises(DataSetError, match="each partition is judged by itself"):
        DataCatalog.from_config({"trips": {**entry, "checks": checks}})


def test_what_is_only_read_is_judged_when_it_is_read(tmp_path: Path) -> None:
    TRIPS.to_csv(tmp_path / "trips.csv", index=False)
    trips = {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/trips.csv"}
    read = pipeline([node(len, "trips", "count", name="read")])
    dropping = {**trips, "checks": [{"check": "fare >= 0", "on_fail": "drop"}]}
    assert SequentialRunner().run(read, DataCatalog.from_config({"trips": dropping})) == {
        "count": 3
    }
    failing = DataCatalog.from_config({"trips": {**trips, "checks": [{"check": "fare >= 0"}]}})
    with pytest.raises(RunFailedError, match="check 'fare >= 0' failed, and nothing was read"):
        SequentialRunner().run(read, failing)
    both = read + pipeline([node(lambda: TRIPS, None, "trips", name="make")])
    warning = {**trips, "checks": [{"check": "fare >= 0", "on_fail": "warn"}]}
    told = Told()
    with observing(told):  # where a node of the run saves it, that is judged, and once
        SequentialRunner().run(both, DataCatalog.from_config({"trips": warning}))
    assert told.checks["fare >= 0"].direction == "save"


def trips() -> pd.DataFrame:
    return TRIPS


def test_checks_hold_in_other_processes_with_what_they_need(tmp_path: Path) -> None:
    checks = [
        {"check": "fare >= 0", "on_fail": "quarantine"},
        {"refers": {"status": "codes.code"}, "on_fail": "warn"},
    ]
    catalog = DataCatalog.from_config(
        {
            "trips": {"type": "MemoryDataSet", "checks": checks, "quarantine": "bad"},
            "bad": {"type": "pandas.CSVDataSet", "filepath": f"{tmp_path}/bad.csv"},
            "codes": {"type": "MemoryDataSet"},
        }
    )
    catalog.save("codes", pd.DataFrame({"code": ["paid", "free"]}))
    told = Told()
    make = node(trips, None, "trips", name="make")
    with observing(told):
        ParallelRunner(max_workers=2).run(
            pipeline([make, node(len, "trips", "count", name="count")]), catalog
        )
    assert [(one.outcome, one.failed) for one in told.checks.values()] == [
        ("quarantined", 1),
        ("warned", 1),
    ]
    assert [*catalog.load("bad")["id"]] == [2]


def test_what_is_no_frame_is_refused(tmp_path: Path) -> None:
    told = failure(tmp_path, [{"not_null": "id"}], "text")
    assert "checks judge frames of Spark and pandas, not a str" in told


def test_a_validator_of_kedro_gives_the_data_that_is_saved(tmp_path: Path) -> None:
    options = {"class": "rules.NeedsColumns", "on": "save", "options": {"names": ["id"]}}
    catalog, told = save(tmp_path, [], validator=options)
    assert catalog.load("trips")["is_validated"].all()
    assert told["validator rules.NeedsColumns"].outcome == "passed"
    options["options"] = {"names": ["km"]}
    (tmp_path / "trips.csv").unlink()
    assert "does not accept the data: ValueError: no km" in failure(tmp_path, [], validator=options)


def test_the_data_set_is_known_as_what_its_entry_names(tmp_path: Path) -> None:
    catalog, _ = save(tmp_path, [{"not_null": "id"}])
    assert str(catalog["trips"]).startswith("CSVDataSet(filepath=")
    assert "CheckedDataSet" not in repr(catalog._repr_html_())
    assert catalog["trips"]._filepath == catalog["trips"].wrapped()._filepath


def test_a_model_of_pandera_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandera = pytest.importorskip("pandera.pandas")
    import rules

    class Trips(pandera.DataFrameModel):  # type: ignore[misc,name-defined]
        id: int
        fare: float = pandera.Field(ge=0, nullable=True)

    monkeypatch.setattr(rules, "Trips", Trips, raising=False)
    told = failure(tmp_path, [{"pandera": "rules.Trips"}])
    assert "1 failure: fare: greater_than_or_equal_to(0)" in told
    assert "is no model or schema" in failure(tmp_path, [{"pandera": "rules.nonsense"}])
    without = TRIPS.drop(columns="fare")
    told = failure(tmp_path, [{"pandera": "rules.Trips"}], without)
    assert "1 failure: fare: column_in_dataframe" in told
    save(tmp_path, [{"pandera": "rules.Trips"}], TRIPS[TRIPS["fare"] > 0])


def test_what_a_validator_of_pandera_tells_shows_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pandera = pytest.importorskip("pandera.pandas")
    import rules

    class Trips(pandera.DataFrameModel):  # type: ignore[misc,name-defined]
        api_key: str = pandera.Field(isin=["other"])

    monkeypatch.setattr(rules, "Trips", Trips, raising=False)
    told = failure(tmp_path, [], validator="rules.Trips")
    assert "rules.Trips does not accept the data: 4 failures: api_key" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("row_number() over (order by fare) <= 2", [2, 3]),
        ("fare in (select min(fare) from checked)", [3]),
        ("lag(fare, 1, 0) over (order by id desc) < 2", [2, 4]),
    ],
)
def test_what_an_expression_says_of_a_row_is_taken_for_that_row(
    tmp_path: Path, sql: str, kept: list[int]
) -> None:
    data = pd.DataFrame({"id": [1, 2, 3, 4], "fare": [9, 2, 1, 5]}, index=[7, 7, 1, 0])
    catalog, _ = save(tmp_path, [{"check": sql, "on_fail": "drop"}], data)
    assert [*catalog.load("trips")["id"]] == kept


def test_rows_that_a_rule_has_put_in_another_order_are_found_again(tmp_path: Path) -> None:
    data = pd.DataFrame({"id": [1, 2, 3], "fare": [9, 2, 1]})
    catalog, _ = save(tmp_path, [{"function": "rules.is_among_cheapest", "on_fail": "drop"}], data)
    assert [*catalog.load("trips")["id"]] == [2, 3]


def test_an_expression_of_all_rows_is_refused(tmp_path: Path) -> None:
    for sql in ("count(*) > 9", "fare > 1 or sum(fare) > 1"):
        assert f"'{sql}' is not possible" in failure(tmp_path, [{"check": sql, "on_fail": "warn"}])


def test_columns_that_differ_by_case_alone_are_told_apart(tmp_path: Path) -> None:
    data = pd.DataFrame([[1, -1, 1], [2, 1, -1]], columns=["id", "fare", "FARE"])
    for check in ({"check": "fare > 0"}, {"between": {"fare": [0, 9]}}):
        catalog, _ = save(tmp_path, [{**check, "on_fail": "drop"}], data)
        assert [*catalog.load("trips")["id"]] == [2]
        (tmp_path / "trips.csv").unlink()
    told = failure(tmp_path, [{"check": "fare > 0 or FARE > 0"}], data)
    assert "SQL takes 'fare' and 'FARE' for one" in told
    assert "there is more than one column 'Fare'" in failure(tmp_path, [{"not_null": "Fare"}], data)
    catalog, _ = save(tmp_path, [{"check": "Fare > 0 and FARE < 6", "on_fail": "drop"}])
    assert [*catalog.load("trips")["id"]] == [1, 3]


def test_what_cannot_be_judged_is_told_with_its_check(tmp_path: Path) -> None:
    data = pd.DataFrame({"day": ["2026-03-01"], "mixed": [object()]})
    told = failure(tmp_path, [{"fresh": {"day": "2 days"}}], data)
    assert "check 'fresh day': 'day' holds no dates or times" in told
    assert "check 'mixed > 1': 'mixed > 1' is not possible" in failure(
        tmp_path, [{"check": "mixed > 1"}], data
    )
    save(tmp_path, [{"check": "1 = 1"}], data)  # of which no column is read


def test_an_expression_reads_no_files(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("x\n1\n")
    sql = f"id in (select 1 from read_csv('{tmp_path}/other.csv'))"
    assert "is not possible" in failure(tmp_path, [{"check": sql}])


@pytest.mark.parametrize("key", ["checks", "schema", "validator"])
def test_what_would_judge_nothing_inside_of_another_data_set_is_refused(
    tmp_path: Path, key: str
) -> None:
    judged = {"checks": [{"not_null": "id"}], "schema": "id BIGINT", "validator": "a.b"}
    inner = {"type": "pandas.CSVDataSet", key: judged[key]}
    parts = {"type": "PartitionedDataSet", "path": str(tmp_path), "dataset": inner}
    with pytest.raises(DataSetError, match=f"in 'dataset' '{key}' would have no effect"):
        DataCatalog.from_config({"parts": parts})
    if key != "schema":  # which a cache has the data set inside judge
        cached = {"type": "CachedDataSet", "dataset": {**inner, "filepath": f"{tmp_path}/a.csv"}}
        with pytest.raises(DataSetError, match=f"in 'dataset' '{key}' would have no effect"):
            DataCatalog.from_config({"cached": cached})


def test_data_that_is_no_frame_is_not_let_by_unjudged(tmp_path: Path) -> None:
    entry = {"type": "json.JSONDataSet", "filepath": f"{tmp_path}/a.json"}
    catalog = DataCatalog.from_config({"a": {**entry, "checks": [{"not_null": "id"}]}})
    with pytest.raises(DataSetError, match="checks judge frames of Spark and pandas, not a int"):
        catalog.save("a", {"id": 1})
    assert not catalog.exists("a")
