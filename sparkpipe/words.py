"""Words of messages."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things.

    Args:
        number: How many there are.
        noun: What one of them is called.
        plural: What more of them are called; by default with an s.

    >>> counted(1, "node"), counted(0, "row"), counted(2, "entry", "entries")
    ('1 node', '0 rows', '2 entries')
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
