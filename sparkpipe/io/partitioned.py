"""A folder whose files are the partitions of one data set."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.core import (
    AbstractDataSet,
    SaveEffect,
    check_mappings,
    check_path,
    is_single_process,
    reason_of,
)
from sparkpipe.io.declared import problems_of
from sparkpipe.io.files import protocol_problems, split_protocol
from sparkpipe.io.tokens import listing_state
from sparkpipe.io.wrapper import WrapperDataSet
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.databricks import folder_problems

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class PartitionedDataSet(WrapperDataSet):
    """Loads a folder as a dictionary of partition to a function that loads it.

    Saves a dictionary of partition to data, or to a function that makes the data, so that one
    partition at a time need be in memory.

    Args:
        path: The folder, or an address that fsspec knows.
        dataset: Configuration, or dotted type, of the data set of one partition.
        filepath_arg: The argument of that data set that takes the path.
        filename_suffix: Only files that end so are partitions; not part of their names.
        credentials: For the file system and for the data set of a partition; never shown.
        load_args: Passed to the file system's ``find``.
        fs_args: Arguments of the file system, also for the data set of a partition.
        overwrite: Remove the partitions that were there, once the new ones are saved.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        dataset: str | type[AbstractDataSet] | dict[str, Any],
        filepath_arg: str = "filepath",
        filename_suffix: str = "",
        credentials: dict[str, Any] | None = None,
        load_args: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        overwrite: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        from sparkpipe.io.factory import options_of, parse_config

        check_path("path", path)
        check_mappings(load_args=load_args, fs_args=fs_args, credentials=credentials)
        path = os.fspath(path)
        config: dict[str, Any] = dict(dataset) if isinstance(dataset, dict) else {"type": dataset}
        if filepath_arg in config:
            raise DataSetError(
                f"'{filepath_arg}' must not be given in 'dataset': each partition has its own."
            )
        if credentials and "credentials" not in config:
            config["credentials"] = credentials
        self._class, self._config = parse_config(config, required=(filepath_arg,))
        if "version" in self._config:
            raise DataSetError(
                "the data set of a partition cannot be versioned.",
                hint="Remove 'versioned' from 'dataset'.",
            )
        if fs_args and "fs_args" in options_of(self._class).known:
            self._config.setdefault("fs_args", fs_args)
        self._protocol, folder = split_protocol(path)
        self._folder = PurePosixPath(folder)
        self._path = path.rstrip("/\\")
        self._filepath_arg = filepath_arg
        self._suffix = filename_suffix
        self._load_args = load_args or {}
        self._storage_options = {**(fs_args or {}), **(credentials or {})}
        self._overwrite = overwrite
        self.metadata = metadata

    @cached_property
    def _example(self) -> Any:
        """A partition that is never loaded or saved: it tells what all can do."""
        try:
            return self._partition("partition")
        except Exception:  # told by _problems
            return None

    def _inner(self) -> Any:
        return self._example

    def wrapped(self) -> None:
        """Return nothing: no one partition stands for all."""

    def location(self) -> str:
        """Return the folder."""
        return redacted_text(self._path)

    def target(self) -> str:
        """Return the folder."""
        return foreign.target(self)

    def save_effect(self) -> SaveEffect:
        """Return what a save does: other partitions stay, unless ``overwrite``."""
        return "replace" if self._overwrite else "part"

    def is_confirmable(self) -> bool:
        """Whether it can be confirmed: partitions are never told that they were read."""
        return False

    def is_transactional(self) -> bool:
        """Whether a save is one transaction: it is one for each partition at most."""
        return False

    def is_memory_only(self) -> bool:
        """Whether it ends with the process: it lies in a folder."""
        return False

    def is_single_process(self) -> bool:
        """Whether a partition must stay in its process."""
        # A class may tell, also where its partition cannot be made.
        return is_single_process(self._class) or super().is_single_process()

    def state(self) -> str | None:
        """Return a token of the files of all partitions, by a listing."""
        try:
            return listing_state(self._files())
        except Exception:  # whatever the file system's package raises
            return None

    @cached_property
    def _fs(self) -> AbstractFileSystem:
        import fsspec

        return fsspec.filesystem(self._protocol, **self._storage_options)

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_fs", "_example")
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def _partitions(self) -> list[str]:
        return sorted(self._files())

    def _files(self) -> dict[str, Any]:
        """Return what the file system tells of each file, by the name of its partition."""
        self._fs.invalidate_cache(str(self._folder))
        root = self._fs._strip_protocol(str(self._folder))
        files = {}
        options = {**self._load_args, "detail": True}
        for found, info in self._fs.find(str(self._folder), **options).items():
            name = str(found)[len(root) :].lstrip("/")
            hidden = PurePosixPath(name).name.startswith((".", "_"))
            if name.endswith(self._suffix) and not hidden:
                files[name[: len(name) - len(self._suffix)]] = info
        return files

    def _partition(self, name: str) -> AbstractDataSet:
        check_partition_name(name, self._folder)
        path = f"{self._path}/{name}{self._suffix}"
        partition: AbstractDataSet = self._class(**{**self._config, self._filepath_arg: path})
        return partition

    def _load(self) -> dict[str, Callable[[], Any]]:
        partitions = {name: self._partition(name).load for name in self._partitions()}
        if not partitions:
            raise DataSetError(f"no partitions in {self._folder} (files '*{self._suffix}').")
        return partitions

    def _save(self, data: dict[str, Any]) -> None:
        if not isinstance(data, dict):
            raise DataSetError(
                f"a dictionary of partition to data is needed, not {type(data).__name__}."
            )
        targets = {str(name): self._partition(str(name)) for name in data}
        parts = {str(name): part for name, part in data.items()}
        for name in sorted(targets):
            part = parts[name]
            targets[name].save(part() if callable(part) else part)
        if self._overwrite:
            for old in self._partitions():
                if old not in targets:
                    self._fs.rm(f"{self._folder}/{old}{self._suffix}")

    def _exists(self) -> bool:
        return bool(self._fs.exists(str(self._folder)) and self._partitions())

    def _problems(self) -> list[str]:
        elsewhere = folder_problems(self._path)
        if elsewhere:  # each partition would tell the same
            return elsewhere
        problems = protocol_problems(self._protocol)
        try:
            partition = self._partition("partition")
        except Exception as exc:
            return [*problems, reason_of(exc)]
        return list(dict.fromkeys([*problems, *problems_of(partition)]))

    def _missing(self) -> str:
        return ""  # what is missing of a folder is told when it is listed

    def _release(self) -> None:
        """Hold nothing to let go of."""

    def _describe(self) -> dict[str, Any]:
        return {
            "path": redacted_text(self._path),
            "dataset": self._class.__name__,
            "options": {name: v for name, v in self._config.items() if v} or None,
        }


PartitionedDataset = PartitionedDataSet


def check_partition_name(name: str, folder: PurePosixPath) -> None:
    """Refuse names of files that would lie outside their folder, or not be found again.

    Raises:
        DataSetError: The name is one of these.
    """
    relative = PurePosixPath(name)
    if (
        relative.is_absolute()
        or ".." in relative.parts
        or any(c in name for c in "\0\\:")
        or not name.strip()
    ):
        raise DataSetError(f"{name!r} cannot be the name of a partition: it would leave {folder}.")
    if str(relative) != name or not relative.name or relative.name.startswith((".", "_")):
        raise DataSetError(
            f"{name!r} cannot be the name of a partition: it would not be found again.",
            hint="Names start with neither '.' nor '_', and have no empty parts.",
        )
