"""The contract of a data set, and what every data set shares."""

from __future__ import annotations

import logging
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from sparkpipe.errors import (
    DataSetAlreadyExistsError,
    DataSetError,
    DataSetNotFoundError,
    SparkpipeError,
    VersionNotFoundError,
)
from sparkpipe.io.target import described_target
from sparkpipe.redaction import is_secret, redacted
from sparkpipe.spark.failures.judging import spark_reason

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    _Saved = TypeVar("_Saved", default=Any)
    _Loaded = TypeVar("_Loaded", default=Any)
else:  # before Python 3.13 a type variable has no default
    from typing import TypeVar

    _Saved = TypeVar("_Saved")
    _Loaded = TypeVar("_Loaded")

#: Protocols of web servers, whose file system takes whole addresses.
_WEB = ("http", "https")

# What data sets written for Kedro import from here.
HTTP_PROTOCOLS = _WEB
PROTOCOL_DELIMITER = "://"
VERSIONED_FLAG_KEY = "versioned"
VERSION_KEY = "version"
DatasetAlreadyExistsError = DataSetAlreadyExistsError
DatasetError = DataSetError
DatasetNotFoundError = DataSetNotFoundError

_VERSION = re.compile(r"\w[\w.+-]*", re.ASCII)


class Version(NamedTuple):
    """Which version of a data set to load and to save; None stands for the latest and a new one."""

    load: str | None
    save: str | None


class AbstractDataSet(ABC, Generic[_Saved, _Loaded]):
    """Something that can be loaded and saved under a name.

    ``AbstractDataSet[A, B]`` is one to which an ``A`` is saved and from which a ``B`` is loaded.

    A subclass writes ``_load``, ``_save``, ``_describe`` and, where it can, ``_exists`` and
    ``_release``. Abilities are declared on the class:

    * ``_SINGLE_PROCESS = True``: cannot be used in another process than that of the run.
    * ``_EPHEMERAL = True``: what it holds ends with the process.

    Raises:
        DataSetError: From each public method, with the reason; the cause is chained to it.
    """

    _SINGLE_PROCESS: bool = False
    _EPHEMERAL: bool = False

    @classmethod
    def from_config(
        cls,
        name: str,
        config: Mapping[str, Any],
        load_version: str | None = None,
        save_version: str | None = None,
    ) -> Any:
        """Make the data set that an entry of a catalog stands for.

        Args:
            name: The name of the entry, for messages.
            config: The entry, its credentials in place.
            load_version: Version to load where it is versioned; by default the latest.
            save_version: Version to save where it is versioned; by default the time.

        Raises:
            DataSetError: The entry is not possible.
        """
        from sparkpipe.io.factory import build_data_set

        version = Version(load_version, save_version or generate_timestamp())
        try:
            return build_data_set(config, version=version)
        except DataSetError as exc:
            raise DataSetError(f"Data set '{name}': {exc.message}", hint=exc.hint) from exc

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(type(self).__module__)

    @abstractmethod
    def _load(self) -> _Loaded: ...

    @abstractmethod
    def _save(self, data: _Saved) -> None: ...

    @abstractmethod
    def _describe(self) -> dict[str, Any]:
        """Return what identifies the data set: its path and options."""

    def _exists(self) -> bool:
        self._logger.warning(
            "%s cannot tell whether its data exists; it is taken as absent.", type(self).__name__
        )
        return False

    def _release(self) -> None:
        """Let go of what is held in memory."""

    def _problems(self) -> list[str]:
        """Return what is known to be wrong before anything runs, without Spark or network."""
        return []

    def _missing(self) -> str:
        """Return why a load would find nothing, where that is known without Spark or network."""
        return ""

    def _target(self) -> str:
        """Return what is read and written, alike for all that share it; empty if nobody can.

        By default it is worked out from ``filepath``, ``path`` or ``table`` of ``_describe``.
        """
        return "" if self._EPHEMERAL else described_target(self)

    def load(self) -> _Loaded:
        """Return the data.

        Raises:
            DataSetError: It cannot be loaded.
        """
        try:
            return self._load()
        except DataSetError:
            raise
        except Exception as exc:
            raise DataSetError(reason_of(exc), hint=_hint_of(exc)) from exc

    def save(self, data: _Saved) -> None:
        """Store the data.

        Raises:
            DataSetError: It cannot be saved, or it is None.
        """
        if data is None:
            raise DataSetError(
                "None cannot be saved.",
                hint="Return the data from the node's function, or declare no output.",
            )
        try:
            self._save(data)
        except DataSetError:
            raise
        except Exception as exc:
            raise DataSetError(reason_of(exc), hint=_hint_of(exc)) from exc

    def exists(self) -> bool:
        """Whether there is something to load.

        Raises:
            DataSetError: That cannot be found out.
        """
        try:
            return self._exists()
        except Exception as exc:
            raise DataSetError(f"cannot tell whether it exists: {reason_of(exc)}") from exc

    def release(self) -> None:
        """Let go of what is held in memory.

        Raises:
            DataSetError: The data set's own release failed.
        """
        try:
            self._release()
        except Exception as exc:
            raise DataSetError(f"could not be released: {reason_of(exc)}") from exc

    def __str__(self) -> str:
        shown = redacted({k: v for k, v in self._describe().items() if v is not None})
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"

    def __repr__(self) -> str:
        return str(self)


