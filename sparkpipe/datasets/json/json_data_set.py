"""JSON documents by the standard library."""

from __future__ import annotations

import json
from typing import IO, Any, ClassVar

from sparkpipe.io.files import FileDataSet


class JSONDataSet(FileDataSet):
    """A JSON document, such as metrics or settings; for tables see ``pandas.JSONDataSet``.

    ``load_args`` go to :func:`json.load`, ``save_args`` to :func:`json.dump`.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"indent": 2}
    _BINARY = False

    def _read(self, file: IO[Any]) -> Any:
        return json.load(file, **self._load_args)

    def _write(self, file: IO[Any], data: Any) -> None:
        json.dump(data, file, **self._save_args)


JSONDataset = JSONDataSet
