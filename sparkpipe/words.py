"""Words of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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


def listed(things: Iterable[str], most: int) -> str:
    """Return the first of several things, and how many more there are.

    Args:
        things: What each of them is called.
        most: How many are named.

    >>> listed(["a", "b", "c", "d"], 2), listed(["a", "b"], 2)
    ('a, b and 2 more', 'a, b')
    """
    named = [*things]
    left = len(named) - most
    return ", ".join(named[:most]) + (f" and {left} more" if left > 0 else "")


def named(noun: str, names: Sequence[str], most: int = 3) -> str:
    """Return some things with their names.

    Args:
        noun: What one of them is called; more of them have an s.
        names: Their names.
        most: How many are named.

    >>> named("node", ["a"]), named("Node", ["a", "b", "c", "d"])
    ("node 'a'", "Nodes 'a', 'b', 'c' and 1 more")
    """
    shown = listed((f"'{name}'" for name in names), most)
    return f"{noun if len(names) == 1 else f'{noun}s'} {shown}"
