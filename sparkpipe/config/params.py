"""Parameters: as given on the command line, and one set on top of another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparkpipe.config.parsing import TooLargeError, read_texts, read_value
from sparkpipe.config.typed_params import GivenParams
from sparkpipe.errors import ConfigError
from sparkpipe.redaction import HIDDEN, is_secret

_PART = re.compile(r"""[\w-]+|"[^"]+"|'[^']+'""")
_ITEM = re.compile(rf"\s*((?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*)\s*[:=](.*)", re.DOTALL)


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
        match = _ITEM.match(item)
        if not match:
            raise ConfigError(
                f"--params: {_shown(item)} is not a parameter.",
                hint="Write name:value, and more after a comma: a.b:1,c:text. A name with other "
                "characters stands in quotes: 'a b':1",
            )
        *groups, name = [
            part[1:-1] if part[0] in "'\"" else part for part in _PART.findall(match[1])
        ]
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
        into[name] = _param_value(match[1], texts_into[name])
    return GivenParams(params, texts)


def _param_value(name: str, text: str) -> Any:
    if not text or text.startswith("#"):  # a colour, not a comment
        return text
    try:
        return read_value(text)
    except TooLargeError as exc:
        raise ConfigError(f"--params: '{name}' cannot be read: {exc.problem}.") from exc


def _split_params(text: str) -> list[str]:
    """Part at commas outside brackets and quotes, so that lists and texts can be given."""
    parts, depth, quote, escaped = [""], 0, "", False
    for character in text:
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and quote == '"' and not escaped
        elif character in "'\"" and _may_quote(parts[-1]):
            quote = character  # an apostrophe within a word is none
        else:
            # A bracket that closes nothing is text.
            depth = max(0, depth + (character in "[{") - (character in "]}"))
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _may_quote(before: str) -> bool:
    """Whether a quote begins a name or a value, after what stands before it."""
    before = before.strip()
    is_name = before.endswith(".") and not re.search("[:=]", before)
    return not before or is_name or before.endswith((":", "=", "[", "{", ","))


def without_secrets(text: str) -> str:
    """Return parameters as they were given, with the values of secrets hidden.

    >>> without_secrets("a:1,db.password:x")
    'a:1,db.password:***'
    """
    shown = []
    for item in _split_params(text):
        match = _ITEM.match(item)
        is_hidden = match is not None and is_secret(match[1])
        shown.append(f"{item[: match.start(2)]}{HIDDEN}" if match and is_hidden else item)
    return ",".join(shown)


def _shown(item: str) -> str:
    """Return the name of what is no parameter, or all of it where it is only that."""
    name = re.split("[:=]", item.strip())[0]
    return f"'{HIDDEN}'" if is_secret(name) and " " in name.strip() else f"'{name.strip()}'"


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
