"""A folder of partitions of which only the new ones are loaded."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import DEFAULT_CHECKPOINT_FILENAME, AbstractDataSet
from sparkpipe.io.declared import location_of, target_of
from sparkpipe.io.files import split_protocol
from sparkpipe.io.importing import import_object
from sparkpipe.io.partitioned import PartitionedDataSet
from sparkpipe.io.reasons import hint_of, reason_of
from sparkpipe.io.target import path_target
from sparkpipe.io.tokens import NOTHING_NEW, listing_state
from sparkpipe.spark.jobs.run import check_going_on

if TYPE_CHECKING:
    from sparkpipe.io.for_run import InRun

_FILEPATH = "filepath"


class IncrementalDataSet(PartitionedDataSet):
    """Loads those partitions of a folder that come after the last one that was dealt with.

    Unlike :class:`PartitionedDataSet` it loads the data itself, and an empty dictionary if nothing
    is new. ``confirm`` (a node's ``confirms``) writes the name of the last partition loaded to the
    checkpoint, from which the next load goes on. Until ``release``, loads give the same partitions.

    Args:
        path: See :class:`PartitionedDataSet`, which has all arguments that are not explained here.
        dataset: Configuration, or dotted type, of the data set of one partition.
        checkpoint: What was dealt with: text that counts as the checkpoint now
            (``force_checkpoint``), or a mapping of it, of ``comparison_func`` (whether a partition
            comes after the checkpoint; by default that of the alphabet) and of the configuration of
            the data set that keeps the checkpoint; by default text in the file ``CHECKPOINT`` of
            the folder.
    """

    DEFAULT_CHECKPOINT_TYPE: ClassVar[str] = "text.TextDataSet"
    DEFAULT_CHECKPOINT_FILENAME: ClassVar[str] = DEFAULT_CHECKPOINT_FILENAME

    def __init__(
        self,
        path: str | os.PathLike[str],
        dataset: str | type[AbstractDataSet] | dict[str, Any],
        checkpoint: str | dict[str, Any] | None = None,
        filepath_arg: str = "filepath",
        filename_suffix: str = "",
        credentials: dict[str, Any] | None = None,
        load_args: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            path,
            dataset,
            filepath_arg,
            filename_suffix,
            credentials,
            load_args,
            fs_args,
            metadata=metadata,
        )
        config = self._checkpoint_config(checkpoint, credentials)
        self._force_checkpoint = config.pop("force_checkpoint", None)
        compare = config.pop("comparison_func", operator.gt)
        if isinstance(compare, str):
            compare = import_object(compare)
        if not callable(compare):
            raise DataSetError(f"comparison_func must be a function, not {compare!r}.")
        self._compare: Callable[[str, Any], Any] = compare
        self._checkpoint_path = split_protocol(self._checkpoint_address)[1]
        self._checkpoint = self._checkpoint_data_set(config)
        self._is_changed = False
        self._new: list[str] | None = None
        self._loaded: list[str] | None = None

    def _checkpoint_config(
        self, checkpoint: str | dict[str, Any] | None, credentials: dict[str, Any] | None
    ) -> dict[str, Any]:
        given = checkpoint if isinstance(checkpoint, Mapping) else {"force_checkpoint": checkpoint}
        if given.get("versioned"):
            raise DataSetError(
                "a checkpoint cannot be versioned.", hint="Remove 'versioned' from 'checkpoint'."
            )
        config = {"type": self.DEFAULT_CHECKPOINT_TYPE, **given}
        argument = self._argument_of(config)
        config.setdefault(argument, f"{self._path}/{self.DEFAULT_CHECKPOINT_FILENAME}")
        self._checkpoint_address = str(config[argument])
        if credentials:
            config.setdefault("credentials", credentials)
        return config

    def _argument_of(self, config: Mapping[str, Any]) -> str:
        """Return which argument of the checkpoint takes its path: what partitions call theirs?"""
        from sparkpipe.io.factory import find_class, options_of

        if self._filepath_arg in config or self._filepath_arg == _FILEPATH:
            return self._filepath_arg
        try:
            known = options_of(find_class(config["type"])).known
        except DataSetError:  # told when it is made
            return self._filepath_arg
        return _FILEPATH if _FILEPATH in known else self._filepath_arg

    def _checkpoint_data_set(self, config: dict[str, Any]) -> Any:
        from sparkpipe.io.factory import build_data_set

        try:
            return build_data_set(config)
        except DataSetError as exc:
            raise DataSetError(f"checkpoint: {exc.message}", hint=exc.hint) from exc

    def _partitions(self) -> list[str]:
        # Where its own run changes it, other processes and other names of it may have saved.
        if self._new is None or self._is_changed:
            checkpoint = self._read_checkpoint()
            self._new = [
                name
                for name in super()._partitions()
                if checkpoint is None or self._is_after(name, checkpoint)
            ]
        return self._new

    def _is_after(self, name: str, checkpoint: Any) -> bool:
        try:
            return bool(self._compare(name, checkpoint))
        except Exception as exc:  # it may be of any type, and the function is the user's
            raise DataSetError(
                f"partition '{name}' cannot be compared with the checkpoint {checkpoint!r:.80} "
                f"({self._checkpoint_path}): {reason_of(exc)}"
            ) from exc

    @property
    def _not_data(self) -> tuple[str, ...]:
        root = path_target(self._path)
        own = path_target(self._checkpoint_address)
        inside = own[len(root) + 1 :] if own.startswith(f"{root}/") else ""
        # What does not end as partitions do is none anyway.
        is_among_them = inside.endswith(self._suffix)
        return (*super()._not_data, *([inside.removesuffix(self._suffix)] if is_among_them else ()))

    def _read_checkpoint(self) -> Any:
        if self._force_checkpoint is not None:
            # YAML reads 2026-11-24 as a date.
            plain = self._compare is operator.gt
            return str(self._force_checkpoint) if plain else self._force_checkpoint
        # What is there and cannot be read is an error, and no reason to begin anew.
        return self._checkpoint.load() if self._checkpoint.exists() else None

    def _load(self) -> dict[str, Any]:
        partitions = self._to_load(self._partitions())
        data = {name: self._loaded_part(name, part) for name, part in partitions.items()}
        self._loaded = [*data]
        return data

    def _loaded_part(self, name: str, partition: Any) -> Any:
        check_going_on()
        try:
            return partition.load()
        except Exception as exc:
            reason, where = reason_of(exc), location_of(partition) or self._path_of(name)
            told = reason if where in reason else f"{where}: {reason}"
            raise DataSetError(f"partition '{name}': {told}", hint=hint_of(exc)) from exc

    def _save(self, data: dict[str, Any]) -> None:
        super()._save(data)
        self._new = None  # the next load sees what was saved; what was loaded stays to be confirmed

    def _of_run(self, part: InRun) -> IncrementalDataSet:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _new=None, _loaded=None, _is_changed=part.is_changed)
        return other

    def _settle(self) -> None:
        # Else a process that confirms what another one has loaded would confirm what came since.
        if not self._is_changed:
            self._partitions()

    def _forget(self) -> None:
        self._new = self._loaded = None

    def is_confirmable(self) -> bool:
        """Whether it can be confirmed: that is what it is for."""
        return True

    def confirm_target(self) -> str:
        """Return what :meth:`confirm` writes, in one spelling for all that share it."""
        return path_target(self._checkpoint_address) or target_of(self._checkpoint)

    def state_of_news(self) -> str | None:
        """Return a token of the files that a load would give; ``NOTHING_NEW`` if there is none."""
        try:
            new, listed = self._partitions(), self._listed()
        except Exception:  # whatever the file system's package raises
            return None
        files = {path: info for name in new for path, info in listed.get(name, {}).items()}
        return listing_state(files) if files else NOTHING_NEW

    def confirm(self) -> None:
        """Note that what was loaded has been dealt with.

        Raises:
            DataSetError: The checkpoint cannot be written.
        """
        # Not what is there by now: it may have come after the load.
        names = self._partitions() if self._loaded is None else self._loaded
        if names:
            self._checkpoint.save(self._last_of(names))

    def _last_of(self, names: list[str]) -> str:
        """Return the name after which none comes: what is compared as numbers is sorted as text."""
        last = names[-1]
        try:
            for name in names:
                if self._compare(name, last):
                    last = name
        except Exception:  # it may compare with no name, but with a checkpoint of another type
            return names[-1]
        return last

    def _release(self) -> None:
        super()._release()
        self._new = None
        self._checkpoint.release()

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "checkpoint": self._checkpoint_path}


IncrementalDataset = IncrementalDataSet
