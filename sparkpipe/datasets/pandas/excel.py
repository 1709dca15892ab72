"""Excel workbooks by pandas."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from sparkpipe.datasets.pandas.options import check_frame, unknown_options
from sparkpipe.errors import DataSetError
from sparkpipe.io import facts
from sparkpipe.io.core import Version
from sparkpipe.io.files import FileDataSet
from sparkpipe.io.importing import missing_packages
from sparkpipe.io.partition_names import check_apart

# Engines of pandas that are not named after the package that they need.
_PACKAGES = {"calamine": "python_calamine"}


class ExcelDataSet(FileDataSet):
    """A workbook, by ``pandas.read_excel`` (load_args) and ``DataFrame.to_excel`` (save_args).

    A dictionary of frames is saved as one sheet each. ``load_args: {sheet_name: null}`` loads all
    sheets as such a dictionary.

    Args:
        filepath: Path or address of the file.
        engine: The package that writes, as pandas calls it.
        load_args: Options of ``pandas.read_excel``.
        save_args: Options of ``DataFrame.to_excel``; those under ``writer`` go to
            ``pandas.ExcelWriter``.
        version: Versions to load and save.
        credentials: For the file system; never shown.
        fs_args: More arguments of the file system.
        metadata: Kept for other tools.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False}
    _IS_ONE_PIECE = True

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        engine: str = "openpyxl",
        load_args: Mapping[str, Any] | None = None,
        save_args: Mapping[str, Any] | None = None,
        version: Version | None = None,
        credentials: Mapping[str, Any] | None = None,
        fs_args: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath, load_args, save_args, version, credentials, fs_args, metadata)
        writer = self._save_args.pop("writer", None) or {}
        if not isinstance(writer, Mapping):
            raise DataSetError(f"writer in save_args must be a mapping, not {writer!r}.")
        if "a" in str(writer.get("mode", "")):
            raise DataSetError(
                "sheets cannot be added to a workbook.",
                hint="Save all its sheets together: a dictionary of sheet to DataFrame.",
            )
        self._writer_args: dict[str, Any] = {"engine": engine, **writer}

    def _read(self, file: IO[Any]) -> Any:
        import pandas

        return pandas.read_excel(file, **self._load_args)

    def _write(self, file: IO[Any], data: Any) -> None:
        import pandas

        sheets = data if isinstance(data, dict) else {None: data}
        if not sheets:
            raise DataSetError("a workbook needs at least one sheet, and the dictionary is empty.")
        if isinstance(data, dict):
            check_apart(data, folds_case=True, what="sheet", place="sheet")
        for frame in sheets.values():
            check_frame(frame, self, "to_excel")
        workbook: Any = pandas.ExcelWriter  # its type has a form for each engine
        with workbook(file, **self._writer_args) as writer:
            for name, frame in sheets.items():
                of_sheet = {} if name is None else {"sheet_name": str(name)}
                frame.to_excel(writer, **{**self._save_args, **of_sheet})

    def _save(self, data: Any) -> None:
        super()._save(data)
        if facts.is_asked() and not isinstance(data, dict):
            facts.note(rows=len(data))

    def _problems(self) -> list[str]:
        engine = str(self._load_args.get("engine") or self._writer_args["engine"])
        missing = missing_packages(("pandas", _PACKAGES.get(engine, engine)))
        if missing:
            return missing
        problems = super()._problems()
        if self._load_args or self._save_args != self.DEFAULT_SAVE_ARGS:
            import pandas

            problems += unknown_options("load_args", self._load_args, pandas.read_excel)
            problems += unknown_options("save_args", self._save_args, pandas.DataFrame.to_excel)
        return problems


ExcelDataset = ExcelDataSet
