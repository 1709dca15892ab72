"""Figures of matplotlib as image files."""

from __future__ import annotations

from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.files import FileDataSet


class MatplotlibWriter(FileDataSet):
    """A figure saved as an image; ``save_args`` go to ``Figure.savefig``. It cannot be loaded.

    The format is that of the file's ending (``.png``, ``.svg``, ``.pdf``).
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {}

    def _read(self, file: IO[Any]) -> Any:
        raise DataSetError("a figure that was saved as an image cannot be loaded again.")

    def _write(self, file: IO[Any], data: Any) -> None:
        if not hasattr(data, "savefig"):
            raise DataSetError(f"a matplotlib Figure is needed, not {type(data).__name__}.")
        # The file being written has a name of its own, so the format must be said.
        suffix = self._filepath.suffix.lstrip(".") or "png"
        data.savefig(file, **{"format": suffix, **self._save_args})
