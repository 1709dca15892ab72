"""A data set that remembers what it loaded or saved last."""

from __future__ import annotations

import threading
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import AbstractDataSet, Version, has_load_and_save, is_spark_frame
from sparkpipe.io.declared import state_of
from sparkpipe.io.for_run import InRun, forget, of_run
from sparkpipe.io.kinds import is_read_once
from sparkpipe.io.memory import MemoryDataSet
from sparkpipe.io.wrapper import WrapperDataSet


class CachedDataSet(WrapperDataSet):
    """Wraps a data set; loads it once in a run and then gives what is in memory.

    Args:
        dataset: A data set, or its configuration.
        version: Versions to load and save, for the data set inside: ``versioned: true`` may stand
            in the entry or in ``dataset``.
        copy_mode: See :class:`MemoryDataSet`.
    """

    # Whether its run saves at the same place by another name; and the state of what is in memory.
    _is_shared = False
    _state: str | None = None

    def __init__(
        self,
        dataset: AbstractDataSet | dict[str, Any],
        version: Version | None = None,
        copy_mode: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        from sparkpipe.io.factory import build_data_set, refuse_passed_over

        self._dataset: Any
        if isinstance(dataset, dict):
            refuse_passed_over(dataset, ("schema", "schema_change", "preview"))
            versioned = {"versioned": True} if version is not None else {}
            self._dataset = build_data_set({**dataset, **versioned}, version=version)
        elif has_load_and_save(dataset):
            self._dataset = dataset
        else:
            raise DataSetError(
                f"'dataset' must be a data set or its configuration, not {type(dataset).__name__}."
            )
        self._cache = MemoryDataSet(copy_mode=copy_mode)
        # Readers side by side wait for the one that loads. A load may ask for the same data set.
        self._lock = threading.RLock()
        self.metadata = metadata

    def _inner(self) -> Any:
        return self._dataset

    def _load(self) -> Any:
        with self._lock:
            if not self._cache.exists() or self._is_changed():
                self._state = state_of(self._dataset) if self._is_shared else None
                data = self._dataset.load()
                if is_read_once(data):  # each reader needs one of its own
                    return data
                self._cache.save(data)
        return self._cache.load()

    def _is_changed(self) -> bool:
        """Whether the run has saved, by another name, what is in memory here."""
        return self._is_shared and (self._state is None or self._state != state_of(self._dataset))

    def _save(self, data: Any) -> None:
        with self._lock:
            self._dataset.save(data)
            is_whole = self.save_effect() in ("replace", "keep")
            if is_whole and not is_spark_frame(data):
                self._state = state_of(self._dataset) if self._is_shared else None
                self._cache.save(data)
            else:  # a part of what is there, or lazy: what was saved will be loaded
                self._cache.release()

    def _exists(self) -> bool:
        return self._cache.exists() or bool(self._dataset.exists())

    def _release(self) -> None:
        self._cache.release()
        super()._release()

    def _missing(self) -> str:
        return "" if self._cache.exists() else super()._missing()

    def _describe(self) -> dict[str, Any]:
        # A data set of another library may tell more of itself than can be shown.
        ours = isinstance(self._dataset, AbstractDataSet)
        shown = str(self._dataset) if ours else type(self._dataset).__name__
        return {"dataset": shown}

    def _of_run(self, part: InRun) -> CachedDataSet:
        other = self._with_empty_cache(of_run(self._dataset, part))
        other._is_shared = part.is_shared
        return other

    def _forget(self) -> None:
        self._cache.release()
        forget(self._dataset)

    def _with_empty_cache(self, inner: Any) -> CachedDataSet:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _dataset=inner)
        other._cache = MemoryDataSet(copy_mode=self._cache._copy_mode)
        other._lock = threading.RLock()
        return other

    def __getstate__(self) -> dict[str, Any]:
        # The cache stays where it was filled; another process loads for itself.
        kept = {name: v for name, v in self.__dict__.items() if name not in ("_lock", "_cache")}
        return {**kept, "_copy_mode": self._cache._copy_mode}

    def __setstate__(self, state: dict[str, Any]) -> None:
        cache = MemoryDataSet(copy_mode=state.pop("_copy_mode"))
        self.__dict__.update(state, _cache=cache, _lock=threading.RLock())


CachedDataset = CachedDataSet
