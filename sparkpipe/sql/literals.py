"""Values as Spark SQL writes them, each with its type: whatever a text holds, it stays a text.

``spark.sql(query, args=...)`` would take the values themselves, but where a session has a parser of
its own, as that of Delta in Spark 4.2, it loses them.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sparkpipe.errors import PipelineError

# What means itself between quotes, however Spark is told to read backslashes.
_PLAIN = re.compile(r"[^'\\\x00-\x1f\x7f]*")


def literal(value: Any) -> str:
    r"""Return a value as a literal.

    Args:
        value: A text, number, date, time, truth value or None; or a list or mapping of such.

    Raises:
        PipelineError: It is nothing that a query can hold.

    >>> literal("it's"), literal(datetime.date(2024, 1, 31)), literal([1, -2.5, None])
    ("CAST(X'69742773' AS STRING)", "DATE '2024-01-31'", 'array(1, (-2.5D), NULL)')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float, decimal.Decimal)):
        return _number(value)
    if isinstance(value, datetime.datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, datetime.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, (list, tuple)):
        return f"array({', '.join(map(literal, value))})"
    if isinstance(value, Mapping):
        return f"map({', '.join(literal(one) for item in value.items() for one in item)})"
    raise PipelineError(
        f"A {type(value).__name__} cannot be a parameter of a query.",
        hint="A text, a number, a date or a list of them can.",
    )


def each_of(marker: str, value: Any) -> Sequence[Any]:
    """Return the values for which a parameter stands in the list of an ``IN``.

    Args:
        marker: What it is called.
        value: A list of values, or one.

    Raises:
        PipelineError: There are none, and SQL has no empty list.

    >>> each_of("names", ["paid", "free"]), each_of("name", "paid")
    (['paid', 'free'], ['paid'])
    """
    if not isinstance(value, (list, tuple)):
        return [value]
    if not value:
        raise PipelineError(
            f"The parameter '{marker}' is an empty list, and IN (...) needs a value.",
            hint=f"Write array_contains(:{marker}, ...), which is true for none.",
        )
    return value


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"'{value}'"
    return f"CAST(X'{value.encode().hex()}' AS STRING)"


def _number(value: Any) -> str:
    if isinstance(value, float):
        told = f"{value!r}D" if math.isfinite(value) else f"DOUBLE('{value}')"
    elif isinstance(value, decimal.Decimal):
        told = f"{value:f}BD"
    else:
        told = str(int(value))
    return f"({told})" if told.startswith("-") else told
