"""CSV, JSON and Parquet files by pandas."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError, did_you_mean
from sparkpipe.io.core import is_spark_frame
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.importing import install_hint

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zip": "zip", ".xz": "xz", ".zst": "zstd"}


class _TableDataSet(FileDataSet):
    """A file read by ``pandas.read_<format>`` and written by ``DataFrame.to_<format>``."""

    _FORMAT: ClassVar[str]
    _REQUIRES: ClassVar[tuple[str, ...]] = ("pandas",)

    def _reader(self) -> Callable[..., Any]:
        import pandas

        reader: Callable[..., Any] = getattr(pandas, f"read_{self._FORMAT}")
        return reader

    def _read(self, file: IO[Any]) -> Any:
        return self._reader()(file, **{**self._compression(), **self._load_args})

    def _compression(self) -> dict[str, str]:
        # pandas tells a compressed file by its name, which an open file does not have.
        name = _COMPRESSIONS.get(self._filepath.suffix)
        return {"compression": name} if name else {}

    def _write(self, file: IO[Any], data: Any) -> None:
        if is_spark_frame(data):
            raise DataSetError(
                f"a pandas DataFrame is needed for {type(self).__name__}, this is one of Spark.",
                hint="Use spark.SparkDataSet, or return frame.toPandas().",
            )
        writer = getattr(data, f"to_{self._FORMAT}", None)
        if writer is None:
            raise DataSetError(f"a pandas DataFrame is needed, not {type(data).__name__}.")
        writer(file, **{**self._compression(), **self._save_args})

    def _problems(self) -> list[str]:
        for module in self._REQUIRES:
            if find_spec(module) is None:
                return [f"the package {module} is not installed. {install_hint(module)}"]
        problems = super()._problems()
        if self._load_args or self._save_args != self.DEFAULT_SAVE_ARGS:
            import pandas

            writer = getattr(pandas.DataFrame, f"to_{self._FORMAT}")
            problems += _unknown_options("load_args", self._load_args, self._reader())
            problems += _unknown_options("save_args", self._save_args, writer)
        return problems


class CSVDataSet(_TableDataSet):
    """A CSV file, by ``pandas.read_csv`` (load_args) and ``DataFrame.to_csv`` (save_args)."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False}
    _FORMAT = "csv"


class JSONDataSet(_TableDataSet):
    """A table as JSON, by ``pandas.read_json`` and ``DataFrame.to_json``."""

    _FORMAT = "json"


class ParquetDataSet(_TableDataSet):
    """A Parquet file, or a folder of them as Spark writes; by pandas and PyArrow."""

    _FORMAT = "parquet"
    _REQUIRES = ("pandas", "pyarrow")

    def _compression(self) -> dict[str, str]:
        return {}  # that of Parquet is inside the file

    def _load(self) -> Any:
        path = str(self._get_load_path())
        if self._fs.isdir(path):
            return self._reader()(path, filesystem=self._fs, **self._load_args)
        return super()._load()


CSVDataset = CSVDataSet
JSONDataset = JSONDataSet
ParquetDataset = ParquetDataSet


def _unknown_options(
    what: str, options: Mapping[str, Any], function: Callable[..., Any]
) -> list[str]:
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return []
    return [
        f"{what}: {function.__name__} has no option '{option}'. {did_you_mean(option, parameters)}"
        for option in options
        if option not in parameters
    ]
