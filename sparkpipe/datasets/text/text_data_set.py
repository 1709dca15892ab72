"""Text files."""

from __future__ import annotations

from typing import IO, Any

from sparkpipe.errors import DataSetError
from sparkpipe.io.files import FileDataSet


class TextDataSet(FileDataSet):
    """A text file as one string, in UTF-8 unless ``fs_args`` say otherwise."""

    _BINARY = False

    def _read(self, file: IO[Any]) -> Any:
        return file.read()

    def _write(self, file: IO[Any], data: Any) -> None:
        if not isinstance(data, str):
            raise DataSetError(f"a string is needed, not {type(data).__name__}.")
        file.write(data)

    def _warnings(self) -> list[str]:
        given = {"load": self._load_args, "save": self._save_args}
        return [
            f"{what}_args have no effect on text. Options of the file, such as its encoding, are "
            f"fs_args: {{open_args_{what}: {{encoding: ...}}}}."
            for what, options in given.items()
            if options
        ]


TextDataset = TextDataSet
