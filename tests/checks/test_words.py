"""What stands under ``checks`` and ``validator``: understood, or refused in plain words."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sparkpipe.checks.parsing import parse_checks, parse_validator
from sparkpipe.checks.words import Fresh, Rows
from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("fare >= 0", "'checks' must be a list"),
        ([{"not_nul": "id"}], "there is no check 'not_nul'. Did you mean 'not_null'?"),
        ([{"check": "a > 0", "on_fial": "warn"}], "Did you mean 'on_fail'?"),
        ([{"check": "a > 0", "on_fail": "dorp"}], "Did you mean 'drop'?"),
        ([{"unique": "id", "on_fail": "drop"}], "no single row is at fault"),
        ([{"check": "a > 0", "unique": "id"}], "each check has one word, not check, unique"),
        ([{"on_fail": "warn"}], "each check has one word, not none"),
        ([{"between": {"a": [3, 1]}}], "nothing lies between 3 and 1"),
        ([{"between": {"a": [1, "b"]}}], "cannot be compared"),
        ([{"between": {"a": 3}}], "needs two bounds of 'a'"),
        ([{"accepted": {"a": "paid"}}], "needs a list of values of 'a'"),
        ([{"accepted": {"a": [1, None]}}], "not_null is its own word"),
        ([{"rows": {"mni": 1}}], "Did you mean 'min'?"),
        ([{"rows": {"min": 3, "max": 1}}], "min 3 is above max 1"),
        ([{"rows": {"change": -1}}], "change is a share"),
        ([{"fresh": {"day": "soon"}}], "'soon' is no time"),
        ([{"refers": {"airline": "airlines"}}], "names no column of a data set"),
        ([{"function": "here"}], "needs a dotted path"),
        ([{"check": "a > 0", "args": {"x": 1}}], "'args' is for functions"),
        ([{"check": "a > 0"}, {"check": "a > 0"}], "two checks are called 'a > 0'"),
        ([3], "3 is no check"),
    ],
)
def test_what_is_not_possible_is_told_with_what_may_be_meant(given: Any, words: str) -> None:
    with pytest.raises(DataSetError) as told:
        parse_checks(given)
    assert words in str(told.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DataSetError) as told:
        parse_checks([{"not_nul": "id"}, {"check": "a > 0"}, {"rows": {}}])
    assert "number 1" in str(told.value)
    assert "number 3" in str(told.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"checks": [{"unique": "id"}], "quarantine": "bad"}, "no check puts rows there"),
        ({"checks": [], "quarantine": 3}, "'quarantine' is the name of a data set"),
        (
            {"checks": [{"refers": {"a": "codez.code"}}]},
            "no data set 'codez'. Did you mean 'codes'?",
        ),
        ({"checks": [{"check": "a >"}]}, "'a >' is no SQL expression"),
        ({"checks": ["no_shop.rules.paid"]}, "there is no module 'no_shop'"),
        ({"checks": [{"function": "json.dump_all"}]}, "'json' has no 'dump_all'"),
        ({"checks": [{"pandera": "json.Trips"}]}, "'json' has no 'Trips'"),
        ({"validator": "json.Trips"}, "'json' has no 'Trips'"),
        ({"validator": {"class": "json.dumps", "on": None}}, "'on' of load and save"),
        ({"validator": {"class": "json.dumps", "enabled": "no"}}, "'enabled' is true or false"),
        (
            {"checks": [{"check": "a > 0", "on_fail": "quarantine"}], "quarantine": "trips.csv"},
            "its quarantine is the data set itself",
        ),
    ],
)
def test_an_entry_that_cannot_be_judged_is_told_before_a_run(
    entry: dict[str, Any], words: str
) -> None:
    trips = {"type": "pandas.CSVDataSet", "filepath": "data/trips.csv", **entry}
    catalog = {"trips": trips, "codes": {"type": "MemoryDataSet"}}
    if entry.get("quarantine") == "trips.csv":
        catalog["trips.csv"] = {"type": "pandas.CSVDataSet", "filepath": "data/trips.csv"}
    with pytest.raises(DataSetError) as told:
        DataCatalog.from_config(catalog)
    assert words in str(told.value)


def test_rows_are_compared_with_the_last_good_run() -> None:
    (rows,) = parse_checks([{"rows": {"min": 1, "max": 200, "change": 0.2}}])
    assert isinstance(rows, Rows)
    assert rows.why_not(0, None) == "0 rows, at least 1 are needed"
    assert rows.why_not(201, None) == "201 rows, at most 200 are allowed"
    assert not rows.why_not(80, 100)
    assert not rows.why_not(80, None)
    assert rows.why_not(79, 100) == "79 rows, more than 20% off the 100 of the last good run"
    assert rows.why_not(121, 100)


def test_a_date_is_as_fresh_as_its_end() -> None:
    (fresh,) = parse_checks([{"fresh": {"day": "2 days"}}])
    assert isinstance(fresh, Fresh)
    now = dt.datetime(2026, 3, 10, 12, tzinfo=dt.timezone.utc)
    assert not fresh.why_not(dt.date(2026, 3, 8), now)
    assert fresh.why_not(dt.date(2026, 3, 7), now) == "the latest day is 2026-03-07"
    assert not fresh.why_not(dt.datetime(2026, 3, 8, 12), now)
    assert fresh.why_not(dt.datetime(2026, 3, 8, 11), now)
    assert fresh.why_not(None, now) == "day has no value"


def test_a_validator_is_written_as_kedro_writes_it() -> None:
    (short,) = parse_validator("shop.schemas.Trips")
    assert (short.on_fail, short.on) == ("fail", ("load", "save"))
    (long,) = parse_validator({"class": "shop.schemas.Trips", True: "save", "severity": "warn"})
    assert (long.on_fail, long.on) == ("warn", ("save",))
    assert parse_validator({"class": "shop.schemas.Trips", "enabled": False}) == ()
    with pytest.raises(DataSetError, match="Did you mean 'severity'"):
        parse_validator({"class": "a.b", "severty": "warn"})
