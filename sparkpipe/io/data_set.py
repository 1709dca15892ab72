"""The contract of a data set."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic

from sparkpipe.errors import DataSetError
from sparkpipe.io import foreign
from sparkpipe.io.effects import LoadEffect, SaveEffect
from sparkpipe.io.reasons import hint_of, reason_of
from sparkpipe.redaction import redacted

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from sparkpipe.io.for_run import InRun

    Saved = TypeVar("Saved", default=Any)
    Loaded = TypeVar("Loaded", default=Any)
else:  # before Python 3.13 a type variable has no default
    from typing import TypeVar

    Saved = TypeVar("Saved")
    Loaded = TypeVar("Loaded")

#: The methods by which a data set declares what it can do.
DECLARATIONS = (
    *(
        "location",
        "target",
        "save_effect",
        "load_effect",
        "why_unreadable",
        "why_unwritable",
        "is_confirmable",
    ),
    *("is_transactional", "is_memory_only", "is_single_process", "wrapped", "state"),
)


class AbstractDataSet(ABC, Generic[Saved, Loaded]):
    """Something that can be loaded and saved under a name.

    ``AbstractDataSet[A, B]`` is one to which an ``A`` is saved and from which a ``B`` is loaded.

    A subclass writes ``_load``, ``_save``, ``_describe`` and, where it can, ``_exists`` and
    ``_release``. What else it can do it declares, by the methods from :meth:`location` to
    :meth:`state`; none of them loads anything, or starts Spark. What they return by default is told
    with each, and guessed from what the data set shows of itself (:mod:`sparkpipe.io.foreign`).
    Two have a short form, as an attribute of the class:

    * ``_SINGLE_PROCESS = True``: cannot be used in another process than that of the run.
    * ``_EPHEMERAL = True``: what it holds ends with the process.

    Whoever wants to know asks :mod:`sparkpipe.io.declared`, not these methods: it also takes data
    sets of other libraries, and classes that have an attribute of such a name.

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
        from sparkpipe.io.versions import Version, generate_timestamp

        version = Version(load_version, save_version or generate_timestamp())
        try:
            return build_data_set(config, version=version)
        except DataSetError as exc:
            raise DataSetError(f"Data set '{name}': {exc.message}", hint=exc.hint) from exc

    @property
    def _logger(self) -> logging.Logger:
        return logging.getLogger(type(self).__module__)

    @abstractmethod
    def _load(self) -> Loaded: ...

    @abstractmethod
    def _save(self, data: Saved) -> None: ...

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

    def _warnings(self) -> list[str]:
        """Return which of the options have no effect; a run goes on with them."""
        return []

    def _missing(self) -> str:
        """Return why a load would find nothing, where that is known without Spark or network."""
        return ""

    def _of_run(self, part: InRun) -> AbstractDataSet[Saved, Loaded]:
        """Return what stands for it in one run: a copy, where it remembers what it saw."""
        return self

    def _settle(self) -> None:
        """Settle now what loads of a run give, for all its processes; most need not."""

    def _forget(self) -> None:
        """Forget what was seen: a run has saved something else meanwhile."""

    def location(self) -> str:
        """Return where it lies, for messages: a path, an address, a table.

        By default it is ``filepath``, ``path``, ``table`` or ``table_name`` of ``_describe``.
        """
        return foreign.location(self)

    def target(self) -> str:
        """Return what is read and written, in one spelling for all that share it.

        It is for comparing only. Empty means that nobody shares it, or that this is not known. By
        default it is worked out from the path, or the table and its database, of ``_describe``.
        """
        return foreign.target(self)

    def save_effect(self) -> SaveEffect:
        """Return what a save does to what is there.

        By default it is that of ``mode``, ``if_exists`` or the like in its options, and without one
        ``replace``.
        """
        return foreign.save_effect(self)

    def load_effect(self) -> LoadEffect:
        """Return what becomes of what was loaded when others write.

        By default what belongs to Spark is ``live``, for a Spark frame is read when somebody acts
        on it; all else is ``snapshot``.
        """
        return foreign.load_effect(self)

    def why_unreadable(self) -> str:
        """Say why no load can succeed, and what to do; empty if one can.

        By default none can if ``_load`` is annotated to return ``NoReturn``.
        """
        return foreign.why_unreadable(self)

    def why_unwritable(self) -> str:
        """Say why no save can succeed, and what to do; empty if one can.

        By default none can if ``_save`` is annotated to return ``NoReturn``.
        """
        return foreign.why_unwritable(self)

    def is_confirmable(self) -> bool:
        """Whether a node may confirm it; by default if it has a method ``confirm``."""
        return foreign.is_confirmable(self)

    def is_transactional(self) -> bool:
        """Whether a write is one transaction: what is being read then stays as it was.

        By default that of a ``delta``, ``iceberg`` or ``hudi`` table is, and of a table that Spark
        knows by name.
        """
        return foreign.is_transactional(self)

    def is_memory_only(self) -> bool:
        """Whether what it holds ends with the process; by default as ``_EPHEMERAL`` says."""
        return foreign.is_memory_only(self)

    def is_single_process(self) -> bool:
        """Whether it must stay in its process; by default as ``_SINGLE_PROCESS`` says."""
        return foreign.is_single_process(self)

    def wrapped(self) -> Any | None:
        """Return the data set that it wraps; by default what ``_dataset`` holds, if that is one."""
        return foreign.wrapped(self)

    def state(self) -> str | None:
        """Return a token of what a load would now find, which a save changes.

        By default it is told for what lies on local disk: a file by its size and time, a Delta
        table by its version, a folder by a hash of its listing.

        Returns:
            None if nothing is there, or if it cannot be told at the cost of a listing.
        """
        return foreign.state(self)

    def load(self) -> Loaded:
        """Return the data.

        Raises:
            DataSetError: It cannot be loaded.
        """
        try:
            return self._load()
        except DataSetError:
            raise
        except Exception as exc:
            raise self._failure(exc) from exc

    def save(self, data: Saved) -> None:
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
            raise self._failure(exc) from exc

    def _failure(self, exc: Exception) -> DataSetError:
        """Return why a load or save failed, with the place if the reason does not tell it."""
        from sparkpipe.io.declared import location_of

        failure = DataSetError(reason_of(exc), hint=hint_of(exc))
        place = location_of(self)
        if place and place not in failure.message:
            failure.where = f"{type(self).__name__}, {place}"
        return failure

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

    def _copy(self, **attributes: Any) -> Any:
        """Return a copy with some attributes changed; data sets and hooks for Kedro call it."""
        from copy import deepcopy

        copied = deepcopy(self)
        for name, value in attributes.items():
            setattr(copied, name, value)
        return copied

    def __str__(self) -> str:
        shown = redacted({k: v for k, v in self._describe().items() if v is not None})
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"

    def __repr__(self) -> str:
        return str(self)


AbstractDataset = AbstractDataSet
