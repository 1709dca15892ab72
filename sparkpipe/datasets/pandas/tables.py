"""CSV, JSON and Feather files by pandas."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any, ClassVar
from weakref import finalize

from sparkpipe.datasets.pandas.options import check_frame, unknown_options
from sparkpipe.errors import DataSetError
from sparkpipe.io import facts
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.importing import missing_packages

# With these a load says itself where names of columns are, or that there are none.
_OF_NAMES = frozenset(("header", "names", "skiprows", "comment"))

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

    def _load(self) -> Any:
        if not (self._load_args.get("chunksize") or self._load_args.get("iterator")):
            return super()._load()
        # What reads chunk by chunk needs its file, which is closed when nobody has the reader.
        file = self._opened(self._address(self._get_load_path()))
        if self._is_local and "b" in self._open_args()["mode"]:
            file = io.BufferedReader(_AsItWas(file))
        try:
            reader = self._read(file)
        except BaseException:
            file.close()
            raise
        finalize(reader, file.close)
        return reader

    def _save_mode(self) -> str:
        """Return the mode of ``open_args_save``, else that of ``save_args``.

        pandas is given a file that is open already, for which a mode has no effect.
        """
        mode = self._save_args.get("mode")
        if mode is None or "mode" in self._open_args_save:
            return super()._save_mode()
        return self._mode(_letter(mode))

    def _compression(self) -> dict[str, str]:
        # pandas tells a compressed file by its name, which an open file does not have.
        name = _COMPRESSIONS.get(self._filepath.suffix)
        return {"compression": name} if name else {}

    def _options(self, file: IO[Any]) -> dict[str, Any]:
        """Return options of a save that those of the entry may replace."""
        return {}

    def _write(self, file: IO[Any], data: Any) -> None:
        method = f"to_{self._FORMAT}"
        check_frame(data, self, method)
        options = {**self._compression(), **self._options(file), **self._save_args}
        if "mode" in options:  # whether there are bytes or text in the file, it sees for itself
            options["mode"] = _letter(options["mode"])
        getattr(data, method)(file, **options)

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

    def _options(self, file: IO[Any]) -> dict[str, Any]:
        # Names of columns among the rows would be read as a row.
        has_rows = self._save_mode().startswith("a") and file.tell() > 0
        return {"header": False} if has_rows else {}

    def _write(self, file: IO[Any], data: Any) -> None:
        told = "header" in self._save_args or not _OF_NAMES.isdisjoint(self._load_args)
        if self._is_local and not told and self._options(file):
            check_frame(data, self, "to_csv")
            self._check_names(file.name, data)
        super()._write(file, data)

    def _check_names(self, path: str, data: Any) -> None:
        """Refuse rows that would be read under the names of other columns."""
        unread = {"mode", "compression", "chunksize"}
        options = {name: v for name, v in self._save_args.items() if name not in unread}
        names = io.BytesIO()
        data.iloc[:0].to_csv(names, **options)
        names.seek(0)
        how = {name: v for name, v in options.items() if name in ("sep", "encoding", "quotechar")}
        try:
            new = [*self._reader()(names, nrows=0, **how)]
            old = [*self._reader()(path, nrows=0, **self._compression(), **how)]
        except Exception as exc:  # it is no table that pandas reads; nothing is known of it
            self._logger.debug("The names of columns in %s are not known: %s", path, exc)
            return
        if new != old:
            raise DataSetError(
                f"the columns of the data ({', '.join(new)}) are not those of the file "
                f"({', '.join(old)}), and its rows would be read under wrong names.",
                hint="Give the same columns in the same order; if the file has no names in it, "
                "say header: false in save_args.",
            )


class JSONDataSet(TableDataSet):
    """A table as JSON, by ``pandas.read_json`` and ``DataFrame.to_json``."""

    _FORMAT = "json"

    def _why_not_added(self) -> str:
        if self._save_args.get("lines") and self._save_args.get("orient") == "records":
            return ""
        return (
            "save_args: only lines can be added to a JSON file. "
            "Give mode: a with orient: records and lines: true."
        )


class FeatherDataSet(TableDataSet):
    """A Feather file, by pandas and PyArrow."""

    _FORMAT = "feather"
    _IS_ONE_PIECE = True
    _REQUIRES = ("pandas", "pyarrow")

    def _compression(self) -> dict[str, str]:
        return {}  # that of Feather is inside the file


class _AsItWas(io.RawIOBase):
    """A file up to where it ended when it was opened, whatever is added to it while it is read.

    A node that reads chunks of a file and adds to the same one would never come to its end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = file.seek(0, io.SEEK_END)
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(max(0, min(len(buffer), self._end - self._file.tell())))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset, whence = self._end + offset, io.SEEK_SET
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


def _letter(mode: Any) -> str:
    return str(mode).replace("b", "").replace("t", "")


CSVDataset = CSVDataSet
FeatherDataset = FeatherDataSet
JSONDataset = JSONDataSet
