"""The loader of Kedro's projects that fill in globals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sparkpipe.config.interpolation import with_texts
from sparkpipe.config.loaders import ConfigLoader, checked_patterns, read_environment
from sparkpipe.errors import ConfigError, did_you_mean


class TemplatedConfigLoader(ConfigLoader):
    """Replaces ``${a.b}`` and ``${a.b|default}`` by values of globals, in keys and texts.

    Args:
        conf_source: See :class:`ConfigLoader`.
        env: See :class:`ConfigLoader`.
        runtime_params: See :class:`ConfigLoader`.
        config_patterns: See :class:`ConfigLoader`.
        base_env: See :class:`ConfigLoader`.
        default_run_env: See :class:`ConfigLoader`.
        globals_pattern: Pattern of the files of globals, such as ``*globals.yml``.
        globals_dict: Globals on top of those of the files.

    Raises:
        ConfigError: See :class:`ConfigLoader`.
    """

    _FIELD = re.compile(r"\$\{([A-Za-z0-9_.]+)(?:\|([^}]*))?\}")

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        config_patterns: Mapping[str, Sequence[str]] | None = None,
        *,
        base_env: str = "base",
        default_run_env: str = "local",
        globals_pattern: str | None = None,
        globals_dict: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            conf_source,
            env,
            runtime_params,
            config_patterns,
            base_env=base_env,
            default_run_env=default_run_env,
        )
        self._globals: dict[str, Any] = {}
        if globals_pattern is not None:
            patterns = checked_patterns({"globals_pattern": [globals_pattern]})
            # Not yet resolved: globals hold no fields.
            for name in self._environments():
                self._globals |= read_environment(self._folder / name, patterns["globals_pattern"])[
                    0
                ]
        self._globals |= dict(globals_dict or {})

    def _resolve(
        self, kind: str, values: dict[str, Any], origins: Mapping[str, str]
    ) -> dict[str, Any]:
        known: dict[int, Any] = {}  # what anchors share is resolved once
        result: dict[str, Any] = {}
        for key, value in values.items():
            where = origins.get(key, key)
            text = partial(self._filled_text, where=where, is_shown=kind != "credentials")
            fill_key = partial(self._filled_key, where=where)
            result[fill_key(key)] = with_texts(value, text, known, fill_key)
        return result

    def _filled_key(self, key: Any, where: str) -> Any:
        filled = self._filled_text(key, where) if isinstance(key, str) else key
        if isinstance(key, str) and not isinstance(filled, str):
            raise ConfigError(
                f"{where}: the key '{key}' becomes a {type(filled).__name__}; it must be a text."
            )
        return filled

    def _filled_text(self, text: str, where: str, *, is_shown: bool = True) -> Any:
        whole = self._FIELD.fullmatch(text)
        if whole:
            return self._value_of(whole, where, is_shown)
        return self._FIELD.sub(lambda found: str(self._value_of(found, where, is_shown)), text)

    def _value_of(self, found: re.Match[str], where: str, is_shown: bool) -> Any:
        value: Any = self._globals
        is_set = True
        for step in found[1].split("."):
            is_set = isinstance(value, Mapping) and step in value
            value = value[step] if is_set else None
        if value is None:  # as if it were not there
            value = found[2]
        wrong = "has no value (null)" if is_set else "is not set"
        if value is None and not is_shown:
            raise ConfigError(
                f"{where} has a '${{' that asks for a global that {wrong}; it is not shown.",
                hint="Set it in a file of globals_pattern or in globals_dict.",
            )
        if value is None:
            raise ConfigError(
                f"{where}: '{found[0]}' asks for a global that {wrong}.",
                hint=("" if is_set else did_you_mean(found[1], self._globals))
                or "Set it in a file of globals_pattern or in globals_dict, or give a default: "
                f"${{{found[1]}|default}}.",
            )
        return value