AbstractDataset = AbstractDataSet


class AbstractVersionedDataSet(AbstractDataSet[_Saved, _Loaded]):
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

    @cached_property
    def _latest_version(self) -> str:
        from glob import escape

        pattern = f"{escape(str(self._filepath))}/*/{escape(self._filepath.name)}"
        found = {PurePosixPath(path).parent.name for path in self._glob_function(pattern)}
        for version in sorted(found, reverse=True):
            if self._exists_function(str(self._get_versioned_path(version))):
                return version
        raise VersionNotFoundError(f"No version of {self._filepath} has been saved yet.")

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
        return self._version.load or self._latest_version

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
            raise DataSetError(
                f"version {version} is there already, and versions are never overwritten.",
                hint="Start a new run, or give another save version.",
            )
        return path

    def save(self, data: Any) -> None:
        """Store the data, as a new version if versioned."""
        self.__dict__.pop("_latest_version", None)
        try:
            super().save(data)
        except DataSetError as exc:
            in_the_way = isinstance(exc.__cause__, (FileExistsError, NotADirectoryError))
            if self._version is None or not in_the_way:
                raise
            raise DataSetError(
                f"there is a file {self._filepath}, and versions are kept in a folder of that name",
                hint=f"Move it to {self._get_versioned_path('<version>')}, or remove it.",
            ) from exc
        if self._version is not None:
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
        self.__dict__.pop("_latest_version", None)


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


def get_protocol_and_path(
    filepath: str | os.PathLike[str], version: Version | None = None
) -> tuple[str, str]:
    """Part a path into fsspec's protocol and the path for its file system.

    Args:
        filepath: A path or an address.
        version: The version of the data set, which web servers cannot have.

    Raises:
        DataSetError: There is a version, and the protocol is that of the web.

    >>> get_protocol_and_path("s3://bucket/a.csv"), get_protocol_and_path("data/a.csv")
    (('s3', 'bucket/a.csv'), ('file', 'data/a.csv'))
    """
    from sparkpipe.io.files import split_protocol

    protocol, path = split_protocol(os.fspath(filepath))
    if protocol in _WEB and version is not None:
        raise DataSetError(
            f"what lies at {protocol}:// cannot be versioned.", hint="Remove 'versioned: true'."
        )
    return protocol, path


def get_filepath_str(path: PurePath, protocol: str) -> str:
    """Return a path as its file system wants it: of web servers it is the whole address.

    >>> get_filepath_str(PurePosixPath("host/a.csv"), "https")
    'https://host/a.csv'
    """
    return f"{protocol}://{path.as_posix()}" if protocol in _WEB else path.as_posix()


def check_path(name: str, path: Any) -> None:
    """Refuse what is no path.

    Raises:
        DataSetError: It is of another type, or empty.
    """
    if not isinstance(path, (str, os.PathLike)) or not str(path).strip():
        raise DataSetError(f"{name} must be a path, not {path!r}.")


