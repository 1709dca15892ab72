"""Where what is known of a session may be kept: its id, project, environment and parameters."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any

from sparkpipe.errors import ConfigError
from sparkpipe.project.context import absolute_path
from sparkpipe.project.settings import Settings


class BaseSessionStore(UserDict[str, Any]):
    """Keeps it in memory only. A class of one's own overrides ``read`` and ``save``.

    Args:
        path: A folder for all sessions.
        session_id: The session.
    """

    def __init__(self, path: str, session_id: str) -> None:
        self._path = path
        self._session_id = session_id
        super().__init__(self.read())

    def read(self) -> dict[str, Any]:
        """Return what was kept before."""
        return {}

    def save(self) -> None:
        """Keep what is in the store; called when the session is closed."""


class FileSessionStore(BaseSessionStore):
    """Keeps it in ``<path>/<session id>/store.json``."""

    @property
    def _file(self) -> Path:
        return Path(self._path).expanduser().resolve() / self._session_id / "store.json"

    def read(self) -> dict[str, Any]:
        """Return what the file says; nothing if there is none."""
        if not self._file.is_file():
            return {}
        read: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        return read

    def save(self) -> None:
        """Write the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.data, default=str, indent=2)
        self._file.write_text(text + "\n", encoding="utf-8")


def make_store(settings: Settings, project_path: Path, known: dict[str, Any]) -> Any:
    """Return what keeps what is known of a session: ``known`` itself if the settings name nothing.

    Args:
        settings: The settings of the project.
        project_path: The folder of the project.
        known: What is known of the session, its ``session_id`` among it.

    Raises:
        ConfigError: ``SESSION_STORE_CLASS`` of the settings cannot be made.
    """
    kind = settings.SESSION_STORE_CLASS
    if kind is None:
        return known
    arguments = {"path": "sessions", **settings.SESSION_STORE_ARGS}
    arguments["path"] = absolute_path(str(arguments["path"]), project_path)
    try:
        store = kind(**arguments, session_id=known["session_id"])
    except TypeError as exc:
        raise ConfigError(
            f"The session store could not be made: {exc}.",
            hint="Check SESSION_STORE_CLASS and SESSION_STORE_ARGS in the project's settings.",
        ) from exc
    store.update(known)
    return store
