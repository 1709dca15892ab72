"""Checks of frames of pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sparkpipe.checks import own
from sparkpipe.checks.findings import (
    MOST_SAMPLES,
    Finding,
    failed_names,
    of_rows,
    refuse_to_refer,
)
from sparkpipe.checks.sql_on_pandas import column_called, violations
from sparkpipe.checks.values import Kind, fitted
from sparkpipe.checks.words import (
    Accepted,
    Between,
    Check,
    Expression,
    Fresh,
    Function,
    NotNull,
    Pandera,
    Refers,
    Rows,
    Unique,
    column_problems,
)
from sparkpipe.errors import DataSetError, first_line

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_KINDS: Mapping[str, Kind] = {
    "string": "text",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "decimal",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Judged:
    """A frame and what checks have found in it.

    Attributes:
        frame: All of its rows.
        findings: What the checks have found.
        _failed: The checks for each row, with what did not pass them.
    """

    frame: pd.DataFrame
    findings: tuple[Finding, ...]
    _failed: tuple[tuple[Check, np.ndarray[Any, Any]], ...]

    @property
    def good(self) -> pd.DataFrame:
        """The rows that are saved."""
        bad = self._any("drop", "quarantine")
        return self.frame if bad is None or not bad.any() else self.frame.loc[~bad]

    def rejected(self) -> pd.DataFrame | None:
        """Return the rows for the quarantine, with the names of the checks; None without any."""
        bad = self._any("quarantine")
        if bad is None or not bad.any():
            return None
        checks = [check for check, _ in self._failed]
        flags = [mask[bad] for _, mask in self._failed]
        rows: pd.DataFrame = self.frame.loc[bad].copy()
        rows["failed_checks"] = [failed_names(checks, of) for of in zip(*flags, strict=True)]
        return rows

    def _any(self, *ways: str) -> np.ndarray[Any, Any] | None:
        masks = [mask for check, mask in self._failed if check.on_fail in ways]
        bad = None
        for mask in masks:
            bad = mask if bad is None else bad | mask
        return bad


def judge(
    frame: pd.DataFrame,
    checks: Sequence[Check],
    find: Callable[[str], Any],
    rows_before: int | None = None,
    now: dt.datetime | None = None,
) -> Judged:
    """Judge a frame.

    Args:
        frame: The frame; NaN in it is null.
        checks: The checks.
        find: Loads another data set by its name.
        rows_before: How many rows the last good run saved.
        now: The present time.

    Raises:
        DataSetError: A check is not possible for this frame.
    """
    problems = column_problems(checks, [str(name) for name in frame.columns])
    if problems:
        raise DataSetError(" ".join(problems))
    now = now or dt.datetime.now(dt.timezone.utc)
    cleaned = without_nan(frame)
    findings: list[Finding] = []
    masks: list[tuple[Check, np.ndarray[Any, Any]]] = []
    for check in checks:
        try:
            is_own = isinstance(check, (Function, Pandera))
            found = _found(check, frame if is_own else cleaned, find, rows_before, now)
        except DataSetError as exc:
            raise DataSetError(f"check '{check.name}': {exc.message}", hint=exc.hint) from exc
        except (TypeError, ValueError, ArithmeticError, NotImplementedError) as exc:
            # Not every type of column can be compared, and not all values of a column of objects.
            told = f"check '{check.name}' is not possible: {first_line(str(exc))}"
            raise DataSetError(told) from exc
        if not isinstance(found, Finding):
            if not isinstance(check, (Unique, Refers)):  # they are of the whole
                masks.append((check, found))
            bad = frame[found].head(MOST_SAMPLES) if found.any() else frame.iloc[:0]
            samples = tuple({str(k): v for k, v in row.items()} for row in bad.to_dict("records"))
            found = replace(of_rows(check, int(found.sum()), len(frame)), samples=samples)
        findings.append(found)
    return Judged(frame, tuple(findings), tuple(masks))


def _found(
    check: Check,
    frame: pd.DataFrame,
    find: Callable[[str], Any],
    rows_before: int | None,
    now: dt.datetime,
) -> Finding | np.ndarray[Any, Any]:
    """Return what a check has found, or which rows do not pass."""
    labels = [column_called(name, frame) for name in check.columns]
    columns = [_only(frame[label]) for label in labels]
    if isinstance(check, Expression):
        return violations(check.sql, frame)
    if isinstance(check, NotNull):
        return columns[0].isna().to_numpy(dtype=bool)
    if isinstance(check, Between):
        return _of_present(columns[0], lambda values, kind: _outside(values, kind, check))
    if isinstance(check, Accepted):
        return _of_present(columns[0], lambda values, kind: _unknown(values, kind, check))
    if isinstance(check, Unique):
        keys = frame[labels]
        present = keys.notna().all(axis=1).to_numpy(dtype=bool)
        return _placed(present, keys[present].duplicated(keep=False))
    if isinstance(check, Refers):
        known = _column_of(find(check.data_set), check)
        return _of_present(columns[0], lambda values, kind: _strange(values, kind, known, check))
    if isinstance(check, Rows):
        told = check.why_not(len(frame), rows_before)
        return Finding(check, None, len(frame), told)
    if isinstance(check, Fresh):
        present = plain_values(columns[0].dropna())
        if len(present) and kind_of(present) not in ("date", "time", "instant"):
            raise DataSetError(f"'{check.column}' holds no dates or times.")
        latest: Any = None if present.empty else present.max()
        at = latest.to_pydatetime() if hasattr(latest, "to_pydatetime") else latest
        return Finding(check, None, len(frame), check.why_not(at, now), latest=at)
    if isinstance(check, Function):
        return _of_function(check, frame)
    assert isinstance(check, Pandera)
    failed, told = own.judge_by_pandera(check.path, frame)
    return Finding(check, failed, len(frame), told)


def _of_function(check: Function, frame: pd.DataFrame) -> Finding | np.ndarray[Any, Any]:
    given = own.call(check, frame.copy(deep=False))  # a column that it sets is none of the data's
    count = own.count_in(check, given)
    if count is not None:
        return of_rows(check, count, len(frame))
    import pandas as pd

    if not isinstance(given, pd.Series) or not _is_of_truth(given):
        raise DataSetError(own.wrong_result(check, given, getattr(given, "dtype", "")))
    if len(given) != len(frame):
        raise DataSetError(f"{check.path} gave {len(given)} values for {len(frame)} rows.")
    if not given.index.equals(frame.index) and _is_of_same(given.index, frame.index):
        given = given.reindex(frame.index)  # rows were put in another order
    present = given.notna().to_numpy(dtype=bool)
    return _placed(present, ~given[present].astype(bool))


def _is_of_truth(column: pd.Series[Any]) -> bool:
    """Whether all values that are there are true or false."""
    from pandas.api import types

    present = column.dropna()
    return present.empty or types.infer_dtype(present) == "boolean"


def _is_of_same(labels: pd.Index[Any], others: pd.Index[Any]) -> bool:
    """Whether two indexes name the same rows, each of them once."""
    are_unique = bool(labels.is_unique and others.is_unique)
    return are_unique and labels.sort_values().equals(others.sort_values())


def _only(column: Any) -> pd.Series[Any]:
    import pandas as pd

    if isinstance(column, pd.DataFrame):
        raise DataSetError(f"there is more than one column '{column.columns[0]}'.")
    return column  # type: ignore[no-any-return]


def without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame in which NaN is null, also in columns that have both."""
    import pandas as pd

    both = [
        number
        for number, dtype in enumerate(frame.dtypes)
        if getattr(dtype, "na_value", None) is pd.NA and dtype.kind == "f"
    ]
    if both:
        frame = frame.copy(deep=False)
    for number in both:
        column = frame.iloc[:, number]
        is_nan = (column != column).fillna(False).astype(bool)
        frame.isetitem(number, column.mask(is_nan).array)
    return frame


