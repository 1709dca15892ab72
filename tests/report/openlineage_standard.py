"""Events of OpenLineage held against the classes that its client makes of the JSON schemas.

The schemas themselves are in no package; these classes are generated from them, name for name.
"""

from __future__ import annotations

import enum
import types
import typing
from datetime import datetime
from typing import Any
from uuid import UUID

import attr
from openlineage.client import event_v2, facet_v2

_FACETS = {
    one._get_schema(): one
    for module in vars(facet_v2).values()
    if isinstance(module, types.ModuleType)
    for one in vars(module).values()
    if attr.has(one) and hasattr(one, "_get_schema")
}


def check_event(told: dict[str, Any]) -> None:
    """Assert that an event has what it needs, no more than there is, and the right types."""
    assert told["schemaURL"] == event_v2.RunEvent._get_schema()
    assert datetime.fromisoformat(told["eventTime"]).tzinfo is not None
    assert UUID(told["run"]["runId"])
    _check(event_v2.RunEvent, told, "event")


def _check(kind: Any, value: Any, where: str) -> None:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return
    if origin in (typing.Union, types.UnionType):
        (kind,) = (one for one in parts if one is not type(None))
        _check(kind, value, where)
    elif origin is list:
        assert isinstance(value, list), where
        for number, one in enumerate(value):
            _check(parts[0], one, f"{where}[{number}]")
    elif origin is dict:
        assert isinstance(value, dict), where
        for key, one in value.items():
            _check(parts[1], one, f"{where}.{key}")
    elif attr.has(kind):
        _check_object(kind, value, where)
    elif issubclass(kind, enum.Enum):
        assert value in [one.value for one in kind], where
    else:
        wanted = (int, float) if kind is float else kind
        assert isinstance(value, wanted), f"{where} is {value!r}"


def _check_object(kind: Any, value: Any, where: str) -> None:
    assert isinstance(value, dict), where
    if "_schemaURL" in value:  # a facet, of a class of its own
        found = _FACETS[value["_schemaURL"]]
        assert value["_producer"], where
        kind = found
    hints = typing.get_type_hints(kind)
    known = {one.name: one for one in attr.fields(kind)}
    assert value.keys() <= known.keys(), f"{where} has {value.keys() - known.keys()}"
    needed = {one.name for one in known.values() if one.default is attr.NOTHING}
    assert needed <= value.keys(), f"{where} lacks {needed - value.keys()}"
    for key, one in value.items():
        _check(hints[key], one, f"{where}.{key}")
