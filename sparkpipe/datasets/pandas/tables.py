"""CSV, JSON, Parquet and Feather files by pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, ClassVar

from sparkpipe.datasets.pandas.options import check_frame, unknown_options
from sparkpipe.io import facts
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.importing import missing_packages

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zip": "zip", ".xz": "xz", ".zst": "zstd"}


class TableDataSet(FileDataSet):
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
        method = f"to_{self._FORMAT}"
        check_frame(data, self, method)
        getattr(data, method)(file, **{**self._compression(), **self._save_args})

    def _save(self, data: Any) -> None:
        super()._save(data)
        if facts.is_asked():
            facts.note(rows=len(data))

    def _problems(self) -> list[str]:
        missing = missing_packages(self._REQUIRES)
        if missing:
            return missing
        problems = super()._problems()
        if self._load_args or self._save_args != self.DEFAULT_SAVE_ARGS:
            import pandas

            writer = getattr(pandas.DataFrame, f"to_{self._FORMAT}")
            problems += unknown_options("load_args", self._load_args, self._reader())
            problems += unknown_options("save_args", self._save_args, writer)
        return problems


class CSVDataSet(TableDataSet):
    """A CSV file, by ``pandas.read_csv`` (load_args) and ``DataFrame.to_csv`` (save_args)."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False}
    _FORMAT = "csv"


class JSONDataSet(TableDataSet):
    """A table as JSON, by ``pandas.read_json`` and ``DataFrame.to_json``."""

    _FORMAT = "json"


class FeatherDataSet(TableDataSet):
    """A Feather file, by pandas and PyArrow."""

    _FORMAT = "feather"
    _REQUIRES = ("pandas", "pyarrow")

    def _compression(self) -> dict[str, str]:
        return {}  # that of Feather is inside the file


class ParquetDataSet(TableDataSet):
    """A Parquet file, or a folder of them as Spark writes; by pandas and PyArrow."""

    _FORMAT = "parquet"
    _REQUIRES = ("pandas", "pyarrow")

    def _compression(self) -> dict[str, str]:
        return {}  # that of Parquet is inside the file

    def _load(self) -> Any:
        path = str(self._get_load_path())
        if self._fs.isdir(path):
            # As the file system lists it, for PyArrow compares the two.
            path = str(self._fs._strip_protocol(path))
            return self._reader()(path, filesystem=self._fs, **self._load_args)
        return super()._load()

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self._save_args.get("partition_cols"):
            problems.append(
                f"save_args: {type(self).__name__} writes one file, which has no partition_cols. "
                "Use spark.SparkDataSet or PartitionedDataSet."
            )
        return problems


CSVDataset = CSVDataSet
FeatherDataset = FeatherDataSet
JSONDataset = JSONDataSet
ParquetDataset = ParquetDataSet
