"""Which slices there are, and which are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkpipe.errors import ConfigError
from sparkpipe.slices.asking import combinations, read_asked
from sparkpipe.slices.declaring import read_steps
from sparkpipe.slices.steps import Step

NOW = datetime(2024, 3, 10, 12, tzinfo=timezone.utc)


def step(said: Any, name: str = "day") -> Step:
    return read_steps({name: said})[name]


def calendar(every: str, first: str, **more: Any) -> Step:
    return step({"every": every, "from": first, **more})


def texts(asked: Any, steps: Mapping[str, Any]) -> list[str]:
    found = combinations(read_asked(asked, read_steps(steps), NOW))
    return [" ".join(choice.text for choice in one.values()) for one in found]


DAY = {"every": "1 day", "from": date(2024, 1, 1)}
REGION = ["eu", "us"]


@given(
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 5),
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.integers(2, 30),
)
def test_slices_of_a_calendar_follow_one_another_without_gap(
    unit: str, count: int, first: date, number: int
) -> None:
    first = {"month": first.replace(day=1), "year": first.replace(month=1, day=1)}.get(unit, first)
    one = calendar(f"{count} {unit}s", first.isoformat())
    most = {"day": 1, "week": 7, "month": 31, "year": 366}[unit] * count
    now = datetime.combine(first + timedelta(days=number * most), time(), timezone.utc)
    found = one.over(now)
    for before, after in pairwise(found):
        days = (after.value - before.value).days
        assert most * 0.9 <= days <= most
        assert one.choose(before.text) == before
        assert one.between(before.text, after.text) == [before, after]


@given(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2024, 1, 1)),
    st.integers(1, 12),
)
def test_hours_have_sixty_minutes_each_and_texts_of_their_own(
    zone: str, start: datetime, count: int
) -> None:
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=timezone.utc)
    said = f"{first.isoformat()[:13]}Z"
    one = calendar(f"{count} hours", said, timezone=zone)
    found = one.over(first + timedelta(hours=50 * count))
    assert len({choice.text for choice in found}) == len(found) == 50
    for number, choice in enumerate(found):
        # Python takes no hour that a clock shows twice for equal to one of another zone.
        value = choice.value.astimezone(timezone.utc)
        assert value == first + number * timedelta(hours=count)
        assert one.choose(choice.text) == choice


def test_an_hour_that_is_there_twice_or_never_is_told() -> None:
    hour = step({"every": "1 hour", "from": date(2024, 1, 1), "timezone": "Europe/Berlin"}, "hour")
    assert hour.choose("2024-07-01T05").text == "2024-07-01T05+02"
    assert [c.text for c in hour.between("2024-10-27T01", "2024-10-27T03")] == [
        "2024-10-27T01+02",
        "2024-10-27T02+02",
        "2024-10-27T02+01",
        "2024-10-27T03+01",
    ]
    with pytest.raises(ConfigError, match=r"there twice.*2024-10-27T02\+02 or 2024-10-27T02\+01"):
        hour.choose("2024-10-27T02")
    with pytest.raises(ConfigError, match="no such hour"):
        hour.choose("2024-03-31T02")


def test_a_day_is_over_by_the_clock_of_its_time_zone() -> None:
    evening = datetime(2024, 3, 10, 23, 30, tzinfo=timezone.utc)
    assert calendar("1 day", "2024-01-01").last(evening).text == "2024-03-09"
    berlin = calendar("1 day", "2024-01-01", timezone="Europe/Berlin")
    assert berlin.last(evening).text == "2024-03-10"
    auckland = calendar("1 month", "2024-01", timezone="Pacific/Auckland")
    assert auckland.last(datetime(2024, 3, 31, 12, tzinfo=timezone.utc)).value == date(2024, 3, 1)


def test_values_are_dates_times_or_what_is_declared() -> None:
    assert calendar("1 month", "2024-01").choose("2024-02").value == date(2024, 2, 1)
    assert calendar("1 year", "2024").choose("2025").value == date(2025, 1, 1)
    hour = calendar("1 hour", "2024-01-01").choose("2024-02-03T04")
    assert hour.value == datetime(2024, 2, 3, 4, tzinfo=ZoneInfo("UTC"))
    assert step([1, "eu"], "shard").choose("1").value == 1


def test_what_is_late_ends_with_the_last_slice_that_is_over() -> None:
    late = calendar("1 day", "2024-01-01", lookback="3 days").late(NOW)
    assert late == {"2024-03-07", "2024-03-08", "2024-03-09"}
    assert calendar("1 month", "2024-01", lookback="1 month").late(NOW) == {"2024-02"}
    assert calendar("1 day", "2024-01-01").late(NOW) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("day=2024-02-28..2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ("day=last", ["2024-03-09"]),
        ("day=2024-03-08..last", ["2024-03-08", "2024-03-09"]),
        ({"day": [date(2024, 1, 2), "2024-01-05..2024-01-06"]}, None),
        (["day=2024-01-01,2024-01-03", "region=us"], ["2024-01-01 us", "2024-01-03 us"]),
        (["region=eu,us", "day=2024-01-01"], ["eu 2024-01-01", "us 2024-01-01"]),
    ],
)
def test_slices_are_asked_for_by_text(asked: Any, expected: list[str] | None) -> None:
    found = texts(asked, {"day": DAY, "region": REGION})
    assert found == (expected or ["2024-01-02", "2024-01-05", "2024-01-06"])


def test_a_state_stands_for_all_slices_that_are_over() -> None:
    asked = read_asked("day=missing,failed", read_steps({"day": {**DAY, "to": "2024-01-03"}}), NOW)
    assert asked.states == {"missing", "failed"}
    assert [choice.text for choice in asked.choices["day"]] == [
        "2024-01-01",
        "2024-01-02",
        "2024-01-03",
    ]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("dya=2024-01-01", r"no slice 'dya'. Did you mean 'day'\?"),
        ("day", "'day' is no slice. Write name=value"),
        ("day=2024-02-30", "'2024-02-30' is no day. Write 2024-01-31"),
        ("day=2024-1-1", "is no day"),
        ("day=../../etc", "'' is no day|is no day"),
        ("day=2024-01-05..2024-01-01", "goes backwards. Write day=2024-01-01..2024-01-05"),
        ("day=2023-12-31", "There is no day 2023-12-31: the first one begins 2024-01-01"),
        ("day=2024-01-01,2024-01-01", "asked for twice"),
        ("day=2024-01-01..2024-01-03,2024-01-02", "2024-01-02 is asked for twice"),
        ("day=2024-01-01,missing", "states and slices"),
        ("day=2024-01-01,", "empty"),
        ("day=2024-01-01..9999-12-31", "2,913,1.. slices, and 10,000 at once"),
        (["day=last", "day=2024-01-01"], "given twice"),
        ("week=2024-01-03", "No week begins 2024-01-03; the one that it is in begins 2024-01-01"),
        ("region=../x", r"'../x' is no region"),
        ("region=eu..us", "a list has no ranges. Give values with commas"),
        ("region=euu", "'euu' is no region. Did you mean 'eu'"),
        ("region=last", "'last' is no region"),
        ([], "No slice is given"),
        (["day=2024-01-01..2038-01-01", "region=eu,us"], "10,230 slices"),
    ],
)
def test_what_cannot_be_asked_for_is_one_error(asked: Any, told: str) -> None:
    week = {"every": "1 week", "from": date(2024, 1, 1)}
    with pytest.raises(ConfigError, match=told):
        texts(asked, {"day": DAY, "region": REGION, "week": week})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("1 day", "must be a list of values or a mapping"),
        ([], "empty list"),
        (["eu", "eu"], "'eu' is there twice"),
        (["../x"], "becomes a part of paths"),
        (["a/b"], "becomes a part of paths"),
        (["a'b"], "becomes a part of paths"),
        ([""], "becomes a part of paths"),
        ([True], "cannot be a slice"),
        ([["a"]], "cannot be a slice"),
        ({"every": "1 day"}, "needs 'from'"),
        ({"evry": "1 day"}, "has no 'evry'. Did you mean 'every'"),
        ({**DAY, "every": "1 fortnight"}, "no length"),
        ({**DAY, "every": "0 days"}, "no length"),
        ({**DAY, "timezone": "Europe/Belin"}, "no time zone"),
        ({**DAY, "timezone": "../../etc/passwd"}, "no time zone"),
        ({**DAY, "from": "yesterday"}, "is no day"),
        ({**DAY, "to": "2023-01-01"}, "before it begins"),
        ({"every": "1 month", "from": date(2024, 1, 15)}, "no month begins 2024-01-15"),
        ({**DAY, "lookback": "3 moons"}, "lookback: '3 moons' is no length"),
    ],
)
def test_what_cannot_be_declared_is_told_with_its_place(said: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read_steps({"day": said})
    assert str(caught.value).startswith("slices.yml: 'day'")


def test_a_name_is_a_word() -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        read_steps({"../day": ["a"]})
