"""Python objects as pickle files."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from importlib import import_module
from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.core import Version, holds_live, holds_spark, is_pandas_on_spark
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.importing import install_hint, is_installed

_BACKENDS = ("pickle", "cloudpickle", "joblib", "dill", "compress_pickle")


class PickleDataSet(FileDataSet):
    """Any Python object in a pickle file. Load only files that you trust: loading runs their code.

    Args:
        filepath: Path or address of the file.
        backend: ``pickle``, or an installed package with the same ``load`` and ``dump``:
            ``cloudpickle``, ``joblib``, ``dill``, ``compress_pickle``.
        load_args: Options of the backend's ``load``.
        save_args: Options of the backend's ``dump``.
        version: Versions to load and save.
        credentials: For the file system; never shown.
        fs_args: More arguments of the file system.
        metadata: Kept for other tools.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}
    _IS_ONE_PIECE = True

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        backend: str = "pickle",
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        version: Version | None = None,
        credentials: Mapping[str, Any] | None = None,
        fs_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, load_args, save_args, version, credentials, fs_args, metadata)
        if backend not in _BACKENDS:
            raise DataSetError(
                f"backend '{backend}' is not known.", hint=f"It is one of {', '.join(_BACKENDS)}."
            )
        self._backend = backend

    def _read(self, file: IO[Any]) -> Any:
        return import_module(self._backend).load(file, **self._load_args)

    def _write(self, file: IO[Any], data: Any) -> None:
        if is_pandas_on_spark(data):
            raise DataSetError(
                "a frame of pandas on Spark cannot be pickled.",
                hint="Give its frame.to_pandas(), or use spark.SparkDataSet with frame.to_spark().",
            )
        if holds_spark(data):
            raise DataSetError(
                "a Spark DataFrame or session cannot be pickled.",
                hint="Use spark.SparkDataSet for it.",
            )
        try:
            import_module(self._backend).dump(data, file, **self._save_args)
        except (pickle.PicklingError, AttributeError, TypeError) as exc:
            raise DataSetError(
                f"a {type(data).__name__} cannot be pickled by {self._backend}: {exc}",
                hint=self._remedy(data),
            ) from exc

    def _remedy(self, data: Any) -> str:
        if holds_live(data):
            return (
                "It stands for something in Spark or in a database, which no pickle holds: keep it "
                "in memory, or save it in its own way, such as model.write().save(path)."
            )
        return "" if self._backend == "cloudpickle" else "Try backend: cloudpickle."

    def _problems(self) -> list[str]:
        if not is_installed(self._backend):
            return [f"backend {self._backend} is not installed. {install_hint(self._backend)}"]
        return super()._problems()

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "backend": self._backend}


PickleDataset = PickleDataSet
