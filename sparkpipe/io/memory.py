"""Data that lives in the memory of the run."""

from __future__ import annotations

import copy
import logging
import sys
from typing import Any

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.core import AbstractDataSet
from sparkpipe.io.kinds import (
    is_lost_by_copying,
    is_read_once,
    position_of,
    spent_part,
)
from sparkpipe.spark.storage_levels import STORAGE_LEVELS


class _Empty:
    """Stands for no data; the same object also in another process."""

    def __reduce__(self) -> str:
        return "_EMPTY"


_EMPTY = _Empty()
_logger = logging.getLogger(__name__)
_COPY_MODES = ("assign", "copy", "deepcopy")
_READ_AGAIN = "Return a list from the node that makes it, so that it can be read again."
# deepcopy gives these back as they are; asking their type is ten times faster.
_ATOMIC = frozenset({int, float, bool, str, bytes, complex, type(None)})


class MemoryDataSet(AbstractDataSet):
    """Keeps data in memory, by default so that no node can change what another one gets.

    Args:
        data: What to hold from the start.
        copy_mode: ``assign``, ``copy`` or ``deepcopy``, at saving and at loading. By default pandas
            and NumPy objects are copied; what is of Spark (frames, columns, models), or holds
            something of it, is assigned, and so is what cannot be copied, such as a lock or an open
            connection, or what ends something when it is thrown away, such as a temporary folder;
            everything else is deep-copied.
        metadata: Kept for other tools.
        persist: Whether a Spark frame that more than one node reads is persisted until they have
            run: by default yes, with the storage level of the project; or the name of a storage
            level of Spark.

    >>> data_set = MemoryDataSet([1, 2])
    >>> data_set.load().append(3)
    >>> data_set.load()
    [1, 2]
    """

    _EPHEMERAL = True
    # Of what is no number or text: whether it was read, and a reader told; where a file began.
    _is_read = False
    _has_told = False
    _start: int | None = None

    def __init__(
        self,
        data: Any = _EMPTY,
        copy_mode: str | None = None,
        metadata: dict[str, Any] | None = None,
        persist: bool | str | None = None,
    ) -> None:
        if copy_mode is not None and copy_mode not in _COPY_MODES:
            raise DataSetError(
                f"copy_mode '{copy_mode}' is not known.", hint=f"It is one of {_COPY_MODES}."
            )
        if isinstance(persist, str) and persist not in STORAGE_LEVELS:
            raise DataSetError(
                f"persist: '{persist}' is no storage level of Spark.",
                hint=did_you_mean(persist, STORAGE_LEVELS)
                or f"One of {', '.join(STORAGE_LEVELS)}.",
            )
        self._copy_mode = copy_mode
        self.metadata = metadata
        self.persist = persist
        self._data: Any = _EMPTY
        self._mode = copy_mode or "deepcopy"
        if data is not _EMPTY:
            self._save(data)  # unlike what a node returns, a parameter may be None

    def load(self) -> Any:
        """Return the data, or a copy of it.

        Raises:
            DataSetError: Nothing has been saved, or the data cannot be copied.
        """
        data = self._data
        if type(data) in _ATOMIC:
            return data
        return super().load()

    def _load(self) -> Any:
        if self._data is _EMPTY:
            raise DataSetError("nothing has been saved to it yet.")
        data, is_read, self._is_read = self._data, self._is_read, True
        # What is not copied to its depth is read by all, and a second reader gets what is left.
        if self._mode != "deepcopy":
            if is_read_once(data):
                if is_read:
                    raise DataSetError(
                        f"it holds a {type(data).__name__}, which has been read already.",
                        hint=_READ_AGAIN,
                    )
                return data
            if is_read:
                self._tell_what_is_spent()
        return _kept(data, self._mode)[0] if self._copy_mode is None else _copied(data, self._mode)

    def _tell_what_is_spent(self) -> None:
        spent = spent_part(self._data, self._start)
        if spent is not None and not self._has_told:
            self._has_told = True
            _logger.warning(
                "More than one node reads the same %s from memory: what one of them has read, no "
                "other one gets. %s",
                type(spent).__name__,
                _READ_AGAIN,
            )

    def _save(self, data: Any) -> None:
        if type(data) in _ATOMIC:
            self._data = data
            return
        self._is_read = self._has_told = False
        self._start = position_of(data)
        if self._copy_mode is not None:
            self._data = _copied(data, self._copy_mode)
        else:
            self._data, self._mode = _kept(data, _default_copy_mode(data))

    def _exists(self) -> bool:
        return self._data is not _EMPTY

    def _release(self) -> None:
        self._data = _EMPTY

    def location(self) -> str:
        """Return nothing: memory is no place to look for it."""
        return ""

    def _describe(self) -> dict[str, Any]:
        kind = None if self._data is _EMPTY else f"<{type(self._data).__name__}>"
        return {"data": kind, "copy_mode": self._copy_mode}


MemoryDataset = MemoryDataSet


def _kept(data: Any, mode: str) -> tuple[Any, str]:
    """Return what is kept of data where no mode is asked for, and the mode for its loads."""
    try:
        return _copied(data, mode), mode
    except Exception as exc:
        # The node that made it may have worked for hours: it is shared rather than lost.
        told, kind = type(exc.__cause__ or exc).__name__, type(data).__name__
        _logger.debug("A %s cannot be copied (%s); it is passed on as it is.", kind, told)
        return data, "assign"


def _copied(data: Any, mode: str) -> Any:
    if mode == "assign":
        return data
    try:
        if mode == "deepcopy":
            return copy.deepcopy(data)
        return data.copy() if _copies_itself(data) else copy.copy(data)
    except Exception as exc:
        raise DataSetError(
            f"a {type(data).__name__} cannot be copied ({mode}): {exc}.",
            hint="Set copy_mode: assign for this data set in the catalog.",
        ) from exc


def _copies_itself(data: Any) -> bool:
    return _is_instance(data, "pandas", "DataFrame", "Series", "Index") or _is_instance(
        data, "numpy", "ndarray"
    )


def _default_copy_mode(data: Any) -> str:
    if _copies_itself(data):
        return "copy"
    return "assign" if is_lost_by_copying(data) else "deepcopy"


def _is_instance(data: Any, module: str, *names: str) -> bool:
    """Isinstance without importing: data of a module that is not loaded cannot exist."""
    loaded = sys.modules.get(module)
    types = tuple(t for name in names if isinstance(t := getattr(loaded, name, None), type))
    try:
        return isinstance(data, types)
    except Exception:  # an object that does not tell its class, such as a proxy of nothing
        return False
