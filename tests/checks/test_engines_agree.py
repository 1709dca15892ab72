"""The same checks find the same rows, on Spark and on pandas."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from sparkpipe.checks import keeping, on_pandas
from sparkpipe.checks.parsing import parse_checks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "id int, i bigint, d double, m decimal(8,2), s string, b boolean, day date, t timestamp"
TOKYO = dt.timezone(dt.timedelta(hours=9))
#: Few values, so that they meet; each stands for itself and for what is near it.
POOLS: dict[str, list[Any]] = {
    "i": [-2, -1, 0, 1, 2, 2**53 + 1],
    "d": [-1.5, -0.0, 0.0, 1.1, 0.1 + 0.2, float("nan"), float("inf"), float("-inf")],
    "m": [Decimal("-0.10"), Decimal("0.00"), Decimal("1.10"), Decimal("1.1"), Decimal("300.00")],
    "s": ["", "a", "A", "ä", "a ", "ab", "%", "it's", "\U0001f600"],
    "b": [True, False],
    "day": [dt.date(1969, 12, 31), dt.date(2024, 2, 29), dt.date(2026, 3, 29)],
    "t": [
        dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 3, 29, 10, 30, tzinfo=TOKYO),
        dt.datetime(2026, 3, 28, 23, 59, 59, 999999, tzinfo=dt.timezone.utc),
        dt.datetime(1969, 12, 31, 12, tzinfo=TOKYO),
    ],
}
ORDERED = ("i", "d", "m", "s", "day", "t")
EXPRESSIONS = [
    "i >= 0",
    "d >= 0 and d < 100",
    "not (d > 1)",
    "d between -1 and 1.1",
    "m = 1.1 or m < 0",
    "m * 2 > i",
    "i in (0, 1) or b",
    "i not in (0, 2)",
    "b and i > 0",
    "not b",
    "s like 'a%'",
    "s <> 'a' or d is null",
    "length(s) >= 1 and s is not null",
    "upper(s) = 'A'",
    "coalesce(i, 0) <> 0",
    "case when b then d > 0 when i > 0 then null else m > 0 end",
    "day >= date '2024-02-29'",
    r"day < date '2026-01-01' or s = 'it\'s'",
    "t >= timestamp '2026-03-29 00:00:00'",
    "year(day) = 2024 or month(day) = 3",
    "d = d",
    "i / 2 > 0.4",
    "`i` % 2 = 0",
    "null",
]


def rows_of(chance: random.Random, count: int) -> list[tuple[Any, ...]]:
    return [
        (number, *(None if chance.random() < 0.2 else chance.choice(p) for p in POOLS.values()))
        for number in range(count)
    ]


def checks_of(chance: random.Random) -> list[dict[str, Any]]:
    """Return each word with values from the pools, and each expression."""
    ways = ("warn", "drop", "quarantine")
    made: list[dict[str, Any]] = [{"not_null": name} for name in POOLS]
    for name in ORDERED:
        known = [value for value in POOLS[name] if value == value]
        low, high = sorted(chance.sample(known, 2))
        made += [{"between": {name: [low, high]}}, {"between": {name: [None, low]}}]
        made.append({"accepted": {name: chance.sample(known, 2)}, "name": f"accepted_{name}"})
    made += [{"accepted": {"b": [True]}}, *({"check": sql} for sql in EXPRESSIONS)]
    made = [{**one, "on_fail": chance.choice(ways)} for one in made]
    for position, one in enumerate(made):
        one["name"] = f"{position} {one.get('check', '')}"
    wholes: list[dict[str, Any]] = [
        {"unique": names} for names in (["i"], ["d", "s"], ["m"], ["t", "b"], ["id"])
    ]
    wholes += [{"refers": {name: f"known.{name}"}} for name in ("i", "d", "m", "s", "day", "t")]
    wholes += [{"rows": {"min": 1000}}, {"fresh": {"day": "1 day"}}, {"fresh": {"t": "1 hour"}}]
    return [*made, *({**one, "on_fail": "warn"} for one in wholes)]


def as_pandas(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["id", *POOLS])
    return frame.assign(
        i=frame["i"].astype("object").map(lambda v: None if v is None else v).astype("object"),
        t=pd.to_datetime(frame["t"], utc=True),
    ).assign(i=pd.array([row[1] for row in rows], dtype="Int64"))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_rows_pass_on_both_engines(spark: SparkSession, seed: int) -> None:
    pytest.importorskip("duckdb")
    chance = random.Random(seed)
    rows, known = rows_of(chance, 120), rows_of(chance, 4)
    checks = parse_checks(checks_of(chance))
    now = dt.datetime(2026, 3, 29, 3, tzinfo=dt.timezone.utc)
    frames = {"known": spark.createDataFrame(known, SCHEMA)}
    of_spark = keeping.judge(
        spark.createDataFrame(rows, SCHEMA), checks, frames.__getitem__, now=now
    )
    of_pandas = on_pandas.judge(
        as_pandas(rows), checks, {"known": as_pandas(known)}.__getitem__, now=now
    )
    found = {one.check.name: (one.failed, bool(one.told)) for one in of_spark.findings}
    assert found == {one.check.name: (one.failed, bool(one.told)) for one in of_pandas.findings}
    assert sum(failed or 0 for failed, _ in found.values()) > 100  # it is no empty comparison
    good = sorted(row["id"] for row in of_spark.good.collect())
    assert good == sorted(of_pandas.good["id"])
    rejected = of_spark.rejected()
    assert rejected is not None
    bad = of_pandas.rejected()
    assert bad is not None
    assert {row["id"]: row["failed_checks"] for row in rejected.collect()} == dict(
        zip(bad["id"], bad["failed_checks"], strict=True)
    )
