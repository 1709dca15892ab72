"""Bars on lanes as SVG, in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 860.0
_LANE = 26.0
_LETTER = 6.7

_STYLES = {
    "done": "fill:rgba(70,160,95,.25);stroke:rgba(70,160,95,.9)",
    "failed": "fill:rgba(210,60,50,.28);stroke:rgba(210,60,50,.95)",
}
_OTHER = "fill:rgba(128,128,128,.2);stroke:rgba(128,128,128,.7)"


@dataclass(frozen=True)
class Bar:
    """A bar of a timeline.

    Attributes:
        label: What it says, where it is long enough.
        lane: On which lane it lies, from 0 on.
        start: Where it begins; any moment is 0.
        end: Where it ends.
        kind: ``done``, ``failed``, or anything else.
        about: What is shown while the pointer rests on it.
    """

    label: str
    lane: int
    start: float
    end: float
    kind: str = "done"
    about: str = ""


def timeline(bars: Sequence[Bar], label: str) -> str:
    """Draw bars; what stays empty of a lane was idle.

    Args:
        bars: In any order.
        label: What the picture is, for those who cannot see it.

    >>> "&lt;b&gt;" in timeline([Bar("<b>", 0, 0.0, 2.0)], "a run")
    True
    """
    first = min((bar.start for bar in bars), default=0.0)
    scale = _WIDTH / (max((bar.end for bar in bars), default=0.0) - first or 1.0)
    lanes = max((bar.lane for bar in bars), default=-1) + 1
    idle = "".join(
        f'<rect y="{lane * _LANE + 2:.0f}" width="{_WIDTH:.0f}" height="{_LANE - 4:.0f}" rx="3" '
        'style="fill:rgba(128,128,128,.1)"/>'
        for lane in range(lanes)
    )
    drawn = "".join(_drawn(bar, (bar.start - first) * scale, scale) for bar in bars)
    size = f'width="{_WIDTH:.0f}" height="{lanes * _LANE:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" {size} '
        f'viewBox="0 0 {_WIDTH:.0f} {lanes * _LANE:.0f}" style="color:inherit;max-width:none;'
        f'font:12px system-ui,-apple-system,Segoe UI,Roboto,sans-serif">{idle}{drawn}</svg>'
    )


def _drawn(bar: Bar, left: float, scale: float) -> str:
    width = max(1.5, (bar.end - bar.start) * scale)
    letters = int((width - 10) / _LETTER)
    text = bar.label if len(bar.label) <= letters else f"{bar.label[: max(0, letters - 1)]}…"
    told = ""
    if letters > 3:
        told = f'<text x="{left + 5:.1f}" y="{bar.lane * _LANE + 17:.0f}" fill="currentColor">'
        told += f"{escape(text)}</text>"
    return (
        f"<g><title>{escape(bar.about or bar.label)}</title>"
        f'<rect x="{left:.1f}" y="{bar.lane * _LANE + 2:.0f}" width="{width:.1f}" '
        f'height="{_LANE - 4:.0f}" rx="3" style="{_STYLES.get(bar.kind, _OTHER)}"/>{told}</g>'
    )