def plain_values(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values, none of which is null, as what the categories of their column hold."""
    categories = getattr(values.dtype, "categories", None)
    return values if categories is None else values.astype(categories.dtype)


def _of_present(
    column: pd.Series[Any], find: Callable[[pd.Series[Any], Kind], Any]
) -> np.ndarray[Any, Any]:
    """Return which values that are there do not pass."""
    present = column.notna().to_numpy(dtype=bool)
    values = plain_values(column[present])
    return _placed(present, find(values, kind_of(values)) if len(values) else values)


def _placed(present: np.ndarray[Any, Any], bad: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    placed = np.zeros(len(present), dtype=bool)
    if len(bad):
        placed[present] = np.asarray(bad, dtype=bool)
    return placed


def kind_of(values: pd.Series[Any]) -> Kind:
    """Return what values, none of which is null, can be compared with."""
    from pandas.api import types

    inferred = types.infer_dtype(values, skipna=True)
    if inferred == "datetime64":  # also of Arrow
        return "time" if values.dt.tz is None else "instant"
    if inferred in ("date", "datetime"):  # also dates among times, or times with zones among others
        kinds = {_kind_of_time(one) for one in values}
        return kinds.pop() if len(kinds) == 1 else "other"
    return _KINDS.get(inferred, "other")


def _kind_of_time(value: dt.date) -> Kind:
    if not isinstance(value, dt.datetime):
        return "date"
    return "time" if value.tzinfo is None else "instant"


def _outside(values: pd.Series[Any], kind: Kind, check: Between) -> Any:
    low, high = (
        None if bound is None else fitted(bound, kind, check.column)
        for bound in (check.low, check.high)
    )
    if low is None:
        return values > high
    return values < low if high is None else (values < low) | (values > high)


def _unknown(values: pd.Series[Any], kind: Kind, check: Accepted) -> Any:
    return ~values.isin([fitted(value, kind, check.column) for value in check.values])


def _strange(values: pd.Series[Any], kind: Kind, known: pd.Series[Any], check: Refers) -> Any:
    if len(known):
        refuse_to_refer(check, kind == "text", kind_of(known) == "text")
    return ~values.isin(known)


def _column_of(data: Any, check: Refers) -> pd.Series[Any]:
    from sparkpipe.io.kinds import is_spark_frame

    names = {str(name).lower(): name for name in getattr(data, "columns", ())}
    if check.to.lower() not in names:
        raise DataSetError(f"'{check.data_set}' has no column '{check.to}'.")
    name = check.to if check.to in names.values() else names[check.to.lower()]
    if is_spark_frame(data):
        data = data.select(f"`{name}`").distinct().toPandas()
    return plain_values(_only(data[name]).dropna())
