"""Where what is known of a session may be kept: its id, project, environment and parameters."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any


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
