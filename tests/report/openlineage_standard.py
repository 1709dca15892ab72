"""Events of OpenLineage held against what the standard asks of them.

The JSON Schemas of the standard are in no package. What they ask is told by
``openlineage_format.yml``, of which schemas are made here, with the ids and references of the
standard. They are stricter in two ways: a field that the standard does not know is refused, for
such a field is a slip of ours; and each facet is held against its own schema, where the standard's
schema of an event lets many of them pass.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attr
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openlineage.client import event_v2, facet_v2
from openlineage.client.generated import base
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_TOLD: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("openlineage_format.yml").read_text(encoding="utf-8")
)
_CORE = next(iter(_TOLD))
_TYPES = {"string", "integer", "boolean"}
_FORMATS = {"date-time", "uri", "uuid"}

#: The definitions, by the addresses that events and facets tell.
FORMS: dict[str, dict[str, Any]] = {
    f"{document}#/$defs/{name}": form
    for document, forms in _TOLD.items()
    for name, form in forms.items()
    if isinstance(form, dict)
}
#: The names that facets go by, by their addresses.
_NAMES = {
    f"{document}#/$defs/{facet}": name
    for document, forms in _TOLD.items()
    for name, facet in forms.items()
    if isinstance(facet, str)
}
_EXTENDED = {form["^"] for form in FORMS.values() if "^" in form}

# jsonschema needs further packages to know times and addresses: without, any text is one.
_CHECKER = FormatChecker()


@_CHECKER.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or (
        "T" in value and datetime.fromisoformat(value).tzinfo is not None
    )


@_CHECKER.checks("uri", raises=ValueError)
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def check_event(told: dict[str, Any]) -> None:
    """Assert that an event has what it needs, no more than there is, and the right kinds."""
    kind = _kind_of(told)
    assert told["schemaURL"] == kind._get_schema(), f"{kind.__name__} is {told['schemaURL']}"
    _check(told, told["schemaURL"], "event")
    for name, facet in _facets_in(told):
        _check(facet, facet["_schemaURL"], name)
        assert _NAMES.get(facet["_schemaURL"]) == name, f"{name} is {facet['_schemaURL']}"


def _kind_of(told: dict[str, Any]) -> Any:
    if "run" in told:
        return event_v2.RunEvent
    return event_v2.JobEvent if "job" in told else event_v2.DatasetEvent


def _check(told: dict[str, Any], address: str, where: str) -> None:
    assert address in FORMS, f"{where}: openlineage_format.yml does not tell {address}"
    validator = Draft202012Validator({"$ref": address}, registry=_SCHEMAS, format_checker=_CHECKER)
    wrong = [f"{where}{one.json_path[1:]}: {one.message}" for one in validator.iter_errors(told)]
    assert not wrong, "\n".join(wrong)


def _facets_in(told: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(told, list):
        for one in told:
            yield from _facets_in(one)
    elif isinstance(told, dict):
        if "_schemaURL" in told:
            yield name, told
        for key, one in told.items():
            yield from _facets_in(one, key)


# Schemas, of what is told


def _schema_of(form: Any, document: str, *, closed: bool = True) -> dict[str, Any]:
    if isinstance(form, list):
        return {"type": "array", "items": _schema_of(form[0], document)}
    if isinstance(form, str):
        return _schema_of_kind(form, document)
    if "*" in form:
        return {"type": "object", "additionalProperties": _schema_of(form["*"], document)}
    fields = {name: one for name, one in form.items() if name != "^"}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name.rstrip("!"): _schema_of(one, document) for name, one in fields.items()},
        "required": [name[:-1] for name in fields if name.endswith("!")],
    }
    if "^" in form:
        schema["allOf"] = [_schema_of(form["^"], document)]
    if closed:
        schema["unevaluatedProperties"] = False
    return schema


def _schema_of_kind(kind: str, document: str) -> dict[str, Any]:
    if kind == "any":
        return {}
    if kind in _TYPES:
        return {"type": kind}
    if kind in _FORMATS:
        return {"type": "string", "format": kind}
    if "|" in kind:
        return {"type": "string", "enum": kind.split("|")}
    return {"$ref": f"{document if kind in _TOLD[document] else _CORE}#/$defs/{kind}"}


_SCHEMAS: Registry[Any] = Registry().with_resources(
    (
        document,
        DRAFT202012.create_resource(
            {
                "$id": document,
                "$defs": {
                    name: _schema_of(form, document, closed=name not in _EXTENDED)
                    for name, form in forms.items()
                    if isinstance(form, dict)
                },
            }
        ),
    )
    for document, forms in _TOLD.items()
)


# The classes of the client, which are made of the schemas of the standard

_CLASSES = {
    one._get_schema(): one
    for module in (base, *vars(facet_v2).values())
    if isinstance(module, types.ModuleType)
    for one in vars(module).values()
    if attr.has(one) and hasattr(one, "_get_schema")
}


def form_of_class(address: str) -> dict[str, Any]:
    """Return the fields that the client's class of an address adds to those of its base."""
    return _fields_of(_CLASSES[address])


def simplified(form: Any) -> Any:
    """Return a form as far as classes tell it: they have texts for all that has a format."""
    if isinstance(form, list):
        return [simplified(one) for one in form]
    if isinstance(form, dict):
        return {name: simplified(one) for name, one in form.items() if name != "^"}
    return "string" if form in _FORMATS or "|" in form else form


def _fields_of(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {
        one.name + "!" * (one.default is attr.NOTHING): _form_of(hints[one.name])
        for one in attr.fields(kind)
        if not one.inherited
    }


def _form_of(kind: Any) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        (kind,) = (one for one in parts if one is not type(None))
        return _form_of(kind)
    if origin is list:
        return [_form_of(parts[0])]
    if origin is dict:
        return {"*": _form_of(parts[1])}
    if attr.has(kind):
        return kind.__name__ if hasattr(kind, "_get_schema") else _fields_of(kind)
    if kind is Any:
        return "any"
    if issubclass(kind, enum.Enum):
        return "string"
    return {str: "string", int: "integer", bool: "boolean"}[kind]
