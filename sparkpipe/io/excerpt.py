"""A few rows of a frame as texts that may be shown: bounded, and without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, TypeAlias

from sparkpipe.redaction import HIDDEN, is_secret_column, redacted_text

#: Names of columns, then rows; None stands for what is missing.
Excerpt: TypeAlias = tuple[tuple[str | None, ...], ...]

#: Of more columns nothing is shown.
MOST_COLUMNS = 50

_LONGEST = 100
# What is hidden is found before a text is cut, in so much of it.
_LOOKED_AT = 1000
_MOST_ITEMS = 10
_DEEPEST = 3


def excerpt_of_pandas(frame: Any, rows: int) -> Excerpt:
    """Return the first rows of a frame of pandas.

    Args:
        frame: The frame.
        rows: How many.

    >>> import pandas
    >>> excerpt_of_pandas(pandas.DataFrame({"id": [1, 2], "token": ["a", None]}), 5)
    (('id', 'token'), ('1', '***'), ('2', None))
    """
    head = frame.iloc[:rows, :MOST_COLUMNS]
    missing = head.isna().to_numpy()
    values = head.itertuples(index=False, name=None)
    return _excerpt(
        head.columns,
        (
            [None if is_none else value for value, is_none in zip(row, gone, strict=True)]
            for row, gone in zip(values, missing, strict=True)
        ),
    )


def excerpt_of_spark(frame: Any, rows: int) -> Excerpt:
    """Return rows of a frame of Spark, by one job.

    Args:
        frame: The frame.
        rows: How many.
    """
    if len(frame.columns) > MOST_COLUMNS:
        names = [name.replace("`", "``") for name in frame.columns[:MOST_COLUMNS]]
        frame = frame.select(*(f"`{name}`" for name in names))
    return _excerpt(frame.columns, frame.limit(rows).collect())


def _excerpt(names: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Excerpt:
    names = [str(name) for name in names]
    hidden = [is_secret_column(name) for name in names]
    told = (
        tuple(_shown(value, is_secret) for value, is_secret in zip(row, hidden, strict=True))
        for row in rows
    )
    return (tuple(map(_cut, names)), *told)


def _shown(value: Any, is_secret: bool) -> str | None:
    if value is None:
        return None
    if is_secret:
        return HIDDEN
    try:
        text = _text(value, _DEEPEST)
    except Exception:  # an object of the user's that has no text
        text = f"({type(value).__name__})"
    return _cut(redacted_text(text[:_LOOKED_AT]))


def _text(value: Any, deep: int) -> str:
    """Return the text of a value; of what is large only the first of it is looked at."""
    if isinstance(value, str):
        return value[:_LOOKED_AT]
    if isinstance(value, (bytes, bytearray)):
        return repr(bytes(value[:_LOOKED_AT]))
    if isinstance(value, tuple) and hasattr(value, "asDict"):  # a struct of Spark
        value = value.asDict()
    if isinstance(value, Mapping):
        items = islice(value.items(), _MOST_ITEMS)
        parts = [
            f"{key}: {HIDDEN if is_secret_column(str(key)) else _inside(one, deep)}"
            for key, one in items
        ]
        return f"{{{_listed(parts, len(value))}}}"
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_inside(one, deep) for one in islice(value, _MOST_ITEMS)]
        return f"[{_listed(parts, len(value))}]"
    return str(value)


def _inside(value: Any, deep: int) -> str:
    return _text(value, deep - 1) if deep else "…"


def _listed(parts: list[str], count: int) -> str:
    return ", ".join(parts + ["…"] * (count > len(parts)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
