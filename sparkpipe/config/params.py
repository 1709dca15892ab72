"""Parameters: as given on the command line, and one set on top of another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparkpipe.config.parsing import read_texts, read_value
from sparkpipe.config.typed_params import GivenParams
from sparkpipe.errors import ConfigError


def parse_params(text: str) -> GivenParams:
    """Read parameters as given on the command line.

    Values are YAML scalars; dots nest. A session gives texts and dates the types that they have in
    the files.

    Raises:
        ConfigError: A part is not ``name:value``.

    >>> parse_params("model.depth:3,name=x")
    {'model': {'depth': 3}, 'name': 'x'}
    """
    params: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for item in _split_params(text):
        match = re.match(r"\s*([\w.-]+)\s*[:=](.*)", item, re.DOTALL)
        if not match or not all(match[1].split(".")):
            raise ConfigError(
                f"--params: '{item.strip()}' is not a parameter.",
                hint="Write name:value, and more after a comma: a.b:1,c:text",
            )
        *groups, name = match[1].split(".")
        into, texts_into = params, texts
        for group in groups:
            into = into.setdefault(group, {})
            if not isinstance(into, dict):
                raise ConfigError(f"--params: '{group}' is both a value and a group.")
            known = texts_into.get(group)
            if isinstance(known, str):  # 'a:{b: 1},a.c:2'
                known = read_texts(known)
            texts_into[group] = texts_into = known if isinstance(known, dict) else {}
        texts_into[name] = match[2].strip()
        into[name] = _param_value(texts_into[name])
    return GivenParams(params, texts)


def _param_value(text: str) -> Any:
    if not text or text.startswith("#"):  # a colour, not a comment
        return text
    return read_value(text)


def _split_params(text: str) -> list[str]:
    """Part at commas outside brackets and quotes, so that lists and texts can be given."""
    parts, depth, quote, escaped = [""], 0, "", False
    for character in text:
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and quote == '"' and not escaped
        elif character in "'\"" and parts[-1].rstrip().endswith((":", "=", "[", "{", ",")):
            quote = character  # an apostrophe within a word is none
        else:
            # A bracket that closes nothing is text.
            depth = max(0, depth + (character in "[{") - (character in "]}"))
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` with the values of ``above`` put in, mapping by mapping.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result
