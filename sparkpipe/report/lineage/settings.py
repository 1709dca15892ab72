"""What ``lineage.yml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sparkpipe.errors import ConfigError, did_you_mean

# What else the client knows would name code to import, or a service of which nothing is tested.
_NEEDED = {"file": "log_file_path", "http": "url"}
_IMPORTING = ("filesystem", "fs_kwargs", "adapter", "session")


@dataclass(frozen=True)
class LineageSettings:
    """How lineage is told.

    Attributes:
        transport: How events are sent: ``type``, ``file`` or ``http``, and what that takes.
        namespace: The namespace of the jobs; by default the name of the project.
        tables: The namespace of tables that Spark knows by name, such as ``hive://host:9083``.
        enabled: Whether anything is told.
        static: Whether the jobs and data sets of the plan are told, too.
        queue: As many events of a run wait, at most; what comes on top is dropped.
        flush_seconds: So long a run waits at its end, at most, until all is sent.
    """

    transport: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    tables: str = "spark"
    enabled: bool = True
    static: bool = True
    queue: int = 10_000
    flush_seconds: float = 5.0

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> LineageSettings:
        """Return what a mapping says.

        Args:
            given: What ``lineage.yml`` says. If it has ``origins``, they are named in errors.

        Raises:
            ConfigError: A key or value is wrong, or ``openlineage-python`` is not installed.

        >>> LineageSettings.read({"transport": {"type": "http", "url": "http://host:5000"}}).enabled
        True
        """
        names = [one.name for one in fields(cls)]
        for key, value in given.items():
            where = getattr(given, "origins", {}).get(key, "lineage.yml")
            if key not in names:
                raise ConfigError(
                    f"{where}: lineage has no '{key}'",
                    hint=did_you_mean(str(key), names) or f"It has: {', '.join(names)}.",
                )
            wrong = _CHECKS[key](value)
            if wrong:
                raise ConfigError(f"{where}: '{key}' of lineage {wrong}.")
        settings = cls(**given)
        if settings.is_told:
            _require_client()
        return settings

    @property
    def is_told(self) -> bool:
        """Whether there is anybody to tell."""
        return self.enabled and bool(self.transport)

    def for_project(self, name: str, path: Path, credentials: Mapping[str, Any]) -> LineageSettings:
        """Return them with a namespace, a file that lies in the project, and its credentials.

        Args:
            name: The name of the project.
            path: Its folder.
            credentials: Those of the project; ``auth`` may name an entry of them.

        Raises:
            ConfigError: There is no such entry.
        """
        transport = dict(self.transport)
        auth = transport.get("auth")
        if isinstance(auth, str):
            if auth not in credentials:
                raise ConfigError(
                    f"lineage.yml: 'auth' names the credentials '{auth}', which are not there.",
                    hint=did_you_mean(auth, credentials) or "Write them in credentials.yml.",
                )
            transport["auth"] = {"type": "api_key", **credentials[auth]}
        file = transport.get("log_file_path")
        if isinstance(file, str) and "://" not in file:
            transport["log_file_path"] = str(path / file)
        namespace = self.namespace or name or "sparkpipe"
        return replace(self, transport=transport, namespace=namespace)


def _require_client() -> None:
    if find_spec("openlineage") is None or find_spec("openlineage.client") is None:
        raise ConfigError(
            "lineage.yml asks for lineage, and the package openlineage-python is not installed.",
            hint="pip install 'sparkpipe[lineage]', or write 'enabled: false' in lineage.yml.",
        )


def _transport_problem(value: Any) -> str:
    if not isinstance(value, Mapping) or value.get("type") not in _NEEDED:
        return f"must be a mapping whose 'type' is {' or '.join(_NEEDED)}"
    needed = _NEEDED[value["type"]]
    if not isinstance(value.get(needed), str) or not value[needed].strip():
        return f"of type '{value['type']}' needs '{needed}'"
    for key in _IMPORTING:
        if key in value:
            return f"has '{key}', which would name code to call"
    auth = value.get("auth", "")
    if isinstance(auth, Mapping) and auth.get("type") != "api_key":
        return "has an 'auth' whose 'type' is not api_key"
    if needed == "url" and not urlsplit(value["url"]).netloc:
        return "needs a whole address as its 'url', such as http://host:5000"
    return ""


def _text_problem(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be a text"


def _flag_problem(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _count_problem(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return "" if fits else "must be a whole number from 1 on"


def _seconds_problem(value: Any) -> str:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return "" if fits else "must be a number of seconds"


_CHECKS = {
    "transport": _transport_problem,
    "namespace": _text_problem,
    "tables": _text_problem,
    "enabled": _flag_problem,
    "static": _flag_problem,
    "queue": _count_problem,
    "flush_seconds": _seconds_problem,
}
