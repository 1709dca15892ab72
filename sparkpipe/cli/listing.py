"""Names parted by commas, as options take them: in double quotes where a name has a comma."""

from __future__ import annotations

import csv
from collections.abc import Iterable


def parted(text: str) -> tuple[str, ...]:
    """Return the names in a text; blanks around them, and empty ones, count for nothing.

    Raises:
        ValueError: A quote is not closed, or something follows it.

    >>> parted('orders, "eu,sales"')
    ('orders', 'eu,sales')
    """
    try:
        row = next(csv.reader([text], skipinitialspace=True, strict=True), [])
    except csv.Error as exc:
        raise ValueError(str(exc)) from exc
    return tuple(name.strip() for name in row if name.strip())


def quoted(name: str) -> str:
    """Return a name as it is written among others.

    >>> quoted("orders"), quoted("eu,sales")
    ('orders', '"eu,sales"')
    """
    if "," not in name and '"' not in name:
        return name
    return '"' + name.replace('"', '""') + '"'


def joined(names: Iterable[str]) -> str:
    """Return names as an option takes them."""
    return ",".join(map(quoted, names))
