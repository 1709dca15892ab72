"""Whether a table can hold the values by which its rows are told apart and put in an order.

MERGE casts what it stores: a time in a column of dates loses its hour. Of a key or a sequence the
row would not be found again, and two changes of a day would be one.
"""

from __future__ import annotations

from sparkpipe.schemas.comparing import is_wider
from sparkpipe.schemas.ddl import parse_type

_WHOLE = ("tinyint", "smallint", "int", "bigint")
_NUMBERS = (*_WHOLE, "decimal", "float", "double")
_TIMES = ("timestamp", "timestamp_ntz")


def may_lose(found: str, there: str) -> bool:
    """Whether a column may not hold every value of another type as it is.

    Args:
        found: The type of the values.
        there: That of the column.

    >>> may_lose("timestamp", "date"), may_lose("date", "timestamp"), may_lose("int", "bigint")
    (True, False, False)
    """
    value, column = parse_type(found), parse_type(there)
    if value == column or is_wider(value, column):
        return False
    if column.name == "date":
        return value.name in _TIMES
    if value.name in _WHOLE and column.name == "double":
        return value.name == "bigint"
    return value.name in _NUMBERS and column.name in _NUMBERS


def grows(present: str, wanted: str) -> bool:
    """Whether a column of a type can be given another one that holds more.

    Args:
        present: The type of the column.
        wanted: The other one.
    """
    return is_wider(parse_type(present), parse_type(wanted))
