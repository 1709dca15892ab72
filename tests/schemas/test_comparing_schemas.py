"""Differences are told by column; frames of pandas and Arrow have schemas."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from sparkpipe.schemas import compare, read_schema, schema_of
from sparkpipe.schemas.frames import fits_outside_of_spark


@pytest.mark.parametrize(
    ("wanted", "found", "told"),
    [
        ("a INT, b INT", "a INT", ["missing: 'b' (int) is missing."]),
        ("a INT", "a INT, b INT", ["extra: 'b' (int) is not in the schema."]),
        ("a INT", "a STRING", ["type: 'a' is string, not int."]),
        ("a INT NOT NULL", "a INT", ["nullable: 'a' may hold nulls, and must not."]),
        ("a INT", "A INT", ["case: 'A' is called 'a' in the schema."]),
        (
            "a INT, b INT",
            "b INT, a INT",
            ["order: the columns stand in another order: b, a, not a, b."],
        ),
        (
            "s STRUCT<x: INT, l: ARRAY<STRUCT<y: DATE>>>",
            "s STRUCT<x: LONG, l: ARRAY<STRUCT<z: DATE>>>",
            [
                "type: 's.x' is bigint, not int.",
                "missing: 's.l.element.y' (date) is missing.",
                "extra: 's.l.element.z' (date) is not in the schema.",
            ],
        ),
        ("m MAP<STRING, INT>", "m MAP<STRING, DATE>", ["type: 'm.value' is date, not int."]),
        (
            "d DECIMAL(10, 2)",
            "d DECIMAL(12, 2)",
            ["type: 'd' is decimal(12,2), not decimal(10,2)."],
        ),
        ("v VARCHAR(5), c CHAR(2), n INT", "v STRING, c STRING, n VOID", []),
    ],
)
def test_differences_are_told_by_column(wanted: str, found: str, told: list[str]) -> None:
    assert [str(one) for one in compare(read_schema(wanted), read_schema(found))] == told


FRAME = pd.DataFrame(
    {
        "n": [1, 2],
        "small": pd.array([1, None], dtype="Int32"),
        "x": [1.5, 2.5],
        "ok": [True, False],
        "name": ["a", None],
        "kind": pd.Categorical(["a", "b"]),
        "day": [dt.date(2026, 1, 1), None],
        "at": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "utc": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
        "price": [Decimal("1.50"), Decimal("2.00")],
        "raw": [b"1", b"2"],
        "tags": [["a"], ["b"]],
        "place": [{"lat": 1.5}, {"lat": 2.5}],
        "nothing": [None, None],
    }
)
EXPECTED = (
    "n bigint, small int, x double, ok boolean, name string, kind string, day date, "
    "at timestamp_ntz, utc timestamp, price decimal(3,2), raw binary, tags array<string>, "
    "place struct<lat:double>, nothing void"
)


def test_a_frame_of_pandas_or_arrow_has_a_schema() -> None:
    found = schema_of(FRAME)
    assert found is not None
    assert ", ".join(f"{one.name} {one.type}" for one in found.columns) == EXPECTED
    assert [one.name for one in found.columns if one.nullable] == [
        "small",
        "name",
        "day",
        "nothing",
    ]
    arrow = schema_of(pa.Table.from_pandas(FRAME))
    assert arrow is not None
    assert [str(one.type) for one in arrow.columns] == [str(one.type) for one in found.columns]
    assert schema_of([1, 2]) is None


def test_what_pandas_has_no_type_for_fits() -> None:
    wanted = read_schema(
        "price DECIMAL(10, 2), at TIMESTAMP, name VARCHAR(4), nothing DATE, n BIGINT"
    )
    found = schema_of(FRAME[["price", "at", "name", "nothing", "n"]])
    assert found is not None
    assert compare(wanted, found, fits_outside_of_spark) == ()
    found = schema_of(FRAME[["price"]])
    assert found is not None
    (one,) = compare(read_schema("price DECIMAL(2, 2)"), found, fits_outside_of_spark)
    assert one.text == "'price' is decimal(3,2), not decimal(2,2)."
