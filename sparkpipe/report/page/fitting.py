"""What is left out of a document that would be too large for a page, and the word that tells so.

Names, states, times and edges stay. All else that is long (code, columns, rows of previews, jobs,
errors, parameters) is a part, and no part gets more than its share: the small ones stay whole, and
the largest are cut to one size that makes all of them fit.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

from sparkpipe.html.page import as_json

# With the program and the styles of the page, a file of 100 nodes is to stay below 1.5 MB.
_MOST_BYTES = 1_340_000
_FOR_NODES = 100
_BYTES_FOR_EACH_MORE = 4_000

# What is as short as that is no part: cutting it would bring nothing.
_SHORT = 150
_LEAST = 120
# Of a preview, its names among them: to see more columns is worth more.
_FEW_ROWS = 3
# By these the page finds things, and they are short unless names are not.
_KEPT = frozenset(
    (
        *("name", "state", "kind", "inputs", "outputs", "readers", "writer", "namespace", "layer"),
        *("run_id", "outcome", "started", "seconds", "counts", "pipeline", "nodes", "is_later"),
        *("error", "function_name", "line", "cut"),
    )
)


class _Part(NamedTuple):
    """A value that may be cut, where it is, and how many bytes of the file it takes."""

    owner: MutableMapping[str, Any]
    key: str
    thing: MutableMapping[str, Any]
    size: int


def fitted(document: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """Return a document that is not too large; what is cut says so under ``cut``.

    Args:
        document: As of :mod:`sparkpipe.report.page.document`; changed where it must be.
        most: How many bytes it may take as JSON; by default as many as a page may have.
    """
    if most is None:
        more = max(0, len(document["nodes"]) - _FOR_NODES)
        most = _MOST_BYTES + more * _BYTES_FOR_EACH_MORE
    whole = _size(document)
    if whole <= most:
        return document
    parts = [*_parts(document)]
    room = most - whole + sum(part.size for part in parts)
    share = _share([part.size for part in parts], room)
    for part in parts:
        if part.size > share:
            _cut(part, share)
    return document


def _parts(document: dict[str, Any]) -> Iterator[_Part]:
    things = [*document["nodes"], *document["data_sets"], document["run"]]
    if document["comparison"]:
        things.append(document["comparison"])
    for thing in things:
        owners = [thing, thing["error"]] if isinstance(thing.get("error"), dict) else [thing]
        for owner in owners:
            for key, value in owner.items():
                size = 0 if key in _KEPT else _size(value)
                if size > _SHORT:
                    yield _Part(owner, key, thing, size)


def _share(sizes: Sequence[int], room: int) -> int:
    """Return the size to which the largest are cut, so that all of them find room.

    >>> _share([10, 1000, 1000], 1010)
    500
    """
    left = room
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return max(_LEAST, share) if room > _LEAST else _LEAST
        left -= size
    return max(sizes, default=0)


def _cut(part: _Part, most: int) -> None:
    value = part.owner[part.key]
    # The word for what is left out takes some of it.
    room = max(0, most - _LEAST // 2)
    kept: Any
    if part.key == "preview":
        kept, told = _cut_rows(value, room)
    elif isinstance(value, (list, tuple)):
        kept, told = _cut_items(part.key, value, room)
    elif isinstance(value, dict):
        kept, told = _cut_values(value, room)
    else:
        kept, told = _cut_text(str(value), room)
    part.owner[part.key] = kept
    if part.key == "jobs":  # which have a word of their own
        part.owner["jobs_left_out"] = part.owner.get("jobs_left_out", 0) + len(value) - len(kept)
    elif told:
        part.thing.setdefault("cut", []).append(f"{part.key}: {told}")


def _cut_text(text: str, most: int) -> tuple[str, str]:
    kept = _shortened(text, most)
    left = len(text) - len(kept)
    return (f"{kept}…", f"{left} of {len(text)} characters") if left else (text, "")


def _shortened(text: str, most: int) -> str:
    """Return as much of the beginning of a text as fits: a character takes from one to six."""
    kept = text[:most]
    while kept and (size := _size(kept)) > most:
        kept = kept[: min(len(kept) - 1, len(kept) * most // size)]
    return kept


def _cut_items(key: str, items: Sequence[Any], most: int) -> tuple[list[Any], str]:
    ranked = sorted(range(len(items)), key=lambda at: _rank(key, at, items[at]))
    kept: list[int] = []
    short: dict[int, Any] = {}
    for at in ranked:
        short[at] = _with_short_texts(items[at], max(_LEAST // 2, most // 8))
        most -= _size(short[at]) + 1
        if most < 0:
            break
        kept.append(at)
    left = len(items) - len(kept)
    cut = sum(short[at] != items[at] for at in kept)
    told = [f"{left} of {len(items)}"] if left else []
    told += [f"parts of {cut}"] if cut else []
    return [short[at] for at in sorted(kept)], ", ".join(told)


def _rank(key: str, at: int, item: Any) -> float:
    """Return which items stay: of jobs the longest, of checks those that did not pass.

    Of the way to an error, and of earlier runs, the last are nearest.
    """
    if key in ("lines", "earlier"):
        return -float(at)
    if key == "jobs":
        return -float(item.get("seconds", 0.0))
    return float(key == "checks" and item.get("outcome") == "passed")


def _with_short_texts(value: Any, most: int) -> Any:
    if isinstance(value, str):
        # A character takes six bytes at most.
        return value if 6 * len(value) < most else _cut_text(value, most)[0]
    if isinstance(value, dict):
        return {key: _with_short_texts(one, most) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_with_short_texts(one, most) for one in value])
    return value


def _cut_values(values: dict[str, Any], most: int) -> tuple[dict[str, Any], str]:
    """Shorten the values of a mapping, as of parameters; one of any depth becomes its text."""
    share = _share([_size(one) for one in values.values()], most - _size([*values]))
    kept = {}
    for key, value in values.items():
        text = value if isinstance(value, str) else as_json(value)
        kept[key] = value if _size(value) <= share else _cut_text(text, share)[0]
    cut = [key for key in values if kept[key] is not values[key]]
    while len(kept) > 1 and _size(kept) > max(most, _LEAST):
        kept.pop([*kept][-1])
    left = len(values) - len(kept)
    told = [f"{left} of {len(values)}"] if left else []
    told += [f"the end of {len(cut)}"] if cut else []
    return kept, ", ".join(told)


def _cut_rows(rows: Sequence[Sequence[Any]], most: int) -> tuple[list[Sequence[Any]], str]:
    """Leave out rows of a preview, and then columns, until it fits; the first are its names."""
    # A cell takes three bytes at least.
    columns = min(len(rows[0]), most // 3)
    some = rows[: max(_FEW_ROWS, most // (3 * columns or 1))]
    kept = [_with_short_texts([*row[:columns]], max(_LEAST // 2, most // 20)) for row in some]
    while _size(kept) > most:
        if len(kept) > _FEW_ROWS:
            kept = kept[: max(_FEW_ROWS, len(kept) // 2)]
        elif kept and len(kept[0]) > 1:
            kept = [row[: len(row) // 2] for row in kept]
        else:
            return [], "all of it"
    of_rows, of_columns = len(rows) - len(kept), len(rows[0]) - len(kept[0])
    told = [f"{of_rows} of {len(rows) - 1} rows"] if of_rows else []
    told += [f"{of_columns} of {len(rows[0])} columns"] if of_columns else []
    return kept, ", ".join(told or ["ends of cells"])


def _size(value: Any) -> int:
    return len(as_json(value).encode())