def check_mappings(**options: Any) -> None:
    """Refuse options that are neither mappings nor None.

    Raises:
        DataSetError: One is something else.
    """
    for name, value in options.items():
        if value is not None and not isinstance(value, Mapping):
            shown = f"a {type(value).__name__}" if is_secret(name) else repr(value)
            raise DataSetError(f"{name} must be a mapping, not {shown}.")


def parse_dataset_definition(
    config: Mapping[str, Any], load_version: str | None = None, save_version: str | None = None
) -> tuple[Any, dict[str, Any]]:
    """Return the class and the arguments that an entry of a catalog stands for.

    Args:
        config: The entry, its credentials in place.
        load_version: Version to load where it is versioned; by default the latest.
        save_version: Version to save where it is versioned; by default the time.

    Raises:
        DataSetError: The entry is not possible.
    """
    from sparkpipe.io.factory import find_class, options_of, parse_config

    # What is missing the caller may give.
    needed = options_of(find_class(config.get("type"))).needed
    version = Version(load_version, save_version or generate_timestamp())
    return parse_config(config, version=version, required=needed)


def validate_on_forbidden_chars(**kwargs: str) -> None:
    """Refuse texts with spaces or semicolons.

    Raises:
        DataSetError: One has them; says which.
    """
    for name, value in kwargs.items():
        if " " in value or ";" in value:
            raise DataSetError(f"'{name}' must have no spaces or semicolons.")


def generate_timestamp() -> str:
    """Return the present time in UTC as a name for a run or version, fit for every file system.

    >>> len(generate_timestamp())
    24
    """
    from datetime import datetime, timezone

    now = datetime.now(tz=timezone.utc)
    return f"{now:%Y-%m-%dT%H.%M.%S}.{now.microsecond // 1000:03d}Z"


def reason_of(exc: BaseException) -> str:
    """Say in a phrase why something failed: what the exception says, with its kind where needed."""
    if isinstance(exc, FileNotFoundError):
        return f"the file does not exist: {exc.filename}" if exc.filename else f"no file: {exc}"
    if isinstance(exc, PermissionError):
        return f"no permission: {exc.filename or exc}"
    if isinstance(exc, SparkpipeError):
        return exc.message
    told = spark_reason(exc)
    if told:
        return told
    text = str(exc).strip()
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _hint_of(exc: BaseException) -> str:
    return exc.hint if isinstance(exc, SparkpipeError) else ""


def is_spark_frame(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame, classic or Connect; never imports pyspark."""
    module = sys.modules.get("pyspark.sql")
    frame = getattr(module, "DataFrame", None)
    # The type may be absent while another thread is still importing pyspark.
    return isinstance(frame, type) and isinstance(data, frame)


def has_load_and_save(data: Any) -> bool:
    """Whether ``data`` has the methods of a data set."""
    # A frame of Spark Connect has any name that it is asked for: as a column.
    return not is_spark_frame(data) and hasattr(data, "load") and hasattr(data, "save")


def holds_spark(data: Any) -> bool:
    """Whether ``data`` is a Spark DataFrame or session, or a list, tuple or dict that holds one."""
    if "pyspark" not in sys.modules:
        return False
    if isinstance(data, (list, tuple)):
        return any(map(holds_spark, data))
    if isinstance(data, dict):
        return any(map(holds_spark, data.values()))
    if is_spark_frame(data):
        return True
    # Sessions of Connect are no subclass of pyspark.sql.SparkSession: look at where the type lives.
    kind = type(data)
    return kind.__name__ in ("SparkSession", "SparkContext", "RDD", "DeltaTable") and (
        kind.__module__.startswith(("pyspark.", "delta."))
    )


def is_single_process(data_set: Any) -> bool:
    """Whether a data set declares that it must stay in its process."""
    return bool(getattr(data_set, "_SINGLE_PROCESS", False))


def is_ephemeral(data_set: Any) -> bool:
    """Whether what a data set holds ends with its process."""
    return bool(getattr(data_set, "_EPHEMERAL", False))


def location_of(data_set: Any) -> str:
    """Return the path or table of a data set for messages; empty where it has none."""
    try:
        described = data_set._describe() if hasattr(data_set, "_describe") else {}
    except Exception:  # a foreign data set's description must never hide the error it is for
        return ""
    for key in ("filepath", "path", "table", "table_name", "load"):
        if described.get(key):
            return str(described[key])
    return ""
