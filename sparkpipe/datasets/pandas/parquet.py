"""Parquet files by pandas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from sparkpipe.datasets.pandas.options import check_frame
from sparkpipe.datasets.pandas.tables import TableDataSet

#: Options that decide themselves how times are stored.
_OF_TIMES = ("coerce_timestamps", "use_deprecated_int96_timestamps", "version", "flavor")


class ParquetDataSet(TableDataSet):
    """A Parquet file, or a folder of them as Spark writes; by pandas and PyArrow.

    Times are stored in microseconds where nothing is lost by it, since Spark reads no nanoseconds;
    pandas gets them back in the unit in which they were saved.
    """

    _FORMAT = "parquet"
    _IS_ONE_PIECE = True
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

    def _read(self, file: IO[Any]) -> Any:
        frame = super()._read(file)
        if self._decides_on_times() or "us" not in _units(frame).values():
            return frame
        import pyarrow.parquet

        file.seek(0)
        return _in_units(frame, pyarrow.parquet.read_schema(file).pandas_metadata or {})

    def _write(self, file: IO[Any], data: Any) -> None:
        check_frame(data, self, "to_parquet")
        if self._decides_on_times() or "ns" not in _units(data).values():
            super()._write(file, data)
            return
        import pyarrow

        try:
            data.to_parquet(file, **{**self._save_args, "coerce_timestamps": "us"})
        except pyarrow.ArrowInvalid:  # there are nanoseconds that would be lost
            file.seek(0)
            file.truncate()
            super()._write(file, data)

    def _decides_on_times(self) -> bool:
        """Whether the options say how times are stored, or another package writes them."""
        engines = (self._load_args.get("engine"), self._save_args.get("engine"))
        return "fastparquet" in engines or any(one in self._save_args for one in _OF_TIMES)

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self._save_args.get("partition_cols"):
            problems.append(
                f"save_args: {type(self).__name__} writes one file, which has no partition_cols. "
                "Use spark.SparkDataSet or PartitionedDataSet."
            )
        return problems


ParquetDataset = ParquetDataSet


def _units(frame: Any) -> dict[Any, str]:
    """Return the units of columns, and of an index of one level, that hold times of NumPy's."""
    return {name: unit for name, dtype in _dtypes(frame) if (unit := _unit(dtype))}


def _dtypes(frame: Any) -> Iterator[tuple[Any, Any]]:
    yield from zip(frame.columns, frame.dtypes, strict=True)
    yield _Index, frame.index.dtype


class _Index:
    """Stands for the index of a frame, which may have the name of a column, or none."""


def _unit(dtype: Any) -> str:
    if getattr(dtype, "kind", "") != "M":
        return ""
    unit = getattr(dtype, "unit", None)  # that of a time zone
    if unit is None:
        import numpy

        unit = numpy.datetime_data(dtype)[0] if isinstance(dtype, numpy.dtype) else ""
    return str(unit)


def _in_units(frame: Any, metadata: dict[str, Any]) -> Any:
    """Return a frame with times in the units that it had when pandas saved it."""
    saved = {one.get("name"): str(one.get("numpy_type", "")) for one in metadata.get("columns", ())}
    for name, unit in _units(frame).items():
        told = saved.get(frame.index.name if name is _Index else name, "")
        if unit != "us" or told != "datetime64[ns]":
            continue
        if name is _Index:
            frame.index = frame.index.as_unit("ns")
        else:
            frame[name] = frame[name].dt.as_unit("ns")
    return frame
