"""A folder whose files, or folders, are the partitions of one data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.core import (
    DEFAULT_CHECKPOINT_FILENAME,
    AbstractDataSet,
    LoadEffect,
    SaveEffect,
    check_mappings,
    check_path,
    is_single_process,
    reason_of,
)
from sparkpipe.io.declared import problems_of
from sparkpipe.io.files import protocol_problems, storage_of
from sparkpipe.io.partition_names import (
    MARKER,
    Listing,
    check_apart,
    check_partition_name,
    check_room,
    name_of,
    to_remove,
)
from sparkpipe.io.partition_order import in_order
from sparkpipe.io.reasons import hint_of
from sparkpipe.io.saving import FOLDER, recover_beside, remove
from sparkpipe.io.target import folds_case
from sparkpipe.io.tokens import listing_state
from sparkpipe.io.wrapper import WrapperDataSet
from sparkpipe.redaction import redacted_text
from sparkpipe.spark.databricks import folder_problems
from sparkpipe.spark.jobs.run import check_going_on

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


# Says that the dictionary that was saved had nothing in it.
_EMPTY = ".sparkpipe-empty"

_PATTERN = set("*?[{")


class PartitionedDataSet(WrapperDataSet):
    """Loads a folder as a dictionary of partition to a function that loads it.

    Saves a dictionary of partition to data, or to a function that makes the data, so that one
    partition at a time need be in memory. A partition is what its data set writes: a file, or a
    folder (of Spark, of Delta, of figures). What begins with a dot or an underscore is none.

    Args:
        path: The folder, or an address that fsspec knows.
        dataset: Configuration, or dotted type, of the data set of one partition.
        filepath_arg: The argument of that data set that takes the path.
        filename_suffix: Only files that end so are partitions; not part of their names.
        credentials: For the file system and for the data set of a partition; never shown.
        load_args: Passed to the file system's ``find``; ``withdirs: true`` says that each folder is
            a partition.
        fs_args: Arguments of the file system, also for the data set of a partition.
        overwrite: Remove the partitions that were there, once the new ones are saved.
        save_lazily: Call the functions in the dictionary, each when its partition is saved. If
            False, they are the data.
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
        save_lazily: bool = True,
    ) -> None:
        from sparkpipe.io.factory import options_of, parse_config, refuse_passed_over

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
        refuse_passed_over(config, self._config)
        if "version" in self._config:
            raise DataSetError(
                "the data set of a partition cannot be versioned.",
                hint="Remove 'versioned' from 'dataset'.",
            )
        if fs_args and "fs_args" in options_of(self._class).known:
            self._config.setdefault("fs_args", fs_args)
        self._protocol, folder, of_address = storage_of(path)
        self._folder = PurePosixPath(folder)
        self._path = path.rstrip("/\\")
        # In the address of a local file '%', '?' and '#' mean something else than in a name.
        is_address = "://" in path and self._protocol == "file"
        is_read_as_such = is_address and not is_single_process(self._class)
        self._root = str(self._folder) if is_read_as_such else self._path
        self._filepath_arg = filepath_arg
        self._suffix = filename_suffix
        self._load_args = load_args or {}
        self._storage_options = {**of_address, **(fs_args or {}), **(credentials or {})}
        self._overwrite = overwrite
        self._save_lazily = save_lazily
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

    def part_effect(self) -> SaveEffect:
        """Return what the save of a partition does to what is in it."""
        return super().save_effect() if self._example is not None else "replace"

    def appends_parts(self) -> bool:
        """Whether a save adds to what is in a partition, so that to repeat it adds it twice."""
        inside = self._example
        if isinstance(inside, PartitionedDataSet):
            return inside.appends_parts()
        return self.part_effect() == "append"

    def load_effect(self) -> LoadEffect:
        """Return that each partition is read when its loader is called."""
        return "live"

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
            found = self._listed().values()
            return listing_state({path: info for files in found for path, info in files.items()})
        except Exception:  # whatever the file system's package raises
            return None

    @cached_property
    def _fs(self) -> AbstractFileSystem:
        import fsspec

        return fsspec.filesystem(self._protocol, **self._storage_options)

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_fs", "_example")
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    @property
    def _is_of_folders(self) -> bool:
        """Whether a partition may be a folder, by what its data set writes."""
        return not getattr(self._class, "_IS_ONE_FILE", False)

    def _partitions(self) -> list[str]:
        return sorted(self._listed())

    def _listed(self) -> dict[str, dict[str, Any]]:
        """Return what the file system tells of the files of each partition, by its name."""
        entries = self._entries()
        if self._protocol == "file" and self._is_of_folders:
            # A folder that is being replaced is not there for a moment, on some systems.
            homes = {path.partition(f"{FOLDER}/")[0] for path in entries if f"{FOLDER}/" in path}
            recovered = {home: recover_beside(self._folder / home) for home in homes}
            if any(recovered.values()):
                entries = self._entries()
        listing = Listing(
            entries,
            self._suffix,
            is_one_file=not self._is_of_folders,
            is_of_spark=self.is_single_process(),
            has_folders=bool(self._load_args.get("withdirs")),
            depth=self._load_args.get("maxdepth"),
        )
        partitions = listing.partitions()
        for path in self._not_data:
            partitions.pop(path, None)
        return partitions

    def _entries(self) -> dict[str, Any]:
        """Return what the file system tells of all that is in the folder, by the path in it."""
        self._fs.invalidate_cache(str(self._folder))
        root = self._fs._strip_protocol(str(self._folder))
        options = {**self._load_args, "detail": True}
        if self._is_of_folders:
            options["withdirs"] = True
        found = self._fs.find(str(self._folder), **options)
        entries = {str(path)[len(root) :].strip("/"): info for path, info in found.items()}
        entries.pop("", None)  # the folder itself
        return entries

    @property
    def _not_data(self) -> tuple[str, ...]:
        """Names that would be partitions, but are what keeps account of them."""
        return () if self._suffix else (DEFAULT_CHECKPOINT_FILENAME,)

    def _path_of(self, name: str) -> str:
        return f"{self._root}/{name}{self._suffix}"

    def _partition(self, name: str) -> AbstractDataSet:
        arguments = {**self._config, self._filepath_arg: self._path_of(name)}
        partition: AbstractDataSet = self._class(**arguments)
        return partition

    def _to_load(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the data sets of partitions; what can be none of them is told, and left out."""
        found = {}
        for name in names:
            try:
                found[name] = self._partition(name)
            except Exception as exc:
                if self._example is None:  # none can be made
                    raise
                told = reason_of(exc)
                self._logger.warning("%s is no partition: %s", self._path_of(name), told)
        return found

    def _load(self) -> dict[str, Callable[[], Any]]:
        partitions = self._to_load(self._partitions())
        if not partitions and not self._fs.exists(f"{self._folder}/{_EMPTY}"):
            raise DataSetError(f"no partitions in {self._folder} (files '*{self._suffix}').")
        return {name: partition.load for name, partition in partitions.items()}

    def _save(self, data: dict[str, Any]) -> None:
        if not isinstance(data, dict):
            raise DataSetError(
                f"a dictionary of partition to data is needed, not {type(data).__name__}."
            )
        self._check_names(data)
        parts = {name_of(key): part for key, part in data.items()}
        targets = {name: self._partition(name) for name in parts}
        before = self._listed() if self._overwrite else {}
        if self._is_of_folders and not self._overwrite:
            self._check_room(targets)
        for name in in_order(targets, parts) if self._save_lazily else sorted(targets):
            check_going_on()
            self._save_part(name, targets[name], parts[name])
            self._mark(name)
        if self._overwrite:
            self._remove(before, targets)
        if not targets and not self._partitions():
            self._fs.makedirs(str(self._folder), exist_ok=True)
            self._fs.pipe_file(f"{self._folder}/{_EMPTY}", b"")

    def _save_part(self, name: str, target: AbstractDataSet, part: Any) -> None:
        is_maker = self._save_lazily and callable(part) and not isinstance(part, type)
        try:
            target.save(part() if is_maker else part)
        except Exception as exc:
            if isinstance(exc, DataSetError) and exc.where:  # its path tells which one it is
                raise
            told = f"partition '{name}': {reason_of(exc)}"
            raise DataSetError(told, hint=hint_of(exc)) from exc

    def _check_names(self, keys: Iterable[Any]) -> None:
        for name in map(name_of, keys):
            check_partition_name(name, self._folder)
            if name in self._not_data:
                raise DataSetError(
                    f"{name!r} cannot be the name of a partition: it is that of a checkpoint."
                )
            if self.is_single_process() and not _PATTERN.isdisjoint(name):
                raise DataSetError(
                    f"{name!r} cannot be the name of a partition: Spark takes it for a pattern."
                )
            if not self._is_found_at_its_address(name):
                raise DataSetError(
                    f"{name!r} cannot be the name of a partition: in an address like "
                    f"{self.location()} it means something else."
                )
        check_apart(keys, self._suffix, folds_case=self._folds_case)

    def _check_room(self, names: Iterable[str]) -> None:
        try:
            before = self._listed()
        except Exception as exc:  # a place where Spark may write, but this process may not
            self._logger.debug("%s cannot be listed: %s", self._path, exc)
            return
        check_room(self._paths(before), self._paths(dict.fromkeys(names)), self._case)

    @property
    def _folds_case(self) -> bool:
        return self._protocol == "file" and folds_case(str(self._folder))

    def _is_found_at_its_address(self, name: str) -> bool:
        """Whether the file system makes of an address the path that the name was put into."""
        if self._protocol != "file" and self.is_single_process():
            return True  # Spark reads addresses in its own way
        found = PurePosixPath(storage_of(self._path_of(name))[1])
        return found == self._folder / f"{name}{self._suffix}"

    @property
    def _case(self) -> Callable[[str], str]:
        return str.casefold if self._folds_case else str

    def _paths(self, of_names: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{name}{self._suffix}": value for name, value in of_names.items()}

    def _mark(self, name: str) -> None:
        """Leave a sign in what was saved as a folder, so that it is found again as one."""
        if not self._is_of_folders:
            return
        path = f"{self._folder}/{name}{self._suffix}"
        try:
            if self._fs.isdir(path):
                self._fs.pipe_file(f"{path}/{MARKER}", b"")
        except Exception as exc:  # a place where Spark may write, but this process may not
            self._logger.debug("%s cannot be marked: %s", path, exc)

    def _remove(self, before: Mapping[str, Mapping[str, Any]], saved: Iterable[str]) -> None:
        root = str(self._folder)
        saved_paths = self._paths(dict.fromkeys(saved))
        whole, files = to_remove(self._paths(before), saved_paths, self._case)
        for path in whole:
            remove(self._fs, f"{root}/{path}")
        for path in files:
            self._fs.rm_file(f"{root}/{path}")

    def _exists(self) -> bool:
        if not self._fs.exists(str(self._folder)):
            return False
        return bool(self._partitions() or self._fs.exists(f"{self._folder}/{_EMPTY}"))

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
        """Forget what the file system has listed."""
        if "_fs" in self.__dict__:
            self._fs.invalidate_cache(str(self._folder))

    def _describe(self) -> dict[str, Any]:
        return {
            "path": redacted_text(self._path),
            "dataset": self._class.__name__,
            "options": {name: v for name, v in self._config.items() if v} or None,
        }


PartitionedDataset = PartitionedDataSet
