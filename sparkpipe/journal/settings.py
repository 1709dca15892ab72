"""What ``journal.yml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sparkpipe.errors import ConfigError, did_you_mean

#: Where runs lie in a project.
FOLDER = ".sparkpipe/runs"


@dataclass(frozen=True)
class JournalSettings:
    """How runs are written down.

    Attributes:
        path: The folder or address of the runs; a relative path begins at the project.
        keep: How many runs are kept, older ones being removed when one begins; None for all.
        enabled: Whether runs are written down at all.
        warn_below: Warn of a save with fewer rows than this share of those of the last good run;
            None for no warning. A data set's own goes before it.
    """

    path: str = FOLDER
    keep: int | None = None
    enabled: bool = True
    warn_below: float | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> JournalSettings:
        """Return what a mapping says.

        Args:
            given: What ``journal.yml`` says. If it has ``origins``, they are named in errors.

        Raises:
            ConfigError: A key or value is wrong.

        >>> JournalSettings.read({"keep": 500})
        JournalSettings(path='.sparkpipe/runs', keep=500, enabled=True, warn_below=None)
        """
        names = [field.name for field in fields(cls)]
        for key, value in given.items():
            where = getattr(given, "origins", {}).get(key, "journal.yml")
            if key not in names:
                raise ConfigError(
                    f"{where}: the journal has no '{key}'",
                    hint=did_you_mean(str(key), names) or f"It has: {', '.join(names)}.",
                )
            wrong = _CHECKS[key](value)
            if wrong:
                raise ConfigError(f"{where}: '{key}' of the journal {wrong}, not {value!r}.")
        return cls(**given)


def share_problem(value: Any) -> str:
    """Say what is wrong with a share; empty if nothing is."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = value is None or (is_number and 0 < value <= 1)
    return "" if fits else "must be a share above 0, at most 1"


def _path_problem(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be a path"


def _keep_problem(value: Any) -> str:
    fits = value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)
    return "" if fits else "must be a whole number from 1 on"


def _enabled_problem(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


_CHECKS = {
    "path": _path_problem,
    "keep": _keep_problem,
    "enabled": _enabled_problem,
    "warn_below": share_problem,
}
