"""The schema that an entry declares, asked of any data set."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.declared import unwrapped
from sparkpipe.schemas.model import Schema
from sparkpipe.schemas.reading import read_schema


def declared_schema(data_set: Any) -> Schema | None:
    """Return the schema that an entry declares, also for its reader alone; None without one."""
    found = foreign.attribute(data_set, "declared_schema")
    if isinstance(found, Schema):
        return found
    given = foreign.attribute(unwrapped(data_set), "_schema")
    with suppress(DataSetError):
        return read_schema(given) if given is not None else None
    return None
