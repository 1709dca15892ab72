"""A catalog as a notebook shows it: names, types and places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparkpipe.html.grid import headline, remark, scrolling, table
from sparkpipe.io.declared import location_of
from sparkpipe.io.entries import Entry
from sparkpipe.io.messages import kind_of
from sparkpipe.redaction import redacted
from sparkpipe.words import counted

if TYPE_CHECKING:
    from sparkpipe.io.catalog import DataCatalog

_MOST = 300
_LONGEST = 120
_PLACES = ("filepath", "path", "table", "table_name", "sql", "load")


def catalog_html(catalog: DataCatalog) -> str:
    """Return the data sets of a catalog; none is made, and nothing is imported, to show them."""
    names = [name for name in catalog if name != "parameters" and not name.startswith("params:")]
    rows = [(name, *_kind_and_place(catalog, name)) for name in names[:_MOST]]
    rows += [(pattern, "(pattern)", "") for pattern in catalog.patterns]
    count = f"Catalog of {counted(len(names), 'data set')}"
    parts = [headline(count), scrolling(table(["Name", "Type", "Place"], rows), count)]
    if len(names) > _MOST:
        parts.append(remark(f"… and {len(names) - _MOST} more: catalog.list('part of a name')"))
    params = [name for name in catalog if name.startswith("params:")]
    if params:
        shown = ", ".join(params[:_MOST]) + " …" * (len(params) > _MOST)
        parts.append(remark(f"Parameters: {shown}"))
    return "".join(parts)


def _kind_and_place(catalog: DataCatalog, name: str) -> tuple[str, str]:
    config = catalog.config_of(name)
    if config is not None:
        return _kind_of(config.get("type")), _place_in(config)
    data_set = catalog._entry(name)
    if isinstance(data_set, Entry):
        return "(not a mapping)", ""
    return kind_of(data_set), location_of(data_set)


def _kind_of(given: Any) -> str:
    return given.__name__ if isinstance(given, type) else str(given or "")


def _place_in(config: Mapping[str, Any]) -> str:
    for key in _PLACES:
        if config.get(key):
            place = str(redacted(str(config[key])))
            return place if len(place) <= _LONGEST else f"{place[: _LONGEST - 1]}…"
    inner = config.get("dataset") or config.get("data_set")  # of a cached data set
    return _place_in(inner) if isinstance(inner, Mapping) else ""
