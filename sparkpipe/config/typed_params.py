"""Parameters of a run get the types that they have in the files: a date stays one, a text one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from sparkpipe.config.keys import key_for
from sparkpipe.config.parsing import read_texts, read_value, why_no_date
from sparkpipe.errors import ConfigError, PreflightError
from sparkpipe.redaction import HIDDEN, is_secret

# What YAML takes for a date, alone or in a list, whether there is such a day or not.
_DATE = re.compile(r"([\[{].*)?\d{4}-\d\d?-\d\d?(\b|[Tt]).*", re.DOTALL)


class GivenParams(dict[str, Any]):
    """Parameters as YAML reads them, with the text of each.

    Args:
        values: The parameters.
        texts: What stood on the command line, by the same names.
    """

    def __init__(self, values: Mapping[str, Any], texts: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.texts = dict(texts)


def fit_params(
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    origins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return parameters with the types that their defaults have, where that is a text or a date.

    Where the default is a text, so is what is given: ``1.10`` and ``2024-03-02`` stay as they were
    written. Where it is a date or a time, what is given must be one. All else is what YAML reads,
    as with Kedro.

    Args:
        given: What was given, as :class:`GivenParams` where its texts are known.
        defaults: What the files say.
        origins: File and line of each first-level default, for messages.

    Raises:
        ConfigError: Something is no date, and must be.
        PreflightError: More than one thing is.

    >>> given = GivenParams({"day": date(2024, 3, 2)}, {"day": "2024-03-02"})
    >>> fit_params(given, {"day": "2024-01-01"})
    {'day': '2024-03-02'}
    >>> fit_params({"day": "2024-03-02"}, {"day": date(2024, 1, 1)})
    {'day': datetime.date(2024, 3, 2)}
    """
    fitting = _Fitting(origins or {})
    texts = given.texts if isinstance(given, GivenParams) else {}
    fitted: dict[str, Any] = fitting.fit(given, defaults, texts, ())
    if len(fitting.problems) > 1:
        raise PreflightError([str(problem) for problem in fitting.problems])
    if fitting.problems:
        raise fitting.problems[0]
    return fitted


class _Fitting:
    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins
        self.problems: list[ConfigError] = []

    def fit(self, value: Any, default: Any, text: Any, path: tuple[str, ...]) -> Any:
        if value is None:
            return None
        if isinstance(default, str) and "${" not in default:
            return _fit_text(value, text)
        if isinstance(default, date):
            return self._fit_date(value, default, path)
        if isinstance(value, Mapping):
            texts = read_texts(text) if isinstance(text, str) else text
            texts = texts if isinstance(texts, Mapping) else {}
            defaults = default if isinstance(default, Mapping) else {}
            return {
                (own := key_for(defaults, key)): self.fit(
                    inner, defaults.get(own), texts.get(str(key)), (*path, str(key))
                )
                for key, inner in value.items()
            }
        if isinstance(value, list):
            texts = read_texts(text) if isinstance(text, str) else text
            if not isinstance(texts, list) or len(texts) != len(value):
                texts = [None] * len(value)
            like = _common(default)
            return [
                self.fit(one, like, of_one, (*path, str(number)))
                for number, (one, of_one) in enumerate(zip(value, texts, strict=True))
            ]
        if isinstance(value, str) and isinstance(text, str):
            self._refuse_no_date(text, path)
        return value

    def _fit_date(self, value: Any, default: date, path: tuple[str, ...]) -> Any:
        read = read_value(value.strip()) if isinstance(value, str) else value
        if isinstance(default, datetime) and isinstance(read, datetime):
            return read if read.tzinfo is not None else read.replace(tzinfo=default.tzinfo)
        if isinstance(read, date) and not isinstance(read, datetime):
            if isinstance(default, datetime):
                return datetime.combine(read, time(), default.tzinfo)
            return read
        reason = why_no_date(value.strip()) if isinstance(value, str) else ""
        if isinstance(read, datetime):
            reason = "it has a time of day"
        kind = "time" if isinstance(default, datetime) else "date"
        origin = self._origins.get(path[0])
        self.problems.append(
            ConfigError(
                f"The parameter '{'.'.join(path)}' must be a {kind}"
                f"{f', as in {origin}' if origin else ''}: {_shown(value, path)} is none"
                f"{f' ({reason})' if reason else ''}.",
                hint=f"Write it like {default}.",
            )
        )
        return value

    def _refuse_no_date(self, text: str, path: tuple[str, ...]) -> None:
        reason = why_no_date(text) if _DATE.fullmatch(text) else ""
        if reason:
            name = ".".join(path)
            self.problems.append(
                ConfigError(
                    f"The parameter '{name}' has a date that is none: {_shown(text, path)} "
                    f"({reason}).",
                    hint=f'If it is a text, put it in quotes: "{name}:{_shown(text, path)}"',
                )
            )


def _shown(value: Any, path: tuple[str, ...]) -> str:
    return f"'{HIDDEN if any(map(is_secret, path)) else value}'"


def _fit_text(value: Any, text: Any) -> Any:
    if isinstance(text, str):
        # A list or mapping is asked for by its brackets; 'a: b' is a text with a colon.
        if text[:1] in ("[", "{") and not isinstance(value, str):
            return value
        read = read_texts(text)
        return read if isinstance(read, str) else text
    # A value that code gives has the type that is meant, but for what both write alike.
    return value.isoformat() if isinstance(value, date) else value


def _common(default: Any) -> Any:
    """Return one of the values of a list whose values have one type, if that is plain."""
    if not isinstance(default, list) or len({type(one) for one in default}) != 1:
        return None
    return None if isinstance(default[0], (Mapping, list)) else default[0]
