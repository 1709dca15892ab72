"""A directed graph without cycles as SVG.

Boxes are laid out in layers: what leads to a box stands in an earlier one. An edge that passes over
layers is given a place in each, so that it does not run through boxes. The order within a layer
follows that of the neighbours, which leaves few crossings. The layers are columns, or rows where
columns would make the picture wider than high by far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

_HEIGHT = 24.0  # of a box
_GAP = 10.0  # between boxes of a layer
_BETWEEN = 44.0  # between layers
_THIN = 8.0  # what an edge that passes takes of a layer
_MARGIN = 6.0
_LETTER = 6.7  # the width of one, on average, in the font below
_MOST_LETTERS = 36
_SWEEPS = 6

_STYLES = {
    "function": "fill:rgba(70,130,220,.22);stroke:rgba(70,130,220,.9)",
    "skipped": "fill:none;stroke:rgba(70,130,220,.6);stroke-dasharray:4 3",
    "data": "fill:rgba(128,128,128,.12);stroke:rgba(128,128,128,.55)",
}


@dataclass(frozen=True)
class Box:
    """A box of a graph.

    Attributes:
        key: What edges call it.
        label: What it says; cut if it is long.
        kind: ``function``, ``skipped`` for one that does not run, or ``data``.
        about: What is shown while the pointer rests on it.
    """

    key: str
    label: str
    kind: str = "function"
    about: str = ""

    @property
    def text(self) -> str:
        """The label as it is shown."""
        long = len(self.label) > _MOST_LETTERS
        return f"{self.label[: _MOST_LETTERS - 1]}…" if long else self.label

    @property
    def width(self) -> float:
        """In pixels."""
        # Letters of other scripts are up to twice as wide.
        letters = sum(1 if char.isascii() else 1.8 for char in self.text)
        return max(40.0, letters * _LETTER + 18)


@dataclass
class _Place:
    """A box, or an edge on its way through a layer; ``at`` is its centre across the layers."""

    box: Box | None
    size: float  # across the layers
    at: float = 0.0


def svg(boxes: Sequence[Box], edges: Iterable[tuple[str, str]], label: str) -> str:
    """Draw a graph.

    Args:
        boxes: In topological order.
        edges: Pairs of keys: from, to.
        label: What the picture is, for those who cannot see it.
    """
    edges = [(a, b) for a, b in dict.fromkeys(edges) if a != b]
    layer_of = _layers(boxes, edges)
    depth = max(layer_of.values(), default=-1) + 1
    widest = max(map(list(layer_of.values()).count, range(depth)), default=0)
    width = max((box.width for box in boxes), default=0)
    # A page scrolls down more easily than to the side.
    in_columns = depth * (width + _BETWEEN) <= max(1000, 2 * widest * (_HEIGHT + _GAP))
    layers, paths = _with_passages(boxes, edges, layer_of, depth, in_columns)
    _order(layers, paths)
    _spread(layers, paths)
    return _drawn(layers, paths, label, in_columns)


def _layers(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each box: behind all that leads to it; what begins, as late as can be."""
    before: dict[str, list[str]] = {box.key: [] for box in boxes}
    after: dict[str, list[str]] = {box.key: [] for box in boxes}
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    layer_of: dict[str, int] = {}
    for box in boxes:
        layer_of[box.key] = max((layer_of[k] + 1 for k in before[box.key]), default=0)
    for box in boxes:
        if not before[box.key] and after[box.key]:
            layer_of[box.key] = min(layer_of[k] for k in after[box.key]) - 1
    return layer_of


def _with_passages(
    boxes: Sequence[Box],
    edges: Sequence[tuple[str, str]],
    layer_of: Mapping[str, int],
    depth: int,
    in_columns: bool,
) -> tuple[list[list[_Place]], list[list[_Place]]]:
    """Return the places of each layer, and for each edge the places that it goes through."""
    layers: list[list[_Place]] = [[] for _ in range(depth)]
    places = {}
    for box in boxes:
        places[box.key] = _Place(box, (_HEIGHT if in_columns else box.width) + _GAP)
        layers[layer_of[box.key]].append(places[box.key])
    paths = []
    for start, end in edges:
        path = [places[start]]
        for layer in range(layer_of[start] + 1, layer_of[end]):
            path.append(_Place(None, _THIN))
            layers[layer].append(path[-1])
        paths.append([*path, places[end]])
    return layers, paths


def _neighbours(
    paths: Sequence[Sequence[_Place]],
) -> tuple[dict[int, list[_Place]], dict[int, list[_Place]]]:
    before: dict[int, list[_Place]] = {}
    after: dict[int, list[_Place]] = {}
    for path in paths:
        for one, other in pairwise(path):
            before.setdefault(id(other), []).append(one)
            after.setdefault(id(one), []).append(other)
    return before, after


def _order(layers: list[list[_Place]], paths: Sequence[Sequence[_Place]]) -> None:
    """Sort each layer by the mean position of neighbours, down and up again some times."""
    before, after = _neighbours(paths)
    for layer in layers:
        _number(layer)
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for layer in reversed(layers) if sweep % 2 else layers:
            layer.sort(key=lambda place: _mean(neighbours.get(id(place), ()), place.at))
            _number(layer)


