"""Versions, and the data sets in files that keep them."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from sparkpipe.errors import DataSetError, VersionNotFoundError
from sparkpipe.io import facts
from sparkpipe.io.data_set import AbstractDataSet, Loaded, Saved
from sparkpipe.io.effects import SaveEffect
from sparkpipe.words import listed

if TYPE_CHECKING:
    from sparkpipe.io.for_run import InRun

_MOST_TOLD = 3

_VERSION = re.compile(r"\w[\w.+-]*", re.ASCII)


class Version(NamedTuple):
    """Which version of a data set to load and to save; None stands for the latest and a new one."""

    load: str | None
    save: str | None


class AbstractVersionedDataSet(AbstractDataSet[Saved, Loaded]):
    """A data set in files, which keeps each saved version when it is given a :class:`Version`.

    Version ``v`` of ``a/b.csv`` is the file ``a/b.csv/v/b.csv``.

    Args:
        filepath: The path of the data set, without a version.
        version: Versions to load and save; None keeps a single file.
        exists_function: Tells whether a path exists.
        glob_function: Returns the paths that match a pattern.
    """

    def __init__(
        self,
        filepath: PurePosixPath,
        version: Version | None = None,
        exists_function: Callable[[str], bool] | None = None,
        glob_function: Callable[[str], list[str]] | None = None,
    ) -> None:
        self._filepath = filepath
        self._version = version
        for number in version or ():
            if number is not None:
                check_version_name(number)
        self._exists_function = exists_function or os.path.exists
        self._glob_function = glob_function or glob_paths

    # Whether it stands for one that its run saves, by this name or another: then it reads what the
    # run has saved.
    _is_of_writing_run = False
    # Whether its run saves versions by another name, which nobody has told it of.
    _has_unknown_versions = False

    @cached_property
    def _latest_version(self) -> str:
        return self._newest_version()

    def _of_run(self, part: InRun) -> AbstractDataSet[Saved, Loaded]:
        if self._version is None:
            return self
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._forget()
        if part.is_changed:
            other._is_of_writing_run = True
            # One for all processes of the run, and another one for each run.
            other.__dict__["_new_version"] = self._version.save or generate_timestamp()
            other._has_unknown_versions = part.is_shared and self._version.save is None
        return other

    def _forget(self) -> None:
        self.__dict__.pop("_latest_version", None)

    def _newest_version(self) -> str:
        for version in sorted(self._versions_in(self._glob_function), reverse=True):
            if self._exists_function(str(self._get_versioned_path(version))):
                return version
        raise VersionNotFoundError(f"No version of {self._filepath} has been saved yet.")

    def _versions_in(self, glob: Callable[[str], list[str]]) -> set[str]:
        from glob import escape

        pattern = f"{escape(str(self._filepath))}/*/{escape(self._filepath.name)}"
        return {PurePosixPath(path).parent.name for path in glob(pattern)}

    @cached_property
    def _new_version(self) -> str:
        return (self._version and self._version.save) or generate_timestamp()

    def resolve_load_version(self) -> str | None:
        """Return the version that a load reads: the one asked for, else the latest.

        Raises:
            VersionNotFoundError: None has been saved.
        """
        if self._version is None:
            return None
        if self._has_unknown_versions:
            self._forget()
        return self._version.load or self._version_of_run() or self._latest_version

    def _why_no_version(self) -> str:
        """Return why the version that was asked for cannot be loaded from a local folder."""
        asked = self._version.load if self._version is not None else None
        if asked is None or Path(self._get_versioned_path(asked)).exists():
            return ""
        saved = sorted(self._versions_in(glob_paths), reverse=True)
        there = listed(saved, _MOST_TOLD) or "none"
        return f"{self._filepath} has no version {asked}. There is: {there}"

    def _version_of_run(self) -> str | None:
        """Return the version that the present run has saved, in whichever of its processes."""
        if not self._is_of_writing_run:
            return None
        saved = self._new_version
        return saved if self._exists_function(str(self._get_versioned_path(saved))) else None

    def resolve_save_version(self) -> str | None:
        """Return the version that a save writes; None for a data set that is not versioned."""
        return None if self._version is None else self._new_version

    def _get_versioned_path(self, version: str) -> PurePosixPath:
        return self._filepath / version / self._filepath.name

    def _get_load_path(self) -> PurePosixPath:
        version = self.resolve_load_version()
        return self._filepath if version is None else self._get_versioned_path(version)

    def _get_save_path(self) -> PurePosixPath:
        version = self.resolve_save_version()
        if version is None:
            return self._filepath
        path = self._get_versioned_path(version)
        if self._exists_function(str(path)):
            raise self._is_there_already(version)
        return path

    def _is_there_already(self, version: str) -> DataSetError:
        return DataSetError(
            f"version {version} is there already, and versions are never overwritten.",
            hint="Start a new run, or give another save version.",
        )

    def save_effect(self) -> SaveEffect:
        """Return what a save does to what is there: a version is never overwritten."""
        return super().save_effect() if self._version is None else "keep"

    def state(self) -> str | None:
        """Return the version that a load would now find, if versioned."""
        if self._version is None:
            return super().state()
        try:
            version = self._version.load or self._newest_version()
            return (
                version if self._exists_function(str(self._get_versioned_path(version))) else None
            )
        except Exception:  # there is none, or its store cannot be asked
            return None

    def load(self) -> Any:
        """Return the data, in the version asked for."""
        data = super().load()
        if self._version is not None and facts.is_asked():
            facts.note(version=self.resolve_load_version())
        return data

    def save(self, data: Any) -> None:
        """Store the data, as a new version if versioned."""
        self.__dict__.pop("_latest_version", None)
        try:
            super().save(data)
        except DataSetError as exc:
            in_the_way = isinstance(exc.__cause__, (FileExistsError, NotADirectoryError))
            if self._version is None or not in_the_way:
                raise
            if self._exists_function(str(self._get_versioned_path(self._new_version))):
                raise self._is_there_already(self._new_version) from exc  # of a save side by side
            raise DataSetError(
                f"there is a file {self._filepath}, and versions are kept in a folder of that name",
                hint=f"Move it to {self._get_versioned_path('<version>')}, or remove it.",
            ) from exc
        if self._version is not None:
            facts.note(version=self.resolve_save_version())
            with suppress(VersionNotFoundError):
                saved, loads = self.resolve_save_version(), self.resolve_load_version()
                if saved != loads:
                    self._logger.warning(
                        "Version %s of %s was saved, but a load reads version %s.",
                        saved,
                        self._filepath,
                        loads,
                    )

    def exists(self) -> bool:
        """Whether there is something to load, in the version asked for."""
        try:
            return super().exists()
        except DataSetError as exc:
            if isinstance(exc.__cause__, VersionNotFoundError):
                return False
            raise

    def _release(self) -> None:
        self._forget()


AbstractVersionedDataset = AbstractVersionedDataSet


def glob_paths(pattern: str) -> list[str]:
    """Return the local paths that match a pattern, which may be absolute."""
    from glob import glob

    return glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern


def check_version_name(version: str) -> None:
    """Refuse versions that would lead out of the folder of the data set.

    Raises:
        DataSetError: It has other characters than letters, digits, ``_ . + -``.
    """
    if not _VERSION.fullmatch(version):
        raise DataSetError(
            f"{version!r} cannot be a version.",
            hint="Versions look like 2026-11-23T10.15.30.123Z.",
        )


class _Moments:
    """Gives each millisecond to one caller: runs that begin at once have ids of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self) -> int:
        """Return the present millisecond since 1970; where it is taken already, the next one."""
        while True:
            now = time.time_ns() // 1_000_000
            with self._lock:
                if now != self._last:  # a clock that was put back must hold nobody up
                    self._last = now
                    return now
            # Waited for, not counted on: a name from the future would pass for the latest version.
            time.sleep(0.0002)


# Of the process, as its clock is: runs know nothing of each other, and must not share a name.
_moments = _Moments()


def generate_timestamp() -> str:
    """Return the present time in UTC as a name for a run or version, fit for every file system.

    No two calls in a process are given the same name.

    >>> len(generate_timestamp())
    24
    """
    from datetime import datetime, timezone

    seconds, milliseconds = divmod(_moments.take(), 1000)
    return (
        f"{datetime.fromtimestamp(seconds, tz=timezone.utc):%Y-%m-%dT%H.%M.%S}.{milliseconds:03d}Z"
    )
