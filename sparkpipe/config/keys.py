"""Keys of mappings that are no texts, such as 1 and 2024-01-01, and the texts that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any


class _KeyText(str):
    """A key as a text, which knows the key."""

    __slots__ = ("own",)

    own: Any


def text_of(key: Any) -> str:
    """Return how a key is written: ``true``, ``1``, ``2024-01-01``.

    >>> text_of(1), text_of(date(2024, 1, 1)), text_of(True), text_of(None)
    ('1', '2024-01-01', 'true', 'null')
    """
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, date):
        return key.isoformat()
    return "null" if key is None else str(key)


def key_for(mapping: Mapping[Any, Any], asked: Any) -> Any:
    """Return the key of a mapping that is written like the one asked for; that one if none is.

    >>> key_for({0: "a", 1: "b"}, "1"), key_for({"1": "b"}, 1), key_for({0: "a"}, "1")
    (1, '1', '1')
    """
    if asked in mapping:
        return asked
    text = text_of(asked)
    return next((key for key in mapping if text_of(key) == text), asked)


def with_text_keys(value: Any, known: dict[int, Any]) -> Any:
    """Return a value whose keys are all texts, for who knows of no others.

    Args:
        value: Mappings and lists of any depth; what they share stays shared.
        known: What has been replaced so far, by identity.
    """
    if not isinstance(value, (dict, list)):
        return value
    if id(value) not in known:
        if isinstance(value, list):
            known[id(value)] = [with_text_keys(inner, known) for inner in value]
        else:
            made: dict[str, Any] = {}
            for key, inner in value.items():
                text = key
                if not isinstance(key, str):
                    text = _KeyText(text_of(key))
                    while text in value or text in made:  # 1 beside '1'
                        text = _KeyText(f"{text}'")
                    text.own = key
                made[text] = with_text_keys(inner, known)
            known[id(value)] = made
    return known[id(value)]


def with_own_keys(value: Any) -> Any:
    """Return a value with the keys that it had before :func:`with_text_keys`."""
    if isinstance(value, list):
        return [with_own_keys(inner) for inner in value]
    if isinstance(value, dict):
        return {
            key.own if isinstance(key, _KeyText) else key: with_own_keys(inner)
            for key, inner in value.items()
        }
    return value
