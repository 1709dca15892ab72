"""What data sets in files share: fsspec, versions, and writes that are whole or not at all."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io import facts
from sparkpipe.io.arguments import WEB
from sparkpipe.io.core import (
    AbstractVersionedDataSet,
    SaveEffect,
    Version,
    check_mappings,
    check_path,
    get_filepath_str,
    get_protocol_and_path,
    glob_paths,
)
from sparkpipe.io.effects import effect_of_mode
from sparkpipe.io.saving import appending, recover, replacing, upload
from sparkpipe.io.target import path_target
from sparkpipe.io.tokens import info_state, listing_state, path_state
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.databricks import as_local, folder_problems

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_OF_BUCKETS = ("s3", "s3a", "s3n", "gs", "gcs", "oss")
_LOCAL = re.compile(r"(?:file|local):/(?!/)", re.IGNORECASE)
_WINDOWS_DRIVE = re.compile(r"[a-zA-Z]:[\\/]")


def split_protocol(filepath: str) -> tuple[str, str]:
    r"""Part a path into fsspec's protocol and the path for its file system.

    >>> split_protocol("data/a.csv"), split_protocol("s3://bucket/a.csv")
    (('file', 'data/a.csv'), ('s3', 'bucket/a.csv'))
    >>> split_protocol("file:///tmp/a.csv"), split_protocol("C:\\data\\a.csv")
    (('file', '/tmp/a.csv'), ('file', 'C:/data/a.csv'))
    >>> split_protocol("dbfs:/Volumes/main/shop/a.csv"), split_protocol("file:/tmp/a.csv")
    (('file', '/Volumes/main/shop/a.csv'), ('file', '/tmp/a.csv'))
    """
    if "\0" in filepath:
        raise DataSetError("a path cannot hold a NUL character.")
    if ":" not in filepath:  # most paths are of this machine
        return "file", os.path.expanduser(filepath)  # noqa: PTH111 - keeps the path as written
    if _WINDOWS_DRIVE.match(filepath):
        return "file", filepath.replace("\\", "/")
    if _LOCAL.match(filepath):
        return "file", filepath.partition(":")[2]
    protocol, separator, path = filepath.partition("://")
    if not separator:
        return "file", os.path.expanduser(as_local(filepath))  # noqa: PTH111
    if protocol.lower() in ("file", "local"):
        from urllib.parse import unquote, urlsplit

        local = unquote(urlsplit(filepath).path)
        return "file", local[1:] if _WINDOWS_DRIVE.match(local[1:]) else local
    return protocol, path


def storage_of(filepath: str) -> tuple[str, str, dict[str, Any]]:
    """Part a path into protocol, path, and what it says of the file system, as fsspec does.

    >>> storage_of("ftp://me:secret@host/a.csv")
    ('ftp', '/a.csv', {'host': 'host', 'username': 'me', 'password': 'secret'})
    >>> storage_of("data/a.csv"), storage_of("https://host/a.csv?b")
    (('file', 'data/a.csv', {}), ('https', 'host/a.csv?b', {}))
    """
    protocol, path = split_protocol(filepath)
    if protocol == "file" or protocol in WEB:
        return protocol, path, {}
    import fsspec

    try:
        kind = fsspec.get_filesystem_class(protocol)
    except (ValueError, ImportError):  # told before a run
        return protocol, path, {}
    stripped = str(kind._strip_protocol(filepath))
    if protocol in _OF_BUCKETS:  # who asks for it is no part of the name of a bucket
        stripped = re.sub(r"^[^/@]*@", "", stripped)
    options = kind._get_kwargs_from_urls(filepath)
    return protocol, stripped, {k: v for k, v in options.items() if k not in ("protocol", "path")}


def protocol_problems(protocol: str) -> list[str]:
    """Tell a protocol that fsspec does not know, or whose package is missing."""
    if protocol == "file":
        return []
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except (ValueError, ImportError) as exc:
        return [f"{protocol}:// cannot be used: {exc}."]
    return []


class FileDataSet(AbstractVersionedDataSet):
    """A data set in one file; a subclass writes ``_read`` and ``_write``.

    A file on local disk is written beside its target and moved into place; elsewhere it is
    uploaded whole. A save that fails leaves what was there.

    Args:
        filepath: A path, or an address with a protocol that fsspec knows (``s3://``, ``abfs://``).
        load_args: Options for the function that reads.
        save_args: Options for the function that writes.
        version: Versions to load and save.
        credentials: Passed to the file system; never shown.
        fs_args: More arguments of the file system; ``open_args_load`` and ``open_args_save`` go to
            its ``open``. ``open_args_save: {mode: a}`` appends.
        metadata: Kept for other tools.
    """

    _IS_ONE_FILE: ClassVar[bool] = True  # a folder as a partition is of several, then
    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}
    _BINARY: ClassVar[bool] = True
    _IS_ONE_PIECE: ClassVar[bool] = False  # a load would not find what is added to its file

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        version: Version | None = None,
        credentials: Mapping[str, Any] | None = None,
        fs_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        check_path("filepath", filepath)
        check_mappings(load_args=load_args, save_args=save_args, fs_args=fs_args)
        check_mappings(credentials=credentials)
        self._given = os.fspath(filepath)
        self._protocol, path = get_protocol_and_path(filepath, version)
        of_address: dict[str, Any] = {}
        if not self._is_local:
            _, path, of_address = storage_of(self._given)
        super().__init__(PurePosixPath(path), version, self._there, self._find)
        self._load_args = _copied(self.DEFAULT_LOAD_ARGS) | dict(load_args or {})
        self._save_args = _copied(self.DEFAULT_SAVE_ARGS) | dict(save_args or {})
        storage = dict(fs_args or {})
        self._open_args_load = dict(storage.pop("open_args_load", {}))
        self._open_args_save = dict(storage.pop("open_args_save", {}))
        self._storage_options = {**of_address, **storage, **(credentials or {})}
        self.metadata = metadata

    @abstractmethod
    def _read(self, file: IO[Any]) -> Any: ...

    @abstractmethod
    def _write(self, file: IO[Any], data: Any) -> None: ...

    @cached_property
    def _fs(self) -> AbstractFileSystem:
        import fsspec

        return fsspec.filesystem(self._protocol, **self._storage_options)

    @property
    def _is_local(self) -> bool:
        return self._protocol == "file"

    def __getstate__(self) -> dict[str, Any]:
        # Connections of file systems do not cross processes.
        return {name: value for name, value in self.__dict__.items() if name != "_fs"}

    def _address(self, path: object) -> str:
        return get_filepath_str(PurePosixPath(str(path)), self._protocol)

    def _there(self, path: str) -> bool:
        return Path(path).exists() if self._is_local else bool(self._fs.exists(self._address(path)))

    def _find(self, pattern: str) -> list[str]:
        if self._is_local:
            return glob_paths(pattern)
        self._fs.invalidate_cache(str(self._filepath))
        return [str(path) for path in self._fs.glob(pattern)]

    def _load(self) -> Any:
        path = self._address(self._get_load_path())
        with self._opened(path) as file:
            data = self._read(file)
        if self._is_local:
            _note_bytes(path)
        return data

    def _save(self, data: Any) -> None:
        path = str(self._get_save_path())
        mode = self._save_mode()
        options = {name: v for name, v in self._open_args_save.items() if name != "mode"}
        if mode.startswith("a"):
            self._append(path, data, {"mode": mode, **self._text(options)})
            return
        only_new = mode.startswith("x")
        if only_new and self._exists_function(path):
            raise FileExistsError(f"{path} is there already (mode {mode})")
        options = {"mode": mode.replace("x", "w"), **self._text(options)}
        with self._replacing(path, only_new) as beside, open(beside, **options) as file:
            self._write(file, data)

    def _append(self, path: str, data: Any, options: dict[str, Any]) -> None:
        problem = self._why_not_added()
        if problem:
            raise DataSetError(problem)
        if self._is_local:
            with appending(path) as target:
                before = _size_of(target) if facts.is_asked() else 0
                with open(target, **options) as file:
                    self._write(file, data)
                _note_bytes(target, before)
            return
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        with self._fs.open(path, **options) as file:
            self._write(file, data)
        self._fs.invalidate_cache(path)

    def _text(self, options: dict[str, Any]) -> dict[str, Any]:
        return options if self._BINARY else {"encoding": "utf-8", "newline": "", **options}

    def _mode(self, mode: str) -> str:
        return f"{mode}b" if self._BINARY else mode

    def _opened(self, path: str) -> Any:
        """Return a file that is open for reading, without what a killed save has added to it."""
        if self._is_local:
            recover(path)
        return self._fs.open(path, **self._open_args())

    def _open_args(self) -> dict[str, Any]:
        """Return how a file is opened for reading."""
        return {"mode": self._mode("r"), **self._text(self._open_args_load)}

    def _save_mode(self) -> str:
        """Return how a file is opened for writing."""
        return str(self._open_args_save.get("mode", self._mode("w")))

    def _why_not_added(self) -> str:
        """Say why nothing can be added to its file; empty if that is possible."""
        # A class that reads or writes in a way of its own says for itself what its files are.
        says = ("_IS_ONE_PIECE", "_read", "_write")
        kind = next(base for base in type(self).__mro__ if not vars(base).keys().isdisjoint(says))
        if self._version is not None or not vars(kind).get("_IS_ONE_PIECE"):
            return ""
        return (
            f"nothing can be added to the file of a {type(self).__name__}: it is one piece, and a "
            "load would not find the rest. Leave out mode: a."
        )

    @contextmanager
    def _replacing(self, path: str, only_new: bool = False) -> Iterator[str]:
        """Give a local path to write to; move it to ``path`` if nothing is raised."""
        is_version = self._version is not None
        if self._is_local:
            # What is left of a version that was killed lies beside it, where the next one looks.
            home = Path(self._filepath) if is_version else None
            with replacing(path, home, only_new=only_new or is_version) as beside:
                yield beside
            _note_bytes(path)
            return
        import tempfile

        with tempfile.TemporaryDirectory(prefix="sparkpipe-") as folder:
            beside = os.path.join(folder, "data")
            yield beside
            _note_bytes(beside)
            upload(self._fs, beside, path, only_new=is_version)

    def _exists(self) -> bool:
        return self._exists_function(str(self._get_load_path()))

    def location(self) -> str:
        """Return the path, or the address as it was given."""
        return str(self._filepath) if self._is_local else redacted_text(self._given)

    def target(self) -> str:
        """Return the path, or the address with its host, in one spelling."""
        return path_target(str(self._filepath) if self._is_local else self._given)

    def save_effect(self) -> SaveEffect:
        """Return what a save does: as ``open_args_save`` say; a version is never overwritten."""
        return "keep" if self._version is not None else effect_of_mode(self._save_mode())

    def is_transactional(self) -> bool:
        """Whether what is being read stays: for files there is no promise."""
        return False

    def state(self) -> str | None:
        """Return a token of what its file system tells of the file; or the version, if versioned.

        Returns:
            None if nothing is there, or the file system tells neither an ETag nor a time.
        """
        if self._version is not None:
            return super().state()
        if self._is_local:
            return path_state(str(self._filepath))
        address = self._address(self._filepath)
        try:
            self._fs.invalidate_cache(address)
            if self._fs.isdir(address):
                return listing_state(self._fs.find(address, detail=True))
            return info_state(self._fs.info(address))
        except Exception:  # whatever its package raises where it is not there, or not to be asked
            return None

    def _missing(self) -> str:
        try:
            if self._is_local and not self._exists_function(str(self._filepath)):
                return f"the file does not exist: {self._filepath}"
            return self._why_no_version() if self._is_local else ""
        except PermissionError:
            return f"no permission: {self._filepath}"

    def _problems(self) -> list[str]:
        problems = super()._problems() + protocol_problems(self._protocol)
        if self._save_mode().startswith("a"):
            problems += filter(None, [self._why_not_added()])
        return problems + (folder_problems(str(self._filepath)) if self._is_local else [])

    def _release(self) -> None:
        super()._release()
        if not self._is_local and "_fs" in self.__dict__:
            self._fs.invalidate_cache(str(self._filepath))

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": redacted_text(self.location()),
            "protocol": None if self._is_local else self._protocol,
            "load_args": self._load_args or None,
            "save_args": self._save_args or None,
            "version": self._version,
        }


def _copied(defaults: dict[str, Any]) -> dict[str, Any]:
    # Few classes have any, and a catalog may have thousands of entries.
    return deepcopy(defaults) if defaults else {}


def _note_bytes(path: str, before: int = 0) -> None:
    if facts.is_asked():
        with suppress(OSError):
            facts.note(bytes=Path(path).stat().st_size - before)


def _size_of(path: str) -> int:
    file = Path(path)
    return file.stat().st_size if file.is_file() else 0
