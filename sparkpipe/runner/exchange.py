"""Data in memory that passes between processes by files in the folder of the run."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import AbstractDataSet, DataCatalog, MemoryDataSet
from sparkpipe.io.files import replacing
from sparkpipe.pipeline import Pipeline
from sparkpipe.runner.crossing import Pickler


class SharedMemoryDataSet(AbstractDataSet):
    """Data of a run that more than one process uses.

    In the process of the run it is kept in memory, and copied to a file only for other processes.
    What another process saves is in a file of its own, and read from there by all.

    Args:
        path: A file that is not there yet, in the folder of the run.
        memory: Where the process of the run keeps it.
    """

    _EPHEMERAL = True

    def __init__(self, path: Path, memory: MemoryDataSet) -> None:
        self._saved = path
        self._copy = path.with_suffix(".copy")
        self._lock = threading.Lock()
        self.memory: MemoryDataSet | None = memory
        self.persist = memory.persist

    def __getstate__(self) -> dict[str, Any]:
        return {"_saved": self._saved, "_copy": self._copy, "memory": None, "persist": self.persist}

    def hand_over(self) -> None:
        """Let other processes read what is in memory.

        Raises:
            DataSetError: It cannot be pickled.
        """
        memory = self.memory
        with self._lock:
            if memory is None or self._saved.exists() or self._copy.exists():
                return
            if memory.exists():
                # As it is: a copy in memory of what is copied to a file would be one too many.
                _write(self._copy, memory._data)

    def fetch(self) -> None:
        """Take into memory what another process has saved."""
        if self.memory is not None and self._saved.exists():
            self.memory.save(self.load())

    def _load(self) -> Any:
        if self._saved.exists():
            return _read(self._saved)
        if self.memory is not None:
            return self.memory.load()
        if self._copy.exists():
            return _read(self._copy)
        raise DataSetError("nothing has been saved to it yet.")

    def _save(self, data: Any) -> None:
        if self.memory is None:
            _write(self._saved, data)
        else:
            self.memory.save(data)
            for path in (self._saved, self._copy):
                path.unlink(missing_ok=True)

    def _exists(self) -> bool:
        in_memory = self.memory is not None and self.memory.exists()
        return in_memory or self._saved.exists() or self._copy.exists()

    def _release(self) -> None:
        if self.memory is not None:
            self.memory.release()
        for path in (self._saved, self._copy):
            path.unlink(missing_ok=True)

    def _describe(self) -> dict[str, Any]:
        return {}


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def _write(path: Path, data: Any) -> None:
    with replacing(path) as beside, open(beside, "wb") as file:
        try:
            Pickler(file).dump(data)
        except Exception as exc:
            raise DataSetError(
                f"a {type(data).__name__} cannot be passed to another process: {exc}",
                hint="Return something that can be pickled, or use ThreadRunner.",
            ) from exc


@contextmanager
def sharing_memory(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[DataCatalog]:
    """Give the catalog of a run, in which data in memory can pass between processes.

    At the end of a run that has not failed, outputs in memory are in the data sets of ``catalog``.
    """
    with tempfile.TemporaryDirectory(prefix="sparkpipe-") as folder:
        shared = DataCatalog()
        for number, name in enumerate(sorted(pipeline.data_sets())):
            data_set = catalog[name]
            if isinstance(data_set, MemoryDataSet):
                data_set = SharedMemoryDataSet(Path(folder, f"{number}.pickle"), data_set)
            shared.add(name, data_set)
        yield shared
        for name in sorted(pipeline.outputs()):
            if isinstance(shared[name], SharedMemoryDataSet):
                shared[name].fetch()
