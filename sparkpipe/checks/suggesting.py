"""A list of checks to start from, by a profile of the data that is there."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sparkpipe.checks.findings import no_frame
from sparkpipe.errors import DataSetError
from sparkpipe.io.kinds import is_pandas_frame, is_spark_frame
from sparkpipe.redaction import is_secret

# A column with more values than these is no list of words.
_MOST_VALUES = 12
_FEW = 0.1
_RECENT = dt.timedelta(days=30)
# Of such values one is the least.
_ORDERED = ("number", "decimal", "date", "time", "instant")


@dataclass(frozen=True)
class Profile:
    """What is known of a column.

    Attributes:
        name: Its name.
        nulls: How many values are not there.
        low: The least value of numbers, dates and times; None for others.
        high: The greatest one.
        values: All values of a text column that has few; empty for others.
        is_unique: Whether no value is there twice.
    """

    name: str
    nulls: int
    low: Any = None
    high: Any = None
    values: tuple[str, ...] = ()
    is_unique: bool = False


def suggest(data: Any, now: dt.datetime | None = None) -> list[dict[str, Any]]:
    """Return checks that data passes, as they stand in an entry; to be edited.

    Args:
        data: A frame of Spark or pandas.
        now: The present time.

    Raises:
        DataSetError: It is no frame, or has two columns of one name.

    >>> import pandas as pd
    >>> for check in suggest(pd.DataFrame({"id": [1, 2, 3], "fare": [5.0, None, 2.5]})):
    ...     print(check)
    {'rows': {'min': 1, 'change': 0.5}, 'on_fail': 'warn'}
    {'not_null': ['id']}
    {'unique': ['id']}
    {'between': {'fare': [2.5, 5.0]}, 'on_fail': 'warn'}
    """
    if not is_spark_frame(data) and not is_pandas_frame(data):
        raise no_frame(data)
    names = [*map(str, data.columns)]
    if is_spark_frame(data):  # it takes A and a for one
        names = [name.lower() for name in names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataSetError(f"there is more than one column '{twice}'.")
    rows, profiles = (_of_spark if is_spark_frame(data) else _of_pandas)(data)
    checks: list[dict[str, Any]] = [{"rows": {"min": 1, "change": 0.5}, "on_fail": "warn"}]
    if not rows:
        return checks
    whole = [one.name for one in profiles if not one.nulls]
    if whole:
        checks.append({"not_null": whole})
    unique = next((one.name for one in profiles if one.is_unique and not one.nulls), None)
    if unique is not None:
        checks.append({"unique": [unique]})
    now = now or dt.datetime.now(dt.timezone.utc)
    for one in profiles:
        if one.name != unique and not is_secret(one.name):
            checks += _of_values(one, now)
    return checks


def _of_values(one: Profile, now: dt.datetime) -> Iterator[dict[str, Any]]:
    if one.values:
        yield {"accepted": {one.name: [*one.values]}, "on_fail": "warn"}
    elif isinstance(one.high, dt.date):
        at = dt.datetime(one.high.year, one.high.month, one.high.day, tzinfo=dt.timezone.utc)
        if dt.timedelta(0) <= now - at <= _RECENT:
            yield {"fresh": {one.name: f"{(now - at).days + 1} days"}, "on_fail": "warn"}
    elif one.low is not None and math.isfinite(one.low) and math.isfinite(one.high):
        bounds = [_written(one.low, math.floor), _written(one.high, math.ceil)]
        yield {"between": {one.name: bounds}, "on_fail": "warn"}


def _written(bound: Any, beyond: Callable[[Any], int]) -> Any:
    """Return a bound as YAML has it: of a decimal with too many digits the next whole number."""
    if not isinstance(bound, Decimal):
        return bound
    if bound == bound.to_integral_value():
        return int(bound)
    about = float(bound)
    return about if Decimal(str(about)) == bound else beyond(bound)


def _of_pandas(frame: Any) -> tuple[int, list[Profile]]:
    from pandas.api import types

    from sparkpipe.checks.on_pandas import kind_of, plain_values, without_nan

    frame = without_nan(frame)
    profiles = []
    for name in frame.columns:
        present = plain_values(frame[name].dropna())
        nulls = len(frame) - len(present)
        kind = kind_of(present)
        values = sorted(present.unique()) if kind == "text" else []
        is_ordered = kind in _ORDERED and len(present) > 0
        low, high = (present.min(), present.max()) if is_ordered else (None, None)
        profiles.append(
            Profile(
                str(name),
                nulls,
                _plain(low),
                _plain(high),
                tuple(values) if _are_few(len(values), len(present)) else (),
                types.infer_dtype(present) in ("string", "integer") and present.is_unique,
            )
        )
    return len(frame), profiles


def _plain(value: Any) -> Any:
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def _are_few(values: int, rows: int) -> bool:
    return 0 < values <= _MOST_VALUES and values <= rows * _FEW


def _of_spark(frame: Any) -> tuple[int, list[Profile]]:
    """Look at all rows twice: once for numbers, once for what may be unique, or a list of words."""
    from sparkpipe.checks.on_spark import functions_for
    from sparkpipe.datasets.spark.names import quoted

    functions = functions_for(frame)
    kinds = {name: kind.partition("(")[0] for name, kind in frame.dtypes}
    numbers = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
    ordered = [name for name, kind in kinds.items() if kind in (*numbers, "date", "timestamp")]
    countable = [name for name, kind in kinds.items() if kind in ("string", "int", "bigint")]
    parts = [functions.count(functions.lit(1)).alias("rows")]
    for number, name in enumerate(kinds):
        column = functions.col(quoted(name))
        if kinds[name] in ("float", "double"):  # NaN is null, as it is for checks
            column = functions.when(~functions.isnan(column), column)
        parts.append(functions.count(column).alias(f"there_{number}"))
        if name in ordered:
            parts += [functions.min(column).alias(f"low_{number}")]
            parts += [functions.max(column).alias(f"high_{number}")]
        if name in countable:
            parts.append(functions.approx_count_distinct(column).alias(f"kinds_{number}"))
    first = frame.agg(*parts).first().asDict()
    rows = first["rows"]
    more = []
    for number, name in enumerate(kinds):
        about, there = first.get(f"kinds_{number}"), first[f"there_{number}"]
        column = functions.col(quoted(name))
        if about is not None and there == rows and about > rows * 0.8:
            more.append(functions.count_distinct(column).alias(f"exact_{number}"))
        if kinds[name] == "string" and about is not None and _are_few(about, there):
            more.append(functions.collect_set(column).alias(f"values_{number}"))
    second = frame.agg(*more).first().asDict() if more and rows else {}
    return rows, [
        Profile(
            name,
            rows - first[f"there_{number}"],
            first.get(f"low_{number}"),
            first.get(f"high_{number}"),
            tuple(sorted(second.get(f"values_{number}", ()))),
            second.get(f"exact_{number}") == rows,
        )
        for number, name in enumerate(kinds)
    ]
