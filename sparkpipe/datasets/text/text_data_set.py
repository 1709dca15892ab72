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


TextDataset = TextDataSet
