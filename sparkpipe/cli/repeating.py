"""A command as it was given, for the words that tell how to go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from sparkpipe.cli.listing import joined


def words_as_given(context: click.Context, left_out: Collection[str | None]) -> list[str]:
    """Return the words of a command with the options that the command line has given.

    Args:
        context: The command.
        left_out: Names of options to leave out.
    """
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name
        value = context.params.get(name) if name is not None else None
        if name in left_out or not value or value == ("",) or is_from_file(context, name):
            continue
        if isinstance(parameter, click.Option):
            words.append(max(parameter.opts, key=len))
        if value is not True:
            words.append(_as_given(str(name), value))
    return words


def is_from_file(context: click.Context, name: str | None) -> bool:
    """Whether a file of options gives an option."""
    return context.get_parameter_source(str(name)) is click.core.ParameterSource.DEFAULT_MAP


def _as_given(option: str, value: Any) -> str:
    if option == "params":
        from sparkpipe.config import without_secrets

        # Who reads over a shoulder is to see no password.
        return ",".join(map(without_secrets, value))
    if isinstance(value, Mapping):
        return joined(f"{name}:{version}" for name, version in value.items())
    return joined(value) if isinstance(value, tuple) else str(value)
