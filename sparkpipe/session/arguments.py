"""What a program gives a session, judged before it is used: nothing else keeps its types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sparkpipe.errors import ConfigError


def by_name(what: str, given: object, example: str) -> Mapping[str, Any]:
    """Return what is given by names; nothing for None.

    Args:
        what: How messages call it.
        given: What should be a mapping.
        example: How it is written.

    Raises:
        ConfigError: It is something else. What it is is not shown: it may be data, or a secret.
    """
    if given is None:
        return {}
    hint = f"Write {example}."
    if not isinstance(given, Mapping):
        raise ConfigError(f"{what} must be a dictionary, not {_kind(given)}.", hint=hint)
    return given


def params_by_name(given: object) -> Mapping[str, Any]:
    """Return parameters.

    Raises:
        ConfigError: They are no mapping by names.
    """
    return by_name("Parameters", given, "{'least': 3}")


def inputs_by_name(given: object) -> Mapping[str, Any] | None:
    """Return data by the names of data sets.

    Raises:
        ConfigError: It is no mapping by names.
    """
    if given is None:
        return None
    inputs = by_name("Inputs", given, "{'orders': data}")
    names_given("Inputs", inputs)
    return inputs


def versions_by_name(given: object) -> Mapping[str, str]:
    """Return versions to load by the names of data sets.

    Raises:
        ConfigError: They are no mapping of texts, or of the numbers of versions, by names.
    """
    example = "{'model': '2026-11-28T06.00.00.000Z'}"
    versions = by_name("Versions to load", given, example)
    names_given("Versions to load", versions)
    told: dict[str, str] = {}
    for name, version in versions.items():
        is_number = isinstance(version, int) and not isinstance(version, bool)
        if not isinstance(version, str) and not is_number:
            raise ConfigError(
                f"Versions to load: that of '{name}' must be a text, not {_kind(version)}.",
                hint=f"Write {example}.",
            )
        told[name] = str(version)  # tables have numbers
    return told


def names_given(what: str, given: object) -> tuple[str, ...]:
    """Return one name, several, or none as a tuple.

    Args:
        what: How messages call them.
        given: A text, several, or None.

    Raises:
        ConfigError: They are something else.
    """
    found = (given,) if isinstance(given, str) else several(what, given)
    for name in found:
        if not isinstance(name, str):
            raise ConfigError(f"{what}: {name!r} is no name, but {_kind(name)}.")
    return found


def several(what: str, given: object) -> tuple[Any, ...]:
    """Return several things as a tuple; none for None.

    Raises:
        ConfigError: It is one thing.
    """
    if given is None:
        return ()
    if not isinstance(given, Iterable):
        raise ConfigError(f"{what} must be a list or the like, not {_kind(given)}.")
    return tuple(given)


def name_given(what: str, given: object) -> str | None:
    """Return a name, or None where none is given.

    Args:
        what: How messages call it.
        given: A text or None.

    Raises:
        ConfigError: It is something else.
    """
    if given is not None and not isinstance(given, str):
        raise ConfigError(f"{what} must be one name, not {_kind(given)}.")
    return given


def text_given(what: str, given: object) -> str | None:
    """Return a text, that of a number, or None where none is given.

    Args:
        what: How messages call it.
        given: A text, a whole number, as some schedulers count their runs, or None.

    Raises:
        ConfigError: It is something else.
    """
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return str(given) if is_number else name_given(what, given)


def _kind(given: object) -> str:
    return f"of type {type(given).__name__}"
