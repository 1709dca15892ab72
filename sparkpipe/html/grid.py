"""Tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "text-align:left;padding:2px 12px 2px 0;border:none;white-space:nowrap"
_LINE = "border-bottom:1px solid rgba(128,128,128,.35)"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column in which no row has anything is left out.

    Args:
        titles: One for each column.
        rows: Texts, which are escaped.

    >>> "&lt;b&gt;" in table(["Name"], [["<b>"]])
    True
    """
    given = [list(map(str, row)) for row in rows]
    kept = [n for n, _ in enumerate(titles) if any(row[n] for row in given)]
    head = "".join(f'<th style="{_CELL};{_LINE}">{escape(titles[n])}</th>' for n in kept)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(row[n])}</td>' for n in kept) + "</tr>"
        for row in given
    )
    return (
        '<table style="border-collapse:collapse;border:none;color:inherit;margin:4px 0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def headline(text: str) -> str:
    """Return a line in bold."""
    return f'<div style="font-weight:600;margin:4px 0">{escape(text)}</div>'


def remark(text: str) -> str:
    """Return a line that stands back."""
    return f'<div style="opacity:.7;margin:4px 0">{escape(text)}</div>'


def scrolling(html: str, label: str = "") -> str:
    """Return a part of a page that is no higher than a screen and scrolls within itself."""
    named = f' role="group" aria-label="{escape(label)}"' if label else ""
    return f'<div{named} style="overflow:auto;max-height:80vh;max-width:100%">{html}</div>'
