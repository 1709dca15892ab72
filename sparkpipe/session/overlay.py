"""A catalog for a test on top of the project's: it reads what the project has, and writes apart."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog, MemoryDataSet
from sparkpipe.io.core import Version, generate_timestamp
from sparkpipe.io.declared import (
    is_confirmable,
    is_memory_only,
    is_single_process,
    location_of,
    missing_data,
    problems_of,
    why_unreadable,
    why_unwritable,
)
from sparkpipe.io.factory import build_data_set, has_versions
from sparkpipe.io.wrapper import WrapperDataSet, release_of

if TYPE_CHECKING:
    from sparkpipe.session import Session

_PATHS = ("filepath", "path")
_NOT_IN_A_NAME = re.compile(r"[^\w.@=-]+")


def temporary_catalog(session: Session, folder: Path) -> DataCatalog:
    """Return the catalog of a project, with a place of its own for all that is saved.

    A data set with a path saves below ``folder`` as it would save to its own path. One without (a
    table, a database) keeps in memory what is saved, and so does one that only code has made. Each
    is loaded from there once it has been saved, and until then from where the project has it.

    Args:
        session: Of the project.
        folder: An empty folder.

    Raises:
        ConfigError: The project's configuration is wrong.
    """
    catalog = session.create_catalog()
    on_top = _TemporaryCatalog()
    on_top.__dict__.update(catalog.__dict__)
    on_top._folder = folder.resolve()
    on_top._version = Version(None, generate_timestamp())
    on_top._made = {}
    on_top._making = threading.Lock()
    return on_top


class _TemporaryCatalog(DataCatalog):
    _folder: Path
    _version: Version
    _made: dict[str, Any]  # by name, with the data set that it is on top of
    _making: threading.Lock

    def _get_dataset(self, name: str, version: Any = None, suggest: bool = True) -> Any:
        original = super()._get_dataset(name, version, suggest)
        if is_memory_only(original):
            return original
        with self._making:
            known = self._made.get(name)
            if known is None or known[0] is not original:
                known = self._made[name] = (original, self._on_top_of(name, original))
        return known[1]

    def _on_top_of(self, name: str, original: Any) -> Any:
        config = self.config_of(name)
        if config is None or not any(isinstance(config.get(key), str) for key in _PATHS):
            return TemporaryDataSet(original, MemoryDataSet(), name)
        version = self._version if has_versions(config) else None
        moved = _moved(config, self._folder)
        return TemporaryDataSet(original, build_data_set(moved, version=version), name)


def _moved(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return an entry with its paths below a folder, and without what other stores need."""
    moved: dict[str, Any] = {}
    for key, value in entry.items():
        if key in _PATHS and isinstance(value, str):
            moved[key] = (folder / _below(value)).as_posix()
        elif key in ("dataset", "checkpoint") and isinstance(value, Mapping):
            moved[key] = _moved(value, folder)
        elif key == "fs_args" and isinstance(value, Mapping):
            moved[key] = {name: args for name, args in value.items() if name.startswith("open_")}
        elif key == "save_args" and isinstance(value, Mapping):
            moved[key] = {
                name: (folder / _below(arg)).as_posix() if name.startswith("checkpoint") else arg
                for name, arg in value.items()
            }
        elif key != "credentials":
            moved[key] = value
    return moved


def _below(path: str) -> Path:
    """Return where a path lies below a folder: with its last two parts, and apart from others.

    >>> _below("s3://bucket/raw/orders.csv").name
    'orders.csv'
    """
    import zlib

    parts = [_NOT_IN_A_NAME.sub("-", part) for part in re.split(r"[/\\]+", path.rstrip("/\\"))]
    parent = "/".join(path.rstrip("/\\").replace("\\", "/").split("/")[:-1])
    return Path(f"{zlib.crc32(parent.encode()):08x}", parts[-1])


class TemporaryDataSet(WrapperDataSet):
    """Saves to one data set, and loads from it what was saved; until then from the other.

    It can do what the project's can do, and where it lies and what a save does is that of its own.

    Args:
        original: The data set of the project.
        own: The data set that is saved to.
        name: The name of the data set.
    """

    def __init__(self, original: Any, own: Any, name: str) -> None:
        self._original = original
        self._own = own
        self._name = name

    def _inner(self) -> Any:
        return self._own

    def why_unreadable(self) -> str:
        """Say why the project could not load it."""
        return why_unreadable(self._original)

    def why_unwritable(self) -> str:
        """Say why the project could not save it."""
        return why_unwritable(self._original)

    def is_confirmable(self) -> bool:
        """Whether the project could confirm it."""
        return is_confirmable(self._original)

    def is_memory_only(self) -> bool:
        """Whether it is for the memory of a run: what the project has is not."""
        return False

    def is_single_process(self) -> bool:
        """Whether the project's or its own must stay in its process."""
        return is_single_process(self._original) or super().is_single_process()

    def state(self) -> None:
        """Return nothing: no run of the project goes on from a test."""

    def _current(self) -> Any:
        return self._own if self._own.exists() else self._original

    def _load(self) -> Any:
        reason = self.why_unreadable()
        if reason:
            raise DataSetError(reason)
        return self._current().load()

    def _save(self, data: Any) -> None:
        # Also what the project only reads: so a test prepares an input. A node's output is refused.
        self._own.save(data)

    def _exists(self) -> bool:
        return bool(self._current().exists())

    def _release(self) -> None:
        if not isinstance(self._own, MemoryDataSet):
            release_of(self._own)
        release_of(self._original)

    def confirm(self) -> None:
        """Write nothing: what a test has seen, the project has not."""

    def _problems(self) -> list[str]:
        return problems_of(self._original)

    def _missing(self) -> str:
        return "" if self._own.exists() else missing_data(self._original)

    def _describe(self) -> dict[str, Any]:
        place = location_of(self._own)
        return {
            **({"filepath": place} if place else {}),
            "on_top_of": f"{type(self._original).__name__} {location_of(self._original)}".strip(),
        }
