"""Text for a terminal: names that may hold anything, columns, durations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Control characters but for tabs and ends of lines, marks that turn the direction, and what is no
# character at all.
_STEERS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return a text in one line that cannot steer a terminal.

    >>> printable("join\n\x1b[31m")
    'join??[31m'
    """
    return "".join(char if char.isprintable() else "?" for char in text)


def printable_lines(text: str) -> str:
    r"""Return a text of any number of lines that cannot steer a terminal.

    >>> printable_lines("join\n\x1b[31m")
    'join\n\\x1b[31m'
    """
    if text.isprintable():  # most lines of a log, and quicker to ask than to look for it
        return text
    return _STEERS.sub(lambda found: repr(found[0])[1:-1], text)


def width_of(text: str) -> int:
    """Return how many columns a printable text takes.

    >>> width_of("join"), width_of("結合")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else int(not unicodedata.combining(char))
        for char in text
    )


def fitted(text: str, width: int) -> str:
    """Return a text padded, or cut with an ellipsis, to a number of columns.

    >>> fitted("join", 6), fitted("join_orders", 6)
    ('join  ', 'join_…')
    """
    if width_of(text) > width:
        while text and width_of(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - width_of(text))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of printable cells as lines in which the columns stand below one another.

    >>> aligned([["Node", "Took"], ["join_orders", "1 s"]])
    ['Node         Took', 'join_orders  1 s']
    """
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(fitted(*cell) for cell in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def duration(seconds: float) -> str:
    """Return a duration for people; whole seconds where a whole number is given.

    >>> [duration(s) for s in (0.0, 0.123, 9.96, 30, 75.3, 3720)]
    ['-', '0.12 s', '10.0 s', '30 s', '1 min 15 s', '1 h 02 min']
    """
    if seconds < 0.005:
        return "-"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def clock(seconds: float) -> str:
    """Return a duration as a clock shows it.

    >>> clock(75.9), clock(3720)
    ('1:15', '1:02:00')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(number: int) -> str:
    """Return a number for people.

    >>> amount(1234567)
    '1,234,567'
    """
    return f"{number:,}"


def size(number: float) -> str:
    """Return a number of bytes for people.

    >>> size(1), size(999), size(12_345), size(2_500_000_000)
    ('1 byte', '999 bytes', '12.3 kB', '2.5 GB')
    """
    if number < 1000:
        return f"{number:.0f} byte{'s' * (number != 1)}"
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95 or unit == "TB":
            break
    return f"{number:.1f} {unit}"