def _number(layer: Sequence[_Place]) -> None:
    for number, place in enumerate(layer):
        place.at = (number + 0.5) / len(layer)


def _mean(places: Sequence[_Place], default: float) -> float:
    return sum(place.at for place in places) / len(places) if places else default


def _spread(layers: Sequence[list[_Place]], paths: Sequence[Sequence[_Place]]) -> None:
    """Set the coordinates of places: near their neighbours, in their order, without overlaps."""
    before, after = _neighbours(paths)
    for layer in layers:
        total = sum(place.size for place in layer)
        _pack(layer, [place.at * total - total / 2 for place in layer])
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 else before
        for layer in reversed(layers) if sweep % 2 else layers:
            _pack(layer, [_mean(neighbours.get(id(place), ()), place.at) for place in layer])


def _pack(layer: Sequence[_Place], wished: Sequence[float]) -> None:
    """Put places as near as may be to where they wish to be, without changing their order.

    Places that would overlap form a block, which stands at the mean of what its places wish.
    """
    blocks: list[tuple[float, float, list[_Place]]] = []  # start, size, places
    for place, wish in zip(layer, wished, strict=True):
        start, size, members = wish - place.size / 2, place.size, [place]
        while blocks and blocks[-1][0] + blocks[-1][1] > start:
            other_start, other_size, others = blocks.pop()
            count, more = len(others), len(members)
            start = (other_start * count + (start - other_size) * more) / (count + more)
            size, members = other_size + size, [*others, *members]
        blocks.append((start, size, members))
    for start, _, members in blocks:
        for place in members:
            place.at = start + place.size / 2
            start += place.size


def _drawn(
    layers: Sequence[Sequence[_Place]],
    paths: Sequence[Sequence[_Place]],
    label: str,
    in_columns: bool,
) -> str:
    places = [place for layer in layers for place in layer]
    low = min((place.at - place.size / 2 for place in places), default=0.0)
    across = max((place.at + place.size / 2 for place in places), default=0.0) - low
    starts: dict[int, float] = {}
    lengths: dict[int, float] = {}
    along = _MARGIN
    for layer in layers:
        # A column is as wide as its widest box, a row as high as any.
        length = max((_width(place) if in_columns else _HEIGHT for place in layer), default=0.0)
        for place in layer:
            starts[id(place)], lengths[id(place)] = along, length
        along += length + _BETWEEN
    along += _MARGIN - _BETWEEN

    def point(place: _Place, end: bool) -> tuple[float, float]:
        """Return where an edge leaves or enters a place: along and across."""
        length = lengths[id(place)] if not in_columns or place.box is None else _width(place)
        return starts[id(place)] + (length if end else 0.0), place.at - low + _MARGIN

    curves = "".join(_curve(path, point, in_columns) for path in paths)
    drawn = "".join(
        _box(place, starts[id(place)], place.at - low + _MARGIN, in_columns)
        for place in places
        if place.box is not None
    )
    width, height = (along, across) if in_columns else (across, along)
    width, height = (width, height + 2 * _MARGIN) if in_columns else (width + 2 * _MARGIN, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        'style="color:inherit;max-width:none;'
        'font:12px system-ui,-apple-system,Segoe UI,Roboto,sans-serif">'
        f'<g fill="none" stroke="currentColor" stroke-opacity=".4">{curves}</g>{drawn}</svg>'
    )


def _width(place: _Place) -> float:
    return place.box.width if place.box is not None else 0.0


def _curve(path: Sequence[_Place], point: object, in_columns: bool) -> str:
    def at(along: float, across: float) -> str:
        x, y = (along, across) if in_columns else (across, along)
        return f"{x:.1f},{y:.1f}"

    assert callable(point)
    words = [f"M{at(*point(path[0], True))}"]
    for one, other in pairwise(path):
        (x0, y0), (x1, y1) = point(one, True), point(other, False)
        middle = (x0 + x1) / 2
        words.append(f"C{at(middle, y0)} {at(middle, y1)} {at(x1, y1)}")
        if other.box is None:
            words.append(f"L{at(*point(other, True))}")
    return f'<path d="{" ".join(words)}"/>'


def _box(place: _Place, start: float, centre: float, in_columns: bool) -> str:
    box = place.box
    assert box is not None
    left = start if in_columns else centre - box.width / 2
    top = centre - _HEIGHT / 2 if in_columns else start
    radius = _HEIGHT / 2 if box.kind == "data" else 4
    return (
        f"<g><title>{escape(box.about or box.label)}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{_HEIGHT:.0f}" '
        f'rx="{radius:.0f}" style="{_STYLES[box.kind]}"/>'
        f'<text x="{left + box.width / 2:.1f}" y="{top + _HEIGHT / 2 + 4:.1f}" '
        f'text-anchor="middle" fill="currentColor">{escape(box.text)}</text></g>'
    )
