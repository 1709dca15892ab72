"""JSON documents by the standard library."""

from __future__ import annotations

import json
from typing import IO, Any, ClassVar

from sparkpipe.errors import DataSetError
from sparkpipe.io.files import FileDataSet


class JSONDataSet(FileDataSet):
    """A JSON document, such as metrics or settings; for tables see ``pandas.JSONDataSet``.

    ``load_args`` go to :func:`json.load`, ``save_args`` to :func:`json.dump`.
    """

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"indent": 2}
    _BINARY = False
    _IS_ONE_PIECE = True

    def _read(self, file: IO[Any]) -> Any:
        return json.load(file, **self._load_args)

    def _write(self, file: IO[Any], data: Any) -> None:
        json.dump(data, file, **self._save_args)
        _check_keys(data)  # by now it is known that nothing is in itself


def _check_keys(data: Any) -> None:
    """Refuse keys that are one text in JSON, of which a load would give the last one only."""
    if isinstance(data, dict) and not all(type(key) is str for key in data):
        seen: dict[str, Any] = {}
        for key in data:
            text = json.dumps({key: None}, skipkeys=True)
            if seen.setdefault(text, key) is not key and text != "{}":
                raise DataSetError(
                    f"keys {seen[text]!r} and {key!r} would be the same in JSON.",
                    hint="Give them names that differ as texts.",
                )
    inside = data.values() if isinstance(data, dict) else data
    for one in inside if isinstance(data, (dict, list, tuple)) else ():
        if isinstance(one, (dict, list, tuple)):
            _check_keys(one)


JSONDataset = JSONDataSet
